"""Paying: the card is given on a page of the processor, and an amount is paid once.

No number of a card ever comes into a form of ours: what comes back from the processor's page is a
token. The key that a form carries makes it safe to send it twice.
"""

from __future__ import annotations

import re
import secrets
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import cards
from upheld.practice.cards import Card, ChargeResult, PaymentProcessor, ProcessorError
from upheld.practice.consequences import Banner, redirect_with_banner, require_confirmation
from upheld.practice.endpoints import Visit
from upheld.practice.events import CARD_GIVEN
from upheld.practice.plugin import Provider
from upheld.practices.billing import books
from upheld.practices.billing.account_pages import ASK, view_fields
from upheld.practices.billing.books import History
from upheld.practices.billing.pay_questions import pay_confirmation
from upheld.practices.billing.payments import (
    ChargeOrder,
    Declined,
    Payments,
    PaymentStart,
    UnderWay,
)
from upheld.practices.billing.processor_cards import ProcessorCards
from upheld.practices.billing.refusals import refusal
from upheld.web import forms
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import money

AMOUNT: Final = Field(
    "amount", "Amount", hint="Dollars and cents, such as 12.30.", length_max=12, check=forms.cents
)
KEY: Final = re.compile(r"^[0-9a-f]{32}$")


class PaymentOverview(NamedTuple):
    """What a page for paying shows: what is owed, the card that is kept, and who else pays.

    `odd` says that what is kept as a card is none; `busy` is the payment that is under way.
    """

    history: History
    card: Card | None
    odd: bool
    others: bool
    busy: str | None


