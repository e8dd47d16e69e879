"""Incidents, whom each of them touched, and what was done about it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed, tells

incident: Final = Table(  # what was misused, and how far the work about it has come
    "incident",
    metadata,
    Column("incident_id", ID, primary_key=True),
    Column("turn", Integer, nullable=False),  # how often it was changed
    Column("state", WORD, nullable=False),  # counting, counted, drafted, approved, closed
    Column("kind", WORD, nullable=False),  # staff, partner, key, table, backup, time
    Column(
        "subject", WORD, nullable=False
    ),  # an id, a name of our own, or a number; none of a time
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("discovery", Instant, nullable=False),  # when it was found, from which time runs
    Column("opened", Instant, nullable=False),
    Column("opened_by", ID, nullable=False),
    Column("drafted_by", WORD, nullable=False),  # empty until there is a draft
    Column("approved_by", WORD, nullable=False),
    Column("approved", Instant),
    Column("closed", Instant),
    Column("people", BigInteger, nullable=False),  # how many it touched, those erased since too
    Column("counts", Text, nullable=False),  # how many by kind of data, as JSON
    Column("notice", LargeBinary, nullable=False),  # the text of the notice, sealed
    Column("mac", LargeBinary),
    Column("drill", Integer),  # 1 of a practice alarm; empty of what happened
    Column("deadline", Instant),  # of a practice alarm: until when the notices would be owed
    Index("incident_state", "state"),
    info=sealed(),
)

incident_person: Final = Table(  # somebody whom an incident touched
    "incident_person",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("incident_id", ID, primary_key=True),
    Column("data", Text, nullable=False),  # the kinds of data, words of the vocabulary
    Column("record_id", ID, nullable=False),  # what proves it
    Column("state", WORD, nullable=False),  # waiting, notified, refused
    Column("due", Instant),  # by when the policy owes the notice; empty where it owes none
    Column("notified", Instant),
    Column("mac", LargeBinary),
    Index("incident_person_state", "incident_id", "state"),
    info=tells(besides="which kinds of information an incident touched")
    | sealed(owner="person_id"),
    sqlite_with_rowid=False,
)

incident_step: Final = Table(  # what was done about an incident
    "incident_step",
    metadata,
    Column("incident_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("step", WORD, nullable=False),
    Column("staff_id", WORD, nullable=False),  # empty where the program did it
    Column("note", LargeBinary, nullable=False),  # what was written about it, sealed
    Column("mac", LargeBinary),
    info=sealed(),
)
