"""A block written anew: what stands in its place is sealed under the same day's key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from upheld.core.ids import BlockId
from upheld.database.own_tables import placeholders
from upheld.gate.transaction import Transaction
from upheld.practices.collection import blocks
from upheld.practices.collection.blocks import (
    COOKIE,
    NETWORK,
    PAGE,
    DayKeys,
    VisitColumns,
    seal_columns,
)
from upheld.practices.collection.tables import visit_block

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


def replace(
    transaction: Transaction,
    keys: DayKeys,
    row: Any,
    columns: VisitColumns,
    fields: Iterable[str],
    apart: VisitColumns | None = None,
) -> None:
    """Write a block anew; without any visit it goes. A hold alone keeps what is `apart`."""
    transaction.tables.delete(visit_block, "block_id = ?", row.block_id)
    names = tuple(each for each in EVERY if each in fields)
    bits = row.token_bits if COOKIE in names else None
    for some, is_apart in ((columns, bool(row.apart)), (apart, True)):
        if some is not None and some.times:
            blocks.write(
                transaction.tables,
                [seal_columns(keys, row.day, some, bits)],
                source=row.source,
                fields=names,
                clauses=row.clauses.split(),
                apart=is_apart,
            )
