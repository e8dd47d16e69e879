"""Whom the policy lets us serve who is new here: of any age, of some ages, by a guardian's leave.

Nothing of it is known here but what a rule can hang on: an age, and what a guardian gives. The
policy is asked about every age at once, so that a page can say from which one on, and so that
nobody is asked for a birth date on which nothing hangs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

from upheld.core import observing
from upheld.gate.evidence.field_values import AGE_MAX
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Request

AGE: Final = "age"
BY_GUARDIANS: Final = frozenset({"guardian-consent", "guardian-link", "guardian-costs"})  # proofs
_SERVE: Final = Request("serve")


class Admission(NamedTuple):
    """What the policy says of people of whom nothing is known but their age."""

    any_age: Decision  # of whom not even that is known
    by_age: tuple[Decision, ...]
    guardian_facts: frozenset[str]

    @property
    def asks_age(self) -> bool:
        """Whether the answer depends on somebody's age."""
        return not self.any_age.allowed and any(map(self.admits, range(len(self.by_age))))

    @property
    def is_open(self) -> bool:
        """Whether anybody can come in who is new here."""
        return self.any_age.allowed or self.asks_age

    @property
    def takes_minors(self) -> bool:
        """Whether there are ages that can come in with a guardian's permission alone."""
        return any(self.needs_guardian(each) for each in self.by_age)

    def decision_at(self, age: int | None) -> Decision:
        """The decision on a newcomer of an age in whole years; None if they were not asked."""
        return self.any_age if age is None else self.by_age[min(age, AGE_MAX)]

    def needs_guardian(self, decision: Decision) -> bool:
        """Whether a guardian's permission is all that is missing."""
        return decision.outcome == "needs-proof" and any(
            self.guardian_facts.issuperset(way) for way in decision.prove
        )

    def admits(self, age: int) -> bool:
        """Whether somebody of an age can come in, alone or with a guardian's permission."""
        return self.decision_at(age).allowed or self.needs_guardian(self.decision_at(age))

    def from_age(self, age: int) -> int | None:
        """The lowest age above `age` at which somebody can come in; None where there is none."""
        return next((each for each in range(age + 1, len(self.by_age)) if self.admits(each)), None)

    @property
    def refusing_clauses(self) -> tuple[str, ...]:
        """The clauses by which people of some ages are refused."""
        refused = [each for age, each in enumerate(self.by_age) if not self.admits(age)]
        return tuple(
            dict.fromkeys(
                clause
                for each in refused
                for clause in each.clauses or tuple(near.clause for near in each.nearest)
            )
        )


@observing.reading
@lru_cache(maxsize=8)
def admission(policy: Policy) -> Admission:
    """Which newcomers a policy lets us serve. Cached for each policy."""
    facts = policy.program.vocabulary.facts
    leave = frozenset(name for name, fact in facts.items() if fact.proof in BY_GUARDIANS)
    newcomer: dict[str, object] = {
        name: False for name, fact in facts.items() if fact.absent and name not in leave
    }
    by_age = [policy.decide(_SERVE, {**newcomer, AGE: age}) for age in range(AGE_MAX + 1)]
    return Admission(policy.decide(_SERVE, newcomer), tuple(by_age), leave)
