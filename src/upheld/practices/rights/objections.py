"""Objections: a use of what is held stops at once, and our staff say whether it may go on.

To which purposes somebody may object the policy says: those for which the fact `objected` turns a
yes into a no. The record of an objection is what the policy reads. It is in force from the moment
it is made; where our staff uphold it it stays, where they refuse it with a reason it ends.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from upheld.core import observing
from upheld.core.ids import PersonId, UserId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Refused
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Request
from upheld.practice.plugin import Provider
from upheld.practices.rights import case_work, requests
from upheld.practices.rights.requests import RightsRequest
from upheld.practices.rights.sentences import label, words_of

KIND: Final = "objection"  # of the request, of its task, and of the record
FACT: Final = "objected"
UPHELD: Final = "objection-upheld"  # a kind of entries
_STAFF: Final = "staff"


@observing.reading
@lru_cache(maxsize=8)
def purposes(policy: Policy) -> tuple[str, ...]:
    """The purposes to which an objection makes a difference, in the vocabulary's order.

    Where it does to all kinds of a purpose, they are one.
    """
    compiled, vocabulary = policy.engine.compiled, policy.program.vocabulary
    if FACT not in vocabulary.facts or "use" not in compiled.action:
        return ()
    leaves = {
        purpose
        for purpose in compiled.leaves["purpose"].bit
        if any(_makes_difference(policy, data, purpose) for data in compiled.leaves["data"].bit)
    }
    return tuple(words_of(policy).fold("purpose", leaves))


def _makes_difference(policy: Policy, data: str, purpose: str) -> bool:
    """Whether what may be used for a purpose may not be once somebody objected."""
    request = Request("use", data=data, purpose=purpose)
    objected = policy.decide(request, {FACT: True})
    return objected.outcome == "deny" and policy.decide(request, {FACT: False}).outcome != "deny"


def in_force(transaction: Transaction, person_id: PersonId) -> dict[str, Record]:
    """The objections of somebody that are in force, by purpose."""
    at = microseconds(transaction.clock.now())
    records, _ = transaction.records_of([person_id], [KIND])
    return {
        purpose: each
        for each in records
        if each.in_force(at)
        for purpose in each.about.get("purpose", ())
    }


def object_to(
    provider: Provider, transaction: Transaction, person_id: PersonId, purpose: str, text: str
) -> RightsRequest | Refused:
    """Object to a use: it stops at once, and our staff answer. Whoever objected already stays so.

    `text` is why, where somebody says so; while an objection waits it joins what was written.
    """
    request = requests.open_request(transaction, person_id, KIND, purpose)
    if isinstance(request, Refused):
        return request
    subject = f"I object: {label(transaction.policy, 'purpose', purpose)}"
    if request.task_id:
        return case_work.add_text(provider, transaction, request, subject, text)
    if purpose not in in_force(transaction, person_id):
        transaction.record(
            person_id,
            KIND,
            fact=FACT,
            about={"purpose": (purpose,)},
            by_whom="customer",
            how="portal",
        )
    result = case_work.open_with_text(provider, transaction, request, subject, text)
    if isinstance(result, Refused):
        _end(transaction, person_id, purpose, actor="")
    return result


def uphold(
    transaction: Transaction, request: RightsRequest, staff_id: UserId
) -> RightsRequest | Refused:
    """Uphold an objection: what stopped stays so, and the customer is written to."""
    answer = requests.answer(transaction, request, by=staff_id)
    if isinstance(answer, Refused):
        return answer
    transaction.note(
        request.person_id,
        UPHELD,
        actor=f"{_STAFF} {staff_id}",
        purpose=request.about,
        after=str(answer.entry),
    )
    case_work.notify(transaction, request)
    return request


def refuse(
    transaction: Transaction, request: RightsRequest, reason: str, staff_id: UserId
) -> RightsRequest | Refused:
    """Refuse an objection with a reason that its customer reads: the use may go on."""
    result = case_work.refuse(transaction, request, reason, staff_id)
    if not isinstance(result, Refused):
        _end(transaction, request.person_id, request.about, actor=f"{_STAFF} {staff_id}")
    return result


def take_back(transaction: Transaction, person_id: PersonId, purpose: str) -> None:
    """End an objection as its person wishes, with the request that waits for an answer to it."""
    for each in requests.requests_of(transaction.tables, person_id):
        if each.kind == KIND and each.about == purpose and each.waits:
            requests.revoke(transaction, each)
    _end(transaction, person_id, purpose, actor="customer")


def _end(transaction: Transaction, person_id: PersonId, purpose: str, *, actor: str) -> None:
    record = in_force(transaction, person_id).get(purpose)
    if record is not None:
        transaction.withdraw(person_id, record.record_id, ended=actor != "customer", actor=actor)
