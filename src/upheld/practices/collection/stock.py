"""Visits, as the desk counts them: by kind of data, who told us, clause and age, and when they go.

It is worked out by the questions that the job asks. Nothing is deleted, and no visit is looked at.
Whose visits the law keeps longer is not told: an order may forbid us to speak of it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from upheld.core.ids import BeaconKey
from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import end_of_keeping
from upheld.practice.stock import NOW, Stock, StockCount
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.retention import may_stay
from upheld.practices.collection.tables import COUNTED, visit_block
from upheld.practices.collection.tellers import key_of

HERE: Final = "/staff/visits"


def visit_stock(gate: Gate) -> Stock:
    """Counts by kind of data: a visit has several, and counts once in the total."""
    with gate.consult() as transaction:
        return stock_of(transaction)


def stock_of(transaction: Transaction) -> Stock:
    """All that is kept of visits, in a transaction."""
    allowed, oldest, decision = may_stay(transaction)

    @cache
    def month_of_end(day: str) -> str:
        ends = end_of_keeping(day, decision)
        return "" if ends is None else ends.isoformat()[:7]

    def goes(field: str, day: str) -> str:
        stays = {field, PAGE} <= {*allowed} and day >= oldest
        return month_of_end(day) if stays else NOW

    beacons = {each.key: each for each in beacon_keys.beacons(transaction.tables)}
    rows = []
    for day, source, fields, clauses, visits in _sums(transaction.tables):
        its = beacons.get(BeaconKey(key_of(source)))
        rows += [
            StockCount(
                field,
                source.partition(" ")[0],
                tuple(clauses.split()),
                day,
                visits,
                its.company if its else "",
                again=field != PAGE,
                goes=goes(field, day),
                key=key_of(source),
            )
            for field in fields.split()
        ]
    return Stock("visits", "Visits", rows, HERE)


def _sums(tables: Tables) -> list[tuple[str, str, str, str, int]]:
    """Day, source, fields, clauses and how many visits; no block is read for it.

    Nothing is told of what a hold alone keeps.
    """
    columns = ["day", "source", "fields", "clauses", "SUM(visits)"]
    grouped = f"{COUNTED} GROUP BY day, source, fields, clauses"
    return [
        (str(day), str(source), str(fields), str(clauses), int(visits))
        for day, source, fields, clauses, visits in tables.select_unchecked(
            visit_block, columns, grouped
        )
    ]
