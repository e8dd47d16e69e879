"""What anybody may read of visits: what is kept of one, from whose pages, and for how long."""

from __future__ import annotations

from upheld.core.company_names import company_name
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practice.intake_register import IntakeLine, lasts, names_of
from upheld.practices.collection import beacon_keys
from upheld.practices.collection.intake import rules_of
from upheld.practices.collection.tables import COUNTED, visit_block
from upheld.practices.collection.tellers import OWN, PARTNER, Teller


def intake_lines(transaction: Transaction) -> list[IntakeLine]:
    """A line for our own pages, and one for those of each partner that may tell us."""
    tables = transaction.tables
    own = tables.select_unchecked(
        visit_block, ["MIN(day)"], f"{COUNTED} AND source = ?", OWN.source
    )
    theirs = f"{COUNTED} AND source LIKE ?"
    partners_first = tables.select_unchecked(visit_block, ["MIN(day)"], theirs, f"{PARTNER} %")
    lines = [_line(transaction, OWN, "Visits of our own pages", own)]
    registered = parties.in_role(transaction, PARTNER)
    for party, hosts in beacon_keys.hosts(tables).items():
        if party in registered:
            teller = Teller(PARTNER, "partner-visit", party)
            whence = f"{company_name(party)}: pages of {', '.join(hosts)}"
            lines.append(_line(transaction, teller, whence, partners_first))
    return [each for each in lines if each.what]


def _line(
    transaction: Transaction, teller: Teller, whence: str, oldest: list[tuple[object, ...]]
) -> IntakeLine:
    rules = rules_of(transaction.arrivals, signal=False, teller=teller)
    first = oldest[0][0] if oldest else None
    return IntakeLine(
        names_of(transaction.policy, rules.fields),
        whence,
        lasts(rules.decisions[1]),
        str(first or ""),
        rules.clauses if rules.fields else (),
    )
