"""Who works at a desk: members of staff, and people of companies that are engaged by us.

They sign in by name, password and a one-time password. A role gives duties and no data; an agent
belongs to a company of the register, by its name there. The secret of the one-time passwords is
sealed under the keyring.
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
from upheld.web import once, passwords, totp

STEP_LASTS: Final = timedelta(minutes=5)  # longer than any step is taken for right
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
    connection: Connection, keyring: Keyring, kind: str, name: str, sign_in: str, password: str,
    *, roles: Sequence[str] = (), party: str = "",
) -> tuple[User, str]:  # fmt: skip
    """Add a user of a desk; with the secret of their one-time passwords, to be shown once."""
    user = User(secrets.token_hex(16), kind, name, sign_in.casefold(), tuple(roles), party,
                "active")  # fmt: skip
    secret = totp.new_secret()
    sealed = seal(keyring.derived("desk"), secret.encode(), context("totp", user.user_id))
    run(connection, "INSERT INTO desk_user VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?)", user.user_id,
        kind, name, user.sign_in, passwords.hashed(password), sealed, " ".join(roles), party,
        user.state)  # fmt: skip
    return user, secret


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
    found = row(connection, "SELECT secret, step FROM desk_user WHERE user_id = ?", user_id)
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


def change_password(connection: Connection, user_id: str, password: str) -> None:
    """Let somebody sign in by another password."""
    run(connection, "UPDATE desk_user SET password = ? WHERE user_id = ?",
        passwords.hashed(password), user_id)  # fmt: skip


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
    run(connection, "UPDATE desk_user SET state = 'ended' WHERE user_id = ?", user_id)


def _user(found: tuple[Any, ...]) -> User:
    user_id, kind, name, sign_in, roles, party, state = found
    return User(user_id, kind, name, sign_in, tuple(roles.split()), party, state)
