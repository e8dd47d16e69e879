"""Which visits that a hold alone keeps are told of: those told as gone, once a silence is over.

What another hold alone keeps, of which nobody may speak still, is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import chain
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.own_tables import to_datetime
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import (
    first_day_on,
    holds_of,
    is_hidden,
    silence_over,
)
from upheld.practice.own_rows import RowsOf
from upheld.practices.collection.blocks import PageVisit
from upheld.practices.collection.intake import rules_of
from upheld.practices.collection.released import rows_by, visits_of
from upheld.practices.collection.ties import OF_PERSON, STORE, own_cookies

NEVER: Final = "~"  # after each day


class OpenVisits(NamedTuple):
    """What is told of somebody's visits that a hold alone keeps and that were told as gone.

    Those that were told so `since` a moment, in microseconds, or all where it is None; and of what
    time, or a version, set apart, those of the day `oldest_day` or later.
    """

    since: int | None
    oldest_day: str


def told_of(transaction: Transaction, person_id: PersonId, store: Decision) -> OpenVisits | None:
    """What is told of visits that a hold alone keeps, by the decision on storing some.

    None where no hold may be told. What was told as gone before those began which may be, another
    keeps alone of which nobody may speak. What went while one of these was silent itself is told
    by its day: its blocks say that it was told as gone, and not when.
    """
    holds = holds_of(transaction, person_id, STORE)
    if holds.open_since is None:
        return None
    if not is_hidden(transaction, person_id, STORE):
        return OpenVisits(None, "")
    if silence_over(transaction, person_id, STORE) is None:
        return OpenVisits(holds.open_since, NEVER)
    began = transaction.clock.day_of(to_datetime(holds.open_since))
    oldest_day = first_day_on(began, store) if store.allowed else NEVER
    return OpenVisits(holds.open_since, oldest_day)


def _visits(transaction: Transaction, person_id: PersonId) -> Iterator[PageVisit]:
    """The visits that were told as gone while nobody might speak of a hold, and are told of now.

    What is damaged is not among them.
    """
    _, store = rules_of(transaction.arrivals, signal=False).decisions
    visits, end = (
        told_of(transaction, person_id, store),
        silence_over(transaction, person_id, STORE),
    )
    if visits is None or end is None:
        return
    tied = own_cookies(transaction, person_id)
    of_ended_ties = own_cookies(transaction, person_id, OF_PERSON, visits.since) - tied
    went_before = first_day_on(transaction.clock.day_of(end), store) if store.allowed else ""
    for each in chain(
        visits_of(transaction, of_ended_ties, visits.oldest_day),
        visits_of(transaction, tied, visits.oldest_day, went_before, apart=True),
    ):
        if not isinstance(each, date):
            yield each


OWN_ROWS_AFTER_SILENCE: Final[Mapping[str, RowsOf]] = rows_by(_visits)
