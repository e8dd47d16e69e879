"""What partners told us of a customer, as it goes with their account to a company that takes over.

And as it comes in with an account of another provider: who told of it first is said in the row,
and the company that hands it over is the one that told us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, Final

import msgspec

from upheld.core.ids import ClosingId, FeedId, PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.practice import partner_marks, partner_rows, partner_transactions, withdrawn_rows
from upheld.practice.own_rows import OwnRow, OwnRows, RowIntake
from upheld.practice.partner_rows import PartnerTransaction
from upheld.practice.partner_transactions import PARTNER, STORE
from upheld.practice.tables import partner_transaction
from upheld.practice.withdrawn_rows import GONE, WAITS

_KIND: Final = STORE.data[0]
_OCCASION: Final = "partner-transaction"


def rows_to_successor(
    transaction: Transaction, people: Sequence[PersonId]
) -> dict[PersonId, OwnRows]:
    """What goes of some people: each transaction, but what nothing keeps but a hold."""
    zone, result = transaction.clock.zone, dict[PersonId, OwnRows]()
    rows = [each for each in _visible(transaction, people) if each.feed_id[:1] not in {GONE, WAITS}]
    for row, its in partner_transactions.read_rows(transaction, rows):
        content = msgspec.structs.replace(its.row, company=its.company, stolen=its.stolen)
        at = datetime.combine(date.fromisoformat(its.received_on), time(), zone)
        mine = result.setdefault(row.person_id, OwnRows({_KIND: []}, set()))
        value = msgspec.json.encode(content).decode()
        mine.rows[_KIND].append(OwnRow(value, at, f"{PARTNER} {row.party}", _OCCASION))
    for each in result.values():
        each.rows[_KIND].sort(key=lambda row: (row.at, row.value))
    return result


def _visible(transaction: Transaction, people: Sequence[PersonId]) -> list[Any]:
    """The rows of some people of which something may be told, as `withdrawn_rows.visible`."""
    where = f"person_id IN ({placeholders(people)})"
    try:
        return transaction.tables.select(partner_transaction, where, *people)
    except SealedError:  # of somebody: each is looked at alone
        return [row for each in people for row in withdrawn_rows.visible(transaction, each)]


def _check(transaction: Transaction, value: str) -> PartnerTransaction:
    return partner_rows.read_json(value, transaction.clock.today())


def _keep(
    transaction: Transaction,
    party: str,
    closing_id: ClosingId,
    rows: Mapping[PersonId, Sequence[str]],
) -> None:
    """Keep rows that came with accounts; the closing stands where a file of the company's would."""
    some = [
        ((person_id, partner_marks.unlike_any()), msgspec.json.encode(_check(transaction, value)))
        for person_id, values in rows.items()
        for value in values
    ]
    partner_transactions.keep_contents(transaction, party, FeedId(closing_id), some)


INTAKES: Final = {_KIND: RowIntake(_check, _keep)}
