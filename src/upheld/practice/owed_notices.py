"""Notices that the law or the policy has us give, also to whoever has closed their account.

A policy that writes to nobody whose account is closed can let these through: for some days it is on
record of each recipient that one is owed, as a fact that a clause may name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act
from upheld.gate.transaction import Transaction
from upheld.practice.message_copies import ADMINISTRATIVE

NOTICE_OWED: Final = "notice-owed"  # a fact
_LASTS: Final = timedelta(days=14)  # for which a mail that does not arrive may be sent again


def may_write_each(
    transaction: Transaction, whose: Sequence[PersonId], *, how: str
) -> dict[PersonId, bool]:
    """Whether the policy lets us write to each of some people to whom a notice is owed.

    Where it does not otherwise, that one is owed is recorded of them; `how` is what it is about, by
    its id. Nothing is recorded where the policy has no such fact.
    """
    fact = transaction.policy.program.vocabulary.facts.get(NOTICE_OWED)
    may_write = _peek(transaction, whose)
    others = [each for each in whose if not may_write[each]]
    if fact is None or not others:
        return may_write
    ends = transaction.clock.now() + _LASTS
    transaction.record_each(others, fact.proof, fact=NOTICE_OWED, ends=ends, how=how)
    return may_write | _peek(transaction, others)


def _peek(transaction: Transaction, whose: Sequence[PersonId]) -> dict[PersonId, bool]:
    contact = Act(action="contact", purpose=ADMINISTRATIVE)
    decisions = transaction.peek_each(whose, contact)
    return {each: its.allowed for each, its in decisions.items()}
