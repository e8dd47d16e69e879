"""The one way to read and write rows that decide, in the transaction that is given.

Whatever is read is checked: each row by its MAC, and the set of its owner by its cover, so that a
row which was changed, added, put back or taken away refuses whoever would rest on it. Whatever is
written is marked, and covered; a row that is changed was checked before, so that nobody's row
becomes ours by being written again.

A condition is SQL's, with `?` for a value, and may say an order and a limit. Where it begins with
the owner's column (`person_id = ?`), that owner's set is looked at even if nothing is found.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table

from upheld.database.connection import Link
from upheld.database.declared import MAC, Declaration, declaration
from upheld.database.seals import (
    NOBODY,
    Cover,
    SealedError,
    Tallies,
    changed,
    latest_cover,
    owner_of,
    part_of,
    seals_of,
    tallied,
)
from upheld.database.statements import later, places, rows

_LOG = logging.getLogger("upheld")
OWNERS_MAX = 500  # in one query
Change = Any | Callable[[Any], Any]  # what a column becomes, or what tells it of the row


def insert(connection: Connection, table: Table, **values: Any) -> None:
    """Write a row; columns that are not named are empty."""
    told = declaration(table)
    if unknown := values.keys() - set(told.columns):
        raise TypeError(f"{told.name} has no column {', '.join(sorted(unknown))}")
    _write(connection, told, [[values.get(name) for name in told.columns]])


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Write a row unless there is one of its key; whether it was written."""
    told = declaration(table)
    where = " AND ".join(f"{name} = ?" for name in told.key)
    if get(connection, table, where, *(values[name] for name in told.key)) is not None:
        return False
    insert(connection, table, **values)
    return True


def insert_all(connection: Connection, table: Table, listed: Iterable[Mapping[str, Any]]) -> None:
    """Write some rows at once."""
    told = declaration(table)
    _write(connection, told, [[each.get(name) for name in told.columns] for each in listed])


def select(
    connection: Connection,
    table: Table,
    where: str = "",
    *values: Any,
    parts: Sequence[str] | None = None,
) -> list[Any]:
    """The rows that a condition holds of, checked, with the columns as attributes.

    Only the given `parts` of their owners' sets are looked at, where the rows are of these alone.
    """
    told = declaration(table)
    found = _checked(connection, table, where, values, parts)
    return [told.row._make(each[:-1]) for each in found]


def sound(
    connection: Connection,
    table: Table,
    where: str = "",
    *values: Any,
    parts: Sequence[str] | None = None,
) -> tuple[list[Any], set[str]]:
    """The rows that a condition holds of whose owners' sets are whole, and whose are not.

    For whoever looks at many people's rows, so that what was changed of one hits nobody else. The
    log names those who are left out. `parts` as for `select`.
    """
    told, seals = declaration(table), seals_of(connection)
    found, forged = [], set[str]()
    for each in rows(connection, _selecting(told, where), *values):
        plain = _plain(told, each)
        if seals.element(told.name, _covered(told, plain), each[-1]) is None:
            forged.add(_named(told, plain))
        else:
            found.append(told.row._make(plain))
    if told.owner is not None:
        forged |= _all_differing(
            connection, told, {owner_of(told, each) for each in found} - forged, parts
        )
        found = [each for each in found if owner_of(told, each) not in forged]
    _warn(told, forged)
    return found, forged


def differing(connection: Connection, table: Table, owners: Iterable[str]) -> set[str]:
    """Whose sets of rows in a table are not whole, of some owners; the log names them.

    For whoever rests on what many people do not have.
    """
    told = declaration(table)
    forged = _all_differing(connection, told, owners, None)
    _warn(told, forged)
    return forged


def _all_differing(
    connection: Connection, told: Declaration, owners: Iterable[str], parts: Sequence[str] | None
) -> set[str]:
    listed, forged = sorted(set(owners)), set[str]()
    for first in range(0, len(listed), OWNERS_MAX):
        forged |= _differing(connection, told, listed[first : first + OWNERS_MAX], parts)
    return forged


def _warn(told: Declaration, forged: Iterable[str]) -> None:
    for owner in sorted(forged):
        _LOG.error("not whole: %s", changed(owner, told.name))


def believed(
    connection: Connection, table: Table, where: str = "", *values: Any
) -> tuple[list[Any], int]:
    """The rows that a condition holds of and that are ours, and how many are not: to look through.

    Nothing is said of their sets; `select` is for whoever rests on them.
    """
    told, seals = declaration(table), seals_of(connection)
    found = []
    listed = rows(connection, _selecting(told, where), *values)
    for each in listed:
        plain = _plain(told, each)
        if seals.element(told.name, _covered(told, plain), each[-1]) is not None:
            found.append(told.row._make(plain))
    return found, len(listed) - len(found)


