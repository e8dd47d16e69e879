"""What is kept of visits, counted: by kind of data, by who told us, by age, and by clause."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from upheld.core.ids import BeaconKey
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.policy.request import Duty
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.beacon_keys import Beacon
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.intake import rules_of
from upheld.practices.collection.tables import COUNTED, visit_block
from upheld.practices.collection.tellers import key_of


class VisitHolding(NamedTuple):
    """Visits of which a kind of data is kept, from one source and by the same clauses."""

    field: str
    source: str
    clauses: tuple[str, ...]
    visits: int
    oldest: str  # days
    newest: str
    company: str = ""  # whose pages told us, where they were not ours
    stolen: bool = False  # whether the key by which they did was stolen


class VisitHoldings(NamedTuple):
    """All that is kept of visits: counts, by month, and what the policy says of more."""

    rows: list[VisitHolding]
    months: list[tuple[str, int]]
    fields: tuple[str, ...]  # what the policy lets us keep of the next visit
    clauses: tuple[str, ...]
    collecting: tuple[Duty, ...]  # how a visit may be collected
    storing: tuple[Duty, ...]
    beacons: list[Beacon]  # keys of partners' pages

    @property
    def visits(self) -> int:
        """How many visits are kept."""
        return sum(count for _, count in self.months)


def holdings_of(transaction: Transaction) -> VisitHoldings:
    """What is kept of visits now; no visit is looked at."""
    counts: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    months: Counter[str] = Counter()
    rules = rules_of(transaction.arrivals, signal=False)
    for day, source, fields, clauses, visits in sums_of_visits(transaction.tables):
        months[day[:7]] += int(visits)
        for field in fields.split():
            counts.setdefault((field, source, clauses), []).append((day, int(visits)))
    collect, store = rules.decisions
    beacons = beacon_keys.beacons(transaction.tables)
    by_key = {each.key: each for each in beacons}
    rows = [
        VisitHolding(
            field,
            source.partition(" ")[0],
            tuple(clauses.split()),
            sum(visits for _, visits in days),
            min(days)[0],
            max(days)[0],
            its.company if its else "",
            its is not None and its.stolen,
        )
        for (field, source, clauses), days in counts.items()
        for its in [by_key.get(BeaconKey(key_of(source)))]
    ]
    rows.sort(key=lambda row: (row.field != PAGE, row.field, row.source, row.company, row.clauses))
    return VisitHoldings(
        rows,
        sorted(months.items()),
        rules.fields,
        rules.clauses,
        collect.duties,
        store.duties,
        beacons,
    )


def sums_of_visits(tables: Tables) -> list[tuple[str, str, str, str, int]]:
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
