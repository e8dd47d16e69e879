"""The pages of what companies outside are asked to delete or correct: each one's own, and ours.

A company's people see what it is asked and say that it was done; our desk sees what waits with all
of them, what is late first, and notes the answer of a company that has no page.
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.company_names import company_name
from upheld.core.ids import RequestId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.policy.vocabulary import TREE_OF
from upheld.practice import recipient_requests
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.labels import label_of_customers
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.recipient_requests import REASONS, RecipientRequest
from upheld.practices.agreements import recipients
from upheld.practices.agreements.recipients import SignedRequest

HERE: Final = "/partner/requests"
DESK: Final = "/staff/recipients"
ROLES: Final = (MANAGER, "privacy")


class RecipientPages:
    """The page of a company, the page of our desk, and what is done there."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def late(self, tables: Tables) -> list[PendingAction]:
        """Tells managers that companies did not answer in time."""
        many = recipient_requests.count_late(tables, self.provider.now())
        sentence = f"Requests to companies that have not confirmed them in time: {many:,}."
        return [PendingAction(sentence, "See them", DESK)] if many else []

    async def show(self, visit: Visit) -> Response:
        """What the company is asked, what waits first."""
        party = _party(visit)

        def look(transaction: Transaction) -> list[SignedRequest]:
            return recipients.signed(transaction, recipients.of_party(transaction, party))

        return await self._page(visit, await self.provider.do(look), company_name(party))

    async def acknowledge(self, visit: Visit) -> Response:
        """Note that the company did what it was asked; 404 for what another one is asked."""
        party, request_id = _party(visit), RequestId(visit.request.path_params["request"])

        def work(transaction: Transaction) -> RecipientRequest | None:
            actor = f"agent {visit.subject}"
            return recipients.acknowledge(transaction, party, request_id, actor=actor)

        return self._answered(visit, await self.provider.do(work), HERE)

    async def show_desk(self, visit: Visit) -> Response:
        """What waits with all companies, what is late first."""
        _officer(visit)

        def look(transaction: Transaction) -> list[SignedRequest]:
            return recipients.signed(transaction, recipients.open_ones(transaction))

        return await self._page(visit, await self.provider.do(look))

    async def note(self, visit: Visit) -> Response:
        """Note what a company told us: that it did what it was asked."""
        actor, which = _officer(visit), visit.request.path_params["request"]

        def work(transaction: Transaction) -> RecipientRequest | None:
            its = recipients.find_open(transaction, which)
            if its is None:
                return None
            return recipients.acknowledge(transaction, its.party, its.request_id, actor=actor)

        return self._answered(visit, await self.provider.do(work), DESK)

    async def _page(self, visit: Visit, every: list[SignedRequest], name: str = "") -> Response:
        return self.provider.pages.page(
            visit.request,
            "agreements/recipients.html",
            every=every,
            name=name,
            address=HERE if name else DESK,
            reasons=REASONS,
            days=recipient_requests.ANSWER_WITHIN.days,
            label=self._label,
            now=self.provider.now(),
        )

    def _answered(self, visit: Visit, its: RecipientRequest | None, page: str) -> Response:
        if its is None:
            raise HTTPException(404)
        banner = Banner("We noted that it was done.", short_reference(its.request_id))
        return redirect_with_banner(self.provider, visit.session, page, banner)

    def _label(self, dimension: str, word: str) -> str:
        return label_of_customers(self.provider.policy, TREE_OF[dimension], word)


def _party(visit: Visit) -> str:
    """The company of whoever visits; 403 unless the register has or had it."""
    if visit.user is None or not visit.user.roles:
        raise HTTPException(403)
    return visit.user.party


def _officer(visit: Visit) -> str:
    """Who of our staff may see the list, as an entry names them; 403 for everybody else."""
    if visit.user is None or not {*visit.user.roles} & {*ROLES}:
        raise HTTPException(403)
    return f"staff {visit.user.user_id}"
