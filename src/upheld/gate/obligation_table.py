"""What a practice sees and says of obligations: which are open, until when, and that one is met."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from upheld.core.ids import EntryNumber, ObligationId, PersonId, RecordId
from upheld.database import rows as database
from upheld.database.statements import placeholders, to_datetime
from upheld.database.tables import item, microseconds

_ONE: Final = "person_id = ? AND item_id = ?"


class ObligationTable:
    """The items of obligations, in one transaction. An item is named by its person and its id."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_entry(self, person_id: PersonId, entry: EntryNumber, kind: str) -> str:
        """The id of the item of a kind that an act made, by its entry; empty without one."""
        where = "person_id = ? AND entry = ? AND kind = ?"
        item_row = database.get(self._connection, item, where, person_id, entry, kind)
        return "" if item_row is None else str(item_row.item_id)

    def due_times(self, obligations: Sequence[tuple[str, str]]) -> dict[str, int | None]:
        """Until when some items are to be met, in microseconds since 1970, by their ids."""
        people, ids = [each for each, _ in obligations], [each for _, each in obligations]
        where = f"person_id IN ({placeholders(people)}) AND item_id IN ({placeholders(ids)})"
        item_rows, _ = database.select_authentic(self._connection, item, where, *people, *ids)
        return {each.item_id: each.due for each in item_rows}

    def due_by_record(
        self, person_id: PersonId, record_id: RecordId, action: str
    ) -> datetime | None:
        """Until when somebody is owed an act by a record; None where they are owed none by it."""
        where = "person_id = ? AND basis = ? AND action = ? AND state IN ('open', 'late')"
        item_rows = database.select(
            self._connection, item, where, person_id, record_id, action, parts=["open", "late"]
        )
        dues = [each.due for each in item_rows if each.due is not None]
        return to_datetime(min(dues)) if dues else None

    def owed(self, clauses: Sequence[str]) -> list[Any]:
        """What is owed under some clauses and not met, what is due first in front."""
        where = (
            f"kind = 'owed' AND state IN ('open', 'late') AND clause IN ({placeholders(clauses)})"
            " ORDER BY due IS NULL, due"
        )
        item_rows, _ = database.select_intact(
            self._connection, item, where, *clauses, parts=["open", "late"]
        )
        return item_rows

    def set_due(self, person_id: PersonId, item_id: ObligationId, due: datetime) -> None:
        """Let an item be due at a moment."""
        changes = {"due": microseconds(due)}
        database.update(self._connection, item, changes, _ONE, person_id, item_id)

    def close(self, person_id: PersonId, item_id: ObligationId) -> None:
        """Note that what an item asks for is done."""
        database.update(self._connection, item, {"state": "done"}, _ONE, person_id, item_id)
