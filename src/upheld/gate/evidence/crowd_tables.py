"""Rows of many people's, for what is proven of each: read once for all of them, not once for each.

A prover asks for the rows of one person. Where an act is on many, the first such question is asked
for some hundreds of them at once, and the answers of the others are there when they are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Table

from upheld.database import rows as checked
from upheld.database.covers import OWNERS_MAX, owners_of_rows
from upheld.database.declared import declaration
from upheld.database.own_tables import Tables

_OF_ONE: Final = "person_id = ?"
_Question = tuple[str, str, tuple[Any, ...], tuple[str, ...] | None, int]


class CrowdTables(Tables):
    """The rows of tables as they are while an act on some people is decided.

    Nothing that is written meanwhile is seen in what was read before.
    """

    __slots__ = ("_answers", "_crowd", "_owners", "_places")

    def __init__(self, connection: Connection, crowd: Sequence[str]) -> None:
        super().__init__(connection)
        self._crowd = crowd
        self._places = {each: at for at, each in enumerate(crowd)}
        self._answers: dict[_Question, tuple[dict[str, list[Any]], set[str]]] = {}
        self._owners: dict[tuple[str, tuple[str, ...] | None, int], set[str]] = {}

    def select(
        self, table: Table, where: str = "", *values: Any, parts: Sequence[str] | None = None
    ) -> list[Any]:
        """The rows that a condition holds of; for one of the crowd with those beside them, once."""
        place = self._places.get(values[0]) if values else None
        if place is None or not _is_of_one(table, where):
            return super().select(table, where, *values, parts=parts)
        lot = place // OWNERS_MAX
        key = (str(table.name), where, values[1:], None if parts is None else (*parts,), lot)
        answer = self._answers.get(key)
        if answer is None:
            some = self._crowd[lot * OWNERS_MAX : (lot + 1) * OWNERS_MAX]
            answer = self._answers[key] = checked.select_of_each(
                self._connection, table, some, where, *values[1:], parts=parts
            )
        of_each, changed = answer
        if values[0] in changed:  # which is told of them alone
            return super().select(table, where, *values, parts=parts)
        return list(of_each.get(values[0], ()))

    def get(self, table: Table, where: str, *values: Any) -> Any | None:
        """The row that a condition holds of, checked; None where there is none."""
        mine = self.select(table, where, *values)
        return mine[0] if mine else None

    def has_rows(self, table: Table, owner: str, parts: tuple[str, ...] | None = None) -> bool:
        """Whether one of the crowd has, or should have, rows in a table, or in some parts of it.

        Whatever is amiss with their rows is found by whoever reads them then.
        """
        place = self._places.get(owner)
        if place is None:
            return True
        lot = place // OWNERS_MAX
        key = str(table.name), parts, lot
        owners = self._owners.get(key)
        if owners is None:
            some = self._crowd[lot * OWNERS_MAX : (lot + 1) * OWNERS_MAX]
            owners = self._owners[key] = owners_of_rows(
                self._connection, declaration(table), some, parts
            )
        return owner in owners


@lru_cache(maxsize=256)
def _is_of_one(table: Table, where: str) -> bool:
    """Whether a condition is of the rows of one person, and can be asked of many at once."""
    if not where.startswith(_OF_ONE) or table.info.get("house"):
        return False
    rest = where[len(_OF_ONE) :]
    if rest and not rest.startswith((" AND ", " ORDER BY ")):
        return False
    layout = declaration(table)
    owned = layout.owner is not None and layout.covered[layout.owner] == "person_id"
    return owned and not any(each in rest for each in (" OR ", "LIMIT", "SELECT"))
