"""What we keep of visits, at the desk: what the policy lets us keep, how much, and when it goes.

How much of which kind, from whom, how old and why the page of all that is held says. Keys of
partners' pages are revoked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

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
from upheld.practice.stock import NOW, Stock, rough_stock, rough_sum
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.beacon_keys import Beacon
from upheld.practices.collection.intake import rules_of
from upheld.practices.collection.rewriting import EVERY
from upheld.practices.collection.stock import HERE, stock_of
from upheld.practices.collection.tellers import REVOKED, STOLEN
from upheld.web import charts
from upheld.web.kit import Refusal

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


class _VisitRules(NamedTuple):
    """What the policy says of the next visit."""

    fields: tuple[str, ...]  # that may be kept of it
    clauses: tuple[str, ...]
    collecting: tuple[Duty, ...]  # how it may be collected
    storing: tuple[Duty, ...]


class VisitConsole:
    """The page of what is kept of visits."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What may be kept, about how much is, and when it goes; never a visit."""
        require_role(visit)
        rules, stock, beacons = await self.provider.run_in_thread(self._look)
        its = rough_stock(stock)
        gone = {each.data for each in stock.rows if each.goes == NOW and each.again}
        return self.provider.pages.page(
            visit.request,
            "collection/visits.html",
            rules=rules,
            its=its,
            fields_gone=[each for each in EVERY if each in gone] if not its.goes_now.amount else (),
            beacons=beacons,
            by_key=its.bars(lambda each: [each.key]),
            none=rough_sum([]),
            label=self._label,
            reference=short_reference,
            ends=charts.bars("Visits that go, by month", its.ends),
            collecting=self._duties(rules.collecting),
            storing=self._duties(rules.storing),
            quotes=quote_clauses(self.provider.policy, rules.clauses),
        )

    def _look(self) -> tuple[_VisitRules, Stock, list[Beacon]]:
        """What may be kept, what is, and keys of partners; nobody who writes waits for it."""
        with self.provider.gate.gate.consult() as transaction:
            rules = rules_of(transaction.arrivals, signal=False)
            collect, store = rules.decisions
            may = _VisitRules(rules.fields, rules.clauses, collect.duties, store.duties)
            return may, stock_of(transaction), beacon_keys.beacons(transaction.tables)

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
