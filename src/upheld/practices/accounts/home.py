"""My account: what waits for a customer, what they have, and where everything is."""

from __future__ import annotations

from starlette.responses import Response

from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import PendingAction, Provider
from upheld.practices.accounts import domain


class Home:
    """The first page after signing in."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """The menu, with what is to be done first."""

        def look(
            transaction: Transaction,
        ) -> tuple[domain.Account | None, str, list[PendingAction]]:
            act = Act(action="view", data=("name",), actor="customer", purpose="service-provision")
            result = transaction.act(act, visit.subject)
            name = "" if isinstance(result, Refused) else result["name"]
            account = domain.account_of(transaction.tables, visit.subject)
            return account, name, self.provider.pending_actions(transaction, visit.subject)

        account, name, waiting = await self.provider.do(look)
        return self.provider.pages.page(
            visit.request,
            "accounts/home.html",
            account=account,
            name=name,
            waiting=waiting,
            cards=self.provider.menu("customer"),
        )
