"""Requests: access, correction, objection, erasure; each owed from when it is made until answered.

A record of kind `request` makes the act owed; the act answers it, and the record ends. States are
those of the Data Rights Protocol. The time by which it is due comes from the policy's own clause.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from upheld.core.ids import EntryNumber, PersonId, RecordId, TaskId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders, to_datetime
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.log import entries
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import tasks
from upheld.practices.rights.sentences import label
from upheld.practices.rights.tables import rights_request

OPEN, IN_PROGRESS, FULFILLED, REVOKED, DENIED = (
    "open",
    "in_progress",
    "fulfilled",
    "revoked",
    "denied",
)
STATE_LABELS: Final = {
    OPEN: "received",
    IN_PROGRESS: "being worked on",
    FULFILLED: "answered",
    REVOKED: "taken back by you",
    DENIED: "refused",
}
LABELS_FOR_STAFF: Final = STATE_LABELS | {REVOKED: "taken back by the customer"}
FACTS: Final = {
    "access": "access-requested",
    "correction": "correction-requested",
    "objection": "objection-requested",
    "erasure": "erasure-requested",
}
TITLES: Final = {
    "access": "A copy of what we hold",
    "correction": "Correct what is wrong",
    "objection": "Object to a use",
    "erasure": "Erase what we hold",
}
QUESTION: Final = "A question about what we hold"  # an access request with a task
ONE_THING: Final = {"erasure": "Erase one thing"}  # the same, where it is about one kind of data
PAGE: Final = "/me/privacy/requests"  # of a customer's own
ERASURE_WAITS: Final = timedelta(days=3)  # in which an erasure can be taken back
_KEY: Final = "person_id = ? AND request_id = ?"
ROLES: Final = {"correction": "accounts"}  # in whose queue the task of a kind stands
PRIVACY: Final = "privacy"  # where that of any other does
_BATCH: Final = 500  # tasks in one query


class RightsRequest(NamedTuple):
    """A request as it stands."""

    person_id: PersonId
    request_id: RecordId
    kind: str
    about: str
    state: str
    received: datetime
    due: datetime | None
    answered: datetime | None
    entry: EntryNumber | None
    task_id: TaskId | None

    @property
    def waits(self) -> bool:
        """Whether it is not answered yet."""
        return self.state in (OPEN, IN_PROGRESS)

    @property
    def title(self) -> str:
        """What is asked, in a few words and without what it is about."""
        return QUESTION if self.kind == "access" and self.task_id else TITLES[self.kind]

    def status(self) -> dict[str, object]:
        """The request as the Data Rights Protocol tells its status."""
        return {
            "request_id": self.request_id,
            "received_at": _iso(self.received),
            "expected_by": _iso(self.due),
            "status": self.state,
            "processing_details": self.title,
        }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def title_of(policy: Policy, request: RightsRequest) -> str:
    """A request in a few words: what is asked, and about which kind of data or which purpose."""
    if not request.about:
        return request.title
    title = ONE_THING.get(request.kind, TITLES[request.kind])
    tree = "purpose" if request.kind == "objection" else "data"
    return f"{title}: {label(policy, tree, request.about)}"


def action(kind: str) -> Act:
    """The act that answers a kind of request."""
    return Act(action=f"answer-{kind}")


def open_request(
    transaction: Transaction, person_id: PersonId, kind: str, about: str = ""
) -> RightsRequest | Refused:
    """Make a request, or return the one that waits; Refused if no clause owes an answer.

    Of however many who ask for the same at once, one makes it and the others get it.
    """
    transaction.lock(person_id)
    if waiting_request := find_waiting(transaction.tables, person_id, kind, about):
        return waiting_request
    at = transaction.clock.now()
    record_id = transaction.record(
        person_id, "request", fact=FACTS[kind], by_whom="customer", how="portal"
    )
    decision = transaction.peek(person_id, action(kind))
    if not decision.allowed:
        transaction.withdraw(person_id, record_id, ended=True)
        return Refused(None, decision, decision.why)
    ends = [
        due
        for each in decision.owed
        if (due := entries.after(transaction.clock.local(at), each.amount, each.unit))
    ]
    due = min(ends, default=None)
    transaction.tables.insert(
        rights_request,
        person_id=person_id,
        request_id=record_id,
        kind=kind,
        about=about,
        state=OPEN,
        received=microseconds(at),
        due=None if due is None else microseconds(due),
    )
    return RightsRequest(person_id, record_id, kind, about, OPEN, at, due, None, None, None)


def answer(
    transaction: Transaction, request: RightsRequest, *, by: str = ""
) -> ActResult | Refused:
    """Do the act that answers a request, and mark it as fulfilled; `by` is who of our staff did."""
    result = transaction.act(action(request.kind), request.person_id, entitled=True)
    if isinstance(result, ActResult):
        transaction.withdraw(request.person_id, request.request_id, ended=True)
        _close(transaction, request, FULFILLED, result.entry, by)
    return result


def open_task(transaction: Transaction, request: RightsRequest, purpose: str) -> RightsRequest:
    """Let somebody of our staff work on a request; as it is with its task."""
    task = tasks.open_task(
        transaction,
        request.person_id,
        request.kind,
        purpose,
        role=ROLES.get(request.kind, PRIVACY),
        about=request.request_id,
        due=request.due,
    )
    return begin(transaction, request, task)


def begin(
    transaction: Transaction, request: RightsRequest, task_id: TaskId | None = None
) -> RightsRequest:
    """Mark a request as being worked on, with the task of our staff if there is one."""
    _change(transaction, request, state=IN_PROGRESS, task_id=task_id)
    return request._replace(state=IN_PROGRESS, task_id=task_id)


def revoke(transaction: Transaction, request: RightsRequest) -> None:
    """Take a request back: its answer is owed no more."""
    transaction.withdraw(request.person_id, request.request_id, actor="customer")
    _close(transaction, request, REVOKED, None)


def deny(transaction: Transaction, request: RightsRequest, refusal: Refused) -> None:
    """Mark a request as denied, by the act that the policy refused."""
    transaction.withdraw(request.person_id, request.request_id, ended=True)
    _close(transaction, request, DENIED, refusal.entry)


def turn_down(
    transaction: Transaction, request: RightsRequest, entry: EntryNumber, *, by: UserId
) -> None:
    """Mark a request as denied that somebody of our staff refused, by the entry that says so."""
    transaction.withdraw(request.person_id, request.request_id, ended=True, actor=f"staff {by}")
    _close(transaction, request, DENIED, entry, by)


def finish(transaction: Transaction, request: RightsRequest, entry: EntryNumber) -> None:
    """Mark a request as fulfilled whose person was erased, with the entry of the erasure.

    Where nothing of them was kept, the task on it went with them.
    """
    if request.task_id and tasks.find_task(transaction.tables, request.task_id) is None:
        request = request._replace(task_id=None)
    _close(transaction, request, FULFILLED, entry)


def _close(
    transaction: Transaction,
    request: RightsRequest,
    state: str,
    entry: EntryNumber | None,
    by: str = "",
) -> None:
    if request.task_id:
        tasks.close(transaction, request.task_id, by=by)
    _change(
        transaction,
        request,
        state=state,
        answered=microseconds(transaction.clock.now()),
        entry=entry,
    )


def _change(transaction: Transaction, request: RightsRequest, **changes: Any) -> None:
    transaction.tables.update(rights_request, changes, _KEY, request.person_id, request.request_id)


def requests_of(tables: Tables, person_id: PersonId) -> list[RightsRequest]:
    """A person's requests, the latest first."""
    mine = tables.select(rights_request, "person_id = ?", person_id)
    requests = [_from_row(each) for each in mine]
    return sorted(requests, key=lambda each: each.received, reverse=True)


