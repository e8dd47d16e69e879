"""What partners told us of customers' transactions, as the desk counts it, and when it goes.

Counts alone: no row is opened, and nothing is deleted. What goes is worked out by the policy in
force; an older version that binds somebody may keep theirs longer: the job asks for each customer.
Of whoever is under a hold nothing that is due is told, but where an order forbids to speak of it.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import end_of_keeping, first_day, holds_of
from upheld.practice.partner_transactions import NEVER, PARTNER, STORE
from upheld.practice.stock import NOW, Stock, StockCount
from upheld.practice.tables import partner_transaction
from upheld.practice.withdrawn_rows import ALL_GONE, VISIBLE

HERE: Final = "/staff/feeds"


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
    oldest = first_day(transaction.clock, store) if store.allowed else NEVER
    put_off = _put_off(transaction, oldest)
    rows = []
    for party, received, count in sums:
        day, company = str(received), company_name(str(party))
        its = StockCount(STORE.data[0], PARTNER, store.clauses, day, int(count), company)
        if day >= oldest:
            ends = end_of_keeping(day, store)
            rows.append(its._replace(goes=ends.isoformat()[:7] if ends else ""))
            continue
        stays = put_off[str(party), day]
        rows.append(its._replace(number=its.number - stays, goes=NOW))
        rows.append(its._replace(number=stays))
    return Stock("transactions", "Transactions with partners", [x for x in rows if x.number], HERE)


def _put_off(transaction: Transaction, oldest: str) -> Counter[tuple[str, str]]:
    """How many of each company and day are due and stay, by a hold that may be told."""
    where, values = of_others(transaction)
    counts = Counter[tuple[str, str]]()
    is_open: dict[str, bool] = {}
    for whose, party, received, count in transaction.tables.select_unchecked(
        partner_transaction,
        ["person_id", "party", "received", "COUNT(*)"],
        f"{where} AND received < ? GROUP BY person_id, party, received",
        *values,
        oldest,
    ):
        person_id = PersonId(str(whose))
        if person_id not in is_open:
            is_open[person_id] = holds_of(transaction, person_id, STORE).open
        if is_open[person_id]:
            counts[str(party), str(received)] += int(count)
    return counts
