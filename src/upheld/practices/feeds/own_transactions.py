"""What partners told us that a customer bought, to the customer."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import partner_transactions
from upheld.practice.citations import Quote, quote_clauses
from upheld.practice.day_events import DayEvent
from upheld.practice.endpoints import Visit
from upheld.practice.partner_transactions import STORE, OwnTransaction
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


def day_events(transaction: Transaction, person_id: PersonId, _: ActResult) -> list[DayEvent]:
    """What a customer bought from partners, in sentences, each on its day."""
    events = []
    for each in partner_transactions.of_person(transaction, person_id):
        row = each.row
        amount = f"{abs(row.cents) / 100:,.2f} {row.currency}"
        text = (
            f"You got {amount} back from {each.company} for: {row.what}."
            if row.cents < 0
            else f"You bought something from {each.company}, for {amount}: {row.what}."
        )
        if each.stolen:
            text += " The access by which we were told of it was stolen: it may not have been you."
        events.append(DayEvent(row.day.isoformat(), STORE.data[0], text))
    return events
