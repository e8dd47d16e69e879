"""Every way a few facts can turn out, as one integer: a bit a world.

A `Space` lists the facts that matter somewhere and, for each, its possible values: no and yes; the
points and gaps that comparisons tell apart, in order; the words that tests mention and the rest.
A set of worlds is an integer of `space.size` bits, so conditions join by `&`, `|` and `^`, worlds
that cannot be are never there, and what must be proven are the largest boxes inside a set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

from upheld.core.errors import UpheldError
from upheld.policy.program import Condition, Either, Every, FactTest, Negation
from upheld.policy.vocabulary import SMALLER, Fact

WORLDS_MAX = 1 << 20  # of one space: twenty facts that hold or do not
PROOFS_MAX = 4096  # alternatives of what to prove; more would help nobody
FAR = 10**100  # numbers beyond this compare alike; keeps hostile exponents cheap


class TooManyWorlds(UpheldError):  # noqa: N818 - it says what there is too much of
    """More combinations of facts than can be computed exactly; `facts` names the facts."""

    def __init__(self, facts: Iterable[str]) -> None:
        self.facts = tuple(sorted(facts))
        super().__init__(
            f"{len(self.facts)} facts decide together, too many to tell exactly: "
            + ", ".join(self.facts),
            code="too-many-facts",
            hint="say more in the question, or split the clauses",
        )


class Values:
    """The values of one fact that a set of tests tells apart."""

    def __init__(
        self, fact: Fact, tests: Iterable[FactTest], named_words: frozenset[str] = frozenset()
    ) -> None:
        """`named_words`: the words of the fact that any condition of the policy names."""
        self.fact = fact
        self.named_words = named_words
        self.points: list[Fraction] = []
        self.words: list[str] = []
        if fact.kind == "number":
            self.points = sorted({Fraction(t.number) for t in tests})
            self.count = 2 * len(self.points) + 1
        elif fact.kind == "word":
            test_words = {t.word for t in tests}
            self.words = [word for word in fact.words if word in test_words]
            self.count = len(self.words) + (len(self.words) < len(fact.words))
        else:
            self.count = 2

    def index(self, value: object) -> int:
        """The index of a boolean, number or word among the values."""
        if self.fact.kind == "number":
            number = exact(value)
            at = bisect_left(self.points, number)
            return 2 * at + (at < len(self.points) and self.points[at] == number)
        if self.fact.kind == "word":
            return self.words.index(str(value)) if value in self.words else len(self.words)
        return int(value is True)

    def holding(self, test: FactTest) -> list[int]:
        """The values for which a test holds."""
        if self.fact.kind == "number":
            at = 2 * self.points.index(Fraction(test.number)) + 1
            low, high = {
                "<": (0, at - 1),
                "<=": (0, at),
                "=": (at, at),
                ">=": (at, self.count - 1),
                ">": (at + 1, self.count - 1),
            }[test.comparison]
            return list(range(low, high + 1))
        if self.fact.kind == "word":
            return [self.words.index(test.word)]
        return [1]

    def sample(self, indices: list[int]) -> object:
        """A value at one of these indices, the plainest there is, to try out."""
        if self.fact.kind == "number":
            return min((self._between(at) for at in indices), key=lambda n: (n.denominator, n < 0))
        if self.fact.kind == "word":
            rest = [word for word in self.fact.words if word not in self.words]
            return self.words[indices[0]] if indices[0] < len(self.words) else rest[0]
        return bool(indices[-1])

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
        """The sets of values that words can say, as bits, larger ones first."""
        n = self.count
        if self.fact.kind == "number":
            return [
                ((1 << size) - 1) << low for size in range(n, 0, -1) for low in range(n - size + 1)
            ]
        sets = (
            sum(1 << v for v in indices)
            for size in range(n, 0, -1)
            for indices in combinations(range(n), size)
        )
        unnamed = set(self.fact.words) - self.named_words.union(self.words)
        if self.fact.kind != "word" or not unnamed:
            return list(sets)
        # A word that no condition names is never named alone: the rest stands or falls as one.
        return [each for each in sets if each.bit_count() == 1 or each >> len(self.words) & 1]

    def literals(self, subset: int) -> list[str]:
        """A set of values in words."""
        name = self.fact.name
        values = [v for v in range(self.count) if subset >> v & 1]
        if self.fact.kind == "number":
            return self._bounds(name, values[0], values[-1])
        if self.fact.kind == "word":
            inside = {w for w in self.fact.words if subset >> self.index(w) & 1}
            if len(inside) == 1 and inside <= self.named_words.union(self.words):
                return [f"{name} is {word}" for word in inside]
            return [f"not {name} is {word}" for word in self.fact.words if word not in inside]
        return [name] if values == [1] else [f"not {name}"]

    def _bounds(self, name: str, low: int, high: int) -> list[str]:
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
        point = self.points[at // 2]
        unit = ""
        if point.denominator > 1 and self.fact.unit in SMALLER:
            smaller, many = SMALLER[self.fact.unit]
            point, unit = point * many, f" {smaller}"
        return f"{number_text(point)}{unit}"


def number_text(value: Fraction) -> str:
    """A number as people write it: a decimal where it is one."""
    if value.denominator == 1:
        return str(value.numerator)
    text = format(Decimal(value.numerator) / Decimal(value.denominator), "f")
    return text if Fraction(text) == value else str(value)


def exact(value: object) -> Fraction:
    """A number as the exact decimal that was written, however large."""
    if isinstance(value, int):
        return Fraction(max(-FAR, min(FAR, value)))
    if isinstance(value, Fraction):
        return value
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if number and number.adjusted() >= 100:
        return Fraction(FAR if number > 0 else -FAR)
    if number and number.adjusted() <= -100:
        return Fraction(1 if number > 0 else -1, FAR)
    return Fraction(number)


class Space:
    """The facts of some tests and all their worlds; TooManyWorlds beyond the limit."""

    def __init__(
        self,
        tests: Iterable[FactTest],
        facts: Mapping[str, Fact],
        named_words: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        by_fact: dict[str, set[FactTest]] = {}
        for test in tests:
            by_fact.setdefault(test.fact, set()).add(test)
        self.names = sorted(by_fact)
        self.values = [
            Values(facts[name], by_fact[name], (named_words or {}).get(name, frozenset()))
            for name in self.names
        ]
        self.place = {name: at for at, name in enumerate(self.names)}
        self.strides: list[int] = []
        self.size = 1
        for values in self.values:
            self.strides.append(self.size)
            self.size *= values.count
            if self.size > WORLDS_MAX:
                raise TooManyWorlds(self.names)
        self.all = (1 << self.size) - 1
        self._worlds: dict[tuple[int, int], int] = {}

    def worlds(self, at: int, value: int) -> int:
        """The worlds in which the fact at a place has a value."""
        worlds = self._worlds.get((at, value))
        if worlds is None:
            stride, count = self.strides[at], self.values[at].count
            block = ((1 << stride) - 1) << (value * stride)
            worlds = block * (self.all // ((1 << (stride * count)) - 1))
            self._worlds[at, value] = worlds
        return worlds

    def test(self, test: FactTest) -> int:
        """The worlds in which a test holds."""
        at = self.place[test.fact]
        worlds = 0
        for value in self.values[at].holding(test):
            worlds |= self.worlds(at, value)
        return worlds

    def worlds_matching(self, facts: Mapping[str, object]) -> int:
        """The worlds that agree with some facts; facts outside the space are ignored."""
        cube = self.all
        for name, value in facts.items():
            at = self.place.get(name)
            if at is not None:
                cube &= self.worlds(at, self.values[at].index(value))
        return cube

    def holds(self, condition: Condition, facts: Mapping[str, object] | None = None) -> int:
        """The worlds in which a condition holds, where `facts` has the values of some facts.

        It must have a value for each fact outside the space.
        """
        match condition:
            case FactTest(fact):
                if facts is not None and fact in facts:
                    return self.all if test_holds(condition, facts[fact]) else 0
                return self.test(condition)
            case Negation(inner):
                return self.all ^ self.holds(inner, facts)
            case Every(parts):
                worlds = self.all
                for part in parts:
                    worlds &= self.holds(part, facts)
                return worlds
            case Either(parts):
                worlds = 0
                for part in parts:
                    worlds |= self.holds(part, facts)
                return worlds

    def proofs(self, worlds: int, facts: Mapping[str, object]) -> list[tuple[str, ...]]:
        """The prime implicants of a set of worlds over the unknown facts, as sorted literals.

        Each is a largest box (some values for each fact) whose worlds all lie in the set. Raises
        TooManyWorlds where there are more than anybody could read.
        """
        fixed_values = {
            self.place[n]: self.values[self.place[n]].index(v)
            for n, v in facts.items()
            if n in self.place
        }
        alternatives = []
        for box in _Boxes(self, fixed_values).find(worlds, len(self.names)):
            words: list[str] = []
            for at, subset in box:
                words += self.values[at].literals(subset)
            alternatives.append(tuple(sorted(words)))
        return sorted(set(alternatives), key=lambda each: (len(each), each))

    def boxes(self, worlds: int) -> list[Box]:
        """The largest boxes inside a set of worlds, as places of facts and their values."""
        return _Boxes(self, {}).find(worlds, len(self.names))


Box = tuple[tuple[int, int], ...]  # (place of the fact, values as bits); facts left out are free


class _Boxes:
    """Largest boxes by splitting on the last fact: its worlds are slices of the integer."""

    def __init__(self, space: Space, fixed_values: Mapping[int, int]) -> None:
        self.space, self.fixed = space, fixed_values
        self.boxes_of: dict[tuple[int, int], list[Box]] = {}
        self.subsets = {
            at: values.subsets() for at, values in enumerate(space.values) if at not in fixed_values
        }

    def find(self, worlds: int, depth: int) -> list[Box]:
        """The largest boxes of a set over the first `depth` facts."""
        if not worlds:
            return []
        if not depth:
            return [()]
        key = (depth, worlds)
        if key not in self.boxes_of:
            self.boxes_of[key] = self._split(worlds, depth - 1)
            if len(self.boxes_of[key]) > PROOFS_MAX:
                raise TooManyWorlds(self.space.names)
        return self.boxes_of[key]

    def _split(self, worlds: int, at: int) -> list[Box]:
        stride = self.space.strides[at]
        ones = (1 << stride) - 1
        slices = [(worlds >> (v * stride)) & ones for v in range(self.space.values[at].count)]
        if at in self.fixed:
            return self.find(slices[self.fixed[at]], at)
        full = (1 << len(slices)) - 1
        if all(each == slices[0] for each in slices):
            return self.find(slices[0], at)
        boxes: list[Box] = []
        wider_boxes: list[tuple[int, list[Box]]] = []
        for subset in self.subsets[at]:
            inside = ones
            for v, each in enumerate(slices):
                if subset >> v & 1:
                    inside &= each
            inner_boxes = self.find(inside, at)
            wider = [big_boxes for above, big_boxes in wider_boxes if above & subset == subset]
            boxes += [
                box if subset == full else (*box, (at, subset))
                for box in inner_boxes
                if not any(contained(box, big) for big_boxes in wider for big in big_boxes)
            ]
            wider_boxes.append((subset, inner_boxes))
        return boxes


def contained(small: Box, big: Box) -> bool:
    """Whether one box lies in another."""
    values = dict(small)
    return all(at in values and values[at] & subset == values[at] for at, subset in big)


def test_holds(test: FactTest, value: object) -> bool:
    """Whether a test holds of a known value."""
    if not test.comparison:
        return value is True
    if test.comparison == "is":
        return value == test.word
    number, point = exact(value), Fraction(test.number)
    return {
        "<": number < point,
        "<=": number <= point,
        "=": number == point,
        ">=": number >= point,
        ">": number > point,
    }[test.comparison]


def truth(condition: Condition, facts: Mapping[str, object]) -> bool | None:
    """Whether a condition holds by what is known; None where that is not enough to tell."""
    match condition:
        case FactTest(fact):
            return test_holds(condition, facts[fact]) if fact in facts else None
        case Negation(inner):
            value = truth(inner, facts)
            return None if value is None else not value
        case Every(formulas):
            return combine_truth([truth(each, facts) for each in formulas], decisive=False)
        case Either(formulas):
            return combine_truth([truth(each, facts) for each in formulas], decisive=True)


def combine_truth(values: list[bool | None], *, decisive: bool) -> bool | None:
    """The truth of formulas joined by `or` (decisive: True) or `and` (decisive: False)."""
    return decisive if decisive in values else None if None in values else not decisive


def tests_of(condition: Condition) -> set[FactTest]:
    """The tests in a condition."""
    match condition:
        case FactTest():
            return {condition}
        case Negation(inner):
            return tests_of(inner)
        case Every(parts) | Either(parts):
            return set().union(*map(tests_of, parts))
