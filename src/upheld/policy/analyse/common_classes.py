"""One policy or two over one ground: positions, facts and classes that all of them share.

Where the vocabularies differ, a word that one policy lacks is, to that policy, another kind of
the nearest word above it; an action that it lacks is one of which it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from operator import or_

import msgspec

from upheld.core.errors import UpheldError
from upheld.policy.compile import Cell, CompiledPolicy
from upheld.policy.fact_space import Space, TooManyWorlds
from upheld.policy.fact_types import NO_WORDS, fact_type
from upheld.policy.load import Policy
from upheld.policy.regions import Axis, Bits, Box, Grid, TooManyClasses, axis
from upheld.policy.request import Request
from upheld.policy.vocabulary import DIMENSIONS, OTHER, TREE_OF, Fact, Term

NamesByPolicy = tuple[
    str, ...
]  # what one position is called by each policy; empty where it has no word
CLAUSES_NAMED = 8  # of an error


class CommonClasses:
    """Some policies side by side, with the classes of requests that none of them tells apart."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self.policies = tuple(policies)
        self.sides: tuple[CompiledPolicy, ...] = tuple(p.engine.compiled for p in policies)
        self.facts = _facts(self.sides)
        self.named_words: dict[str, frozenset[str]] = {}
        for side in self.sides:
            for name, words in side.named_words.items():
                self.named_words[name] = self.named_words.get(name, frozenset()) | words
        self.positions = {d: self._positions(TREE_OF[d], rest=True) for d in DIMENSIONS}
        self.actions = self._positions("action", rest=False)
        self._copies = {
            d: [_copies_of(side, d, self.positions[d], at) for at, side in enumerate(self.sides)]
            for d in DIMENSIONS
        }
        self._spaces: dict[frozenset[object], Space] = {}

    def _positions(self, tree: str, *, rest: bool) -> tuple[NamesByPolicy, ...]:
        """Every leaf of any policy, by the name that each policy has for it."""
        positions: dict[NamesByPolicy, None] = {}
        for at, side in enumerate(self.sides):
            for leaf in side.leaves[tree].names:
                names = [
                    self._image(leaf, at, to, tree, rest=rest) for to in range(len(self.sides))
                ]
                if None not in names:
                    positions[tuple(str(name) for name in names)] = None
        return tuple(positions)

    def _image(self, leaf: str, at: int, to: int, tree: str, *, rest: bool) -> str | None:
        """A leaf of one policy in another; None where the other's finer leaves stand for it."""
        there = self.sides[to].leaves[tree]
        if leaf in there.bit:
            return leaf
        terms = self.sides[at].vocabulary.tree(tree)
        word = leaf.removesuffix(f"/{OTHER}")
        if leaf != word and word in there.bit:
            return word
        if word in there.mask and leaf == word:
            return None
        while word:
            above = terms[word].parent if word in terms else ""
            if f"{above}/{OTHER}" in there.bit:
                return f"{above}/{OTHER}"
            if above in there.bit:
                return above
            word = above
        return OTHER if rest else ""

    def takes(self, action: NamesByPolicy) -> tuple[str, ...]:
        """The dimensions that an action takes in any of the policies."""
        dimensions = {
            d
            for side, name in zip(self.sides, action, strict=True)
            if name
            for d in side.takes[name]
        }
        return tuple(d for d in DIMENSIONS if d in dimensions)

    def at(self, side: int, dimension: str, leaf: str) -> int:
        """The copies of one policy that hold a leaf."""
        names = (position[side] for position in self.positions[dimension])
        return self._copies[dimension][side][list(names).index(leaf)]

    def over(self, start: Bits, action: NamesByPolicy, dimensions: Sequence[str]) -> Grid:
        """The classes over some dimensions only, from what is left of each policy's copies."""
        try:
            return Grid(start, [self._axis(d, action, -1) for d in dimensions])
        except TooManyClasses as error:
            raise self.too_dear(str(error), start, error.code) from None

    def grid(self, action: NamesByPolicy, masks: Mapping[str, int] | None = None) -> Grid:
        """The classes of an action; `masks` limits some dimensions to these positions, as bits."""
        start = tuple(
            side.action[name] if name else 0 for side, name in zip(self.sides, action, strict=True)
        )
        axes = [self._axis(d, action, (masks or {}).get(d, -1)) for d in self.takes(action)]
        try:
            return Grid(start, axes)
        except TooManyClasses as error:
            raise self.too_dear(str(error), start, error.code) from None

    def _axis(self, dimension: str, action: NamesByPolicy, mask: int) -> Axis:
        columns = [
            copies if name and dimension in side.takes[name] else None
            for side, name, copies in zip(self.sides, action, self._copies[dimension], strict=True)
        ]
        return axis(
            dimension,
            (
                (1 << at, tuple(-1 if column is None else column[at] for column in columns))
                for at in range(len(self.positions[dimension]))
                if mask >> at & 1
            ),
        )

    def live(self, state: Bits) -> Bits:
        """What a class comes down to: the copies whose rule is reached."""
        return tuple(side.live(bits) for side, bits in zip(self.sides, state, strict=True))

    def meaning(self, state: Bits) -> tuple[Cell, ...]:
        """What each policy says at a class, all in one space; an error where that is too dear."""
        space = self.space([state])
        return tuple(
            side.meaning(bits, space, {}) for side, bits in zip(self.sides, state, strict=True)
        )

    def space(self, states: Sequence[Bits]) -> Space:
        """The space of all facts that decide at some classes."""
        tests = frozenset(
            test
            for state in states
            for side, bits in zip(self.sides, state, strict=True)
            for test in side.tests_at(side.live(bits))
        )
        space = self._spaces.get(tests)
        if space is None:
            try:
                space = self._spaces[tests] = Space(tests, self.facts, self.named_words)
            except TooManyWorlds as error:
                together = tuple(reduce(or_, bits) for bits in zip(*states, strict=True))
                raise self.too_dear(str(error), together, error.code) from None
        return space

    def clauses_at(self, side: int, bits: int) -> tuple[str, ...]:
        """The clauses that have a copy among some bits, in the order of the document."""
        compiled = self.sides[side]
        nodes = compiled.program.nodes
        ids = {nodes[n].clause for at, (n, _, _) in enumerate(compiled.copies) if bits >> at & 1}
        return tuple(c.id for c in compiled.program.clauses if c.id in ids)

    def too_dear(self, why: str, state: Bits, code: str) -> UpheldError:
        """The error for classes too many to compute exactly; it names the clauses that meet."""
        clauses = dict.fromkeys(
            f"#{clause}"
            for at, bits in enumerate(self.live(state))
            for clause in self.clauses_at(at, bits)
        )
        listing = ", ".join(list(clauses)[:CLAUSES_NAMED])
        more = f" and {len(clauses) - CLAUSES_NAMED} more" if len(clauses) > CLAUSES_NAMED else ""
        return UpheldError(
            f"{why}; the clauses that meet there: {listing}{more}",
            code=code,
            hint="split these clauses, so that fewer facts and terms meet",
        )

    def request(
        self, side: int, action: NamesByPolicy, dimensions: Sequence[str], cell: Box
    ) -> Request:
        """One cell as a question to one of the policies, which must have the action."""
        dimensions_taken = self.sides[side].takes[action[side]]
        terms = {
            d: self.positions[d][mask.bit_length() - 1][side]
            for d, mask in zip(dimensions, cell, strict=True)
            if d in dimensions_taken
        }
        return Request(action[side], **terms)

    def facts_for(self, side: int, facts: Mapping[str, object]) -> dict[str, object]:
        """The facts that one policy has; a word it lacks becomes one that its rules do not name."""
        own_facts: dict[str, object] = {}
        for name, value in facts.items():
            fact = self.sides[side].vocabulary.facts.get(name)
            if fact is None or fact.derived:
                continue
            named_words = self.sides[side].named_words.get(name, NO_WORDS)
            own = fact_type(fact).stand_in(value, named_words)
            if own is not None:
                own_facts[name] = own
        return own_facts

    def leaves(self, side: int, dimension: str, mask: int) -> list[str]:
        """The leaves of one policy that some positions stand for."""
        names = (n[side] for at, n in enumerate(self.positions[dimension]) if mask >> at & 1)
        return list(dict.fromkeys(names))


