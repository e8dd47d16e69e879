"""One case: what a task lets a member of staff see of a customer, and why not the rest.

A field is seen only if the role covers it for the task's purpose and the policy allows it to
whoever has such a task. Nothing is read to find that out. What is read is an act `view` for each
field, entered with who looked and for which purpose; the customer sees the entry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.evidence import field_values
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice import operators, tasks
from upheld.practice.operators import User
from upheld.practice.tasks import OthersTaskError, Task
from upheld.practices.staff.roles import Roles
from upheld.web import sessions
from upheld.web.pages import money

CLOSED, OTHERS, OWN, UNCOVERED, OPEN, MINE = "closed", "others", "own", "uncovered", "open", "mine"
SIGNING_OUT = frozenset({"security", "fraud-detection"})  # purposes that sign a customer out
_MOST = 50  # rows of a series that a page shows, the latest
_CENTS = frozenset({"balance", "cents", "open", "credit"})  # what is kept as cents


class CaseField(NamedTuple):
    """A field on the page: its word and label, and its values once they were revealed."""

    word: str
    label: str
    is_revealed: bool = False
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    texts: tuple[str, ...] = ()


class BarredFields(NamedTuple):
    """Fields that are not for this purpose, and the clause that says so."""

    labels: tuple[str, ...]
    clause: str
    text: str


class TaskCase(NamedTuple):
    """A task as whoever may work on it sees it."""

    task: Task
    state: str  # one of those above
    fields: tuple[CaseField, ...]
    barred: tuple[BarredFields, ...]
    grounds: tuple[tuple[str, str], ...]  # clauses that allow what is allowed, each with its text


def task_for(transaction: Transaction, roles: Roles, user: User, task_id: str) -> Task | None:
    """A task that waits in one of somebody's queues, or that they took.

    OthersTaskError where it stands in another role's: for them it is not there.
    """
    task = tasks.find_task(transaction.tables, task_id)
    if task is not None and task.role not in roles.queues(user.roles):
        raise OthersTaskError(task)
    return task


def task_state(transaction: Transaction, roles: Roles, user: User, task: Task) -> str:
    """The state of a task for a user: `open`, `mine`, or why they cannot work on it."""
    if operators.is_left_to_others(transaction.tables, user.user_id, task.person_id):
        return OWN
    if task.state == "done":
        return CLOSED
    if task.state == "taken" and task.staff_id != user.user_id:
        return OTHERS
    if not roles.covered_fields(user.roles, task.role, task.purpose):
        return UNCOVERED
    return MINE if task.state == "taken" else OPEN


def case_of(transaction: Transaction, roles: Roles, user: User, task: Task) -> TaskCase:
    """What stands on the page of a task before anything is revealed."""
    how = task_state(transaction, roles, user, task)
    if how != MINE:
        return TaskCase(task, how, (), (), ())
    role_fields = roles.covered_fields(user.roles, task.role, task.purpose)
    fields: list[CaseField] = []
    barred: dict[str, list[str]] = {}
    grounds: list[str] = []
    for word in roles.fields:
        decision = _peek(transaction, user, task, (word,))
        label = roles.label("data", word)
        if decision.allowed and word in role_fields:
            fields.append(CaseField(word, label))
            grounds += decision.clauses
        else:
            barred.setdefault(_clause(decision), []).append(label)
    return TaskCase(
        task,
        how,
        tuple(fields),
        tuple(
            BarredFields(tuple(labels), clause, _text(roles, clause))
            for clause, labels in barred.items()
        ),
        tuple((clause, _text(roles, clause)) for clause in dict.fromkeys(grounds)),
    )


def reveal(
    transaction: Transaction, roles: Roles, user: User, task: Task, words: Sequence[str]
) -> dict[str, ActResult | Refused]:
    """Look at some fields, each by an act of its own; the gate decides, whatever the page said."""
    role_fields = roles.covered_fields(user.roles, task.role, task.purpose)
    if task.staff_id == user.user_id and any(
        word not in role_fields and _peek(transaction, user, task, (word,)).allowed
        for word in words
    ):  # the role covers less than when the task was taken, and its record with it
        tasks.put_back(transaction, task.task_id)
    results = {}
    for word in words:
        act = _view(user, task, (word,))
        results[word] = transaction.act(act, task.person_id, entitled=True)
    return results


def sign_out(transaction: Transaction, roles: Roles, user: User, task: Task) -> bool:
    """End every session of a customer, for a security task of `user`; False if it is not that."""
    if task.purpose not in SIGNING_OUT or task_state(transaction, roles, user, task) != MINE:
        return False
    sessions.end_all(transaction.tables, "customer", task.person_id)
    transaction.note(
        task.person_id, "sessions-ended", actor=f"staff {user.user_id}", purpose=task.purpose
    )
    return True


def with_values(field: CaseField, result: ActResult) -> CaseField:
    """A field with its value, as text or as a table where it has rows of parts."""
    texts = [value.value for value in result.series(field.word)][-_MOST:]
    parts = [_parts(each) for each in texts]
    if texts and all(parts):
        columns = tuple(dict.fromkeys(name for each in parts for name in each))
        rows = tuple(tuple(each.get(name, "") for name in columns) for each in parts)
        return field._replace(is_revealed=True, columns=columns, rows=rows)
    if field.word in _CENTS:
        texts = [money(int(each)) for each in texts]
    texts = [field_values.display_value(field.word, each) for each in texts]
    return field._replace(is_revealed=True, texts=tuple(texts))


def text_of(roles: Roles, decision: Decision) -> list[tuple[str, str]]:
    """The clauses of a decision, each with its text."""
    return [(clause, _text(roles, clause)) for clause in decision.clauses]


def lateness(due: datetime | None, now: datetime) -> str:
    """How a due date stands: `late`, or nothing."""
    return "late" if due is not None and due < now else ""


def _parts(text: str) -> dict[str, str]:
    """A value in JSON by its parts; none where it is a text."""
    if not text.startswith("{"):
        return {}
    try:
        values = json.loads(text)
    except ValueError:
        return {}
    return {str(name): _plain(value, str(name)) for name, value in values.items()}


def _plain(value: object, name: str = "") -> str:
    if name in _CENTS and isinstance(value, int):
        return money(value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(part, name)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_plain(part) for part in value)
    return "" if value is None else str(value)


def _view(user: User, task: Task, words: Sequence[str]) -> Act:
    return Act(
        action="view", data=tuple(words), actor="staff", party=user.user_id, purpose=task.purpose
    )


def _peek(transaction: Transaction, user: User, task: Task, words: Sequence[str]) -> Decision:
    return transaction.peek(task.person_id, _view(user, task, words))


def _clause(decision: Decision) -> str:
    return decision.clauses[0] if decision.clauses else ""


def _text(roles: Roles, clause: str) -> str:
    return next((each.text for each in roles.program.clauses if each.id == clause), "")
