"""Which visits were told as gone, and are told of again since a silence is over: a hold keeps them.

What another hold alone keeps, of which nobody may speak still, is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import partial
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import told_only_since
from upheld.practice.own_rows import RowsOf, RowsSince
from upheld.practices.collection.blocks import NETWORK, PAGE, PageVisit
from upheld.practices.collection.released import rows_by, visits_of
from upheld.practices.collection.ties import OF_PERSON, STORE, own_cookies


def _visits(before: datetime, transaction: Transaction, person_id: PersonId) -> Iterator[PageVisit]:
    """The visits that were told as gone and are told of now, but were not at a moment before.

    Networks alone where the rest of a visit was counted all the time. What is damaged is not among
    them.
    """
    is_told_only_now = told_only_since(transaction, person_id, STORE, before)
    cookies = own_cookies(transaction, person_id, OF_PERSON)
    for each in visits_of(transaction, cookies, is_told_only_now):
        if not isinstance(each, date):
            yield each


def _rows_since(kind: str) -> RowsSince:
    def rows(
        transaction: Transaction, person_id: PersonId, before: datetime
    ) -> list[tuple[datetime, str]]:
        rows_of: RowsOf = rows_by(partial(_visits, before))[kind]
        return rows_of(transaction, person_id)

    return rows


OWN_ROWS_AFTER_SILENCE: Final[Mapping[str, RowsSince]] = {
    kind: _rows_since(kind) for kind in (PAGE, NETWORK)
}