def _copies_of(
    side: CompiledPolicy, dimension: str, positions: Sequence[NamesByPolicy], at: int
) -> list[int]:
    classes = side.classes[dimension]
    by_leaf = {
        leaf: copies
        for mask, copies in zip(classes.masks, classes.copies, strict=True)
        for leaf in classes.leaves.of(mask)
    }
    return [by_leaf[names[at]] for names in positions]


def _facts(sides: Sequence[CompiledPolicy]) -> dict[str, Fact]:
    """The facts of all policies; UpheldError where one name means two kinds of things."""
    facts: dict[str, Fact] = {}
    for side in sides:
        for name, fact in side.vocabulary.facts.items():
            old = facts.setdefault(name, fact)
            if not (old.derived or fact.derived) and (
                (old.kind, old.unit) != (fact.kind, fact.unit)
            ):
                raise UpheldError(
                    f"the fact `{name}` is a {old.kind} {old.unit}".rstrip()
                    + f" in one policy and a {fact.kind} {fact.unit}".rstrip()
                    + " in the other",
                    code="vocabulary",
                    hint="give one of them another name",
                )
            if not fact.derived:
                words = tuple(dict.fromkeys((*old.words, *fact.words)))
                facts[name] = msgspec.structs.replace(fact if old.derived else old, words=words)
    return facts


