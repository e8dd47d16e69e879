"""Backups as the database knows them: by when the keys of each are destroyed.

The row of a backup is written before the backup is begun, so that an erasure always knows of every
backup that may hold what it erases.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from upheld.core.sql import row, rows, run
from upheld.core.tables import BEGINNING, microseconds

KEPT, DESTROYED = "kept", "destroyed"


def add(connection: Connection, backup_id: str, at: datetime, until: datetime) -> None:
    """Note a backup that is about to be made, and until when its keys are kept."""
    run(connection, "INSERT INTO backup VALUES (?, ?, ?, ?)", backup_id, microseconds(at),
        microseconds(until), KEPT)  # fmt: skip


def destroyed(connection: Connection, backup_id: str) -> None:
    """Note that the keys of a backup are destroyed."""
    run(connection, "UPDATE backup SET state = ? WHERE backup_id = ?", DESTROYED, backup_id)


def readable_until(connection: Connection, at: datetime) -> datetime | None:
    """By when the keys of all backups up to now are destroyed; None where there are none."""
    found = row(connection, "SELECT max(until) FROM backup WHERE state = ?", KEPT)
    if found is None or found[0] is None:
        return None
    return max(at, BEGINNING + timedelta(microseconds=found[0]))


def overdue(connection: Connection, at: datetime) -> list[str]:
    """The backups whose keys should have been destroyed by now."""
    statement = "SELECT backup_id FROM backup WHERE state = ? AND until <= ? ORDER BY until"
    return [found for (found,) in rows(connection, statement, KEPT, microseconds(at))]
