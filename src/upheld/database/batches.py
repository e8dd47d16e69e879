"""Look through many rows, some at a time, so that no row keeps anybody from those behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table

from upheld.database.rows import select_authentic
from upheld.database.statements import placeholders, rows

Place = Mapping[str, Any]  # columns of a key in their order, and where a look stands in each


class RowBatch(NamedTuple):
    """Rows that are ours, and the place after which to go on; None where nothing is left."""

    rows: list[Any]
    last: Place | None


def batch(
    connection: Connection,
    table: Table,
    where: str,
    values: Sequence[Any],
    after: Place,
    most: int,
) -> RowBatch:
    """The next rows that a condition holds of, beyond a place and in the order of its columns.

    Of at most `most` rows those come back that are ours; a batch may be empty and not the last.
    """
    names, marks, start = ", ".join(after), placeholders([*after]), tuple(after.values())
    beyond = f"{where} AND ({names}) > ({marks})"
    statement = f"SELECT {names} FROM {table.name} WHERE {beyond} ORDER BY {names} LIMIT ?"  # noqa: S608 - our own words
    keys = rows(connection, statement, *values, *start, most)
    if not keys:
        return RowBatch([], None)
    last = tuple(keys[-1])
    within = f"{beyond} AND ({names}) <= ({marks}) ORDER BY {names}"
    some, _ = select_authentic(connection, table, within, *values, *start, *last)
    return RowBatch(some, dict(zip(after, last, strict=True)))
