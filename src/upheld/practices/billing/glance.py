"""At a glance, on a customer's first page: what they owe, what they have, what they used."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.request import ActResult
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Figure, Provider
from upheld.practice.unreadable import UnreadableValueError
from upheld.practices.billing import books, services, usage
from upheld.practices.billing.books import OpenInvoice
from upheld.practices.billing.plans import ServicePlan
from upheld.web import charts
from upheld.web.pages import format_day, money

FIELDS: Final = (books.TRANSACTION, services.SERVICES, usage.USAGE)
BALANCE: Final = "Balance"
MONTHS: Final = 12  # that the line of use goes back
_NUMBERS: Final = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


class Glance:
    """The figures of billing."""

    def __init__(self, provider: Provider, plans: Mapping[str, ServicePlan]) -> None:
        self.provider, self.plans = provider, plans

    def figures(
        self, transaction: Transaction, person_id: PersonId, values: ActResult | None
    ) -> list[Figure]:
        """The balance, the plans and this month's use, each where its kind of data may be seen.

        What cannot be read is left out: its own page says so.
        """
        if values is None:
            return []
        figures = []
        for field, figure_of in (
            (books.TRANSACTION, self._balance),
            (services.SERVICES, self._plans),
            (usage.USAGE, self._use),
        ):
            if field in values.refused or not self._is_asked(field):
                continue
            try:
                figures.append(figure_of(values))
            except UnreadableValueError:
                continue
        if self.provider.payer_of(transaction.tables, person_id) == person_id:
            return figures
        return [_of_another_payer(each) for each in figures]

    def _is_asked(self, field: str) -> bool:
        """Whether the policy in force knows a kind of data, so that it was looked at."""
        return field in self.provider.policy.program.vocabulary.tree("data")

    def _balance(self, values: ActResult) -> Figure:
        rows = books.rows_of(each.value for each in values.series(books.TRANSACTION))
        history, today = books.history(rows), self.provider.today()
        unpaid = sorted((each for each in history.invoices if each.open), key=lambda each: each.due)
        late = [each for each in unpaid if each.due < today]
        if history.balance > 0:
            value = f"You owe {money(history.balance)}"
        elif history.balance < 0:
            value = f"{money(-history.balance)} in credit"
        else:
            value = "You owe nothing"
        return Figure(
            BALANCE, value, due_sentence(unpaid, today), "/me/balance", 10, alarming=bool(late)
        )

    def _plans(self, values: ActResult) -> Figure:
        periods = services.service_periods(each.value for each in values.series(services.SERVICES))
        now = [each.plan for each in periods if not each.until]
        names = [self.plans[each].title if each in self.plans else each for each in now]
        cents = sum(self.plans[each].cents for each in now if each in self.plans)
        if not now:
            return Figure("Plan", "No service", "See what you can order.", "/me/services", 20)
        return Figure("Plan", ", ".join(names), f"{money(cents)} a month", "/me/services", 20)

    def _use(self, values: ActResult) -> Figure:
        today = self.provider.today()
        months = [word for word, _ in usage.choices(today)[:MONTHS]][::-1]
        rows = (each.value for each in values.series(usage.USAGE))
        table = usage.usage_table(rows, months[0], months[-1])
        by_month = dict(table.months)
        totals = [sum(each.gigabytes for each in by_month.get(m, {}).values()) for m in months]
        while len(totals) > 1 and not totals[0]:  # before the first use there is no line
            totals.pop(0)
        return Figure(
            f"Use in {today:%B}",
            _gigabytes(totals[-1]) if months[-1] in by_month else "Not counted yet",
            _comparison(totals),
            "/me/usage",
            30,
            charts.spark(totals if months[-1] in by_month else totals[:-1]),
        )


def _of_another_payer(figure: Figure) -> Figure:
    """The figure for somebody whose use another pays for; a debt of their own is still shown."""
    if figure.title != BALANCE or figure.alarming:
        return figure
    return figure._replace(detail="What you use is billed to the holder of your account.")


def due_sentence(unpaid: list[OpenInvoice], today: date) -> str:
    """When what is not paid is due, the oldest first; of what is late, how many and since when."""
    late = [each for each in unpaid if each.due < today]
    if len(late) > 1:
        count = _NUMBERS[len(late)] if len(late) < len(_NUMBERS) else str(len(late))
        return f"{count} invoices are overdue, the oldest since {format_day(late[0].due)}."
    if late:
        return f"Invoice {late[0].number} has been overdue since {format_day(late[0].due)}."
    if unpaid:
        return f"{money(unpaid[0].open)} is due on {format_day(unpaid[0].due)}."
    return "Nothing is due."


def _comparison(totals: list[float]) -> str:
    """The use of this month beside that of the months before, as the line shows it."""
    before = totals[:-1]
    if not before:
        return "Nothing was used in the months before."
    months = "in the month" if len(before) == 1 else f"a month in the {len(before)} months"
    return f"On average {_gigabytes(sum(before) / len(before))} {months} before."


def _gigabytes(much: float) -> str:
    number = f"{much:,.0f}"
    return f"{number} gigabyte" + ("" if number == "1" else "s")
