"""Payments: an intent inside a transaction, the charge outside of any, and a second entry after it.

A form carries a key, and a key is paid once. An account has one payment under way at a time, of no
more than is open: both are seen to under its person's lock. The intent stands there, with the act
that told the processor, before anything is charged; whatever is killed in between is taken up again
by a job, which asks the processor first what came of the key. What was given up is asked about for
another day, so that a charge that came late is booked and not lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import cards
from upheld.practice.cards import Card, ChargeResult, PaymentProcessor
from upheld.practice.events import PAYMENT_RECEIVED
from upheld.practice.plugin import Provider
from upheld.practices.billing import books, invoices
from upheld.practices.billing.tables import payment_intent

LASTS: Final = timedelta(minutes=15)  # how long a payment is held to be in progress
INTERRUPTED: Final = timedelta(minutes=2)  # after this the job takes a payment up again
ASK_FOR: Final = timedelta(days=1)  # so long it is asked whether what was given up was charged
UNDER_WAY: Final = "begun"
_LIVE: Final = (UNDER_WAY, "refused")  # states in which a charge may still come in
_KEY: Final = "person_id = ? AND key = ?"
_log = logging.getLogger(__name__)


class _SealedIntent(msgspec.Struct):
    """What is under way: the amount, and the page on which the card was given if it is not kept."""

    cents: int
    card: str = ""


class Intent(NamedTuple):
    """A payment that was asked for, as it stands."""

    state: str
    record_id: RecordId


class ChargeOrder(NamedTuple):
    """A card token and an amount to charge now. Its repr shows neither."""

    token: str
    cents: int

    def __repr__(self) -> str:
        return "Begun(…)"


class UnderWay(NamedTuple):
    """A payment of the same account that has not ended, by the key of its form."""

    key: str


class Declined(NamedTuple):
    """A payment that was not started, with the reason as a sentence for the customer."""

    why: str


PaymentStart = ChargeOrder | UnderWay | Declined | Refused | None


def under_way(tables: Tables, person_id: PersonId) -> list[Any]:
    """The rows of somebody's payments that have not come to an end, the oldest first."""
    where = "person_id = ? AND state IN (?) ORDER BY made"
    return tables.select(payment_intent, where, person_id, UNDER_WAY, parts=[UNDER_WAY])


def _of(transaction: Transaction, person_id: PersonId, key: str) -> Any | None:
    """The row of somebody's payment by the key of its form; None if there is none."""
    rows = transaction.tables.select(payment_intent, "person_id = ?", person_id)
    return next((each for each in rows if each.key == key), None)