def get(connection: Connection, table: Table, where: str, *values: Any) -> Any | None:
    """The row that a condition holds of, checked; None where there is none."""
    found = select(connection, table, where, *values)
    return found[0] if found else None


def update(
    connection: Connection,
    table: Table,
    changes: Mapping[str, Change],
    where: str,
    *values: Any,
    parts: Sequence[str] | None = None,
) -> int:
    """Change the rows that a condition holds of; how many."""
    told = declaration(table)
    found = _checked(connection, table, where, values, parts)
    _change(connection, told, found, changes)
    return len(found)


def mark_again(connection: Connection, table: Table, listed: Sequence[tuple[Any, Any]]) -> None:
    """Write some rows that were read and checked as they are to be: pairs of before and after."""
    told = declaration(table)
    _rewrite(connection, told, [(tuple(one), tuple(other)) for one, other in listed])


def delete(connection: Connection, table: Table, where: str, *values: Any) -> int:
    """Delete the rows that a condition holds of; how many."""
    told = declaration(table)
    found = _checked(connection, table, where, values, None)
    _delete(connection, told, found)
    return len(found)


def purge(connection: Connection, table: Table, where: str, *values: Any) -> int:
    """Delete the rows that a condition holds of whether they are ours or not; how many.

    For what is to be gone whatever it is. Only rows that are ours leave their owner's cover, and a
    cover that is not ours is left as it is.
    """
    told = declaration(table)
    seals = seals_of(connection)
    found = rows(connection, f"SELECT {told.selected} FROM {told.name} WHERE {where}", *values)  # noqa: S608 - our own words
    ours = [
        each
        for each in found
        if seals.element(told.name, _covered(told, each), each[-1]) is not None
    ]
    _delete(connection, told, ours, whatever=True)
    if len(ours) < len(found):
        later(connection, f"DELETE FROM {told.name} WHERE {where}", *values)  # noqa: S608 - our own words
    return len(found)


def whole(
    connection: Connection,
    table: Table,
    owners: Iterable[str],
    parts: Sequence[str] | None = None,
) -> None:
    """SealedError unless some owners' sets of rows in a table are as they were written."""
    told = declaration(table)
    if told.owner is None and not told.few:
        return  # such a set may be large: self-check looks through it
    listed = sorted(set(owners))
    for first in range(0, len(listed), OWNERS_MAX):
        _whole(connection, told, listed[first : first + OWNERS_MAX], parts)


def _whole(
    connection: Connection, told: Declaration, owners: Sequence[str], parts: Sequence[str] | None
) -> None:
    if differing := _differing(connection, told, owners, parts):
        raise changed(min(differing), told.name)


def _differing(
    connection: Connection, told: Declaration, owners: Sequence[str], parts: Sequence[str] | None
) -> set[str]:
    """Whose sets of rows in a table are not as they were written."""
    where, values = "", list[str]()
    if told.owner is not None:
        where, values = f"WHERE {told.covered[told.owner]} IN ({places(owners)})", [*owners]
    if parts is not None and told.part is not None:
        where += f" AND {told.covered[told.part]} IN ({places(parts)})"
        values += parts
    seals, listed, differing = seals_of(connection), [], set[str]()
    for each in rows(connection, f"SELECT {told.checked} FROM {told.name} {where}", *values):  # noqa: S608 - our own words
        covered = _plain(told, each[:-1])
        element = seals.element(told.name, covered, each[-1])
        if element is None:
            differing.add(owner_of(told, covered))
        else:
            listed.append((covered, element))
    tallies = tallied(told, listed)
    covers = _covers(connection, owners, differing)
    for owner in owners:
        # Who is not there has no rows.
        if owner not in differing and not agree(
            told.name, covers.get(owner) or Cover(0, {}), owner, tallies, parts
        ):
            differing.add(owner)
    return differing


def agree(
    name: str, cover: Cover, owner: str, tallies: Tallies, parts: Sequence[str] | None = None
) -> bool:
    """Whether an owner's cover says of a table, or of some parts of it, what was counted."""
    mine = {part: tally for (whose, part), tally in tallies.items() if whose == owner}
    said = {
        part: cover.tally(part)
        for part in cover.parts
        if part.partition("/")[0] == name and (parts is None or part.partition("/")[2] in parts)
    }
    return mine == said


def cover_of(connection: Connection, owner: str) -> Cover:
    """The cover over an owner's set; SealedError where there is none that is theirs."""
    found = _cover(connection, owner)
    if found is None:
        raise changed(owner)
    return found


