"""What practices keep of people in tables of their own, by kind of data.

It is released where the law demands it, and goes with an account to a company that takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from upheld.core.ids import ClosingId, PersonId
from upheld.gate.transaction import Transaction

# What is kept of somebody, each with when it came in.
RowsOf = Callable[[Transaction, PersonId], list[tuple[datetime, str]]]
# Those of them that were told as gone, and are told of again now, but were not at a moment before.
RowsSince = Callable[[Transaction, PersonId, datetime], list[tuple[datetime, str]]]


class OwnRow(NamedTuple):
    """A row as it goes with an account: what it says, when it came in, from whom and by what."""

    value: str
    at: datetime
    source: str
    occasion: str = ""
    clause: str = ""


class OwnRows(NamedTuple):
    """What goes of somebody, by kind of data, and the kinds of which some has to stay.

    It cannot be read, or came by an access that was stolen, so that it may be another's.
    """

    rows: dict[str, list[OwnRow]]
    stay: set[str]


# What goes of some people, of those of whom anything is kept that may be told of.
RowsToSuccessor = Callable[[Transaction, Sequence[PersonId]], Mapping[PersonId, OwnRows]]


class RowIntake(NamedTuple):
    """How rows of a kind come in with accounts of another provider, which a policy let in.

    `check` gives ValueError for one that is none. `keep` has the company that hands them over, the
    closing and whose they are.
    """

    check: Callable[[Transaction, str], object]
    keep: Callable[[Transaction, str, ClosingId, Mapping[PersonId, Sequence[str]]], None]


class WithRows(Protocol):
    """What says of which kinds of data it has rows in tables of its own."""

    @property
    def own_rows(self) -> Mapping[str, RowsOf]:
        """Kind of data, to who reads somebody's."""

    @property
    def own_rows_after_silence(self) -> Mapping[str, RowsSince]:
        """Kind of data, to who reads what was told as gone, and is told of since a moment."""

    @property
    def rows_to_successor(self) -> RowsToSuccessor | None:
        """What goes of these kinds with accounts; nothing of it where it is None."""


def rows_of(
    practices: Iterable[WithRows], transaction: Transaction, person_id: PersonId, field: str
) -> list[tuple[datetime, str]]:
    """What practices keep of a kind of data of somebody in tables of their own, in order."""
    readers = [each.own_rows[field] for each in practices if field in each.own_rows]
    return sorted(row for reader in readers for row in reader(transaction, person_id))


def rows_after_silence(
    practices: Iterable[WithRows],
    transaction: Transaction,
    person_id: PersonId,
    field: str,
    before: datetime,
) -> list[tuple[datetime, str]]:
    """What of `rows_of` was told as gone while nobody might speak of a hold, and is told of now.

    But for what was told of at a moment before.
    """
    readers = [
        each.own_rows_after_silence[field]
        for each in practices
        if field in each.own_rows_after_silence
    ]
    return sorted(row for reader in readers for row in reader(transaction, person_id, before))


def rows_to_go(
    practices: Iterable[WithRows], transaction: Transaction, people: Sequence[PersonId]
) -> dict[PersonId, OwnRows]:
    """What practices keep of some people in tables of their own and goes with their accounts.

    What nothing keeps but a hold is not among it, so that nobody can tell from it of an order.
    """
    result: dict[PersonId, OwnRows] = {}
    for each in practices:
        read = each.rows_to_successor
        for person_id, its in read(transaction, people).items() if read else ():
            mine = result.setdefault(person_id, OwnRows({}, set()))
            for field, some in its.rows.items():
                mine.rows.setdefault(field, []).extend(some)
            mine.stay.update(its.stay)
    return result
