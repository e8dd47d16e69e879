"""The desk for customers' requests: read one, see the value, change it or refuse it, write to them.

Only whoever took the task sees any of it, by acts that the gate decides and enters. A correction is
answered by storing a value or by refusing it with a reason, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.core.ids import RecordId, TaskId, UserId
from upheld.core.reason_text import reason_text
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Refused
from upheld.gate.evidence import field_values
from upheld.gate.transaction import Transaction
from upheld.practice import recipient_requests, tasks, threads
from upheld.practice.endpoints import Visit
from upheld.practice.form_values import with_check
from upheld.practice.message_copies import MessageCopy
from upheld.practice.operators import MANAGER
from upheld.practice.plugin import Provider
from upheld.practice.reasons import RefusalReason, refusal_reason
from upheld.practice.recipient_requests import RecipientRequest
from upheld.practice.tasks import Task
from upheld.practices.rights import (
    access_questions,
    automatic,
    case_work,
    corrections,
    erasure,
    objections,
    requests,
)
from upheld.practices.rights.automatic import AutomaticRequest
from upheld.practices.rights.requests import RightsRequest
from upheld.practices.rights.sentences import clauses_in_force, label
from upheld.web.forms import EMPTY, LONG, Field, Filled, read
from upheld.web.pages import format_day

SETTLED: Final = (corrections.KIND, objections.KIND, access_questions.KIND)  # by a page here alone
KINDS: Final = (*SETTLED, erasure.KIND)  # with a page here
HERE: Final = "/staff/requests"
ROLES: Final = ("accounts", "privacy", MANAGER)  # who sees which requests wait, and nothing of them
MESSAGE: Final = Field("text", "Your message", "textarea", length_max=LONG)
REASON: Final = Field(
    "reason",
    "Why it cannot be changed",
    "textarea",
    length_max=LONG,
    check=reason_text,
    hint="The customer reads this. Say what they can do instead.",
)
OVERRIDING: Final = REASON._replace(
    label="Why we must continue",
    hint="The customer reads this. The use goes on from the moment you send it.",
)


UNANSWERED: Final = REASON._replace(label="Why you cannot answer it")
REASONS: Final = {
    corrections.KIND: REASON,
    objections.KIND: OVERRIDING,
    access_questions.KIND: UNANSWERED,
}
ANSWER: Final = Field("answer", "Your answer", "textarea", length_max=LONG)


class OpenRequest(NamedTuple):
    """A request as whoever took its task sees it: what was written, and the value as it is."""

    task: Task
    request: RightsRequest
    name: str  # of the kind of data
    letters: list[MessageCopy]
    values: list[str]
    refusals: list[RefusalReason]
    field: Field | None  # for the right value, where a form may write it
    page: str  # the one on which the customer alone changes it
    begins: datetime | None  # when a job answers it, whatever is written
    recipients: list[RecipientRequest]  # what companies that received it were asked to do


class WaitingRequest(NamedTuple):
    """A request in the list: no more than words and times."""

    title: str
    received: datetime
    due: datetime | None
    late: bool
    state: str
    href: str  # empty where its task is for another role
    has_task: bool  # without which our program answers it
    carried_out: datetime | None  # when a job answers it by itself


class RequestDesk:
    """The pages of staff for requests."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def list_page(self, visit: Visit) -> Response:
        """Every request that waits, with what is due when; a link for whose role its task is."""
        if visit.user is None or not {*ROLES} & {*visit.user.roles}:
            raise HTTPException(403)
        roles = visit.user.roles

        def read(tables: Tables) -> tuple[list[RightsRequest], set[TaskId]]:
            rows = requests.waiting(tables)
            some_tasks = [tasks.find_task(tables, each.task_id) for each in rows if each.task_id]
            own = {task.task_id for task in some_tasks if task is not None and task.role in roles}
            return rows, own

        rows, own = await self.provider.read(read)
        now = self.provider.now()
        return self.provider.pages.page(
            visit.request,
            "rights/desk-list.html",
            listed=[
                WaitingRequest(
                    self._title(each),
                    each.received,
                    each.due,
                    each.due is not None and each.due < now,
                    requests.STATE_LABELS[each.state],
                    _href(each, own),
                    bool(each.task_id) and each.kind != erasure.KIND,
                    automatic.begins_at(each),
                )
                for each in rows
            ],
        )

    def _title(self, request: RightsRequest) -> str:
        return requests.title_of(self.provider.policy, request)

    def _data_label(self, word: str) -> str:
        return label(self.provider.policy, "data", word)

    def _mine(self, transaction: Transaction, visit: Visit) -> tuple[Task, RightsRequest]:
        """The task that this member of staff took, and its request; 404 where there is none."""
        task_id = visit.request.path_params["task"]
        waiting_task = tasks.find_task(transaction.tables, task_id)
        kind = waiting_task.kind if waiting_task and waiting_task.kind in KINDS else KINDS[0]
        task = tasks.require_mine(transaction, task_id, kind, visit.user_id)
        request = (
            requests.find_request(transaction.tables, task.person_id, RecordId(task.about))
            if task
            else None
        )
        if task is None or request is None:
            raise HTTPException(404)
        return task, request

    def _open(self, transaction: Transaction, visit: Visit) -> OpenRequest:
        """The request with what was written and the value: two looks, each entered."""
        task, request = self._mine(transaction, visit)
        is_correction = request.kind == corrections.KIND
        name = label(transaction.policy, "data" if is_correction else "purpose", request.about)
        page = self.provider.change_pages.get(request.about, "") if is_correction else ""
        recipients = _asked_of_companies(transaction, request)
        if not request.waits:
            return OpenRequest(task, request, name, [], [], [], None, page, None, recipients)
        letters = threads.read_as_staff(transaction, task, visit.user_id, request.request_id)
        looks: list[object] = [letters]
        values: list[str] = []
        if is_correction:
            look = threads.view_as_staff(transaction, task, visit.user_id, request.about)
            looks.append(look)
            if not isinstance(look, Refused):
                values = [each.value for each in look.series(request.about)]
        field = (
            corrections.staff_field(transaction, request) if is_correction and not page else None
        )
        return OpenRequest(
            task,
            request,
            name,
            [] if isinstance(letters, Refused) else letters,
            [_display(request.about, each) for each in values] if field else [],
            [
                refusal_reason(transaction.policy, each.decision)
                for each in looks
                if isinstance(each, Refused)
            ],
            None if field is None else with_check(self.provider, request.about, field),
            page,
            automatic.begins_at(request),
            recipients,
        )

    async def show_any(self, visit: Visit) -> Response:
        """A request at its task's address, or at its own where the program answers it by itself."""
        if visit.user is not None and {*ROLES} & {*visit.user.roles}:
            address = visit.request.path_params["task"]
            case = await self.provider.do(lambda transaction: automatic.look(transaction, address))
            if case is not None:
                return self._automatic(visit, case)
        return await self.show(visit)

    def _automatic(self, visit: Visit, case: AutomaticRequest) -> Response:
        request, now = case.request, self.provider.now()
        quoted = {each.id for each in (*case.bars, *case.stays)}
        return self.provider.pages.page(
            visit.request,
            "rights/desk-automatic.html",
            case=case,
            title=self._title(request),
            state=requests.LABELS_FOR_STAFF[request.state],
            late=request.due is not None and request.due < now,
            begun=case.begins is not None and case.begins <= now,
            cited=[
                each
                for each in clauses_in_force(self.provider.policy, [request.kind])
                if each.id not in quoted
            ],
        )

    async def show(
        self,
        visit: Visit,
        filled: Filled = EMPTY,
        status: int = 200,
        refused: RefusalReason | None = None,
    ) -> Response:
        """One request with its thread, the value, and what can be done."""
        case = await self.provider.do(lambda transaction: self._open(transaction, visit))
        reason = REASONS.get(case.request.kind)
        answers = ANSWER if case.request.kind == access_questions.KIND else None
        return self.provider.pages.page(
            visit.request,
            "rights/desk.html",
            status=status,
            case=case,
            title=self._title(case.request),
            state=requests.LABELS_FOR_STAFF[case.request.state],
            late=case.request.due is not None and case.request.due < self.provider.now(),
            fields=[each for each in (case.field, answers, MESSAGE, reason) if each],
            answer=answers,
            message=MESSAGE,
            reason=reason,
            filled=filled,
            refused=refused,
            now=self.provider.now(),
            label=self._data_label,
        )

    async def change(self, visit: Visit) -> Response:
        """Store the right value: with that the request is answered, and the task is closed."""

        def work(transaction: Transaction) -> Filled | RightsRequest | Refused:
            _, request = self._mine(transaction, visit)
            if not request.waits:
                return request
            if request.kind != corrections.KIND:
                raise HTTPException(403)
            field = corrections.staff_field(transaction, request)
            if field is None or request.about in self.provider.change_pages:
                raise HTTPException(403)
            filled = read((with_check(self.provider, request.about, field),), visit.form)
            if not filled.ok:
                return filled
            return corrections.set_value(
                transaction, request, filled.values["value"], visit.user_id
            )

        return await self._answered(visit, work)

    async def refuse(self, visit: Visit) -> Response:
        """Refuse the request with a reason: the customer reads it, and the task is closed."""

        def act(
            transaction: Transaction, request: RightsRequest, reason: str, staff_id: UserId
        ) -> object:
            is_objection = request.kind == objections.KIND
            refuse = objections.refuse if is_objection else case_work.refuse
            return refuse(transaction, request, reason, staff_id)

        return await self._with_text(visit, REASON, act)

    async def uphold(self, visit: Visit) -> Response:
        """Uphold an objection: what stopped stays so, and the task is closed."""

        def work(transaction: Transaction) -> RightsRequest | Refused:
            _, request = self._mine(transaction, visit)
            if not request.waits:
                return request
            if request.kind != objections.KIND:
                raise HTTPException(403)
            return objections.uphold(transaction, request, visit.user_id)

        return await self._answered(visit, work)

    async def answer(self, visit: Visit) -> Response:
        """Answer a question about what is held; the customer reads it, and the task is closed."""

        def act(
            transaction: Transaction, request: RightsRequest, text: str, staff_id: UserId
        ) -> object:
            if request.kind != access_questions.KIND:
                raise HTTPException(403)
            return access_questions.answer(transaction, request, text, staff_id)

        return await self._with_text(visit, ANSWER, act)

    async def write(self, visit: Visit) -> Response:
        """Write to the customer; the request goes on waiting."""
        return await self._with_text(
            visit,
            MESSAGE,
            case_work.write_to_customer,
        )

    async def _with_text(
        self,
        visit: Visit,
        field: Field,
        act: Callable[[Transaction, RightsRequest, str, UserId], object],
    ) -> Response:
        filled = read((field,), visit.form)

        def work(transaction: Transaction) -> object:
            _, request = self._mine(transaction, visit)
            if not filled.ok or not request.waits:
                return filled if request.waits else request
            if field == REASON and request.kind not in REASONS:
                raise HTTPException(403)
            return act(transaction, request, filled.values[field.name], visit.user_id)

        return await self._answered(visit, work)

    async def _answered(self, visit: Visit, work: Callable[[Transaction], object]) -> Response:
        """Do a piece of work: back to the request, or to the form with what is wrong."""
        result = await self.provider.attempt(work)
        if isinstance(result, Filled):
            return await self.show(visit, result, 422)
        if isinstance(result, Refused):
            why = refusal_reason(self.provider.policy, result.decision)
            return await self.show(visit, EMPTY, 403, why)
        return RedirectResponse(f"{HERE}/{visit.request.path_params['task']}", 303)


def _href(request: RightsRequest, own_tasks: set[TaskId]) -> str:
    """Where a waiting request is worked on or looked at; empty where that is not theirs."""
    if not request.task_id or request.kind == erasure.KIND:
        return f"{HERE}/{request.request_id}"
    return f"/staff/tasks/{request.task_id}" if request.task_id in own_tasks else ""


def _display(field: str, value: str) -> str:
    """A value as people read it."""
    if corrections.STAFF_INPUTS.get(field) == "date":
        return format_day(value)
    return field_values.display_value(field, value)


def _asked_of_companies(transaction: Transaction, request: RightsRequest) -> list[RecipientRequest]:
    """What companies that received something were asked, where a request is about a kind of data.

    Of a correction, that kind alone; of an erasure all, since all goes.
    """
    if request.kind not in (corrections.KIND, erasure.KIND):
        return []
    every = recipient_requests.of_person(transaction.tables, request.person_id)
    return [each for each in every if not request.about or request.about in each.fields]
