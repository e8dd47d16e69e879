"""What a signed agreement proves, and the two duties that it carries.

Both are asked in the act's own transaction, of the version under which the act is decided: an
agreement that is wider than that version proves nothing, whether or not anybody has seen it yet.
"""

from __future__ import annotations

from typing import Final

from upheld.database.columns import microseconds
from upheld.gate.act.duties import DutyContext, DutyQuestion
from upheld.gate.evidence.provers import Proof, ProofQuestion
from upheld.policy.analyse.contains import PARTNER
from upheld.policy.request import Duty
from upheld.practices.agreements import terms
from upheld.practices.agreements.checks import live_of

DUTIES: Final = ("confidentiality", "no-onward-sharing")


def prove(question: ProofQuestion) -> Proof:
    """Whether an agreement of this party, signed and in force, covers the data and the purpose."""
    at = microseconds(question.at)
    mine = [each for each in question.records if each.party and each.party == question.party]
    standing = {each.record_id for each in mine if each.in_force(at)}
    live = [
        each
        for each in live_of(question.tables, question.party, question.at, question.policy)
        if each.record_id in standing
    ]
    texts = [terms.load(question.tables, each.digest) for each in live]
    purpose = question.purpose
    fields = [
        field
        for field in question.data
        if purpose and any(terms.covers(text, question.policy, field, purpose) for text in texts)
    ]
    parts = [_part(question, field, holds=True) for field in fields]
    if mine:  # of what was agreed once and is not now, it is certain that it is not
        parts += [_part(question, f, holds=False) for f in question.data if f not in fields]
    return Proof(parts or None, tuple(each.record_id for each in live if fields))


def _part(question: ProofQuestion, field: str, *, holds: bool) -> dict[str, object]:
    words = {"data": [field], "purpose": [question.purpose], "recipient": [PARTNER]}
    per = {each: words[each] for each in question.fact.per if words.get(each) != [None]}
    return {**per, "holds": holds}


def carries(question: DutyQuestion) -> bool:
    """Whether an agreement of whoever receives it binds them to its duties for all of the data.

    One that fits the policy has every duty that the policy asks for.
    """
    act = question.act
    if act.recipient != PARTNER or not act.purpose or not act.data:
        return False
    live = live_of(question.tables, act.party, question.at, question.policy)
    texts = [terms.load(question.tables, each.digest) for each in live]
    purpose = act.purpose
    return all(
        any(terms.covers(text, question.policy, field, purpose) for text in texts)
        for field in act.data
    )


def bound_by_agreement(_: DutyContext, __: Duty) -> None:
    """The handler of both duties: the partner has signed that it is bound."""
