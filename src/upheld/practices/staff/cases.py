"""One case: what a task lets a member of staff see of a customer, and why not the rest.

A field is seen only if the role covers it for the task's purpose and the policy allows it to
whoever has such a task. Nothing is read to find that out. What is read is an act `view` for each
field, entered with who looked and for which purpose; the customer sees the entry.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import NamedTuple

from upheld.core.ids import TaskId
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice import operators, tasks
from upheld.practice.operators import User
from upheld.practice.tasks import OthersTaskError, Task
from upheld.practice.value_view import ValueView, view_values
from upheld.practices.staff.roles import Roles
from upheld.web import sessions

CLOSED, OTHERS, OWN, UNCOVERED, OPEN, MINE = "closed", "others", "own", "uncovered", "open", "mine"
SIGNING_OUT = frozenset({"security", "fraud-detection"})  # purposes that sign a customer out
_MOST = 50  # rows of a series that a page shows, the latest
NOTHING = ValueView()


class CaseField(NamedTuple):
    """A field on the page: its word and label, and its values once they were revealed."""

    word: str
    label: str
    is_revealed: bool = False
    view: ValueView = NOTHING


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


def task_for(transaction: Transaction, roles: Roles, user: User, task_id: TaskId) -> Task | None:
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


def with_values(roles: Roles, field: CaseField, result: ActResult, zone: tzinfo) -> CaseField:
    """A field with its values as people read them, of a series the latest ones."""
    texts = [value.value for value in result.series(field.word)][-_MOST:]
    view = view_values(field.word, texts, partial(_label, roles), zone)
    return field._replace(is_revealed=True, view=view)


def text_of(roles: Roles, decision: Decision) -> list[tuple[str, str]]:
    """The clauses of a decision, each with its text."""
    return [(clause, _text(roles, clause)) for clause in decision.clauses]


def lateness(due: datetime | None, now: datetime) -> str:
    """How a due date stands: `late`, or nothing."""
    return "late" if due is not None and due < now else ""


def _label(roles: Roles, tree: str, word: str) -> str:
    """What people call a word; one that a later policy has no more, as words."""
    in_force = word in roles.program.vocabulary.tree(tree)
    return roles.label(tree, word) if in_force else word.replace("-", " ")


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
