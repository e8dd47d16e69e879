"""The page on which a customer asks our staff about what is held."""

from __future__ import annotations

from typing import Final

from starlette.responses import RedirectResponse, Response

from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.practice import threads
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practices.rights import access_questions, requests
from upheld.practices.rights.pages import refusal_page
from upheld.practices.rights.requests import PAGE, RightsRequest
from upheld.practices.rights.sentences import clauses_in_force
from upheld.web.forms import EMPTY, LONG, Field, Filled, read

QUESTION: Final = Field(
    "text",
    "Your question",
    "textarea",
    length_max=LONG,
    hint="For example what something is for, where it came from, or a copy on paper.",
)


class QuestionPages:
    """The form, and the question that waits if there is one."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, filled: Filled = EMPTY, status: int = 200) -> Response:
        """The form for a question."""
        waiting = await self.provider.read(
            lambda tables: requests.find_waiting(tables, visit.subject, access_questions.KIND)
        )
        return self.provider.pages.page(
            visit.request,
            "rights/question.html",
            status=status,
            waiting=waiting if waiting and waiting.task_id else None,
            fields=(QUESTION,),
            filled=filled,
            cited=clauses_in_force(self.provider.policy, ["access"]),
        )

    async def send(self, visit: Visit) -> Response:
        """Ask: somebody of our staff answers by the day that the policy says."""
        filled = read((QUESTION,), visit.form)
        if not filled.ok:
            return await self.show(visit, filled, 422)

        def work(transaction: Transaction) -> Filled | RightsRequest | Refused:
            transaction.lock(visit.subject)
            if threads.writes_too_often(self.provider, transaction, visit.subject):
                return filled.wrong(QUESTION.name, threads.TOO_MANY)
            text = filled.values[QUESTION.name]
            return access_questions.ask(self.provider, transaction, visit.subject, text)

        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            return refusal_page(self.provider, visit.request, "take in your question", result)
        return RedirectResponse(f"{PAGE}/{result.request_id}", 303)
