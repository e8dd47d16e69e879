"""What is held of a person, as they may be told: by field, where it came from and since when."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading
from upheld.vault import people

if TYPE_CHECKING:
    from upheld.gate.gate import Gate


class HeldField(msgspec.Struct, frozen=True):
    """What is held of one field of a person: everything but the value."""

    field: str
    revision: int
    origin: str
    occasion: str
    clause: str
    at: datetime


def holdings(gate: Gate, person_id: PersonId) -> list[HeldField]:
    """What is held of a person, by field; VaultError where there is no person with that id."""
    with reading(gate.engine) as connection:
        person = people.open_person(connection, gate.context.keyring, person_id)
        statement = (
            "SELECT field, revision, origin, occasion, clause, at FROM value"
            " WHERE person_id = ? AND current = ? ORDER BY field, revision"
        )
        held_fields = [
            each
            for each in rows(connection, statement, person_id, True)
            if each[0] in person.holdings
        ]
    return [
        HeldField(field, revision, origin, occasion, clause, BEGINNING + timedelta(microseconds=at))
        for field, revision, origin, occasion, clause, at in held_fields
    ]
