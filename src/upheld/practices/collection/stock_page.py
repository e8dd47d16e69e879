"""The page of the desk on which all that is held of people is counted, with charts.

By kind of data, by who told us, by clause and by age; and when it will go. One sort of it at a
time, since there are a thousand visits for each value. Counts are to the nearest ten, sums are of
rounded ones, and ages are in months, so that nothing tells of one person.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.gate.erasure.value_counts import value_counts
from upheld.gate.gate import Gate
from upheld.practice.endpoints import Visit
from upheld.practice.labels import heading_of_customers
from upheld.practice.plugin import Provider
from upheld.practice.stock import (
    RoughCount,
    RoughStock,
    Stock,
    StockCount,
    bars_of,
    rough_stock,
    rough_sum,
)
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
    number: RoughCount


def value_stock(gate: Gate) -> Stock:
    """The values that are held of customers."""
    rows = [
        StockCount(
            each.field,
            each.origin,
            tuple(each.clause.split(", ")),
            each.day,
            each.number,
            goes=each.goes,
        )
        for each in value_counts(gate)
    ]
    return Stock(VALUES, "What we know of customers", rows)


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
        summary = rough_stock(its)
        return self.provider.pages.page(
            visit.request,
            "collection/holdings.html",
            stocks=[(each, rough_stock(each)) for each in stocks],
            its=its,
            summary=summary,
            lines=self._lines(summary),
            charts=self._charts(its.title, summary),
            ends=charts.bars("What goes, by month", summary.ends),
        )

    def _charts(self, title: str, counts: RoughStock) -> list[tuple[str, Markup]]:
        """Bars by each way of counting."""
        kinds = counts.bars(lambda each: [self._label("data", each.data)], again=True)
        origins = counts.bars(lambda each: [self._whence(each)])
        clauses = counts.bars(lambda each: [f"#{clause}" for clause in each.clauses])
        ways = {"kind of data": kinds, "who told us": origins, "clause": clauses}
        return [
            *(
                (f"By {way}", charts.across(f"{title}: by {way}", bars_of(_most_first(each))))
                for way, each in ways.items()
            ),
            (
                "By the month in which it came in",
                charts.bars(f"{title}: by month", counts.months),
            ),
        ]

    def _lines(self, counts: RoughStock) -> list[StockLine]:
        lines: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
        days: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
        for each in counts.lines:
            lines.setdefault(self._key(each), []).append(each.number)
        for each in counts.parts:
            days.setdefault(self._key(each), []).append(each.day)
        return [
            StockLine(*key, min(days[key]), max(days[key]), rough_sum(numbers))
            for key, numbers in sorted(lines.items())
        ]

    def _key(self, its: StockCount) -> tuple[str, str, tuple[str, ...]]:
        return self._label("data", its.data), self._whence(its), its.clauses

    def _whence(self, row: StockCount) -> str:
        policy = self.provider.policy
        is_role = row.origin in policy.program.vocabulary.tree("party")
        return row.company or (
            self._label("party", row.origin) if is_role else company_name(row.origin)
        )

    def _label(self, tree: str, word: str) -> str:
        return heading_of_customers(self.provider.policy, tree, word)


def _most_first(counts: dict[str, RoughCount]) -> dict[str, RoughCount]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1].amount, pair[0])))
