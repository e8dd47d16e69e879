"""Visits, as the desk's page of all that is held counts them."""

from __future__ import annotations

from upheld.gate.gate import Gate
from upheld.practice.stock import Stock, StockCount
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.console import HERE
from upheld.practices.collection.forecast import forecast
from upheld.practices.collection.holdings import sums_of_visits
from upheld.practices.collection.tellers import key_of


def visit_stock(gate: Gate) -> Stock:
    """Counts by kind of data: a visit has several, and counts once in the total."""
    with gate.consult() as transaction:
        sums = sums_of_visits(transaction.tables)
        companies = {each.key: each.company for each in beacon_keys.beacons(transaction.tables)}
        goes = forecast(transaction)
    rows = [
        StockCount(
            field,
            source.partition(" ")[0],
            tuple(clauses.split()),
            day,
            visits,
            next((name for key, name in companies.items() if key == key_of(source)), ""),
            again=field != PAGE,
        )
        for day, source, fields, clauses, visits in sums
        for field in fields.split()
    ]
    total = sum(each.number for each in rows if not each.again)
    return Stock("visits", "Visits", total, rows, goes.now, goes.months, HERE)
