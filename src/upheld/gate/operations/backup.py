"""A backup of everything while the gate is in use: one moment of the database, sealed in one file.

Every table is read in one transaction that sees one moment, page by page along its key, on SQLite
as on PostgreSQL, without any program of the database's; so a backup of one can be put back into the
other. Its keys are kept apart before anything is read, and noted in the database, so that whoever
is erased from then on is told by when this backup is unreadable. What was written is read again,
put into a database of its own, and looked through.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Connection, inspect

from upheld.core.ids import BackupId
from upheld.database.schema import VERSIONS, revision_of
from upheld.database.statements import rows
from upheld.database.transaction import snapshot, writing
from upheld.gate.erasure import erase_again
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.log import lineage
from upheld.gate.operations import restore
from upheld.ledger.entries import stamp
from upheld.vault import archive, backups, escrow
from upheld.vault.archive import BackupError, Close, Head, Part, Writer
from upheld.vault.erasures import Erasures
from upheld.vault.keyring import Keyring

PAGE = 2000  # rows in a part
SCRATCH = ".upheld-copy-"


class BackupReport(NamedTuple):
    """A backup that was made: where, of how much, and until when its keys are kept."""

    path: Path
    rows: int
    entries: int
    until: datetime | None


class _DumpTable(NamedTuple):
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    booleans: tuple[int, ...]


def backup(gate: Gate, out: Path, *, keys: Path | None, days: int) -> BackupReport:
    """Write a backup into a folder or to a file; its keys into the folder `keys`, if one is given.

    Without it, the backup can be put back only while the keyring still has this epoch.
    """
    now = trusted_time(gate)  # by it, it is settled when the keys are destroyed
    backup_id, until = BackupId(secrets.token_hex(16)), now + timedelta(days=days)
    path = out / f"upheld-{now:%Y%m%dT%H%M%SZ}-{backup_id[:8]}.backup" if out.is_dir() else out
    if path.exists():
        raise BackupError(f"{path} exists already", code="exists", hint="name another file")
    ring = gate.context.keyring
    ring.refresh()
    if keys is not None:
        expire(gate, keys)
        with writing(gate.engine) as connection:
            backups.add(connection, backup_id, now, until)
        escrow.keep(keys, ring, backup_id, until)
    try:
        with snapshot(gate.engine) as connection:
            closed = _dump(connection, ring, path, backup_id, now)
        _verify(gate, path)
        if keys is not None:
            escrow.require(keys, ring, backup_id)
    except BaseException:
        path.unlink(missing_ok=True)
        if keys is not None:
            expire(gate, keys, only=backup_id)
        raise
    return BackupReport(
        path, sum(closed.rows.values()), closed.size, until if keys is not None else None
    )


def expire(gate: Gate, keys: Path, *, only: BackupId | None = None) -> int:
    """Destroy the keys of backups whose day has come, or of one; how many.

    ClockError where it cannot be told which day it is.
    """
    gone = escrow.destroy(keys, only) if only else escrow.expire(keys, trusted_time(gate))
    with writing(gate.engine) as connection:
        for backup_id in gone:
            backups.destroyed(connection, backup_id)
    return len(gone)


def _dump(
    connection: Connection, ring: Keyring, path: Path, backup_id: BackupId, now: datetime
) -> Close:
    _require_epochs(connection, ring)
    head = Head(backup_id, stamp(now), revision_of(connection), ring.current.number)
    with archive.writing(path, ring, head) as writer:
        counts = {table.name: _copy(connection, table, writer) for table in _tables(connection)}
        size, root = lineage.state(connection)
        closed = Close(
            counts, size, root.hex(), lineage.last_known(connection), len(Erasures(ring).read())
        )
        writer.add(closed)
    return closed


def _require_epochs(connection: Connection, ring: Keyring) -> None:
    """BackupError unless the keyring has every epoch under which a key of this moment lies."""
    mine = {each.number for each in ring.epochs}
    epochs = {number for (number,) in rows(connection, "SELECT DISTINCT epoch FROM person_key")}
    if epochs - mine:
        raise BackupError("the keys were renewed meanwhile", code="backup", hint="try again")


def _tables(connection: Connection) -> Iterator[_DumpTable]:
    inspector = inspect(connection)
    for name in sorted(inspector.get_table_names()):
        if name == VERSIONS:
            continue
        columns = inspector.get_columns(name)
        names = tuple(each["name"] for each in columns)
        booleans = tuple(n for n, each in enumerate(columns) if isinstance(each["type"], Boolean))
        yield _DumpTable(
            name, names, tuple(inspector.get_pk_constraint(name)["constrained_columns"]), booleans
        )


def _copy(connection: Connection, table: _DumpTable, writer: Writer) -> int:
    """Write a table's rows; how many."""
    key = ", ".join(table.key)
    marks = ", ".join("?" * len(table.key))
    places = [table.columns.index(name) for name in table.key]
    last: tuple[Any, ...] = ()
    count = 0
    while True:
        where = f"WHERE ({key}) > ({marks}) " if last else ""
        statement = (
            f"SELECT {', '.join(table.columns)} FROM {table.name} {where}"  # noqa: S608 - names of the database's own
            f"ORDER BY {key} LIMIT {PAGE}"
        )
        plain_rows = [_plain(table, each) for each in rows(connection, statement, *last)]
        if not plain_rows:
            return count
        writer.add(Part(table.name, table.columns, plain_rows))
        last = tuple(plain_rows[-1][place] for place in places)
        count += len(plain_rows)


def _plain(table: _DumpTable, database_row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as it is in any database: SQLite says 0 and 1 for false and true."""
    if not table.booleans:
        return database_row
    return tuple(
        bool(value) if n in table.booleans and value is not None else value
        for n, value in enumerate(database_row)
    )


def _verify(gate: Gate, path: Path) -> None:
    """Put a backup into a database of its own and look through it; BackupError names what is wrong.

    The copy lies beside the backup for as long as that takes.
    """
    with _scratch(path.resolve().parent) as folder:
        url = f"sqlite:///{folder}/copy.db"
        problems = restore.rehearse(path, url, gate.context.keyring)
    if problems:
        raise BackupError(
            f"the database is not whole: {problems[0]}",
            code="backup",
            hint=f"upheld admin selfcheck tells all {len(problems)}; the backup was not kept",
        )


@contextmanager
def _scratch(where: Path) -> Iterator[Path]:
    """A folder for the copy, locked while it is used; what a killed process left of one goes."""
    for left in where.glob(f"{SCRATCH}*"):
        with _lock(left) as mine:
            if mine:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(dir=where, prefix=SCRATCH) as folder, _lock(Path(folder)):
        yield Path(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[bool]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def not_forgotten(gate: Gate) -> list[str]:
    """What is not forgotten as it was promised: keys past their day, erasures that no list has."""
    with snapshot(gate.engine) as connection:
        late = backups.overdue(connection, gate.context.clock.now())
        missing = erase_again.missing_from_list(connection, gate.context.keyring)
    return [
        f"the keys of backup {each} should have been destroyed by now" for each in late
    ] + missing
