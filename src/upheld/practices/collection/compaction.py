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

from upheld.core.ids import BlockId
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.practices.collection import blocks
from upheld.practices.collection.blocks import (
    BITS_MAX,
    COOKIE,
    DayKeys,
    PageVisit,
    SealedBlock,
    bits_of,
    seal_day,
)
from upheld.practices.collection.rewriting import OpenBlock, open_whole, set_aside, whole_keys
from upheld.practices.collection.tables import COUNTED, visit_block

JOB: Final = "visits in order"  # as its list of what it could not do names it
FEW: Final = 500  # visits of one block, at most about so many, once they are in order
WHOLE: Final = 50_000  # visits without a token in a block that is not joined any more
AT_ONCE: Final = 1_000_000  # visits that are put in order together
BLOCKS_AT_ONCE: Final = 2_000
_ALIKE: Final = ("day", "source", "fields", "clauses")


class _Lot(NamedTuple):
    """Blocks that are alike, and are put in order together."""

    blocks: list[OpenBlock]
    keys: DayKeys

    @property
    def first(self) -> Any:
        """A row whose day, source, kinds of data and clauses are those of all."""
        return self.blocks[0].row


def compact(gate: Gate) -> int:
    """Put the blocks of days that are over in order; how many were.

    A block that is not as it was written is passed over, and its day stands on the list of the job.
    """
    count, damaged = 0, set[BlockId]()
    with trial_of(gate, JOB) as trial:
        while step := sum(_order(gate, group, damaged) for group in _groups(gate)):
            count += step
        set_aside(trial, gate, damaged)
    return count


def _order(gate: Gate, group: Sequence[Any], damaged: set[BlockId]) -> int:
    """Put the blocks of a group in order; how many were. What is not whole joins `damaged`."""
    count = 0
    while (lot := _next_lot(gate, group, damaged)) is not None:
        by_token: dict[bytes, list[PageVisit]] = defaultdict(list)
        for block in lot.blocks:
            for visit in block.columns.visits():
                by_token[visit.token].append(visit)
        unmarked = _large(lot, sorted(by_token.pop(b"", [])))
        marked = _in_order(lot, by_token)
        if _replace(gate, lot, unmarked, marked):
            count += len(lot.blocks)
    return count


def _groups(gate: Gate) -> list[tuple[Any, ...]]:
    """What blocks of days that are over have alike, where some are not in order yet."""
    with gate.look() as tables:
        return tables.select_unchecked(
            visit_block,
            _ALIKE,
            f"{COUNTED} AND day < ? AND token_bits IS NULL AND (visits < ? OR fields LIKE ?)"
            f" GROUP BY {', '.join(_ALIKE)}"
            " HAVING COUNT(*) > 1 OR (fields LIKE ? AND SUM(visits) > ?) ORDER BY day",
            gate.clock.today().isoformat(),
            WHOLE,
            f"%{COOKIE}%",
            f"%{COOKIE}%",
            FEW,
        )


def _next_lot(gate: Gate, group: Sequence[Any], damaged: set[BlockId]) -> _Lot | None:
    """Some blocks of a group that are not in order yet; None where no whole one is left."""
    with gate.look() as tables:
        while some := _some(tables, group, damaged):
            keys, before = whole_keys(gate, tables, [str(group[0])]), len(damaged)
            whole = open_whole(tables, keys, some, damaged)
            if len(damaged) == before:
                return _Lot(whole, keys)
    return None


def _some(tables: Tables, group: Sequence[Any], damaged: set[BlockId]) -> list[BlockId]:
    """The first blocks of a group: two, and those after them that are not too many together.

    None where they are in order already, as far as they are whole.
    """
    where = " AND ".join(f"{each} = ?" for each in _ALIKE)
    marked = COOKIE in str(group[2]).split()
    small = "" if marked else f" AND visits < {WHOLE}"
    pairs = tables.select_unchecked(
        visit_block,
        ["visits", "block_id"],
        f"{COUNTED}{small} AND token_bits IS NULL AND {where}"
        f" ORDER BY visits, block_id LIMIT {BLOCKS_AT_ONCE + len(damaged)}",
        *group,
    )
    most, count, some = AT_ONCE if marked else WHOLE, 0, list[BlockId]()
    for visits, block_id in pairs:
        if block_id in damaged:
            continue
        if (count + int(visits) > most and len(some) > 1) or len(some) == BLOCKS_AT_ONCE:
            break
        count += int(visits)
        some.append(BlockId(str(block_id)))
    return some if len(some) > 1 or (marked and count > FEW) else []


def _large(lot: _Lot, visits: Sequence[PageVisit]) -> list[SealedBlock]:
    """Blocks of visits without a token."""
    return [
        seal_day(lot.keys, lot.first.day, visits[first : first + 2 * WHOLE])
        for first in range(0, len(visits), 2 * WHOLE)
    ]


def _in_order(lot: _Lot, by_token: Mapping[bytes, list[PageVisit]]) -> list[SealedBlock]:
    """Blocks of visits in the order of their tokens, by as many of their bits as are needed."""
    keys, day, count, tokens = lot.keys, lot.first.day, 0, sorted(by_token)
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
    ids, first = [each.row.block_id for each in lot.blocks], lot.first
    fields = str(first.fields).split()
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