def vocabulary_differences(policies: Sequence[Policy]) -> list[str]:
    """The differences between two vocabularies as sentences; empty where there are none."""
    old, new = (p.program.vocabulary for p in policies)
    if old.trees == new.trees and old.facts == new.facts and old.duties == new.duties:
        return []
    sentences = []
    pairs: list[tuple[str, Mapping[str, object], Mapping[str, object]]] = [
        (tree, _shape(old.tree(tree)), _shape(new.tree(tree)))
        for tree in {**old.trees, **new.trees}
    ]
    pairs += [("fact", old.facts, new.facts), ("duty", old.duties, new.duties)]
    for what, before, after in pairs:
        for words, verb in (
            (before.keys() - after.keys(), "only in the old vocabulary"),
            (after.keys() - before.keys(), "only in the new vocabulary"),
            (
                {w for w in before.keys() & after.keys() if before[w] != after[w]},
                "declared differently",
            ),
        ):
            if words:
                names = ", ".join(f"`{word}`" for word in sorted(words))
                sentences.append(f"{what}: {names} {verb}")
    return sentences


def _shape(terms: Mapping[str, Term]) -> dict[str, object]:
    return {name: (term.parent, term.takes) for name, term in terms.items()}


def example(space: Space, worlds: int) -> dict[str, object]:
    """The fewest facts under which all worlds lie in a set, each with one value."""
    box = min(space.boxes(worlds), key=len)
    facts: dict[str, object] = {}
    for at, subset in box:
        values = space.values[at]
        indices = [v for v in range(values.count) if subset >> v & 1]
        facts[space.names[at]] = values.sample(indices)
    return facts


def clause_order(policy: Policy, names: Iterable[str]) -> tuple[str, ...]:
    """Clause ids in the order of the document, those it lacks at the end."""
    place = {clause.id: at for at, clause in enumerate(policy.program.clauses)}
    return tuple(sorted(set(names), key=lambda n: (place.get(n, len(place)), n)))
