"""Tasks on customers: what gives a member of staff a need, and for how long.

A task says whose queue it stands in, for which purpose, and on whom. Whoever takes it gets a record
that proves their need for the kinds of data that their role covers; when the task is closed the
record ends. Without a task nobody sees anything. What was done about it, by whom and when, are its
steps: they hold no word of what was written.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, RecordId, TaskId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders, to_datetime
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.tables import task as task_table
from upheld.practice.tables import task_step

TICKET: Final = "ticket"  # the kind of task that helps a customer who asked
CUSTOMER: Final = "customer"  # who did a step, where it was not our staff
OPENED, TAKEN, PUT_BACK, PASSED_ON, CLOSED = "opened", "taken", "put-back", "passed-on", "closed"
_OF_TASK: Final = "person_id = ? AND task_id = ?"


class TaskError(UpheldError):
    """A task that does not exist, or is somebody else's."""


class Task(NamedTuple):
    """A task as it stands."""

    person_id: PersonId
    task_id: TaskId
    kind: str
    purpose: str
    role: str
    about: str
    state: str
    opened: datetime
    due: datetime | None
    staff_id: UserId | None
    record_id: RecordId | None
    closed: datetime | None = None


class TaskStep(NamedTuple):
    """Something that was done about a task: when, what, by whom, and what belongs to it."""

    at: datetime
    step: str
    actor: str  # CUSTOMER, the id of a member of staff, or nobody
    detail: str


class OthersTaskError(UpheldError):
    """A task that is not for whoever wants to open it, with the status of their answer."""

    def __init__(self, task: Task, status: int = 404) -> None:
        super().__init__("this task is somebody else's", code="task")
        self.task, self.status = task, status


def record_attempt(transaction: Transaction, task: Task, staff_id: UserId) -> None:
    """Write an entry that somebody tried to open another's task; its customer sees it."""
    transaction.note(
        task.person_id,
        "others-task",
        action="view",
        outcome="deny",
        purpose=task.purpose,
        actor=f"staff {staff_id}",
    )


def open_task(  # noqa: PLR0913 - what a task says
    transaction: Transaction,
    person_id: PersonId,
    kind: str,
    purpose: str,
    *,
    role: str,
    about: str = "",
    due: datetime | None = None,
    by: str = "",
    how: str = "",
    task_id: TaskId | None = None,
) -> TaskId:
    """Open a task on a customer; `by` is who opened it, `how` a word on it. Returns its id."""
    task_id = task_id or TaskId(secrets.token_hex(16))
    transaction.tables.insert(
        task_table,
        person_id=person_id,
        task_id=task_id,
        kind=kind,
        purpose=purpose,
        role=role,
        about=about,
        state="open",
        opened=microseconds(transaction.clock.now()),
        due=microseconds(due) if due else None,
    )
    add_step(transaction, person_id, task_id, OPENED, by, how)
    return task_id


def add_step(
    transaction: Transaction,
    person_id: PersonId,
    task_id: TaskId,
    step: str,
    actor: str = "",
    detail: str = "",
) -> None:
    """Note what was done about a task, in words and ids alone."""
    transaction.lock(person_id)  # steps are counted
    before = transaction.tables.select(task_step, _OF_TASK, person_id, task_id, parts=[task_id])
    transaction.tables.insert(
        task_step,
        person_id=person_id,
        task_id=task_id,
        number=len(before) + 1,
        at=microseconds(transaction.clock.now()),
        step=step,
        actor=actor,
        detail=detail,
    )


def steps_of(tables: Tables, person_id: PersonId, task_id: TaskId) -> list[TaskStep]:
    """What was done about a task, the oldest first."""
    rows = tables.select(task_step, _OF_TASK, person_id, task_id, parts=[task_id])
    return [
        TaskStep(to_datetime(each.at), each.step, each.actor, each.detail)
        for each in sorted(rows, key=lambda each: each.number)
    ]


def find_task(tables: Tables, task_id: TaskId) -> Task | None:
    """The task with an id; None where there is none."""
    row = tables.get(task_table, "task_id = ?", task_id)
    return None if row is None else _from_row(row)


def finished_tasks(tables: Tables, task_ids: Sequence[TaskId]) -> set[str]:
    """The ids of those tasks that are done, without those whose rows were changed."""
    rows, _ = tables.select_intact(
        task_table, f"state = 'done' AND task_id IN ({placeholders(task_ids)})", *task_ids
    )
    return {each.task_id for each in rows}


def task_queue(tables: Tables, roles: Sequence[str], *, most: int = 200) -> list[Task]:
    """The tasks in the queues of some roles that are not done, those due first before others.

    Those on people of whose tasks something was changed are left out.
    """
    if not roles:
        return []
    any_role = placeholders(roles)
    where = f"state <> 'done' AND role IN ({any_role}) ORDER BY due IS NULL, due, opened LIMIT ?"
    rows, _ = tables.select_intact(task_table, where, *roles, most)
    return [_from_row(each) for each in rows]


def open_tasks_on(tables: Tables, person_id: PersonId) -> list[Task]:
    """The tasks that are open on a person."""
    where = "person_id = ? AND state <> 'done'"
    return [_from_row(each) for each in tables.select(task_table, where, person_id)]


def tasks_since(tables: Tables, person_id: PersonId, since: datetime) -> list[Task]:
    """The tasks that are open on a person, or were closed after a moment."""
    at = microseconds(since)
    rows = tables.select(task_table, "person_id = ?", person_id)
    return [_from_row(each) for each in rows if each.closed is None or each.closed >= at]


