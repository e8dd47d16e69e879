"""The one way to read and write rows that decide, in the transaction that is given.

Whatever is read is checked: each row by its MAC, and the set of its owner by its cover, so that a
row which was changed, added, put back or taken away refuses whoever would rest on it. Whatever is
written is marked, and covered; a row that is changed was checked before, so that nobody's row
becomes ours by being written again.

A condition is SQL's, with `?` for a value, and may say an order and a limit. Where it begins with
the owner's column (`person_id = ?`), that owner's set is looked at even if nothing is found; so are
those of several where it says `person_id IN (…)` and no more, but for the parts that are looked at.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from operator import ne
from typing import Any

from sqlalchemy import Connection, Table

from upheld.core.ids import NOBODY
from upheld.database.conditions import is_whole_set, select_statement, several_whole
from upheld.database.covers import (
    OWNERS_MAX,
    PartTallies,
    add_to_tally,
    covers_by_owner,
    find_cover,
    matches_cover,
    tallies_by_owner,
    update_covers,
)
from upheld.database.declared import (
    MAC,
    Declaration,
    declaration,
    mac_columns,
    restore_booleans,
)
from upheld.database.seals import (
    Cover,
    alteration_error,
    owner_of,
    part_of,
    seals_of,
    tally_rows,
)
from upheld.database.statements import execute_deferred, execute_many, placeholders, rows

_LOG = logging.getLogger("upheld")
Change = Any | Callable[[Any], Any]  # what a column becomes, or what tells it of the row


def insert(connection: Connection, table: Table, **values: Any) -> None:
    """Write a row; columns that are not named are empty."""
    layout = declaration(table)
    if unknown := values.keys() - set(layout.columns):
        raise TypeError(f"{layout.name} has no column {', '.join(sorted(unknown))}")
    _write(connection, layout, [tuple(map(values.get, layout.columns))])


def insert_new(connection: Connection, table: Table, **values: Any) -> bool:
    """Write a row unless there is one of its key; whether it was written."""
    layout = declaration(table)
    key = (values[name] for name in layout.key)
    if get(connection, table, layout.of_key, *key) is not None:
        return False
    insert(connection, table, **values)
    return True


def insert_all(
    connection: Connection, table: Table, rows_to_write: Iterable[Mapping[str, Any]]
) -> None:
    """Write some rows at once."""
    layout = declaration(table)
    _write(connection, layout, [tuple(map(each.get, layout.columns)) for each in rows_to_write])


def insert_rows(connection: Connection, table: Table, rows_to_write: Iterable[Any]) -> None:
    """Write some rows at once, each the values of its columns but the MAC, in their order."""
    _write(connection, declaration(table), rows_to_write)


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
    layout = declaration(table)
    intact = _checked(connection, table, where, values, parts)
    return [layout.row._make(each[:-1]) for each in intact]


def select_intact(
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
    layout, seals = declaration(table), seals_of(connection)
    intact, forged = [], set[str]()
    for each in rows(connection, select_statement(layout, where), *values):
        plain = restore_booleans(layout, each)
        if seals.element(layout.name, mac_columns(layout, plain), each[-1]) is None:
            forged.add(_owner_id(layout, plain))
        else:
            intact.append(layout.row._make(plain))
    if layout.owner is not None:
        forged |= _all_altered(
            connection, layout, {owner_of(layout, each) for each in intact} - forged, parts
        )
        intact = [each for each in intact if owner_of(layout, each) not in forged]
    _warn(layout, forged)
    return intact, forged


def select_of_each(
    connection: Connection,
    table: Table,
    owners: Sequence[str],
    where: str,
    *values: Any,
    parts: Sequence[str] | None = None,
) -> tuple[dict[str, list[Any]], set[str]]:
    """What `select` gives of each of some owners, and whose sets are not whole; in few statements.

    `where` is the condition for one owner, such as `person_id = ? AND state = ?`: it begins with
    the owner, has no limit, and all that follows holds besides; `values` are those that follow.
    """
    layout, seals = declaration(table), seals_of(connection)
    name = _owner_column(layout)
    rest = where[len(f"{name} = ?") :]
    whole = is_whole_set(layout, where, None if parts is None else len(parts)) and (
        parts is None or tuple(values) == tuple(parts)
    )
    of_each: dict[str, list[Any]] = {}
    forged, make = set[str](), layout.row._make
    table_name, covered, element_of = layout.name, len(layout.covered), seals.element
    for first in range(0, len(owners), OWNERS_MAX):
        some, tallies = owners[first : first + OWNERS_MAX], dict[str, PartTallies]()
        condition = f"{name} IN ({placeholders(some)}){rest}"
        for each in rows(connection, select_statement(layout, condition), *some, *values):
            plain = restore_booleans(layout, each) if layout.truths else each[:-1]
            content = plain[:covered]
            element = element_of(table_name, content, each[-1])
            if element is None:
                forged.add(_owner_id(layout, plain))
                continue
            owner = owner_of(layout, content)
            if owner in of_each:
                of_each[owner].append(make(plain))
            else:
                of_each[owner] = [make(plain)]
            if whole:
                add_to_tally(tallies.setdefault(owner, {}), part_of(layout, content), element)
        if whole:
            forged |= _differing(connection, layout, some, tallies, forged, parts)
        else:
            forged |= _altered(connection, layout, some, parts)
    return of_each, forged


def altered_owners(connection: Connection, table: Table, owners: Iterable[str]) -> set[str]:
    """Whose sets of rows in a table are not whole, of some owners; the log names them.

    For whoever rests on what many people do not have.
    """
    layout = declaration(table)
    _warn(layout, forged := _all_altered(connection, layout, owners, None))
    return forged


def _all_altered(
    connection: Connection, layout: Declaration, owners: Iterable[str], parts: Sequence[str] | None
) -> set[str]:
    ids, forged = sorted(set(owners)), set[str]()
    for first in range(0, len(ids), OWNERS_MAX):
        forged |= _altered(connection, layout, ids[first : first + OWNERS_MAX], parts)
    return forged


def _warn(layout: Declaration, forged: Iterable[str]) -> None:
    for owner in sorted(forged):
        _LOG.error("not whole: %s", alteration_error(owner, layout.name))


def select_authentic(
    connection: Connection, table: Table, where: str = "", *values: Any
) -> tuple[list[Any], int]:
    """The rows that a condition holds of and that are ours, and how many are not: to look through.

    Nothing is said of their sets; `select` is for whoever rests on them.
    """
    authentic, altered = select_parted(connection, table, where, *values)
    return authentic, len(altered)


def select_parted(
    connection: Connection, table: Table, where: str, *values: Any
) -> tuple[list[Any], list[Any]]:
    """The rows that a condition holds of: ours, and others, which prove nothing."""
    layout, seals = declaration(table), seals_of(connection)
    authentic, altered = list[Any](), list[Any]()
    for each in rows(connection, select_statement(layout, where), *values):
        plain = restore_booleans(layout, each)
        is_ours = seals.element(layout.name, mac_columns(layout, plain), each[-1]) is not None
        (authentic if is_ours else altered).append(layout.row._make(plain))
    return authentic, altered


def get(connection: Connection, table: Table, where: str, *values: Any) -> Any | None:
    """The row that a condition holds of, checked; None where there is none."""
    intact = select(connection, table, where, *values)
    return intact[0] if intact else None


def update(
    connection: Connection,
    table: Table,
    changes: Mapping[str, Change],
    where: str,
    *values: Any,
    parts: Sequence[str] | None = None,
) -> int:
    """Change the rows that a condition holds of; how many."""
    intact = _checked(connection, table, where, values, parts)
    _change(connection, declaration(table), intact, changes)
    return len(intact)


def rewrite(connection: Connection, table: Table, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Write some rows that were read and checked as they are to be: pairs of before and after."""
    layout = declaration(table)
    _rewrite(connection, layout, [(tuple(one), tuple(other)) for one, other in pairs])


