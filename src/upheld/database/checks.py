"""Look through every row that decides, and every cover: what is changed, missing or besides.

Rows are named by their table and key where the key is an id of ours, and people by their ids; no
other column is told, since somebody may have written anything into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from upheld.core.counts import count_of
from upheld.core.ids import NOBODY, PersonId
from upheld.database.covers import matches_cover, tallies_by_owner
from upheld.database.declared import Declaration, sealed_tables
from upheld.database.seals import Cover, SealedError, Seals, seals_of, tally_rows
from upheld.database.statements import placeholders, rows

TOGETHER = 200  # people looked at at once
IN_MEMORY = 32_000_000  # bytes of long rows that are read together, such as documents
_LONG = "sealed"  # the column of a register that may be long


class Problem(NamedTuple):
    """Something that is not whole, in a sentence: of which table, and whose; empty if nobody's.

    Of an entry of the log, its number.
    """

    text: str
    subject: str
    person_id: PersonId = NOBODY
    number: int = 0

    def __str__(self) -> str:
        return self.text


def find_problems(connection: Connection) -> list[Problem]:
    """What is wrong with any row that decides."""
    problems = problems_of_registers(connection)
    last = NOBODY
    while True:
        last, problems_of_some = problems_by_batch(connection, last)
        problems += problems_of_some
        if not last:
            return problems


def problems_by_batch(
    connection: Connection, after: str, most: int = TOGETHER
) -> tuple[PersonId, list[Problem]]:
    """What is wrong with the sets of some people by their ids, and the last one; empty at the end.

    `after` is the last one that was looked at.
    """
    statement = "SELECT person_id FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?"
    whom = [person_id for (person_id,) in rows(connection, statement, after, most)]
    return whom[-1] if whom else NOBODY, problems_of_people(connection, whom)


def problems_of_people(connection: Connection, whom: Sequence[PersonId]) -> list[Problem]:
    """What is wrong with the sets of some people."""
    problems: list[Problem] = []
    for first in range(0, len(whom), TOGETHER):
        problems += _problems_of_batch(connection, whom[first : first + TOGETHER])
    return problems


def _problems_of_batch(connection: Connection, whom: Sequence[PersonId]) -> list[Problem]:
    seals = seals_of(connection)
    covers: dict[PersonId, Cover] = {}
    problems: list[Problem] = []
    statement = f"SELECT person_id, cover FROM person WHERE person_id IN ({placeholders(whom)})"  # noqa: S608 - places alone
    for person_id, raw in rows(connection, statement, *whom):
        try:
            covers[person_id] = seals.open_cover(person_id, raw)
        except SealedError:
            text = f"the cover over what is kept of person {person_id} was changed"
            problems.append(Problem(text, "person", person_id))
    for table in sealed_tables() if covers else ():
        if table.owner is not None:
            problems += _problems_in_table(connection, seals, table, covers)
    return problems


def _problems_in_table(
    connection: Connection, seals: Seals, table: Declaration, covers: dict[PersonId, Cover]
) -> Iterator[Problem]:
    where = f"WHERE {table.covered[table.owner or 0]} IN ({placeholders([*covers])})"
    yield from _problems_of_owners(connection, seals, table, where, covers)


def problems_of_registers(connection: Connection) -> list[Problem]:
    """What is wrong with the rows that are nobody's, or of people who are not there."""
    seals = seals_of(connection)
    problems: list[Problem] = []
    answer = rows(connection, "SELECT cover FROM person WHERE person_id = ?", NOBODY)
    try:
        cover = seals.open_cover(NOBODY, answer[0][0] if answer else None)
    except SealedError:
        return [Problem("the cover over the registers was changed", "person")]
    for table in sealed_tables():
        where, column = "", ""
        if table.owner is not None:
            column = table.covered[table.owner]
            where = f"WHERE {column} = ''"
        problems += _problems_of_owners(connection, seals, table, where, {NOBODY: cover})
        if column:
            stray = (
                f"SELECT count(*) FROM {table.name} t WHERE NOT EXISTS"  # noqa: S608 - names alone
                f" (SELECT 1 FROM person p WHERE p.person_id = t.{column})"
            )
            if (count := rows(connection, stray)[0][0]) > 0:
                are = "is" if count == 1 else "are"
                text = f"{count_of(count, 'row')} of `{table.name}` {are} about nobody who is there"
                problems.append(Problem(text, table.name))
    return problems


def _problems_of_owners(
    connection: Connection,
    seals: Seals,
    table: Declaration,
    where: str,
    covers: dict[PersonId, Cover],
) -> Iterator[Problem]:
    """What is wrong with a table's rows of some owners: of a row that is not ours, then of sets."""
    ours, forged = [], False
    values = [] if not where or where.endswith("''") else [*covers]
    for each in _rows_to_check(connection, table, where, values):
        content = _with_booleans(table, each[:-1])
        element = seals.element(table.name, content, each[-1])
        if element is None:
            forged = True
            owner = NOBODY if table.owner is None else PersonId(content[table.owner])
            text = f"{_row_label(table, content)} was changed by somebody else"
            yield Problem(text, table.name, owner)
        else:
            ours.append(([None if isinstance(v, bytes) else v for v in content], element))
    tallies = tallies_by_owner(tally_rows(table, ours))
    for owner, cover in covers.items():
        if not forged and not matches_cover(table.name, cover, tallies.get(owner, {})):
            whose = f"of person {owner}" if owner else "that are nobody's"
            text = f"rows of `{table.name}` {whose} are missing, besides, or as they were before"
            yield Problem(text, table.name, owner)


def _rows_to_check(
    connection: Connection, table: Declaration, where: str, values: Sequence[Any]
) -> Iterator[Any]:
    """The rows that a condition holds of, as they are checked: of a register, long ones in parts.

    Parts are in the order of the key, each of as many rows as fit into memory if all are long.
    """
    statement = f"SELECT {table.checked} FROM {table.name} {where}"  # noqa: S608 - names alone
    if where or _LONG not in table.covered:
        yield from rows(connection, statement, *values)
        return
    ((longest,),) = rows(connection, f"SELECT max(length({_LONG})) FROM {table.name}")  # noqa: S608 - names alone
    most = max(1, IN_MEMORY // max(1, longest or 0))
    names, marks = ", ".join(table.key), placeholders(table.key)
    at = [table.covered.index(each) for each in table.key]
    beyond, after = "", list[Any]()
    while some := rows(connection, f"{statement} {beyond} ORDER BY {names} LIMIT {most}", *after):
        yield from some
        beyond, after = f"WHERE ({names}) > ({marks})", [some[-1][each] for each in at]
        if len(some) < most:
            return


def _with_booleans(table: Declaration, columns: Sequence[Any]) -> Sequence[Any]:
    if not table.truths:
        return columns
    return [bool(v) if at in table.truths and v is not None else v for at, v in enumerate(columns)]


def _row_label(table: Declaration, content: Sequence[Any]) -> str:
    """A row as it may be told: by the ids of its key."""
    key = [content[table.covered.index(name)] for name in table.key if name.endswith("_id")]
    ids = [each for each in key if isinstance(each, str) and each.isalnum()]
    return " ".join((f"a row of `{table.name}`", *ids))