def tasks_of_kind(tables: Tables, person_id: PersonId, kind: str) -> list[Task]:
    """A person's tasks of one kind, those that are done too, the latest first."""
    rows = tables.select(task_table, "person_id = ? AND kind = ?", person_id, kind)
    return sorted(map(_from_row, rows), key=lambda each: each.opened, reverse=True)


def take(
    transaction: Transaction, task_id: TaskId, staff_id: UserId, fields: Sequence[str]
) -> Task:
    """Take a task: from now on its record proves the need for some kinds of data.

    TaskError where somebody else has it, where it is on one's own account, or for no data.
    """
    task = _require_task(transaction, task_id)
    if operators.is_left_to_others(transaction.tables, staff_id, task.person_id):
        raise TaskError(
            "this is your own account, or a relative's",
            code="task",
            hint="let somebody else take it",
        )
    if not fields:  # a record about no kind of data would cover all of them
        raise TaskError(
            "your role covers nothing for this purpose",
            code="task",
            hint="let somebody take it whose role covers it",
        )
    if task.state == "taken" and task.staff_id != staff_id:
        raise TaskError(
            "somebody else has this task", code="task", hint="choose another task from the queue"
        )
    if task.state != "open":
        return task
    record = transaction.record(
        task.person_id,
        "task",
        party=staff_id,
        by_whom=staff_id,
        how=task.kind,
        actor=f"staff {staff_id}",
        about={"data": list(fields), "purpose": [task.purpose]},
    )
    _change(transaction, task, state="taken", staff_id=staff_id, record_id=record)
    add_step(transaction, task.person_id, task_id, TAKEN, staff_id)
    return task._replace(state="taken", staff_id=staff_id, record_id=record)


def put_back(transaction: Transaction, task_id: TaskId, *, by: str = "") -> None:
    """Put a task back into its queue: whoever took it has no need any more.

    `by` is who of our staff did so, if anybody.
    """
    task = _require_task(transaction, task_id)
    if task.state != "taken":
        return
    _release(transaction, task, by)
    add_step(transaction, task.person_id, task_id, PUT_BACK, by)


def pass_on(transaction: Transaction, task_id: TaskId, role: str, *, by: str) -> None:
    """Put a task that somebody took into another role's queue: their need ends with that."""
    task = _require_task(transaction, task_id)
    _release(transaction, task, by)
    _change(transaction, task, role=role)
    add_step(transaction, task.person_id, task_id, PASSED_ON, by, role)


def _release(transaction: Transaction, task: Task, by: str) -> None:
    if task.record_id:
        transaction.withdraw(task.person_id, task.record_id, ended=True, actor=_actor(by))
    if task.state == "taken":
        _change(transaction, task, state="open", staff_id=None, record_id=None)


def require_mine(
    transaction: Transaction, task_id: TaskId, kind: str, staff_id: UserId
) -> Task | None:
    """The task of a kind that somebody took, with its customer locked; None where there is none.

    OthersTaskError where it is another kind of task, or was not taken by them.
    """
    task = find_task(transaction.tables, task_id)
    if task is None:
        return None
    task = _require_task(transaction, task_id)  # whoever else works on it waits
    if task.kind != kind or task.staff_id != staff_id:
        raise OthersTaskError(task)
    return task


def tasks_of_staff(tables: Tables, staff_id: UserId) -> list[Task]:
    """The tasks that somebody took and has not closed, without those whose rows were changed."""
    where = "state = 'taken' AND staff_id = ?"
    rows, _ = tables.select_intact(task_table, where, staff_id)
    return [_from_row(each) for each in rows]


def close(transaction: Transaction, task_id: TaskId, *, by: str = "") -> None:
    """Close a task: whoever took it has no need any more; `by` is who closed it.

    That is somebody of our staff by their id, CUSTOMER, or nobody where the program does.
    """
    task = _require_task(transaction, task_id)
    if task.state == "done":
        return
    if task.record_id:
        transaction.withdraw(task.person_id, task.record_id, ended=True, actor=_actor(by))
    _change(transaction, task, state="done", closed=microseconds(transaction.clock.now()))
    add_step(transaction, task.person_id, task_id, CLOSED, by)


def close_about(transaction: Transaction, person_id: PersonId, kind: str, about: str = "") -> None:
    """Close a person's open tasks of one kind (about one thing), settled in another way."""
    for each in open_tasks_on(transaction.tables, person_id):
        if each.kind == kind and about in ("", each.about):
            close(transaction, each.task_id)


def _actor(by: str) -> str:
    """Who of our staff did something, as an entry names them."""
    return "" if by in ("", CUSTOMER) else f"staff {by}"


def _require_task(transaction: Transaction, task_id: TaskId) -> Task:
    """A task, locked until the transaction ends; TaskError where there is none."""
    task = find_task(transaction.tables, task_id)
    if task is not None:
        transaction.lock(task.person_id)
        task = find_task(transaction.tables, task_id)
    if task is None:
        raise TaskError("no task with this id", code="task", hint="open the queue again")
    return task


def _change(transaction: Transaction, task: Task, **changes: Any) -> None:
    transaction.tables.update(task_table, changes, _OF_TASK, task.person_id, task.task_id)


def _from_row(row: Any) -> Task:
    """The task of a verified row."""
    due, closed = (None if at is None else to_datetime(at) for at in (row.due, row.closed))
    return Task(
        row.person_id,
        row.task_id,
        row.kind,
        row.purpose,
        row.role,
        row.about,
        row.state,
        to_datetime(row.opened),
        due,
        row.staff_id,
        row.record_id,
        closed,
    )
