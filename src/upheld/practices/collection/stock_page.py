"""The page of the desk on which all that is held of people is counted, with charts.

By kind of data, by who told us, by clause and by age; and when it will go. One sort of it at a
time, since there are a thousand visits for each value. Counts are to the nearest ten, and ages in
months, so that nothing tells of one person.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.gate.erasure.value_counts import deletion_counts, value_counts
from upheld.gate.gate import Gate
from upheld.practice.endpoints import Visit
from upheld.practice.labels import heading_of_customers
from upheld.practice.plugin import Provider
from upheld.practice.stock import Stock, StockCount, rough, rough_bars
from upheld.practices.collection.console import require_role
from upheld.web import charts

STOCK: Final = "/staff/holdings"
VALUES: Final = "values"


class StockLine(NamedTuple):
    """A line of the table: what is held of one kind, from one origin and by the same clauses."""

    what: str
    whence: str
    clauses: tuple[str, ...]
    first: str  # months
    last: str
    number: int


def value_stock(gate: Gate) -> Stock:
    """The values that are held of customers."""
    rows = [
        StockCount(each.field, each.origin, tuple(each.clause.split(", ")), each.day, each.number)
        for each in value_counts(gate)
    ]
    goes = deletion_counts(gate)
    total = sum(each.number for each in rows)
    return Stock(VALUES, "What we know of customers", total, rows, goes.now, goes.months)


class StockPage:
    """What is held, counted."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Counts of one sort, with the totals of the others; nothing of anybody."""
        require_role(visit)
        word = visit.request.query_params.get("of", VALUES)
        sources = [value_stock, *(each.stock for each in self.provider.practices if each.stock)]
        gate = self.provider.gate.gate
        stocks = await self.provider.run_in_thread(lambda: [source(gate) for source in sources])
        its = next((each for each in stocks if each.word == word), None)
        if its is None:
            raise HTTPException(404)
        return self.provider.pages.page(
            visit.request,
            "collection/holdings.html",
            stocks=stocks,
            its=its,
            lines=self._lines(its),
            charts=self._charts(its),
            ends=charts.bars("What goes, by month", rough_bars(its.goes)),
            rough=rough,
        )

    def _charts(self, its: Stock) -> list[tuple[str, Markup]]:
        """Bars by each way of counting."""
        once = [row for row in its.rows if not row.again]
        kinds, origins, clauses, months = (Counter[str]() for _ in range(4))
        for row in its.rows:
            kinds[self._label("data", row.data)] += row.number
        for row in once:
            origins[self._whence(row)] += row.number
            clauses.update(dict.fromkeys((f"#{each}" for each in row.clauses), row.number))
            months[row.day[:7]] += row.number
        ways = {"kind of data": kinds, "who told us": origins, "clause": clauses}
        return [
            *(
                (
                    f"By {way}",
                    charts.across(f"{its.title}: by {way}", rough_bars(counts.most_common())),
                )
                for way, counts in ways.items()
            ),
            (
                "By the month in which it came in",
                charts.bars(f"{its.title}: by month", rough_bars(sorted(months.items()))),
            ),
        ]

    def _lines(self, its: Stock) -> list[StockLine]:
        months: dict[tuple[str, str, tuple[str, ...]], list[tuple[str, int]]] = {}
        for row in its.rows:
            key = self._label("data", row.data), self._whence(row), row.clauses
            months.setdefault(key, []).append((row.day[:7], row.number))
        return [
            StockLine(*key, min(some)[0], max(some)[0], sum(count for _, count in some))
            for key, some in sorted(months.items())
        ]

    def _whence(self, row: StockCount) -> str:
        policy = self.provider.policy
        is_role = row.origin in policy.program.vocabulary.tree("party")
        return row.company or (
            self._label("party", row.origin) if is_role else company_name(row.origin)
        )

    def _label(self, tree: str, word: str) -> str:
        return heading_of_customers(self.provider.policy, tree, word)
