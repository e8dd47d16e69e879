"""Feeds at the desk: which files of which company were taken in, and what came of each."""

from __future__ import annotations

from collections import Counter
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import FeedId
from upheld.gate.transaction import Transaction
from upheld.practice.citations import quote_clauses
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practice.stock import LEAST, RoughStock, few_or_rough, rough_stock
from upheld.practices.feeds import questions
from upheld.practices.feeds.feeds import (
    DONE,
    NOTHING_NEW,
    OPEN,
    REFUSED,
    UNMATCHED,
    UNREADABLE,
    Feed,
    FeedError,
    feeds,
    require,
)
from upheld.practices.feeds.stock import HERE, stock_of
from upheld.practices.feeds.withdrawal import withdraw
from upheld.web import charts

ROLES: Final = (MANAGER, "privacy")
CLAUSE: Final = "combining"
REASONS: Final = {
    UNMATCHED: "matched nobody, or several",
    NOTHING_NEW: "with nothing new",
    REFUSED: "not allowed",
    UNREADABLE: "not readable",
}
STATES: Final = {
    "open": "Not all of it yet",
    "done": "Taken in",
    "withdrawing": "Being taken out",
    "withdrawn": "Taken out",
}


class FeedDesk:
    """The page of feeds, for managers and the privacy desk."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _look(self) -> tuple[list[Feed], RoughStock, Counter[FeedId]]:
        """Feeds, what goes, and what is asked of each; nobody who writes waits for it."""
        with self.provider.gate.gate.consult() as transaction:
            rows, goes = feeds(transaction.tables), rough_stock(stock_of(transaction))
            return rows, goes, questions.waiting(transaction)

    async def show(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        """Every feed with its counts; nothing of anybody."""
        _require_role(visit)
        rows, goes, open_questions = await self.provider.run_in_thread(self._look)
        return self.provider.pages.page(
            visit.request,
            "feeds/list.html",
            status=status,
            rows=[
                {
                    "feed": each,
                    "name": company_name(each.party),
                    "what": "transactions" if each.kind else "customers",
                    "state": STATES[each.state],
                    "reference": short_reference(each.feed_id),
                    "to_decide": open_questions[each.feed_id],
                    "left_out": [
                        (count, why)
                        for reason, why in REASONS.items()
                        if (count := getattr(each, reason)) >= LEAST
                    ],
                    "can_go": each.state in {OPEN, DONE},
                }
                for each in rows
            ],
            problem=problem,
            goes=goes,
            few=few_or_rough,
            least=LEAST,
            ends=charts.bars("Transactions that go, by month", goes.ends),
            quotes=quote_clauses(self.provider.policy, [CLAUSE]),
        )

    async def withdraw(self, visit: Visit) -> Response:
        """Take a feed out again, once that was confirmed."""
        _require_role(visit)

        def work(transaction: Transaction) -> Feed:
            try:
                its = require(transaction.tables, FeedId(visit.request.path_params["feed"]))
            except FeedError:
                raise HTTPException(404) from None
            if its.state in {OPEN, DONE}:
                require_confirmation(self.provider, transaction.tables, visit, _confirmation(its))
            return withdraw(transaction, its.feed_id, visit.user_id)

        try:
            its = await self.provider.do(work)
        except FeedError as error:
            return await self.show(visit, error.in_sentences(), 409)
        banner = Banner("It is being taken out.", short_reference(its.feed_id))
        return redirect_with_banner(self.provider, visit.session, HERE, banner)


def _require_role(visit: Visit) -> None:
    """403 for whoever does not look after feeds."""
    if visit.user is None or not {*visit.user.roles} & {*ROLES}:
        raise HTTPException(403)


def _confirmation(its: Feed) -> Confirmation:
    whose = f"{few_or_rough(its.people)} {'transactions' if its.kind else 'customers'}"
    return Confirmation(
        "Take this feed out again?",
        (
            f"What {company_name(its.party)} told us by it is deleted, of {whose}.",
            "What nobody has decided of it yet goes too.",
            "What a customer changed since, or told us themselves, stays.",
            "The same file cannot be taken in again.",
        ),
        f"{HERE}/{its.feed_id}/withdraw",
        "Take it out",
        HERE,
        grave=True,
    )
