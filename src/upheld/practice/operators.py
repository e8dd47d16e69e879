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

from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice.tables import desk_own, desk_user
from upheld.web import once, totp

STEP_LASTS: Final = timedelta(minutes=5)  # longer than any step is taken for right
REQUESTED: Final = "requested"  # waits for a second person's yes
INVITED: Final = "invited"  # may enrol, and not sign in before that
ACTIVE: Final = "active"
ENDED: Final = "ended"
MANAGER: Final = "manager"  # the role of who manages the provider, and sees no customer by it
_ACTIVE: Final = "user_id = ? AND state = 'active'"


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
    tables: Tables,
    kind: str,
    name: str,
    sign_in: str,
    *,
    roles: Sequence[str] = (),
    party: str = "",
    state: str = INVITED,
) -> User:
    """Add a user of a desk, who cannot sign in before they enrol."""
    user = User(secrets.token_hex(16), kind, name, sign_in.casefold(), tuple(roles), party, state)
    tables.insert(
        desk_user,
        user_id=user.user_id,
        kind=kind,
        name=name,
        sign_in=user.sign_in,
        password="",
        secret=b"",
        step=0,
        roles=" ".join(roles),
        party=party,
        state=state,
    )
    return user


def enable_sign_in(
    transaction: Transaction, user_id: str, hashed: str, secret: str, step: int
) -> None:
    """Let somebody sign in by a password and one-time passwords that they chose themselves."""
    change_password(transaction.tables, user_id, hashed)
    change_secret(transaction, user_id, secret, step)
    change_state(transaction.tables, user_id, ACTIVE)


def change_secret(transaction: Transaction, user_id: str, secret: str, step: int) -> None:
    """Take other one-time passwords from the step after `step` on."""
    sealed = transaction.sealer("desk").seal(secret.encode(), "totp", user_id)
    _change(transaction.tables, user_id, secret=sealed, step=step)


def require_enrolment(tables: Tables, user_id: str) -> None:
    """Let nobody sign in as somebody until they have enrolled anew."""
    _change(tables, user_id, password="", secret=b"", state=INVITED)


def change_state(tables: Tables, user_id: str, state: str) -> None:
    """Say how somebody stands: asked for, invited, active, ended."""
    _change(tables, user_id, state=state)


def change_roles(tables: Tables, user_id: str, roles: Sequence[str]) -> None:
    """Let somebody have these roles from now on, and no other."""
    _change(tables, user_id, roles=" ".join(roles))


def _change(tables: Tables, user_id: str, **changes: Any) -> None:
    tables.update(desk_user, changes, "user_id = ?", user_id)


def find_user(tables: Tables, user_id: str) -> User | None:
    """A user by their id, however they stand."""
    row = tables.get(desk_user, "user_id = ?", user_id)
    return None if row is None else _from_row(row)


def find_active_user(tables: Tables, user_id: str) -> User | None:
    """A user who may work, by the id that their session names."""
    row = tables.get(desk_user, _ACTIVE, user_id)
    return None if row is None else _from_row(row)


def find_by_sign_in(tables: Tables, kind: str, sign_in: str) -> tuple[User, str] | None:
    """A user by the name that they sign in with, and the hash of their password."""
    where = "kind = ? AND sign_in = ? AND state = 'active'"
    row = tables.get(desk_user, where, kind, sign_in.casefold())
    return None if row is None else (_from_row(row), row.password)


def use_one_time_password(transaction: Transaction, user_id: str, code: str, at: datetime) -> bool:
    """Whether a one-time password is right and was not used before; it is used up by this."""
    row = transaction.tables.get(desk_user, _ACTIVE, user_id)
    if row is None:
        return False
    secret = transaction.sealer("desk").unseal(row.secret, "totp", user_id)
    step = totp.step_of(secret.decode(), code, at, row.step)
    if step is None:
        return False
    if not once.spend(transaction.tables, "totp", f"{user_id} {step}", at + STEP_LASTS):
        return False
    _change(transaction.tables, user_id, step=step)
    return True


def all_users(tables: Tables) -> list[User]:
    """Everybody who works or worked at a desk, by name."""
    return [_from_row(each) for each in tables.select(desk_user, "ORDER BY state, kind, name")]


def change_password(tables: Tables, user_id: str, hashed: str) -> None:
    """Let somebody sign in by another password, of which the hash is given."""
    _change(tables, user_id, password=hashed)


def leave_to_others(tables: Tables, user_id: str, person_id: str) -> None:
    """Note that an account is somebody's own or a relative's, so that others work on it."""
    tables.insert_new(desk_own, person_id=person_id, user_id=user_id)


def is_left_to_others(tables: Tables, user_id: str, person_id: str) -> bool:
    """Whether an account is somebody's own or a relative's."""
    where = "person_id = ? AND user_id = ?"
    return tables.get(desk_own, where, person_id, user_id) is not None


def end_user(tables: Tables, user_id: str) -> None:
    """Let somebody work here no longer."""
    change_state(tables, user_id, ENDED)


def _from_row(row: Any) -> User:
    """A row that was checked, as a user."""
    return User(
        row.user_id,
        row.kind,
        row.name,
        row.sign_in,
        tuple(row.roles.split()),
        row.party,
        row.state,
    )
