"""How each version stands with somebody: which binds, since when, and why another does not yet.

It is worked out as for an act, at the moments at which anything changed: a posting, or a record of
theirs that came into force or ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from upheld.database.statements import to_datetime
from upheld.database.tables import microseconds
from upheld.gate.editions import bound
from upheld.gate.editions.store import Edition
from upheld.policy.load import Policy
from upheld.policy.request import Decision

if TYPE_CHECKING:
    from upheld.gate.evidence.records import Record


class Standing(NamedTuple):
    """A version and somebody: whether it binds them and since when, and on what that rests."""

    edition: Edition
    binds: bool
    since: datetime | None  # of the one that binds
    facts: Mapping[str, bool]
    decision: Decision
    decided_by: Edition  # whose policy made the decision: the one in force, or one before


def standings(
    editions: Sequence[Edition],
    policy_of: Callable[[Edition], Policy],
    records: Sequence[Record],
    at: int,
) -> tuple[Standing, ...]:
    """The version that binds somebody, and then each that was posted after it."""
    number = _bound_at(editions, policy_of, records, at)
    if number < 0:
        return ()
    live = [each for each in records if each.in_force(at)]
    used, newest = bound.last_use(live), policy_of(editions[-1])
    result = []
    for each in range(number, len(editions)):
        before = max(number - 1, 0) if each == number else number
        facts = bound.bind_facts(editions, before, each, live, used)
        decisions = [
            (bound.decide(policy, facts), edition)
            for policy, edition in (
                (newest, editions[-1]),
                (policy_of(editions[before]), editions[before]),
            )
        ]
        against = [one for one in decisions if not one[0].allowed]
        result.append(
            Standing(
                editions[each],
                each == number,
                _since(editions, policy_of, records, at, number) if each == number else None,
                facts,
                *(against or decisions)[0],
            )
        )
    return tuple(result)


def _bound_at(
    editions: Sequence[Edition],
    policy_of: Callable[[Edition], Policy],
    records: Sequence[Record],
    at: int,
) -> int:
    """The place of the version that bound somebody at a moment; -1 before the first one."""
    posted = [each for each in editions if microseconds(each.posted_at) <= at]
    if not posted:
        return -1
    waiting = bound.waiting_versions(posted, policy_of, records, at)
    return len(posted) - 1 - len(waiting)


def _since(
    editions: Sequence[Edition],
    policy_of: Callable[[Edition], Policy],
    records: Sequence[Record],
    at: int,
    number: int,
) -> datetime:
    """Since when a version has bound somebody without a break."""
    moments = {microseconds(each.posted_at) for each in editions}
    for each in records:
        ends = (end for end in (each.ends, each.withdrawn) if end is not None)
        moments.update((each.valid_from, *ends))
    since = at
    for moment in sorted((one for one in moments if one <= at), reverse=True):
        if _bound_at(editions, policy_of, records, moment) != number:
            break
        since = moment
    return to_datetime(since)