def _cover(connection: Connection, owner: str) -> Cover | None:
    """An owner's cover, kept in mind until the transaction ends; None for who is not there."""
    return _covers(connection, [owner]).get(owner)


def _covers(
    connection: Connection, owners: Sequence[str], forged: set[str] | None = None
) -> dict[str, Cover]:
    """The covers of some owners who are there.

    SealedError where one is not theirs, unless such owners are to be put among the `forged`.
    """
    memory: dict[str, Cover] = connection.memory if isinstance(connection, Link) else {}
    asked = [owner for owner in owners if owner not in memory]
    if asked:
        statement = f"SELECT person_id, cover FROM person WHERE person_id IN ({places(asked)})"  # noqa: S608 - places alone
        for owner, raw in rows(connection, statement, *asked):
            try:
                memory[owner] = latest_cover(connection, owner, raw)
            except SealedError:
                if forged is None:
                    raise
                forged.add(owner)
    return memory


def covers_left(
    connection: Connection, owners: Sequence[str], names: Collection[str]
) -> dict[str, Cover]:
    """The covers of some owners of whom only the rows of some tables stay.

    What of those rows was changed before is still found afterwards.
    """
    found = {}
    for first in range(0, len(owners), OWNERS_MAX):
        some = owners[first : first + OWNERS_MAX]
        covers = _covers(connection, some)
        for owner in some:
            cover = covers.get(owner) or Cover(0, {})
            parts = {
                part: told for part, told in cover.parts.items() if part.partition("/")[0] in names
            }
            found[owner] = Cover(cover.version, parts)
    return found


def begin_cover(connection: Connection, owner: str, cover: Cover) -> bytes:
    """A cover sealed for an owner whose row of `person` is about to be written."""
    if isinstance(connection, Link):
        connection.memory[owner] = cover
    return seals_of(connection).seal_cover(owner, cover)


def recover(
    connection: Connection, counted: Iterable[tuple[str, str, int, int]], *, whatever: bool = False
) -> None:
    """Count rows into covers, or out of them: each its owner, its part, how many, what they add.

    SealedError, before anything is counted, where a cover is not ours; with `whatever` it is left.
    """
    by_owner: dict[str, list[tuple[str, int, int]]] = {}
    for owner, part, count, element in counted:
        by_owner.setdefault(owner, []).append((part, count, element))
    owners = list(by_owner)
    covers: dict[str, Cover] = {}
    forged = set[str]() if whatever else None
    for first in range(0, len(owners), OWNERS_MAX):
        covers |= _covers(connection, owners[first : first + OWNERS_MAX], forged)
    for owner, changes in by_owner.items():
        cover = covers.get(owner)
        if cover is None:
            if owner == NOBODY:
                raise changed(owner)
            continue  # somebody who is there no more, whose rows go one after the other
        for part, count, element in changes:
            cover.add(part, count, element)
        write_cover(connection, owner, cover)


def write_cover(connection: Connection, owner: str, cover: Cover) -> None:
    """Let this be the cover over an owner's set from now on."""
    cover.version += 1
    if isinstance(connection, Link):
        connection.memory[owner] = cover
        connection.versions[owner] = cover.version
    raw = seals_of(connection).seal_cover(owner, cover)
    later(connection, "UPDATE person SET cover = ? WHERE person_id = ?", raw, owner)


def _checked(
    connection: Connection,
    table: Table,
    where: str,
    values: Sequence[Any],
    parts: Sequence[str] | None,
) -> list[tuple[Any, ...]]:
    """The rows that a condition holds of, with their MACs; SealedError as `select` raises it."""
    told, listed = declaration(table), []
    seals, found = seals_of(connection), []
    for each in rows(connection, _selecting(told, where), *values):
        plain = (*_plain(told, each), each[-1])
        covered = _covered(told, plain)
        element = seals.element(told.name, covered, each[-1])
        if element is None:
            raise changed(_named(told, plain), told.name)
        found.append(plain)
        listed.append((covered, element))
    if _of_one(told, where, None if parts is None else len(parts)) and (
        parts is None or tuple(values[1:]) == tuple(parts)
    ):  # all that there is of somebody need not be read again
        owner = values[0] if values else NOBODY
        cover = _cover(connection, owner) or Cover(0, {})
        if not agree(told.name, cover, owner, tallied(told, listed), parts):
            raise changed(owner, told.name)
    else:
        whole(connection, table, _owners(told, found, where, values), parts)
    return found


