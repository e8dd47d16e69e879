"""Paying without an account: a page for whoever was erased and still owes, by an address of theirs.

The address is sealed and names nobody to anyone else. Whoever has it sees the numbers and amounts
of open invoices and can pay by card, and nothing besides: no name, no history, no data.
"""

from __future__ import annotations

import secrets
from typing import Final

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.public import VaultError
from upheld.gate.transaction import Transaction
from upheld.practice.cards import PaymentProcessor
from upheld.practice.plugin import Provider
from upheld.practices.billing import invoices
from upheld.practices.billing.account_pages import ASK
from upheld.practices.billing.books import History
from upheld.practices.billing.pay_pages import AMOUNT, KEY, charge
from upheld.practices.billing.payments import Declined, Payments, UnderWay
from upheld.practices.billing.processor_cards import ProcessorCards
from upheld.practices.billing.refusals import refusal
from upheld.web.forms import EMPTY, Filled, read

PAY: Final = "pay"  # the kind of link


class LinkPages:
    """The pages for paying by an address."""

    def __init__(self, provider: Provider, payments: Payments, processor: PaymentProcessor) -> None:
        self.provider, self.payments, self.processor = provider, payments, processor
        self.cards = ProcessorCards(provider, processor)

    def _whose(self, request: Request) -> PersonId:
        """Whose address was asked for; 404 for one that we did not make."""
        person_id = self.provider.link_owner(PAY, request.path_params["link"])
        if person_id is None:
            raise HTTPException(404)
        return person_id

    async def show(
        self, request: Request, form: FormData, filled: Filled = EMPTY, status: int = 200
    ) -> Response:
        """What is open, and the form to pay it; for who is there no more, that nothing is."""
        person_id = self._whose(request)
        once = _text(form, "card") or request.query_params.get("card", "")

        def look(transaction: Transaction) -> tuple[History | Refused, str | None]:
            return (
                invoices.history_of(transaction, person_id),
                self.payments.under_way(transaction, person_id),
            )

        try:
            history, busy = await self.provider.do(look)
        except VaultError:  # all of it was paid, and the rest is erased
            history, busy = History(), None
        if isinstance(history, Refused):
            return self._refusal_page(request, history, "We may not show what is open.")
        card = await self.cards.card(person_id, once) if once else None
        if not filled.shown:
            amount = max(history.balance, 0)
            filled = filled._replace(shown={"amount": f"{amount // 100}.{amount % 100:02}"})
        return self.provider.pages.page(
            request,
            "billing/pay-link.html",
            status=status,
            history=history,
            busy=busy,
            card=card,
            once=once,
            filled=filled,
            fields=(AMOUNT,),
            key=secrets.token_hex(16),
            here_=_here(request),
            processor=self.processor.party,
        )

    async def card_page(self, request: Request, _: FormData) -> Response:
        """What giving a card means, and the button that leads to the processor."""
        self._whose(request)
        return self.cards.offer(request, _here(request), keeps=False)

    async def give_card(self, request: Request, _: FormData) -> Response:
        """Lead somebody to the processor's page for a card, and back here with it."""
        return await self.cards.begin(self._whose(request), f"{_here(request)}?card=")

    async def pay(self, request: Request, form: FormData) -> Response:
        """Pay an amount, once for the key of the form."""
        person_id, key, once = self._whose(request), _text(form, "key"), _text(form, "card")
        if not KEY.match(key):
            raise HTTPException(400)
        filled = read((AMOUNT,), form)
        if not filled.ok:
            return await self.show(request, form, filled, 422)
        card = await self.cards.card(person_id, once)
        cents = int(filled.values["amount"])
        try:
            result = await self.provider.attempt(
                lambda transaction: self.payments.begin(
                    transaction, person_id, key, cents, once, card.token
                )
            )
        except VaultError:
            return await self.show(request, FormData())
        if isinstance(result, Refused):
            return self._refusal_page(
                request,
                result,
                "We may not tell the payment processor who pays, so nothing was paid.",
            )
        if isinstance(result, Declined):
            return await self.show(request, form, filled.wrong("amount", result.why), 422)
        if isinstance(result, UnderWay):
            return await self.show(request, form, filled, 409)
        if result is not None:
            await charge(self.provider, self.payments, person_id, key, result)
        return RedirectResponse(f"{_here(request)}/done/{key}", 303)

    async def result_page(self, request: Request, _: FormData) -> Response:
        """What came of a payment."""
        person_id, key = self._whose(request), request.path_params["key"]

        def look(transaction: Transaction) -> tuple[str, int] | Refused | None:
            intent = self.payments.intent(transaction, person_id, key)
            if intent is None:
                return None
            history = invoices.history_of(transaction, person_id)
            return history if isinstance(history, Refused) else (intent.state, history.balance)

        try:
            result = await self.provider.attempt(look)
        except VaultError:
            return await self.show(request, FormData())
        if isinstance(result, Refused):
            return self._refusal_page(request, result, "We may not show what is open.")
        if result is None:
            raise HTTPException(404)
        return self.provider.pages.page(
            request,
            "billing/paid-link.html",
            state=result[0],
            balance=result[1],
            here_=_here(request),
        )

    def _refusal_page(self, request: Request, denial: Refused, what: str) -> Response:
        return refusal(self.provider, request, denial, what, ASK, _here(request))


def _here(request: Request) -> str:
    return f"/pay/{request.path_params['link']}"


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""
