"""What is held of people, counted for the desk: what each practice that keeps something says of it.

Counts alone, of everybody together: no value is opened and nobody is named.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from upheld.gate.gate import Gate


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
