"""The desk on which services are ended: every decision with its state, and a form for another.

The list says nothing of the customers. What was written with one is read by whoever took the task
of its decision, as everywhere.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import partial
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.ids import PersonId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import operators, tasks, threads
from upheld.practice.consequences import (
    Banner,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.form_values import find_people
from upheld.practice.message_copies import MessageCopy
from upheld.practice.plugin import Provider
from upheld.practice.reasons import RefusalReason, refusal_page, refusal_reason
from upheld.practice.tasks import Task
from upheld.practices.terminations import decisions
from upheld.practices.terminations.decisions import (
    KIND,
    PURPOSE,
    Grounds,
    Termination,
    TerminationError,
    Terminations,
)
from upheld.practices.terminations.questions import (
    ALL,
    ANSWER,
    DESK,
    STATES,
    WHY,
    decision_confirmation,
    decision_fields,
    undo_confirmation,
)
from upheld.web.forms import EMPTY, Field, Filled, read

NOBODY: Final = "No customer has this account number and this e-mail address."


class DecisionLine(NamedTuple):
    """A decision as the list says it."""

    href: str
    reference: str
    state: str
    starts: datetime
    decided_at: datetime
    decided_by: str
    settled_at: datetime | None
    undone_by: str


class OpenDecision(NamedTuple):
    """A decision as its page has it; its thread is there for whoever took the task."""

    decision: Termination
    line: DecisionLine
    task: Task | None
    letters: list[MessageCopy]
    refused: RefusalReason | None


class TerminationDesk:
    """The pages of staff."""

    def __init__(self, provider: Provider, terminations: Terminations) -> None:
        self.provider, self.terminations = provider, terminations

    @property
    def fields(self) -> tuple[Field, ...]:
        """The form for a decision."""
        return decision_fields(self.terminations.services, self.provider.today())

    def _require_role(self, visit: Visit) -> None:
        """403 for whoever has not the role."""
        if visit.user is None or decisions.ROLE not in visit.user.roles:
            raise HTTPException(403)

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """Every decision, and the form."""
        self._require_role(visit)

        def look(tables: Tables) -> list[DecisionLine]:
            return [_line(tables, each) for each in self.terminations.all(tables)]

        return self.provider.pages.page(
            visit.request,
            "terminations/desk.html",
            status=status,
            lines=await self.provider.read(look),
            states=STATES,
            fields=self.fields,
            filled=filled,
        )

    async def decide(self, visit: Visit) -> Response:
        """Decide, once it was confirmed."""
        self._require_role(visit)
        filled = read(self.fields, visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)

        def work(transaction: Transaction) -> Termination | Filled | Refused:
            person_id = self._find(transaction, filled)
            if person_id is None or isinstance(person_id, Refused):
                return person_id or filled.wrong("account", NOBODY)
            question = decision_confirmation(transaction.policy, filled, self.terminations.services)
            require_confirmation(self.provider, transaction.tables, visit, question)
            grounds = self._grounds(filled)
            return self.terminations.decide(transaction, person_id, grounds, visit.user_id)

        try:
            result = await self.provider.attempt(work)
        except TerminationError as error:
            return await self.show(visit, filled.wrong("account", error.in_sentences()), 422)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        return self._banner(visit, result, "Decided. They were written to.")

    def _find(self, transaction: Transaction, filled: Filled) -> PersonId | Refused | None:
        """The one customer of a number and an address, if we may look them up; None for none."""
        number, email = filled.values["account"], filled.values["email"]
        by_number = self.provider.find_people(transaction, "account", number)
        by_email = find_people(self.provider, transaction, "email", email)
        if len(by_number) != 1 or by_number[0] not in by_email:
            return None
        act = Act(action="use", data=("account-id", "email"), purpose=PURPOSE)
        outcome = transaction.act(act, by_number[0])
        return outcome if isinstance(outcome, Refused) else by_number[0]

    def _grounds(self, filled: Filled) -> Grounds:
        values = filled.values
        zone = self.provider.clock.zone
        starts = datetime.combine(date.fromisoformat(values["starts"]), time(), zone)
        service = "" if values["service"] == ALL else values["service"]
        return Grounds(service, starts, values["term"], values["events"])

    def _open(self, transaction: Transaction, visit: Visit) -> OpenDecision:
        termination_id = visit.request.path_params["task"]
        decision = self.terminations.find(transaction.tables, termination_id)
        if decision is None:
            raise HTTPException(404)
        line = _line(transaction.tables, decision)
        task = tasks.find_task(transaction.tables, termination_id)
        if task is None or task.state != "taken" or task.staff_id != visit.user_id:
            return OpenDecision(decision, line, task, [], None)
        letters = threads.read_as_staff(transaction, task, visit.user_id, termination_id)
        if isinstance(letters, Refused):
            why = refusal_reason(transaction.policy, letters.decision)
            return OpenDecision(decision, line, task, [], why)
        return OpenDecision(decision, line, task, letters, None)

    async def show_one(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One decision: its state, and what was written where the task of it is one's own."""
        self._require_role(visit)
        case = await self.provider.do(lambda transaction: self._open(transaction, visit))
        is_mine = bool(case.task and case.task.staff_id == visit.user_id)
        return self.provider.pages.page(
            visit.request,
            "terminations/case.html",
            status=status,
            case=case,
            is_mine=is_mine and case.task is not None and case.task.state == "taken",
            is_open=case.task is not None and case.task.state == "open",
            states=STATES,
            answer=ANSWER,
            why=WHY,
            filled=filled,
            desk=DESK,
        )

    async def write(self, visit: Visit) -> Response:
        """Answer the customer."""
        self._require_role(visit)
        filled = read((ANSWER,), visit.form)

        def work(transaction: Transaction) -> object:
            task = _mine(transaction, visit)
            if not filled.ok or task.state == "done":
                return filled
            return self.terminations.write(transaction, task, filled.values[ANSWER.name])

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show_one(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        return await self._after(visit, "Sent.")

    async def undo(self, visit: Visit) -> Response:
        """Undo a decision, once that was confirmed."""
        self._require_role(visit)
        filled = read((WHY,), visit.form)
        termination_id = visit.request.path_params["task"]

        def work(transaction: Transaction) -> Termination | Filled:
            decision = self.terminations.find(transaction.tables, termination_id)
            if decision is None:
                raise HTTPException(404)
            if not filled.ok:
                return filled
            why = filled.values[WHY.name]
            if decision.is_standing:
                question = undo_confirmation(
                    decision,
                    why,
                    short_reference(termination_id),
                    account_closed=decisions.is_closed(transaction, decision.person_id),
                    may_mail=decisions.may_write(transaction, decision.person_id),
                )
                require_confirmation(self.provider, transaction.tables, visit, question)
            return self.terminations.undo(transaction, termination_id, why, visit.user_id)

        try:
            result = await self.provider.attempt(work)
        except TerminationError as error:
            return await self.show_one(visit, filled.wrong(WHY.name, error.in_sentences()), 422)
        if isinstance(result, Filled):
            return await self.show_one(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        return self._banner(visit, result, "Undone. They read why in their account.")

    async def close(self, visit: Visit) -> Response:
        """Close the task of a decision: nobody needs to see anything for it any more."""
        self._require_role(visit)

        def work(transaction: Transaction) -> None:
            task = _mine(transaction, visit)
            tasks.close(transaction, task.task_id, by=visit.user_id)

        await self.provider.do(work)
        return await self._after(visit, "Closed. The decision stands as it was.")

    async def _after(self, visit: Visit, text: str) -> Response:
        decision = await self.provider.read(
            partial(self.terminations.find, termination_id=visit.request.path_params["task"])
        )
        if decision is None:
            raise HTTPException(404)
        return self._banner(visit, decision, text)

    def _banner(self, visit: Visit, decision: Termination, text: str) -> Response:
        banner = Banner(text, short_reference(decision.termination_id))
        path = f"{DESK}/{decision.termination_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)


def _mine(transaction: Transaction, visit: Visit) -> Task:
    """The task of a decision that this member of staff took; 404 without one."""
    task_id = visit.request.path_params["task"]
    task = tasks.require_mine(transaction, task_id, KIND, visit.user_id)
    if task is None:
        raise HTTPException(404)
    return task


def _line(tables: Tables, decision: Termination) -> DecisionLine:
    return DecisionLine(
        f"{DESK}/{decision.termination_id}",
        short_reference(decision.termination_id),
        decision.state,
        decision.starts,
        decision.decided_at,
        _name(tables, decision.decided_by),
        decision.settled_at,
        _name(tables, decision.undone_by) if decision.undone_by else "",
    )


def _name(tables: Tables, user_id: UserId) -> str:
    user = operators.find_user(tables, user_id)
    return user.name if user else "somebody of our staff"
