"""The values of one fact that some tests tell apart, numbered: no and yes, points and gaps, words.

Worlds are told apart by these numbers (see `fact_space`), and so are the rows of a table: what is
known of a fact there is one number, 0 for nothing and else that of its value counted from 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterable
from fractions import Fraction
from functools import reduce
from itertools import combinations
from typing import TYPE_CHECKING, Any

from upheld.policy.program import FactTest
from upheld.policy.vocabulary import SMALLER, Fact

if TYPE_CHECKING:
    from upheld.policy.fact_types import FactType, OrderedType

STRANGE = 2  # this far from all that tests name, one value is as good as another


class Values(ABC):
    """The values of one fact that a set of tests tells apart."""

    count: int
    marks: tuple[object, ...] = ()  # the points or words that tests name

    def __init__(
        self, kind: FactType, tests: Iterable[FactTest], named_words: frozenset[str]
    ) -> None:
        """`named_words`: the words of the fact that any condition of the policy names."""
        self.kind: Any = kind
        self.fact: Fact = kind.fact
        self.named_words = named_words
        self.number(tests)

    @abstractmethod
    def number(self, tests: Iterable[FactTest]) -> None:
        """Set the values that these tests tell apart."""

    @abstractmethod
    def index(self, value: object) -> int:
        """The index of a value that was accepted."""

    @abstractmethod
    def holding(self, test: FactTest) -> list[int]:
        """The values for which a test holds."""

    @abstractmethod
    def sample(self, indices: list[int]) -> object:
        """A value at one of these indices, the plainest there is, to try out."""

    def rounded(self, value: object) -> object:
        """A value that stands for this one, the same for many where tests cannot tell them."""
        return value

    def subsets(self) -> list[int]:
        """The sets of values that words can say, as bits, larger ones first."""
        return [
            sum(1 << v for v in indices)
            for size in range(self.count, 0, -1)
            for indices in combinations(range(self.count), size)
        ]

    @abstractmethod
    def literals(self, subset: int) -> list[str]:
        """A set of values in words."""

    @abstractmethod
    def digit(self, column: Any) -> Any:
        """What a column says: 0 for nothing, else the value counted from 1, in 64 bits.

        It is cast before anything is added: Ibis takes a sum to be wide already and leaves casts
        out.
        """

    @abstractmethod
    def within(self, column: Any, subset: int) -> Any:
        """Whether a column says one of some values, as bits; NULL where it says nothing."""


class YesNoValues(Values):
    """No and yes."""

    count = 2

    def number(self, tests: Iterable[FactTest]) -> None:
        """There are two values, whatever is tested."""

    def index(self, value: object) -> int:
        """0 for no, 1 for yes."""
        return int(value is True)

    def holding(self, test: FactTest) -> list[int]:  # noqa: ARG002 - there is only one
        """Yes."""
        return [1]

    def sample(self, indices: list[int]) -> object:
        """Yes where it may be."""
        return bool(indices[-1])

    def literals(self, subset: int) -> list[str]:
        """The fact, or its contrary."""
        return [self.fact.name] if subset == 0b10 else [f"not {self.fact.name}"]

    def digit(self, column: Any) -> Any:
        """1 for no, also where no record means no, and 2 for yes."""
        return (column.cast("int32").cast("int64") + 1).fill_null(1 if self.fact.absent else 0)

    def within(self, column: Any, subset: int) -> Any:
        """The column or its contrary."""
        if self.fact.absent:
            column = column.fill_null(False)
        return column if subset == 0b10 else ~column


class OrderedValues(Values):
    """The points with which tests compare, and the gaps before, between and after them."""

    kind: OrderedType

    def number(self, tests: Iterable[FactTest]) -> None:
        """Two values for each point, the gap before it and itself, and one after all."""
        self.points = sorted({Fraction(test.number) for test in tests})
        self.marks = tuple(self.points)
        self.count = 2 * len(self.points) + 1

    def index(self, value: object) -> int:
        """Odd for a point, even for a gap."""
        number = self.kind.exact(value)
        at = bisect_left(self.points, number)
        return 2 * at + (at < len(self.points) and self.points[at] == number)

    def holding(self, test: FactTest) -> list[int]:
        """All on one side of a point, with it or without it, or it alone."""
        at = 2 * self.points.index(Fraction(test.number)) + 1
        low, high = {
            "<": (0, at - 1),
            "<=": (0, at),
            "=": (at, at),
            ">=": (at, self.count - 1),
            ">": (at + 1, self.count - 1),
        }[test.comparison]
        return list(range(low, high + 1))

    def sample(self, indices: list[int]) -> object:
        """A whole number where there is one, and one that is not negative."""
        points = (self._between(at) for at in indices)
        return self.kind.value_at(min(points, key=lambda n: (n.denominator, n < 0)))

    def rounded(self, value: object) -> object:
        """A value far from every point, as the plainest in its gap."""
        number = self.kind.exact(value)
        if all(abs(point - number) > STRANGE for point in self.points):
            return self.sample([self.index(value)])
        return value

    def _between(self, at: int) -> Fraction:
        """A number at one of the points, or in one of the gaps."""
        points = self.points
        if at % 2:
            return points[at // 2]
        if at == 0:
            return points[0] - 1
        if at == self.count - 1:
            return points[-1] + 1
        low, high = points[at // 2 - 1], points[at // 2]
        whole = Fraction(int(low // 1) + 1)
        return whole if whole < high else (low + high) / 2

    def subsets(self) -> list[int]:
        """Those that lie side by side."""
        n = self.count
        return [((1 << size) - 1) << low for size in range(n, 0, -1) for low in range(n - size + 1)]

    def literals(self, subset: int) -> list[str]:
        """One comparison for each end that a set has, or that it is equal to a point."""
        name, low, high = self.fact.name, *_ends(subset)
        if low == high and low % 2:
            return [f"{name} = {self._say(low)}"]
        bounds = []
        if low > 0:
            bounds.append(
                f"{name} >= {self._say(low)}" if low % 2 else f"{name} > {self._say(low - 1)}"
            )
        if high < self.count - 1:
            bounds.append(
                f"{name} <= {self._say(high)}" if high % 2 else f"{name} < {self._say(high + 1)}"
            )
        return bounds

    def _say(self, at: int) -> str:
        point, unit = self.points[at // 2], ""
        if point.denominator > 1 and self.fact.unit in SMALLER:
            smaller, many = SMALLER[self.fact.unit]
            point, unit = point * many, f" {smaller}"
        return f"{self.kind.point_text(point)}{unit}"

    def digit(self, column: Any) -> Any:
        """One more for each point that is reached, and for each that is passed."""
        points = [self.kind.column_point(point) for point in self.points]
        comparisons = [
            each.cast("int32").cast("int64")
            for point in points
            for each in (column >= point, column > point)
        ]
        return (reduce(lambda one, other: one + other, comparisons) + 1).fill_null(0)

    def within(self, column: Any, subset: int) -> Any:
        """One comparison for each end, as in `literals`."""
        low, high = _ends(subset)
        points = [self.kind.column_point(point) for point in self.points]
        if low == high and low % 2:
            return column == points[low // 2]
        bounds = []
        if low:
            bounds.append(column >= points[low // 2] if low % 2 else column > points[low // 2 - 1])
        if high < self.count - 1:
            bounds.append(column <= points[high // 2] if high % 2 else column < points[high // 2])
        return reduce(lambda one, other: one & other, bounds)


class WordValues(Values):
    """The words that tests name, in the order of the vocabulary, and all others as one."""

    def number(self, tests: Iterable[FactTest]) -> None:
        """One value for each word of a test, and one for the rest if there is any."""
        test_words = {test.word for test in tests}
        self.words = [word for word in self.fact.words if word in test_words]
        self.marks = tuple(self.words)
        self.count = len(self.words) + (len(self.words) < len(self.fact.words))

    def index(self, value: object) -> int:
        """The place of a word; the last one for a word that no test names."""
        return self.words.index(str(value)) if value in self.words else len(self.words)

    def holding(self, test: FactTest) -> list[int]:
        """The word of the test."""
        return [self.words.index(test.word)]

    def sample(self, indices: list[int]) -> object:
        """The first word of these."""
        if indices[0] < len(self.words):
            return self.words[indices[0]]
        return next(word for word in self.fact.words if word not in self.words)

    def subsets(self) -> list[int]:
        """All of them, but that words which no condition names stand or fall as one."""
        sets = super().subsets()
        unnamed = set(self.fact.words) - self.named_words.union(self.words)
        if not unnamed:
            return sets
        return [each for each in sets if each.bit_count() == 1 or each >> len(self.words) & 1]

    def literals(self, subset: int) -> list[str]:
        """The one word that it is, or all that it is not."""
        name = self.fact.name
        inside = {w for w in self.fact.words if subset >> self.index(w) & 1}
        if len(inside) == 1 and inside <= self.named_words.union(self.words):
            return [f"{name} is {word}" for word in inside]
        return [f"not {name} is {word}" for word in self.fact.words if word not in inside]

    def digit(self, column: Any) -> Any:
        """The place of each word, from 1."""
        numbered_words = [(word, self.index(word) + 1) for word in self.fact.words]
        return column.cases(*numbered_words, else_=0).cast("int64")

    def within(self, column: Any, subset: int) -> Any:
        """Whether the word is one of some."""
        return column.isin([w for w in self.fact.words if subset >> self.index(w) & 1])


def _ends(subset: int) -> tuple[int, int]:
    """The lowest and the highest bit of a set."""
    return (subset & -subset).bit_length() - 1, subset.bit_length() - 1
