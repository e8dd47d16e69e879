"""Which visits were told as gone, and are told of again since a silence is over: a hold keeps them.

What another hold alone keeps, of which nobody may speak still, is not among them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import told_again_since
from upheld.practice.own_rows import RowsOf
from upheld.practices.collection.blocks import PageVisit
from upheld.practices.collection.released import rows_by, visits_of
from upheld.practices.collection.ties import OF_PERSON, STORE, own_cookies


def _visits(transaction: Transaction, person_id: PersonId) -> Iterator[PageVisit]:
    """The visits that were told as gone while nobody might speak of a hold, and are told of now.

    What is damaged is not among them.
    """
    since = told_again_since(transaction, person_id, STORE)
    if since is None:
        return
    cookies = own_cookies(transaction, person_id, OF_PERSON)
    for each in visits_of(
        transaction, cookies, lambda row: row.gone is not None and row.gone >= since
    ):
        if not isinstance(each, date):
            yield each


OWN_ROWS_AFTER_SILENCE: Final[Mapping[str, RowsOf]] = rows_by(_visits)
