"""What a customer reads of a decision to end their services, and answers."""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import tasks, threads
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.message_copies import MessageCopy
from upheld.practice.plugin import PendingAction, Provider
from upheld.practice.reasons import refusal_page, refusal_reason
from upheld.practices.terminations.decisions import TEXT_MAX, Termination, Terminations, is_closed
from upheld.practices.terminations.questions import CLAUSE
from upheld.web.forms import EMPTY, Field, Filled, read
from upheld.web.pages import format_day

PAGE: Final = "/me/terminations"
REPLY: Final = Field(
    "text", "Your answer", "textarea", length_max=TEXT_MAX, missing="Write your answer."
)


class TerminationPages:
    """The pages of a customer."""

    def __init__(self, provider: Provider, terminations: Terminations) -> None:
        self.provider, self.terminations = provider, terminations

    def waiting(self, transaction: Transaction, person_id: PersonId) -> list[PendingAction]:
        """Tells a customer of the decisions that stand."""
        day_of = transaction.clock.day_of
        return [
            PendingAction(
                f"We decided to end {self._what(each)} on {format_day(day_of(each.starts))}.",
                "Read why, and answer",
                f"{PAGE}/{each.termination_id}",
            )
            for each in self.terminations.of_customer(transaction.tables, person_id)
            if each.is_standing
        ]

    def _what(self, decision: Termination) -> str:
        title = self.terminations.services.get(decision.service, decision.service)
        return f"your service {title}" if decision.service else "all your services"

    def _own(self, transaction: Transaction, visit: Visit) -> tuple[Termination, bool]:
        """The decision that a path names and whether it can be answered; 404 for another's."""
        termination_id = visit.request.path_params["termination"]
        decision = self.terminations.find(transaction.tables, termination_id)
        if decision is None or decision.person_id != visit.subject:
            raise HTTPException(404)
        task = tasks.find_task(transaction.tables, termination_id)
        return decision, task is not None and task.state != "done"

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """One decision: how it stands, what was written on both sides, and a form to answer."""

        def look(
            transaction: Transaction,
        ) -> tuple[Termination, bool, bool, bool, list[MessageCopy] | Refused]:
            decision, is_open = self._own(transaction, visit)
            letters = threads.read_as_customer(transaction, visit.subject, decision.termination_id)
            account_closed = is_closed(transaction, visit.subject)
            may_write = threads.may_write(transaction, visit.subject)
            return decision, is_open, may_write, account_closed, letters

        decision, is_open, may_write, account_closed, letters = await self.provider.do(look)
        refusal = letters if isinstance(letters, Refused) else None
        return self.provider.pages.page(
            visit.request,
            "terminations/mine.html",
            status=status,
            decision=decision,
            what=self._what(decision),
            reference=short_reference(decision.termination_id),
            letters=[] if isinstance(letters, Refused) else letters,
            refused=refusal and refusal_reason(self.provider.policy, refusal.decision),
            fields=(REPLY,) if is_open and may_write else (),
            is_open=is_open,
            account_closed=account_closed,
            filled=filled,
            clause=CLAUSE,
        )

    async def reply(self, visit: Visit) -> Response:
        """Answer a decision."""
        filled = read((REPLY,), visit.form)

        def work(transaction: Transaction) -> Filled | object:
            transaction.lock(visit.subject)
            decision, is_open = self._own(transaction, visit)
            if not is_open:
                raise HTTPException(404)
            if not filled.ok:
                return filled
            if threads.writes_too_often(self.provider, transaction, visit.subject):
                return filled.wrong(REPLY.name, threads.TOO_MANY)
            return self.terminations.reply(transaction, decision, filled.values[REPLY.name])

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, result)
        termination_id = visit.request.path_params["termination"]
        banner = Banner("We have your answer.", short_reference(termination_id))
        path = f"{PAGE}/{termination_id}"
        return redirect_with_banner(self.provider, visit.session, path, banner)
