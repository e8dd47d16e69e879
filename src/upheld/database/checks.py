"""Look through every row that decides, and every cover: what is changed, missing or besides.

Rows are named by their table and key where the key is an id of ours, and people by their ids; no
other column is told, since somebody may have written anything into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from upheld.database.declared import Declaration, sealed_tables
from upheld.database.rows import agree
from upheld.database.seals import NOBODY, Cover, SealedError, Seals, seals_of, tallied
from upheld.database.statements import places, rows

TOGETHER = 200  # people looked at at once


class Problem(NamedTuple):
    """Something that is not whole, in a sentence: of which table, and whose; empty if nobody's.

    Of an entry of the log, its number.
    """

    text: str
    subject: str
    person_id: str = NOBODY
    number: int = 0

    def __str__(self) -> str:
        return self.text


def everything(connection: Connection) -> list[Problem]:
    """What is wrong with any row that decides."""
    problems = nobodys(connection)
    last = NOBODY
    while True:
        last, found = people(connection, last)
        problems += found
        if not last:
            return problems


def people(connection: Connection, after: str, most: int = TOGETHER) -> tuple[str, list[Problem]]:
    """What is wrong with the sets of some people by their ids, and the last one; empty at the end.

    `after` is the last one that was looked at.
    """
    statement = "SELECT person_id FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?"
    whom = [found for (found,) in rows(connection, statement, after, most)]
    return whom[-1] if whom else "", of_people(connection, whom)


def of_people(connection: Connection, whom: Sequence[str]) -> list[Problem]:
    """What is wrong with the sets of some people."""
    problems: list[Problem] = []
    for first in range(0, len(whom), TOGETHER):
        problems += _of_some(connection, whom[first : first + TOGETHER])
    return problems


def _of_some(connection: Connection, whom: Sequence[str]) -> list[Problem]:
    seals = seals_of(connection)
    covers: dict[str, Cover] = {}
    problems: list[Problem] = []
    statement = f"SELECT person_id, cover FROM person WHERE person_id IN ({places(whom)})"  # noqa: S608 - places alone
    for person_id, raw in rows(connection, statement, *whom):
        try:
            covers[person_id] = seals.open_cover(person_id, raw)
        except SealedError:
            text = f"the cover over what is kept of person {person_id} was changed"
            problems.append(Problem(text, "person", person_id))
    for table in sealed_tables() if covers else ():
        if table.owner is not None:
            problems += _of_people(connection, seals, table, covers)
    return problems


def _of_people(
    connection: Connection, seals: Seals, table: Declaration, covers: dict[str, Cover]
) -> Iterator[Problem]:
    where = f"WHERE {table.covered[table.owner or 0]} IN ({places([*covers])})"
    yield from _agreeing(connection, seals, table, where, covers)


def nobodys(connection: Connection) -> list[Problem]:
    """What is wrong with the rows that are nobody's, or of people who are not there."""
    seals = seals_of(connection)
    problems: list[Problem] = []
    found = rows(connection, "SELECT cover FROM person WHERE person_id = ?", NOBODY)
    try:
        cover = seals.open_cover(NOBODY, found[0][0] if found else None)
    except SealedError:
        return [Problem("the cover over the registers was changed", "person")]
    for table in sealed_tables():
        where, column = "", ""
        if table.owner is not None:
            column = table.covered[table.owner]
            where = f"WHERE {column} = ''"
        problems += _agreeing(connection, seals, table, where, {NOBODY: cover})
        if column:
            stray = (
                f"SELECT count(*) FROM {table.name} t WHERE NOT EXISTS"  # noqa: S608 - names alone
                f" (SELECT 1 FROM person p WHERE p.person_id = t.{column})"
            )
            if (count := rows(connection, stray)[0][0]) > 0:
                text = f"{count} rows of `{table.name}` are about nobody who is there"
                problems.append(Problem(text, table.name))
    return problems


def _agreeing(
    connection: Connection, seals: Seals, table: Declaration, where: str, covers: dict[str, Cover]
) -> Iterator[Problem]:
    """What is wrong with a table's rows of some owners: of a row that is not ours, then of sets."""
    ours, forged = [], False
    asked = [] if not where or where.endswith("''") else [*covers]
    for each in rows(connection, f"SELECT {table.checked} FROM {table.name} {where}", *asked):  # noqa: S608 - names alone
        covered = _plain(table, each[:-1])
        element = seals.element(table.name, covered, each[-1])
        if element is None:
            forged = True
            owner = NOBODY if table.owner is None else str(covered[table.owner])
            text = f"{_named(table, covered)} was changed by somebody else"
            yield Problem(text, table.name, owner)
        else:
            ours.append((covered, element))
    tallies = tallied(table, ours)
    for owner, cover in covers.items():
        if not forged and not agree(table.name, cover, owner, tallies):
            whose = f"of person {owner}" if owner else "that are nobody's"
            text = f"rows of `{table.name}` {whose} are missing, besides, or as they were before"
            yield Problem(text, table.name, owner)


def _plain(table: Declaration, found: Sequence[Any]) -> Sequence[Any]:
    if not table.truths:
        return found
    return [bool(v) if at in table.truths and v is not None else v for at, v in enumerate(found)]


def _named(table: Declaration, covered: Sequence[Any]) -> str:
    """A row as it may be told: by the ids of its key."""
    key = [covered[table.covered.index(name)] for name in table.key if name.endswith("_id")]
    told = [each for each in key if isinstance(each, str) and each.isalnum()]
    return " ".join((f"a row of `{table.name}`", *told))