class PayPages:
    """The pages for paying by card."""

    def __init__(self, provider: Provider, payments: Payments, processor: PaymentProcessor) -> None:
        self.provider, self.payments, self.processor = provider, payments, processor
        self.cards = ProcessorCards(provider, processor)

    def _look(self, transaction: Transaction, person_id: PersonId) -> PaymentOverview | Refused:
        result = view_fields(transaction, person_id, "payment-history", "card")
        if isinstance(result, Refused):
            return result
        values = result.values
        history = books.history_of(
            result["payment-history"] if "payment-history" in values else None
        )
        card = cards.usable_card(result)
        return PaymentOverview(
            history,
            card,
            card is None and cards.CARD in values,
            self.provider.payer_of(transaction.tables, person_id) != person_id,
            self.payments.under_way(transaction, person_id),
        )

    async def show(
        self, visit: Visit, filled: Filled = EMPTY, status: int = 200, once: str = ""
    ) -> Response:
        """What is owed, and the form to pay it."""
        overview = await self.provider.attempt(
            lambda transaction: self._look(transaction, visit.subject)
        )
        if isinstance(overview, Refused):
            return self._refusal_page(
                visit.request, overview, "We may not show what you owe.", "/me"
            )
        once = once or visit.request.query_params.get("card", "")
        card = await self.cards.card(visit.subject, once) if once else overview.card
        due = overview.history.due(self.provider.today())
        if not filled.shown:
            amount = due or max(overview.history.balance, 0)
            filled = filled._replace(shown={"amount": f"{amount // 100}.{amount % 100:02}"})
        return self.provider.pages.page(
            visit.request,
            "billing/payment.html",
            status=status,
            history=overview.history,
            due=due,
            card=card,
            once=once,
            owed=overview,
            filled=filled,
            fields=(AMOUNT,),
            key=secrets.token_hex(16),
            processor=self.processor.party,
        )

    async def pay(self, visit: Visit) -> Response:
        """Pay an amount, once for the key of the form."""
        key, once = (_text(visit, each) for each in ("key", "card"))
        if not KEY.match(key):
            raise HTTPException(400)
        filled = read((AMOUNT,), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422, once)
        cents = int(filled.values["amount"])
        card = await self.cards.card(visit.subject, once) if once else None
        token = card.token if card else ""

        def work(transaction: Transaction) -> PaymentStart:
            def confirm(open_cents: int) -> None:
                question = pay_confirmation(key, once, cents, open_cents, self.processor.party)
                require_confirmation(self.provider, transaction.tables, visit, question)

            return self.payments.begin(
                transaction, visit.subject, key, cents, once, token, confirm=confirm
            )

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return self._refusal_page(
                visit.request,
                result,
                "We may not tell the payment processor who pays, so nothing was paid.",
                "/me/payment",
            )
        if isinstance(result, Declined):
            return await self.show(visit, filled.wrong("amount", result.why), 422, once)
        if isinstance(result, UnderWay):
            return await self.show(visit, filled, 409, once)
        place = f"/me/payment/done/{key}"
        charged = result and await charge(self.provider, self.payments, visit.subject, key, result)
        if charged is None or not charged.paid:
            return RedirectResponse(place, 303)
        banner = Banner(f"You paid {money(cents)} by card.", charged.reference)
        return redirect_with_banner(self.provider, visit.session, place, banner)

    async def result_page(self, visit: Visit) -> Response:
        """What came of a payment."""

        def look(transaction: Transaction) -> tuple[str, int] | Refused | None:
            intent = self.payments.intent(
                transaction, visit.subject, visit.request.path_params["key"]
            )
            if intent is None:
                return None
            result = view_fields(transaction, visit.subject, "balance")
            if isinstance(result, Refused):
                return result
            return intent.state, int(result["balance"]) if result.values else 0

        result = await self.provider.attempt(look)
        if isinstance(result, Refused):
            return self._refusal_page(visit.request, result, "We may not show your balance.", "/me")
        if result is None:
            raise HTTPException(404)
        return self.provider.pages.page(
            visit.request, "billing/paid.html", state=result[0], balance=result[1]
        )

    async def card_page(self, visit: Visit) -> Response:
        """What giving a card means, and the button that leads to the processor."""
        return self.cards.offer(visit.request, "/me/payment", keeps=True)

    async def give_card(self, visit: Visit) -> Response:
        """Lead somebody to the processor's page for a card."""
        return await self.cards.begin(visit.subject, "/me/payment/card/")

    async def card(self, visit: Visit) -> Response:
        """The card that was given, to be kept, or to pay with once."""
        reference = visit.request.path_params["reference"]
        card = await self.cards.card(visit.subject, reference)
        return self.provider.pages.page(
            visit.request, "billing/card.html", card=card, reference=reference
        )

    async def keep(self, visit: Visit) -> Response:
        """Keep the card's token, in place of the one before."""
        reference = visit.request.path_params["reference"]
        card = await self.cards.card(visit.subject, reference)
        await self.provider.do(
            lambda transaction: self.provider.events.announce(
                transaction, CARD_GIVEN, visit.subject
            )
        )
        result = await self.provider.attempt(
            lambda transaction: cards.store_card(transaction, visit.subject, card)
        )
        if isinstance(result, Refused):
            return self._refusal_page(
                visit.request,
                result,
                "We may not keep a card of yours now. You can still pay with it once.",
                f"/me/payment?card={reference}",
            )
        return RedirectResponse("/me/payment", 303)

    def _refusal_page(self, request: Request, denial: Refused, what: str, back: str) -> Response:
        return refusal(self.provider, request, denial, what, ASK, back)


async def charge(
    provider: Provider, payments: Payments, person_id: PersonId, key: str, charge_order: ChargeOrder
) -> ChargeResult | None:
    """Charge, and enter what came of it; None where no answer came, and the job asks again."""
    try:
        charged = await provider.run_in_thread(payments.charge, person_id, key, charge_order)
    except ProcessorError:
        return None
    refused = await provider.attempt(
        lambda transaction: payments.finish(transaction, person_id, key, charged)
    )
    return None if refused else charged


def _text(visit: Visit, name: str) -> str:
    value = visit.form.get(name, "")
    return value if isinstance(value, str) else ""
