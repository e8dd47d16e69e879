"""What partners told us of customers' transactions, as the desk counts it, and when it goes.

Counts alone: no row is opened, and nothing is deleted. Each customer who has rows that are due by
the policy in force is asked about as the job asks: an older version that binds them may keep theirs
longer. Of whoever is under a hold nothing that is due is told, but where an order forbids to speak
of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import chain
from typing import Final

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.gate import Gate
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import HOLD, end_of_keeping, first_day, holds_of
from upheld.practice.partner_transactions import NEVER, PARTNER, STORE, storing_each
from upheld.practice.stock import NOW, Stock, StockCount
from upheld.practice.tables import partner_transaction
from upheld.practice.withdrawn_rows import ALL_GONE, ALL_WAITING, VISIBLE

HERE: Final = "/staff/feeds"
_TOGETHER: Final = 500  # people who are asked about at once


def of_others(transaction: Transaction) -> tuple[str, list[str]]:
    """The condition for rows of which something may be told, with its values."""
    apart, where = transaction.everybody_apart(), VISIBLE
    if apart:
        where += f" AND person_id NOT IN ({placeholders(apart)})"
    return where, [ALL_GONE, *apart]


def transaction_stock(gate: Gate) -> Stock:
    """Counts by company and day, with the clauses by which they are stored now."""
    with gate.consult() as transaction:
        return stock_of(transaction)


def stock_of(transaction: Transaction) -> Stock:
    """All that is kept of transactions with partners, in a transaction."""
    columns = ["party", "received", "COUNT(*)"]
    where, values = of_others(transaction)
    sums = transaction.tables.select_unchecked(
        partner_transaction, columns, f"{where} GROUP BY party, received", *values
    )
    store = transaction.arrivals.decide(STORE)
    ends = _ends_of_due(
        transaction, first_day(transaction.clock, store) if store.allowed else NEVER
    )
    rows = []
    for party, received, count in sums:
        day, company, number = str(received), company_name(str(party)), int(count)
        its = StockCount(STORE.data[0], PARTNER, store.clauses, day, 0, company)
        for goes, part in sorted(ends.get((str(party), day), {}).items()):
            rows.append(its._replace(number=part, goes=goes))
            number -= part
        rows.append(its._replace(number=number, goes=_month_of_end(day, store)))
    return Stock("transactions", "Transactions with partners", [x for x in rows if x.number], HERE)


def _ends_of_due(transaction: Transaction, oldest: str) -> dict[tuple[str, str], Counter[str]]:
    """How many of each company and day are due or wait for a hold's end, by when they go."""
    others, values = of_others(transaction)
    due = defaultdict[PersonId, list[tuple[str, str, bool, int]]](list)
    for waits, where, more in (
        (False, "feed_id NOT LIKE ? AND received < ?", (ALL_WAITING, oldest)),
        (True, "feed_id LIKE ?", (ALL_WAITING,)),
    ):
        for whose, party, day, count in transaction.tables.select_unchecked(
            partner_transaction,
            ["person_id", "party", "received", "COUNT(*)"],
            f"{others} AND {where} GROUP BY person_id, party, received",
            *values,
            *more,
        ):
            due[PersonId(str(whose))].append((str(party), str(day), waits, int(count)))
    ends = defaultdict[tuple[str, str], Counter[str]](Counter)
    people = sorted(due)
    for first in range(0, len(people), _TOGETHER):
        some = people[first : first + _TOGETHER]
        on_hold = {*transaction.people_with_records(some, HOLD)}
        for each, decision in storing_each(transaction, some).items():
            is_open = each in on_hold and _has_open_hold(transaction, each)
            own_oldest = first_day(transaction.clock, decision) if decision.allowed else NEVER
            for party, day, waits, count in due.pop(each):
                goes = NOW if waits or day < own_oldest else _month_of_end(day, decision)
                ends[party, day]["" if is_open else goes] += count
    for party, day, _, count in chain.from_iterable(due.values()):  # the job cannot do them
        ends[party, day][""] += count
    return ends


def _has_open_hold(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether a hold that may be told keeps somebody's; or cannot be read, and the job waits."""
    try:
        return holds_of(transaction, person_id, STORE).open
    except SealedError:
        return True


def _month_of_end(day: str, store: Decision) -> str:
    """The month in which what came in on a day goes; empty where none is set."""
    ends = end_of_keeping(day, store) if store.allowed else None
    return ends.isoformat()[:7] if ends else ""
