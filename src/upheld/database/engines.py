"""One way into the database, the same for SQLite and PostgreSQL.

`open_database` gives an engine of SQLAlchemy's whose every connection is durable and forgets what
it deletes: what that needs is set on each connection and read back, and a connection on which it is
not in effect is refused. Transactions are those of transaction.py: on SQLite a writer takes its
lock when it begins (so that two never find out late that one of them must lose), on PostgreSQL rows
are locked by whoever reads them to change them.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from upheld.core.extras import install_hint
from upheld.core.files import OTHERS, PRIVATE_MODE
from upheld.database.connection import (
    FILE_CHECK_OPTION,
    HALT_OPTION,
    IMMEDIATE,
    POOL_OPTION,
    Halt,
    WriteConnection,
    closed_by_server,
)
from upheld.database.errors import DatabaseError, database_error, from_driver_error
from upheld.database.schema import refuse_newer, revision
from upheld.database.transaction import READING, reading

CLOSINGS: Final = "upheld_closings"  # how often its engine had been closed when it was opened
WAIT_SECONDS: Final = 10
SQLITE: Final = "sqlite:///"
OPTIONS: Final = re.compile(r"\?\w+=")  # which look like those of an address
PRAGMAS: Final = {  # name to what is set and what is read back
    "busy_timeout": (WAIT_SECONDS * 1000, WAIT_SECONDS * 1000),
    "synchronous": ("FULL", 2),
    "secure_delete": ("ON", 1),
    "temp_store": ("MEMORY", 2),
    "foreign_keys": ("ON", 1),
    "trusted_schema": ("OFF", 0),
}
SHOWN: Final = {"synchronous_commit": "on", "fsync": "on", "server_encoding": "UTF8"}


def open_database(url: str, *, make: bool = True) -> Engine:
    """Open `sqlite:///PATH` or `postgresql://…`; `dispose()` of the engine closes it.

    A new SQLite file is made for its owner alone, with `make`; see `open_or_remove`. DatabaseError
    where the address is wrong, the database cannot be reached or does not keep what it is told, or
    its tables are of a later upheld. Tables are made by `upheld.database.schema.migrate`.
    """
    # A path is what a file system takes, not what an address may be.
    path = url.removeprefix(SQLITE)
    engine = _open_by_url(url) if path == url else _sqlite(path, make=make)
    _keep_connections(engine)
    try:
        with reading(engine) as connection:
            refuse_newer(connection)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def open_or_remove(url: str) -> Iterator[Engine]:
    """Open a database to make its tables; where that fails, no empty file is left behind.

    The engine stays open when the block ends.
    """
    path = Path(url.removeprefix(SQLITE)) if url.startswith(SQLITE) else None
    new = path is not None and not path.exists()
    engine: Engine | None = None
    try:
        engine = open_database(url)
        yield engine
    except BaseException:
        empty = False
        if engine is not None:
            if new:
                with suppress(DatabaseError):
                    empty = not revision(engine)
            engine.dispose()
        if empty and path is not None:
            for end in ("-wal", "-shm", ""):
                path.with_name(path.name + end).unlink(missing_ok=True)
        raise


def _open_by_url(url: str) -> Engine:
    try:
        address = make_url(url)
    except ArgumentError:
        raise _address_error("the address of the database cannot be read") from None
    backend = address.get_backend_name()
    if backend == "sqlite":
        raise _address_error("SQLite needs a file and no options")
    if backend != "postgresql":
        raise _address_error(f"there is no support for {backend}")
    return _postgres(address)


def _keep_connections(engine: Engine) -> None:
    """Let connections for writing be kept from one transaction to the next, until it is closed."""
    rest: list[WriteConnection] = []
    engine.update_execution_options(**{POOL_OPTION: rest, HALT_OPTION: Halt()})
    closings = [0]  # how often the engine was closed

    @event.listens_for(engine, "engine_disposed")
    def _close(_: Engine) -> None:
        closings[0] += 1
        while rest:
            rest.pop().close_for_good()

    @event.listens_for(engine, "connect")
    def _opened(_: object, record: ConnectionPoolEntry) -> None:
        record.info[CLOSINGS] = closings[0]

    @event.listens_for(engine, "checkin")
    def _back(raw: Any, record: ConnectionPoolEntry) -> None:
        # Somebody had it while the engine was closed: nobody else would ever close it.
        if raw is not None and record.info.get(CLOSINGS) != closings[0]:
            raw.close()

    @event.listens_for(engine, "before_cursor_execute")
    def _flush(connection: Connection, *_: object) -> None:
        if isinstance(connection, WriteConnection):
            connection.flush()


def _sqlite(name_of_file: str, *, make: bool) -> Engine:
    path = Path(name_of_file).absolute()
    if (
        not name_of_file
        or name_of_file == ":memory:"
        or (OPTIONS.search(name_of_file) and not path.exists())
    ):
        raise _address_error("SQLite needs a file and no options")
    name, (device, number) = os.fsencode(path), _own_file(path, make=make)

    def connect() -> sqlite3.Connection:
        # Never made anew here: a file that went away is an error, not an empty database.
        return sqlite3.connect(
            f"file:{quote(name)}?mode=rw",
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        creator=connect,
        hide_parameters=True,
        max_overflow=-1,  # whoever has the turn may need one more while all others wait for it
    )

    @event.listens_for(engine, "connect")
    def _set(raw: Any, _: object) -> None:
        try:
            _set_pragmas(raw)
        except UnicodeDecodeError as error:
            raise from_driver_error(error) from None

    def there() -> None:
        # SQLite would go on writing into a file that has no name any more.
        try:
            status = os.stat(name)  # noqa: PTH116 - so often that a Path would cost more
        except OSError:
            status = None
        if status is None or status.st_ino != number or status.st_dev != device:
            raise database_error("database-gone", "its file was moved or deleted")

    engine.update_execution_options(**{FILE_CHECK_OPTION: there})

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if (
            type(connection) is WriteConnection
        ):  # which begins by itself; SQLAlchemy is only told of it
            return
        there()
        begin = "BEGIN" if connection.get_execution_options().get(READING) else IMMEDIATE
        try:
            connection.connection.driver_connection.execute(begin)  # type: ignore[union-attr] # sqlite3's
        except sqlite3.Error as error:
            raise from_driver_error(error) from None

    return engine


def _set_pragmas(raw: sqlite3.Connection) -> None:
    """Set what a connection must have, and read each back."""
    for name, (setting, effect) in PRAGMAS.items():
        raw.execute(f"PRAGMA {name} = {setting}")
        _in_effect(name, raw.execute(f"PRAGMA {name}").fetchone()[0], effect)
    mode = raw.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal":  # kept in the file, so that it is set once
        mode = raw.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    _in_effect("journal_mode", mode, "wal")


def _own_file(path: Path, *, make: bool) -> tuple[int, int]:
    """Make the file for its owner alone where it is missing; its identity."""
    if path.parent.is_dir() and os.statvfs(path.parent).f_flag & os.ST_RDONLY:
        raise database_error(
            "read-only",
            f"{path} is on a file system that is mounted read-only",
            "mount it for writing, or name a database elsewhere",
        )
    try:
        if make:
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE))
        status = path.stat()
    except FileNotFoundError:
        if make:
            raise database_error(
                "database-gone", f"{path.parent}: No such file or directory"
            ) from None
        raise database_error(
            "database-gone",
            f"there is no {path}",
            "see its path in the settings; `upheld admin init` makes a new one",
        ) from None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise database_error("read-only", str(path)) from None
        raise database_error("database-gone", f"{path}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise database_error("database-gone", f"{path} is not a file")
    if status.st_mode & OTHERS:
        raise DatabaseError(
            f"others than its owner may read or change {path}",
            code="permissions",
            hint=f"chmod 600 {path}",
        )
    return status.st_dev, status.st_ino


def _postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            isolation_level="READ COMMITTED",
            hide_parameters=True,
            max_overflow=40,  # as above; a server lets in a hundred
        )
    except ImportError:
        raise DatabaseError(
            "PostgreSQL needs psycopg",
            code="missing-extra",
            hint=install_hint("provider", "postgres"),
        ) from None

    @event.listens_for(engine, "checkout")
    def _open(raw: Any, *_: object) -> None:
        if closed_by_server(raw):  # then the pool opens another
            raise DisconnectionError("the server closed it")

    @event.listens_for(engine, "connect")
    def _set(raw: Any, _: object) -> None:
        with raw.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
            cursor.execute("SET synchronous_commit = on")
            for name, effect in SHOWN.items():
                _in_effect(name, cursor.execute(f"SHOW {name}").fetchone()[0], effect)
        raw.commit()

    return engine


def _in_effect(name: str, setting: object, expected: object) -> None:
    if setting != expected:
        raise DatabaseError(
            f"the database has {name} = {setting}, not {expected}",
            code="durability",
            hint="what upheld keeps would not be safe in it; see the database's own settings",
        )


def _address_error(what: str) -> DatabaseError:
    return DatabaseError(
        what, code="database", hint="write sqlite:///PATH or postgresql://USER@HOST/NAME"
    )
