"""How far a look through everything has come: in mind, and in a row for whoever begins anew.

The row counts only when a process begins: whoever could change it might else have a look go round
somebody for ever. One that is not ours has the look begin at the beginning.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection

from upheld.database import rows as database
from upheld.database.seals import SealedError
from upheld.database.statements import to_datetime
from upheld.database.tables import microseconds
from upheld.database.transaction import reading, writing
from upheld.gate.tables import look

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_LOG = logging.getLogger("upheld.selfcheck")


class RoundState(NamedTuple):
    """A look through everything: when it began, and when it last came to its end."""

    name: str
    started_at: datetime
    ended: datetime | None


class Round:
    """The place at which one look goes on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._place: str | None = None

    def place(self, gate: Gate) -> str:
        """Where it goes on; empty at the beginning."""
        if self._place is None:
            try:
                with reading(gate.engine) as connection:
                    round_row = database.get(connection, look, "name = ?", self._name)
            except SealedError:
                round_row = None
            self._place = "" if round_row is None else str(round_row.place)
        return self._place

    def go_on(self, gate: Gate, place: str) -> None:
        """Note where it goes on; with nothing it has come to the end, and begins again."""
        before, self._place = self._place, place
        at = microseconds(gate.context.clock.now())
        changes: dict[str, Any] = {"place": place}
        if not before:
            changes["started_at"] = at
        if not place:
            changes["ended"] = at
        try:
            with writing(gate.engine) as connection:
                if not database.update(connection, look, changes, "name = ?", self._name):
                    database.insert(
                        connection, look, name=self._name, **{"started_at": at, **changes}
                    )
        except SealedError:  # which is among what is found
            _LOG.error(
                "how far the look `%s` has come cannot be kept: its row is not ours", self._name
            )


def round_states(connection: Connection) -> list[RoundState]:
    """The looks that were begun, by their names."""
    round_rows, _ = database.select_authentic(connection, look, "ORDER BY name")
    return [
        RoundState(
            each.name,
            to_datetime(each.started_at),
            None if each.ended is None else to_datetime(each.ended),
        )
        for each in round_rows
    ]
