"""A block written anew: what stands in its place is sealed under the same day's key."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, MutableSet, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple

from upheld.core.ids import BlockId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER, SealedError, SealError
from upheld.gate.sealing import SealerSource
from upheld.gate.set_aside import JobTrial
from upheld.gate.transaction import Transaction
from upheld.practices.collection import blocks
from upheld.practices.collection.blocks import (
    COOKIE,
    NETWORK,
    PAGE,
    DayKeys,
    VisitColumns,
    days_of,
    seal_columns,
)
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day

JOB: Final = "visits"  # on whose list days with damaged blocks stand
OF_DAY: Final = "visits of {}"  # what stands there
EVERY: Final = (PAGE, NETWORK, COOKIE)
AT_ONCE: Final = 200_000  # visits whose blocks are read, or written anew, together
BLOCKS_AT_ONCE: Final = 200


class BlockSize(NamedTuple):
    """A block, and how many visits are in it."""

    block_id: BlockId
    visits: int


def lots_of(sizes: Iterable[BlockSize]) -> Iterator[list[BlockId]]:
    """Blocks a few at a time: as many as make a transaction that others can wait for."""
    lot, count = list[BlockId](), 0
    for each in sizes:
        if lot and (count + each.visits > AT_ONCE or len(lot) == BLOCKS_AT_ONCE):
            yield lot
            lot, count = [], 0
        lot.append(each.block_id)
        count += each.visits
    if lot:
        yield lot


def any_of(block_ids: Sequence[BlockId]) -> str:
    """The condition for some blocks."""
    return f"block_id IN ({placeholders(block_ids)})"


class OpenBlock(NamedTuple):
    """A row of the table, and the visits in it by columns."""

    row: Any
    columns: VisitColumns


def open_whole(
    tables: Tables, keys: DayKeys, block_ids: Sequence[BlockId], damaged: MutableSet[BlockId]
) -> list[OpenBlock]:
    """The blocks that are as they were written; those that are not join the damaged ones.

    The ids are of blocks that are there.
    """
    rows, _ = tables.select_authentic(visit_block, any_of(block_ids), *block_ids)
    damaged |= {*block_ids} - {row.block_id for row in rows}
    result = []
    for row in rows:
        try:
            result.append(OpenBlock(row, keys.columns(row)))
        except (SealError, KeyError):  # or there is no key of its day
            damaged.add(row.block_id)
    return result


def whole_keys(source: SealerSource, tables: Tables, days: Iterable[str]) -> DayKeys:
    """The keys of those days whose salts are as they were written."""
    salts: dict[str, bytes] = {}
    for day in days:
        with suppress(SealedError):
            salts |= days_of(tables, [day])
    return DayKeys(source, salts)


def days_there(tables: Tables, where: str, *values: str) -> list[str]:
    """The days of which a condition holds that have blocks or a key, in their order.

    A key that somebody took away hides no block.
    """
    of_blocks = tables.select_unchecked(visit_block, ["day"], where, *values)
    of_keys = tables.select_unchecked(visit_day, ["day"], where, *values)
    return sorted({str(day) for (day,) in (*of_blocks, *of_keys)})


def days_in_doubt(tables: Tables, oldest: str) -> list[str]:
    """The days whose key was changed, or taken away from what is kept of them, in their order.

    Since a day of which something may be told; of none where there is no such day.
    """
    where = "day >= ?" if oldest else "day < ?"
    there = tables.select_unchecked(visit_day, ["day"], where, oldest)
    of_blocks = tables.select_unchecked(visit_block, ["day"], f"{COUNTED} AND {where}", oldest)
    intact, _ = tables.select_authentic(visit_day, where, oldest)
    days = {str(day) for (day,) in (*there, *of_blocks)}
    return sorted(days - {str(each.day) for each in intact})


def set_aside(
    trial: JobTrial, gate: Gate, damaged: Collection[BlockId], in_doubt: Sequence[str] = ()
) -> None:
    """Put the days of damaged blocks on the list of a job, but of what a hold alone keeps.

    And those whose keys are `in_doubt`.
    """
    days: dict[str, list[BlockId]] = {day: [] for day in in_doubt}
    with gate.look() as tables:
        for block_id in sorted(damaged):
            where = f"{COUNTED} AND block_id = ?"
            for (day,) in tables.select_unchecked(visit_block, ["day"], where, block_id):
                days.setdefault(str(day), []).append(block_id)
    for day, block_ids in days.items():
        trial.one(partial(_require_whole, gate, day, block_ids), REGISTER, OF_DAY.format(day))


def on_list(trial: JobTrial, gate: Gate) -> set[BlockId]:
    """The blocks of the days that stand on the list of a job, whole or not, as `set_aside`."""
    prefix, result = OF_DAY.format(""), set[BlockId]()
    with gate.look() as tables:
        for about in trial.listed():
            day = about.removeprefix(prefix)
            where = f"{COUNTED} AND day = ?"
            ids = tables.select_unchecked(visit_block, ["block_id"], where, day)
            result |= {BlockId(str(block_id)) for (block_id,) in ids}
    return result


def _require_whole(gate: Gate, day: str, block_ids: Sequence[BlockId]) -> None:
    """SealedError, or SealError, unless some blocks of a day are as they were written.

    Of a day without blocks, unless its key is.
    """
    with gate.look() as tables:
        keys = DayKeys(gate, days_of(tables, [day]))
        if not block_ids and not keys.salts:
            raise SealError("the key of a day")
        for some in lots_of(BlockSize(each, 1) for each in block_ids):
            rows = tables.select(visit_block, any_of(some), *some)
            if rows and not keys.salts:
                raise SealError("the key of a day")
            for row in rows:
                keys.columns(row)


class BlockPart(NamedTuple):
    """Visits that stand in place of a block, whether they are apart, and of which kinds of data.

    Of those that the block has where nothing is said.
    """

    columns: VisitColumns
    apart: bool | None
    fields: Collection[str] = EVERY


def replace(transaction: Transaction, keys: DayKeys, row: Any, *parts: BlockPart) -> None:
    """Write parts in place of a block, those in which there is a visit, like it in all else.

    What was not told as gone before, and is now, says when.
    """
    transaction.tables.delete(visit_block, "block_id = ?", row.block_id)
    before = row.fields.split()
    for columns, apart, fields in parts:
        names = tuple(each for each in EVERY if each in before and each in fields)
        # What is apart may have other tokens: nothing is said of how they begin.
        bits = row.token_bits if COOKIE in names and apart is None else None
        since = row.gone
        if not row.apart and apart != row.apart:
            since = microseconds(transaction.clock.now()) if apart else None
        if columns.times:
            blocks.write(
                transaction.tables,
                [seal_columns(keys, row.day, columns, bits)],
                source=row.source,
                fields=names,
                clauses=row.clauses.split(),
                apart=apart,
                gone=since,
            )
