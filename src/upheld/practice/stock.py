"""What is held of people, counted for the desk: what each practice that keeps something says of it.

Counts alone, of everybody together: no value is opened and nobody is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from upheld.gate.gate import Gate

LEAST: Final = 10  # a count below it is told as small, and others to the nearest so many


class RoughCount(NamedTuple):
    """A count for a page of the desk: as so many in a chart, in words, and in a chart's label.

    Totals are rough, too: the difference of two that were exact would give a small one.
    """

    amount: int
    words: str
    label: str

    def __str__(self) -> str:
        return self.words


class StockCount(NamedTuple):
    """How many there are of one kind of data, from one origin, by the same clauses, of one day."""

    data: str  # a word of the policy
    origin: str  # likewise
    clauses: tuple[str, ...]
    day: str  # on which it came in, such as 2026-11-29
    number: int
    company: str = ""  # that told us, where it is known
    again: bool = False  # whether another count has it already, as of another kind of data


class Stock(NamedTuple):
    """One sort of what is held: its word in addresses, its title, its counts, and what will go."""

    word: str
    title: str
    total: int  # what has several kinds of data counts once
    rows: list[StockCount]
    goes_now: int  # what the job would delete now
    goes: list[tuple[str, int]]  # by month, what it will delete later
    page: str = ""  # of the desk, where there is more of it


StockSource = Callable[[Gate], Stock]


def rough(number: int) -> RoughCount:
    """A count to the nearest ten; of one below ten, that it is."""
    if 0 < number < LEAST:
        return RoughCount(LEAST // 2, f"fewer than {LEAST}", f"< {LEAST}")
    near = (number + LEAST // 2) // LEAST * LEAST
    return RoughCount(near, f"{near:,}", f"{near:,}")


def few_or_rough(number: int) -> str:
    """A count to the nearest ten, in words; one below ten, or none, reads the same."""
    return str(rough(max(number, 1)))


def rough_bars(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, float, str]]:
    """Bars of a chart for counts by their labels."""
    return [(word, its.amount, its.label) for word, its in ((w, rough(n)) for w, n in pairs)]
