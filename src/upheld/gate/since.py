"""How long ago: a number of months or years that rests on a record's beginning.

Goes in: the question of a prover. Comes out: the whole months or years since the latest record in
force of the fact's kind began, such as the time since an account was closed; unknown without one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from upheld.core.tables import BEGINNING, microseconds
from upheld.gate.proofs import Proof, ProofError, Question, by_records, years

UNITS = {"months": 1, "years": 12}


def by_time_since(question: Question) -> Proof:
    """The prover of a kind whose facts are whether something is, and for how long it has been."""
    fact, at = question.fact, microseconds(question.at)
    if fact.unit not in UNITS:
        return by_records(question)
    if question.forged:
        raise ProofError(f"a record for `{fact.name}` was changed by somebody else",
                         code="forged-record", hint="see `upheld admin selfcheck`")  # fmt: skip
    live = [record for record in question.records if record.in_force(at)]
    if not live:
        return Proof(None)
    last = max(live, key=lambda record: record.begins)
    began = BEGINNING + timedelta(microseconds=last.begins)
    passed = months(_day(began), _day(question.at))
    return Proof(passed // UNITS[fact.unit], (last.record_id,))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def months(first: date, second: date) -> int:
    """Whole months between two days."""
    whole = years(first, second)
    return whole * 12 + (second.month - first.month - (second.day < first.day)) % 12
