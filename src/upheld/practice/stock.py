"""What is held of people, counted for the desk: what each practice that keeps something says of it.

Counts alone, of everybody together: no value is opened and nobody is named. A page of the desk
tells each by what `parts_of` makes of them, rounded one by one, and every sum from these: so no
number below ten can be told from another there, whatever is added up or subtracted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from upheld.gate.erasure import value_counts
from upheld.gate.gate import Gate

NOW: Final = value_counts.NOW  # in place of a month: when the job runs next
LEAST: Final = 10  # a count below it is told as small, and others to the nearest so many


class RoughCount(NamedTuple):
    """A count for a page of the desk: as so many in a chart, in words, and in a chart's label."""

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
    day: str  # on which it came in, such as 2026-11-29; of a part its month
    number: int
    company: str = ""  # that told us, where it is known
    again: bool = False  # whether another count has it already, as of another kind of data
    goes: str = ""  # the month in which the job will delete it, or NOW; empty where none is set
    key: str = ""  # by which it came, where a company has several


class Stock(NamedTuple):
    """One sort of what is held: its word in addresses, its title, and its counts."""

    word: str
    title: str
    rows: list[StockCount]
    page: str = ""  # of the desk, where there is more of it

    @property
    def total(self) -> int:
        """How many there are; what has several kinds of data counts once."""
        return sum(each.number for each in self.rows if not each.again)

    @property
    def goes_now(self) -> int:
        """How many of them the job would delete now."""
        return sum(each.number for each in self.rows if each.goes == NOW and not each.again)

    @property
    def goes(self) -> list[tuple[str, int]]:
        """How many of them it will delete later, by month."""
        return _by_month([each for each in self.rows if not each.again])


StockSource = Callable[[Gate], Stock]


def _by_month(rows: Iterable[StockCount]) -> list[tuple[str, int]]:
    months: dict[str, int] = {}
    for each in rows:
        if each.goes not in {"", NOW}:
            months[each.goes] = months.get(each.goes, 0) + each.number
    return sorted(months.items())


def parts_of(rows: Iterable[StockCount]) -> list[StockCount]:
    """What is told of some counts: of each kind, origin and clauses those of each month together.

    Where they are fewer than ten in all, they are one part, in the first of its months: that there
    are several would tell that there is more than one.
    """
    lines: dict[StockCount, dict[tuple[str, str], int]] = {}
    for row in rows:
        which = row._replace(day="", goes="", number=0)
        months = lines.setdefault(which, {})
        place = row.day[:7], row.goes
        months[place] = months.get(place, 0) + row.number
    parts = []
    for which, months in lines.items():
        by_month = months
        if (total := sum(months.values())) < LEAST:
            first = min(day for day, _ in months)
            goes = min((goes for _, goes in months), key=_urgency)
            by_month = {(first, goes): total}
        parts += [
            which._replace(day=day, goes=goes, number=number)
            for (day, goes), number in sorted(by_month.items())
            if number
        ]
    return parts


def _urgency(goes: str) -> tuple[bool, bool, str]:
    return not goes, goes != NOW, goes


def rough(number: int) -> RoughCount:
    """A count to the nearest ten; of one below ten, that it is."""
    return rough_sum([number])


def rough_sum(numbers: Iterable[int]) -> RoughCount:
    """The sum of some counts, each rounded before: it tells nothing that these do not.

    Of small ones alone it says below what it is.
    """
    small, near = 0, 0
    for number in numbers:
        if 0 < number < LEAST:
            small += 1
        else:
            near += (number + LEAST // 2) // LEAST * LEAST
    if small and not near:
        most = f"{small * LEAST:,}"
        return RoughCount(small * LEAST // 2, f"fewer than {most}", f"< {most}")
    about = (near + small * LEAST // 2 + LEAST // 2) // LEAST * LEAST
    return RoughCount(about, f"{about:,}", f"{about:,}")


def few_or_rough(number: int) -> str:
    """A count to the nearest ten, in words; one below ten, or none, reads the same."""
    return str(rough(max(number, 1)))


def rough_bars(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, float, str]]:
    """Bars of a chart for counts by their labels."""
    return [(word, its.amount, its.label) for word, its in ((w, rough(n)) for w, n in pairs)]


class RoughStock(NamedTuple):
    """All that a page of the desk tells of one sort: nothing but what its parts say, rounded."""

    parts: Sequence[StockCount]

    @property
    def total(self) -> RoughCount:
        """About how many there are."""
        return rough_sum(each.number for each in self.parts if not each.again)

    @property
    def goes_now(self) -> RoughCount:
        """About how many the job would delete now."""
        now = (each.number for each in self.parts if each.goes == NOW and not each.again)
        return rough_sum(now)

    def bars(
        self, words_of: Callable[[StockCount], Iterable[str]], *, again: bool = False
    ) -> dict[str, RoughCount]:
        """About how many there are by words of each part; what counts once alone, unless `again`.

        What goes by no word counts nowhere.
        """
        counts: dict[str, list[int]] = {}
        for each in self.parts:
            for word in words_of(each) if again or not each.again else ():
                counts.setdefault(word, []).append(each.number)
        return {word: rough_sum(numbers) for word, numbers in counts.items()}

    @property
    def months(self) -> list[tuple[str, float, str]]:
        """Bars of when it came in, by month."""
        return bars_of(dict(sorted(self.bars(lambda each: [each.day]).items())))

    @property
    def ends(self) -> list[tuple[str, float, str]]:
        """Bars of when it goes, by month, but for what goes now or has no set end."""
        months = self.bars(lambda each: [each.goes] if each.goes not in {"", NOW} else [])
        return bars_of(dict(sorted(months.items())))


def rough_stock(stock: Stock) -> RoughStock:
    """What a page of the desk tells of one sort of what is held."""
    return RoughStock(parts_of(stock.rows))


def bars_of(counts: Mapping[str, RoughCount]) -> list[tuple[str, float, str]]:
    """Bars of a chart for rough counts by their labels, in their order."""
    return [(word, its.amount, its.label) for word, its in counts.items()]
