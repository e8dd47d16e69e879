"""Covers: what somebody's sets of rows amount to, so that none is missing, added or put back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from upheld.core.ids import NOBODY
from upheld.database.connection import WriteConnection
from upheld.database.declared import Declaration
from upheld.database.seals import (
    Cover,
    SealedError,
    Tallies,
    alteration_error,
    latest_cover,
    seals_of,
    sum_with,
)
from upheld.database.statements import (
    dialect_of,
    execute_deferred,
    execute_many,
    placeholders,
    rows,
)

OWNERS_MAX = 500  # in one query
_STORING_SEVERAL: Final = (
    "UPDATE person SET cover = n.cover"
    " FROM unnest(CAST(? AS bytea[]), CAST(? AS text[])) AS n(cover, person_id)"
    " WHERE person.person_id = n.person_id"
)
PartTallies = dict[str, tuple[int, int]]  # of an owner's part: how many rows, and their sum


def matches_cover(
    name: str, cover: Cover, mine: PartTallies, parts: Sequence[str] | None = None
) -> bool:
    """Whether an owner's cover says of a table, or of some parts of it, what was counted of them.

    `mine` is what `tallies_by_owner` has of the owner.
    """
    expected = 0
    for part in cover.parts:
        if not part.startswith(name):  # as most are not
            continue
        table, _, its = part.partition("/")
        if table == name and (parts is None or its in parts):
            if mine.get(part) != cover.tally(part):
                return False
            expected += 1
    return expected == len(mine)


def add_to_tally(mine: PartTallies, part: str, element: int) -> None:
    """Count a row into what is counted of its owner."""
    before = mine.get(part)
    mine[part] = (1, element) if before is None else (before[0] + 1, sum_with(before[1], element))


def tallies_by_owner(tallies: Tallies) -> dict[str, PartTallies]:
    """Tallies by whose they are: of each owner, by part."""
    by_owner: dict[str, PartTallies] = {}
    for (owner, part), tally in tallies.items():
        by_owner.setdefault(owner, {})[part] = tally
    return by_owner


def cover_of(connection: Connection, owner: str) -> Cover:
    """The cover over an owner's set; SealedError where there is none that is theirs."""
    cover = find_cover(connection, owner)
    if cover is None:
        raise alteration_error(owner)
    return cover


def find_cover(connection: Connection, owner: str) -> Cover | None:
    """An owner's cover, kept in mind until the transaction ends; None for who is not there."""
    return covers_by_owner(connection, [owner]).get(owner)


def covers_by_owner(
    connection: Connection, owners: Sequence[str], forged: set[str] | None = None
) -> dict[str, Cover]:
    """The covers of some owners who are there.

    SealedError where one is not theirs, unless such owners are to be put among the `forged`.
    """
    memory: dict[str, Cover] = connection.memory if isinstance(connection, WriteConnection) else {}
    missing = [owner for owner in owners if owner not in memory]
    if missing:
        statement = (
            f"SELECT person_id, cover FROM person WHERE person_id IN ({placeholders(missing)})"  # noqa: S608 - places alone
        )
        for owner, raw in rows(connection, statement, *missing):
            try:
                memory[owner] = latest_cover(connection, owner, raw, to_change=True)
                note_raw(connection, owner, raw)
            except SealedError:
                if forged is None:
                    raise
                forged.add(owner)
    return memory


def owners_of_rows(
    connection: Connection, table: Declaration, owners: Sequence[str], parts: Sequence[str] | None
) -> set[str]:
    """Who of some owners has rows in a table, or in parts of it, by the rows or by their covers.

    Nothing is checked: those whose cover is not theirs are among them.
    """
    if table.owner is None:
        raise TypeError(f"the rows of {table.name} are nobody's")
    name = table.covered[table.owner]
    statement = f"SELECT DISTINCT {name} FROM {table.name} WHERE {name} IN ({placeholders(owners)})"  # noqa: S608 - our own words
    values, names = [*owners], [table.name]
    if table.part is not None:
        if parts is None:
            raise TypeError(f"the rows of {table.name} are counted by parts: name some")
        statement += f" AND {table.covered[table.part]} IN ({placeholders(parts)})"
        values += parts
        names = [f"{table.name}/{each}" for each in parts]
    having = {str(owner) for (owner,) in rows(connection, statement, *values)}
    covers = covers_by_owner(connection, owners, having)
    for owner in owners:
        cover = covers.get(owner)
        if cover is not None and any(each in cover.parts for each in names):
            having.add(owner)
    return having


def take_covers(connection: Connection, person_rows: Iterable[Sequence[Any]]) -> None:
    """Keep in mind the covers that were read with something else, to be changed.

    Of each row the first column is the owner and the third the cover; SealedError where one is
    not theirs.
    """
    if isinstance(connection, WriteConnection):
        memory = connection.memory
        for owner, _, raw, *_ in person_rows:
            if owner not in memory:
                memory[owner] = latest_cover(connection, owner, raw, to_change=True)
                note_raw(connection, owner, raw)


