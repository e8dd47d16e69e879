"""Who works here: added with a one-time secret that is shown once, and let go at once.

Whoever is let go is signed out everywhere, and their tasks wait for somebody else from the same
moment on. Each change is an entry; it names the manager who made it, or nobody where it was made
on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.sql import row
from upheld.gate.joint import Joint
from upheld.practice import desks, tasks
from upheld.practice.desks import User
from upheld.web import passwords, sessions, totp


class PeopleError(UpheldError):
    """Somebody who cannot be added or let go."""


class Added(NamedTuple):
    """Somebody who was added, and the address that their authenticator reads once."""

    user: User
    address: str


def add(  # noqa: PLR0913 - what belongs to a user
    joint: Joint, kind: str, name: str, sign_in: str, password: str, *,
    roles: Sequence[str] = (), party: str = "", issuer: str = "", by: str = "",
) -> Added:  # fmt: skip
    """Add somebody; PeopleError where the name they sign in with is taken, or the password weak."""
    statement = "SELECT 1 FROM desk_user WHERE sign_in = ?"
    if row(joint.connection, statement, sign_in.casefold()) is not None:
        raise PeopleError("somebody signs in by this name already", code="exists",
                          hint="take another name")  # fmt: skip
    if why := passwords.refused(password, (name, sign_in)):
        raise PeopleError("this password is refused", code="password", hint=why)
    user, secret = desks.add_user(
        joint.connection, joint.house.keyring, kind, name, sign_in, password,
        roles=roles, party=party,
    )  # fmt: skip
    joint.note(None, "desk.add", actor=_actor(by), evidence=(user.user_id,))
    return Added(user, totp.address(secret, user.sign_in, issuer or "upheld"))


def end(joint: Joint, user_id: str, *, by: str = "") -> User:
    """Let somebody go: signed out everywhere, their tasks put back, their name ended."""
    user = desks.user_of(joint.connection, user_id)
    if user is None:
        raise PeopleError("there is nobody by this name", code="no-user", hint="see the list")
    for task in tasks.of_staff(joint.connection, user_id):
        tasks.put_back(joint, task.task_id)
    sessions.end_all(joint.connection, user.kind, user_id)
    desks.end_user(joint.connection, user_id)
    joint.note(None, "desk.end", actor=_actor(by), evidence=(user_id,))
    return user


def by_sign_in(joint: Joint, sign_in: str) -> str:
    """The id of whoever signs in by a name; PeopleError where there is nobody."""
    statement = "SELECT user_id FROM desk_user WHERE sign_in = ? AND state = 'active'"
    found = row(joint.connection, statement, sign_in.casefold())
    if found is None:
        raise PeopleError("there is nobody by this name", code="no-user",
                          hint="see `upheld staff list`")  # fmt: skip
    return str(found[0])


def _actor(by: str) -> str:
    return f"staff {by}" if by else "provider"
