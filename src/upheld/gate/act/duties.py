"""What carries out each duty under which an act is allowed.

An act whose duty nobody carries out is refused. The gate itself sees to four: an entry, encryption,
no field but those asked for, and an item for what is to be deleted later. A practice adds others;
it is called in the act's own transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.database import rows as database
from upheld.database.own_tables import Tables
from upheld.database.statements import places
from upheld.database.tables import item
from upheld.gate.act.request import Act
from upheld.gate.log import entries
from upheld.gate.owed_rows import Obligations
from upheld.policy.request import Decision, Duty

if TYPE_CHECKING:
    from upheld.gate.obligations import Item
    from upheld.gate.transaction import GateTransaction


class Carrying(NamedTuple):
    """An act whose duty is to be carried out, in its transaction."""

    connection: Connection
    act: Act
    person_id: str
    decision: Decision
    entry: int
    at: datetime

    @property
    def tables(self) -> Tables:
        """Of a practice that keeps something in its own: in the act's transaction."""
        return Tables(self.connection)

    @property
    def obligations(self) -> Obligations:
        """What is owed, as far as a practice may see and meet it."""
        return Obligations(self.connection)

    def owe(self, kind: str, clause: str) -> None:
        """Note something that is owed from now on, and on no certain day."""
        entries.due(self.connection, self.person_id, kind, clause, None, self.entry)


Carrier = Callable[[Carrying, Duty], None]
Handler = Callable[["GateTransaction", "Item"], int]
"""What is done when an item falls due; it gives the number of the entry that tells so."""


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

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when one is added."""
        self._changed = changed
        self._by: dict[str, Carrier] = {
            "record": nothing_more,
            "encryption": nothing_more,
            "only-fields-needed": nothing_more,
            "delete-after": delete_after,
        }
        self.due: dict[str, Handler] = {}

    def add(self, duty: str, carrier: Carrier) -> None:
        """Let a part of the program carry out a duty from now on."""
        if duty in self._by:
            raise DutyError(f"`{duty}` is carried out already", code="duty", hint="by one part")
        self._by[duty] = carrier
        self._changed()

    def add_due(self, kind: str, handler: Handler) -> None:
        """Let a part of the program do what falls due of a kind of item from now on."""
        if kind in self.due:
            raise DutyError(f"what is due as `{kind}` is done already", code="duty", hint="by one")
        self.due[kind] = handler

    def missing(self, duties: Sequence[Duty]) -> tuple[str, ...]:
        """The duties that nobody carries out."""
        return tuple(duty.duty for duty in duties if duty.duty not in self._by)

    def carry_out(self, carrying: Carrying) -> None:
        """Carry out every duty of a decision, and close the items of what it does that was owed."""
        for duty in carrying.decision.duties:
            self._by[duty.duty](carrying, duty)
        if carrying.decision.owed:
            discharge(carrying)


def discharge(carrying: Carrying) -> None:
    """Close a person's items of an act that was owed, by whichever clauses, and is now done."""
    clauses = sorted({owed.clause for owed in carrying.decision.owed})
    where = (
        "person_id = ? AND kind = 'owed' AND action = ? AND state IN ('open', 'late')"
        f" AND clause IN ({places(clauses)})"
    )
    database.update(
        carrying.connection,
        item,
        {"state": "done", "closed": carrying.entry},
        where,
        carrying.person_id,
        carrying.act.action,
        *clauses,
        parts=("open", "late"),
    )
