"""What tables are declared by: types of columns, times, and how rows are protected.

A table says by `sealed` or `bare` what its rows rest on, and of a column with somebody's id what
becomes of it when they are erased. A part of the program declares its own tables; those of the
house, which the gate alone reads and writes, are marked as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Dialect,
    Integer,
    MetaData,
    String,
    Table,
    TypeDecorator,
    text,
)

from upheld.core import clock

BEGINNING: Final = clock.BEGINNING
MICROSECOND: Final = timedelta(microseconds=1)
POSTGRESQL: Final = {"dialect": "postgresql"}  # of what one database has alone
SQLITE: Final = {"dialect": "sqlite"}
GO: Final = {"erased": "go"}  # of a column with somebody's id: the row goes with them
BLANK: Final = {"erased": "blank"}  # the row stays, and says nobody
UNTOLD: Final = {"told": ""}  # of a table: nobody but the legal desk may know who is in it
STAYS: Final = {"stays": True}  # of a table or column: not as long as something is kept of them
ID: Final = String(32)
WORD: Final = String(255)
NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")  # there the row's own place: no index


class Instant(TypeDecorator[datetime]):
    """A moment as whole microseconds since 1970: the same on every database, and it sorts."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Whole microseconds; ValueError for a time without its zone."""
        del dialect
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """The moment, in UTC."""
        del dialect
        return None if value is None else BEGINNING + timedelta(microseconds=value)


def microseconds(at: datetime) -> int:
    """Whole microseconds since 1970; ValueError for a time without its zone."""
    if at.tzinfo is None:
        raise ValueError("a time needs its zone")
    return (at - BEGINNING) // MICROSECOND


def goes_apart(*kinds: str) -> dict[str, Any]:
    """Of a table: a hold keeps its rows, and they go along with what a law keeps apart.

    `kinds` are the kinds of data that are in them.
    """
    return {"apart": "", "kinds": kinds}


class Telling(NamedTuple):
    """What the rows of a table tell of people: kinds of data, and what is of no kind, in words."""

    kinds: tuple[str, ...]
    besides: str


def tells(*kinds: str, besides: str = "") -> dict[str, Telling]:
    """Of a table: the kinds of data in its rows, and what else, as whoever was touched reads it.

    A table that says nothing has ids, states and times alone.
    """
    return {"tells": Telling(kinds, besides)}


class AnewBy(NamedTuple):
    """How a row that was changed is written anew by the records that say the same.

    `column` has what those say `how`; `silence` names the one that forbids to tell, if there is
    one, and the others become as `otherwise` says, as nothing proves what stood there.
    """

    column: str
    silence: str
    otherwise: Mapping[str, Any]


def apart_with(column: str, anew: AnewBy) -> dict[str, Any]:
    """Of a table: a row is kept as long as a hold keeps the record that this column of it names."""
    return {"apart": column, "anew": anew}


def told_where(condition: str) -> dict[str, str]:
    """Of a table: something may be told to others than the legal desk of the rows it holds of.

    An order of which nobody may speak has us keep the others, or is why they are there at all.
    """
    return {"told": condition}


def sealed_for(purpose: str, *more: str, place: tuple[str, ...]) -> dict[str, Any]:
    """Of a column: what a practice seals for a purpose of its own, bound to columns of the row.

    By that a row is sealed anew where it becomes another person's.
    """
    return {"sealed_for": ((purpose, *more), place)}


def only_where(condition: str) -> dict[str, Any]:
    """Of an index: it has the rows alone of which a condition holds."""
    return {f"{name}_where": text(condition) for name in ("sqlite", "postgresql")}


def unconfirmed(where: str) -> dict[str, str]:
    """Of a table: the rows of people who have not shown yet that their e-mail address is theirs."""
    return {"unconfirmed": where}


def stands(column: str) -> dict[str, str]:
    """Of a column with somebody's id: the row stays, and another of its columns stands for them."""
    return {"erased": "stands", "by": column}


def sealed(
    *, owner: str = "", part: str = "", free: dict[str, str] | None = None, few: bool = False
) -> dict[str, Any]:
    """Of a table on whose rows a decision, a right or money rests: see upheld/database.

    Each row has a MAC in its column `mac` over all of it but the `free` columns, each of which says
    why nothing rests on it. `owner` is the column with the id of the person in whose set of rows it
    counts, or empty for rows that are nobody's; `part` the column by which that set is told apart.
    Of rows that are nobody's and `few`, the whole set is looked at whenever one is used.
    The last columns may be added later, if they may be empty.
    """
    return {"sealed": {"owner": owner, "part": part, "free": free or {}, "few": few}}


def bare(why: str) -> dict[str, str]:
    """Of a table whose rows need no MAC: something else protects them, or nothing rests on them."""
    return {"bare": why}


metadata: Final = MetaData()


def mark_as_internal(*tables: Table) -> None:
    """Let these tables be the gate's, the vault's and the ledger's alone."""
    for each in tables:
        each.info["house"] = True
