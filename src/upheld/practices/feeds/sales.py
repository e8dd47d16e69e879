"""Files of what customers bought from a partner: read row by row, each taken or left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import partner_transactions
from upheld.practices.feeds.feeds import Feed, FeedLine, LeftOut, LotSize, take

TRANSACTIONS = "transactions"  # the kind of such a feed
LOT = 8_000  # rows in one transaction,
PEOPLE = 2_000  # of at most so many people: to decide on one costs more than a row
WHY = {
    partner_transactions.UNMATCHED: "no customer, or several",
    partner_transactions.TWICE: "taken in before",
    partner_transactions.REFUSED: "the policy does not allow it",
    partner_transactions.UNREADABLE: "a value that its word cannot have",
}
"""Why a row was left out."""


def take_transactions(gate: Gate, its: Feed, lines: Iterable[FeedLine]) -> Iterator[LeftOut]:
    """Take in the rows of a file that were not yet; those that were left out, as it goes on."""
    return take(gate, its, lines, _take_lot, LotSize(LOT, PEOPLE))


def _take_lot(transaction: Transaction, its: Feed, lines: Sequence[FeedLine]) -> list[str]:
    rows = [each.values for each in lines]
    return partner_transactions.take(transaction, its.party, rows, its.feed_id)
