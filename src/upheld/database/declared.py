"""What a table says of its rows that decide: which columns a MAC covers, and whose set they are of.

It is said where the table is declared (`core.tables.sealed`), and read here once for each table.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Boolean, Table

from upheld.database.schema import declared_tables
from upheld.database.statements import placeholders

MAC = "mac"


class Declaration(Struct, frozen=True, eq=False):
    """A table as its statements and MACs need it; one for each table, told apart by being another.

    Rows are read as the covered columns, then the free ones, then the MAC.
    """

    name: str
    covered: tuple[str, ...]
    free: tuple[str, ...]
    key: tuple[str, ...]
    owner: int | None  # the places of these among the covered columns
    part: int | None
    few: bool  # whether the rows are nobody's and few
    truths: tuple[int, ...]  # which SQLite gives back as numbers
    row: Any  # the type of its rows
    columns: tuple[str, ...]  # of a row as it is told
    selected: str  # by a statement that reads whole rows, with their MACs
    checked: str  # by a statement that checks rows alone
    inserting: str  # the statement that writes a row
    of_key: str  # the condition that holds of the row of a key
    key_at: tuple[int, ...]  # the places of the key among the columns


@lru_cache(maxsize=256)
def declaration(table: Table) -> Declaration:
    """What a table says of itself; KeyError for one that is not sealed."""
    protection = table.info["sealed"]
    names = [str(column.name) for column in table.columns if column.name != MAC]
    mac_columns = tuple(name for name in names if name not in protection["free"])
    free = tuple(name for name in names if name in protection["free"])
    columns, key = (*mac_columns, *free), tuple(str(each.name) for each in table.primary_key)
    selected = ", ".join((*columns, MAC))
    return Declaration(
        str(table.name),
        mac_columns,
        free,
        key,
        mac_columns.index(protection["owner"]) if protection["owner"] else None,
        mac_columns.index(protection["part"]) if protection["part"] else None,
        protection["few"],
        tuple(
            mac_columns.index(c.name)
            for c in table.columns
            if isinstance(c.type, Boolean) and c.name in mac_columns
        ),
        namedtuple(str(table.name), columns),  # noqa: PYI024 - its fields are the table's
        columns,
        selected,
        ", ".join((*mac_columns, MAC)),
        f"INSERT INTO {table.name} ({selected}) VALUES ({placeholders((*columns, MAC))})",  # noqa: S608 - names alone
        " AND ".join(f"{name} = ?" for name in key),
        tuple(columns.index(name) for name in key),
    )


def mac_columns(layout: Declaration, columns: Sequence[Any]) -> Sequence[Any]:
    """The columns of a row that its MAC covers."""
    return columns[: len(layout.covered)]


def restore_booleans(layout: Declaration, row_with_mac: Sequence[Any]) -> Sequence[Any]:
    """The columns without the MAC as they were written: SQLite tells truths as numbers."""
    columns = row_with_mac[: len(layout.columns)]
    if not layout.truths:
        return columns
    return [bool(v) if at in layout.truths and v is not None else v for at, v in enumerate(columns)]


def sealed_tables() -> list[Declaration]:
    """Every table of upheld whose rows are sealed, by name."""
    tables = sorted(declared_tables().tables.values(), key=lambda each: each.name)
    return [declaration(table) for table in tables if "sealed" in table.info]
