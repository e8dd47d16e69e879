"""My account: what waits for a customer, what they have, and where everything is."""

from __future__ import annotations

from typing import NamedTuple

from starlette.responses import Response

from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Figure, PendingAction, Provider
from upheld.practices.accounts import domain
from upheld.web.kit import HEADLESS


class HomeLook(NamedTuple):
    """What one look at the first page gives."""

    account: domain.Account | None
    name: str
    waiting: list[PendingAction]
    figures: list[Figure]


class Home:
    """The first page after signing in."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What is to be done, what they have and owe at a glance, and the menu; one look in all."""

        def look(transaction: Transaction) -> HomeLook:
            act = Act(
                action="view",
                data=("name", *self.provider.home_fields),
                actor="customer",
                purpose="service-provision",
                partial=True,
            )
            result = transaction.act(act, visit.subject, entitled=True)
            values = None if isinstance(result, Refused) else result
            return HomeLook(
                domain.account_of(transaction.tables, visit.subject),
                values["name"] if values and "name" in values.values else "",
                self.provider.pending_actions(transaction, visit.subject),
                self.provider.home_figures(transaction, visit.subject, values),
            )

        is_view = HEADLESS not in visit.request.scope
        account, name, waiting, figures = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "accounts/home.html",
            account=account,
            name=name,
            waiting=waiting,
            figures=figures,
            inserts=await self.provider.home_inserts(visit.subject, visit.session.key)
            if is_view
            else [],
            cards=[card for card in self.provider.menu("customer") if card.line],
        )
