"""The blocks of a day that is over, put in the order of their tokens, a few hundred visits in each.

A browser's visits of a day then lie in one block, or in few, so that whoever is erased or looks at
their own has those opened and written anew, and not the whole day; and what is alike lies together,
which takes less than half of the room. Visits without a token are nobody's that can be looked for:
they make large blocks.

What blocks say stays as it is, and so do who told us, the kinds of data and the clauses by which it
is kept: blocks that differ in one of these are never joined. The digest that an entry has of the
blocks that it wrote is of them as they were. Blocks are read and put in order while nobody waits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from upheld.database.own_tables import Tables, placeholders
from upheld.gate.gate import Gate
from upheld.practices.collection import blocks
from upheld.practices.collection.blocks import (
    BITS_MAX,
    COOKIE,
    DayKeys,
    PageVisit,
    SealedBlock,
    bits_of,
    days_of,
    seal_day,
)
from upheld.practices.collection.tables import COUNTED, visit_block

FEW: Final = 500  # visits of one block, at most about so many, once they are in order
WHOLE: Final = 50_000  # visits without a token in a block that is not joined any more
AT_ONCE: Final = 1_000_000  # visits that are put in order together
BLOCKS_AT_ONCE: Final = 2_000
_ALIKE: Final = ("day", "source", "fields", "clauses")


class _Lot(NamedTuple):
    """Blocks that are alike, and are put in order together."""

    rows: list[Any]
    salts: dict[str, bytes]

    @property
    def fields(self) -> list[str]:
        """The kinds of data in them."""
        return str(self.rows[0].fields).split()


def compact(gate: Gate) -> int:
    """Put the blocks of days that are over in order; how many were."""
    count = 0
    while (lot := _next_lot(gate)) is not None:
        keys = DayKeys(gate, lot.salts)
        by_token: dict[bytes, list[PageVisit]] = defaultdict(list)
        for row in lot.rows:
            for visit in keys.open(row):
                by_token[visit.token].append(visit)
        unmarked = _large(keys, lot, sorted(by_token.pop(b"", [])))
        marked = _in_order(keys, lot, by_token)
        if _replace(gate, lot, unmarked, marked):
            count += len(lot.rows)
    return count


def _next_lot(gate: Gate) -> _Lot | None:
    """Some blocks that are alike and not in order yet; None where there are none left."""
    with gate.look() as tables:
        today = gate.clock.today().isoformat()
        groups = tables.select_unchecked(
            visit_block,
            _ALIKE,
            f"{COUNTED} AND day < ? AND token_bits IS NULL AND (visits < ? OR fields LIKE ?)"
            f" GROUP BY {', '.join(_ALIKE)}"
            " HAVING COUNT(*) > 1 OR (fields LIKE ? AND SUM(visits) > ?) ORDER BY day LIMIT 1",
            today,
            WHOLE,
            f"%{COOKIE}%",
            f"%{COOKIE}%",
            FEW,
        )
        if not groups:
            return None
        rows = _rows(tables, groups[0])
        return _Lot(rows, days_of(tables, [rows[0].day]))


def _rows(tables: Tables, group: Sequence[Any]) -> list[Any]:
    """The first blocks of a group: two, and those after them that are not too many together."""
    where = " AND ".join(f"{each} = ?" for each in _ALIKE)
    marked = COOKIE in str(group[2]).split()
    small = "" if marked else f" AND visits < {WHOLE}"
    pairs = tables.select_unchecked(
        visit_block,
        ["visits", "block_id"],
        f"{COUNTED}{small} AND token_bits IS NULL AND {where}"
        f" ORDER BY visits, block_id LIMIT {BLOCKS_AT_ONCE}",
        *group,
    )
    most, count, some = AT_ONCE if marked else WHOLE, 0, list[str]()
    for visits, block_id in pairs:
        count += int(visits)
        if count > most and len(some) > 1:
            break
        some.append(str(block_id))
    return tables.select(visit_block, f"block_id IN ({placeholders(some)})", *some)


def _large(keys: DayKeys, lot: _Lot, visits: Sequence[PageVisit]) -> list[SealedBlock]:
    """Blocks of visits without a token."""
    day = lot.rows[0].day
    return [
        seal_day(keys, day, visits[first : first + 2 * WHOLE])
        for first in range(0, len(visits), 2 * WHOLE)
    ]


def _in_order(
    keys: DayKeys, lot: _Lot, by_token: Mapping[bytes, list[PageVisit]]
) -> list[SealedBlock]:
    """Blocks of visits in the order of their tokens, by as many of their bits as are needed."""
    day, count, tokens = lot.rows[0].day, 0, sorted(by_token)
    while count < BITS_MAX and sum(map(len, by_token.values())) > FEW << count:
        count += 1
    return [
        seal_day(keys, day, [v for token in some for v in sorted(by_token[token])], bits or None)
        for bits, some in groupby(tokens, lambda token: bits_of(token, count))
    ]


def _replace(
    gate: Gate, lot: _Lot, unmarked: Sequence[SealedBlock], marked: Sequence[SealedBlock]
) -> bool:
    """Write blocks in the place of others, if these are all still there; whether they were."""
    ids = [row.block_id for row in lot.rows]
    first, fields = lot.rows[0], lot.fields
    with gate.together() as transaction:
        tables, where = transaction.tables, f"block_id IN ({placeholders(ids)})"
        if len(tables.select_unchecked(visit_block, ["block_id"], where, *ids)) < len(ids):
            return False  # who is erased was taken out meanwhile, or the day is over
        tables.delete(visit_block, where, *ids)
        for some, kinds in (
            (unmarked, [each for each in fields if each != COOKIE]),
            (marked, fields),
        ):
            blocks.write(
                tables, some, source=first.source, fields=kinds, clauses=first.clauses.split()
            )
    return True
