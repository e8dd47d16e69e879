"""Backups as the database knows them: by when the keys of each are destroyed.

The row of a backup is written before the backup is begun, so that an erasure always knows of every
backup that may hold what it erases.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from upheld.core.ids import BackupId
from upheld.database import rows as database
from upheld.database.tables import BEGINNING, backup, microseconds

KEPT, DESTROYED = "kept", "destroyed"


def add(connection: Connection, backup_id: BackupId, at: datetime, until: datetime) -> None:
    """Note a backup that is about to be made, and until when its keys are kept."""
    database.insert(
        connection,
        backup,
        backup_id=backup_id,
        at=microseconds(at),
        until=microseconds(until),
        state=KEPT,
    )


def destroyed(connection: Connection, backup_id: BackupId) -> None:
    """Note that the keys of a backup are destroyed."""
    database.update(connection, backup, {"state": DESTROYED}, "backup_id = ?", backup_id)


def readable_until(connection: Connection, at: datetime) -> datetime | None:
    """By when the keys of all backups up to now are destroyed; None where there are none."""
    kept_backups = database.select(connection, backup, "state = ?", KEPT)
    if not kept_backups:
        return None
    return max(at, BEGINNING + timedelta(microseconds=max(each.until for each in kept_backups)))


def overdue(connection: Connection, at: datetime) -> list[BackupId]:
    """The backups whose keys should have been destroyed by now."""
    backups = database.select(
        connection, backup, "state = ? AND until <= ? ORDER BY until", KEPT, microseconds(at)
    )
    return [each.backup_id for each in backups]
