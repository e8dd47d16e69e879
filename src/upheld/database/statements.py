"""Statements in the driver's own words: the road of what happens at every act.

SQL is written once, with `?` for a parameter, and reaches SQLite and PostgreSQL without being built
again; rows come back as plain tuples. It runs in the transaction of the connection that is given,
and raises DatabaseError without the values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import Any

from sqlalchemy import Connection

from upheld.database.connection import SAVEPOINT, Link
from upheld.database.errors import failures, meaning, trouble
from upheld.database.postgresql_pipeline import Query
from upheld.database.tables import BEGINNING

__all__ = [
    "Query",
    "blob",
    "is_postgresql",
    "later",
    "many",
    "moment",
    "places",
    "row",
    "rows",
    "run",
    "savepoint",
    "several",
]


def is_postgresql(connection: Connection) -> bool:
    """Whether a connection is one to PostgreSQL."""
    if type(connection) is Link:
        return connection.postgresql
    return connection.dialect.name == "postgresql"


_CHANGED, _ALL, _FIRST = attrgetter("rowcount"), methodcaller("fetchall"), methodcaller("fetchone")


def _execute(
    connection: Connection, statement: str, values: Sequence[Any], take: Callable[[Any], Any]
) -> Any:
    """What is taken of a statement's cursor, within reach of its errors: they may quote a row."""
    try:
        if type(connection) is Link:
            return take(connection.one(statement, values))
        if is_postgresql(connection):
            statement = for_postgresql(statement)
        return take(_driver(connection).execute(statement, values))
    except failures(connection.dialect) as error:
        raise meaning(error) from None


@lru_cache(maxsize=1024)
def for_postgresql(statement: str) -> str:
    """A statement with psycopg's places for values."""
    return statement.replace("?", "%s")


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def run(connection: Connection, statement: str, *values: Any) -> int:
    """Run a statement; how many rows it changed."""
    found: int = _execute(connection, statement, values, _CHANGED)
    return found


def rows(connection: Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    found: list[tuple[Any, ...]] = _execute(connection, statement, values, _ALL)
    return found


def row(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...] | None:
    """The first row of a query, if there is one."""
    found: tuple[Any, ...] | None = _execute(connection, statement, values, _FIRST)
    return found


def several(connection: Connection, queries: Sequence[Query]) -> list[list[tuple[Any, ...]]]:
    """The rows of some queries, run in their order; on PostgreSQL sent together."""
    answers: list[list[tuple[Any, ...]]] = []
    try:
        if type(connection) is Link:
            if connection.postgresql:
                return [each.fetchall() for each in connection.send(queries)]
            for statement, values in queries:  # to make a comprehension costs at every act
                answers.append(connection.ask(statement, values).fetchall())
            return answers
        if not is_postgresql(connection):
            return [rows(connection, statement, *values) for statement, values in queries]
        driver = _driver(connection)
        with driver.pipeline():
            found = [driver.execute(for_postgresql(text), values) for text, values in queries]
        return [each.fetchall() for each in found]
    except failures(connection.dialect) as error:
        raise meaning(error) from None


def later(connection: Connection, statement: str, *values: Any) -> None:
    """Run a statement that nobody waits for: on PostgreSQL with the next one, or the commit."""
    if type(connection) is not Link:
        run(connection, statement, *values)
        return
    try:
        connection.later(statement, values)
    except failures(connection.dialect) as error:
        raise meaning(error) from None


def many(connection: Connection, statement: str, listed: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement once for each list of values."""
    if is_postgresql(connection):
        for values in listed:
            later(connection, statement, *values)
        return
    try:
        _driver(connection).executemany(statement, listed)
    except failures(connection.dialect) as error:
        raise meaning(error) from None


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """What a block does is kept whole or, when it raises, undone; what was done before it stays."""
    if type(connection) is not Link:
        raise TypeError("a savepoint needs a connection of `writing`")
    versions = dict(connection.versions)
    try:
        connection.later(*SAVEPOINT)
        yield
        later(connection, "RELEASE SAVEPOINT work")
        connection.flush()
    except failures(connection.dialect) as error:
        _back(connection, versions)
        raise meaning(error) from None
    except BaseException:
        _back(connection, versions)
        raise


def _back(connection: Link, versions: dict[str, int]) -> None:
    connection.versions = versions  # of the sets that were changed before
    try:
        connection.back()
    except failures(connection.dialect) as error:
        raise meaning(error) from None


def blob(found: object) -> bytes:
    """Bytes out of a row; none where something else lies there, which then opens as nothing.

    SQLite keeps in a column whatever is written into it: a number, say, of which `bytes` would make
    that many zeros.
    """
    return found if type(found) is bytes else b""


def moment(found: Any) -> datetime:
    """A time out of a row; DatabaseError where something else lies there."""
    try:
        return BEGINNING + timedelta(microseconds=found)
    except (TypeError, OverflowError):
        raise trouble("damaged") from None


def places(values: Sequence[object]) -> str:
    """As many `?` as there are values, for `IN (…)`."""
    return ", ".join("?" * len(values))
