"""Reports with their answers, and what was spent of each period's privacy budget."""

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

report_budget: Final = Table(
    "report_budget",
    metadata,
    Column("period", WORD, primary_key=True),  # a month such as 2026-10, or `profile`
    Column("points", Integer, nullable=False),  # spent: it only ever grows
    Column("mac", LargeBinary),
    info=sealed(few=True),
)
