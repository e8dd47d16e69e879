"""What a customer used, was invoiced and paid, in sentences by day."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from upheld.core.ids import PersonId
from upheld.gate.act.request import ActResult
from upheld.gate.transaction import Transaction
from upheld.practice.day_events import DayEvent, DayEvents
from upheld.practices.billing import books, usage
from upheld.practices.billing.books import Invoice, Payment
from upheld.practices.billing.plans import ServicePlan, titles
from upheld.web.pages import format_month, money


def _of_accounts(_: Transaction, __: PersonId, result: ActResult) -> list[DayEvent]:
    """Invoices and payments, each on its date."""
    events = []
    for row in books.rows_of(each.value for each in result.series(books.TRANSACTION)):
        if isinstance(row, Invoice):
            text = f"We sent you invoice {row.number}, of {money(row.cents)}."
        elif isinstance(row, Payment):
            text = f"You paid {money(row.cents)}."
        else:
            continue
        events.append(DayEvent(row.date.isoformat(), books.TRANSACTION, text))
    return events


def _of_use(
    names: Mapping[str, str], transaction: Transaction, _: PersonId, result: ActResult
) -> list[DayEvent]:
    """What was used, on the day on which it was counted."""
    events = []
    for each in result.series(usage.USAGE):
        row = usage.row_of(each.value)
        day = transaction.clock.local(each.at).date().isoformat()
        text = (
            f"We counted what you used in {format_month(row.month)} of"
            f" {names.get(row.service, row.service)}: {row.gigabytes:,.1f} gigabytes in"
            f" {row.hours:,.0f} hours."
        )
        events.append(DayEvent(day, usage.USAGE, text))
    return events


def day_events(plans: Mapping[str, ServicePlan]) -> dict[str, DayEvents]:
    """What billing tells of, by kind of data."""
    return {books.TRANSACTION: _of_accounts, usage.USAGE: partial(_of_use, titles(plans))}
