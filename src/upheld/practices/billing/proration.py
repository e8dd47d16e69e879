"""What a month costs: each day of a service once, by the plan with which that day ended.

Whatever the changes of plan, the parts of a month add up to the month to the cent: a day costs the
difference between what the month costs up to its end and up to its beginning, each rounded down.
The day of an order counts and that of an end does not; a service that was ordered and ended on one
day was there for that day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from typing import Final, NamedTuple

from upheld.practices.billing.books import InvoiceLine
from upheld.practices.billing.plans import ServicePlan
from upheld.practices.billing.services import ServicePeriod
from upheld.web.pages import format_month

DAY = timedelta(days=1)
NONE_FREE: Final[Mapping[date, str]] = MappingProxyType({})


class Month(NamedTuple):
    """A month of the calendar: its first day, and the first day after it."""

    first: date
    after: date

    @property
    def word(self) -> str:
        """The month as `YYYY-MM`, such as 2026-11."""
        return self.first.isoformat()[:7]

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.after - self.first).days

    def previous(self) -> Month:
        """The month before."""
        return month_of(self.first - DAY)


class Span(NamedTuple):
    """Days that follow one another: the first of them, and the first after them."""

    first: date
    after: date


class _PlanDays(NamedTuple):
    """Days of a month that follow one another with the same plan, free for one reason or none."""

    plan: str
    first: date
    last: date
    free: str


def month_of(day: date) -> Month:
    """The month in which a day lies."""
    first = day.replace(day=1)
    return Month(first, first + timedelta(days=monthrange(day.year, day.month)[1]))


def share(cents: int, first: date, last: date, month: Month) -> int:
    """What some days of a month cost of the month's price, the first and the last counted."""
    before, until = (first - month.first).days, (last - month.first).days + 1
    return cents * until // month.days - cents * before // month.days


def plan_days(now: Sequence[ServicePeriod], month: Month) -> dict[str, dict[date, str]]:
    """The plan of each day of a month, by service; days without one are left out."""
    by_service: dict[str, dict[date, str]] = {}
    for each in now:
        ends = min(each.until or month.after, month.after)
        day = max(each.since, month.first)
        while day < ends:
            by_service.setdefault(each.service, {})[day] = each.plan
            day += DAY
    for each in reversed(now):  # the last plan of a day is the day's
        if each.since == each.until and month.first <= each.since < month.after:
            by_service.setdefault(each.service, {}).setdefault(each.since, each.plan)
    return by_service


def lines_of(
    now: Sequence[ServicePeriod],
    plans: Mapping[str, ServicePlan],
    month: Month,
    free: Mapping[date, str] = NONE_FREE,
    span: Span | None = None,
) -> Iterator[InvoiceLine]:
    """A line for each plan that was in force in a month, by its days; those of a span alone.

    Days that are free, such as those on which nobody could be served, have a line that says why.
    """
    first, after = span or (month.first, month.after)
    for days in plan_days(now, month).values():
        for part in _parts([(d, days[d]) for d in sorted(days) if first <= d < after], free):
            plan = plans.get(part.plan)
            if plan is not None:
                text = f"{plan.title}, {_days(part, month)}"
                if part.free:
                    yield InvoiceLine(f"{text}, {part.free}", 0)
                else:
                    yield InvoiceLine(text, share(plan.cents, part.first, part.last, month))


def _parts(days: Sequence[tuple[date, str]], free: Mapping[date, str]) -> list[_PlanDays]:
    parts: list[_PlanDays] = []
    for day, plan in days:
        part = _PlanDays(plan, day, day, free.get(day, ""))
        last = parts[-1] if parts else None
        if last and last._replace(first=day, last=day) == part and last.last + DAY == day:
            parts[-1] = last._replace(last=day)
        else:
            parts.append(part)
    return parts


def _days(part: _PlanDays, month: Month) -> str:
    if (part.last - part.first).days + 1 == month.days:
        return format_month(part.first)
    days = f"{part.first.day} to {part.last.day}" if part.last > part.first else f"{part.last.day}"
    return f"{days} {part.last:%B %Y}"
