"""Which version of the policy binds each customer, and what a later one still waits for.

It is worked out as for an act, of some people at a time and in no transaction with a lock. What
`bind` does not ask for is no reason: taken out of the policy, nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.seals import SealedError
from upheld.database.statements import rows, to_datetime
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.editions import bound, store
from upheld.gate.editions.store import Edition
from upheld.gate.evidence import records
from upheld.gate.evidence.records import Record
from upheld.policy.request import Request
from upheld.vault.people import ACTIVE, REGISTER

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

NOTICE_DUE: Final = "notice-due"  # none was sent, or it came back
NOTICE_RUNS: Final = "notice-runs"  # it was sent, and its days are not over
APPROVAL_OPEN: Final = "approval-open"
NO_USE: Final = "no-use"
HAS_LEFT: Final = "has-left"  # they closed their account, and nothing is waited for
IN_DOUBT: Final = "in-doubt"  # records that are not as they were written
_ACCOUNT, _CLOSED = "account", "account-closed"
_BIND: Final = Request("bind")
_TOGETHER = 200  # people in one transaction


class BoundPerson(NamedTuple):
    """A customer, the version that binds them, and what the one in force still waits for."""

    person_id: PersonId
    edition: Edition
    in_force: Edition
    reasons: tuple[str, ...]
    notice_until: datetime | None = None  # when the days of a notice are over
    notice_came_back: bool = False

    @property
    def waits(self) -> bool:
        """Whether the version in force does not bind them yet."""
        return self.edition.number != self.in_force.number


def bound_people(gate: Gate, after: str = "") -> Iterator[BoundPerson]:
    """Every customer in the order of their ids, after one of them."""
    context = gate.context
    if not context.edition:
        return
    at = microseconds(context.clock.now())
    while True:
        with reading(gate.engine) as connection:
            editions = context.editions or tuple(store.editions(connection))
            some = _next_people(connection, after)
            lines = _lines(context, connection, editions, some, at)
        if not some:
            return
        yield from lines
        after = some[-1]


def _next_people(connection: Connection, after: str) -> list[PersonId]:
    statement = (
        "SELECT person_id FROM person WHERE state = ? AND person_id <> ? AND person_id > ?"
        " ORDER BY person_id LIMIT ?"
    )
    people = rows(connection, statement, ACTIVE, REGISTER, after, _TOGETHER)
    return [PersonId(person_id) for (person_id,) in people]


def _lines(
    context: GateContext,
    connection: Connection,
    editions: Sequence[Edition],
    some: Sequence[PersonId],
    at: int,
) -> list[BoundPerson]:
    """The lines of some people; whose records are in doubt is told apart."""
    if not some:
        return []
    try:
        kinds = (*bound.KINDS, _ACCOUNT)
        every, _ = records.records_of(connection, context.keyring, some, kinds)
    except SealedError:
        if len(some) == 1:
            return [BoundPerson(some[0], editions[0], editions[-1], (IN_DOUBT,))]
        return [line for each in some for line in _lines(context, connection, editions, [each], at)]
    mine: dict[PersonId, list[Record]] = {}
    for each in every:
        mine.setdefault(each.person_id, []).append(each)
    return [
        _line(connection, editions, person_id, mine.get(person_id, []), at) for person_id in some
    ]


def _line(
    connection: Connection,
    editions: Sequence[Edition],
    person_id: PersonId,
    mine: Sequence[Record],
    at: int,
) -> BoundPerson:
    newest = editions[-1]
    waiting: Sequence[Edition] = ()
    if len(editions) >= bound.SECOND:
        waiting = bound.waiting_versions(
            editions, lambda each: store.policy_of(connection, each.digest), mine, at
        )
    if not waiting:
        return BoundPerson(person_id, newest, newest, ())
    facts = {
        fact
        for each in (waiting[0], newest)  # both must say yes
        for fact in store.policy_of(connection, each.digest).engine.plan(_BIND).values
    }
    notices = [each for each in mine if each.kind == bound.NOTICE and each.how == newest.digest]
    running = [each for each in notices if each.withdrawn is None and each.valid_from > at]
    return BoundPerson(
        person_id,
        waiting[0],
        newest,
        tuple(_reasons(newest, mine, at, running=bool(running), facts=facts)),
        to_datetime(max(each.valid_from for each in running)) if running else None,
        bool(notices) and not running and all(each.withdrawn is not None for each in notices),
    )


def _reasons(
    newest: Edition, mine: Sequence[Record], at: int, *, running: bool, facts: set[str]
) -> Iterator[str]:
    """What the version in force waits for, of what `bind` rests on."""
    live = [each for each in mine if each.in_force(at)]
    if any(each.kind == _ACCOUNT and each.fact == _CLOSED for each in live):
        yield HAS_LEFT
        return
    proven = {each.fact for each in live if each.kind == bound.AGREEMENT}
    own = {each.fact for each in live if each.how == newest.digest}
    asks_notice = bound.NEEDS_NOTICE in proven and bound.NEEDS_NOTICE in facts
    if asks_notice and bound.NOTICE_GIVEN not in own:
        yield NOTICE_RUNS if running else NOTICE_DUE
    asks_approval = bound.NEEDS_APPROVAL in proven and bound.NEEDS_APPROVAL in facts
    if asks_approval and bound.APPROVED not in own:
        yield APPROVAL_OPEN
    used = max((each.valid_from for each in live if each.kind == bound.FIRST_USE), default=-1)
    if used < microseconds(newest.posted_at) and bound.USED in facts:
        yield NO_USE
