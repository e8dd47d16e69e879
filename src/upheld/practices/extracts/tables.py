"""Extracts, and who is in them; nothing that is known of anybody."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from upheld.database.columns import GO, ID, WORD, Instant, metadata, sealed

extract: Final = Table(
    "extract",
    metadata,
    Column("extract_id", ID, primary_key=True),
    Column("purpose", WORD, nullable=False),
    Column("columns", Text, nullable=False),  # words of ours, with blanks between them
    Column("month", WORD, nullable=False),  # the first of the months, or empty
    Column("months", Integer, nullable=False),
    Column("one_in", Integer, nullable=False),  # one person in so many, chosen by chance
    Column("days", Integer, nullable=False),  # for how long it may be opened
    Column("reason", Text, nullable=False),
    Column("state", WORD, nullable=False),  # waiting, refused, gathering, open, ended
    Column("why", Text, nullable=False),  # why it was refused or has ended
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", ID, nullable=False),
    Column("decided_by", ID, nullable=False),
    Column("ends_at", Instant),
    Column("key", LargeBinary),  # sealed; by it pseudonyms are made, and it goes when it ends
    Column("mac", LargeBinary),
    info=sealed(few=True),
)

extract_person: Final = Table(  # the policy decides on each of them anew whenever it is opened
    "extract_person",
    metadata,
    Column("person_id", ID, primary_key=True, info=GO),
    Column("extract_id", ID, primary_key=True),
    Column("mac", LargeBinary),
    info=sealed(),
)
