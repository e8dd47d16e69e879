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

from upheld.core.ids import PersonId, UserId
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

    user_id: UserId
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
    """Add a desk user, who cannot sign in before they enrol."""
    user = User(
        UserId(secrets.token_hex(16)), kind, name, sign_in.casefold(), tuple(roles), party, state
    )
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
    transaction: Transaction, user_id: UserId, hashed: str, secret: str, step: int
) -> None:
    """Let a user sign in by the password and the authenticator that they set up themselves."""
    change_password(transaction.tables, user_id, hashed)
    change_secret(transaction, user_id, secret, step)
    change_state(transaction.tables, user_id, ACTIVE)


def change_secret(transaction: Transaction, user_id: UserId, secret: str, step: int) -> None:
    """Replace the secret of one-time passwords; codes are accepted from the step after `step`."""
    sealed = transaction.sealer("desk").seal(secret.encode(), "totp", user_id)
    _change(transaction.tables, user_id, secret=sealed, step=step)


def require_enrolment(tables: Tables, user_id: UserId) -> None:
    """Delete a user's password and secret: they must enrol again before they sign in."""
    _change(tables, user_id, password="", secret=b"", state=INVITED)


def change_state(tables: Tables, user_id: UserId, state: str) -> None:
    """Set the state of a user: requested, invited, active or ended."""
    _change(tables, user_id, state=state)


def change_roles(tables: Tables, user_id: UserId, roles: Sequence[str]) -> None:
    """Replace the roles of a user."""
    _change(tables, user_id, roles=" ".join(roles))


def _change(tables: Tables, user_id: UserId, **changes: Any) -> None:
    tables.update(desk_user, changes, "user_id = ?", user_id)


def find_user(tables: Tables, user_id: UserId) -> User | None:
    """The user with an id, in any state; None where there is none."""
    row = tables.get(desk_user, "user_id = ?", user_id)
    return None if row is None else _from_row(row)


def find_active_user(tables: Tables, user_id: UserId) -> User | None:
    """The active user with an id; None where there is none."""
    row = tables.get(desk_user, _ACTIVE, user_id)
    return None if row is None else _from_row(row)


def find_by_sign_in(tables: Tables, kind: str, sign_in: str) -> tuple[User, str] | None:
    """The active user with a sign-in name, and the hash of their password; None without one."""
    where = "kind = ? AND sign_in = ? AND state = 'active'"
    row = tables.get(desk_user, where, kind, sign_in.casefold())
    return None if row is None else (_from_row(row), row.password)


def use_one_time_password(
    transaction: Transaction, user_id: UserId, code: str, at: datetime
) -> bool:
    """Use a one-time password up; False where it is wrong or was used before."""
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
    """All desk users in any state, ordered by state, kind and name."""
    return [_from_row(each) for each in tables.select(desk_user, "ORDER BY state, kind, name")]


def change_password(tables: Tables, user_id: UserId, hashed: str) -> None:
    """Replace the hash of a user's password."""
    _change(tables, user_id, password=hashed)


def leave_to_others(tables: Tables, user_id: UserId, person_id: PersonId) -> None:
    """Note that an account is a user's own or a relative's, so that others work on it."""
    tables.insert_new(desk_own, person_id=person_id, user_id=user_id)


def is_left_to_others(tables: Tables, user_id: UserId, person_id: PersonId) -> bool:
    """Whether an account is a user's own or a relative's."""
    where = "person_id = ? AND user_id = ?"
    return tables.get(desk_own, where, person_id, user_id) is not None


def end_user(tables: Tables, user_id: UserId) -> None:
    """End a user's work here: they cannot sign in any more."""
    change_state(tables, user_id, ENDED)


def _from_row(row: Any) -> User:
    """The user of a verified row."""
    return User(
        row.user_id,
        row.kind,
        row.name,
        row.sign_in,
        tuple(row.roles.split()),
        row.party,
        row.state,
    )
