"""Statements in the driver's own words: the road of what happens at every act.

SQL is written once, with `?` for a parameter, and reaches SQLite and PostgreSQL without being built
again; rows come back as plain tuples. It runs in the transaction of the connection that is given,
and raises DatabaseError without the values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain
from operator import attrgetter, methodcaller
from typing import Any, Final

from sqlalchemy import Connection

from upheld.database.connection import RELEASE, SAVEPOINT, WriteConnection
from upheld.database.dialects import SqlDialect, sql_dialect
from upheld.database.errors import OutdatedError, database_error, driver_errors, from_driver_error
from upheld.database.postgresql_pipeline import Query
from upheld.database.tables import BEGINNING

__all__ = [
    "Query",
    "Savepoint",
    "dialect_of",
    "execute_deferred",
    "execute_many",
    "first_rows",
    "placeholders",
    "query_batch",
    "row",
    "rows",
    "run",
    "to_bytes",
    "to_datetime",
]


def dialect_of(connection: Connection) -> SqlDialect:
    """What is particular to the engine behind a connection."""
    return connection.sql if type(connection) is WriteConnection else sql_dialect(connection)


ROWS_TOGETHER: Final = 100  # that are written by one statement on PostgreSQL
_ROWS_AT_ONCE: Final = 20  # and on SQLite, which has nothing to wait for
_CHANGED, _ALL, _FIRST = attrgetter("rowcount"), methodcaller("fetchall"), methodcaller("fetchone")


def _execute(
    connection: Connection, statement: str, values: Sequence[Any], take: Callable[[Any], Any]
) -> Any:
    """What is taken of a statement's cursor, within reach of its errors: they may quote a row."""
    try:
        if type(connection) is WriteConnection:
            return take(connection.run(statement, values))
        dialect = sql_dialect(connection)
        if dialect.server:
            statement = dialect.driver_statement(statement)
        return take(_driver(connection).execute(statement, values))
    except driver_errors(connection.dialect) as error:
        raise from_driver_error(error) from None


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def run(connection: Connection, statement: str, *values: Any) -> int:
    """Run a statement; how many rows it changed."""
    count: int = _execute(connection, statement, values, _CHANGED)
    return count


