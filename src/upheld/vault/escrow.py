"""The escrow: the keys that backups need, apart from them, until the day they are destroyed.

For each backup the folder has a copy of the keyring as it was, sealed by the master key, under a
name that says until when it is kept. An epoch that was destroyed in the keyring lives on here for
as long, and no longer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from upheld.core.ids import BackupId
from upheld.vault.archive import BackupError
from upheld.vault.keyfile import KeyringError, locked, shred
from upheld.vault.keyring import Keyring, Master

SUFFIX: Final = ".keys"
FORMAT: Final = "%Y%m%dT%H%M%SZ"


def place(folder: Path, backup_id: BackupId, until: datetime) -> Path:
    """Where the keys of a backup are kept."""
    return folder / f"{until.astimezone(UTC).strftime(FORMAT)}-{backup_id}{SUFFIX}"


def keep(folder: Path, keyring: Keyring, backup_id: BackupId, until: datetime) -> Path:
    """Keep the keys that a backup will need."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(
            f"{folder} cannot be made: {error.strerror}",
            code="unwritable",
            hint="name another folder",
        ) from None
    path = place(folder, backup_id, until)
    keyring.copy(path)
    return path


def require(folder: Path, keyring: Keyring, backup_id: BackupId) -> None:
    """BackupError unless the keys that were kept with a backup open it, as they lie there now."""
    ring = find(folder, backup_id, keyring.master_key)
    if ring.current != keyring.epoch(ring.current.number):
        raise BackupError(
            "the keys that were kept are not those of this backup",
            code="escrow",
            hint="back up again, into an escrow of its own",
        )


def find(where: Path, backup_id: BackupId, master: Master) -> Keyring:
    """The keys of a backup, from a folder or a file; BackupError where they are not there."""
    path = where
    if where.is_dir():
        paths = sorted(where.glob(f"*-{backup_id}{SUFFIX}"))
        if not paths:
            raise BackupError(
                f"{where} has no keys of backup {backup_id}",
                code="escrow",
                hint="name the folder that was given as --escrow; some day they are destroyed",
            )
        path = paths[-1]
    try:
        return Keyring.open(path, master)
    except KeyringError as error:
        raise BackupError(
            f"the keys that were kept do not open: {error}", code="escrow", hint=error.hint
        ) from None


def destroy(folder: Path, backup_id: BackupId) -> list[BackupId]:
    """Destroy the keys of one backup, whatever their day."""
    if not folder.is_dir():
        return [backup_id]
    with locked(folder / SUFFIX):
        return _destroy(folder, backup_id)


def _destroy(folder: Path, backup_id: BackupId) -> list[BackupId]:
    """Shred the key files of one backup; the folder's lock is held."""
    for path in folder.glob(f"*-{backup_id}{SUFFIX}"):
        shred(path)
    return [backup_id]


def backups_with_keys(folder: Path) -> Iterator[tuple[BackupId, datetime]]:
    """The backups whose keys are here, and until when."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        until, _, backup_id = path.name.removesuffix(SUFFIX).partition("-")
        with suppress(ValueError):  # a file of somebody else's
            yield BackupId(backup_id), datetime.strptime(until, FORMAT).replace(tzinfo=UTC)


def expire(folder: Path, now: datetime) -> list[BackupId]:
    """Destroy the keys whose day has come; the ids of the backups that nobody can read any more."""
    if not folder.is_dir():
        return []
    backup_ids = []
    with locked(folder / SUFFIX):  # so that what another backup is writing is not taken for a rest
        for backup_id, until in list(backups_with_keys(folder)):
            if until <= now:
                backup_ids += _destroy(folder, backup_id)
        for path in folder.glob(f".*{SUFFIX}.*"):
            shred(path)  # of a process that was killed
    return backup_ids