def delete(connection: Connection, table: Table, where: str, *values: Any) -> int:
    """Delete the rows that a condition holds of; how many."""
    intact = _checked(connection, table, where, values, None)
    _delete(connection, declaration(table), intact)
    return len(intact)


def delete_rows(connection: Connection, table: Table, some_rows: Sequence[Any]) -> None:
    """Delete some rows that were read and checked."""
    _delete(connection, declaration(table), [tuple(each) for each in some_rows])


def purge(connection: Connection, table: Table, where: str, *values: Any) -> int:
    """Delete the rows that a condition holds of whether they are ours or not; how many.

    For what is to be gone whatever it is. Only rows that are ours leave their owner's cover, and a
    cover that is not ours is left as it is.
    """
    layout, seals = declaration(table), seals_of(connection)
    query = f"SELECT {layout.selected} FROM {layout.name} WHERE {where}"  # noqa: S608 - our own words
    whatever_is_there = [
        (*restore_booleans(layout, each), each[-1]) for each in rows(connection, query, *values)
    ]
    ours = [
        each
        for each in whatever_is_there
        if seals.element(layout.name, mac_columns(layout, each), each[-1]) is not None
    ]
    _delete(connection, layout, ours, whatever=True)
    if len(ours) < len(whatever_is_there):
        execute_deferred(connection, f"DELETE FROM {layout.name} WHERE {where}", *values)  # noqa: S608 - our own words
    return len(whatever_is_there)


