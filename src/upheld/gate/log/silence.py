"""What no count tells: legal process, of which an order may forbid us to speak.

While an order forbids it, nothing that rests on it is told to whom it is about; once it ends, it
is. Counts cannot do that: one that grew when an order ended would tell that there had been one. So
legal process is in no count, whether an order forbids to speak of it or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sqlalchemy import Connection

from upheld.database import rows as database
from upheld.database.statements import placeholders, rows
from upheld.database.tables import record as table
from upheld.gate.log.entries import StoredEntry
from upheld.ledger.entries import Entry

PURPOSE: Final = "legal-process"
ORDERS: Final = ("instrument", "hold")  # kinds of records that nothing but legal process has
TASK: Final = "task"  # and one that may be of it
KINDS: Final = (*ORDERS, TASK)
TOGETHER: Final = 500  # people in one query


class Silence:
    """What of some entries may be counted."""

    def __init__(
        self, connection: Connection, some: Sequence[StoredEntry], asks: Callable[[Entry], bool]
    ) -> None:
        """`asks` tells whether an entry's question is one that an order may have answered."""
        batches = [each.number for each in some if each.entry.batch and asks(each.entry)]
        self._in_batches = _people(connection, batches)
        proven = {each.person_id for each in some if each.person_id and each.entry.evidence}
        everybody = proven.union(*self._in_batches.values())
        self._records, self._people, self._forged = set[str](), set[str](), set[str]()
        listed = sorted(everybody)
        for first in range(0, len(listed), TOGETHER):
            self._look(connection, listed[first : first + TOGETHER])

    def count(self, one: StoredEntry) -> int:
        """How many acts an entry counts for; none where it is of legal process.

        Of a batch that an order may have decided, nobody counts of whom there is one. Where what an
        act rested on is gone with its person, or is not as it was written, nobody can tell, and it
        does not count.
        """
        entry = one.entry
        if entry.purpose == PURPOSE:
            return 0
        if entry.batch is not None:
            mine = self._in_batches.get(one.number, [])
            return max(0, entry.batch.count - len((self._people | self._forged).intersection(mine)))
        if not entry.evidence:
            return 1
        if one.person_id is None:
            return 0 if entry.person else 1
        if one.person_id in self._forged:
            return 0
        return int(self._records.isdisjoint(entry.evidence))

    def _look(self, connection: Connection, people: Sequence[str]) -> None:
        where = f"person_id IN ({placeholders(people)}) AND kind IN ({placeholders(KINDS)})"
        orders, forged = database.select_intact(
            connection, table, where, *people, *KINDS, parts=KINDS
        )
        self._forged |= forged
        for each in orders:
            if each.kind in ORDERS or f'"{PURPOSE}"' in each.dims:
                self._records.add(each.record_id)
                if each.kind in ORDERS:
                    self._people.add(each.person_id)


def _people(connection: Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    """Who is in some batches, by the entry's number."""
    people: dict[int, list[str]] = {}
    for number, person_id in _listed(connection, numbers):
        people.setdefault(number, []).append(person_id)
    return people


def _listed(connection: Connection, numbers: Sequence[int]) -> Iterable[tuple[int, str]]:
    for first in range(0, len(numbers), TOGETHER):
        some = numbers[first : first + TOGETHER]
        statement = (
            f"SELECT number, person_id FROM entry_person WHERE number IN ({placeholders(some)})"  # noqa: S608 - placeholders alone
        )
        for number, person_id in rows(connection, statement, *some):
            yield int(number), str(person_id)
