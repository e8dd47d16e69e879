"""Small blocks of a day that is over become few: whoever opens a day then opens fewer of them.

What they say stays as it is, and so do who told us, the kinds of data and the clauses by which it
is kept: blocks that differ in one of these are never joined. The digest that an entry has of the
blocks that it wrote is of them as they were.
"""

from __future__ import annotations

from typing import Any, Final

from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practices.collection import blocks
from upheld.practices.collection.blocks import DayKeys, days_of, seal_day
from upheld.practices.collection.tables import visit_block

WHOLE: Final = 50_000  # visits in a block that is not joined any more
AT_ONCE: Final = 200  # blocks that are joined in one transaction
_ALIKE: Final = ("day", "source", "fields", "clauses")


def compact(gate: Gate) -> int:
    """Join small blocks of days that are over; how many were."""
    count = 0
    while True:
        with gate.together() as transaction:
            joined = _join(transaction)
        if not joined:
            return count
        count += joined


def _join(transaction: Transaction) -> int:
    """Join some blocks that are alike into one; how many, 0 where there are none left."""
    tables, today = transaction.tables, transaction.clock.today().isoformat()
    groups = tables.select_unchecked(
        visit_block,
        _ALIKE,
        f"day < ? AND visits < ? GROUP BY {', '.join(_ALIKE)} HAVING COUNT(*) > 1"
        " ORDER BY day LIMIT 1",
        today,
        WHOLE,
    )
    if not groups:
        return 0
    where = " AND ".join(f"{each} = ?" for each in _ALIKE)
    rows = tables.select(
        visit_block,
        f"visits < ? AND {where} ORDER BY visits, block_id LIMIT ?",
        WHOLE,
        *groups[0],
        AT_ONCE,
    )
    some = _up_to_whole(rows)
    (first, *_) = some
    keys = DayKeys(transaction, days_of(tables, [first.day]))
    visits = sorted(visit for row in some for visit in keys.open(row))
    for row in some:
        tables.delete(visit_block, "block_id = ?", row.block_id)
    blocks.write(
        tables,
        [seal_day(keys, first.day, visits)],
        source=first.source,
        fields=first.fields.split(),
        clauses=first.clauses.split(),
    )
    return len(some)


def _up_to_whole(rows: list[Any]) -> list[Any]:
    """The first two blocks, and those after them that still fit into a whole one."""
    some, count = rows[:2], sum(each.visits for each in rows[:2])
    for each in rows[2:]:
        count += each.visits
        if count > WHOLE:
            break
        some.append(each)
    return some
