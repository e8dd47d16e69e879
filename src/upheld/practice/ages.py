"""Who is a minor, and from what age nobody is: the policy says so, by its fact `minor`.

A policy whose vocabulary has no such fact knows no minors. Where it has one that an age alone does
not settle, everybody counts as a minor: what is for adults is refused on a doubt.
"""

from __future__ import annotations

from functools import lru_cache

from upheld.core import observing
from upheld.policy.load import Policy

MINOR = "minor"
OLDEST = 150
OFF_FOR_MINORS = "off-for-minors"  # how an opt-out came to be that a minor starts with


@observing.reading
def is_minor(policy: Policy, age: int) -> bool:
    """Whether the policy counts somebody of an age, in whole years, as a minor."""
    return _counts_as_minor(policy, age)


@observing.reading
@lru_cache(maxsize=8)
def age_of_majority(policy: Policy) -> int:
    """The age, in whole years, from which the policy counts nobody as a minor."""
    minors = (age + 1 for age in reversed(range(OLDEST)) if _counts_as_minor(policy, age))
    return next(minors, 0)


def _counts_as_minor(policy: Policy, age: int) -> bool:
    if MINOR not in policy.program.vocabulary.facts:
        return False
    return policy.holds(MINOR, {"age": age}) is not False
