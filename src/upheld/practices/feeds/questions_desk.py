"""The desk where somebody decides whether a line of a feed tells of a customer.

They see what the two say differently of name, birth date and zip code, and nothing else of either.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.company_names import company_name
from upheld.core.ids import TaskId
from upheld.gate.act.request import Refused
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import tasks
from upheld.practice.consequences import Banner, redirect_with_banner, short_reference
from upheld.practice.endpoints import Visit
from upheld.practice.labels import heading_of_customers
from upheld.practice.plugin import Provider
from upheld.practice.reasons import RefusalReason, refusal_reason
from upheld.practice.tasks import Task
from upheld.practices.feeds import feeds, questions
from upheld.practices.feeds.feeds import FeedError
from upheld.practices.feeds.likeness import KEYS

HERE: Final = "/staff/feeds/questions"
_DONE: Final = {
    "": "It is combined with what we hold.",
    feeds.UNMATCHED: "The line is dropped.",
    feeds.NOTHING_NEW: "The line said nothing new, and is dropped.",
    feeds.REFUSED: "The policy does not allow it: the line is dropped.",
    feeds.UNREADABLE: "The line has a value that cannot be read, and is dropped.",
}


class Likeness(NamedTuple):
    """One thing that is compared: both texts, which are empty where they are the same."""

    label: str
    same: bool
    ours: str
    theirs: str


class QuestionDesk:
    """The page of a question, for whoever took its task."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit, problem: str = "", status: int = 200) -> Response:
        """A question: whether it is taken, and what whoever took it needs to decide."""

        def look(transaction: Transaction) -> dict[str, Any]:
            task = _task(transaction, visit)
            mine = task.state == "taken" and task.staff_id == visit.user_id
            if not mine:
                return {"task": task, "mine": False, "rows": (), "why": None, "company": ""}
            try:
                question = questions.find(transaction, task)
            except FeedError:
                raise HTTPException(404) from None
            rows, why = self._rows(transaction, question, visit)
            company = company_name(question.its.party)
            return {"task": task, "mine": True, "rows": rows, "why": why, "company": company}

        words = await self.provider.do(look)
        task: Task = words["task"]
        return self.provider.pages.page(
            visit.request,
            "feeds/question.html",
            status=status,
            reference=short_reference(task.task_id),
            problem=problem,
            address=f"{HERE}/{task.task_id}",
            **words,
        )

    def _rows(
        self, transaction: Transaction, question: questions.LikenessQuestion, visit: Visit
    ) -> tuple[list[Likeness], RefusalReason | None]:
        result = questions.look(transaction, question, visit.user_id)
        if isinstance(result, Refused):
            return [], refusal_reason(transaction.policy, result.decision)
        rows = []
        for key in KEYS:
            ours = result.values[key].value if key in result.values else ""
            theirs = question.keys.get(key, "")
            if ours or theirs:
                same = ours.casefold() == theirs.casefold()
                label = heading_of_customers(transaction.policy, "data", key)
                rows.append(Likeness(label, same, *(("", "") if same else (ours, theirs))))
        return rows, None

    async def take(self, visit: Visit) -> Response:
        """Take the task: from now on what is compared may be seen, and nothing else."""

        def work(transaction: Transaction) -> None:
            task = _task(transaction, visit)
            tasks.take(transaction, task.task_id, visit.user_id, KEYS)

        try:
            await self.provider.do(work)
        except tasks.TaskError as error:
            return await self.show(visit, error.in_sentences(), 409)
        return RedirectResponse(_here(visit), 303)

    async def answer(self, visit: Visit) -> Response:
        """Say whether it is the same person, or put the question back."""
        verdict = visit.form.get("answer")

        def work(transaction: Transaction) -> str | None:
            transaction.lock(REGISTER)
            task = _mine(transaction, visit)
            if verdict not in {"same", "other", "back"}:
                raise HTTPException(422)
            if verdict == "back":
                tasks.put_back(transaction, task.task_id, by=visit.user_id)
                return None
            question = questions.find(transaction, task)
            return questions.answer(transaction, question, same=verdict == "same", by=visit.user_id)

        try:
            outcome = await self.provider.do(work)
        except FeedError:  # settled meanwhile
            raise HTTPException(404) from None
        if outcome is None:
            return RedirectResponse("/staff", 303)
        reference = short_reference(visit.request.path_params["task"])
        return redirect_with_banner(
            self.provider, visit.session, "/staff", Banner(_DONE[outcome], reference)
        )


def _here(visit: Visit) -> str:
    return f"{HERE}/{visit.request.path_params['task']}"


def _task(transaction: Transaction, visit: Visit) -> Task:
    """The open task of an address, for whoever has its role; HTTPException otherwise."""
    if visit.user is None or questions.ROLE not in visit.user.roles:
        raise HTTPException(403)
    task = tasks.find_task(transaction.tables, TaskId(visit.request.path_params["task"]))
    if task is None or task.kind != questions.KIND or task.state == "done":
        raise HTTPException(404)
    return task


def _mine(transaction: Transaction, visit: Visit) -> Task:
    """The task of an address that somebody took, with its customer locked."""
    _task(transaction, visit)
    task_id = TaskId(visit.request.path_params["task"])
    task = tasks.require_mine(transaction, task_id, questions.KIND, visit.user_id)
    if task is None or task.state != "taken":
        raise HTTPException(404)
    return task