@lru_cache(maxsize=1024)
def _of_one(told: Declaration, where: str, parts: int | None) -> bool:
    """Whether a condition holds of one owner's whole set, or so many parts, and of nothing else."""
    if told.owner is None:
        return told.few and not where
    before, _, order = where.partition(" ORDER BY ")
    wanted = f"{told.covered[told.owner]} = ?"
    if parts is not None:
        if told.part is None:
            return False
        wanted += f" AND {told.covered[told.part]} IN ({places(range(parts))})"
    return before == wanted and "LIMIT" not in order


@lru_cache(maxsize=1024)
def _selecting(told: Declaration, where: str) -> str:
    if where and not where.startswith("ORDER"):
        where = f"WHERE {where}"
    return f"SELECT {told.selected} FROM {told.name} {where}"  # noqa: S608 - our own words


def _covered(told: Declaration, found: Sequence[Any]) -> Sequence[Any]:
    return found[: len(told.covered)]


def _plain(told: Declaration, found: Sequence[Any]) -> Sequence[Any]:
    """The columns without the MAC as they were written: SQLite tells truths as numbers."""
    columns = found[: len(told.columns)]
    if not told.truths:
        return columns
    return [bool(v) if at in told.truths and v is not None else v for at, v in enumerate(columns)]


def _named(told: Declaration, covered: Sequence[Any]) -> str:
    """Whose a row says it is; nobody's where it says something else than an id."""
    owner: object = owner_of(told, covered)
    return owner if isinstance(owner, str) and owner.isalnum() else NOBODY


def _owners(
    told: Declaration, found: Sequence[Sequence[Any]], where: str, values: Sequence[Any]
) -> set[str]:
    """Whose sets a question rests on."""
    if told.owner is None:
        return {NOBODY}
    owners = {each[told.owner] for each in found}
    if where.startswith(f"{told.covered[told.owner]} = ?"):
        owners.add(values[0])
    return owners


def _write(connection: Connection, told: Declaration, listed: Sequence[Sequence[Any]]) -> None:
    seals, counted = seals_of(connection), []
    columns = (*told.columns, MAC)
    statement = f"INSERT INTO {told.name} ({', '.join(columns)}) VALUES ({places(columns)})"  # noqa: S608 - names alone
    for each in listed:
        covered = _covered(told, each)
        mac, element = seals.mark(told.name, covered)
        later(connection, statement, *each, mac)
        counted.append((owner_of(told, covered), part_of(told, covered), 1, element))
    recover(connection, counted)


def _change(
    connection: Connection,
    told: Declaration,
    found: Sequence[tuple[Any, ...]],
    changes: Mapping[str, Change],
) -> None:
    at = {told.columns.index(name): change for name, change in changes.items()}
    pairs = []
    for each in found:
        new, before = list(each[:-1]), told.row._make(each[:-1])
        for place, change in at.items():
            new[place] = change(before) if callable(change) else change
        pairs.append((each[:-1], tuple(new)))
    _rewrite(connection, told, pairs)


def _rewrite(
    connection: Connection, told: Declaration, pairs: Sequence[tuple[Sequence[Any], Sequence[Any]]]
) -> None:
    seals, counted = seals_of(connection), []
    where = " AND ".join(f"{name} = ?" for name in told.key)
    keys = [told.columns.index(name) for name in told.key]
    for before, after in pairs:
        now = [
            at for at, (one, other) in enumerate(zip(before, after, strict=True)) if one != other
        ]
        if not now:
            continue
        one, other = _covered(told, before), _covered(told, after)
        mac, element = seals.mark(told.name, other)
        names = ", ".join(f"{told.columns[at]} = ?" for at in now)
        later(
            connection,
            f"UPDATE {told.name} SET {names}, {MAC} = ? WHERE {where}",  # noqa: S608 - names alone
            *(after[at] for at in now),
            mac,
            *(before[at] for at in keys),
        )
        if any(at < len(told.covered) for at in now):
            counted += [
                (owner_of(told, one), part_of(told, one), -1, -seals.mark(told.name, one)[1]),
                (owner_of(told, other), part_of(told, other), 1, element),
            ]
    recover(connection, counted)


def _delete(
    connection: Connection,
    told: Declaration,
    found: Sequence[tuple[Any, ...]],
    *,
    whatever: bool = False,
) -> None:
    seals, counted = seals_of(connection), []
    where = " AND ".join(f"{name} = ?" for name in told.key)
    keys = [told.columns.index(name) for name in told.key]
    for each in found:
        covered = _covered(told, each)
        later(connection, f"DELETE FROM {told.name} WHERE {where}", *(each[at] for at in keys))  # noqa: S608 - names alone
        element = seals.mark(told.name, covered)[1]
        counted.append((owner_of(told, covered), part_of(told, covered), -1, -element))
    recover(connection, counted, whatever=whatever)