def erasure_of(tables: Tables, person_id: PersonId) -> RightsRequest | None:
    """The erasure of everything that somebody asked for and that was not carried out yet."""
    return next(
        (
            each
            for each in requests_of(tables, person_id)
            if each.kind == "erasure" and not each.about and each.waits
        ),
        None,
    )


def find_request(tables: Tables, person_id: PersonId, request_id: RecordId) -> RightsRequest | None:
    """One request of a person; none of anybody else's."""
    row = tables.get(rights_request, _KEY, person_id, request_id)
    return None if row is None else _from_row(row)


def find_waiting(
    tables: Tables, person_id: PersonId, kind: str, about: str = ""
) -> RightsRequest | None:
    """A person's request of a kind, about one thing, that is not answered yet."""
    for each in requests_of(tables, person_id):
        if each.kind == kind and each.about == about and each.waits:
            return each
    return None


def find_automatic(tables: Tables, request_id: RecordId) -> RightsRequest | None:
    """The request with an id that the program answers by itself, whoever's it is.

    That is one without a task of our staff, and an erasure even where its customer writes about it.
    One of somebody whose rows were changed by somebody else is left out.
    """
    where = "request_id = ? AND (task_id IS NULL OR kind = 'erasure')"
    rows, _ = tables.select_intact(rights_request, where, request_id)
    return _from_row(rows[0]) if rows else None


