"""Invoices: made each month for the services of a person, falling due, reminded of, settled.

The amounts are rows of the series `transaction` in the books of whoever pays; beside them stands an
index of months, numbers, dates and states. Each job goes person by person, each in a transaction of
its own, so that it may be stopped and begun again at any time.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from upheld.core.sql import row, rows, run
from upheld.core.tables import BEGINNING, microseconds
from upheld.gate.gate import Gate
from upheld.gate.joint import Joint
from upheld.gate.proofs import years
from upheld.gate.request import Act, Refused
from upheld.policy.request import Request
from upheld.practice import outbox, tasks
from upheld.practice.brings import Provider
from upheld.practice.events import INVOICE_DUE, INVOICE_MADE
from upheld.practices.billing import books
from upheld.practices.billing.books import History, Invoice, Line
from upheld.practices.billing.plans import Plan
from upheld.practices.billing.services import SERVICES, Had, had
from upheld.vault import people

DUE_DAYS: Final = 14
BACK: Final = 12  # months
# What comes of an invoice that nobody pays: after how many days, and which state it is in then.
STEPS: Final = (("open", 0, "due"), ("due", 7, "reminded"), ("reminded", 21, "warned"),
                ("warned", 28, "task"))  # fmt: skip
UNPAID: Final = "('open', 'due', 'reminded', 'warned', 'task')"
DUE: Final = "('due', 'reminded', 'warned', 'task')"
DEBT: Final = "debt"
_DAY: Final = timedelta(days=1)


class Month(NamedTuple):
    """A month of the calendar: its first day, and the first day after it."""

    first: date
    after: date

    @property
    def word(self) -> str:
        """As 2026-11."""
        return self.first.isoformat()[:7]

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.after - self.first).days

    def previous(self) -> Month:
        """The month before."""
        return month_of(self.first - _DAY)


def month_of(day: date) -> Month:
    """The month in which a day lies."""
    first = day.replace(day=1)
    return Month(first, first + timedelta(days=monthrange(day.year, day.month)[1]))


def moment(day: date) -> int:
    """The beginning of a day, in UTC, as tables keep it."""
    return microseconds(datetime.combine(day, time(), UTC))


def day_of(told: int) -> date:
    """The day of a moment that a table keeps."""
    return (BEGINNING + timedelta(microseconds=told)).date()


def history_of(joint: Joint, person_id: str) -> History | Refused:
    """What was invoiced to somebody and paid, read for billing."""
    act = Act(action="use", data=("payment-history",), purpose="billing")
    found = joint.act(act, person_id, entitled=True)
    if isinstance(found, Refused):
        return found
    return books.history_of(found["payment-history"] if found.values else None)


def settle(joint: Joint, payer: str) -> Refused | None:
    """Note which invoices are paid by now; the task about a debt closes with the last of them."""
    found = history_of(joint, payer)
    if isinstance(found, Refused):
        return found
    for each in found.invoices:
        if each.open == 0:
            run(joint.connection, "UPDATE invoice SET state = 'paid' WHERE payer = ? AND"  # noqa: S608 - states alone
                f" number = ? AND state IN {UNPAID}", payer, each.number)  # fmt: skip
    if not due_numbers(joint, payer):
        tasks.close_about(joint, payer, DEBT)
    return None


def due_numbers(joint: Joint, payer: str) -> list[tuple[str, date]]:
    """The invoices of somebody that are due and unpaid, each with its day, the oldest first."""
    statement = f"SELECT number, due FROM invoice WHERE payer = ? AND state IN {DUE} ORDER BY due"  # noqa: S608 - states alone
    found = rows(joint.connection, statement, payer)
    return [(number, day_of(due)) for number, due in found]


def lines_of(now: list[Had], plans: Mapping[str, Plan], month: Month) -> Iterator[Line]:
    """A line for each plan that was in force in a month, by its days."""
    last = month.after - _DAY
    for each in now:
        plan = plans.get(each.plan)
        begins = max(each.since, month.first)
        ends = min(each.until - _DAY if each.until else last, last)
        days = (ends - begins).days + 1
        if plan is None or days <= 0:
            continue
        whole = days == month.days
        said = f"{begins:%B %Y}" if whole else f"{begins.day} to {ends.day} {ends:%B %Y}"
        cents = plan.cents if whole else plan.cents * days // month.days
        yield Line(f"{plan.title}, {said}", cents)


class Invoices:
    """The jobs of invoices."""

    def __init__(self, provider: Provider, plans: Mapping[str, Plan]) -> None:
        self.provider, self.plans = provider, plans

    def make(self, gate: Gate) -> int:
        """Make the invoices of months that are over and have none; how many were looked at.

        It goes back a year, so that what was not running for a while misses no month.
        """
        months = [month_of(self.provider.now().date()).previous()]
        while len(months) < BACK:
            months.append(months[-1].previous())
        return sum(self._make(gate, month) for month in reversed(months))

    def _make(self, gate: Gate, month: Month) -> int:
        with gate.together() as joint:
            found = rows(
                joint.connection,
                "SELECT DISTINCT o.person_id FROM service_order o"
                " JOIN person p ON p.person_id = o.person_id AND p.state = 'active'"
                " LEFT JOIN invoice i ON i.person_id = o.person_id AND i.month = ?"
                " WHERE o.began < ? AND (o.ended IS NULL OR o.ended >= ?) AND i.person_id IS NULL",
                month.word, moment(month.after), moment(month.first),
            )  # fmt: skip
        for (person_id,) in found:
            with gate.together() as joint:
                self.invoice(joint, person_id, month)
        return len(found)

    def invoice(self, joint: Joint, person_id: str, month: Month) -> None:
        """Make the invoice of a person's month, in the books of whoever pays for it, once."""
        people.lock(joint.connection, person_id)
        if row(joint.connection, "SELECT 1 FROM invoice WHERE person_id = ? AND month = ?",
               person_id, month.word):  # fmt: skip
            return
        payer = self.provider.payer(joint.connection, person_id)
        found = self._invoiced(joint, person_id, payer, month)
        told = found if isinstance(found, Invoice) else None
        state = "open" if told else "refused" if isinstance(found, Refused) else "none"
        run(joint.connection, "INSERT INTO invoice VALUES (?, ?, ?, ?, ?, ?)", person_id,
            month.word, payer, told.number if told else None, moment(told.due) if told else None,
            state)  # fmt: skip
        if told is None:
            return
        settle(joint, payer)  # what was paid ahead may cover it
        self.provider.events.announce(joint, INVOICE_MADE, payer, told.number)
        outbox.queue(joint, payer, "billing/invoice", "administrative-message",
                     {"number": told.number, "due": told.due.isoformat()})  # fmt: skip

    def _invoiced(
        self, joint: Joint, person_id: str, payer: str, month: Month
    ) -> Invoice | Refused | None:
        """The invoice as it was booked; None where there is nothing to be paid."""
        act = Act(action="use", data=(SERVICES,), purpose="billing")
        found = joint.act(act, person_id)
        if isinstance(found, Refused):
            return found
        plans = had(each.value for each in found.series(SERVICES))
        lines = tuple(lines_of(plans, self.plans, month))
        cents = sum(line.cents for line in lines)
        if not cents:
            return None
        if payer != person_id and (refused := _charged(joint, person_id)):
            return refused
        made = max(joint.house.clock.now().date(), month.after)
        told = Invoice(_number(joint, made), made, made + timedelta(days=DUE_DAYS), cents, lines)
        booked = joint.append(payer, books.TRANSACTION, [books.told(told)], source="customer",
                              occasion="service-use")  # fmt: skip
        return booked if isinstance(booked, Refused) else told

    def fall_due(self, gate: Gate) -> int:
        """Do what is due about each invoice that is not paid: announce, remind, open a task."""
        today = self.provider.now().date()
        count = 0
        for before, days, after in STEPS:
            until = moment(today - timedelta(days=days))
            with gate.together() as joint:
                found = rows(
                    joint.connection,
                    "SELECT i.person_id, i.month, i.payer, i.number, i.due FROM invoice i"
                    " JOIN person p ON p.person_id = i.payer AND p.state = 'active'"
                    " WHERE i.state = ? AND i.due <= ?",
                    before, until,
                )  # fmt: skip
            for person_id, month, payer, number, due in found:
                with gate.together() as joint:
                    changed = run(joint.connection, "UPDATE invoice SET state = ? WHERE person_id"
                                  " = ? AND month = ? AND state = ?", after, person_id, month,
                                  before)  # fmt: skip
                    if changed:
                        self._now(joint, payer, after, number, day_of(due))
                        count += 1
        return count

    def _now(self, joint: Joint, payer: str, state: str, number: str, due: date) -> None:
        if state == "due":
            self.provider.events.announce(joint, INVOICE_DUE, payer, number)
        elif state == "task":
            open_debts = [t for t in tasks.of_person(joint.connection, payer) if t.kind == DEBT]
            if not open_debts:
                tasks.open_task(joint, payer, DEBT, "debt-collection", role="billing",
                                about=number)  # fmt: skip
        else:
            words = {"number": number, "due": due.isoformat(), "which": state}
            outbox.queue(joint, payer, "billing/reminder", "administrative-message", words)


def _charged(joint: Joint, person_id: str) -> Refused | None:
    """Charge a minor's use to the holder, if the policy lets us; others need no leave for it.

    Who is a minor is the policy's to say: whoever it does not let us serve without a guardian.
    """
    act = Act(action="use", data=("birth-date",), purpose="age-check")
    found = joint.act(act, person_id)
    if isinstance(found, Refused):
        return found
    if "birth-date" in found.values:
        born = date.fromisoformat(found["birth-date"])
        age = years(born, joint.house.clock.now().date())
        known = {"age": age, "guardian-permission": False, "guardian-supervision": False}
        if joint.house.policy.decide(Request("serve"), known).allowed:
            return None
    charged = joint.act(Act(action="charge"), person_id)
    return charged if isinstance(charged, Refused) else None


def _number(joint: Joint, made: date) -> str:
    """The next number of a year."""
    statement = (
        "SELECT number FROM invoice WHERE number LIKE ? ORDER BY LENGTH(number) DESC, number DESC"
        " LIMIT 1"
    )
    last = row(joint.connection, statement, f"{made.year}-%")
    return f"{made.year}-{int(last[0].partition('-')[2]) + 1 if last else 1001}"