def rows(connection: Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    answer: list[tuple[Any, ...]] = _execute(connection, statement, values, _ALL)
    return answer


def first_rows(
    connection: Connection, columns: str, rest: str, values: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """The rows of `SELECT columns rest`, a query with which a transaction may well begin.

    On SQLite what else most transactions ask is asked with it, and rows may be wider for that.
    """
    if type(connection) is not WriteConnection:
        return rows(connection, f"SELECT {columns} {rest}", *values)
    beside = connection.columns_beside()
    answer = rows(connection, f"SELECT {columns}{beside} {rest}", *values)
    if beside:
        if answer:
            connection.take_beside(*answer[0][-3:])
        else:  # no row has told it
            connection.ask_expected()
    return answer


def row(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...] | None:
    """The first row of a query, if there is one."""
    first: tuple[Any, ...] | None = _execute(connection, statement, values, _FIRST)
    return first


def query_batch(connection: Connection, queries: Sequence[Query]) -> list[list[tuple[Any, ...]]]:
    """The rows of some queries, run in their order; on PostgreSQL sent together."""
    answers: list[list[tuple[Any, ...]]] = []
    try:
        if type(connection) is WriteConnection:
            if connection.sql.server:
                return [each.fetchall() for each in connection.send(queries)]
            for statement, values in queries:  # to make a comprehension costs at every act
                answers.append(connection.driver_execute(statement, values).fetchall())
            return answers
        dialect = dialect_of(connection)
        if not dialect.server:
            return [rows(connection, statement, *values) for statement, values in queries]
        driver = _driver(connection)
        with driver.pipeline():
            cursors = [
                driver.execute(dialect.driver_statement(text), values) for text, values in queries
            ]
        return [each.fetchall() for each in cursors]
    except driver_errors(connection.dialect) as error:
        raise from_driver_error(error) from None


def execute_deferred(connection: Connection, statement: str, *values: Any) -> None:
    """Run a statement that nobody waits for: on PostgreSQL with the next one, or the commit."""
    if type(connection) is not WriteConnection:
        run(connection, statement, *values)
        return
    try:
        connection.defer(statement, values)
    except driver_errors(connection.dialect) as error:
        raise from_driver_error(error) from None


def execute_many(
    connection: Connection, statement: str, rows_of_values: Sequence[tuple[Any, ...]]
) -> None:
    """Run a statement once for each list of values; PostgreSQL is sent many rows in one."""
    if dialect_of(connection).server or len(rows_of_values) == 1:
        several, first = _inserting_several(statement, ROWS_TOGETHER), 0
        while several and len(rows_of_values) - first >= ROWS_TOGETHER:
            some = rows_of_values[first : first + ROWS_TOGETHER]
            execute_deferred(connection, several, *chain.from_iterable(some))
            first += ROWS_TOGETHER
        for values in rows_of_values[first:]:
            execute_deferred(connection, statement, *values)
        return
    try:
        if type(connection) is WriteConnection:
            connection.ask_expected()
        execute, first = _driver(connection).execute, 0
        several = _inserting_several(statement, _ROWS_AT_ONCE)
        while several and len(rows_of_values) - first >= _ROWS_AT_ONCE:
            some = rows_of_values[first : first + _ROWS_AT_ONCE]
            execute(several, [*chain.from_iterable(some)])
            first += _ROWS_AT_ONCE
        _driver(connection).executemany(statement, rows_of_values[first:])
    except driver_errors(connection.dialect) as error:
        raise from_driver_error(error) from None


@lru_cache(maxsize=256)
def _inserting_several(statement: str, rows_at_once: int) -> str:
    """A statement that writes a row, for several at once; empty for any other statement."""
    start, values, row_places = statement.rpartition(" VALUES ")
    count = row_places.count("?")
    if not start.startswith("INSERT ") or row_places != f"({placeholders(range(count))})":
        return ""
    return start + values + ", ".join([row_places] * rows_at_once)


class Savepoint:
    """What a block does is kept whole or, when it raises, undone; what was done before it stays.

    TypeError for a connection that is none of `writing`; DatabaseError without the values.
    """

    __slots__ = ("_connection", "_versions")  # no generator, which costs more at every act

    def __init__(self, connection: Connection) -> None:
        if type(connection) is not WriteConnection:
            raise TypeError("a savepoint needs a connection of `writing`")
        self._connection = connection
        self._versions = connection.versions.copy()

    def __enter__(self) -> None:
        if self._connection.counted_once is not None:  # what is undone must not take more along
            self._connection.counted_once.write()
        try:
            self._connection.defer(*SAVEPOINT)
        except OutdatedError:  # which was asked before it, so that there is none to undo
            raise
        except BaseException as error:
            self._undo(error)
            raise

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: object
    ) -> None:
        if error is not None:
            self._undo(error)
            return
        try:
            self._connection.defer(*RELEASE)
            self._connection.flush()
        except BaseException as failed:
            self._undo(failed)
            raise

    def _undo(self, error: BaseException) -> None:
        """Roll back; DatabaseError in place of an error of the driver."""
        connection = self._connection
        connection.versions = self._versions  # of the sets that were changed before
        errors = driver_errors(connection.dialect)
        try:
            connection.rollback_to_savepoint()
        except errors as failed:
            raise from_driver_error(failed) from None
        if isinstance(error, errors):
            raise from_driver_error(error) from None


def to_bytes(content: object) -> bytes:
    """Bytes out of a row; none where something else lies there, which then opens as nothing.

    SQLite keeps in a column whatever is written into it: a number, say, of which `bytes` would make
    that many zeros.
    """
    return content if type(content) is bytes else b""


def to_datetime(content: Any) -> datetime:
    """A time out of a row; DatabaseError where something else lies there."""
    try:
        return BEGINNING + timedelta(microseconds=content)
    except (TypeError, OverflowError):
        raise database_error("damaged") from None


def placeholders(values: Sequence[object]) -> str:
    """As many `?` as there are values, for `IN (…)`."""
    return ", ".join("?" * len(values))
