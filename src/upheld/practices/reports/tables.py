"""Reports with their answers."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, metadata, sealed

report: Final = Table(
    "report",
    metadata,
    Column("report_id", ID, primary_key=True),
    Column("question", WORD, nullable=False),  # in our own words: see `questions`
    Column("purpose", WORD, nullable=False),
    Column("points", Integer, nullable=False),  # what it cost, in thousandths of epsilon
    Column("state", WORD, nullable=False),  # counting, answered
    Column("answer", Text, nullable=False),  # JSON; empty until it is answered
    Column("asked_at", Instant, nullable=False),
    Column("asked_by", WORD, nullable=False),  # as the entry names them
    Column("answered_at", Instant),
    Column("mac", LargeBinary),
    info=sealed(),
)
