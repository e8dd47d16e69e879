"""Who works at a desk: members of staff, and people of companies that are engaged by us.

They sign in by name, password and a one-time password. A role gives duties and no data; an agent
belongs to a company of the register, by its name there. The secret of the one-time passwords is
sealed under the keyring. They choose both by themselves, when they enrol; nobody else sees them.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.sql import row, rows, run
from upheld.vault.envelope import context, seal, unseal
from upheld.vault.keyring import Keyring
from upheld.web import once, totp

STEP_LASTS: Final = timedelta(minutes=5)  # longer than any step is taken for right
REQUESTED: Final = "requested"  # waits for a second person's yes
INVITED: Final = "invited"  # may enrol, and not sign in before that
ACTIVE: Final = "active"
ENDED: Final = "ended"
MANAGER: Final = "manager"  # the role of who manages the provider, and sees no customer by it
_COLUMNS = "user_id, kind, name, sign_in, roles, party, state"


class User(NamedTuple):
    """Somebody who works at a desk."""

    user_id: str
    kind: str
    name: str
    sign_in: str
    roles: tuple[str, ...]
    party: str
    state: str


def add_user(  # noqa: PLR0913 - what belongs to a user
    connection: Connection, kind: str, name: str, sign_in: str, *,
    roles: Sequence[str] = (), party: str = "", state: str = INVITED,
) -> User:  # fmt: skip
    """Add a user of a desk, who cannot sign in before they enrol."""
    user = User(secrets.token_hex(16), kind, name, sign_in.casefold(), tuple(roles), party, state)
    run(connection, "INSERT INTO desk_user VALUES (?, ?, ?, ?, '', ?, 0, ?, ?, ?)", user.user_id,
        kind, name, user.sign_in, b"", " ".join(roles), party, state)  # fmt: skip
    return user


def equip(
    connection: Connection, keyring: Keyring, user_id: str, hashed: str, secret: str, step: int
) -> None:
    """Let somebody sign in by a password and one-time passwords that they chose themselves."""
    change_password(connection, user_id, hashed)
    change_secret(connection, keyring, user_id, secret, step)
    change_state(connection, user_id, ACTIVE)


def change_secret(
    connection: Connection, keyring: Keyring, user_id: str, secret: str, step: int
) -> None:
    """Take other one-time passwords from the step after `step` on."""
    sealed = seal(keyring.derived("desk"), secret.encode(), context("totp", user_id))
    run(connection, "UPDATE desk_user SET secret = ?, step = ? WHERE user_id = ?", sealed, step,
        user_id)  # fmt: skip


def disarm(connection: Connection, user_id: str) -> None:
    """Let nobody sign in as somebody until they have enrolled anew."""
    run(connection, "UPDATE desk_user SET password = '', secret = ?, state = ? WHERE user_id = ?",
        b"", INVITED, user_id)  # fmt: skip


def change_state(connection: Connection, user_id: str, state: str) -> None:
    """Say how somebody stands: asked for, invited, active, ended."""
    run(connection, "UPDATE desk_user SET state = ? WHERE user_id = ?", state, user_id)


def change_roles(connection: Connection, user_id: str, roles: Sequence[str]) -> None:
    """Let somebody have these roles from now on, and no other."""
    run(connection, "UPDATE desk_user SET roles = ? WHERE user_id = ?", " ".join(roles), user_id)


def by_id(connection: Connection, user_id: str) -> User | None:
    """A user by their id, however they stand."""
    found = row(connection, f"SELECT {_COLUMNS} FROM desk_user WHERE user_id = ?", user_id)  # noqa: S608 - columns alone
    return None if found is None else _user(found)


def user_of(connection: Connection, user_id: str) -> User | None:
    """A user who may work, by the id that their session names."""
    statement = f"SELECT {_COLUMNS} FROM desk_user WHERE user_id = ? AND state = 'active'"  # noqa: S608 - columns alone
    found = row(connection, statement, user_id)
    return None if found is None else _user(found)


def kept(connection: Connection, kind: str, sign_in: str) -> tuple[User, str] | None:
    """A user by the name that they sign in with, and the hash of their password."""
    statement = (
        f"SELECT {_COLUMNS}, password FROM desk_user"  # noqa: S608 - columns alone
        " WHERE kind = ? AND sign_in = ? AND state = 'active'"
    )
    found = row(connection, statement, kind, sign_in.casefold())
    return None if found is None else (_user(found[:-1]), found[-1])


def step_taken(
    connection: Connection, keyring: Keyring, user_id: str, code: str, at: datetime
) -> bool:
    """Whether a one-time password is right and was not used before; it is used up by this."""
    found = row(connection, "SELECT secret, step FROM desk_user WHERE user_id = ?"
                " AND state = 'active'", user_id)  # fmt: skip
    if found is None:
        return False
    secret = unseal(keyring.derived("desk"), found[0], context("totp", user_id))
    step = totp.step_of(secret.decode(), code, at, found[1])
    if step is None:
        return False
    if not once.spend(connection, "totp", f"{user_id} {step}", at + STEP_LASTS):
        return False
    run(connection, "UPDATE desk_user SET step = ? WHERE user_id = ?", step, user_id)
    return True


def listed(connection: Connection) -> list[User]:
    """Everybody who works or worked at a desk, by name."""
    statement = f"SELECT {_COLUMNS} FROM desk_user ORDER BY state, kind, name"  # noqa: S608 - columns alone
    return [_user(each) for each in rows(connection, statement)]


def change_password(connection: Connection, user_id: str, hashed: str) -> None:
    """Let somebody sign in by another password, of which the hash is given."""
    run(connection, "UPDATE desk_user SET password = ? WHERE user_id = ?", hashed, user_id)


def leave_to_others(connection: Connection, user_id: str, person_id: str) -> None:
    """Note that an account is somebody's own or a relative's, so that others work on it."""
    run(connection, "INSERT INTO desk_own VALUES (?, ?) ON CONFLICT DO NOTHING", person_id,
        user_id)  # fmt: skip


def left_to_others(connection: Connection, user_id: str, person_id: str) -> bool:
    """Whether an account is somebody's own or a relative's."""
    statement = "SELECT 1 FROM desk_own WHERE person_id = ? AND user_id = ?"
    return row(connection, statement, person_id, user_id) is not None


def end_user(connection: Connection, user_id: str) -> None:
    """Let somebody work here no longer."""
    change_state(connection, user_id, ENDED)


def _user(found: tuple[Any, ...]) -> User:
    user_id, kind, name, sign_in, roles, party, state = found
    return User(user_id, kind, name, sign_in, tuple(roles.split()), party, state)