class Payments:
    """Payments by card, through one processor."""

    def __init__(self, provider: Provider, processor: PaymentProcessor) -> None:
        self.provider, self.processor = provider, processor
        self._sealer = provider.sealer("payment")

    def intent(self, transaction: Transaction, person_id: PersonId, key: str) -> Intent | None:
        """A payment by the key of its form."""
        row = _of(transaction, person_id, key)
        return None if row is None else Intent(row.state, row.record_id)

    def under_way(self, transaction: Transaction, person_id: PersonId) -> str | None:
        """The key of the payment of an account that has not come to an end."""
        rows = under_way(transaction.tables, person_id)
        return str(rows[0].key) if rows else None

    def begin(  # noqa: PLR0913 - what a payment is made of
        self,
        transaction: Transaction,
        person_id: PersonId,
        key: str,
        cents: int,
        once: str,
        token: str,
        *,
        confirm: Callable[[int], None] | None = None,
    ) -> PaymentStart:
        """Store the intent and tell the processor who pays; None if this key was used before.

        `once` is the reference of the page on which a card was given for this payment alone, and
        `token` is that card's; without them the stored card is charged. Nothing is started beside
        a payment that is under way, or for more than is open. `confirm` is given what is open, and
        raises where whoever pays has not said yes to this.
        """
        transaction.lock(person_id)
        if self.intent(transaction, person_id, key) is not None:
            return None
        if (other := self.under_way(transaction, person_id)) is not None:
            return UnderWay(other)
        history = invoices.history_of(transaction, person_id)
        if isinstance(history, Refused):
            return history
        if cents > history.balance:
            return Declined("That is more than you owe.")
        if confirm is not None:
            confirm(history.balance)
        record = transaction.record(
            person_id,
            "payment",
            by_whom=person_id,
            how="card",
            ends=transaction.clock.now() + LASTS,
        )
        result = self._share_payer(transaction, person_id)
        if isinstance(result, Refused):
            transaction.withdraw(person_id, record, ended=True)
            return result
        card = cards.usable_card(result)
        if not token and card is None:
            transaction.withdraw(person_id, record, ended=True)
            return Declined("Give a card first.")
        sealed = self._sealer.seal(msgspec.json.encode(_SealedIntent(cents, once)), person_id, key)
        transaction.tables.insert(
            payment_intent,
            person_id=person_id,
            key=key,
            state="begun",
            record_id=record,
            entry=result.entry,
            made=microseconds(transaction.clock.now()),
            sealed=sealed,
        )
        return ChargeOrder(token or (card.token if card else ""), cents)

    def _share_payer(self, transaction: Transaction, person_id: PersonId) -> Outcome:
        act = Act(
            action="share",
            data=("name", "card"),
            recipient="payment-processor",
            purpose="billing",
            occasion="service-use",
            party=self.processor.party,
        )
        return transaction.act(act, person_id, entitled=True)

    def charge(self, person_id: PersonId, key: str, charge_order: ChargeOrder) -> ChargeResult:
        """Charge, outside of any transaction; the same key is charged once."""
        return self.processor.charge(
            charge_order.token, charge_order.cents, self._outside(person_id, key)
        )

    def _outside(self, person_id: PersonId, key: str) -> str:
        """The key by which the processor knows a payment: it says nothing of whose it is."""
        return self._sealer.name_of(person_id, key)

    def finish(
        self, transaction: Transaction, person_id: PersonId, key: str, charged: ChargeResult
    ) -> Refused | None:
        """Enter what came of a charge, and book it, once."""
        transaction.lock(person_id)
        row = _of(transaction, person_id, key)
        if row is None or row.state not in _LIVE or row.sealed is None:
            return None
        if row.state != "begun" and not charged.paid:
            return None
        record = row.record_id
        sealed = self._unseal(person_id, key, row.sealed)
        if charged.paid:
            refusal = self.book(transaction, person_id, sealed.cents, charged.reference)
            if refusal:
                return refusal  # the intent stays, and the job comes back to it
        after = row._replace(state="paid" if charged.paid else "declined", sealed=None)
        transaction.tables.rewrite(payment_intent, [(row, after)])
        if row.state == "begun":
            transaction.withdraw(person_id, record, ended=True)
        transaction.note(
            person_id,
            "payment",
            purpose="billing",
            evidence=(record,),
            after=str(row.entry),
            recipient=f"payment-processor {self.processor.party}",
            problem="" if charged.paid else "declined",
        )
        if charged.paid:
            self.provider.events.announce(
                transaction, PAYMENT_RECEIVED, person_id, charged.reference
            )
        return None

    def book(
        self, transaction: Transaction, person_id: PersonId, cents: int, reference: str
    ) -> Refused | None:
        """Book an amount that was paid by card: the balance falls, and invoices may be settled."""
        history = invoices.history_of(transaction, person_id)
        if isinstance(history, Refused):
            return history
        card = cards.stored_card(transaction, person_id)
        payment = books.Payment(
            transaction.clock.today(),
            cents,
            reference,
            f"card ··{card.last_four}" if card else "card",
            history.settling(cents),
        )
        result = invoices.post(transaction, person_id, payment, entitled=True)
        if isinstance(result, Refused):
            return result
        return invoices.settle(transaction, person_id)

    def take_up(self, gate: Gate) -> int:
        """Finish what was interrupted: every payment that was begun and came to no end.

        One of which the processor does not answer waits, and the others go on.
        """
        now = self.provider.now()
        where = (
            "state IN (?, ?) AND sealed IS NOT NULL AND made < ? AND person_id IN"
            " (SELECT person_id FROM person WHERE state = 'active')"
        )
        with gate.together() as transaction:
            rows, forged = transaction.tables.select_authentic(
                payment_intent, where, *_LIVE, microseconds(now - INTERRUPTED)
            )
        if forged:
            _log.error("%d payments are not as they were written, and wait", forged)
        count, oldest = 0, microseconds(now - ASK_FOR)
        with trial_of(gate, "interrupted payments") as trial:
            for each in rows:
                again = self._resume if each.state == "begun" else self._book_late_charge
                if each.state != "begun" and each.made < oldest:
                    again = self._drop_amount
                # The key is that of a form of theirs, and is not listed whole.
                work = partial(again, gate, each.person_id, each.key)
                count += trial.one(work, each.person_id, each.key[:12]) or 0
        return count

    def _drop_amount(self, gate: Gate, person_id: PersonId, key: str) -> int:
        """Ask no more about what was given up: its amount goes."""
        with gate.together() as transaction:
            transaction.tables.update(
                payment_intent, {"sealed": None}, f"{_KEY} AND state = 'refused'", person_id, key
            )
        return 0

    def _book_late_charge(self, gate: Gate, person_id: PersonId, key: str) -> int:
        """Book what was charged although it had been given up."""
        charged = self.processor.charge_result(self._outside(person_id, key))
        if charged is None or not charged.paid:
            return 0
        with gate.together() as transaction:
            return 0 if self.finish(transaction, person_id, key, charged) else 1

    def _resume(self, gate: Gate, person_id: PersonId, key: str) -> int:
        charged = self.processor.charge_result(self._outside(person_id, key))
        if charged is None:
            with gate.together() as transaction:
                pending = self._pending(transaction, person_id, key)
            if pending is None:
                return 0
            page = pending[1].card
            once = self.processor.card(page) if page else None
            with gate.together() as transaction:
                charge_order = self._begin_again(transaction, person_id, key, once)
            if charge_order is None:
                return 1
            charged = self.charge(person_id, key, charge_order)
        with gate.together() as transaction:
            return 0 if self.finish(transaction, person_id, key, charged) else 1

    def _begin_again(
        self, transaction: Transaction, person_id: PersonId, key: str, once: Card | None
    ) -> ChargeOrder | None:
        """Tell the processor once more who pays; None if that is refused or there is no card."""
        transaction.lock(person_id)
        pending = self._pending(transaction, person_id, key)
        if pending is None:
            return None
        record, sealed = pending
        transaction.withdraw(person_id, record, ended=True)
        record = transaction.record(
            person_id,
            "payment",
            by_whom="provider",
            how="card",
            ends=transaction.clock.now() + LASTS,
        )
        self._change(transaction, person_id, key, record_id=record)
        shared = self._share_payer(transaction, person_id)
        card = once or (None if isinstance(shared, Refused) else cards.usable_card(shared))
        if isinstance(shared, Refused) or card is None:
            transaction.withdraw(person_id, record, ended=True)
            self._change(transaction, person_id, key, state="refused")
            return None
        return ChargeOrder(card.token, sealed.cents)

    def _pending(
        self, transaction: Transaction, person_id: PersonId, key: str
    ) -> tuple[RecordId, _SealedIntent] | None:
        """The record of a payment that is begun, and what is under way."""
        row = _of(transaction, person_id, key)
        if row is None or row.state != "begun":
            return None
        return row.record_id, self._unseal(person_id, key, row.sealed)

    def _unseal(self, person_id: PersonId, key: str, raw: bytes) -> _SealedIntent:
        plain = self._sealer.unseal(raw, person_id, key, what="a payment")
        return msgspec.json.decode(plain, type=_SealedIntent)

    def _change(
        self, transaction: Transaction, person_id: PersonId, key: str, **changes: str
    ) -> None:
        transaction.tables.update(payment_intent, changes, _KEY, person_id, key)
