"""Statements in the driver's own words: the road of what happens at every act.

SQL is written once, with `?` for a parameter, and reaches SQLite and PostgreSQL without being built
again; rows come back as plain tuples. It runs in the transaction of the connection that is given,
and raises DatabaseError without the values.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from upheld.core.trouble import meaning

Query = tuple[str, tuple[Any, ...]]  # a statement and its values


@lru_cache(maxsize=1024)
def _for_postgresql(statement: str) -> str:
    return statement.replace("?", "%s")


def is_postgresql(connection: Connection) -> bool:
    """Whether a connection is one to PostgreSQL."""
    return connection.dialect.name == "postgresql"


def _execute(connection: Connection, statement: str, values: Sequence[Any]) -> Any:
    if is_postgresql(connection):
        statement = _for_postgresql(statement)
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - a connection in a transaction has its driver's
    try:
        return driver.execute(statement, values)
    except connection.dialect.loaded_dbapi.Error as error:
        raise meaning(error) from None


def run(connection: Connection, statement: str, *values: Any) -> int:
    """Run a statement; how many rows it changed."""
    found: int = _execute(connection, statement, values).rowcount
    return found


def rows(connection: Connection, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    found: list[tuple[Any, ...]] = _execute(connection, statement, values).fetchall()
    return found


def several(connection: Connection, queries: Sequence[Query]) -> list[list[tuple[Any, ...]]]:
    """The rows of some queries, run in their order; on PostgreSQL sent together."""
    if not is_postgresql(connection) or len(queries) == 1:
        return [rows(connection, statement, *values) for statement, values in queries]
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            found = [driver.execute(_for_postgresql(text), values) for text, values in queries]
        return [each.fetchall() for each in found]
    except connection.dialect.loaded_dbapi.Error as error:
        raise meaning(error) from None


def row(connection: Connection, statement: str, *values: Any) -> tuple[Any, ...] | None:
    """The first row of a query, if there is one."""
    found: tuple[Any, ...] | None = _execute(connection, statement, values).fetchone()
    return found


def many(connection: Connection, statement: str, listed: list[tuple[Any, ...]]) -> None:
    """Run a statement once for each list of values."""
    if listed:
        connection.exec_driver_sql(
            _for_postgresql(statement) if is_postgresql(connection) else statement, listed
        )


def places(values: Sequence[object]) -> str:
    """As many `?` as there are values, for `IN (…)`."""
    return ", ".join("?" * len(values))
