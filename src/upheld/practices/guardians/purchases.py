"""What a minor orders: it waits for their guardian's yes, and keeps to the guardian's limit.

A request names nobody and costs nothing. It is answered by the guardian alone, within some days;
the limit is looked at when somebody asks, and again in the transaction that orders. What is asked
for is sealed, and goes with whoever asked.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId, RequestId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import outbox
from upheld.practice.invitations import comparison_code
from upheld.practice.plugin import Provider
from upheld.practice.purchases import Purchase, PurchaseRequest
from upheld.practices.guardians import domain
from upheld.practices.guardians.tables import purchase_request, spending_limit
from upheld.web.pages import money

OPEN, APPROVED, DECLINED, WITHDRAWN = "open", "approved", "declined", "withdrawn"
LASTS: Final = timedelta(days=7)
WAITING_MAX: Final = 5  # requests of one person that wait at once
ENTRIES: Final = {APPROVED: "purchase.approved", DECLINED: "purchase.declined"}
LIMIT_ENTRY: Final = "purchase.limit"
_ONE: Final = "person_id = ? AND request_id = ?"


class _Item(msgspec.Struct, frozen=True):
    """What is asked for, and what it cost a month when it was."""

    item: str
    cents: int


class WaitingPurchase(NamedTuple):
    """An order that waits for a guardian's yes."""

    person_id: PersonId
    request_id: RequestId
    state: str
    asked_at: datetime
    expires: datetime
    item: str
    cents: int

    @property
    def code(self) -> str:
        """What who asks and who is asked both see."""
        return comparison_code(self.request_id)


class Purchases:
    """Orders that wait for a guardian, and the limit of what they may cost a month."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._sealer = provider.sealer("purchase")

    def is_needed(self, tables: Tables, person_id: PersonId) -> bool:
        """Whether somebody is in a guardian's care."""
        return domain.care_of(tables, person_id) is not None

    def ask(
        self, transaction: Transaction, person_id: PersonId, purchase: Purchase
    ) -> PurchaseRequest | Refused:
        """Ask the guardian by mail, with a code; nobody is asked beyond the limit."""
        transaction.lock(person_id)
        care = domain.care_of(transaction.tables, person_id)
        if care is None:
            return Refused(None)
        limit = limit_of(transaction.tables, person_id)
        if limit is not None and purchase.total > limit:
            return PurchaseRequest("", beyond(purchase.total, limit))
        waiting = self.waiting(transaction.tables, person_id)
        for each in waiting:
            if (each.item, each.cents) == (purchase.item, purchase.cents):
                return PurchaseRequest(each.code)
        if len(waiting) >= WAITING_MAX:
            return PurchaseRequest("", "Your guardian has not answered your other orders yet.")
        request_id, at = RequestId(secrets.token_hex(16)), transaction.clock.now()
        words = {"compare": comparison_code(request_id), "cents": str(purchase.cents)}
        message = outbox.queue(
            transaction, care.guardian_id, "guardians/purchase", "administrative-message", words
        )
        if isinstance(message, Refused):
            return message
        raw = msgspec.json.encode(_Item(purchase.item, purchase.cents))
        transaction.tables.insert(
            purchase_request,
            person_id=person_id,
            request_id=request_id,
            state=OPEN,
            asked_at=microseconds(at),
            expires=microseconds(at + LASTS),
            sealed=self._sealer.seal(raw, person_id, request_id),
        )
        return PurchaseRequest(comparison_code(request_id))

    def waiting(self, tables: Tables, person_id: PersonId) -> list[WaitingPurchase]:
        """What somebody asked for that is not answered yet, the oldest first."""
        at = microseconds(self.provider.now())
        where = "person_id = ? AND state = 'open' AND expires > ? ORDER BY asked_at, request_id"
        rows = tables.select(purchase_request, where, person_id, at)
        return [self._from_row(each) for each in rows]

    def find(
        self, tables: Tables, person_id: PersonId, request_id: RequestId
    ) -> WaitingPurchase | None:
        """One of them; None where there is none, or it was answered or has expired."""
        waiting = self.waiting(tables, person_id)
        return next((each for each in waiting if each.request_id == request_id), None)

    def approve(self, transaction: Transaction, waiting: WaitingPurchase) -> str | Refused:
        """Order what was asked for, as the guardian said yes to; the reference of the order."""
        seller = self.provider.seller
        charged = transaction.act(Act(action="charge"), waiting.person_id, entitled=True)
        if isinstance(charged, Refused) or seller is None:
            return charged if isinstance(charged, Refused) else Refused(None)
        reference = seller.sell(transaction, waiting.person_id, waiting.item)
        self.answer(transaction, waiting, APPROVED)
        return reference

    def answer(self, transaction: Transaction, waiting: WaitingPurchase, state: str) -> None:
        """Note what came of a request; whoever asked sees the entry, and is written to."""
        transaction.tables.update(
            purchase_request, {"state": state}, _ONE, waiting.person_id, waiting.request_id
        )
        if state in ENTRIES:
            transaction.note(
                waiting.person_id,
                ENTRIES[state],
                actor=domain.GUARDIAN,
                evidence=(waiting.request_id,),
            )
            outbox.queue(
                transaction,
                waiting.person_id,
                "guardians/purchase-answer",
                "administrative-message",
                {"answer": state, "compare": waiting.code},
            )

    def _from_row(self, row: Any) -> WaitingPurchase:
        """What waits, of a verified row."""
        raw = self._sealer.unseal(row.sealed, row.person_id, row.request_id, what="an order")
        item = msgspec.json.decode(raw, type=_Item)
        return WaitingPurchase(
            row.person_id,
            row.request_id,
            row.state,
            to_datetime(row.asked_at),
            to_datetime(row.expires),
            item.item,
            item.cents,
        )


def limit_of(tables: Tables, person_id: PersonId) -> int | None:
    """What somebody's services may cost a month, in cents; None without a limit."""
    row = tables.get(spending_limit, "person_id = ?", person_id)
    return None if row is None else int(row.cents)


def set_limit(transaction: Transaction, person_id: PersonId, cents: int | None) -> None:
    """Set a guardian's limit, or end it; whoever it is for sees that in an entry."""
    transaction.lock(person_id)
    transaction.tables.delete(spending_limit, "person_id = ?", person_id)
    if cents is not None:
        at = microseconds(transaction.clock.now())
        transaction.tables.insert(spending_limit, person_id=person_id, cents=cents, since=at)
    transaction.note(person_id, LIMIT_ENTRY, actor=domain.GUARDIAN)


def end(transaction: Transaction, person_id: PersonId) -> None:
    """Forget limit and requests of somebody who answers for themselves from now on."""
    transaction.tables.delete(spending_limit, "person_id = ?", person_id)
    transaction.tables.delete(purchase_request, "person_id = ?", person_id)


def beyond(total: int, limit: int) -> str:
    """That something goes beyond a limit."""
    return (
        f"With this all services would cost {money(total)} a month, and the limit that was set is"
        f" {money(limit)}."
    )
