"""Rows of tables that a part of the program declares itself, without the connection.

What is read is checked and what is written is marked, as upheld/database/rows says. The tables of
the gate, the vault and the ledger are not reached by it: what lies there is asked of the gate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table

from upheld.database import batches
from upheld.database import rows as checked
from upheld.database.batches import Place
from upheld.database.declared import declaration
from upheld.database.rows import Change
from upheld.database.statements import placeholders, rows, to_datetime
from upheld.database.written_off import write_off

__all__ = ["Change", "Place", "Tables", "placeholders", "to_datetime"]


class Tables:
    """The rows of declared tables, in one transaction.

    A condition is SQL's, with `?` for a value, and may say an order and a limit.
    """

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def insert(self, table: Table, **values: Any) -> None:
        """Write a row; columns that are not named are empty."""
        checked.insert(self._connection, _own(table), **values)

    def insert_new(self, table: Table, **values: Any) -> bool:
        """Write a row unless there is one of its key; whether it was written."""
        return checked.insert_new(self._connection, _own(table), **values)

    def insert_all(self, table: Table, rows_to_write: Iterable[Mapping[str, Any]]) -> None:
        """Write some rows at once."""
        checked.insert_all(self._connection, _own(table), rows_to_write)

    def insert_rows(
        self, table: Table, columns: Sequence[str], rows_to_write: Iterable[tuple[Any, ...]]
    ) -> None:
        """Write some rows at once, by the values of all columns but the MAC, in their order."""
        if tuple(columns) != declaration(_own(table)).columns:
            raise TypeError(f"these are not the columns of {table.name}")
        checked.insert_rows(self._connection, table, rows_to_write)

    def select(
        self, table: Table, where: str = "", *values: Any, parts: Sequence[str] | None = None
    ) -> list[Any]:
        """The rows that a condition holds of, checked, with the columns as attributes.

        Only the given `parts` of their owners' sets are looked at, where the rows are of these.
        """
        return checked.select(self._connection, _own(table), where, *values, parts=parts)

    def select_intact(
        self, table: Table, where: str = "", *values: Any, parts: Sequence[str] | None = None
    ) -> tuple[list[Any], set[str]]:
        """The rows that a condition holds of whose owners' sets are whole, and whose are not.

        For whoever looks at many people's rows, so that what was changed of one hits nobody else.
        """
        return checked.select_intact(self._connection, _own(table), where, *values, parts=parts)

    def altered_owners(self, table: Table, owners: Iterable[str]) -> set[str]:
        """Whose sets of rows in a table are not whole, of some owners; the log names them."""
        return checked.altered_owners(self._connection, _own(table), owners)

    def select_authentic(
        self, table: Table, where: str = "", *values: Any
    ) -> tuple[list[Any], int]:
        """The rows that a condition holds of and that are ours, and how many are not."""
        return checked.select_authentic(self._connection, _own(table), where, *values)

    def batch(
        self, table: Table, where: str, values: Sequence[Any], after: Place, most: int
    ) -> batches.RowBatch:
        """The next rows that a condition holds of, at most so many, and where to go on after them.

        Rows that are not ours are passed over, and a batch may be empty and not the last.
        """
        return batches.batch(self._connection, _own(table), where, values, after, most)

    def get(self, table: Table, where: str, *values: Any) -> Any | None:
        """The row that a condition holds of, checked; None where there is none."""
        return checked.get(self._connection, _own(table), where, *values)

    def update(
        self,
        table: Table,
        changes: Mapping[str, Change],
        where: str,
        *values: Any,
        parts: Sequence[str] | None = None,
    ) -> int:
        """Change the rows that a condition holds of; how many."""
        return checked.update(self._connection, _own(table), changes, where, *values, parts=parts)

    def rewrite(self, table: Table, pairs: Sequence[tuple[Any, Any]]) -> None:
        """Write some rows that were read and checked as they are to be: pairs, before and after."""
        checked.rewrite(self._connection, _own(table), pairs)

    def delete(self, table: Table, where: str, *values: Any) -> int:
        """Delete the rows that a condition holds of; how many."""
        return checked.delete(self._connection, _own(table), where, *values)

    def delete_rows(self, table: Table, some_rows: Sequence[Any]) -> None:
        """Delete some rows that were read and checked."""
        checked.delete_rows(self._connection, _own(table), some_rows)

    def purge(self, table: Table, where: str, *values: Any) -> int:
        """Delete the rows that a condition holds of whether they are ours or not; how many."""
        return checked.purge(self._connection, _own(table), where, *values)

    def write_off(self, table: Table) -> bool:
        """Write off a row that is nobody's and that somebody else changed or took away.

        Another may stand in its place. Whether the rows are whole now.
        """
        return write_off(self._connection, _own(table))

    def require_intact(self, table: Table, owners: Iterable[str]) -> None:
        """SealedError unless some owners' sets of rows in a table are as they were written."""
        checked.require_intact(self._connection, _own(table), owners)

    def select_unchecked(
        self, table: Table, columns: Sequence[str], where: str = "", *values: Any
    ) -> list[tuple[Any, ...]]:
        """Columns of the rows that a condition holds of, each once, and unchecked.

        To count, and to find whom something may be done for; what is done for them then checks.
        A column may be an aggregate, such as `COUNT(*)`.
        """
        words = f"SELECT DISTINCT {', '.join(columns)} FROM {_own(table).name}"  # noqa: S608 - our own words
        return rows(self._connection, f"{words} WHERE {where}" if where else words, *values)


def people_between(after: str, last: str) -> tuple[str, ...]:
    """What holds of rows of people after an id, up to another or to the end (empty); its values."""
    if last:  # not an OR, which would read on to the end
        return "person_id > ? AND person_id <= ?", after, last
    return "person_id > ?", after


def _own(table: Table) -> Table:
    """A table that is not the house's; TypeError for one that is."""
    if table.info.get("house"):
        raise TypeError(f"`{table.name}` is the gate's: ask the transaction for what lies there")
    return table
