"""What of somebody's visits is released where the law demands it: theirs alone, a line each.

Theirs are the visits of a cookie that is tied to them and to nobody else, and those that a hold
keeps since such a tie has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from upheld.core.clock import BEGINNING
from upheld.core.ids import BlockId, PersonId
from upheld.gate.transaction import Transaction
from upheld.practice.own_rows import RowsOf
from upheld.practices.collection.blocks import (
    NETWORK,
    PAGE,
    PageVisit,
    VisitColumns,
    where_tokens_may_be,
)
from upheld.practices.collection.rewriting import (
    BlockSize,
    days_there,
    lots_of,
    open_whole,
    whole_keys,
)
from upheld.practices.collection.tables import visit_block, visit_tie
from upheld.practices.collection.ties import OF_PERSON, own_cookies

VisitsOf = Callable[[Transaction, PersonId], Iterator[PageVisit | date]]  # a day: some is damaged
DAMAGED: Final = "(some of what was kept of this day is damaged and cannot be read)"


def _visits(transaction: Transaction, person_id: PersonId) -> Iterator[PageVisit | date]:
    """Every visit that is known to be somebody's, a day at a time; or a day, if some is damaged."""
    # An authority is given all of it or told of none.
    transaction.tables.require_intact(visit_tie, [person_id])
    cookies = own_cookies(transaction, person_id, OF_PERSON)
    return visits_of(transaction, cookies, in_case_of=person_id)


def visits_of(
    transaction: Transaction,
    cookies: Collection[bytes],
    is_wanted: Callable[[int | None], bool] = lambda _: True,
    in_case_of: PersonId | None = None,
) -> Iterator[PageVisit | date]:
    """The visits of some cookies, a day at a time, or a day, if some of it is damaged.

    Whose that is nobody can tell. Of blocks that are wanted, by when they were told as gone. With
    `in_case_of` also those that were kept in case they are theirs, while a tie of theirs did not
    open.
    """
    for day in days_there(transaction.tables, "day >= ''") if cookies else ():
        its, damaged = _whole_and_damaged(transaction, day, cookies, is_wanted, in_case_of)
        if damaged:
            yield date.fromisoformat(day)
        for columns, tokens in its:
            yield from (each for each in columns.visits() if each.token in tokens)


def _whole_and_damaged(
    transaction: Transaction,
    day: str,
    cookies: Collection[bytes],
    is_wanted: Callable[[int | None], bool],
    in_case_of: PersonId | None,
) -> tuple[list[tuple[VisitColumns, set[bytes]]], set[BlockId]]:
    """The blocks of a day in which there are visits of some cookies, with their tokens.

    And the blocks that are damaged in which there may be some. No other than wanted ones is opened.
    """
    tables, damaged = transaction.tables, set[BlockId]()
    keys, tokens = whole_keys(transaction, tables, [day]), set[bytes]()
    conditions: Iterable[tuple[str, list[str]]] = [("day = ?", [day])]
    if keys.salts:
        tokens = {keys.token(day, each) for each in cookies}
        if in_case_of is not None:
            tokens |= {keys.token_in_doubt(day, in_case_of, each) for each in tokens}
        conditions = where_tokens_may_be(tables, day, tokens)
    ids = [
        BlockId(str(block_id))
        for where, values in conditions
        for block_id, since in tables.select_unchecked(
            visit_block, ["block_id", "gone"], where, *values
        )
        if is_wanted(since)
    ]
    whole = [
        (each.columns, tokens)
        for some in lots_of(BlockSize(each, 1) for each in ids)
        for each in open_whole(tables, keys, some, damaged)
        if not tokens.isdisjoint(each.columns.tokens)
    ]
    return whole, damaged


def rows_by(visits: VisitsOf) -> Mapping[str, RowsOf]:
    """What tells of somebody's visits as rows of each kind of data, by which visits are theirs."""
    return {
        PAGE: _rows(visits, lambda visit: visit.route),
        NETWORK: _rows(visits, lambda visit: visit.network),
    }


def _rows(visits: VisitsOf, of_visit: Callable[[PageVisit], str]) -> RowsOf:
    def rows(transaction: Transaction, person_id: PersonId) -> list[tuple[datetime, str]]:
        clock, result = transaction.clock, list[tuple[datetime, str]]()
        for each in visits(transaction, person_id):
            if isinstance(each, date):
                start = datetime.combine(each, datetime.min.time(), clock.zone)
                result.append((start, DAMAGED))
            elif of_visit(each):
                result.append((BEGINNING + timedelta(seconds=each.at), of_visit(each)))
        return result

    return rows


OWN_ROWS: Final[Mapping[str, RowsOf]] = rows_by(_visits)
