"""What a table says of its rows that decide: which columns a MAC covers, and whose set they are of.

It is said where the table is declared (`core.tables.sealed`), and read here once for each table.
"""

from __future__ import annotations

from collections import namedtuple
from functools import lru_cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Boolean, Table

from upheld.database.schema import declared_tables

MAC = "mac"


class Declaration(Struct, frozen=True):
    """A table as its statements and MACs need it.

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

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a row as it is told."""
        return (*self.covered, *self.free)

    @property
    def selected(self) -> str:
        """What a statement selects to read whole rows, with their MACs."""
        return ", ".join((*self.columns, MAC))

    @property
    def checked(self) -> str:
        """What a statement selects to check rows alone."""
        return ", ".join((*self.covered, MAC))


@lru_cache(maxsize=256)
def declaration(table: Table) -> Declaration:
    """What a table says of itself; KeyError for one that is not sealed."""
    protection = table.info["sealed"]
    names = [str(column.name) for column in table.columns if column.name != MAC]
    mac_columns = tuple(name for name in names if name not in protection["free"])
    free = tuple(name for name in names if name in protection["free"])
    return Declaration(
        str(table.name),
        mac_columns,
        free,
        tuple(str(column.name) for column in table.primary_key),
        mac_columns.index(protection["owner"]) if protection["owner"] else None,
        mac_columns.index(protection["part"]) if protection["part"] else None,
        protection["few"],
        tuple(
            mac_columns.index(c.name)
            for c in table.columns
            if isinstance(c.type, Boolean) and c.name in mac_columns
        ),
        namedtuple(str(table.name), (*mac_columns, *free)),  # noqa: PYI024 - its fields are the table's
    )


def sealed_tables() -> list[Declaration]:
    """Every table of upheld whose rows are sealed, by name."""
    tables = sorted(declared_tables().tables.values(), key=lambda each: each.name)
    return [declaration(table) for table in tables if "sealed" in table.info]