def waiting_since(tables: Tables, kind: str, before: datetime) -> list[RightsRequest]:
    """The requests of a kind, about all, that were received before a moment and are worked on.

    Requests of people whose rows were changed by somebody else are left out.
    """
    where = "kind = ? AND about = '' AND state = ? AND received <= ?"
    rows, _ = tables.select_intact(rights_request, where, kind, IN_PROGRESS, microseconds(before))
    return [_from_row(each) for each in rows]


def whose_since(
    tables: Tables, kind: str, after: datetime, person_ids: Sequence[PersonId]
) -> set[PersonId]:
    """Who of some people has a request of a kind, about all, that was received after a moment.

    Those whose rows were changed by somebody else are left out.
    """
    if not person_ids:
        return set()
    whom = placeholders(person_ids)
    where = f"kind = ? AND about = '' AND state = ? AND received > ? AND person_id IN ({whom})"
    values = (kind, IN_PROGRESS, microseconds(after), *person_ids)
    rows, _ = tables.select_intact(rights_request, where, *values)
    return {each.person_id for each in rows}


def waiting(tables: Tables) -> list[RightsRequest]:
    """All requests that are not answered, those due first before others.

    Requests of people whose rows were changed by somebody else are left out.
    """
    where = "state IN (?, ?) ORDER BY due IS NULL, due, received LIMIT ?"
    rows, _ = tables.select_intact(rights_request, where, OPEN, IN_PROGRESS, _BATCH)
    return [_from_row(each) for each in rows]


def left_without_task(tables: Tables) -> list[RightsRequest]:
    """The requests that nobody works on: their task was closed, and they are not answered.

    Requests of people whose rows were changed by somebody else are left out.
    """
    where = "state = ? AND task_id IS NOT NULL AND kind <> 'erasure'"  # that goes on by itself
    rows, _ = tables.select_intact(rights_request, where, IN_PROGRESS)
    closed_tasks: set[str] = set()
    for first in range(0, len(rows), _BATCH):
        closed_tasks |= tasks.finished_tasks(
            tables, [each.task_id for each in rows[first : first + _BATCH]]
        )
    return [_from_row(each) for each in rows if each.task_id in closed_tasks]


def _from_row(row: Any) -> RightsRequest:
    """A request from its row, whose MAC was verified."""
    due, answered = (None if at is None else to_datetime(at) for at in (row.due, row.answered))
    return RightsRequest(
        row.person_id,
        row.request_id,
        row.kind,
        row.about,
        row.state,
        to_datetime(row.received),
        due,
        answered,
        row.entry,
        row.task_id,
    )
