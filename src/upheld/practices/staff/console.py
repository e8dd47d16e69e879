"""The console: what waits on the left, the one case in the middle, what is allowed and why beside.

A task of a queue that is not one's own is not there. Values are masked; to reveal one is an act,
and its page is sent once, in answer to the form itself, since to show it again would be to look
again.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from math import inf
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice import tasks
from upheld.practice.endpoints import Visit
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practice.tasks import Task, TaskError
from upheld.practices.staff import cases, look_up
from upheld.practices.staff.alike import in_few_lines
from upheld.practices.staff.roles import Roles
from upheld.web.forms import EMPTY, read

FIRST_MAX: Final = 5  # tasks on the first page; the queue beside them has all


class QueueLine(NamedTuple):
    """A task in the queue, as its line says it."""

    href: str
    title: str
    purpose: str
    mark: str  # of six letters, to tell tasks of one kind apart
    opened: datetime
    due: datetime | None
    late: bool
    mine: bool


def _urgency(line: QueueLine) -> tuple[bool, bool, float, datetime]:
    """What comes first: what is late, then one's own, then what is due next, then the oldest."""
    return not line.late, not line.mine, line.due.timestamp() if line.due else inf, line.opened


class OwedDuty(NamedTuple):
    """What the provider promised by a clause, and owes to some customers."""

    clause: str
    href: str  # the page where it is worked on, for whoever may open it; else the clause
    many: int
    due: datetime | None
    late: int


