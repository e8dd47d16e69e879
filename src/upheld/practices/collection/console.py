"""What we keep of visits, at the desk: how much, of which kind, from whom, how old, and why.

Keys of partners' pages are revoked there, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.gate.transaction import Transaction
from upheld.policy.request import Duty
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.labels import heading_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practice.stock import rough, rough_bars
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.beacon_keys import Beacon
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.forecast import VisitForecast, forecast
from upheld.practices.collection.holdings import VisitHoldings, holdings_of
from upheld.practices.collection.tellers import REVOKED, STOLEN
from upheld.web import charts
from upheld.web.kit import Refusal

HERE: Final = "/staff/visits"
ROLES: Final = (MANAGER, "privacy")


def require_role(visit: Visit) -> None:
    """403 for whoever does not look after visits."""
    if visit.user is None or not {*visit.user.roles} & {*ROLES}:
        raise HTTPException(403)


def _confirmation(its: Beacon, *, stolen: bool) -> Confirmation:
    marked = "What came by it before is marked, here and where customers see it."
    stays = "What came by it before stays for as long as we may keep it."
    return Confirmation(
        "Say that this key was stolen?" if stolen else "Revoke this key?",
        (
            f"Nothing that pages of {its.host} tell us by it counts any more.",
            marked if stolen else stays,
            f"{its.company} needs a new key to tell us of visits again.",
        ),
        f"{HERE}/beacons/{its.key}/revoke",
        "It was stolen" if stolen else "Revoke it",
        HERE,
        values={"stolen": "yes"} if stolen else {},
        grave=True,
    )


class VisitConsole:
    """The page of what is kept of visits."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """Counts by kind of data, source, age and clause; never a visit."""
        require_role(visit)
        holdings, goes = await self.provider.run_in_thread(self._look)
        bars = rough_bars(holdings.months)
        return self.provider.pages.page(
            visit.request,
            "collection/visits.html",
            holdings=holdings,
            label=self._label,
            reference=short_reference,
            charts=[("By month", charts.bars("Visits by month", bars)), *self._charts(holdings)],
            goes=goes,
            ends=charts.bars("Visits that go, by month", rough_bars(goes.months)),
            rough=rough,
            collecting=self._duties(holdings.collecting),
            storing=self._duties(holdings.storing),
            quotes=quote_clauses(self.provider.policy, holdings.clauses),
        )

    def _look(self) -> tuple[VisitHoldings, VisitForecast]:
        """What is kept, and what goes; nobody who writes waits for it."""
        with self.provider.gate.gate.consult() as transaction:
            return holdings_of(transaction), forecast(transaction)

    def _charts(self, holdings: VisitHoldings) -> list[tuple[str, Markup]]:
        """Bars of how many visits there are by kind of data, by who told us, and by clause."""
        kinds, sources, clauses = Counter[str](), Counter[str](), Counter[str]()
        for row in holdings.rows:
            kinds[self._label("data", row.field)] += row.visits
            if row.field == PAGE:  # which every visit has
                sources[row.company or self._label("party", row.source)] += row.visits
                clauses.update(dict.fromkeys((f"#{each}" for each in row.clauses), row.visits))
        ways = {"kind of data": kinds, "who told us": sources, "clause": clauses}
        return [
            (f"By {name}", charts.across(f"Visits by {name}", rough_bars(counts.most_common())))
            for name, counts in ways.items()
        ]

    async def revoke(self, visit: Visit) -> Response:
        """Let nothing count by a key of a partner's pages any more, once that was confirmed."""
        require_role(visit)
        key = visit.request.path_params["key"]
        stolen = visit.form.get("stolen", "") == "yes"

        def work(transaction: Transaction) -> Beacon:
            its = beacon_keys.find(transaction.tables, key)
            if its is None:
                raise HTTPException(404)
            if its.state == STOLEN or (its.state == REVOKED and not stolen):
                raise Refusal(409, "This key was revoked already.", "Nothing is left to do.", HERE)
            question = _confirmation(its, stolen=stolen)
            require_confirmation(self.provider, transaction.tables, visit, question)
            actor = f"staff {visit.user_id}"
            return beacon_keys.revoke(transaction, its.key, actor=actor, stolen=stolen)

        its = await self.provider.do(work)
        banner = Banner("Nothing counts by this key any more.", short_reference(its.key))
        return redirect_with_banner(self.provider, visit.session, HERE, banner)

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