def require_intact(
    connection: Connection,
    table: Table,
    owners: Iterable[str],
    parts: Sequence[str] | None = None,
) -> None:
    """SealedError unless some owners' sets of rows in a table are as they were written."""
    layout = declaration(table)
    if layout.owner is None and not layout.few:
        return  # such a set may be large: self-check looks through it
    ids = sorted(set(owners))
    for first in range(0, len(ids), OWNERS_MAX):
        _require_intact(connection, layout, ids[first : first + OWNERS_MAX], parts)


def _require_intact(
    connection: Connection, layout: Declaration, owners: Sequence[str], parts: Sequence[str] | None
) -> None:
    if differing := _altered(connection, layout, owners, parts):
        raise alteration_error(min(differing), layout.name)


def _altered(
    connection: Connection, layout: Declaration, owners: Sequence[str], parts: Sequence[str] | None
) -> set[str]:
    """Whose sets of rows in a table are not as they were written."""
    where, values = "", list[str]()
    if layout.owner is not None:
        where, values = (
            f"WHERE {layout.covered[layout.owner]} IN ({placeholders(owners)})",
            [*owners],
        )
    if parts is not None and layout.part is not None:
        where += f" AND {layout.covered[layout.part]} IN ({placeholders(parts)})"
        values += parts
    seals, authentic, differing = seals_of(connection), [], set[str]()
    for each in rows(connection, f"SELECT {layout.checked} FROM {layout.name} {where}", *values):  # noqa: S608 - our own words
        content = restore_booleans(layout, each[:-1])
        element = seals.element(layout.name, content, each[-1])
        if element is None:
            differing.add(owner_of(layout, content))
        else:
            authentic.append((content, element))
    tallies = tallies_by_owner(tally_rows(layout, authentic))
    return differing | _differing(connection, layout, owners, tallies, differing, parts)


def _differing(
    connection: Connection,
    layout: Declaration,
    owners: Sequence[str],
    tallies: Mapping[str, PartTallies],
    besides: set[str],
    parts: Sequence[str] | None,
) -> set[str]:
    """Whose rows, as they are counted, are not those that their covers tell of.

    Those `besides` are not looked at.
    """
    forged = set(besides)
    covers = covers_by_owner(connection, owners, forged)
    for owner in owners:
        # Who is not there has no rows.
        if owner not in forged and not matches_cover(
            layout.name, covers.get(owner) or Cover(0, {}), tallies.get(owner, {}), parts
        ):
            forged.add(owner)
    return forged


def _checked(
    connection: Connection,
    table: Table,
    where: str,
    values: Sequence[Any],
    parts: Sequence[str] | None,
) -> list[tuple[Any, ...]]:
    """The rows that a condition holds of, with their MACs; SealedError as `select` raises it."""
    layout, elements, seals, intact = declaration(table), [], seals_of(connection), []
    for each in rows(connection, select_statement(layout, where), *values):
        plain = (*restore_booleans(layout, each), each[-1])
        content = mac_columns(layout, plain)
        element = seals.element(layout.name, content, each[-1])
        if element is None:
            raise alteration_error(_owner_id(layout, plain), layout.name)
        intact.append(plain)
        elements.append((content, element))
    several = several_whole(layout, where, values, parts)
    if several:  # all that there is of them need not be read again
        tallies = tallies_by_owner(tally_rows(layout, elements))
        if differing := _differing(connection, layout, several, tallies, set(), parts):
            raise alteration_error(min(differing), layout.name)
    elif is_whole_set(layout, where, None if parts is None else len(parts)) and (
        parts is None or tuple(values[1:]) == tuple(parts)
    ):  # nor that of one
        owner = values[0] if values else NOBODY
        cover = find_cover(connection, owner) or Cover(0, {})
        mine = tallies_by_owner(tally_rows(layout, elements)).get(owner, {})
        if not matches_cover(layout.name, cover, mine, parts):
            raise alteration_error(owner, layout.name)
    else:
        require_intact(connection, table, _owners(layout, intact, where, values), parts)
    return intact


