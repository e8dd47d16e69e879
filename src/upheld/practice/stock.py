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


def lines_of(parts: Iterable[StockCount]) -> list[StockCount]:
    """How many there are of each kind, origin and clauses in all, as it may be told beside parts.

    That is the nearest ten by which any small part could still be each number below ten.
    """
    lines: dict[StockCount, list[int]] = {}
    for each in parts:
        lines.setdefault(each._replace(day="", goes="", number=0), []).append(each.number)
    return [which._replace(number=_total_of(numbers)) for which, numbers in lines.items()]


def _total_of(numbers: Sequence[int]) -> int:
    """The sum of the parts of a line, as it may be told; of a single one itself."""
    if len(numbers) == 1:
        return numbers[0]
    near = _nearest(sum(numbers))
    if min(numbers) >= LEAST:
        return near
    least = sum(reach(each)[0] for each in numbers)
    most = sum(reach(each)[1] for each in numbers)
    first = max(-(-(least + LEAST - 6) // LEAST) * LEAST, LEAST)
    last = (most - LEAST + 7) // LEAST * LEAST
    return min(max(near, first), last)


def _nearest(number: int) -> int:
    return (number + LEAST // 2) // LEAST * LEAST


def reach(number: int) -> tuple[int, int]:
    """The least and the most that a number may be that is told as this one is."""
    if number < LEAST:
        return 1, LEAST - 1
    return max(_nearest(number) - LEAST // 2, LEAST), _nearest(number) + LEAST // 2 - 1


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
            near += _nearest(number)
    if small and not near:
        most = f"{small * LEAST:,}"
        return RoughCount(small * LEAST // 2, f"fewer than {most}", f"< {most}")
    about = _nearest(near + small * LEAST // 2)
    return RoughCount(about, f"{about:,}", f"{about:,}")


def counts_beside(
    counts: Iterable[tuple[str, int]], others: Iterable[int]
) -> list[tuple[str, RoughCount]]:
    """Of counts by their words those that may be told beside other counts of the same things.

    The most first, none below ten, and so many that all of them fit into the others, whatever a
    small one of those is.
    """
    spans = [reach(each) for each in others if each]
    room = sum(most for _, most in spans)
    if any(most < LEAST for _, most in spans):
        room -= LEAST - 2  # one of those may be one
    several = []
    for word, number in sorted(counts, key=lambda pair: (-_nearest(pair[1]), pair[0])):
        room -= reach(number)[0]
        if number < LEAST or room < 0:
            break
        several.append((word, rough(number)))
    return several


def few_or_rough(number: int) -> str:
    """A count to the nearest ten, in words; one below ten, or none, reads the same."""
    return str(rough(max(number, 1)))


def rough_bars(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, float, str]]:
    """Bars of a chart for counts by their labels."""
    return [(word, its.amount, its.label) for word, its in ((w, rough(n)) for w, n in pairs)]


class RoughStock(NamedTuple):
    """All that a page of the desk tells of one sort: nothing but what its parts say, rounded."""

    parts: Sequence[StockCount]
    lines: Sequence[StockCount]

    @property
    def total(self) -> RoughCount:
        """About how many there are."""
        return rough_sum(each.number for each in self.lines if not each.again)

    @property
    def goes_now(self) -> RoughCount:
        """About how many the job would delete now."""
        now = (each.number for each in self.parts if each.goes == NOW and not each.again)
        return rough_sum(now)

    def bars(
        self, words_of: Callable[[StockCount], Iterable[str]], *, again: bool = False
    ) -> dict[str, RoughCount]:
        """About how many there are by words of each line; what counts once alone, unless `again`.

        What goes by no word counts nowhere.
        """
        return _sums([each for each in self.lines if again or not each.again], words_of)

    @property
    def _once(self) -> list[StockCount]:
        return [each for each in self.parts if not each.again]

    @property
    def months(self) -> list[tuple[str, float, str]]:
        """Bars of when it came in, by month."""
        return bars_of(dict(sorted(_sums(self._once, lambda each: [each.day]).items())))

    @property
    def ends(self) -> list[tuple[str, float, str]]:
        """Bars of when it goes, by month, but for what goes now or has no set end."""
        months = _sums(self._once, lambda each: [each.goes] if each.goes not in {"", NOW} else [])
        return bars_of(dict(sorted(months.items())))


def rough_stock(stock: Stock) -> RoughStock:
    """What a page of the desk tells of one sort of what is held."""
    parts = parts_of(stock.rows)
    return RoughStock(parts, lines_of(parts))


def _sums(
    counts: Iterable[StockCount], words_of: Callable[[StockCount], Iterable[str]]
) -> dict[str, RoughCount]:
    numbers: dict[str, list[int]] = {}
    for each in counts:
        for word in words_of(each):
            numbers.setdefault(word, []).append(each.number)
    return {word: rough_sum(some) for word, some in numbers.items()}


def bars_of(counts: Mapping[str, RoughCount]) -> list[tuple[str, float, str]]:
    """Bars of a chart for rough counts by their labels, in their order."""
    return [(word, its.amount, its.label) for word, its in counts.items()]
