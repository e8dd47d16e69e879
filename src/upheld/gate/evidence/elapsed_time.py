"""How long ago: a number of months or years that rests on a record's beginning.

Goes in: the question of a prover. Comes out: the time since the latest record in force of the
fact's kind began, such as that an account was closed; unknown without one. A month that has begun
and is not over counts as a half, so that `> 6 months` holds the day after six months are over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from upheld.database.tables import BEGINNING, microseconds
from upheld.gate.evidence.provers import Proof, ProofQuestion, by_records
from upheld.gate.log import entries

UNITS = {"months": 1, "years": 12}
DAY = timedelta(days=1)
STARTED = 0.5


def by_time_since(question: ProofQuestion) -> Proof:
    """The prover of a kind whose facts are whether something is, and for how long it has been."""
    fact, at = question.fact, microseconds(question.at)
    if fact.unit not in UNITS:
        return by_records(question)
    live = [record for record in question.records if record.in_force(at)]
    if not live:
        return Proof(None)
    last = max(live, key=lambda record: record.valid_from)
    began = (BEGINNING + timedelta(microseconds=last.valid_from)).astimezone(question.at.tzinfo)
    return Proof(elapsed_spans(began, question.at, UNITS[fact.unit]), (last.record_id,))


def by_notice(question: ProofQuestion) -> Proof:
    """The prover of notices: whether one was given, and how many days ago somebody was told.

    The days are counted from the latest notice in force that says so; one that says only that its
    own time has run says nothing of when it was sent.
    """
    fact, at = question.fact, microseconds(question.at)
    if fact.unit != "days":
        return by_records(question)
    mine = [each for each in question.records if each.fact in ("", fact.name)]
    live = [record for record in mine if record.in_force(at)]
    if not live:
        return Proof(None)
    last = max(live, key=lambda record: record.valid_from)
    whole, rest = divmod(at - last.valid_from, microseconds(BEGINNING + DAY))
    return Proof(whole + (STARTED if rest else 0), (last.record_id,))


def elapsed_spans(began: datetime, at: datetime, each: int = 1) -> float:
    """The spans of so many calendar months between two moments; the one that runs is a half."""
    spans = max(0, (at.year - began.year) * 12 + at.month - began.month) // each + 1
    while spans and (end := entries.after(began, spans * each, "months")) and end > at:
        spans -= 1
    exact = entries.after(began, spans * each, "months") == at
    return spans if exact else spans + STARTED
