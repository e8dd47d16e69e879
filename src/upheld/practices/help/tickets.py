"""Tickets: a customer's question as a task of our staff, with a thread that both sides write in.

A ticket is a task of a kind of its own; its texts are messages of the customer's, in the vault. It
is open for as long as its task is. What was done about it are the task's steps.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.core.ids import PersonId, TaskId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.evidence.provers import Proof, ProofQuestion
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies, outbox, tasks, threads
from upheld.practice.consequences import short_reference
from upheld.practice.message_copies import ADMINISTRATIVE, MESSAGES
from upheld.practice.plugin import Provider
from upheld.practice.recognition import RECOGNITIONS
from upheld.practice.tasks import CUSTOMER, TICKET, Task, TaskStep
from upheld.practice.threads import REPLIED, WROTE

PURPOSE: Final = "support"
ROLE: Final = "support"  # whose queue it stands in first
TEXT_MAX: Final = 5_000
TOPICS: Final = {
    "trouble": "Something does not work",
    "invoice": "An invoice or a payment",
    "takeover": "Somebody else may be using my account",
    "question": "Something else",
}
ANSWER: Final = "help/answer"  # the template of the mail that says that there is an answer
WRITTEN: Final = "written"  # how a ticket was opened that its customer wrote
QUESTION: Final = "question"  # the kind of proof
ON_ITS_WAY: Final = timedelta(days=1)  # how long an answer can take to be sent
NOTED: Final = "noted"  # a step beside those of every task and thread


class Ticket(NamedTuple):
    """A ticket as its customer sees it in a list: words and times."""

    ticket_id: TaskId
    title: str
    opened: datetime
    closed: datetime | None
    is_own: bool  # whether the customer opened it
    recognised_by: str  # how we knew who called or wrote, where our staff opened it; a sentence
    is_answered: bool  # whether the last who wrote was one of our staff

    @property
    def reference(self) -> str:
        """What people are told to name it by."""
        return short_reference(self.ticket_id)

    @property
    def is_open(self) -> bool:
        """Whether somebody may still write in it."""
        return self.closed is None

    @property
    def state(self) -> str:
        """How far it is, in words."""
        if self.closed is not None:
            return "closed"
        if self.is_answered:
            return "answered"
        return "waiting for our answer" if self.is_own else "being looked into"


def title_of(topic: str) -> str:
    """What a ticket is about; of a topic that customers cannot choose, no more than a word."""
    return TOPICS.get(topic) or "A question"


def tickets_of(tables: Tables, person_id: PersonId) -> list[Ticket]:
    """A customer's tickets, the latest first."""
    return [
        _ticket(each, tasks.steps_of(tables, person_id, each.task_id))
        for each in tasks.tasks_of_kind(tables, person_id, TICKET)
    ]


def find_ticket(tables: Tables, person_id: PersonId, ticket_id: TaskId) -> Ticket | None:
    """One ticket of a customer; none of anybody else's."""
    task = tasks.find_task(tables, ticket_id)
    if task is None or task.kind != TICKET or task.person_id != person_id:
        return None
    return _ticket(task, tasks.steps_of(tables, person_id, ticket_id))


def _ticket(task: Task, steps: list[TaskStep]) -> Ticket:
    opening = next((each for each in steps if each.step == tasks.OPENED), None)
    recognition = RECOGNITIONS.get(opening.detail) if opening else None
    letters = [each.step for each in steps if each.step in (WROTE, REPLIED)]
    return Ticket(
        task.task_id,
        title_of(task.about),
        task.opened,
        task.closed if task.state == "done" else None,
        opening is not None and opening.actor == CUSTOMER,
        recognition.of_you if recognition else "",
        letters[-1:] == [WROTE],
    )


