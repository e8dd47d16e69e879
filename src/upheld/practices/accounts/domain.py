"""An account: opened when somebody signs up, verified by a message, closed when they leave."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.sql import row, run
from upheld.core.tables import BEGINNING, microseconds
from upheld.gate.derived import Reading
from upheld.gate.joint import Joint
from upheld.gate.request import Act, Refused

ACTIVE: Final = "active"
UNVERIFIED: Final = "unverified"
CLOSED: Final = "closed"
_COLUMNS = (
    "person_id, number, state, holder, opened, verified, closed, policy_digest, agreement_digest"
)


class Account(NamedTuple):
    """An account as it stands."""

    person_id: str
    number: str
    state: str
    holder: str
    opened: datetime
    verified: datetime | None
    closed: datetime | None
    policy_digest: str
    agreement_digest: str


def account_of(connection: Connection, person_id: str) -> Account | None:
    """A person's account."""
    statement = f"SELECT {_COLUMNS} FROM account WHERE person_id = ?"  # noqa: S608 - columns alone
    found = row(connection, statement, person_id)
    return None if found is None else _account(found)


def number_of(reading: Reading) -> str | None:
    """The account number of the person whom an act is about."""
    found = account_of(reading.connection, reading.person_id)
    return None if found is None else found.number


def payer_of(connection: Connection, person_id: str) -> str | None:
    """Who pays for what a person uses: the holder of their account."""
    found = account_of(connection, person_id)
    return None if found is None else found.holder


def by_number(joint: Joint, number: str) -> list[str]:
    """Whose an account is, by the number that a customer quotes."""
    found = row(joint.connection, "SELECT person_id FROM account WHERE number = ?", number)
    return [found[0]] if found else []


def open_account(
    joint: Joint, person_id: str, *, agreement_digest: str, holder: str = ""
) -> Account:
    """Open the account of somebody who accepted the policy in force and the agreement."""
    at = joint.house.clock.now()
    number = _number(joint.connection)
    policy = joint.house.policy.digest
    run(joint.connection, "INSERT INTO account VALUES (?, ?, ?, ?, ?, NULL, NULL, ?, ?)",
        person_id, number, UNVERIFIED, holder or person_id, microseconds(at), policy,
        agreement_digest)  # fmt: skip
    return Account(person_id, number, UNVERIFIED, holder or person_id, at, None, None, policy,
                   agreement_digest)  # fmt: skip


def _number(connection: Connection) -> str:
    """A number that says nothing and is nobody's yet."""
    while True:
        number = f"{secrets.randbelow(90_000_000) + 10_000_000}"
        if row(connection, "SELECT 1 FROM account WHERE number = ?", number) is None:
            return number


def verify(joint: Joint, person_id: str) -> None:
    """Note that the e-mail address was confirmed."""
    run(joint.connection, "UPDATE account SET state = ?, verified = ? WHERE person_id = ? AND"
        " state = ?", ACTIVE, microseconds(joint.house.clock.now()), person_id,
        UNVERIFIED)  # fmt: skip


def served(joint: Joint, person_id: str) -> str | Refused:
    """Whether we may serve a person now; empty if so."""
    found = joint.act(Act(action="serve"), person_id, entitled=True)
    return found if isinstance(found, Refused) else ""


def _account(told: tuple[Any, ...]) -> Account:
    return Account._make(
        BEGINNING + timedelta(microseconds=each) if at in (4, 5, 6) and each is not None else each
        for at, each in enumerate(told)
    )
