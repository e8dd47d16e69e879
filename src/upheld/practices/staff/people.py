"""Who works here: invited to enrol by a link that works once, and let go at once.

Whoever enrols chooses a password and sets up one-time passwords; nobody else ever sees either.
Whoever is let go is signed out everywhere, and their tasks wait for somebody else from the same
moment on. Each change is an entry; it names the manager who made it, or nobody where it was made
on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import UserId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties, tasks
from upheld.practice.operators import User
from upheld.practice.tables import desk_request, desk_user, passkey
from upheld.web import sessions

ENROL: Final = "enrol"  # the kind of link
AGENT: Final = "agent"  # who works for a company outside
LASTS: Final = timedelta(days=3)


class PeopleError(UpheldError):
    """Somebody who cannot be added, enrolled or let go."""


class Enrolment(NamedTuple):
    """Somebody who may enrol, and the path at which they do it, which is shown once."""

    user: User
    path: str


def add(  # noqa: PLR0913 - what belongs to a user
    transaction: Transaction,
    kind: str,
    name: str,
    sign_in: str,
    *,
    roles: Sequence[str] = (),
    party: str = "",
    state: str = operators.INVITED,
    by: str = "",
) -> User:
    """Add somebody; PeopleError where the name they sign in with is taken.

    The company of an agent is named by its word on the register, or as people read it; PartyError
    where the register has none that is called so.
    """
    if kind == AGENT:
        party = parties.find(transaction, party)
    if transaction.tables.get(desk_user, "sign_in = ?", sign_in.casefold()) is not None:
        raise PeopleError(
            "somebody signs in by this name already", code="exists", hint="choose another name"
        )
    user = operators.add_user(
        transaction.tables, kind, name, sign_in, roles=roles, party=party, state=state
    )
    what = "desk.add" if state == operators.INVITED else "desk.ask"
    transaction.note(None, what, actor=actor(by), evidence=(user.user_id,))
    return user


def invite(transaction: Transaction, user: User) -> Enrolment:
    """Make the link at which somebody enrols; one that they had before no longer works.

    PartyError for an agent of a company that the register does not have.
    """
    if user.kind == AGENT:
        parties.find(transaction, user.party)
    raw = sessions.mint(transaction.tables, ENROL, user.user_id, LASTS, transaction.clock.now())
    return Enrolment(user, f"/{user.kind}/enrol/{raw}")


def invite_anew(transaction: Transaction, user_id: UserId, *, by: str = "") -> Enrolment:
    """Make a new link to enrol for somebody, who cannot sign in until they used it."""
    user = operators.find_user(transaction.tables, user_id)
    if user is None or user.state not in (operators.ACTIVE, operators.INVITED):
        raise PeopleError(
            "there is nobody by this name", code="no-user", hint="choose somebody of the list"
        )
    operators.require_enrolment(transaction.tables, user_id)
    sessions.end_all(transaction.tables, user.kind, user_id)
    transaction.tables.purge(passkey, "subject = ? AND kind = ?", user_id, user.kind)
    transaction.note(None, "desk.invite", actor=actor(by), evidence=(user_id,))
    return invite(transaction, user)


def invited_user(tables: Tables, kind: str, raw: str, at: datetime) -> User | None:
    """Who may enrol by a link at one kind of desk."""
    user_id = sessions.looked_at(tables, ENROL, raw, at)
    user = operators.find_user(tables, UserId(user_id)) if user_id else None
    return user if user and (user.kind, user.state) == (kind, operators.INVITED) else None


def enrol(
    transaction: Transaction, kind: str, raw: str, hashed: str, secret: str, step: int
) -> User | None:
    """Let somebody sign in by what they chose; nobody where the link is used up or over."""
    at, tables = transaction.clock.now(), transaction.tables
    user = invited_user(tables, kind, raw, at)
    if user is None or sessions.redeem(tables, ENROL, raw, at) != user.user_id:
        return None
    operators.enable_sign_in(transaction, user.user_id, hashed, secret, step)
    transaction.note(None, "desk.enrol", actor=f"{kind} {user.user_id}")
    return user


def end(transaction: Transaction, user_id: UserId, *, by: str = "") -> User:
    """Let somebody go: signed out everywhere, their tasks put back, their name ended."""
    user = operators.find_user(transaction.tables, user_id)
    if user is None or user.state == operators.ENDED:
        raise PeopleError(
            "there is nobody by this name", code="no-user", hint="choose somebody of the list"
        )
    for task in tasks.tasks_of_staff(transaction.tables, user_id):
        tasks.put_back(transaction, task.task_id)
    sessions.end_all(transaction.tables, user.kind, user_id)
    transaction.tables.purge(desk_request, "user_id = ?", user_id)
    operators.end_user(transaction.tables, user_id)
    transaction.note(None, "desk.end", actor=actor(by), evidence=(user_id,))
    return user


def by_sign_in(transaction: Transaction, sign_in: str) -> UserId:
    """The id of whoever signs in by a name; PeopleError where there is nobody."""
    where = "sign_in = ? AND state <> 'ended'"
    row = transaction.tables.get(desk_user, where, sign_in.casefold())
    if row is None:
        raise PeopleError(
            "there is nobody by this name", code="no-user", hint="see `upheld staff list`"
        )
    return UserId(row.user_id)


def actor(by: str) -> str:
    """Who an entry names: a member of staff, or the provider on its command line."""
    return f"staff {by}" if by else "provider"
