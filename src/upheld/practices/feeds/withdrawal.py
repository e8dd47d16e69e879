"""Taking a feed out again: all of its values that are still there, and nothing else.

A value that its customer, or anybody else, has changed since is not the feed's any longer. What
still waits for an answer goes too. What a hold keeps of transactions waits for its end.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import withdrawn_rows
from upheld.practice.kept_days import holds_of
from upheld.practice.partner_transactions import STORE
from upheld.practice.tables import partner_transaction
from upheld.practices.feeds import questions
from upheld.practices.feeds.feeds import (
    BATCH,
    ERASED,
    SOURCE,
    WITHDRAWING,
    WITHDRAWN,
    WITHDREW,
    Feed,
    FeedError,
    require,
)
from upheld.practices.feeds.tables import feed, feed_value

_NEXT: Final = f"feed_id = ? ORDER BY person_id, field LIMIT {BATCH}"
_SOME: Final = f"feed_id = ? LIMIT {BATCH}"


def withdraw(transaction: Transaction, feed_id: FeedId, by: UserId) -> Feed:
    """Let a feed be taken out, by the job; FeedError where it is already."""
    its = require(transaction.tables, feed_id)
    if its.state in {WITHDRAWING, WITHDRAWN}:
        raise FeedError(
            f"this feed is {its.state} already", code="feed-state", hint="nothing is left to do"
        )
    changes = {"state": WITHDRAWING, "ended_by": by}
    transaction.tables.update(feed, changes, "feed_id = ?", feed_id)
    party = f"{SOURCE} {its.party}"
    transaction.note(None, WITHDREW, actor=f"staff {by}", source=party, id=feed_id)
    return require(transaction.tables, feed_id)


def take_out(gate: Gate) -> int:
    """Take out what is left of every feed that was withdrawn; how many values went."""
    with gate.look() as tables:
        rows = tables.select(feed, "state = ?", WITHDRAWING)
    return sum(_take_out(gate, FeedId(each.feed_id)) for each in rows)


def _take_out(gate: Gate, feed_id: FeedId) -> int:
    count = 0
    while True:
        with gate.together() as transaction:
            transaction.lock(REGISTER)
            unanswered = questions.drop_some(transaction, require(transaction.tables, feed_id))
            tables, its = transaction.tables, require(transaction.tables, feed_id)
            rows = tables.select(feed_value, _NEXT, feed_id)
            remain = its.remain
            for person_id, some in groupby(rows, lambda row: row.person_id):
                gone, stay = _drop(transaction, its, PersonId(person_id), list(some))
                remain += stay
                count += gone
            for each in rows:
                which = (each.person_id, each.party, each.field)
                where = "person_id = ? AND party = ? AND field = ?"
                tables.delete(feed_value, where, *which)
            bought = _drop_transactions(transaction, its)
            count += bought.gone
            changes: dict[str, object] = {"remain": remain + bought.remain}
            is_over = not rows and not bought.rows and not unanswered
            if is_over:
                ended = microseconds(transaction.clock.now())
                changes |= {"state": WITHDRAWN, "ended": ended}
            tables.update(feed, changes, "feed_id = ?", feed_id)
        if is_over:
            return count


class _DroppedRows(NamedTuple):
    """How many transactions were looked at, told as gone, and told as staying."""

    rows: int
    gone: int
    remain: int


def _drop_transactions(transaction: Transaction, its: Feed) -> _DroppedRows:
    """Delete some of the transactions that a feed told of, but those that a hold keeps.

    Of each customer whose they are all of them, so that one entry says so.
    """
    tables = transaction.tables
    keys = tables.select_unchecked(partner_transaction, ["person_id", "mark"], _SOME, its.feed_id)
    people = dict.fromkeys(PersonId(str(person_id)) for person_id, _ in keys)
    apart = transaction.apart_among(sorted(people))
    count = gone = remain = 0
    for person in people:
        if count >= BATCH:
            break
        # All of theirs are read, to be checked: of each feed that tells us of them.
        theirs = tables.select(partner_transaction, "person_id = ?", person)
        some = [each for each in theirs if each.feed_id == its.feed_id]
        count += len(some)
        if person in apart:  # of whom nothing is told, nor entered
            withdrawn_rows.keep_for_hold(transaction, some, withdrawn_rows.GONE)
            continue
        holds = holds_of(transaction, person, STORE)
        if not (holds.open or holds.silent):
            tables.delete_rows(partner_transaction, some)
        elif not holds.open:
            withdrawn_rows.keep_for_hold(transaction, some, withdrawn_rows.GONE)
        else:
            withdrawn_rows.keep_for_hold(transaction, some, withdrawn_rows.WAITS)
            remain += len(some)
            continue
        gone += len(some)
        transaction.note(
            person,
            WITHDREW,
            actor=f"staff {its.ended_by}",
            source=f"{SOURCE} {its.party}",
            action="delete",
            data=STORE.data,
            id=its.feed_id,
        )
    return _DroppedRows(count, gone, remain)


def _drop(
    transaction: Transaction, its: Feed, person: PersonId, rows: list[Any]
) -> tuple[int, int]:
    """Delete what is still there of what a feed told of somebody; how many went, and stay."""
    try:
        marks = transaction.held_marks(person)
    except UpheldError as error:
        if error.code != ERASED:  # they are being erased, and all of it goes with them
            raise
        return 0, 0
    fields = [each.field for each in rows if marks.get(each.field) == each.mark]
    gone = transaction.drop(person, fields, actor=f"staff {its.ended_by}")
    return len(gone), len(fields) - len(gone)
