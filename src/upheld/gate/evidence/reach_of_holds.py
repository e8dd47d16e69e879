"""Which kinds of data a hold reaches: those that it names, or every kind where it names none.

What one does not reach is as if there were no such hold. A word that the policy lacks reaches what
is held under it alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from upheld.gate.evidence.provers import HOLD
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy

DATA = "data"  # the dimension whose words a hold names


def is_hold(policy: Policy, record: Record) -> bool:
    """Whether a record proves that the law obliges us to keep something."""
    fact = policy.program.vocabulary.facts.get(HOLD)
    return fact is not None and record.kind == fact.proof and record.fact in ("", HOLD)


def is_narrow(hold: Record) -> bool:
    """Whether a hold names the kinds of data that it keeps."""
    return bool(hold.about.get(DATA))


def reaches(policy: Policy, hold: Record, kinds: Collection[str]) -> bool:
    """Whether a hold keeps any of some kinds of data."""
    words = hold.about.get(DATA)
    if not words:
        return True
    masks, mask = policy.engine.checker.masks[DATA], 0
    for word in words:
        mask |= masks.get(word, 0)
    return any(kind in words or masks.get(kind, 0) & mask for kind in kinds)


def reaching(policy: Policy, mine: Sequence[Record], kinds: Collection[str]) -> Sequence[Record]:
    """Some records without the holds that keep none of some kinds of data."""
    if not any(map(is_narrow, mine)):
        return mine
    return [e for e in mine if not is_hold(policy, e) or reaches(policy, e, kinds)]


def known_of(
    policy: Policy,
    facts_known: Mapping[str, object],
    mine: Sequence[Record],
    at: int,
    kinds: Collection[str],
) -> Mapping[str, object]:
    """What is known of a person as far as some kinds of data go, by their records.

    A hold is known only where one that is in force, at a time in microseconds, reaches them.
    """
    if facts_known.get(HOLD) is not True:
        return facts_known
    holds = [each for each in mine if is_hold(policy, each) and each.in_force(at)]
    if not holds or reaching(policy, holds, kinds):
        return facts_known
    return {**facts_known, HOLD: False}


def began(some: Collection[Record]) -> int | None:
    """When the first of the holds among some records began, in microseconds; None without one."""
    return min((each.valid_from for each in some if each.fact == HOLD), default=None)


def began_by_field(
    policy: Policy, some: Sequence[Record], fields: Collection[str]
) -> dict[str, int]:
    """When the first of the holds among some records began that reach each of some fields.

    In microseconds; without the fields that none reaches.
    """
    moments = {field: began(reaching(policy, some, [field])) for field in fields}
    return {field: moment for field, moment in moments.items() if moment is not None}
