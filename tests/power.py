"""A disk that forgets what was not synced: a layer under SQLite that holds writes until a sync.

`Disk(fails_at)` loses power at the sync of that number: what was written since the last sync of
each file is gone, as it would be in the worst case, and nothing works any more. APSW brings the
layer (its VFS) and a SQLite of its own; `connect` makes it look like the driver that upheld uses.
"""

from __future__ import annotations

import sqlite3
from typing import Any

import apsw
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool


class PowerLost(Exception):  # noqa: N818 - it says what happened
    """The power went."""


class File(apsw.VFSFile):
    """A file whose writes are held until it is synced."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self.disk = disk
        self.held: list[tuple[int, bytes]] = []

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        """What is on the disk, with what is held laid over it."""
        end = max([super().xFileSize(), *(at + len(data) for at, data in self.held)])
        found = bytearray(max(0, min(amount, end - offset)))
        there = super().xFileSize()
        if offset < there:
            stored = super().xRead(min(amount, there - offset), offset)
            found[: len(stored)] = stored
        for at, data in self.held:
            start, stop = max(at, offset), min(at + len(data), offset + len(found))
            if start < stop:
                found[start - offset : stop - offset] = data[start - at : stop - at]
        return bytes(found)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        """Hold it."""
        self.disk.alive()
        self.held.append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802 - SQLite's name
        """Lay down what is held, then cut."""
        self.disk.alive()
        self.lay_down()
        super().xTruncate(size)

    def xFileSize(self) -> int:  # noqa: N802 - SQLite's name
        """The size as SQLite is to see it."""
        return max([super().xFileSize(), *(at + len(data) for at, data in self.held)])

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        """Write what is held, unless this is when the power goes."""
        self.disk.synced()
        self.lay_down()
        super().xSync(flags)

    def lay_down(self) -> None:
        """Write what is held."""
        for at, data in self.held:
            super().xWrite(data, at)
        self.held.clear()


class Disk(apsw.VFS):
    """A disk that loses power at one of its syncs; never, where that is 0."""

    def __init__(self, fails_at: int = 0) -> None:
        self.name = f"disk{id(self)}"
        super().__init__(self.name, "")
        self.fails_at, self.syncs, self.off = fails_at, 0, False

    def xOpen(self, name: Any, flags: list[int]) -> File:  # noqa: N802 - SQLite's name
        """Open a file on this disk."""
        return File(self, name, flags)

    def alive(self) -> None:
        """PowerLost once the power went."""
        if self.off:
            raise PowerLost

    def synced(self) -> None:
        """Count a sync; the power may go now."""
        self.alive()
        self.syncs += 1
        if self.syncs == self.fails_at:
            self.off = True
            raise PowerLost


class _Cursor:
    """A cursor of APSW's with what a driver's has besides."""

    lastrowid = None
    arraysize = 1
    rowcount = -1

    def __init__(self, inner: apsw.Connection) -> None:
        self.inner = inner
        self.rows: list[tuple[Any, ...]] = []
        self.description: tuple[Any, ...] | None = None

    def execute(self, statement: str, values: Any = ()) -> _Cursor:
        """Run a statement and read all its rows."""
        try:
            self.rows = self.inner.execute(statement, tuple(values)).fetchall()
        except (apsw.Error, PowerLost) as error:
            raise sqlite3.OperationalError(type(error).__name__) from None
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row."""
        return self.rows.pop(0) if self.rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows that are left."""
        found, self.rows = self.rows, []
        return found

    def close(self) -> None:
        """Nothing is open."""


class _Driver:
    """A connection of APSW's as upheld's driver has it."""

    isolation_level = None

    def __init__(self, path: str, disk: Disk, synchronous: str) -> None:
        self.inner = apsw.Connection(path, vfs=disk.name)
        # Without memory that is shared between processes, which such a layer does not have.
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            "wal_autocheckpoint = 20",
        ):
            self.inner.execute(f"PRAGMA {pragma}").fetchall()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction was begun."""
        return self.inner.in_transaction

    def cursor(self) -> _Cursor:
        """A cursor."""
        return _Cursor(self.inner)

    def execute(self, statement: str, values: Any = ()) -> _Cursor:
        """Run a statement."""
        return self.cursor().execute(statement, values)

    def commit(self) -> None:
        """Commit, if a transaction was begun."""
        if self.inner.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo, if a transaction was begun."""
        if self.inner.in_transaction:
            self.execute("ROLLBACK")

    def create_function(self, *_: Any, **__: Any) -> None:
        """No function is needed."""

    def close(self) -> None:
        """Leave the file."""
        self.inner.close()


def connect(path: str, disk: Disk, synchronous: str) -> Engine:
    """A database on a disk that forgets."""
    engine = create_engine(
        "sqlite://", creator=lambda: _Driver(path, disk, synchronous), poolclass=StaticPool
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN IMMEDIATE")

    return engine