def note_raw(connection: Connection, owner: str, raw: bytes) -> None:
    """Know by its bytes a cover that is kept in mind, so that it is not opened again."""
    if isinstance(connection, WriteConnection):
        connection.raw_covers[owner] = raw


def remaining_covers(
    connection: Connection, owners: Sequence[str], names: Collection[str]
) -> dict[str, Cover]:
    """The covers of some owners of whom only the rows of some tables stay.

    What of those rows was changed before is still found afterwards.
    """
    remaining = {}
    for first in range(0, len(owners), OWNERS_MAX):
        some = owners[first : first + OWNERS_MAX]
        covers = covers_by_owner(connection, some)
        for owner in some:
            cover = covers.get(owner) or Cover(0, {})
            parts = {
                part: tally
                for part, tally in cover.parts.items()
                if part.partition("/")[0] in names
            }
            remaining[owner] = Cover(cover.version, parts)
    return remaining


def first_cover(connection: Connection, owner: str, cover: Cover) -> bytes:
    """A cover sealed for an owner whose row of `person` is about to be written."""
    if isinstance(connection, WriteConnection):
        connection.memory[owner] = cover
    return seals_of(connection).seal_cover(owner, cover)


def update_covers(
    connection: Connection,
    changes_by_row: Iterable[tuple[str, str, int, int]],
    *,
    whatever: bool = False,
) -> None:
    """Count rows into covers, or out of them: each its owner, its part, how many, what they add.

    SealedError, before anything is counted, where a cover is not ours; with `whatever` it is left.
    """
    by_owner: dict[str, PartTallies] = {}
    for owner, part, count, element in changes_by_row:
        mine = by_owner.setdefault(owner, {})
        before = mine.get(part)
        mine[part] = (
            (count, element) if before is None else (before[0] + count, before[1] + element)
        )
    owners = list(by_owner)
    covers: dict[str, Cover] = {}
    forged = set[str]() if whatever else None
    for first in range(0, len(owners), OWNERS_MAX):
        covers |= covers_by_owner(connection, owners[first : first + OWNERS_MAX], forged)
    changed: dict[str, Cover] = {}
    for owner, changes in by_owner.items():
        cover = covers.get(owner)
        if cover is None:
            if owner == NOBODY:
                raise alteration_error(owner)
            continue  # somebody who is there no more, whose rows go one after the other
        for part, (count, element) in changes.items():
            cover.add(part, count, element)
        changed[owner] = cover
    write_covers(connection, changed)


def write_cover(connection: Connection, owner: str, cover: Cover) -> None:
    """Let this be the cover over an owner's set from now on."""
    write_covers(connection, {owner: cover})


def write_covers(connection: Connection, covers: Mapping[str, Cover]) -> None:
    """Let these be the covers over some owners' sets from now on."""
    for owner, cover in covers.items():
        cover.version += 1
        if isinstance(connection, WriteConnection):
            connection.memory[owner] = cover
            connection.versions[owner] = cover.version
    if isinstance(connection, WriteConnection) and connection.counted_once is not None:
        connection.counted_once.waiting.update(covers)
    else:
        _store(connection, covers)


class CountedOnce:
    """A block in which rows of many people are written in several steps, and counted as one.

    The covers that change wait in memory for its end, where each is sealed and written once;
    whoever reads in the same transaction sees them as they are to be. Blocks may lie in each other.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.waiting: dict[str, Cover] = {}  # by their owners

    def __enter__(self) -> None:
        link = self._connection
        if isinstance(link, WriteConnection) and link.counted_once is None:
            link.counted_once = self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        link = self._connection
        if not isinstance(link, WriteConnection) or link.counted_once is not self:
            return
        link.counted_once = None
        if error is None:
            self.write()

    def write(self) -> None:
        """Write what waits."""
        covers = dict(self.waiting)
        self.waiting.clear()
        _store(self._connection, covers)


def note_latest(connection: Connection, owner: str, part: str, moment: int) -> None:
    """Let an owner's cover tell the last moment of a part of their set, until the part changes.

    For whoever has read and checked the rows of the part: others need not read them for it.
    """
    cover = cover_of(connection, owner)
    cover.latest[part] = moment
    _store(connection, {owner: cover})  # the set is as it was, and so is its number of changes


def _store(connection: Connection, covers: Mapping[str, Cover]) -> None:
    seals, statement = seals_of(connection), "UPDATE person SET cover = ? WHERE person_id = ?"
    raw = [(seals.seal_cover(owner, cover), owner) for owner, cover in covers.items()]
    if isinstance(connection, WriteConnection):
        connection.raw_covers.update((owner, sealed) for sealed, owner in raw)
    if len(raw) == 1:
        execute_deferred(connection, statement, *raw[0])
    elif raw and dialect_of(connection).server:
        sealed, owners = map(list, zip(*raw, strict=True))
        execute_deferred(connection, _STORING_SEVERAL, sealed, owners)
    elif raw:
        execute_many(connection, statement, raw)
