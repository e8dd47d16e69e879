"""What carries out each duty under which an act is allowed.

An act whose duty nobody carries out is refused. The gate itself sees to four: an entry, encryption,
no field but those asked for, and an item for what is to be deleted later. A practice adds others;
it is called in the act's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.gate import entries
from upheld.gate.request import Act
from upheld.policy.request import Decision, Duty, Owed


class Carrying(NamedTuple):
    """An act whose duty is to be carried out, in its transaction."""

    connection: Connection
    act: Act
    person_id: str
    decision: Decision
    entry: int
    at: datetime


Carrier = Callable[[Carrying, Duty], None]


class DutyError(UpheldError):
    """A duty that two parts of a program would carry out."""


def nothing_more(_: Carrying, __: Duty) -> None:
    """What the gate does anyway: the entry, the encryption, no field but those asked for."""


def delete_after(carrying: Carrying, duty: Duty) -> None:
    """An item for the day on which the data are to be gone."""
    due = entries.after(carrying.at, duty.amount, duty.unit)
    clause = ", ".join(carrying.decision.clauses)
    entries.due(carrying.connection, carrying.person_id, "delete", clause, due, carrying.entry)


class Carriers:
    """Who carries out which duty."""

    def __init__(self) -> None:
        self._by: dict[str, Carrier] = {
            "record": nothing_more, "encryption": nothing_more, "only-fields-needed": nothing_more,
            "delete-after": delete_after,
        }  # fmt: skip

    def add(self, duty: str, carrier: Carrier) -> None:
        """Let a part of the program carry out a duty from now on."""
        if duty in self._by:
            raise DutyError(f"`{duty}` is carried out already", code="duty", hint="by one part")
        self._by[duty] = carrier

    def missing(self, duties: Sequence[Duty]) -> tuple[str, ...]:
        """The duties that nobody carries out."""
        return tuple(duty.duty for duty in duties if duty.duty not in self._by)

    def carry_out(self, carrying: Carrying) -> None:
        """Carry out every duty of a decision; keep what is owed as items."""
        for duty in carrying.decision.duties:
            self._by[duty.duty](carrying, duty)
        for each in carrying.decision.owed:
            owe(carrying, each)


def owe(carrying: Carrying, owed: Owed) -> None:
    """An item for an act that is owed."""
    due = entries.after(carrying.at, owed.amount, owed.unit)
    entries.due(carrying.connection, carrying.person_id, "owed", owed.clause, due, carrying.entry)
