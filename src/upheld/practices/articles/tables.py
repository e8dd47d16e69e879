"""Articles; nothing of who read them, or whom one was chosen for."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, LargeBinary, Table, Text

from upheld.database.columns import ID, WORD, Instant, metadata, sealed

article: Final = Table(
    "article",
    metadata,
    Column("article_id", ID, primary_key=True),
    Column("title", WORD, nullable=False),
    Column("text", Text, nullable=False),
    Column("criteria", Text, nullable=False),  # JSON: dimension, to bands
    Column("written_at", Instant, nullable=False),
    Column("written_by", WORD, nullable=False),  # as the entry names them
    Column("withdrawn_at", Instant),
    Column("mac", LargeBinary),
    info=sealed(few=True),
)
