"""What is carried forward when the oldest rows of a series go: what something in force rests on.

The policy says for how long rows are kept. What a row says may still be needed: the order of a plan
that runs, a payment that was made ahead. A practice says of its series which of the rows that are
due to go stay, and may sum up what the others amounted to. All else goes as the policy says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.vault import values
from upheld.vault.people import Person
from upheld.vault.values import Value


class RetiringRows(NamedTuple):
    """The rows of a person's series: those that are due to go and those after them, oldest first.

    The tables are for what the practice keeps beside them.
    """

    old: Sequence[str]
    young: Sequence[str]
    person_id: PersonId
    tables: Tables
    at: datetime


class CarriedRow(NamedTuple):
    """A row that stays in place of old ones: its value, and the old row whose origin it takes."""

    row: int
    value: str


CarryForward = Callable[[RetiringRows], Sequence[CarriedRow]]


class CarryForwards:
    """Who says what is carried forward, by series; of any other series nothing is."""

    def __init__(self) -> None:
        self._by: dict[str, CarryForward] = {}

    def add(self, field: str, carry: CarryForward) -> None:
        """Let a practice say what stays of a series from now on; UpheldError where one does."""
        if field in self._by:
            raise UpheldError(
                f"two practices say what is carried forward of `{field}`",
                code="carry",
                hint="remove one of the two",
            )
        self._by[field] = carry

    def forget(
        self, connection: Connection, person: Person, field: str, until: datetime, at: datetime
    ) -> tuple[Person, int]:
        """Delete the rows of a series from before a moment, but what stays of them; how many."""
        carry = self._by.get(field)
        if carry is None:
            return values.delete_oldest(connection, person, field, until)

        def stay(old: Sequence[Value], young: Sequence[Value]) -> list[Value]:
            carried_rows = carry(
                RetiringRows(
                    [each.value for each in old],
                    [each.value for each in young],
                    person.person_id,
                    Tables(connection),
                    at,
                )
            )
            return [replace(old[each.row], value=each.value) for each in carried_rows]

        return values.delete_oldest(connection, person, field, until, stay)

    def still_needed(
        self, connection: Connection, person: Person, fields: Sequence[str], at: datetime
    ) -> frozenset[str]:
        """The series of some fields of which something would stay if all their rows were to go."""
        carried_fields = [
            field for field in fields if field in self._by and field in person.holdings
        ]
        series_by_field = (
            values.examine(connection, person, carried_fields)[0] if carried_fields else {}
        )
        return frozenset(
            field
            for field, rows in series_by_field.items()
            if self._by[field](
                RetiringRows(
                    [each.value for each in rows], (), person.person_id, Tables(connection), at
                )
            )
        )
