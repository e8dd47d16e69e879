"""What is done on a request of any kind: both sides write, staff refuse it, a job finds it again.

What answers a request of one kind stands with that kind.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from upheld.core.ids import UserId
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies, outbox, tasks, threads
from upheld.practice.plugin import Provider
from upheld.practices.rights import requests
from upheld.practices.rights.requests import RightsRequest

PURPOSE: Final = "rights-request"
TURNED_DOWN: Final = "turned-down"  # a kind of entries


def open_with_text(
    provider: Provider, transaction: Transaction, request: RightsRequest, subject: str, text: str
) -> RightsRequest | Refused:
    """Let somebody of our staff work on a new request, with what its customer wrote about it."""
    if text:
        result = message_copies.add_from_customer(
            transaction,
            request.person_id,
            subject,
            text,
            about=request.request_id,
            purpose=PURPOSE,
            storing_purpose=PURPOSE,
        )
        if isinstance(result, Refused):
            requests.deny(transaction, request, result)
            return result
    request = requests.open_task(transaction, request, PURPOSE)
    if text and request.task_id:
        threads.note_reply(provider, transaction, request.person_id, request.task_id, text)
    return request


def add_text(
    provider: Provider, transaction: Transaction, request: RightsRequest, subject: str, text: str
) -> RightsRequest | Refused:
    """Add what a customer wrote to the thread of their request that waits, if it is new."""
    if text and request.task_id:
        result = threads.add_once(
            provider,
            transaction,
            request.person_id,
            subject,
            text,
            about=request.request_id,
            purpose=PURPOSE,
            storing_purpose=PURPOSE,
            task_id=request.task_id,
        )
        if isinstance(result, Refused):
            return result
    return request


def refuse(
    transaction: Transaction, request: RightsRequest, reason: str, staff_id: UserId
) -> RightsRequest | Refused:
    """Refuse a request, with a reason that its customer reads."""
    result = write_to_customer(transaction, request, reason, staff_id)
    if isinstance(result, Refused):
        return result
    entry = transaction.note(
        request.person_id,
        TURNED_DOWN,
        actor=f"staff {staff_id}",
        data=(request.about,) if request.kind == "correction" else (),
        purpose=PURPOSE,
    )
    requests.turn_down(transaction, request, entry, by=staff_id)
    return request


def write_to_customer(
    transaction: Transaction, request: RightsRequest, text: str, staff_id: UserId
) -> ActResult | Refused:
    """Write to a customer about their request: in their account, and by mail that it is there."""
    title = request.title
    result = message_copies.add_from_staff(
        transaction,
        request.person_id,
        f"Your request: {title[:1].lower()}{title[1:]}",
        text,
        about=request.request_id,
        storing_purpose=PURPOSE,
    )
    if not isinstance(result, Refused):
        if request.task_id:
            tasks.add_step(transaction, request.person_id, request.task_id, threads.WROTE, staff_id)
        notify(transaction, request)
    return result


def notify(transaction: Transaction, request: RightsRequest) -> None:
    """Send a mail that there is news of a request, if the policy lets us; it says nothing more."""
    outbox.queue(
        transaction,
        request.person_id,
        "rights/request-news",
        message_copies.ADMINISTRATIVE,
        {"request": request.request_id},
    )


def reopen(gate: Gate) -> int:
    """Open a task again for each request whose task was closed unanswered; the number of them.

    A request is answered by what was asked for, or when it is refused, and by nothing else.
    """
    with gate.together() as transaction:
        left = requests.left_without_task(transaction.tables)
    with trial_of(gate, "reopen-requests") as trial:
        return sum(
            trial.one(partial(_reopen, gate, each), each.person_id, each.request_id) or 0
            for each in left
        )


def _reopen(gate: Gate, request: RightsRequest) -> int:
    with gate.together() as transaction:
        transaction.lock(request.person_id)
        if request not in requests.left_without_task(transaction.tables):
            return 0  # another process was faster
        requests.open_task(transaction, request, PURPOSE)
    return 1
