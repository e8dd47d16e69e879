"""The review of what was released in an emergency: owed of each release, by somebody else.

A record of whoever it was about says that it is owed, and the policy until when. What is released
once that was reviewed, of the same customer or another, rests on a belief that was judged before,
and is reviewed anew.
"""

from __future__ import annotations

from typing import Any, Final

from upheld.core.ids import InstrumentId, PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction
from upheld.practice.operators import User
from upheld.practices.legal.instrument import BELIEF, IN_EMERGENCY, Instrument, actor_of

REVIEW: Final = "review-disclosure"


def owe(
    transaction: Transaction, instrument_id: InstrumentId, person_id: PersonId, user: User
) -> None:
    """Let a review be owed of what is released of somebody now, unless one is owed already."""
    if not _owed(transaction, instrument_id, person_id):
        transaction.record(
            person_id,
            BELIEF,
            fact=IN_EMERGENCY,
            how=instrument_id,
            by_whom=user.user_id,
            actor=actor_of(user),
        )


def settle(
    transaction: Transaction, instrument_id: InstrumentId, person_id: PersonId, user: User
) -> Refused | None:
    """Review what was released of somebody, if that is owed; the refusal where the policy has none.

    From then on it is owed no more.
    """
    its = _owed(transaction, instrument_id, person_id)
    if its:
        act = Act(action=REVIEW)
        outcome = transaction.reaching_apart().act(act, person_id, entitled=True)
        if isinstance(outcome, Refused):
            return outcome
    for record in its:
        transaction.withdraw(person_id, record.record_id, ended=True, actor=actor_of(user))
    return None


def reopened(instrument: Instrument, user: User) -> dict[str, Any]:
    """What of an instrument's sealed part changes when somebody releases: the last review stays."""
    before = () if instrument.reviewed else instrument.released_by
    released_by = tuple(dict.fromkeys((*before, user.user_id)))
    return {"earlier_reviews": instrument.reviews, "finding": "", "released_by": released_by}


def _owed(
    transaction: Transaction, instrument_id: InstrumentId, person_id: PersonId
) -> list[Record]:
    """The records by which a review is owed of what an instrument released of somebody."""
    records, _ = transaction.records_of([person_id], [BELIEF])
    return [
        each
        for each in records
        if each.fact == IN_EMERGENCY and each.how == instrument_id and each.ends is None
    ]
