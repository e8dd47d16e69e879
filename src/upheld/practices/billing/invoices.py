"""Invoices: made each month for the services of a person, falling due, reminded of, settled.

The amounts are rows of the series `transaction` in the books of whoever pays; beside them stands an
index of numbers, dates and states, whose it is that pays, and a note of the months that are billed,
whose it is that used. Each job goes person by person, each in a transaction of its own, so that it
may be stopped and begun again at any time, and one who is in its way holds up nobody else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import BEGINNING, microseconds
from upheld.database.own_tables import placeholders
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.gate import Gate
from upheld.gate.set_aside import JobTrial, trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import outbox, tasks
from upheld.practice.events import INVOICE_DUE, INVOICE_MADE
from upheld.practice.plugin import Provider
from upheld.practices.billing import books, services
from upheld.practices.billing import tables as own
from upheld.practices.billing.books import History, Invoice, Payment
from upheld.practices.billing.charge_periods import (
    HOUSEHOLD,
    MINOR,
    NOT_ACCEPTED,
    age_of,
    bill_until,
    charge,
    chargeable_days,
    midnight,
    suspended_days,
    unbilled_span,
)
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.proration import Month, Span, lines_of, month_of, plan_days
from upheld.practices.billing.services import BACK, SERVICES, service_periods

DUE_DAYS: Final = 14
# What comes of an invoice that nobody pays: after how many days, and which state it is in then.
STEPS: Final = (
    ("open", 0, "due"),
    ("due", 7, "reminded"),
    ("reminded", 21, "warned"),
    ("warned", 28, "task"),
)
UNPAID: Final = ("open", "due", "reminded", "warned", "task")
DUE: Final = UNPAID[1:]
DEBT: Final = "debt"
ACCOUNT: Final = "account-id"
FIRST: Final = 1001  # the number of a year's first invoice
_NOT_BILLED: Final = (  # who had something in a month for which nothing is billed so far
    "NOT EXISTS (SELECT 1 FROM billed b WHERE b.person_id = service_order.person_id"
    " AND b.month = ?) AND began < ? AND (ended IS NULL OR ended >= ?)"
    " AND person_id IN (SELECT person_id FROM person WHERE state = 'active')"
)
_PAST_DUE: Final = (
    "state = ? AND due <= ? AND person_id IN (SELECT person_id FROM person WHERE state = 'active')"
)
_log = logging.getLogger(__name__)


class _InvoiceUse(NamedTuple):
    """Whose use an invoice is for: the number of their account, and why somebody else pays."""

    account: str = ""
    why: str = ""


class _BillingSpan(NamedTuple):
    """Days of a month that are to be billed; `until` ends what no row ends."""

    month: Month
    span: Span
    until: date | None


class _Due(NamedTuple):
    """An invoice that nobody paid so far."""

    payer: PersonId
    number: str
    due: int


def moment(day: date) -> int:
    """The beginning of a day, in UTC, as tables keep it."""
    return microseconds(datetime.combine(day, time(), UTC))


def day_of(instant: int) -> date:
    """The day of a moment that a table keeps."""
    return (BEGINNING + timedelta(microseconds=instant)).date()


def history_of(transaction: Transaction, person_id: PersonId) -> History | Refused:
    """What was invoiced to somebody and paid, read for billing."""
    act = Act(action="use", data=("payment-history",), purpose="billing")
    result = transaction.act(act, person_id, entitled=True)
    if isinstance(result, Refused):
        return result
    return books.history_of(result["payment-history"] if result.values else None)


def post(
    transaction: Transaction, payer: PersonId, row: Invoice | Payment, *, entitled: bool
) -> ActResult | Refused:
    """Enter an invoice or a payment into somebody's books, or say why that was refused."""
    return transaction.append(
        payer,
        books.TRANSACTION,
        [books.encode_row(row)],
        source="customer",
        occasion="service-use",
        purpose="billing",
        entitled=entitled,
    )


def settle(transaction: Transaction, payer: PersonId) -> Refused | None:
    """Note which invoices are paid by now; the task about a debt closes with the last of them."""
    books_of_payer = history_of(transaction, payer)
    if isinstance(books_of_payer, Refused):
        return books_of_payer
    settled = {each.number for each in books_of_payer.invoices if each.open == 0}
    unpaid = _unpaid(transaction, payer)
    transaction.tables.rewrite(
        own.invoice,
        [(each, each._replace(state="paid")) for each in unpaid if each.number in settled],
    )
    if not any(each.state in DUE and each.number not in settled for each in unpaid):
        tasks.close_about(transaction, payer, DEBT)
    return None


def due_numbers(transaction: Transaction, payer: PersonId) -> list[tuple[str, date]]:
    """The invoices of somebody that are due and unpaid, each with its day, the oldest first."""
    return [
        (each.number, day_of(each.due)) for each in _unpaid(transaction, payer) if each.state in DUE
    ]


def _unpaid(transaction: Transaction, payer: PersonId) -> list[Any]:
    """The rows of somebody's invoices that are not paid so far, the oldest first.

    Raises SealedError where an invoice was marked as paid, added or deleted by somebody else.
    """
    where = f"person_id = ? AND state IN ({placeholders(UNPAID)}) ORDER BY due"
    return transaction.tables.select(own.invoice, where, payer, *UNPAID, parts=UNPAID)


