"""What of somebody's visits is released where the law demands it: theirs alone, a line each.

Theirs are the visits of a cookie that is tied to them and to nobody else, one that they untied
while an order kept it too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.own_rows import RowsOf
from upheld.practices.collection.blocks import (
    NETWORK,
    PAGE,
    DayKeys,
    PageVisit,
    days_of,
    where_tokens_may_be,
)
from upheld.practices.collection.tables import visit_block, visit_day
from upheld.practices.collection.ties import OF_PERSON, own_cookies


def _visits(transaction: Transaction, person_id: PersonId) -> Iterator[PageVisit]:
    """Every visit that is known to be somebody's, a day at a time."""
    cookies = own_cookies(transaction, person_id, OF_PERSON)
    tables = transaction.tables
    days = tables.select_unchecked(visit_day, ["day"], "day >= '' ORDER BY day") if cookies else []
    for (day,) in days:
        keys = DayKeys(transaction, days_of(tables, [str(day)]))
        tokens = {keys.token(str(day), each): span for each, span in cookies.items()}
        for where, values in where_tokens_may_be(tables, str(day), {*tokens}):
            for row in tables.select(visit_block, where, *values):
                if not tokens.keys().isdisjoint(keys.tokens_in(row)):
                    for each in keys.open(row):
                        span = tokens.get(each.token)
                        if span is not None and span.start <= each.at < span.end:
                            yield each


def _rows(
    of_visit: Callable[[PageVisit], str],
) -> RowsOf:
    def rows(transaction: Transaction, person_id: PersonId) -> list[tuple[datetime, str]]:
        return [
            (BEGINNING + timedelta(seconds=each.at), of_visit(each))
            for each in _visits(transaction, person_id)
            if of_visit(each)
        ]

    return rows


OWN_ROWS: Final[Mapping[str, RowsOf]] = {
    PAGE: _rows(lambda visit: visit.route),
    NETWORK: _rows(lambda visit: visit.network),
}
