"""Questions about what is held: a copy is made at once, and a person answers what it does not say.

A question is a request of the same kind as the copy, with a task of our staff; the copy can be
made meanwhile, and leaves the question as it is.
"""

from __future__ import annotations

from typing import Final

from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.practices.rights import case_work, requests
from upheld.practices.rights.requests import RightsRequest

KIND: Final = "access"  # of the request and of its task
ANSWERED: Final = "access-answered"  # a kind of entries


def ask(
    provider: Provider, transaction: Transaction, person_id: PersonId, text: str
) -> RightsRequest | Refused:
    """Ask our staff about what is held; while a question waits, more of it joins its thread."""
    request = requests.open_request(transaction, person_id, KIND)
    if isinstance(request, Refused):
        return request
    subject = requests.QUESTION
    write = case_work.add_text if request.task_id else case_work.open_with_text
    return write(provider, transaction, request, subject, text)


def answer(
    transaction: Transaction, request: RightsRequest, text: str, staff_id: UserId
) -> RightsRequest | Refused:
    """Answer a question in writing, and close its request."""
    result = case_work.write_to_customer(transaction, request, text, staff_id)
    if isinstance(result, Refused):
        return result
    act = requests.answer(transaction, request, by=staff_id)
    if isinstance(act, Refused):
        return act
    transaction.note(
        request.person_id,
        ANSWERED,
        actor=f"staff {staff_id}",
        purpose=case_work.PURPOSE,
        after=str(act.entry),
    )
    return request
