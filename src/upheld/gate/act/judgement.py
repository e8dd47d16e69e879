"""What becomes of an act for one person, under one version of the policy or under several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from upheld.gate.editions import licences
from upheld.gate.editions.licences import Licence
from upheld.gate.editions.store import Edition
from upheld.policy.request import Decision

SEVERITY = ("deny", "needs-proof", "error")  # outcomes that allow nothing, the strictest first


class Judgement(NamedTuple):
    """The fields that are meant, the decision, what it rests on, and what stands against it.

    `policies` are digests of the versions and licences that were asked besides the one in force,
    `decided_by` is what does not allow it of them; None where it is the one in force, or all do.
    """

    fields: tuple[str, ...]
    decision: Decision
    evidence: tuple[str, ...] = ()
    problem: str = ""
    policies: tuple[str, ...] = ()
    decided_by: Edition | Licence | None = None

    @property
    def entry_problem(self) -> str:
        """What an entry says that stands against the act: a licence by its number, too."""
        if not self.problem and isinstance(self.decided_by, Licence):
            return f"{licences.REFUSES}{self.decided_by.number}"
        return self.problem

    @property
    def allowed(self) -> bool:
        """Whether the act may be done, and nothing stands against it."""
        return self.decision.allowed and not self.problem


def strictest(
    judgements: Sequence[Judgement], data: tuple[str, ...], policies: tuple[str, ...]
) -> Judgement:
    """What several versions come to, the one in force first: allowed only where all allow it.

    The duties of all are united. Of an act that takes what it gets, only those of its `data` are
    left that each of them allows.
    """
    decision = strictest_decision([each.decision for each in judgements])
    problem = next((each.problem for each in judgements if each.problem), "")
    evidence = tuple(dict.fromkeys(one for each in judgements for one in each.evidence))
    fields = judgements[0].fields
    if decision.allowed:
        fields = tuple(f for f in fields if all(f in each.fields for each in judgements))
        if data and not fields:  # each allows some, and no two the same
            decision, fields = replace(decision, outcome="deny", duties=(), owed=()), data
    return Judgement(fields, decision, evidence, problem, policies)


def strictest_decision(decisions: Sequence[Decision]) -> Decision:
    """The decision that several versions come to: allowed only where all allow it."""
    for outcome in SEVERITY:
        for each in decisions:
            if each.outcome == outcome:
                return each
    return replace(
        decisions[0],
        clauses=tuple(dict.fromkeys(name for each in decisions for name in each.clauses)),
        duties=tuple(dict.fromkeys(duty for each in decisions for duty in each.duties)),
        owed=tuple(dict.fromkeys(act for each in decisions for act in each.owed)),
    )