class Console:
    """The pages of queue and case."""

    def __init__(self, provider: Provider, roles: Roles) -> None:
        self.provider, self.roles = provider, roles

    def page(self, visit: Visit, joint_words: dict[str, Any], status: int = 200) -> Response:
        """The three columns."""
        user = user_of(visit)
        words = {
            "case": None,
            "trouble": (),
            "alarms": (),
            "refused": (),
            "first": (),
            "filled": EMPTY,
            "said": "",
            "done": "",
            **joint_words,
        }
        own = [
            card
            for card in self.provider.menu("staff")
            if card.href != "/staff" and card.is_for(user.roles)
        ]
        return self.provider.pages.page(
            visit.request,
            "staff/console.html",
            status=status,
            user=user,
            own=own,
            mine=self.roles.of(user.roles),
            label=self.roles.label,
            fields=look_up.fields(self.roles, user),
            **words,
        )

    async def home(self, visit: Visit) -> Response:
        """The queue, and nothing else until a task is chosen."""
        words = await self.provider.do(lambda transaction: self.around(transaction, visit))
        look = partial(self.provider.desk_actions, user=user_of(visit))
        words["trouble"] = in_few_lines(await self.provider.read(look))
        words["alarms"] = await self.provider.alarms()
        words["first"] = sorted(words["queue"], key=_urgency)[:FIRST_MAX]
        return self.page(visit, words)

    async def find(self, visit: Visit) -> Response:
        """Look a customer up: to their task, or back to the form with what is so."""
        user = user_of(visit)
        fields = look_up.fields(self.roles, user)
        if not fields:
            raise HTTPException(403)
        filled = read(fields, visit.form)
        if filled.ok:
            task, why = await self.provider.do(
                lambda transaction: look_up.look_up(
                    self.provider, self.roles, transaction, user, filled
                )
            )
            if task:
                return RedirectResponse(f"/staff/tasks/{task}", 303)
            filled = filled.wrong("told", why)
        words = await self.provider.do(lambda transaction: self.around(transaction, visit))
        return self.page(visit, {**words, "filled": filled}, 422)

    def around(self, transaction: Transaction, visit: Visit) -> dict[str, Any]:
        """What stands around every case: the queue, and what is owed."""
        user = user_of(visit)
        return {
            "queue": self._queue(transaction, user),
            "owed": self._owed_duties(transaction, user),
        }

    def _queue(self, transaction: Transaction, user: User) -> list[QueueLine]:
        now = transaction.clock.now()
        queue = tasks.task_queue(transaction.tables, self.roles.queues(user.roles))
        return [
            QueueLine(
                f"/staff/tasks/{task.task_id}",
                self.title(task),
                self.roles.label("purpose", task.purpose),
                task.task_id[:6],
                task.opened,
                task.due,
                bool(cases.lateness(task.due, now)),
                task.staff_id == user.user_id,
            )
            for task in queue
            if task.staff_id in (None, user.user_id)
        ]

    def _owed_duties(self, transaction: Transaction, user: User) -> list[OwedDuty]:
        clauses = [clause for role in self.roles.of(user.roles) for clause in role.owed]
        if not clauses:
            return []
        now = microseconds(transaction.clock.now())
        obligations = transaction.obligations.owed(clauses)
        pages = {each.href for each in self.provider.menu("staff") if each.is_for(user.roles)}
        by_clause: dict[str, list[int | None]] = {}
        page_of: dict[str, str] = {}
        for each in obligations:
            by_clause.setdefault(each.clause, []).append(each.due)
            page_of[each.clause] = self.provider.duty_page(each.action)
        return [
            OwedDuty(
                clause,
                page_of[clause] if page_of[clause] in pages else f"/privacy#{clause}",
                len(dues),
                None if dues[0] is None else to_datetime(dues[0]),
                sum(due is not None and due < now for due in dues),
            )
            for clause, dues in by_clause.items()
        ]

    def title(self, task: Task) -> str:
        """A task as its line says it."""
        reason = self.roles.reasons.get(task.about)
        if task.kind == tasks.TICKET and reason is not None:
            return reason.title
        return task.kind.replace("-", " ").capitalize()

    def _words(
        self, transaction: Transaction, visit: Visit, task: Task, case: cases.TaskCase
    ) -> dict[str, Any]:
        now = transaction.clock.now()
        role_fields = self.roles.covered_fields(user_of(visit).roles, task.role, task.purpose)
        return {
            **self.around(transaction, visit),
            "case": case,
            "title": self.title(task),
            "purpose": self.roles.label("purpose", task.purpose),
            "late": cases.lateness(task.due, now),
            "own_page": self._own_page(task),
            "settled_there": self.provider.is_settled_on_page(task.kind),
            "others": self.roles.others_for(task.role, task.purpose),
            "signs_out": task.purpose in cases.SIGNING_OUT,
            "covered": [self.roles.label("data", word) for word in role_fields],
        }

    def _own_page(self, task: Task) -> str:
        return self.provider.task_page(task.kind, task.task_id)

    def _task(self, transaction: Transaction, visit: Visit) -> Task:
        task = cases.task_for(
            transaction, self.roles, user_of(visit), visit.request.path_params["task"]
        )
        if task is None:
            raise HTTPException(404)
        return task

    async def show(self, visit: Visit) -> Response:
        """One case, masked."""

        def look(transaction: Transaction) -> dict[str, Any]:
            task = self._task(transaction, visit)
            case = cases.case_of(transaction, self.roles, user_of(visit), task)
            return self._words(transaction, visit, task, case)

        return self.page(visit, await self.provider.do(look))

    async def take(self, visit: Visit) -> Response:
        """Take a task, so that its need is proven from now on."""

        def work(transaction: Transaction) -> str:
            task, user = self._task(transaction, visit), user_of(visit)
            if cases.task_state(transaction, self.roles, user, task) != cases.OPEN:
                return task.task_id  # its page says how it stands
            role_fields = self.roles.covered_fields(user.roles, task.role, task.purpose)
            return tasks.take(transaction, task.task_id, user.user_id, role_fields).task_id

        try:
            task_id = await self.provider.do(work)
        except TaskError:  # somebody else was faster
            task_id = visit.request.path_params["task"]
        return RedirectResponse(f"/staff/tasks/{task_id}", 303)

    async def leave(self, visit: Visit) -> Response:
        """Close a task or put it back: its need ends with that."""
        closes = visit.form.get("how") != "back"

        def work(transaction: Transaction) -> str:
            task, user = self._task(transaction, visit), user_of(visit)
            if task.staff_id != user.user_id or task.state != "taken":
                raise HTTPException(403)
            if closes and self.provider.is_settled_on_page(task.kind):
                return self._own_page(task)
            if closes:
                tasks.close(transaction, task.task_id, by=user.user_id)
            else:
                tasks.put_back(transaction, task.task_id, by=user.user_id)
            return "/staff"

        return RedirectResponse(await self.provider.do(work), 303)

    async def pass_on(self, visit: Visit) -> Response:
        """Put a task into the queue of another role that works for its purpose."""
        role = visit.form.get("role")

        def work(transaction: Transaction) -> None:
            task, user = self._task(transaction, visit), user_of(visit)
            if task.staff_id != user.user_id or task.state != "taken":
                raise HTTPException(403)
            if role not in dict(self.roles.others_for(task.role, task.purpose)):
                raise HTTPException(422)
            tasks.pass_on(transaction, task.task_id, str(role), by=user.user_id)

        await self.provider.do(work)
        return RedirectResponse("/staff", 303)

    async def sign_out(self, visit: Visit) -> Response:
        """End every session of the customer of a task of security, by an entry that they see."""

        def work(transaction: Transaction) -> dict[str, Any]:
            task, user = self._task(transaction, visit), user_of(visit)
            if not cases.sign_out(transaction, self.roles, user, task):
                raise HTTPException(403)
            case = cases.case_of(transaction, self.roles, user, task)
            notice = "They are signed out everywhere, and see that we did it."
            return {**self._words(transaction, visit, task, case), "done": notice}

        return self.page(visit, await self.provider.do(work))

    async def reveal(self, visit: Visit) -> Response:
        """Show some fields, each by an entered act; what is refused says by which clause."""
        chosen_fields = [each for each in visit.form.getlist("field") if isinstance(each, str)]
        if any(word not in self.roles.fields for word in chosen_fields):
            raise HTTPException(422)

        def work(transaction: Transaction) -> tuple[dict[str, Any], bool]:
            task, user = self._task(transaction, visit), user_of(visit)
            results = cases.reveal(
                transaction, self.roles, user, task, list(dict.fromkeys(chosen_fields))
            )
            task = self._task(transaction, visit)
            case = cases.case_of(transaction, self.roles, user, task)
            shown_fields = {
                word: each for word, each in results.items() if isinstance(each, ActResult)
            }
            zone = transaction.clock.local(transaction.clock.now()).tzinfo or UTC
            case = case._replace(
                fields=tuple(
                    cases.with_values(self.roles, field, shown_fields[field.word], zone)
                    if field.word in shown_fields
                    else field
                    for field in case.fields
                )
            )
            refusals = [
                (self.roles.label("data", word), cases.text_of(self.roles, each.decision))
                for word, each in results.items()
                if isinstance(each, Refused) and each.decision is not None
            ]
            words = self._words(transaction, visit, task, case)
            problem = "" if chosen_fields else "Tick what you need to see."
            return {**words, "refused": refusals, "said": problem}, bool(refusals)

        words, no = await self.provider.do(work)
        return self.page(visit, words, 403 if no else 200 if chosen_fields else 422)


def user_of(visit: Visit) -> User:
    """Who works at the console; `signed_in` lets nobody else in."""
    if visit.user is None:
        raise HTTPException(403)
    return visit.user
