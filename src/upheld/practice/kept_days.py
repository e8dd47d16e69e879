"""Since which day something that came in may still be kept, and whether the law has us keep it.

A hold that names kinds of data has us keep a row if any of them is in it, and then as a whole.
Where the law does and forbids to speak of it, whoever it is about is told what they would be told
without the hold; what is told as gone waits for its end, where nobody but the legal desk reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from upheld.core.clock import Clock
from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act
from upheld.gate.erasure.rows_on_hold import kinds_beside
from upheld.gate.evidence.reach_of_holds import reaching
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.silent_holds import silent_holds
from upheld.gate.log.entries import after
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision

HOLD: Final = "hold"  # the kind of records by which the law keeps us from deleting
ORDER: Final = "instrument"  # and of those by which an order forbids to speak of it
ON_HOLD: Final = {"legal-hold": True, "erasure-requested": True, "erased": True}


class Holds(NamedTuple):
    """Whether a hold that may be told is in force, and one of which nobody may speak.

    `open_since` is the moment, in microseconds, from which on one that may be told was in force at
    each moment until now.
    """

    open: bool
    silent: bool
    open_since: int | None = None


def first_day(clock: Clock, store: Decision) -> str:
    """The first day of which anything may still be kept, by the tightest time in a decision."""
    spans = [
        (duty.amount, duty.unit)
        for duty in store.duties
        if duty.duty == "delete-after" and duty.amount is not None
    ]
    day = date.min
    for amount, unit in spans:
        day = max(day, _first_kept(clock.today(), amount, unit))
    return day.isoformat()


def end_of_keeping(day: str, store: Decision) -> date | None:
    """The day on which what came in on a day goes; None where the decision says no time."""
    start = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    moments = [
        end
        for duty in store.duties
        if duty.duty == "delete-after" and duty.amount is not None
        if duty.unit and (end := after(start, duty.amount, duty.unit)) is not None
    ]
    return min(moments).date() if moments else None


def is_on_hold(transaction: Transaction, person_id: PersonId, store: Act) -> bool:
    """Whether the law keeps us from deleting what is stored of somebody, as the policy says."""
    return bool(_holds(transaction, person_id, store))


def holds_of(
    transaction: Transaction, person_id: PersonId, store: Act, moment: datetime | None = None
) -> Holds:
    """Whether the law keeps us from deleting what is stored of somebody, and what may be told.

    Now, or at a moment by the policy of now. Of somebody whose records were changed, or taken away,
    there may be one, and nothing is told.
    """
    try:
        holds = _holds(transaction, person_id, store, moment)
        mine, _ = transaction.records_of([person_id], [HOLD, ORDER] if holds else [])
    except SealedError:
        return Holds(False, _keeps(transaction, store))
    at = microseconds(moment or transaction.clock.now())
    hidden = silent_holds(transaction.policy, mine, at)
    silent = [each.record_id in hidden for each in holds]
    may_be_told = _holds_among(transaction, mine, store, without=hidden)
    return Holds(not all(silent), any(silent), _in_force_since(may_be_told, at))


def is_told(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether what says of holds of somebody, and which may be told, is as it was written."""
    try:
        transaction.records_of([person_id], [HOLD, ORDER])
    except SealedError:
        return False
    return True


def is_hidden(
    transaction: Transaction,
    person_id: PersonId,
    store: Act | None = None,
    moment: datetime | None = None,
) -> bool:
    """Whether an order forbids now, or at a moment, to speak of a hold of somebody, or of one over.

    Of one of what is stored, or of any. It may where their records were changed.
    """
    try:
        records, _ = transaction.records_of([person_id], [HOLD, ORDER])
    except SealedError:
        return True
    at = microseconds(moment or transaction.clock.now())
    hidden = silent_holds(transaction.policy, records, at)
    if store is None:
        return bool(hidden)
    holds = _holds_among(transaction, records, store)
    return any(each.record_id in hidden for each in holds)


def told_again_since(
    transaction: Transaction, person_id: PersonId, store: Act, moment: datetime | None = None
) -> int | None:
    """Of what was told as gone and is stored still, since when it was told so, if it is told again.

    In microseconds; None where no hold may be told, and nothing is. What was told as gone before
    such holds began, another one keeps alone: it stays hidden for as long as an order forbids to
    speak of that. Where none forbids anything it is 0: all is told. Now, or as it was at a moment.
    """
    since = holds_of(transaction, person_id, store, moment).open_since
    if since is None:
        return None
    return since if is_hidden(transaction, person_id, store, moment) else 0


def told_only_since(
    transaction: Transaction, person_id: PersonId, store: Act, before: datetime
) -> Callable[[int | None], bool]:
    """What says of something by when it was told as gone whether it is told again only by now.

    So it is where it may be told now, and might not at a moment before, by the same rule. When it
    was told as gone is in microseconds; what does not say so is not among it.
    """
    now, then = (told_again_since(transaction, person_id, store, at) for at in (None, before))

    def is_told_only_now(gone: int | None) -> bool:
        if gone is None or now is None or gone < now:
            return False
        return then is None or gone < then or gone > microseconds(before)

    return is_told_only_now


def _in_force_since(holds: Sequence[Record], at: int) -> int | None:
    """From when on some hold was in force at each moment until one; None where none is then."""
    since = at + 1
    while before := [each.valid_from for each in holds if each.in_force(since - 1)]:
        since = min(before)
    return since if since <= at else None


def _holds(
    transaction: Transaction, person_id: PersonId, store: Act, moment: datetime | None = None
) -> list[Record]:
    """The holds of what is stored in force, if the policy lets us keep something for one."""
    records, _ = transaction.records_of([person_id], [HOLD])
    at = microseconds(moment or transaction.clock.now())
    in_force = [e for e in _holds_among(transaction, records, store) if e.in_force(at)]
    return in_force if in_force and _keeps(transaction, store) else []


def _holds_among(
    transaction: Transaction,
    records: Sequence[Record],
    store: Act,
    *,
    without: Collection[str] = (),
) -> Sequence[Record]:
    """The holds among some records that reach rows of what is stored, without some by their ids."""
    holds = [each for each in records if each.kind == HOLD and each.record_id not in without]
    return reaching(transaction.policy, holds, kinds_beside(store.data)) if holds else holds


def _keeps(transaction: Transaction, store: Act) -> bool:
    """Whether the policy lets us keep something for a hold."""
    return transaction.arrivals.decide(store, ON_HOLD).allowed


@lru_cache(maxsize=64)
def _first_kept(today: date, amount: float, unit: str) -> date:
    """The first day whose time is not over; what is of a day goes together, none of it late."""
    day = today
    step = timedelta(days=1)
    # Backwards by guess, then by single days: months differ, and a day that one lacks is its last.
    while _is_kept(day, today, amount, unit):
        if day - timedelta(days=28) <= date.min + step:
            return date.min
        day -= timedelta(days=28)
    while not _is_kept(day, today, amount, unit) and day <= today:
        day += step
    return day


def _is_kept(day: date, today: date, amount: float, unit: str) -> bool:
    end = after(datetime(day.year, day.month, day.day, tzinfo=UTC), amount, unit)
    return end is not None and end.date() > today