class Invoices:
    """The jobs of invoices."""

    def __init__(self, provider: Provider, plans: Mapping[str, ServicePlan]) -> None:
        self.provider, self.plans = provider, plans

    def make(self, gate: Gate) -> int:
        """Make the invoices of months that are over and have none; how many were looked at.

        It goes back a year, so that what was not running for a while misses no month.
        """
        months = [month_of(self.provider.today()).previous()]
        while len(months) < BACK:
            months.append(months[-1].previous())
        with trial_of(gate, "invoices") as trial:
            return sum(self._make(gate, month, trial) for month in reversed(months))

    def _make(self, gate: Gate, month: Month, trial: JobTrial) -> int:
        clock = gate.clock
        with gate.together() as transaction:
            rows = transaction.tables.select_unchecked(
                own.service_order,
                ["person_id"],
                _NOT_BILLED,
                month.word,
                microseconds(midnight(clock, month.after)),
                microseconds(midnight(clock, month.first)),
            )
        for (person_id,) in rows:
            trial.one(partial(self._invoice_alone, gate, person_id, month), person_id, month.word)
        return len(rows)

    def _invoice_alone(self, gate: Gate, person_id: PersonId, month: Month) -> None:
        with gate.together() as transaction:
            self.invoice(transaction, person_id, month)

    def invoice(
        self,
        transaction: Transaction,
        person_id: PersonId,
        month: Month,
        until: date | None = None,
        before: date | None = None,
    ) -> None:
        """Make the invoice of a person's month, once, in the books of whoever pays for it.

        `until` is the day on which their services end, if no row says so yet. With `before` only
        the days of the month before that day are billed; from then on somebody else may pay.
        """
        payer = self.provider.payer_of(transaction.tables, person_id)
        transaction.lock(person_id, payer)
        if month.word in services.billed_months(transaction.tables, person_id):
            return
        transaction.tables.require_intact(own.service_order, [person_id])
        span = unbilled_span(transaction.tables, person_id, month, before or month.after)
        if before and span.first >= span.after:
            return
        result = self._book_invoice(transaction, person_id, payer, _BillingSpan(month, span, until))
        invoice = result if isinstance(result, Invoice) else None
        state = "made" if invoice else "refused" if isinstance(result, Refused) else "none"
        if before:
            bill_until(transaction.tables, person_id, before)
        else:
            transaction.tables.insert(
                own.billed, person_id=person_id, month=month.word, state=state
            )
        if invoice is None:
            return
        transaction.tables.insert(
            own.invoice,
            person_id=payer,
            number=invoice.number,
            used_by=person_id,
            month=month.word,
            due=moment(invoice.due),
            state="open",
        )
        settle(transaction, payer)  # what was paid ahead may cover it
        self.provider.events.announce(transaction, INVOICE_MADE, payer, invoice.number)
        outbox.queue(
            transaction,
            payer,
            "billing/invoice",
            "administrative-message",
            {
                "number": invoice.number,
                "due": invoice.due.isoformat(),
                "cents": str(invoice.cents),
            },
        )

    def _book_invoice(
        self, transaction: Transaction, person_id: PersonId, payer: PersonId, billing: _BillingSpan
    ) -> Invoice | Refused | None:
        """The invoice as it was booked; None where there is nothing to be paid."""
        act = Act(action="use", data=(SERVICES, ACCOUNT), purpose="billing")
        result = transaction.act(act, person_id)
        if isinstance(result, Refused):
            return result
        plans = [
            each._replace(until=each.until or billing.until)
            for each in service_periods(row.value for row in result.series(SERVICES))
        ]
        free, whose, refusal = (
            suspended_days(transaction, person_id, billing.span),
            _InvoiceUse(),
            None,
        )
        if payer != person_id and any(
            billing.span.first <= day < billing.span.after
            for days in plan_days(plans, billing.month).values()
            for day in days
        ):
            age = age_of(transaction, person_id)
            if isinstance(age, Refused):
                return age
            under_age = [day for day in age.under_age(billing.span) if day not in free]
            when = chargeable_days(transaction, person_id, under_age)
            free |= {day: NOT_ACCEPTED for day in under_age if day not in when}
            whose = _InvoiceUse(
                result[ACCOUNT] if ACCOUNT in result.values else "",
                MINOR if under_age else HOUSEHOLD,
            )
            if under_age:
                moment = max(when.values(), default=transaction.clock.now())
                refusal = charge(transaction, person_id, min(moment, transaction.clock.now()))
        lines = tuple(lines_of(plans, self.plans, billing.month, free, billing.span))
        cents = sum(line.cents for line in lines)
        if refusal is not None:
            return refusal
        if not cents:
            return None
        today = transaction.clock.today()
        ahead = history_of(transaction, payer)
        if isinstance(ahead, Refused):
            return ahead
        invoice = Invoice(
            number(transaction, today),
            today,
            today + timedelta(days=DUE_DAYS),
            cents,
            lines,
            *whose,
            min(ahead.credit, cents),
        )
        outcome = post(transaction, payer, invoice, entitled=False)
        return outcome if isinstance(outcome, Refused) else invoice

    def leave(self, transaction: Transaction, person_id: PersonId) -> None:
        """End what somebody has who is to be erased, and bill what was not billed so far."""
        began = self._first_order_day(transaction, person_id)
        if began is None:
            return
        services.end_all(transaction, person_id, actor="")
        self._catch_up(transaction, person_id, began)
        today = transaction.clock.today()
        self.invoice(transaction, person_id, month_of(today), today)

    def close(self, transaction: Transaction, person_id: PersonId, _: str = "") -> None:
        """Bill what somebody used before today: from today on another may pay, or nobody."""
        began = self._first_order_day(transaction, person_id)
        if began is None:
            return
        self._catch_up(transaction, person_id, began)
        today = transaction.clock.today()
        self.invoice(transaction, person_id, month_of(today), before=today)

    def _first_order_day(self, transaction: Transaction, person_id: PersonId) -> date | None:
        """Since when somebody has had anything that is billed."""
        orders = transaction.tables.select(own.service_order, "person_id = ?", person_id)
        first = min((each.began for each in orders), default=None)
        if first is None:
            return None
        return transaction.clock.day_of(BEGINNING + timedelta(microseconds=first))

    def _catch_up(self, transaction: Transaction, person_id: PersonId, began: date) -> None:
        """Bill the months that are over, as far back as months are still billed."""
        months = [month_of(transaction.clock.today()).previous()]
        while len(months) < BACK:
            months.append(months[-1].previous())
        for month in reversed(months):
            if month.after > began:
                self.invoice(transaction, person_id, month)

    def stayed(self, transaction: Transaction, person_id: PersonId) -> None:
        """Write to somebody who was erased and still owes how they can pay without an account."""
        if _unpaid(transaction, person_id):
            outbox.queue(transaction, person_id, "billing/erased", "administrative-message")

    def fall_due(self, gate: Gate) -> int:
        """Do what is due about each invoice that is not paid: announce, remind, open a task."""
        with trial_of(gate, "due invoices") as trial:
            return self._fall_due(gate, trial)

    def _fall_due(self, gate: Gate, trial: JobTrial) -> int:
        today = self.provider.today()
        count = 0
        for before, days, after in STEPS:
            until = moment(today - timedelta(days=days))
            with gate.together() as transaction:
                rows, forged = transaction.tables.select_authentic(
                    own.invoice, _PAST_DUE, before, until
                )
            if forged:
                _log.error("%d invoices are not as they were written, and wait", forged)
            for each in rows:
                invoice = _Due(each.person_id, each.number, each.due)
                work = partial(self._step_alone, gate, invoice, before, after)
                count += trial.one(work, invoice.payer, invoice.number) or 0
        return count

    def _step_alone(self, gate: Gate, invoice: _Due, before: str, after: str) -> int:
        with gate.together() as transaction:
            self._step(transaction, invoice, before, after)
        return 1

    def _step(self, transaction: Transaction, invoice: _Due, before: str, after: str) -> None:
        """Take an invoice from one state to the next, if it still is in the first."""
        where = "person_id = ? AND number = ? AND state = ?"
        changed = transaction.tables.update(
            own.invoice,
            {"state": after},
            where,
            invoice.payer,
            invoice.number,
            before,
            parts=[before],
        )
        if changed:
            self._act_on_state(
                transaction, invoice.payer, after, invoice.number, day_of(invoice.due)
            )

    def _act_on_state(
        self, transaction: Transaction, payer: PersonId, state: str, number: str, due: date
    ) -> None:
        if state == "due":
            self.provider.events.announce(transaction, INVOICE_DUE, payer, number)
        elif state == "task":
            open_debts = [
                t for t in tasks.open_tasks_on(transaction.tables, payer) if t.kind == DEBT
            ]
            if not open_debts:
                tasks.open_task(
                    transaction, payer, DEBT, "debt-collection", role="billing", about=number
                )
        else:
            gone = erased(transaction, payer)
            words = {
                "number": number,
                "due": due.isoformat(),
                "which": state,
                "erased": "yes" if gone else "",
            }
            history = None if gone else history_of(transaction, payer)
            if isinstance(history, History):
                words |= {"open": str(history.open_of(number))}
            outbox.queue(transaction, payer, "billing/reminder", "administrative-message", words)


def erased(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody was erased, but for what must be kept, and so has no account any more."""
    return transaction.is_erased(person_id)


def number(transaction: Transaction, day: date) -> str:
    """The next number of a year: one that was given out is never given out again."""
    years = transaction.tables.select(own.invoice_number)
    row = next((each for each in years if each.year == day.year), None)
    if row is None:
        transaction.tables.insert(own.invoice_number, year=day.year, last=FIRST)
        return f"{day.year}-{FIRST}"
    after = row._replace(last=row.last + 1)
    transaction.tables.rewrite(own.invoice_number, [(row, after)])
    return f"{day.year}-{after.last}"
