"""What no manager does alone: add a colleague, change their roles, let them enrol anew.

A manager asks for it, and another one says yes: neither the one who asked, nor the colleague whom
it is about. Nobody gives a role that they do not have themselves. All of that is checked in the
transaction that does it, and asking, yes and no are entries.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.core.ids import RequestId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.operators import User
from upheld.practice.tables import desk_request
from upheld.practices.staff import people
from upheld.practices.staff.people import Enrolment, PeopleError
from upheld.practices.staff.roles import MANAGER
from upheld.web import once

ADD: Final = "add"
ROLES: Final = "roles"
ENROL: Final = "enrol"
_MARK_LASTS: Final = timedelta(days=1)  # longer than two answers can be on their way


class ApprovalRequest(NamedTuple):
    """What a manager asked for, and nobody has answered yet."""

    request_id: RequestId
    user_id: UserId
    kind: str
    roles: tuple[str, ...]
    asked_by: UserId
    asked_at: datetime


def requests(tables: Tables) -> list[ApprovalRequest]:
    """What waits for a second person, the oldest first."""
    return [
        ApprovalRequest(
            each.request_id,
            each.user_id,
            each.kind,
            tuple(each.roles.split()),
            each.asked_by,
            to_datetime(each.asked),
        )
        for each in tables.select(desk_request, "ORDER BY asked")
    ]


def ask_to_add(
    transaction: Transaction,
    by: UserId,
    name: str,
    sign_in: str,
    *,
    roles: Sequence[str] = (),
    party: str = "",
) -> ApprovalRequest:
    """Ask for a new colleague, or for somebody of an engaged company."""
    _require_roles(transaction, by, roles, ())
    kind = "agent" if party else "staff"
    user = people.add(
        transaction, kind, name, sign_in, roles=roles, party=party, state=operators.REQUESTED, by=by
    )
    return _keep(transaction, by, user, ADD, roles)


def ask_for(
    transaction: Transaction, by: UserId, user_id: UserId, kind: str, roles: Sequence[str] = ()
) -> ApprovalRequest:
    """Ask for other roles of a colleague, or that they may enrol anew."""
    user = operators.find_user(transaction.tables, user_id)
    if user is None or user.state not in (operators.ACTIVE, operators.INVITED):
        raise PeopleError(
            "there is nobody by this name", code="no-user", hint="choose somebody of the list"
        )
    if kind == ROLES:
        if user.kind != "staff":
            raise PeopleError(
                "people of engaged companies have no roles",
                code="roles",
                hint="choose a member of staff",
            )
        _require_roles(transaction, by, roles, user.roles)
    else:
        _require_roles(transaction, by, (), ())
    if transaction.tables.get(desk_request, "user_id = ?", user_id):
        raise PeopleError(
            "something about them waits for an answer already", code="waits", hint="answer it first"
        )
    transaction.note(None, "desk.ask", actor=people.actor(by), evidence=(user_id,))
    return _keep(transaction, by, user, kind, roles)


def approve(transaction: Transaction, by: UserId, request_id: RequestId) -> Enrolment:
    """Do what was asked for; the path is empty where nobody has to enrol for it."""
    request, user = _open(transaction, request_id)
    if by in (request.asked_by, request.user_id):
        raise PeopleError(
            "a second person has to say yes to this",
            code="second-person",
            hint="ask another manager",
        )
    _manager(transaction, by)
    before = user.roles if request.kind == ROLES else ()
    _require_roles(transaction, request.asked_by, request.roles, before)
    _close(transaction, request)
    transaction.note(
        None,
        f"desk.yes-{request.kind}",
        actor=people.actor(by),
        evidence=(user.user_id, request.asked_by),
    )
    if request.kind == ROLES:
        operators.change_roles(transaction.tables, user.user_id, request.roles)
        return Enrolment(user._replace(roles=request.roles), "")
    if request.kind == ENROL:
        return people.invite_anew(transaction, user.user_id, by=by)
    operators.change_state(transaction.tables, user.user_id, operators.INVITED)
    return people.invite(transaction, user)


def refuse(transaction: Transaction, by: UserId, request_id: RequestId) -> None:
    """Say no to what was asked for, or take it back; who was to be added never was."""
    request, user = _open(transaction, request_id)
    _manager(transaction, by)
    _close(transaction, request)
    if request.kind == ADD:
        operators.end_user(transaction.tables, user.user_id)
    transaction.note(
        None, f"desk.no-{request.kind}", actor=people.actor(by), evidence=(user.user_id,)
    )


def _keep(
    transaction: Transaction, by: UserId, user: User, kind: str, roles: Sequence[str]
) -> ApprovalRequest:
    at = transaction.clock.now()
    request = ApprovalRequest(
        RequestId(secrets.token_hex(16)), user.user_id, kind, tuple(roles), by, at
    )
    transaction.tables.insert(
        desk_request,
        request_id=request.request_id,
        user_id=user.user_id,
        kind=kind,
        roles=" ".join(roles),
        asked_by=by,
        asked=microseconds(at),
    )
    return request


def _open(transaction: Transaction, request_id: RequestId) -> tuple[ApprovalRequest, User]:
    matches = [each for each in requests(transaction.tables) if each.request_id == request_id]
    user = operators.find_user(transaction.tables, matches[0].user_id) if matches else None
    if user is None:
        raise PeopleError(
            "this was answered already", code="answered", hint="nothing is left to do"
        )
    return matches[0], user


def _close(transaction: Transaction, request: ApprovalRequest) -> None:
    """Take a request off the list, so that of two answers at once only one is of effect."""
    until = transaction.clock.now() + _MARK_LASTS
    if not once.spend(transaction.tables, "desk-request", request.request_id, until):
        raise PeopleError(
            "this was answered already", code="answered", hint="nothing is left to do"
        )
    transaction.tables.delete(desk_request, "request_id = ?", request.request_id)


def _manager(transaction: Transaction, user_id: UserId) -> User:
    user = operators.find_active_user(transaction.tables, user_id)
    if user is None or MANAGER not in user.roles:
        raise PeopleError("only a manager does this", code="manager", hint="ask a manager")
    return user


def _require_roles(
    transaction: Transaction, by: UserId, roles: Sequence[str], before: Sequence[str]
) -> None:
    """PeopleError unless `by` is a manager and has every role that they add to `before`."""
    missing = sorted({*roles} - {*before} - {*_manager(transaction, by).roles})
    if missing:
        raise PeopleError(
            f"nobody gives a role that they do not have: {', '.join(missing)}",
            code="roles",
            hint="a manager with this role asks, or `upheld staff add` does it",
        )
