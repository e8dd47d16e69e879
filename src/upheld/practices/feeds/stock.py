"""What partners told us of customers' transactions, as the page of all that is held has it."""

from __future__ import annotations

from upheld.core.company_names import company_name
from upheld.gate.gate import Gate
from upheld.practice.partner_transactions import PARTNER, STORE
from upheld.practice.stock import Stock, StockCount
from upheld.practice.tables import partner_transaction
from upheld.practices.feeds.desk import HERE
from upheld.practices.feeds.forecast import forecast, of_others


def transaction_stock(gate: Gate) -> Stock:
    """Counts by company and day, with the clauses by which they are stored now."""
    columns = ["party", "received", "COUNT(*)"]
    with gate.consult() as transaction:
        where, values = of_others(transaction)
        sums = transaction.tables.select_unchecked(
            partner_transaction, columns, f"{where} GROUP BY party, received", *values
        )
        clauses = transaction.arrivals.decide(STORE).clauses
        goes = forecast(transaction)
    rows = [
        StockCount(word, PARTNER, clauses, str(day), int(count), company_name(str(party)))
        for party, day, count in sums
        for word in STORE.data[:1]
    ]
    title = "Transactions with partners"
    return Stock("transactions", title, goes.total, rows, goes.now, goes.months, HERE)
