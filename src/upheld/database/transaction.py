"""Transactions: `with writing(engine) as connection`, `with reading(engine) as connection`.

All that a block did is kept when it ends, and nothing of it when it raises. Errors of the database
come out as `DatabaseError`, without the values that a driver's message may quote.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from upheld.database.connection import POOL_OPTION, WriteConnection
from upheld.database.dialects import sql_dialect
from upheld.database.errors import from_driver_error, from_sqlalchemy_error

READING: Final = "upheld_reading"  # tells SQLite's transactions to take no lock


def writing(engine: Engine) -> Connection:
    """A transaction that may write: kept when the block ends, undone when it raises.

    Nobody else writes meanwhile.
    """
    return write_connection(engine)


def write_connection(engine: Engine) -> WriteConnection:
    """What `writing` gives, by the name of its type: for whoever expects something of it."""
    rest: list[WriteConnection] | None = engine.get_execution_options().get(POOL_OPTION)
    try:
        return rest.pop() if rest else WriteConnection(engine)
    except SQLAlchemyError as error:
        raise from_sqlalchemy_error(error) from None


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, waits for no writer and is always undone.

    It sees one moment, however long it takes: rows and what covers them were written together.
    """
    try:
        with engine.connect() as connection:
            if level := sql_dialect(engine).snapshot_isolation:
                connection = connection.execution_options(isolation_level=level)  # noqa: PLW2901 - the same
            connection.execution_options(**{READING: True})
            connection.begin()
            yield connection
    except SQLAlchemyError as error:
        raise from_sqlalchemy_error(error) from None


snapshot = reading  # for whoever needs it to see one moment, and says so


def scrub(engine: Engine) -> bool:
    """Empty SQLite's write-ahead log, where deleted rows linger; False while a reader is in it.

    On PostgreSQL there is nothing to do from here: its log keeps what was deleted, which is why
    keys are in it under an epoch's key alone.
    """
    statement = sql_dialect(engine).empty_log
    if not statement:
        return True
    try:
        with closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
            cursor.execute(statement)
            outcome = cursor.fetchone()
    except sqlite3.Error as error:
        raise from_driver_error(error) from None
    return outcome is not None and outcome[0] == 0
