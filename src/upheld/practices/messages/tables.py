"""Whose copies of messages may still have links in them, from before copies had none."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, LargeBinary, Table

from upheld.database.columns import ID, metadata, sealed

redaction: Final = Table(
    "redaction",
    metadata,
    Column("person_id", ID, primary_key=True),
    Column("mac", LargeBinary),
    info=sealed(owner="person_id"),
)
