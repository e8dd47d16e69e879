"""When what partners told us of customers' transactions goes, by the policy in force.

Counts alone: no row is opened, and nothing is deleted. What the law keeps of somebody, or an older
version of the policy that binds them, may keep longer: the job asks for each customer.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from upheld.database.own_tables import placeholders
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import end_of_keeping, first_day
from upheld.practice.partner_transactions import STORE
from upheld.practice.tables import partner_transaction
from upheld.practice.withdrawn_rows import ALL_GONE, VISIBLE


class TransactionForecast(NamedTuple):
    """Transactions that are kept, those that the job would delete now, and the others by month."""

    total: int
    now: int
    months: list[tuple[str, int]]


def of_others(transaction: Transaction) -> tuple[str, list[str]]:
    """The condition for rows of which something may be told, with its values."""
    apart, where = transaction.everybody_apart(), VISIBLE
    if apart:
        where += f" AND person_id NOT IN ({placeholders(apart)})"
    return where, [ALL_GONE, *apart]


def forecast(transaction: Transaction) -> TransactionForecast:
    """What goes now and later."""
    store = transaction.arrivals.decide(STORE)
    oldest = first_day(transaction.clock, store) if store.allowed else ""
    total, now = 0, 0
    months: Counter[str] = Counter()
    where, values = of_others(transaction)
    for day, count in transaction.tables.select_unchecked(
        partner_transaction, ["received", "COUNT(*)"], f"{where} GROUP BY received", *values
    ):
        total += int(count)
        if not store.allowed or str(day) < oldest:
            now += int(count)
        elif (ends := end_of_keeping(str(day), store)) is not None:
            months[ends.isoformat()[:7]] += int(count)
    return TransactionForecast(total, now, sorted(months.items()))
