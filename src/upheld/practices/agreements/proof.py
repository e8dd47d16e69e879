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
from upheld.practices.agreements.agreements import PartnerAgreement
from upheld.practices.agreements.checks import live_of

DUTIES: Final = ("confidentiality", "no-onward-sharing")


def prove(question: ProofQuestion) -> Proof:
    """Whether an agreement of this party, signed and in force, covers the data and the purpose."""
    at = microseconds(question.at)
    mine = [each for each in question.records if each.party and each.party == question.party]
    standing = {each.record_id for each in mine if each.in_force(at)}
    live = [each for each in _live(question, question.party) if each.record_id in standing]
    fields = [field for field in question.data if _covers(question, live, field, question.purpose)]
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
    live = _live(question, act.party)
    return all(_covers(question, live, field, act.purpose) for field in act.data)


def _live(question: ProofQuestion | DutyQuestion, party: str) -> list[PartnerAgreement]:
    """The agreements of a party that stand at the time of the act, read once in it."""
    shared = {} if question.shared is None else question.shared
    key = ("agreements", party, question.at, question.policy.digest)
    if key not in shared:
        shared[key] = live_of(question.tables, party, question.at, question.policy)
    live: list[PartnerAgreement] = shared[key]
    return live


def _covers(
    question: ProofQuestion | DutyQuestion,
    live: list[PartnerAgreement],
    field: str,
    purpose: str | None,
) -> bool:
    """Whether one of some agreements covers a field for a purpose."""
    texts = (terms.load(question.tables, each.digest) for each in live)
    return bool(purpose) and any(
        terms.covers(text, question.policy, field, purpose) for text in texts
    )


def bound_by_agreement(_: DutyContext, __: Duty) -> None:
    """The handler of both duties: the partner has signed that it is bound."""
