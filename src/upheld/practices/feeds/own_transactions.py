"""What partners told us that a customer bought, to the customer."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import partner_transactions
from upheld.practice.citations import Quote, quote_clauses
from upheld.practice.endpoints import Visit
from upheld.practice.partner_transactions import OwnTransaction
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason

HERE: Final = "/me/privacy/transactions"
CLAUSE: Final = "transactions"
VIEW: Final = Act(action="view", data=("transaction",), actor="customer", purpose="rights-request")


class OwnTransactions:
    """The page of a customer's transactions with partners."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What is kept, by day, with the company and since when; or why it may not be shown."""
        provider = self.provider

        def work(transaction: Transaction) -> tuple[list[OwnTransaction], list[Quote]] | Refused:
            result = transaction.act(VIEW, visit.subject, entitled=True)
            if isinstance(result, Refused):
                return result
            rows = partner_transactions.of_person(transaction, visit.subject)
            return rows, quote_clauses(transaction.policy, [CLAUSE])

        result = await provider.attempt(work)
        page = "feeds/mine.html"
        if isinstance(result, Refused):
            why = refusal_reason(provider.policy, result.decision)
            return provider.pages.page(visit.request, page, status=403, rows=None, why=why)
        rows, quotes = result
        return provider.pages.page(visit.request, page, rows=rows, quotes=quotes)
