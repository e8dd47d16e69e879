"""Transactions of a feed that was withdrawn, of whom a hold keeps them: they wait for its end.

Such a row is of no feed any more and has another mark: what the partner tells later is taken in as
if the row had gone. Where an order forbids to speak of the hold, the row is shown to nobody but the
authority that gets what is held, until it may be told.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from upheld.core.ids import FeedId, PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.tables import partner_transaction as table

GONE: Final = FeedId("gone")  # in place of a feed's id: it is told that the row has gone
WAITS: Final = FeedId("waits")  # and that it waits for the end of a hold
SEALED_FOR: Final = ("partner-transactions", "row")
VISIBLE: Final = "feed_id <> ?"  # of GONE
_GONE: Final = "person_id = ? AND feed_id = ?"
_ONE: Final = "person_id = ? AND party = ? AND mark = ?"


def keep_for_hold(transaction: Transaction, rows: Sequence[Any], to: FeedId) -> None:
    """Let rows wait for the end of a hold, as `GONE` or `WAITS` says."""
    sealer = transaction.sealer(*SEALED_FOR)
    for each in rows:
        before = (each.person_id, each.party, each.mark)
        content = sealer.unseal(each.sealed, *before, what="a transaction")
        mark = secrets.token_hex(32)  # as long as another one
        after = {**each._asdict(), "mark": mark, "feed_id": to}
        after["sealed"] = sealer.seal(content, each.person_id, each.party, mark)
        transaction.tables.delete(table, _ONE, *before)
        transaction.tables.insert(table, **after)


def show_again(transaction: Transaction, person_id: PersonId) -> None:
    """Tell of somebody's rows that were told as gone, once an order forbids it no more."""
    if transaction.tables.select(table, _GONE, person_id, GONE):
        transaction.tables.update(table, {"feed_id": WAITS}, _GONE, person_id, GONE)
