"""What anybody may read of feeds: which company tells us what, and for how long it is kept."""

from __future__ import annotations

from upheld.core.company_names import company_name
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practice.citations import clause_ids
from upheld.practice.intake_register import IntakeLine, lasts, names_of
from upheld.practice.kept_days import first_day
from upheld.practice.partner_transactions import NEVER, PARTNER, STORE
from upheld.practice.tables import partner_transaction
from upheld.practices.feeds.feeds import DONE, OPEN, feeds
from upheld.practices.feeds.sales import TRANSACTIONS
from upheld.practices.feeds.stock import of_others

CLAUSE = "combining"


def intake_lines(transaction: Transaction) -> list[IntakeLine]:
    """A line for each company of the register that told us of customers, or of what they bought."""
    tables, registered = transaction.tables, parties.in_role(transaction, PARTNER)
    store = transaction.arrivals.decide(STORE)
    # What is older is kept of single people, by the law: of them nothing is told here.
    oldest_told = first_day(transaction.clock, store) if store.allowed else NEVER
    where, values = of_others(transaction)
    where, values = f"{where} AND received >= ?", [*values, oldest_told]
    days = {
        str(party): str(day)
        for party, day in tables.select_unchecked(
            partner_transaction, ["party", "MIN(received)"], f"{where} GROUP BY party", *values
        )
    }
    lines = [
        IntakeLine(
            names_of(transaction.policy, STORE.data),
            company_name(party),
            lasts(store),
            day,
            store.clauses,
        )
        for party, day in sorted(days.items())
        if party in registered
    ]
    oldest: dict[str, str] = {}
    for its in feeds(tables):  # the latest first
        if its.kind != TRANSACTIONS and its.state in {OPEN, DONE} and its.people:
            oldest[its.party] = transaction.clock.local(its.started).date().isoformat()
    lines += [
        IntakeLine(
            "What it knows of our customers",
            company_name(party),
            "As long as what we hold of that kind",
            day,
            (CLAUSE,) if CLAUSE in clause_ids(transaction.policy) else (),
        )
        for party, day in sorted(oldest.items())
        if party in registered
    ]
    return lines
