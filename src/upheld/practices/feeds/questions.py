"""Whether a line of a feed tells of a customer whom it is like: somebody at the desk decides.

Each question is a task on the customer. What the line says waits sealed under their key, and goes
with the answer, with the feed, with them, and when nobody has answered in time: then it is dropped.
Of a no a mark is kept, by which the same line of the same company is not asked about again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.ids import NO_USER, FeedId, PersonId, TaskId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import placeholders
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import tasks
from upheld.practice.tasks import Task
from upheld.practices.feeds import feeds
from upheld.practices.feeds.feeds import Feed, FeedError, FeedLine
from upheld.practices.feeds.likeness import KEYS, Pair, identity
from upheld.practices.feeds.tables import likeness_question, likeness_refused

KIND: Final = "likeness"  # of the task
ROLE: Final = "privacy"
PURPOSE: Final = "service-provision"  # for which staff may look at whom it is about
LASTS: Final = timedelta(days=30)
SAME, OTHER = "feed.same", "feed.other"  # kinds of entries
_SEALED_FOR: Final = "likeness-question"
_MARKED_FOR: Final = "likeness-refused"
_SCALE: Final = 10_000


class _Waiting(msgspec.Struct, frozen=True):
    """What a line says: by what it is like somebody, and its values."""

    keys: dict[str, str]
    values: dict[str, str]


class LikenessQuestion(NamedTuple):
    """A question, of which feed, how probably the answer is yes, and what the line says."""

    task: Task
    its: Feed
    score: float
    keys: dict[str, str]
    values: dict[str, str]


def ask(transaction: Transaction, its: Feed, line: FeedLine, pair: Pair) -> str:
    """Ask whether a line tells of a customer; WAITING, or why nobody is asked."""
    person = pair.person_id
    if not transaction.lock_present([person]):  # they are being erased
        return feeds.UNMATCHED
    news = feeds.news_of(transaction, person, its, line.values)
    if not news:
        return feeds.NOTHING_NEW
    act = Act(action="combine", data=tuple(news), source=feeds.SOURCE, party=its.party)
    if not transaction.peek(person, act).allowed:
        return feeds.REFUSED
    now = transaction.clock.now()
    task_id = tasks.open_task(transaction, person, KIND, PURPOSE, role=ROLE, due=now + LASTS)
    sealer = transaction.person_sealers(_SEALED_FOR, [person])[person]
    raw = msgspec.json.encode(_Waiting(dict(line.keys), news))
    transaction.tables.insert(
        likeness_question,
        task_id=task_id,
        feed_id=its.feed_id,
        person_id=person,
        score=int(pair.score * _SCALE),
        asked=microseconds(now),
        sealed=sealer.seal(raw, task_id),
    )
    return feeds.WAITING


def waiting(transaction: Transaction) -> Counter[FeedId]:
    """How many questions are open, of each feed."""
    columns, grouped = ["feed_id", "COUNT(*)"], "score >= 0 GROUP BY feed_id"
    counts = transaction.tables.select_unchecked(likeness_question, columns, grouped)
    return Counter({FeedId(str(feed_id)): int(count) for feed_id, count in counts})


def find(transaction: Transaction, task: Task) -> LikenessQuestion:
    """The question of a task; FeedError where it is settled."""
    where = "task_id = ? AND person_id = ?"
    row = transaction.tables.get(likeness_question, where, task.task_id, task.person_id)
    if row is None:
        raise FeedError(
            "this question is settled", code="feed-question", hint="choose another from the queue"
        )
    sealer = transaction.person_sealers(_SEALED_FOR, [task.person_id])[task.person_id]
    raw = sealer.unseal(row.sealed, task.task_id, what="a question")
    says = msgspec.json.decode(raw, type=_Waiting)
    its = feeds.require(transaction.tables, FeedId(row.feed_id))
    if its.state not in {feeds.OPEN, feeds.DONE}:  # it is being taken out, and this goes with it
        raise FeedError(
            "this question is settled", code="feed-question", hint="choose another from the queue"
        )
    return LikenessQuestion(task, its, row.score / _SCALE, says.keys, says.values)


def look(transaction: Transaction, question: LikenessQuestion, by: UserId) -> ActResult | Refused:
    """What is held of the customer that the line is compared with, as an act with its entry."""
    data = tuple(each for each in KEYS if question.keys.get(each))
    act = Act(
        action="view",
        data=data,
        actor="staff",
        party=by,
        purpose=question.task.purpose,
        partial=True,
    )
    return transaction.act(act, question.task.person_id, entitled=True)


def answer(transaction: Transaction, question: LikenessQuestion, *, same: bool, by: UserId) -> str:
    """Say whether the line tells of the customer; if so it is combined, or the reason why not."""
    task, its, tables = question.task, question.its, transaction.tables
    transaction.note(
        task.person_id,
        SAME if same else OTHER,
        actor=f"staff {by}",
        source=f"{feeds.SOURCE} {its.party}",
        id=its.feed_id,
    )
    outcome = feeds.UNMATCHED
    if not same:
        _remember_no(transaction, its, task.person_id, question.keys)
    if its.state not in {feeds.OPEN, feeds.DONE}:
        same = False  # it is being taken out
    if same:
        outcome = feeds.combine(transaction, its, task.person_id, question.values) or feeds.LINKED
    feeds.add_up(tables, its, {outcome: 1}, its.lines)
    _remove(transaction, task.person_id, task.task_id, by)
    return "" if outcome == feeds.LINKED else outcome


def was_refused(
    transaction: Transaction, its: Feed, person: PersonId, keys: Mapping[str, str]
) -> bool:
    """Whether somebody said that what a line of the company says is not of a customer."""
    where, mark = "person_id = ? AND party = ? AND mark = ?", _mark(transaction, its, person, keys)
    return transaction.tables.get(likeness_refused, where, person, its.party, mark) is not None


def _remember_no(
    transaction: Transaction, its: Feed, person: PersonId, keys: Mapping[str, str]
) -> None:
    if was_refused(transaction, its, person, keys):
        return
    mark = _mark(transaction, its, person, keys)
    transaction.tables.insert(likeness_refused, person_id=person, party=its.party, mark=mark)


def _mark(transaction: Transaction, its: Feed, person: PersonId, keys: Mapping[str, str]) -> str:
    """What stands for a line of a company and a customer; it says nothing of either."""
    parts = identity(keys) or ()
    return transaction.sealer(_MARKED_FOR).mark_of(person, its.party, *parts).hex()


def lapse(gate: Gate) -> int:
    """Drop the questions that nobody answered in time; how many. The job."""
    count = 0
    while True:
        with gate.together() as transaction:
            transaction.lock(REGISTER)
            before = microseconds(transaction.clock.now() - LASTS)
            where = f"asked < ? ORDER BY asked, task_id LIMIT {feeds.BATCH}"
            rows = transaction.tables.select(likeness_question, where, before)
            for each in rows:
                its = feeds.require(transaction.tables, FeedId(each.feed_id))
                feeds.add_up(transaction.tables, its, {feeds.UNMATCHED: 1}, its.lines)
                _remove(transaction, PersonId(each.person_id), TaskId(each.task_id))
        if not rows:
            return count
        count += len(rows)


def drop_of_feed(transaction: Transaction, its: Feed, people: Sequence[PersonId]) -> None:
    """Drop the questions about some people of a feed that is withdrawn."""
    where = f"person_id IN ({placeholders(people)}) AND feed_id = ? ORDER BY person_id, task_id"
    rows: list[Any] = transaction.tables.select(likeness_question, where, *people, its.feed_id)
    for each in rows:
        _remove(transaction, PersonId(each.person_id), TaskId(each.task_id))
    if rows:
        feeds.add_up(transaction.tables, its, {feeds.UNMATCHED: len(rows)}, its.lines)


def drop_of(transaction: Transaction, person_id: PersonId) -> None:
    """Close the questions about somebody who is being erased; the rows go with them."""
    tasks.close_about(transaction, person_id, KIND)


def _remove(
    transaction: Transaction, person_id: PersonId, task_id: TaskId, by: UserId = NO_USER
) -> None:
    where = "person_id = ? AND task_id = ?"
    transaction.tables.delete(likeness_question, where, person_id, task_id)
    tasks.close(transaction, task_id, by=by)
