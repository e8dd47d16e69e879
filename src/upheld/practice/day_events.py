"""What happened to a customer on a day, in words, as each practice that keeps something tells it.

Each is told to the customer alone, on one page by day and kind, by their own look at that kind of
data: what the policy does not let them see is not asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from upheld.core.ids import PersonId
from upheld.gate.act.request import ActResult
from upheld.gate.transaction import Transaction
from upheld.practice.unreadable import UnreadableValueError


class DayEvent(NamedTuple):
    """Something that happened on a day such as 2026-11-29, as a sentence; its kind of data."""

    day: str
    kind: str
    sentence: str


# What is kept of somebody, by what their look gave of the kinds of data that they may see.
DayEvents = Callable[[Transaction, PersonId, ActResult], list[DayEvent]]


class WithDays(Protocol):
    """What tells of which kinds of data what happened, day by day."""

    @property
    def day_events(self) -> Mapping[str, DayEvents]:
        """Kind of data, to who tells what is kept of it."""


def events_of(
    practices: Iterable[WithDays], transaction: Transaction, person_id: PersonId, result: ActResult
) -> tuple[list[DayEvent], bool]:
    """All that happened of the kinds that a look gave; and whether some of it cannot be read."""
    events, unreadable = list[DayEvent](), False
    for each in practices:
        for kind, tells in each.day_events.items():
            if kind in result.refused:
                continue
            try:
                events += tells(transaction, person_id, result)
            except UnreadableValueError:
                unreadable = True
    return events, unreadable


def kinds_of(practices: Iterable[WithDays], transaction: Transaction) -> list[str]:
    """The kinds of data of which practices tell what happened, that the policy in force knows."""
    words = transaction.policy.program.vocabulary.tree("data")
    kinds = dict.fromkeys(kind for each in practices for kind in each.day_events)
    return [each for each in kinds if each in words]
