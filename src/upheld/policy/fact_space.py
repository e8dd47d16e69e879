"""Every way a few facts can turn out, as one integer: a bit a world.

A `Space` lists the facts that matter somewhere and, for each, the values that tests tell apart.
A set of worlds is an integer of `space.size` bits, so conditions join by `&`, `|` and `^`, worlds
that cannot be are never there, and what must be proven are the largest boxes inside a set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from upheld.core.errors import UpheldError
from upheld.policy.fact_types import NO_WORDS, fact_type
from upheld.policy.program import Condition, Either, Every, FactTest, Negation
from upheld.policy.vocabulary import Fact

WORLDS_MAX = 1 << 20  # of one space: twenty facts that hold or do not
PROOFS_MAX = 4096  # alternatives of what to prove; more would help nobody


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
        self.facts = facts
        self.names = sorted(by_fact)
        self.values = [
            fact_type(facts[name]).values(by_fact[name], (named_words or {}).get(name, NO_WORDS))
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
                    kind = fact_type(self.facts[fact])
                    return self.all if kind.holds(condition, facts[fact]) else 0
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


def truth(
    condition: Condition, values: Mapping[str, object], facts: Mapping[str, Fact]
) -> bool | None:
    """Whether a condition holds by what is known; None where that is not enough to tell.

    `facts` are those of the vocabulary.
    """
    match condition:
        case FactTest(fact):
            if fact not in values:
                return None
            return fact_type(facts[fact]).holds(condition, values[fact])
        case Negation(inner):
            value = truth(inner, values, facts)
            return None if value is None else not value
        case Every(formulas):
            return combine_truth([truth(each, values, facts) for each in formulas], decisive=False)
        case Either(formulas):
            return combine_truth([truth(each, values, facts) for each in formulas], decisive=True)


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
