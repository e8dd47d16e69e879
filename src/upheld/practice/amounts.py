"""What somebody used or was charged, month by month, and the fixed bands of such amounts.

Amounts are in parts of a unit: of a gigabyte one, of a dollar a hundred.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

import msgspec

from upheld.web.pages import format_month

MONTHS_MAX: Final = 24  # how far back anything asks


class Measure(NamedTuple):
    """A series of amounts: its kind of data, its unit, and where its bands begin, in parts."""

    field: str
    label: str
    unit: str
    parts: int
    edges: tuple[int, ...]

    def band(self, at: int) -> str:
        """A band as people read it."""
        return self._from_to(at, at + 1)

    def bands(self, places: Iterable[int]) -> list[str]:
        """Some bands as people read them; those that follow one another are one."""
        ranges: list[tuple[int, int]] = []
        for at in sorted({*places}):
            if ranges and ranges[-1][1] == at:
                ranges[-1] = (ranges[-1][0], at + 1)
            else:
                ranges.append((at, at + 1))
        return [self._from_to(*each) for each in ranges]

    def _from_to(self, first: int, end: int) -> str:
        low = self.edges[first] // self.parts
        if end == len(self.edges):
            return f"{low} {self.unit} or more"
        return f"{low} to under {self.edges[end] // self.parts} {self.unit}"

    def band_of(self, amount: float) -> int:
        """The place of the band in which an amount is; the first one for what is no number."""
        within = 0.0 if math.isnan(amount) else max(amount, 0.0)
        return bisect_right(self.edges, within) - 1


USAGE: Final = Measure("usage", "Used", "gigabytes", 1, (0, 1, 10, 50, 100, 500))
SPEND: Final = Measure(
    "transaction", "Charged", "dollars", 100, (0, 1_000, 2_500, 5_000, 10_000, 20_000)
)
MEASURES: Final[Mapping[str, Measure]] = {each.field: each for each in (USAGE, SPEND)}


class _UsedRow(msgspec.Struct, frozen=True):
    """What is read of a row of the series `usage`."""

    month: str
    gigabytes: float = 0


class _ChargedRow(msgspec.Struct, frozen=True):
    """What is read of a row of the series `transaction`."""

    kind: str
    date: str
    cents: int = 0


INVOICE: Final = "invoice"
_USED, _CHARGED = msgspec.json.Decoder(_UsedRow), msgspec.json.Decoder(_ChargedRow)


def by_month(
    its: Measure, rows: Iterable[str], months: Collection[str] | None = None
) -> dict[str, float]:
    """Somebody's amounts by month, in parts, of some months alone or of all.

    Unreadable rows count for nothing. It is read row by row for everybody, so calls are few in it.
    """
    result: dict[str, float] = {}
    decode: Callable[[str], _UsedRow | _ChargedRow]
    decode = _USED.decode if its is USAGE else _CHARGED.decode
    for text in rows:
        try:
            row = decode(text)
        except msgspec.DecodeError:
            continue
        if isinstance(row, _UsedRow):
            month, amount = row.month, row.gigabytes
        elif row.kind == INVOICE:
            month, amount = row.date[:7], row.cents
        else:
            continue
        if months is None or month in months:
            result[month] = result.get(month, 0) + amount
    return result


def bounded(amount: float, bound: int) -> int:
    """A whole amount from nothing to a bound; nothing for what is no number."""
    if math.isnan(amount):
        return 0
    return round(min(max(amount, 0), bound))


def months_from(first: str, count: int) -> list[str]:
    """So many months from one on."""
    year, month = map(int, first.split("-"))
    at = year * 12 + month - 1
    return [f"{each // 12:04d}-{each % 12 + 1:02d}" for each in range(at, at + count)]


def months_between(first: str, last: str) -> list[str]:
    """The months from one to another, both with them."""
    ends = [12 * int(each[:4]) + int(each[5:]) for each in (first, last)]
    return months_from(first, ends[1] - ends[0] + 1)


def month_choices(today: date) -> list[tuple[str, str]]:
    """The months that are over and can be asked about, the latest first."""
    at = today.year * 12 + today.month - 1
    first = f"{(at - MONTHS_MAX) // 12:04d}-{(at - MONTHS_MAX) % 12 + 1:02d}"
    return [(each, month_name(each)) for each in reversed(months_from(first, MONTHS_MAX))]


def month_name(month: str) -> str:
    """A month as people say it."""
    return format_month(date.fromisoformat(f"{month}-01"))
