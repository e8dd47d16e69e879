"""Visits, as the desk counts them: by kind of data, who told us, clause and age, and when they go.

It is worked out by the questions that the job asks, and nothing is deleted. For a page no visit is
looked at, and whose visits the law keeps longer is not told. For a dry run those that a hold keeps
of which we may speak are taken out of what goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from functools import cache
from typing import Final, NamedTuple

from upheld.core.ids import BeaconKey, BlockId
from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import end_of_keeping
from upheld.practice.partner_transactions import NEVER
from upheld.practice.stock import NOW, Stock, StockCount
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.holding import held_cookies
from upheld.practices.collection.retention import may_stay
from upheld.practices.collection.rewriting import (
    EVERY,
    BlockSize,
    lots_of,
    open_whole,
    whole_keys,
)
from upheld.practices.collection.tables import COUNTED, visit_block
from upheld.practices.collection.tellers import key_of

HERE: Final = "/staff/visits"


class _Alike(NamedTuple):
    """What visits of blocks have alike that are counted together."""

    day: str
    source: str
    fields: str
    clauses: str


def visit_stock(gate: Gate) -> Stock:
    """Counts by kind of data: a visit has several, and counts once in the total."""
    with gate.consult() as transaction:
        return stock_of(transaction)


def due_visits(gate: Gate) -> Stock:
    """Those counts where what a hold keeps openly of visits whose time is over has no set end."""
    with gate.consult() as transaction:
        return stock_of(transaction, for_job=True)


def stock_of(transaction: Transaction, *, for_job: bool = False) -> Stock:
    """All that is kept of visits, in a transaction; as its job goes or, for a page, as told."""
    allowed, oldest, decision = may_stay(transaction)
    openly = _kept_openly(transaction, allowed, oldest) if for_job else {}

    @cache
    def month_of_end(day: str) -> str:
        ends = end_of_keeping(day, decision)
        return "" if ends is None else ends.isoformat()[:7]

    def goes(field: str, day: str) -> str:
        stays = {field, PAGE} <= {*allowed} and day >= oldest
        return month_of_end(day) if stays else NOW

    beacons = {each.key: each for each in beacon_keys.beacons(transaction.tables)}
    rows = []
    for alike, visits in _sums(transaction.tables):
        day, source, fields, clauses = alike
        its = beacons.get(BeaconKey(key_of(source)))
        ends = {field: goes(field, day) for field in fields.split()}
        stay = {field: openly.get(alike, 0) if ends[field] == NOW else 0 for field in ends}
        rows += [
            StockCount(
                field,
                source.partition(" ")[0],
                tuple(clauses.split()),
                day,
                number,
                its.company if its else "",
                again=field != PAGE,
                goes=month,
                key=key_of(source),
            )
            for field in ends
            for number, month in ((visits - stay[field], ends[field]), (stay[field], ""))
            if number
        ]
    return Stock("visits", "Visits", rows, HERE)


def _sums(tables: Tables) -> list[tuple[_Alike, int]]:
    """How many visits of a day are alike; no block is read for it.

    Nothing is told of what a hold alone keeps.
    """
    columns = [*_Alike._fields, "SUM(visits)"]
    grouped = f"{COUNTED} GROUP BY {', '.join(_Alike._fields)}"
    return [
        (_Alike(*map(str, alike)), int(visits))
        for *alike, visits in tables.select_unchecked(visit_block, columns, grouped)
    ]


def _kept_openly(
    transaction: Transaction, allowed: Collection[str], oldest: str
) -> Counter[_Alike]:
    """Of how many visits the job sets apart what goes for holds of which we may speak.

    Kinds of data go that are not allowed, and all before the oldest day. What may be in a block
    that is damaged nobody can say: where there is such a hold, it stays.
    """
    tables, counts = transaction.tables, Counter[_Alike]()
    reach = held_cookies(transaction)
    others = [each for each in EVERY if each not in allowed]
    which = " OR ".join([f"{COUNTED} AND (day < ?", *["fields LIKE ?"] * len(others)]) + ")"
    bounds = (oldest if PAGE in allowed else NEVER, *(f"%{each}%" for each in others))
    days = tables.select_unchecked(visit_block, ["day"], f"{which} GROUP BY day", *bounds)
    for (each_day,) in days if reach.openly else ():
        day = str(each_day)
        keys, broken = whole_keys(transaction, tables, [day]), set[BlockId]()
        tokens = reach.of_day(keys, day)
        sizes = [
            BlockSize(BlockId(str(block_id)), int(visits))
            for block_id, visits in tables.select_unchecked(
                visit_block, ["block_id", "visits"], f"{which} AND day = ?", *bounds, day
            )
        ]
        for some in lots_of(sizes):
            for row, columns in open_whole(tables, keys, some, broken):
                alike = _Alike(row.day, row.source, row.fields, row.clauses)
                staying = tokens.staying(row, columns)
                counts[alike] += sum(len(each.columns.times) for each in staying if not each.apart)
        for each in broken:
            for *its, visits in tables.select_unchecked(
                visit_block, [*_Alike._fields, "visits"], "block_id = ?", each
            ):
                counts[_Alike(*map(str, its))] += int(visits)
    return counts
