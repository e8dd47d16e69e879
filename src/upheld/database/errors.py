"""What a database's errors mean to whoever uses it, without the values they may quote.

SQLite tells by a number and PostgreSQL by an SQLSTATE; both come out as one `DatabaseError` with a
code. The driver's own message is left out: it may repeat what was to be written.
"""

from __future__ import annotations

import sqlite3
from typing import Final, Literal

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from upheld.core.errors import UpheldError

Code = Literal["database-gone", "read-only", "disk-full", "locked", "damaged", "database"]

_MESSAGES: Final[dict[Code, tuple[str, str]]] = {
    "database-gone": ("the database cannot be reached", "see that it is there and running"),
    "read-only": ("the database cannot be written", "see who owns it, and how it is mounted"),
    "disk-full": ("the disk of the database is full", "make room; nothing was half written"),
    "locked": ("another process holds the database", "try again; nothing was half written"),
    "damaged": ("the database file is damaged", "restore it from a backup"),
    "database": ("the database refused", "see its own log"),
}
_SQLITE: Final[dict[int, Code]] = {
    sqlite3.SQLITE_BUSY: "locked",
    sqlite3.SQLITE_LOCKED: "locked",
    sqlite3.SQLITE_READONLY: "read-only",
    sqlite3.SQLITE_FULL: "disk-full",
    sqlite3.SQLITE_CANTOPEN: "database-gone",
    sqlite3.SQLITE_IOERR: "database-gone",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
}
_STATES: Final[dict[str, Code]] = {  # the longest beginning of an SQLSTATE counts
    "08": "database-gone",
    "57P": "database-gone",  # shut down, or not yet up
    "25006": "read-only",
    "42501": "read-only",  # no privilege
    "53100": "disk-full",
    "55P03": "locked",
    "40P01": "locked",  # a deadlock: one of the two is told
    "40001": "locked",
    "XX001": "damaged",
    "XX002": "damaged",
}


class DatabaseError(UpheldError):
    """A database that cannot do what was asked; nothing of the transaction is in it."""


class OutdatedError(UpheldError):
    """A transaction that began on something which others have changed since: to be begun again."""

    def __init__(self) -> None:
        super().__init__(
            "something on which this rests was changed meanwhile", code="outdated", hint="try again"
        )


def database_error(code: Code, where: str = "", hint: str = "") -> DatabaseError:
    """The error of a code, with more of where it is and what to do."""
    sentence, what_to_do = _MESSAGES[code]
    return DatabaseError(
        f"{sentence}: {where}" if where else sentence, code=code, hint=hint or what_to_do
    )


def from_sqlalchemy_error(error: SQLAlchemyError) -> DatabaseError:
    """What an error of SQLAlchemy's means, without a value."""
    if isinstance(error, PoolTimeoutError):
        return database_error("locked", "every connection is in use")
    if not isinstance(error, DBAPIError) or error.orig is None:
        return database_error("database", type(error).__name__)
    return from_driver_error(error.orig)


def driver_errors(dialect: Dialect) -> tuple[type[Exception], ...]:
    """What a driver raises; SQLite's also fails on damaged text, whatever it was asked for."""
    return (dialect.loaded_dbapi.Error, UnicodeDecodeError)


def from_driver_error(error: BaseException) -> DatabaseError:
    """What an error of a driver's means, without a value."""
    if isinstance(error, UnicodeDecodeError):  # SQLite's word on a damaged schema, or a text
        return database_error("damaged")
    number = getattr(error, "sqlite_errorcode", None)
    state = getattr(error, "sqlstate", None)
    if isinstance(number, int) and (code := _SQLITE.get(number & 0xFF)):
        return database_error(code)
    for length in (5, 3, 2):
        if isinstance(state, str) and (code := _STATES.get(state[:length])):
            return database_error(code)
    if number is None and state is None and type(error).__name__ == "OperationalError":
        # A connection that broke has no state to tell; nor has a text of SQLite's that is none.
        return database_error("damaged" if isinstance(error, sqlite3.Error) else "database-gone")
    return database_error("database", f"{type(error).__name__} ({state or number})")
