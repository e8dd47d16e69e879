"""What is kept of visits, counted: by kind of data, by who told us, by age, and by clause."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.policy.request import Duty
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.intake import rules_of
from upheld.practices.collection.tables import visit_block


class VisitHolding(NamedTuple):
    """Visits of which a kind of data is kept, from one source and by the same clauses."""

    field: str
    source: str
    clauses: tuple[str, ...]
    visits: int
    oldest: str  # days
    newest: str


class VisitHoldings(NamedTuple):
    """All that is kept of visits: counts, by month, and what the policy says of more."""

    rows: list[VisitHolding]
    months: list[tuple[str, int]]
    fields: tuple[str, ...]  # what the policy lets us keep of the next visit
    clauses: tuple[str, ...]
    collecting: tuple[Duty, ...]  # how a visit may be collected
    storing: tuple[Duty, ...]

    @property
    def visits(self) -> int:
        """How many visits are kept."""
        return sum(count for _, count in self.months)


def holdings_of(transaction: Transaction) -> VisitHoldings:
    """What is kept of visits now; no visit is looked at."""
    counts: dict[tuple[str, str, str], list[tuple[str, int]]] = {}
    months: Counter[str] = Counter()
    for day, source, fields, clauses, visits in _sums(transaction.tables):
        months[day[:7]] += int(visits)
        for field in fields.split():
            counts.setdefault((field, source, clauses), []).append((day, int(visits)))
    rules = rules_of(transaction.arrivals, signal=False)
    rows = [
        VisitHolding(
            field,
            source,
            tuple(clauses.split()),
            sum(visits for _, visits in days),
            min(days)[0],
            max(days)[0],
        )
        for (field, source, clauses), days in counts.items()
    ]
    rows.sort(key=lambda row: (row.field != PAGE, row.field, row.source, row.clauses))
    return VisitHoldings(
        rows,
        sorted(months.items()),
        rules.fields,
        rules.clauses,
        *(each.duties for each in rules.decisions),
    )


def _sums(tables: Tables) -> list[tuple[str, str, str, str, int]]:
    columns = ["day", "source", "fields", "clauses", "SUM(visits)"]
    grouped = "day >= '' GROUP BY day, source, fields, clauses"
    return [
        (str(day), str(source), str(fields), str(clauses), int(visits))
        for day, source, fields, clauses, visits in tables.select_unchecked(
            visit_block, columns, grouped
        )
    ]
