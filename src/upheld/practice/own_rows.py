"""What practices keep of people in tables of their own, by kind of data, for a release of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Protocol

from upheld.core.ids import PersonId
from upheld.gate.transaction import Transaction

# What is kept of somebody, each with when it came in.
RowsOf = Callable[[Transaction, PersonId], list[tuple[datetime, str]]]
# Those of them that were told as gone, and are told of again now, but were not at a moment before.
RowsSince = Callable[[Transaction, PersonId, datetime], list[tuple[datetime, str]]]


class WithRows(Protocol):
    """What says of which kinds of data it has rows in tables of its own."""

    @property
    def own_rows(self) -> Mapping[str, RowsOf]:
        """Kind of data, to who reads somebody's."""

    @property
    def own_rows_after_silence(self) -> Mapping[str, RowsSince]:
        """Kind of data, to who reads what was told as gone, and is told of since a moment."""


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
