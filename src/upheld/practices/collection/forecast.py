"""What retention would delete of visits now, and what it will by month, if nothing changes.

It is worked out by the questions that the job asks. Nothing is deleted, and no visit is looked at.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import end_of_keeping
from upheld.practices.collection.blocks import PAGE
from upheld.practices.collection.retention import may_stay
from upheld.practices.collection.rewriting import EVERY
from upheld.practices.collection.tables import COUNTED, visit_block


class VisitForecast(NamedTuple):
    """Visits that the job would delete now, kinds of data that it would take out, and by month.

    Whose visits the law keeps longer is not counted: an order may forbid us to speak of it.
    """

    now: int
    fields: tuple[str, ...]
    months: list[tuple[str, int]]


def forecast(transaction: Transaction) -> VisitForecast:
    """What goes now and later, by the policy in force."""
    allowed, oldest, decision = may_stay(transaction)
    now, fields = 0, set[str]()
    months: Counter[str] = Counter()
    columns = ["day", "fields", "SUM(visits)"]
    grouped = f"{COUNTED} GROUP BY day, fields"
    for day, kinds, visits in transaction.tables.select_unchecked(visit_block, columns, grouped):
        if PAGE not in allowed or str(day) < oldest:
            now += int(visits)
            continue
        fields |= {*str(kinds).split()} - {*allowed}
        ends = end_of_keeping(str(day), decision)
        if ends is not None:
            months[ends.isoformat()[:7]] += int(visits)
    return VisitForecast(
        now,
        tuple(each for each in EVERY if each in fields),
        sorted(months.items()),
    )
