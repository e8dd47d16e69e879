"""Which versions of the policy bind somebody now: the one in force, unless it does not bind yet.

Whether a version binds is asked as `bind`, of the version in force and of the one that bound them
before: both must say yes. Until then an act is asked of every version from the one that binds them
up to the one in force, and done only where all of them allow it: what widens waits, and what
narrows holds at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from upheld.database.tables import microseconds
from upheld.gate.editions.store import Edition
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request

if TYPE_CHECKING:
    from upheld.gate.evidence.records import Record

SECOND: Final = 2  # versions, from which on one may bind somebody and another not
FIRST_USE: Final = "first-use"  # kinds of proof
NOTICE: Final = "notice"
APPROVAL: Final = "approval"
AGREEMENT: Final = "customer-agreement"
KINDS: Final = (APPROVAL, AGREEMENT, FIRST_USE, NOTICE)
USED: Final = "used-since-posting"  # facts that `bind` rests on
NARROWING: Final = "narrowing"
NEEDS_NOTICE: Final = "agreement-needs-notice"
NOTICE_GIVEN: Final = "notice-given"
NEEDS_APPROVAL: Final = "agreement-needs-approval"
APPROVED: Final = "change-approved"
_BIND: Final = Request("bind")


def waiting_versions(
    editions: Sequence[Edition],
    policy_of: Callable[[Edition], Policy],
    records: Sequence[Record],
    at: int,
) -> tuple[Edition, ...]:
    """The versions before the one in force of which an act on somebody is asked besides.

    `records` are theirs, of the KINDS. None, if the version in force binds them.
    """
    live = [each for each in records if each.in_force(at)]
    return waiting_after(editions, policy_of, live, last_use(live))


def waiting_after(
    editions: Sequence[Edition],
    policy_of: Callable[[Edition], Policy],
    live: Sequence[Record],
    used: int,
) -> tuple[Edition, ...]:
    """What `waiting_versions` gives, by records that are in force and when somebody last used one.

    `live` may be empty for somebody of whom there are first uses alone.
    """
    newest = policy_of(editions[-1])
    # They have used every version up to one: whether that binds them is asked first.
    start = sum(microseconds(each.posted_at) <= used for each in editions[1:])
    bound = 0
    if start and _binds(editions, start - 1, start, policy_of, newest, live, used):
        bound = start
    for number in range(bound + 1, len(editions)):
        if _binds(editions, bound, number, policy_of, newest, live, used):
            bound = number
    return tuple(editions[bound:-1])


def _binds(  # noqa: PLR0913, PLR0917 - what one version is told of
    editions: Sequence[Edition],
    bound: int,
    number: int,
    policy_of: Callable[[Edition], Policy],
    newest: Policy,
    live: Sequence[Record],
    used: int,
) -> bool:
    """Whether a version binds somebody whom another one bound before."""
    facts = bind_facts(editions, bound, number, live, used)
    before = policy_of(editions[bound])
    return all(decide(each, facts).allowed for each in (newest, before))


def bind_facts(
    editions: Sequence[Edition], bound: int, number: int, live: Sequence[Record], used: int
) -> dict[str, bool]:
    """What `bind` rests on, of a version and somebody whom another one bound before."""
    edition = editions[number]
    posted = microseconds(edition.posted_at)
    uses = [each.valid_from for each in live if each.kind == FIRST_USE]
    # An agreement asks about changes: a version that somebody used before it goes on to bind them.
    asking = [
        each
        for each in live
        if each.kind == AGREEMENT and not any(posted <= use < each.valid_from for use in uses)
    ]
    return {
        USED: posted <= used,
        NARROWING: not any(each.widens for each in editions[bound + 1 : number + 1]),
        NEEDS_NOTICE: _has(asking, AGREEMENT, NEEDS_NOTICE),
        NOTICE_GIVEN: _has(live, NOTICE, NOTICE_GIVEN, edition.digest),
        NEEDS_APPROVAL: _has(asking, AGREEMENT, NEEDS_APPROVAL),
        APPROVED: _has(live, APPROVAL, APPROVED, edition.digest),
    }


def last_use(live: Sequence[Record]) -> int:
    """When somebody last used our services for the first time after a posting; -1 for never."""
    return max((each.valid_from for each in live if each.kind == FIRST_USE), default=-1)


def decide(policy: Policy, facts: Mapping[str, bool]) -> Decision:
    """What a policy says of binding somebody, as far as it has words for the facts."""
    return _decide(policy, tuple(facts.items()))


def _has(live: Sequence[Record], kind: str, fact: str, digest: str = "") -> bool:
    """Whether a record in force proves a fact, of a version where one is named."""
    return any(
        each.kind == kind and each.fact == fact and (not digest or each.how == digest)
        for each in live
    )


@lru_cache(maxsize=1024)
def _decide(policy: Policy, facts: tuple[tuple[str, bool], ...]) -> Decision:
    words = policy.program.vocabulary.facts
    return policy.decide(_BIND, {name: value for name, value in facts if name in words})