def prove_question(question: ProofQuestion) -> Proof:
    """The prover of whether somebody waits for an answer: a task is open in which they wrote.

    One that was closed a moment ago counts: the mail that says that it is answered is on its way.
    """
    questions = tuple(
        each.task_id
        for each in tasks.tasks_since(question.tables, question.person_id, question.at - ON_ITS_WAY)
        if any(
            step.actor == CUSTOMER
            for step in tasks.steps_of(question.tables, question.person_id, each.task_id)
        )
    )
    return Proof(bool(questions), questions)


def open_ticket(
    provider: Provider, transaction: Transaction, person_id: PersonId, topic: str, text: str
) -> TaskId | Refused:
    """Open a ticket with what a customer wrote, if the policy lets us use it to help; its id."""
    for each in tasks.tasks_of_kind(transaction.tables, person_id, TICKET):
        same = each.about == topic and each.state != "done"
        if same and threads.is_repeated(provider, transaction, person_id, each.task_id, text):
            return each.task_id
    use = Act(action="use", data=(MESSAGES,), purpose=PURPOSE)
    if isinstance(allowed := transaction.act(use, person_id, entitled=True), Refused):
        return allowed
    ticket_id = TaskId(secrets.token_hex(16))
    result = message_copies.add_from_customer(
        transaction,
        person_id,
        f"Your question: {_lower(title_of(topic))}",
        text,
        about=ticket_id,
        purpose=PURPOSE,
    )
    if isinstance(result, Refused):
        return result
    tasks.open_task(
        transaction,
        person_id,
        TICKET,
        PURPOSE,
        role=ROLE,
        about=topic,
        by=CUSTOMER,
        how=WRITTEN,
        task_id=ticket_id,
    )
    threads.note_reply(provider, transaction, person_id, ticket_id, text)
    return ticket_id


def add_reply(
    provider: Provider, transaction: Transaction, person_id: PersonId, ticket: Ticket, text: str
) -> ActResult | Refused | None:
    """Add what a customer wrote to a ticket, if the policy lets it in; None for a repetition."""
    return threads.add_once(
        provider,
        transaction,
        person_id,
        f"Your reply: {_lower(ticket.title)}",
        text,
        about=ticket.ticket_id,
        purpose=PURPOSE,
        task_id=ticket.ticket_id,
    )


def write(transaction: Transaction, task: Task, text: str, staff_id: UserId) -> ActResult | Refused:
    """Write to a customer in their ticket: in their account, and by mail that it is there.

    Where the policy does not let us write to them, nothing is stored either.
    """
    contact = Act(action="contact", purpose=ADMINISTRATIVE)
    if not transaction.peek(task.person_id, contact).allowed:
        return transaction.act(contact, task.person_id, entitled=True)
    result = message_copies.add_from_staff(
        transaction,
        task.person_id,
        f"Our answer: {_lower(title_of(task.about))}",
        text,
        about=task.task_id,
    )
    if isinstance(result, ActResult):
        words = {"ticket": task.task_id}
        outbox.queue(transaction, task.person_id, ANSWER, ADMINISTRATIVE, words)
        tasks.add_step(transaction, task.person_id, task.task_id, WROTE, staff_id)
    return result


def add_note(
    transaction: Transaction, task: Task, text: str, staff_id: UserId
) -> ActResult | Refused:
    """Keep a note of our staff on a ticket, if the policy lets us; it is sent to nobody."""
    result = message_copies.add_note(
        transaction,
        task.person_id,
        f"Note of our staff: {_lower(title_of(task.about))}",
        text,
        about=task.task_id,
        purpose=task.purpose,
    )
    if isinstance(result, ActResult):
        tasks.add_step(transaction, task.person_id, task.task_id, NOTED, staff_id)
    return result


def close_all(transaction: Transaction, person_id: PersonId) -> None:
    """Close the tickets of somebody who is being erased: nothing of them is read any more."""
    tasks.close_about(transaction, person_id, TICKET)


def _lower(title: str) -> str:
    return title[:1].lower() + title[1:]
