"""Decisions with what made them: an earlier version of the policy, or a licence."""

from __future__ import annotations

from sqlalchemy import Connection

from upheld.gate.act.judgement import Judgement
from upheld.gate.act.request import (
    LicenceDecision,
    OlderDecision,
    decided_by,
    decided_by_licence,
)
from upheld.gate.editions import store
from upheld.gate.editions.licences import Licence
from upheld.policy.request import Decision


def explained(connection: Connection, judgement: Judgement) -> Decision:
    """The decision, with the earlier version or licence whose clauses it cites, if any."""
    by = judgement.decided_by
    if by is None:
        return judgement.decision
    policy = store.policy_of(connection, by.digest)
    if isinstance(by, Licence):
        return decided_by_licence(judgement.decision, policy, by.number, by.party)
    return decided_by(judgement.decision, policy, by.number)


def not_met(decision: Decision, problem: str) -> Decision:
    """The error that a decision becomes where something else stands against it, as `code` says."""
    wrong = Decision(outcome="error", clauses=decision.clauses, code=problem, why=problem)
    if isinstance(decision, LicenceDecision):
        return decided_by_licence(wrong, decision.policy, decision.number, decision.party)
    if isinstance(decision, OlderDecision):
        return decided_by(wrong, decision.policy, decision.number)
    return wrong
