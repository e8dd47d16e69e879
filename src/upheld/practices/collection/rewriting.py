"""A block written anew: what stands in its place is sealed under the same day's key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

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


def replace(
    transaction: Transaction,
    keys: DayKeys,
    row: Any,
    columns: VisitColumns,
    fields: Iterable[str],
) -> None:
    """Write a block anew; without any visit it goes."""
    transaction.tables.delete(visit_block, "block_id = ?", row.block_id)
    if columns.times:
        names = tuple(each for each in EVERY if each in fields)
        some = [seal_columns(keys, row.day, columns)]
        blocks.write(
            transaction.tables, some, source=row.source, fields=names, clauses=row.clauses.split()
        )
