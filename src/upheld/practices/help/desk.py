"""The desk for tickets: read what a customer wrote, answer, take notes, and close.

Only whoever took the task sees any of it, by an act that the gate decides and enters. To put the
task back or pass it on is done on the page of every task.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import UserId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import operators, tasks, threads
from upheld.practice.consequences import short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.message_copies import MessageCopy
from upheld.practice.plugin import Provider
from upheld.practice.reasons import RefusalReason, refusal_reason
from upheld.practice.recognition import RECOGNITIONS
from upheld.practice.tasks import CUSTOMER, Task, TaskStep
from upheld.practices.help import tickets
from upheld.practices.help.tickets import TEXT_MAX
from upheld.web.forms import EMPTY, Field, Filled, read

MESSAGE: Final = Field(
    "text", "Your answer", "textarea", length_max=TEXT_MAX, missing="Write your answer."
)
NOTE: Final = Field(
    "note",
    "Your note",
    "textarea",
    length_max=TEXT_MAX,
    hint="For colleagues. We do not send it, but the customer sees it in what we hold about them.",
    missing="Write your note.",
)
_STEPS: Final = {
    tasks.OPENED: "opened this",
    tasks.TAKEN: "took this",
    tasks.PUT_BACK: "put this back",
    tasks.PASSED_ON: "passed this on",
    tasks.CLOSED: "closed this",
    threads.WROTE: "answered",
    threads.REPLIED: "wrote",
    tickets.NOTED: "wrote a note",
}


class HistoryLine(NamedTuple):
    """Something that was done about a ticket, as people read it."""

    at: datetime
    text: str


class OpenTicket(NamedTuple):
    """A ticket as whoever took its task sees it."""

    task: Task
    letters: list[MessageCopy]
    history: list[HistoryLine]
    refused: RefusalReason | None


class HelpDesk:
    """The pages of staff for tickets."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def _mine(self, transaction: Transaction, visit: Visit) -> Task:
        """The task that this member of staff took, with its customer locked; 404 without one."""
        task = tasks.require_mine(
            transaction, visit.request.path_params["task"], tasks.TICKET, visit.user_id
        )
        if task is None:
            raise HTTPException(404)
        return task

    def _open(self, transaction: Transaction, visit: Visit) -> OpenTicket:
        task = self._mine(transaction, visit)
        steps = tasks.steps_of(transaction.tables, task.person_id, task.task_id)
        history = [_line(transaction.tables, each) for each in steps]
        if task.state == "done":
            return OpenTicket(task, [], history, None)
        letters = threads.read_as_staff(transaction, task, visit.user_id, task.task_id)
        if isinstance(letters, Refused):
            why = refusal_reason(transaction.policy, letters.decision)
            return OpenTicket(task, [], history, why)
        return OpenTicket(task, letters, history, None)

    async def show(
        self,
        visit: Visit,
        filled: Filled = EMPTY,
        status: int = 200,
        refused: RefusalReason | None = None,
    ) -> Response:
        """One ticket with its thread, its notes and its history."""
        case = await self.provider.do(lambda transaction: self._open(transaction, visit))
        return self.provider.pages.page(
            visit.request,
            "help/desk.html",
            status=status,
            case=case,
            title=tickets.title_of(case.task.about),
            reference=short_reference(case.task.task_id),
            fields=(MESSAGE, NOTE),
            filled=filled,
            refused=refused,
        )

    async def write(self, visit: Visit) -> Response:
        """Answer the customer."""
        return await self._with_text(visit, MESSAGE, tickets.write)

    async def note(self, visit: Visit) -> Response:
        """Keep a note for colleagues."""
        return await self._with_text(visit, NOTE, tickets.add_note)

    async def _with_text(
        self,
        visit: Visit,
        field: Field,
        act: Callable[[Transaction, Task, str, UserId], object],
    ) -> Response:
        filled = read((field,), visit.form)

        def work(transaction: Transaction) -> object:
            task = self._mine(transaction, visit)
            if task.state == "done":
                return task
            return (
                act(transaction, task, filled.values[field.name], visit.user_id)
                if filled.ok
                else filled
            )

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            why = refusal_reason(self.provider.policy, result.decision)
            return await self.show(visit, filled, 403, why)
        return self._back(visit)

    async def close(self, visit: Visit) -> Response:
        """Close the ticket: nobody needs to see anything for it any more."""

        def work(transaction: Transaction) -> None:
            task = self._mine(transaction, visit)
            tasks.close(transaction, task.task_id, by=visit.user_id)

        await self.provider.do(work)
        return self._back(visit)

    def _back(self, visit: Visit) -> Response:
        return RedirectResponse(f"/staff/help/{visit.request.path_params['task']}", 303)


def _line(tables: Tables, step: TaskStep) -> HistoryLine:
    """A step as a sentence: who did what."""
    if step.actor == CUSTOMER:
        who = "The customer"
    elif step.actor:
        user = operators.find_user(tables, UserId(step.actor))
        who = user.name if user else "Somebody of our staff"
    else:
        who = "We"
    text = f"{who} {_STEPS.get(step.step, step.step)}"
    if step.step == tasks.PASSED_ON:
        text += f" to {step.detail.replace('-', ' ')}"
    if step.step == tasks.OPENED and step.detail in RECOGNITIONS:
        text += f" for somebody who called or wrote. {RECOGNITIONS[step.detail].of_them}"
    return HistoryLine(step.at, text + ".")
