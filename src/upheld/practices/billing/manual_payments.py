"""Payments that came in otherwise than by card, booked by staff with a reference; and money back.

The number of an invoice says whose books it is for, whether they have an account or were erased and
still owe. Nothing of theirs is shown: what was paid, and by which reference, is all that goes in.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import PersonId, UserId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.billing import books, debts, invoices
from upheld.practices.billing.payments import Payments
from upheld.practices.billing.refusals import refusal
from upheld.practices.billing.tables import invoice, payment_intent
from upheld.web import forms
from upheld.web.forms import EMPTY, Field, Filled, read

ROLE: Final = "billing"
REFUND: Final = "refund"
HOW: Final = (
    ("bank transfer", "Bank transfer"),
    ("cash", "Cash"),
    ("cheque", "Cheque"),
    (REFUND, "Money back: what was paid ahead"),
)
FIELDS: Final = (
    Field("number", "Invoice", hint="Its number, such as 2026-1001.", length_max=20),
    Field("how", "How", "select", options=HOW),
    Field(
        "amount",
        "Amount",
        hint="Dollars and cents, such as 12.30.",
        length_max=12,
        check=forms.cents,
    ),
    Field(
        "reference",
        "Reference",
        hint="Of the bank's statement or the receipt. Each is booked once.",
        length_max=60,
        autocomplete="off",
    ),
)


class ManualReceipt(NamedTuple):
    """What came in, as staff type it."""

    number: str
    method: str
    cents: int
    reference: str


class Booking:
    """The page on which staff book what came in."""

    def __init__(self, provider: Provider, payments: Payments) -> None:
        self.provider, self.payments = provider, payments
        self._sealer = provider.sealer("receipt")

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """The form."""
        await self.provider.do(lambda transaction: _require_billing(transaction, visit))
        return self.provider.pages.page(
            visit.request,
            "billing/booking.html",
            status=status,
            fields=FIELDS,
            filled=filled,
            done=visit.request.query_params.get("done") == "yes" and filled.ok,
        )

    async def send(self, visit: Visit) -> Response:
        """Book what came in, once for its reference."""
        await self.provider.do(lambda transaction: _require_billing(transaction, visit))
        filled = read(FIELDS, visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)
        values = filled.values
        receipt = ManualReceipt(
            values["number"], values["how"], int(values["amount"]), values["reference"]
        )
        result = await self.provider.attempt(
            lambda transaction: self.book(transaction, receipt, visit.user_id)
        )
        if isinstance(result, Refused):
            return refusal(
                self.provider,
                visit.request,
                result,
                "We may not book this now.",
                "Ask the privacy desk.",
                "/staff/payments",
            )
        if result is not None:
            field, why = result
            return await self.show(visit, filled.wrong(field, why), 422)
        return RedirectResponse("/staff/payments?done=yes", 303)

    def book(
        self, transaction: Transaction, receipt: ManualReceipt, staff_id: UserId
    ) -> tuple[str, str] | Refused | None:
        """Book what came in; or what is wrong with which field of the form."""
        row = transaction.tables.get(invoice, "number = ?", receipt.number)
        if row is None:
            return "number", "There is no such invoice."
        payer = PersonId(row.person_id)
        transaction.lock(payer)
        if self.payments.under_way(transaction, payer) is not None:
            return "amount", "A payment by card is under way. Book this once it has ended."
        key = self._sealer.mark_of(payer, receipt.reference).hex()
        if self.payments.intent(transaction, payer, key) is not None:
            return "reference", "This reference was booked already."
        history = invoices.history_of(transaction, payer)
        if isinstance(history, Refused):
            return history
        if receipt.method == REFUND and receipt.cents > history.credit:
            return "amount", "So much was not paid ahead."
        if receipt.method != REFUND and receipt.cents > history.balance:
            return "amount", "That is more than is open. Book what is open, and send back the rest."
        return self._append_payment(transaction, payer, receipt, (history, key, staff_id))

    def _append_payment(
        self,
        transaction: Transaction,
        payer: PersonId,
        receipt: ManualReceipt,
        how: tuple[books.History, str, str],
    ) -> Refused | None:
        history, key, staff_id = how
        at = transaction.clock.now()
        back = receipt.method == REFUND
        payment = books.Payment(
            transaction.clock.today(),
            -receipt.cents if back else receipt.cents,
            receipt.reference,
            receipt.method,
            () if back else history.settling(receipt.cents, receipt.number),
        )
        result = invoices.post(transaction, payer, payment, entitled=True)
        if isinstance(result, Refused):
            return result
        entry = transaction.note(
            payer,
            "payment",
            purpose="billing",
            evidence=(staff_id,),
            action=receipt.method,
            actor=f"staff {staff_id}",
        )
        transaction.tables.insert(
            payment_intent,
            person_id=payer,
            key=key,
            state="paid",
            record_id=staff_id,
            entry=entry,
            made=microseconds(at),
        )
        if (refusal := invoices.settle(transaction, payer)) is not None:
            return refusal
        debts.on_payment(transaction, payer, "")
        return None


def _require_billing(transaction: Transaction, visit: Visit) -> None:
    """403 for whoever does not work for billing."""
    user = operators.find_active_user(transaction.tables, visit.user_id)
    if user is None or ROLE not in user.roles:
        raise HTTPException(403)
