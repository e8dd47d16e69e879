"""What some people are owed, as rows: read whole and once, then opened or let lapse."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import EntryNumber, PersonId
from upheld.database import rows as database
from upheld.database.covers import OWNERS_MAX
from upheld.database.statements import placeholders
from upheld.database.tables import item as table
from upheld.gate.log import entries

OWED: Final = "owed"
DELETION: Final = "delete"  # the kind of item of what is to be deleted
OPEN: Final = ("open", "late")
_Owed = tuple[str, str]  # a clause, and the act that it says somebody owes
_Rows = dict[PersonId, list[Any]]


class DoneAct(NamedTuple):
    """An act that somebody was owed and that is done now, by its entry.

    One that `settles` what is owed by one record leaves open what is owed by others.
    """

    person_id: PersonId
    entry: EntryNumber
    settles: str


class Items:
    """The items of people in one transaction; of each they are read once for all clauses.

    SealedError where the items of somebody who is asked about are not as they were written.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._open: _Rows = {}  # those that are open or late, so far
        self._all: _Rows = {}

    def lapse(self, whose: Iterable[PersonId], owed: _Owed, entry: EntryNumber) -> int:
        """Let what was owed to some people by a clause lapse; how many items."""
        pairs = [
            (each, each._replace(state="lapsed", closed=entry))
            for each in self._of(self._open, whose, OPEN)
            if each.kind == OWED and (each.clause, each.action) == owed
        ]
        database.rewrite(self.connection, table, pairs)
        return len(pairs)

    def open(
        self, dues: Mapping[tuple[PersonId, str], datetime], owed: _Owed, entry: EntryNumber
    ) -> int:
        """Open what is owed by a clause until a moment, unless it was opened before; how many.

        `dues` are by person and by the id of the record on which it rests.
        """
        if not dues:
            return 0
        there = {
            (each.person_id, each.basis)
            for each in self._of(self._all, {person_id for person_id, _ in dues}, None)
            if (each.clause, each.action) == owed
        }
        missing = [
            entries.NewItem(person_id, due, entry, basis)
            for (person_id, basis), due in dues.items()
            if (person_id, basis) not in there
        ]
        clause, action = owed
        entries.due_each(self.connection, OWED, clause, missing, action=action)
        return len(missing)

    def close(self, done: Iterable[DoneAct], action: str, clauses: Collection[str]) -> None:
        """Close what some people were owed by some clauses as done, each by an entry."""
        by_owner = {each.person_id: each for each in done}
        pairs = []
        for item in self._of(self._open, by_owner, OPEN):
            act = by_owner[item.person_id]
            if (
                (item.kind, item.action) == (OWED, action)
                and item.clause in clauses
                and act.settles in {"", item.basis}
            ):
                pairs.append((item, item._replace(state="done", closed=act.entry)))
        database.rewrite(self.connection, table, pairs)

    def _of(
        self, cache: _Rows, whose: Iterable[PersonId], states: Sequence[str] | None
    ) -> list[Any]:
        """The items of some people, in some states or any, whole."""
        ids = sorted(whose)
        if missing := [each for each in ids if each not in cache]:
            cache |= {each: [] for each in missing}
            for each in self._select(missing, states):
                cache[each.person_id].append(each)
        return [each for person_id in ids for each in cache[person_id]]

    def _select(self, ids: Sequence[PersonId], states: Sequence[str] | None) -> list[Any]:
        item_rows: list[Any] = []
        for first in range(0, len(ids), OWNERS_MAX):  # of so many, `select` looks at the whole sets
            some = ids[first : first + OWNERS_MAX]
            where = "person_id = ?" if len(some) == 1 else f"person_id IN ({placeholders(some)})"
            if states:
                where += f" AND state IN ({placeholders(states)})"
            item_rows += database.select(
                self.connection, table, where, *some, *(states or ()), parts=states
            )
        return item_rows
