"""What a guardian does about orders: say yes or no to one, and limit what all may cost a month."""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    confirmation_page,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.purchases import Purchase
from upheld.practice.reasons import refusal_page
from upheld.practices.guardians import purchases
from upheld.practices.guardians.family import LIMIT, Family
from upheld.practices.guardians.purchases import Purchases, WaitingPurchase
from upheld.web.forms import read
from upheld.web.pages import money

NO_OFFER: Final = "They have this already, or it is no longer offered."


class ApprovalQuestion(NamedTuple):
    """An order that waits, with the question to its guardian, or why there is none."""

    waiting: WaitingPurchase
    confirmation: Confirmation | None
    problem: str = ""


class PurchasePages:
    """The pages of orders that wait for a guardian."""

    def __init__(self, provider: Provider, family: Family, orders: Purchases) -> None:
        self.provider, self.family, self.orders = provider, family, orders

    def _question(self, transaction: Transaction, visit: Visit) -> ApprovalQuestion | None:
        """What a guardian is asked, as it is in this transaction; None where nothing waits."""
        care = self.family.care(transaction, visit)
        if care is None:
            return None
        transaction.lock(care.person_id)
        request_id = visit.request.path_params["request"]
        waiting = self.orders.find(transaction.tables, care.person_id, request_id)
        if waiting is None:
            return None
        seller = self.provider.seller
        offer = seller.offer(transaction, care.person_id, waiting.item) if seller else None
        if offer is None:
            return ApprovalQuestion(waiting, None, NO_OFFER)
        limit = purchases.limit_of(transaction.tables, care.person_id)
        if limit is not None and offer.total > limit:
            return ApprovalQuestion(waiting, None, purchases.beyond(offer.total, limit))
        name = self.family.name_of(transaction, care)
        return ApprovalQuestion(waiting, approval_confirmation(waiting, name, offer, limit))

    async def ask(self, visit: Visit) -> Response:
        """What saying yes to an order means and costs."""
        question = await self.provider.attempt(
            lambda transaction: self._question(transaction, visit)
        )
        if isinstance(question, Refused):
            return refusal_page(self.provider, visit.request, question)
        if question is None:
            return self.family.nobody_page(visit.request)
        if question.confirmation is None:
            return await self.family.child(visit, problem=question.problem)
        return confirmation_page(self.provider, visit.request, visit.session, question.confirmation)

    async def approve(self, visit: Visit) -> Response:
        """Say yes to an order, at the price that was shown; it is ordered with that."""

        def work(transaction: Transaction) -> tuple[str, str] | ApprovalQuestion | Refused | None:
            question = self._question(transaction, visit)
            if question is None or question.confirmation is None:
                return question
            require_confirmation(self.provider, transaction.tables, visit, question.confirmation)
            reference = self.orders.approve(transaction, question.waiting)
            if isinstance(reference, Refused):
                raise reference  # so that nothing of it is left
            return question.confirmation.title, reference

        result = await self.provider.attempt(work)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        if result is None:
            return await self._over(visit)
        if isinstance(result, ApprovalQuestion):
            return await self.family.child(visit, problem=result.problem)
        banner = Banner("You said yes. It is ordered.", short_reference(result[1]))
        return redirect_with_banner(self.provider, visit.session, self._here(visit), banner)

    async def decline(self, visit: Visit) -> Response:
        """Say no to an order."""

        def work(transaction: Transaction) -> WaitingPurchase | None:
            care = self.family.care(transaction, visit)
            if care is None:
                return None
            transaction.lock(care.person_id)
            request_id = visit.request.path_params["request"]
            waiting = self.orders.find(transaction.tables, care.person_id, request_id)
            if waiting is not None:
                self.orders.answer(transaction, waiting, purchases.DECLINED)
            return waiting

        waiting = await self.provider.do(work)
        if waiting is None:
            return await self._over(visit)
        banner = Banner("You said no. Nothing is ordered.", waiting.code)
        return redirect_with_banner(self.provider, visit.session, self._here(visit), banner)

    async def limit(self, visit: Visit) -> Response:
        """Set what all services of somebody may cost a month, or end the limit."""
        ends = visit.form.get("how") == "end"
        filled = read((LIMIT,), visit.form)
        if not ends and not filled.ok:
            return await self.family.child(visit, filled=filled)
        cents = None if ends else int(filled.values[LIMIT.name])

        def work(transaction: Transaction) -> bool:
            care = self.family.care(transaction, visit)
            if care is not None:
                purchases.set_limit(transaction, care.person_id, cents)
            return care is not None

        if not await self.provider.do(work):
            return self.family.nobody_page(visit.request)
        text = "There is no limit any longer."
        if cents is not None:
            text = f"Their services may cost {money(cents)} a month."
        banner = Banner(text, short_reference(visit.request.path_params["child"]))
        return redirect_with_banner(self.provider, visit.session, self._here(visit), banner)

    async def withdraw(self, visit: Visit) -> Response:
        """Take back what one asked one's guardian for."""

        def work(transaction: Transaction) -> WaitingPurchase | None:
            transaction.lock(visit.subject)
            request_id = visit.request.path_params["request"]
            waiting = self.orders.find(transaction.tables, visit.subject, request_id)
            if waiting is not None:
                self.orders.answer(transaction, waiting, purchases.WITHDRAWN)
            return waiting

        waiting = await self.provider.do(work)
        if waiting is None:
            raise HTTPException(404)
        banner = Banner("You took it back. Your guardian is not asked any longer.", waiting.code)
        return redirect_with_banner(self.provider, visit.session, "/me/family", banner)

    async def _over(self, visit: Visit) -> Response:
        """Lead to the page of whom one cares for, where an order does not wait any longer."""
        care = await self.provider.do(lambda transaction: self.family.care(transaction, visit))
        if care is None:
            return self.family.nobody_page(visit.request)
        return RedirectResponse(self._here(visit), 303)

    def _here(self, visit: Visit) -> str:
        return f"/me/family/{visit.request.path_params['child']}"


def approval_confirmation(
    waiting: WaitingPurchase, name: str, offer: Purchase, limit: int | None
) -> Confirmation:
    """What a guardian says yes to: who asks, by which code, and what it costs."""
    who, here = name or "Somebody in your care", f"/me/family/{waiting.person_id}"
    costs = [
        (f"{offer.title}, a month", money(offer.cents)),
        ("All their services then, a month", money(offer.total)),
    ]
    if limit is not None:
        costs.insert(0, ("Your limit, a month", money(limit)))
    return Confirmation(
        f"Say yes to {offer.title} for {who}?",
        [
            f"{who} asks for it, with the code {waiting.code}. Have them read it to you.",
            f"{offer.title} begins today, and the bill comes to you.",
            "They can end it at any time.",
        ],
        f"{here}/orders/{waiting.request_id}",
        f"Say yes to {money(offer.cents)} a month",
        here,
        costs=costs,
    )