def _owner_column(layout: Declaration) -> str:
    """The column that says whose a row is; TypeError where rows are nobody's."""
    if layout.owner is None:
        raise TypeError(f"the rows of {layout.name} are nobody's")
    return layout.covered[layout.owner]


def _owner_id(layout: Declaration, content: Sequence[Any]) -> str:
    """Whose a row says it is; nobody's where it says something else than an id."""
    owner: object = owner_of(layout, content)
    return owner if isinstance(owner, str) and owner.isalnum() else NOBODY


def _owners(
    layout: Declaration, intact: Sequence[Sequence[Any]], where: str, values: Sequence[Any]
) -> set[str]:
    """Whose sets a question rests on."""
    if layout.owner is None:
        return {NOBODY}
    owners = {each[layout.owner] for each in intact}
    if where.startswith(f"{layout.covered[layout.owner]} = ?"):
        owners.add(values[0])
    return owners


def _write(
    connection: Connection, layout: Declaration, rows_to_write: Iterable[tuple[Any, ...]]
) -> None:
    marked: list[tuple[Any, ...]] = []
    totals: dict[tuple[str, str], tuple[int, int]] = {}  # by whose they are, and their part
    name, mark, covered = layout.name, seals_of(connection).mark, len(layout.covered)
    owner_at, part = layout.owner, name
    for each in rows_to_write:
        content = each[:covered]
        mac, element = mark(name, content)
        marked.append((*each, mac))
        if layout.part is not None:
            part = part_of(layout, content)
        at = NOBODY if owner_at is None else content[owner_at], part
        count, total = totals.get(at, (0, 0))
        totals[at] = count + 1, total + element
    if len(marked) == 1:
        execute_deferred(connection, layout.inserting, *marked[0])
    elif marked:
        execute_many(connection, layout.inserting, marked)
    update_covers(connection, [(*at, *total) for at, total in totals.items()])


def _change(
    connection: Connection,
    layout: Declaration,
    intact: Sequence[tuple[Any, ...]],
    changes: Mapping[str, Change],
) -> None:
    at = {layout.columns.index(name): change for name, change in changes.items()}
    pairs = []
    for each in intact:
        new, before = list(each[:-1]), layout.row._make(each[:-1])
        for place, change in at.items():
            new[place] = change(before) if callable(change) else change
        pairs.append((each[:-1], tuple(new)))
    _rewrite(connection, layout, pairs)


def _rewrite(
    connection: Connection,
    layout: Declaration,
    pairs: Sequence[tuple[Sequence[Any], Sequence[Any]]],
) -> None:
    seals, changes, columns = seals_of(connection), [], range(len(layout.columns))
    alike: dict[tuple[int, ...], list[tuple[Any, ...]]] = {}  # by the columns that change
    for before, after in pairs:
        now = tuple(compress(columns, map(ne, before, after)))
        if not now:
            continue
        one, other = mac_columns(layout, before), mac_columns(layout, after)
        mac, element = seals.mark(layout.name, other)
        key = (before[at] for at in layout.key_at)
        alike.setdefault(now, []).append((*(after[at] for at in now), mac, *key))
        if any(at < len(layout.covered) for at in now):
            changes += [
                (owner_of(layout, one), part_of(layout, one), -1, -seals.mark(layout.name, one)[1]),
                (owner_of(layout, other), part_of(layout, other), 1, element),
            ]
    for now, some in alike.items():
        names = ", ".join(f"{layout.columns[at]} = ?" for at in now)
        statement = f"UPDATE {layout.name} SET {names}, {MAC} = ? WHERE {layout.of_key}"  # noqa: S608 - names alone
        if len(some) == 1:
            execute_deferred(connection, statement, *some[0])
        else:
            execute_many(connection, statement, some)
    update_covers(connection, changes)


def _delete(
    connection: Connection,
    layout: Declaration,
    intact: Sequence[tuple[Any, ...]],
    *,
    whatever: bool = False,
) -> None:
    seals, changes = seals_of(connection), []
    statement = f"DELETE FROM {layout.name} WHERE {layout.of_key}"  # noqa: S608 - names alone
    for each in intact:
        content = mac_columns(layout, each)
        execute_deferred(connection, statement, *(each[at] for at in layout.key_at))
        element = seals.mark(layout.name, content)[1]
        changes.append((owner_of(layout, content), part_of(layout, content), -1, -element))
    update_covers(connection, changes, whatever=whatever)
