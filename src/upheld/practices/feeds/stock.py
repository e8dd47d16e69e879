"""What partners told us of customers' transactions, as the desk counts it, and when it goes.

Counts alone: no row is opened, and nothing is deleted. Each customer who has rows that are due by
the policy in force is asked about as the job asks: an older version that binds them may keep theirs
longer. One that keeps theirs for less time is heard where everybody is asked, which takes too long
for a page. Of whoever is under a hold nothing that is due is told, but where an order forbids to
speak of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.gate import Gate
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import HOLD, end_of_keeping, first_day, holds_of
from upheld.practice.partner_transactions import (
    NEVER,
    PARTNER,
    STORE,
    is_there_for_others,
    storing_each,
)
from upheld.practice.stock import NOW, Stock, StockCount
from upheld.practice.tables import partner_transaction
from upheld.practice.withdrawn_rows import ALL_GONE, ALL_WAITING, VISIBLE, WAITS, visible

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


def due_transactions(gate: Gate) -> Stock:
    """Those counts where every customer is asked: what goes now is what the job would delete."""
    with gate.consult() as transaction:
        return stock_of(transaction, of_each=True)


def stock_of(transaction: Transaction, *, of_each: bool = False) -> Stock:
    """All that is kept of transactions with partners, in a transaction; by what binds `of_each`."""
    columns = ["party", "received", "COUNT(*)"]
    where, values = of_others(transaction)
    sums = transaction.tables.select_unchecked(
        partner_transaction, columns, f"{where} GROUP BY party, received", *values
    )
    store = transaction.arrivals.decide(STORE)
    oldest = first_day(transaction.clock, store) if store.allowed else NEVER
    ends = _ends_of_due(transaction, oldest, of_each=of_each)
    rows = []
    for party, received, count in sums:
        day, company, number = str(received), company_name(str(party)), int(count)
        its = StockCount(STORE.data[0], PARTNER, store.clauses, day, 0, company)
        for goes, part in sorted(ends.get((str(party), day), {}).items()):
            rows.append(its._replace(number=part, goes=goes))
            number -= part
        rows.append(its._replace(number=number, goes=_month_of_end(day, store)))
    return Stock("transactions", "Transactions with partners", [x for x in rows if x.number], HERE)


def _ends_of_due(
    transaction: Transaction, oldest: str, *, of_each: bool
) -> dict[tuple[str, str], Counter[str]]:
    """How many of each company and day are due or wait for a hold's end, by when they go.

    Those count as due that came in before the oldest day, or all `of_each` customer.
    """
    others, values = of_others(transaction)
    due = f"{others} AND (received < ? OR feed_id LIKE ?)"
    bounds = (*values, NEVER if of_each else oldest, ALL_WAITING)
    people = [
        PersonId(str(whose))
        for (whose,) in transaction.tables.select_unchecked(
            partner_transaction, ["person_id"], f"{due} GROUP BY person_id", *bounds
        )
    ]
    ends = defaultdict[tuple[str, str], Counter[str]](Counter)
    for first in range(0, len(people), _TOGETHER):
        some = people[first : first + _TOGETHER]
        stores = _going_each(transaction, some)
        for whose, party, day, feed_id, count in transaction.tables.select_unchecked(
            partner_transaction,
            ["person_id", "party", "received", "feed_id", "COUNT(*)"],
            f"{due} AND person_id IN ({placeholders(some)})"
            " GROUP BY person_id, party, received, feed_id",
            *bounds,
            *some,
        ):
            goes, person_id = "", PersonId(str(whose))
            if (store := stores.get(person_id)) is not None:
                own_oldest = first_day(transaction.clock, store) if store.allowed else NEVER
                is_due = str(day) < own_oldest or str(feed_id).startswith(WAITS)
                goes = NOW if is_due else _month_of_end(str(day), store)
            if of_each and goes == NOW and not _opens(transaction, person_id):
                goes = ""
            ends[str(party), str(day)][goes] += int(count)
    return ends


def _going_each(transaction: Transaction, some: Sequence[PersonId]) -> dict[PersonId, Decision]:
    """By which decision the job goes for each of some people, but those whose it leaves alone.

    Of these a hold that may be told keeps all, or something was changed.
    """
    stores = storing_each(transaction, some)
    for each in transaction.people_with_records([*stores], HOLD):
        if _has_open_hold(transaction, each):
            del stores[each]
        elif is_there_for_others(transaction, each):
            stores[each] = replace(stores[each], outcome="deny")
    return stores


def _opens(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether the job can delete rows of somebody: what is told of them is as it was written."""
    try:
        visible(transaction, person_id)
    except SealedError:
        return False
    return True


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
