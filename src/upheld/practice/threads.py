"""Threads: what a customer and our staff wrote to one another about a request or a ticket.

Its messages are rows of what is held of the customer, so that to read them is an act, which the
policy decides: of the customer themselves, or of whoever took the task, for its purpose.
"""

from __future__ import annotations

from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies
from upheld.practice.message_copies import MESSAGES, NOTE, MessageCopy
from upheld.practice.plugin import Provider
from upheld.practice.tasks import Task
from upheld.web.limits import Rate

VIEW_PURPOSE: Final = "service-provision"
WRITE_RATE: Final = Rate(10, 600)
TOO_MANY: Final = "You wrote many messages in a short time. Wait a few minutes, then send it again."


def view_as_staff(
    transaction: Transaction, task: Task, staff_id: str, field: str
) -> ActResult | Refused:
    """Look at a kind of data of a task's customer, as whoever of our staff took it."""
    act = Act(action="view", data=(field,), actor="staff", party=staff_id, purpose=task.purpose)
    return transaction.act(act, task.person_id, entitled=True)


def read_as_staff(
    transaction: Transaction, task: Task, staff_id: str, about: str
) -> list[MessageCopy] | Refused:
    """The messages and notes of a thread, for whoever of our staff took its task."""
    look = view_as_staff(transaction, task, staff_id, MESSAGES)
    return look if isinstance(look, Refused) else _thread(look, about)


def read_as_customer(
    transaction: Transaction, person_id: PersonId, about: str
) -> list[MessageCopy] | Refused:
    """The messages of a thread, for the customer who wrote in it.

    Notes are among what we hold about them, and not in the thread.
    """
    act = Act(action="view", data=(MESSAGES,), actor="customer", purpose=VIEW_PURPOSE)
    look = transaction.act(act, person_id, entitled=True)
    if isinstance(look, Refused):
        return look
    return [each for each in _thread(look, about) if each.author != NOTE]


def _thread(look: ActResult, about: str) -> list[MessageCopy]:
    return message_copies.thread([each.value for each in look.series(MESSAGES)], about)


def writes_too_often(provider: Provider, transaction: Transaction, person_id: PersonId) -> bool:
    """Count a message that a customer writes to us; whether that is one too many."""
    return bool(
        provider.limits.take(transaction.tables, WRITE_RATE, "reply", person_id, at=provider.now())
    )
