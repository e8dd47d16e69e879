"""Threads: what a customer and our staff wrote to one another about a request or a ticket.

Its messages are rows of what is held of the customer, so that to read them is an act, which the
policy decides: of the customer themselves, or of whoever took the task, for its purpose.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from upheld.core.ids import PersonId, TaskId, UserId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies, tasks
from upheld.practice.message_copies import MESSAGES, NOTE, MessageCopy
from upheld.practice.plugin import Provider
from upheld.practice.tasks import CUSTOMER, Task
from upheld.web.limits import Rate

VIEW_PURPOSE: Final = message_copies.SERVICE_PROVISION
WRITE_RATE: Final = Rate(10, 600)
WROTE, REPLIED = "wrote", "replied"  # steps of a task: our staff wrote, the customer did
DOUBLE: Final = timedelta(minutes=10)  # the same text again within this is the same message
TOO_MANY: Final = "You wrote many messages in a short time. Wait a few minutes, then send it again."


def view_as_staff(
    transaction: Transaction, task: Task, staff_id: UserId, field: str
) -> ActResult | Refused:
    """Look at a kind of data of a task's customer, as whoever of our staff took it."""
    act = Act(action="view", data=(field,), actor="staff", party=staff_id, purpose=task.purpose)
    return transaction.act(act, task.person_id, entitled=True)


def read_as_staff(
    transaction: Transaction, task: Task, staff_id: UserId, about: str
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


def add_once(  # noqa: PLR0913 - what a message says
    provider: Provider,
    transaction: Transaction,
    person_id: PersonId,
    subject: str,
    text: str,
    *,
    about: str,
    purpose: str,
    task_id: TaskId,
    storing_purpose: str = VIEW_PURPOSE,
) -> ActResult | Refused | None:
    """Add what a customer wrote to a thread, if the policy lets it in; None for a repetition.

    `task_id` is the task whose thread it is. The customer is locked, so that what is sent twice at
    once is there once.
    """
    transaction.lock(person_id)
    if _is_repeated(transaction, person_id, task_id, _mark(provider, text)):
        return None
    result = message_copies.add_from_customer(
        transaction,
        person_id,
        subject,
        text,
        about=about,
        purpose=purpose,
        storing_purpose=storing_purpose,
    )
    if isinstance(result, ActResult):
        note_reply(provider, transaction, person_id, task_id, text)
    return result


def note_reply(
    provider: Provider, transaction: Transaction, person_id: PersonId, task_id: TaskId, text: str
) -> None:
    """Note as a step of a task that its customer wrote, with a mark by which to know it again."""
    mark = _mark(provider, text)
    tasks.add_step(transaction, person_id, task_id, REPLIED, CUSTOMER, mark)


def is_repeated(
    provider: Provider, transaction: Transaction, person_id: PersonId, task_id: TaskId, text: str
) -> bool:
    """Whether a text was the last one of a task, a moment ago: a form that was sent twice."""
    return _is_repeated(transaction, person_id, task_id, _mark(provider, text))


def _mark(provider: Provider, text: str) -> str:
    """A mark of a text, by which it is known again and which says nothing of it."""
    return provider.sealer("help", "text").mark(text.encode()).hex()


def _is_repeated(transaction: Transaction, person_id: PersonId, task_id: TaskId, mark: str) -> bool:
    since = transaction.clock.now() - DOUBLE
    letters = [
        each
        for each in tasks.steps_of(transaction.tables, person_id, task_id)
        if each.step in (WROTE, REPLIED)
    ]
    return bool(letters) and letters[-1].detail == mark and letters[-1].at > since


def may_write(transaction: Transaction, person_id: PersonId, purpose: str = VIEW_PURPOSE) -> bool:
    """Whether the policy lets us take in what a customer writes now, and store it for a purpose."""
    acts = transaction.letting_in(
        (MESSAGES,), source="customer", occasion="service-use", purpose=purpose
    )
    return all(transaction.peek(person_id, each).allowed for each in acts)


def writes_too_often(provider: Provider, transaction: Transaction, person_id: PersonId) -> bool:
    """Count a message that a customer writes to us; whether that is one too many."""
    return bool(
        provider.limits.take(transaction.tables, WRITE_RATE, "reply", person_id, at=provider.now())
    )
