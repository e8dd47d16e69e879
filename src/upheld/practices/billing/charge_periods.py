"""Who pays for which days: until when use is billed, and which days of it cost nothing, and why.

Whoever pays may change within a month, and a guardian may take back that they accept the costs.
What was used up to that day is billed before the change to whoever owed it, and a row says up to
which day that is; the rest of the month is billed at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

from upheld.core.clock import Clock
from upheld.core.ids import PersonId
from upheld.database.columns import BEGINNING, microseconds
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.provers import years
from upheld.gate.transaction import Transaction
from upheld.policy.request import Request
from upheld.practices.billing.proration import DAY, Month, Span
from upheld.practices.billing.tables import billed_until

SUSPENDED: Final = "suspended"
NOT_ACCEPTED: Final = "not charged: nobody accepted the costs"
MINOR, HOUSEHOLD = "minor", "household"  # why somebody else pays
_INSTANT: Final = timedelta(microseconds=1)


def midnight(clock: Clock, day: date) -> datetime:
    """When a day begins in the clock's zone."""
    return datetime.combine(day, time(), clock.zone)


def unbilled_span(tables: Tables, person_id: PersonId, month: Month, after: date) -> Span:
    """The days of a month before another day that are not billed so far; empty if all are."""
    row = tables.get(billed_until, "person_id = ?", person_id)
    until = month.first if row is None else _day(row.day)
    return Span(max(month.first, until), min(month.after, after))


def bill_until(tables: Tables, person_id: PersonId, day: date) -> None:
    """Note up to which day the use of somebody is billed."""
    until = microseconds(midnight(_UTC, day))
    if not tables.update(billed_until, {"day": until}, "person_id = ?", person_id):
        tables.insert(billed_until, person_id=person_id, day=until)


_UTC: Final = Clock()  # by which the table counts its days


def _day(instant: int) -> date:
    return (BEGINNING + timedelta(microseconds=instant)).date()


def suspended_days(transaction: Transaction, person_id: PersonId, span: Span) -> dict[date, str]:
    """The days of a span on which the policy did not let us serve somebody."""
    days = _days(span)
    serving = _allowed_moments(transaction, person_id, Act(action="serve"), days)
    return {day: SUSPENDED for day in days if day not in serving}


def chargeable_days(
    transaction: Transaction, person_id: PersonId, days: Sequence[date]
) -> dict[date, datetime]:
    """The days on which we could charge for somebody's use, each with a moment of it."""
    return _allowed_moments(transaction, person_id, Act(action="charge"), days)


def charge(transaction: Transaction, person_id: PersonId, moment: datetime) -> Refused | None:
    """Do the act `charge` for a minor as of a moment at which it was allowed; Refused if not."""
    result = transaction.act_for(Act(action="charge"), person_id, moment)
    return result if isinstance(result, Refused) else None


def _allowed_moments(
    transaction: Transaction, person_id: PersonId, act: Act, days: Sequence[date]
) -> dict[date, datetime]:
    """The days on which an act was not denied, each with a moment at which it was not.

    The moment is the end of the day, or one in the day at which a record came into force that let
    us act. So the day on which a consent is given counts, and the day on which it is withdrawn
    does not; who withdraws it each evening and gives it again each morning gets no free day.
    """
    clock = transaction.clock
    ends = [midnight(clock, day + DAY) - _INSTANT for day in days]
    decisions = transaction.peek_then(person_id, act, ends)
    allowed = {
        day: end
        for day, end, each in zip(days, ends, decisions, strict=True)
        if each.outcome != "deny"
    }
    if len(allowed) == len(days):
        return allowed
    span = midnight(clock, days[0]), midnight(clock, days[-1] + DAY)
    moments = transaction.starts_of_records(person_id, *span)
    for moment, each in zip(moments, transaction.peek_then(person_id, act, moments), strict=True):
        if each.allowed and clock.day_of(moment) in days:
            allowed.setdefault(clock.day_of(moment), moment)
    return allowed


class Age:
    """How old somebody is on a day, read for billing where it is somebody else who pays.

    Who is a minor is the policy's to say: whoever it does not let us serve without a guardian.
    """

    def __init__(self, transaction: Transaction, born: date | None) -> None:
        self._policy, self._born = transaction.policy, born

    def of_age(self, day: date) -> bool:
        """Whether somebody answered for themselves on a day; not where no birth date is held."""
        if self._born is None:
            return False
        facts = {
            "age": years(self._born, day),
            "guardian-permission": False,
            "guardian-supervision": False,
        }
        return self._policy.decide(Request("serve"), facts).allowed

    def under_age(self, span: Span) -> list[date]:
        """The days of a span on which they did not."""
        return [day for day in _days(span) if not self.of_age(day)]


def _days(span: Span) -> list[date]:
    return [span.first + n * DAY for n in range((span.after - span.first).days)]


def age_of(transaction: Transaction, person_id: PersonId) -> Age | Refused:
    """Somebody's age, if the policy lets us read it for this."""
    act = Act(action="use", data=("birth-date",), purpose="age-check")
    result = transaction.act(act, person_id)
    if isinstance(result, Refused):
        return result
    has_birth_date = "birth-date" in result.values
    return Age(transaction, date.fromisoformat(result["birth-date"]) if has_birth_date else None)
