"""Files of what customers bought from a partner: read row by row, each taken or left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from upheld.core.ids import UserId
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import partner_transactions
from upheld.practice.partner_rows import PartnerRow, RowReader
from upheld.practices.feeds import feeds
from upheld.practices.feeds.feeds import Feed, FeedLine, LeftOut, LotSize, Tell, take_lots

TRANSACTIONS = "transactions"  # the kind of such a feed
LOT = 8_000  # rows in one transaction,
# of at most so many addresses and numbers: to decide on whoever one is of costs more than a row,
# and nobody else writes meanwhile; but in larger lots each of them is decided less often
PEOPLE = 4_000
WHY = {
    partner_transactions.UNMATCHED: "no customer, or several",
    partner_transactions.TWICE: "taken in before",
    partner_transactions.REFUSED: "the policy does not allow it",
    partner_transactions.UNREADABLE: "no row, or a value that its word cannot have",
}
"""Why a row was left out."""


class SaleLine(NamedTuple):
    """A row of a file, read: None where it cannot be."""

    number: int
    row: PartnerRow | None
    fault: str = ""

    @property
    def whose(self) -> tuple[str, str]:
        """By what it is matched."""
        return self.row.whose if self.row else ("", "")


class SalesFile(NamedTuple):
    """A file that a company sends: what it is, and the order in which its rows would be taken."""

    party: str
    digest: str
    by: UserId
    order: str


def find_for(transaction: Transaction, file: SalesFile) -> Feed | None:
    """The feed of a file that was begun before; FeedError where it cannot be taken in, or go on."""
    before = feeds.find_for(transaction, file.party, file.digest, TRANSACTIONS)
    return None if before is None else start(transaction, file, before)


def start(transaction: Transaction, file: SalesFile, before: Feed | None) -> Feed:
    """The feed of a file, new unless it was begun before; FeedError where another began it."""
    its = feeds.start(transaction, file.party, file.digest, file.by, TRANSACTIONS, file.order)
    if its.order != (before or file).order:
        raise feeds.taken_by_another()
    return its


def read_lines(lines: Iterable[FeedLine]) -> Iterator[SaleLine]:
    """Read the rows of a file; whether a day is yet to come is seen when they are taken in."""
    reader = RowReader(date.max)
    for each in lines:
        row = None if each.fault else reader.row(each.values)
        yield SaleLine(each.number, row, each.fault)


def take_transactions(
    gate: Gate, its: Feed, lines: Iterable[SaleLine], tell: Tell | None = None
) -> Iterator[LeftOut]:
    """Take in the rows of a file that were not yet; those that were left out, as it goes on.

    `tell` hears of them as of those of `take_lots`.
    """
    return take_lots(gate, its, lines, _take_lot, tell, LotSize(LOT, PEOPLE))


def _take_lot(transaction: Transaction, its: Feed, lines: Sequence[SaleLine]) -> list[str]:
    rows = [each.row for each in lines]
    return partner_transactions.take_rows(transaction, its.party, rows, its.feed_id)
