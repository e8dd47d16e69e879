"""What we keep of visits, at the desk: how much, of which kind, from whom, how old, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.policy.request import Duty
from upheld.practice.citations import quote_clauses
from upheld.practice.endpoints import Visit
from upheld.practice.labels import heading_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practices.collection.holdings import holdings_of
from upheld.web import charts

HERE: Final = "/staff/visits"
ROLES: Final = (MANAGER, "privacy")


class VisitConsole:
    """The page of what is kept of visits."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Counts by kind of data, source, age and clause; never a visit."""
        if visit.user is None or not {*visit.user.roles} & {*ROLES}:
            raise HTTPException(403)
        holdings = await self.provider.do(holdings_of)
        bars = [(month, count, f"{count:,}") for month, count in holdings.months]
        return self.provider.pages.page(
            visit.request,
            "collection/visits.html",
            holdings=holdings,
            label=self._label,
            chart=charts.bars("Visits by month", bars),
            collecting=self._duties(holdings.collecting),
            storing=self._duties(holdings.storing),
            quotes=quote_clauses(self.provider.policy, holdings.clauses),
        )

    def _duties(self, duties: Iterable[Duty]) -> list[str]:
        """Duties in words, such as: deleted after this time (14 months)."""
        terms = self.provider.policy.program.vocabulary.duties
        return [
            terms[each.duty].label
            + (f" ({each.amount:g} {each.unit})" if each.amount is not None else "")
            for each in duties
        ]

    def _label(self, tree: str, word: str) -> str:
        return heading_of_customers(self.provider.policy, tree, word)
