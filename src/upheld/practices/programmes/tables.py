"""The programmes there are, and who asked to join, joined and left each of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, metadata, sealed, tells

programme: Final = Table(  # never changed but to end: who joined agreed to it as it stands
    "programme",
    metadata,
    Column("programme_id", ID, primary_key=True),
    Column("title", WORD, nullable=False),
    Column("party", WORD, nullable=False),  # the company's word on the register
    Column("fields", Text, nullable=False),  # kinds of data, with spaces between them
    Column("purpose", WORD, nullable=False),  # what the company does with it, in one line
    Column("text", Text, nullable=False),
    Column("begins", Instant, nullable=False),
    Column("ends", Instant),
    Column("created_at", Instant, nullable=False),
    Column("made_by", WORD, nullable=False),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

programme_member: Final = Table(  # what proves that somebody joined is a record
    "programme_member",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("programme_id", ID, primary_key=True),
    Column("request_id", ID, nullable=False),  # by which a guardian is asked
    Column("state", WORD, nullable=False),  # waiting, joined, left, refused
    Column("at", Instant, nullable=False),  # since when
    Column("record_id", WORD, nullable=False),  # of the joining; empty before
    Column("warned", WORD, nullable=False),  # the clause of the warning that was shown, if any
    Column("by_whom", WORD, nullable=False),  # customer, guardian; who joined, for whoever did
    Column("delivery_id", ID),  # by which it was sent, once for each joining
    Column("mac", LargeBinary),
    Index("programme_member_state", "programme_id", "state", "person_id"),
    Index("programme_member_request", "request_id"),
    info=tells(besides="which programmes were joined") | sealed(owner="person_id", part="state"),
)
