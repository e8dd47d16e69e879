"""Taking a feed out again: all of its values that are still there, and nothing else.

A value that its customer, or anybody else, has changed since is not the feed's any longer. What
still waits for an answer goes too. What a hold keeps of transactions waits for its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final

from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, PersonId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.set_aside import JobTrial, trial_of
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
from upheld.practices.feeds.tables import feed, feed_value, likeness_question

JOB: Final = "feeds"  # on whose list stands of whom something could not be taken out
_OF_FEED: Final = (likeness_question, feed_value, partner_transaction)  # what is taken out


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
    """Take out what is left of every feed that was withdrawn; how many values went.

    Of whom something is not as it was written, they are set aside, and tried again.
    """
    with gate.look() as tables:
        rows = tables.select(feed, "state = ?", WITHDRAWING)
    with trial_of(gate, JOB) as trial:
        return sum(_take_out(gate, trial, FeedId(each.feed_id)) for each in rows)


def _take_out(gate: Gate, trial: JobTrial, feed_id: FeedId) -> int:
    count, left = 0, Counter[PersonId]()
    while whom := _next_people(gate, feed_id, left):
        count += trial.some(whom, partial(_take_out_of, gate, feed_id))
        with gate.look() as tables:
            left += _rows_of(tables, feed_id, whom)
    _end(gate, feed_id)
    return count


def _next_people(gate: Gate, feed_id: FeedId, left: Counter[PersonId]) -> list[PersonId]:
    """Of whom a feed told what is there still, but those who were `left`, each with their rows.

    As many as have rows enough for one transaction; nobody where all were asked.
    """
    people, where = set[PersonId](), f"feed_id = ? LIMIT {BATCH + left.total()}"
    with gate.look() as tables:
        for each in _OF_FEED:
            columns = [
                "person_id",
                *(key.name for key in each.primary_key if key.name != "person_id"),
            ]
            rows = tables.select_unchecked(each, columns, where, feed_id)
            people |= {PersonId(str(row[0])) for row in rows}
        counts = _rows_of(tables, feed_id, sorted(people - left.keys()))
    whom, many = list[PersonId](), 0
    for person_id, number in sorted(counts.items()):
        if many >= BATCH:
            break
        whom.append(person_id)
        many += number
    return whom


def _rows_of(tables: Tables, feed_id: FeedId, people: Sequence[PersonId]) -> Counter[PersonId]:
    """How many rows of some people are there by what a feed told."""
    counts, where = Counter[PersonId](), f"{_any_of(people)} AND feed_id = ? GROUP BY person_id"
    for each in _OF_FEED if people else ():
        rows = tables.select_unchecked(each, ["person_id", "COUNT(*)"], where, *people, feed_id)
        counts.update({PersonId(str(person_id)): int(number) for person_id, number in rows})
    return counts


def _any_of(people: Sequence[PersonId]) -> str:
    return f"person_id IN ({placeholders(people)})"


def _take_out_of(gate: Gate, feed_id: FeedId, some: Sequence[PersonId]) -> int:
    """Take out what a feed told of some people; how many values went."""
    with gate.together() as transaction:
        transaction.lock(REGISTER)
        tables = transaction.tables
        questions.drop_of_feed(transaction, require(tables, feed_id), some)
        its, where = require(tables, feed_id), f"{_any_of(some)} AND feed_id = ? ORDER BY person_id"
        count, remain = _drop_transactions(transaction, its, some)
        rows = tables.select(feed_value, where, *some, feed_id)
        for person_id, mine in groupby(rows, lambda row: row.person_id):
            gone, stay = _drop(transaction, its, PersonId(person_id), list(mine))
            remain += stay
            count += gone
        tables.delete_rows(feed_value, rows)
        tables.update(feed, {"remain": its.remain + remain}, "feed_id = ?", feed_id)
    return count


def _end(gate: Gate, feed_id: FeedId) -> None:
    """Say that a feed is taken out where nothing of it is there, but of whom nothing is told."""
    with gate.together() as transaction:
        transaction.lock(REGISTER)
        tables, people = transaction.tables, set[PersonId]()
        for each in _OF_FEED:
            rows = tables.select_unchecked(each, ["person_id"], "feed_id = ?", feed_id)
            people |= {PersonId(str(person_id)) for (person_id,) in rows}
        if people <= transaction.apart_among(sorted(people)):
            changes = {"state": WITHDRAWN, "ended": microseconds(transaction.clock.now())}
            tables.update(feed, changes, "feed_id = ?", feed_id)


def _drop_transactions(
    transaction: Transaction, its: Feed, people: Sequence[PersonId]
) -> tuple[int, int]:
    """Delete what a feed told that some people bought, but what a hold keeps.

    How many are told as gone, and as staying. Of each customer they are all of them, so that one
    entry says so.
    """
    tables, where = transaction.tables, f"{_any_of(people)} AND feed_id = ?"
    rows = tables.select_unchecked(partner_transaction, ["person_id"], where, *people, its.feed_id)
    whose = sorted(PersonId(str(person_id)) for (person_id,) in rows)
    apart = transaction.apart_among(whose)
    gone = remain = 0
    for person in whose:
        # All of theirs are read, to be checked: of each feed that tells us of them.
        theirs = withdrawn_rows.visible(transaction, person)
        some = [each for each in theirs if each.feed_id == its.feed_id]
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
    return gone, remain


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
