"""What a question of the reference is about: its cells, and every way in which facts can turn out.

Words are looked up the long way, leaf by leaf, and every combination is enumerated; nothing of the
compiler is used. A question is expected to be in order: unknown words are not its business.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, pairwise, product
from typing import TYPE_CHECKING, Any

from upheld.policy.fact_types import OrderedType, fact_type
from upheld.policy.program import Condition, Either, Every, FactTest, Negation
from upheld.policy.reference_verdict import Cell, Value, World, exact
from upheld.policy.vocabulary import TREE_OF

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upheld.policy.program import Program


class VocabularyWords:
    """The leaves under a word and the dimensions of an action, looked up the long way."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def under(self, tree: str, word: str) -> set[str]:
        """List the leaves that a word means; a defined one whatever its condition."""
        definition = self.program.definitions.get(word)
        if definition is not None and definition.tree == tree:
            return set(definition.leaves)
        terms = self.program.vocabulary.trees[tree].values()
        children = [term.name for term in terms if term.parent == word]
        if not children:
            return {word}
        return {f"{word}/other"}.union(*(self.under(tree, child) for child in children))

    def whole(self, tree: str) -> set[str]:
        """List every leaf of a tree other than that of actions."""
        terms = self.program.vocabulary.trees[tree].values()
        return {"other"}.union(*(self.under(tree, term.name) for term in terms))

    def takes(self, action: str) -> tuple[str, ...]:
        """List the dimensions of an action leaf: its own, or those of the nearest word above."""
        term = self.program.vocabulary.trees["action"][action.removesuffix("/other")]
        if term.takes is not None or not term.parent:
            return term.takes or ()
        return self.takes(term.parent)

    def leaves_of(self, dimension: str, terms: str | Sequence[str]) -> set[str]:
        """List the leaves that a term or a list of terms of a question means."""
        words = [terms] if isinstance(terms, str) else terms
        return set().union(*(self.under(TREE_OF[dimension], word) for word in words))

    def cells(self, question: dict[str, Any]) -> Iterator[Cell]:
        """Take one leaf in each dimension, in every way that the question stands for."""
        for action in sorted(self.under("action", question["action"])):
            takes = self.takes(action)
            leaves = [sorted(self.of(dimension, question)) for dimension in takes]
            for each in product(*leaves):
                yield {"action": action, **dict(zip(takes, each, strict=True))}

    def of(self, dimension: str, question: dict[str, Any]) -> set[str]:
        """List what a question says of a dimension, or what leaving it out stands for."""
        if dimension in question:
            return self.leaves_of(dimension, question[dimension])
        if dimension == "actor" and "provider" in self.program.vocabulary.trees["party"]:
            return self.under("party", "provider")
        return self.whole(TREE_OF[dimension])


class Facts:
    """The facts of a question, cell by cell, and every way in which the others can turn out."""

    def __init__(self, program: Program, facts: dict[str, Any], words: VocabularyWords) -> None:
        self.facts = program.vocabulary.facts
        self.words = words
        self.values = {name: value for name, value in facts.items() if value != []}
        self.tests: dict[str, list[FactTest]] = {}
        for node in program.nodes:
            for copy in chain(node.copies, *node.gates):
                for test in _tests(copy.condition):
                    self.tests.setdefault(test.fact, []).append(test)
        self.kinds = {name: fact_type(self.facts[name]) for name in self.tests}
        self.unknown_values = {
            name: self.distinct_values(name) for name in self.tests if self.may_be_unknown(name)
        }
        self.worlds: list[World] = [
            dict(zip(self.unknown_values, values, strict=True))
            for values in product(*self.unknown_values.values())
        ]

    def may_be_unknown(self, name: str) -> bool:
        """Tell whether a fact may be unknown at some cell."""
        if self.facts[name].absent:
            return False
        value = self.values.get(name)
        return value is None or (isinstance(value, list) and not any("rest" in p for p in value))

    def numbers_compared(self, name: str) -> list[Fraction]:
        """List the numbers that conditions compare a fact with, in order."""
        return sorted({exact(test.number) for test in self.tests[name] if test.number})

    def values_tested(self, name: str) -> set[Value]:
        """Collect the values that conditions name: words, or that a fact holds."""
        return {test.word or True for test in self.tests[name]}

    def distinct_values(self, name: str) -> list[Value]:
        """List values of a fact, one for each way in which conditions can tell them apart."""
        if choices := self.kinds[name].choices:
            tested = self.values_tested(name)
            rest = [each for each in choices if each not in tested]
            return [*(each for each in choices if each in tested), *rest[:1]]
        points = self.numbers_compared(name)
        between = [(low + high) / 2 for low, high in pairwise(points)]
        return sorted([points[0] - 1, *points, *between, points[-1] + 1])

    def worlds_at(self, cell: Cell) -> Iterator[World]:
        """Yield every world at a cell: what is known there, and each way the rest can turn out."""
        values = self.values_at(cell)
        for world in self.worlds:
            yield {**world, **values}

    def values_at(self, cell: Cell) -> World:
        """Collect the facts that are known at a cell."""
        values: World = {}
        for name in self.tests:
            value = self.value_at(name, cell)
            if value is not None:
                values[name] = value
        return values

    def value_at(self, name: str, cell: Cell) -> Value | None:
        """Find the value of a fact at a cell; None where it is unknown."""
        absent = False if self.facts[name].absent else None
        value = self.values.get(name)
        if value is None:
            return absent
        if not isinstance(value, list):
            kind = self.kinds[name]
            return kind.exact(value) if isinstance(kind, OrderedType) else value
        rest = [bool(part["rest"]) for part in value if "rest" in part]
        covering = [
            part.get("holds", True)
            for part in value
            if "rest" not in part and self.covers(part, cell)
        ]
        if covering:
            return all(covering)
        return rest[0] if rest else absent

    def covers(self, part: dict[str, Any], cell: Cell) -> bool:
        """Tell whether a part of a fact covers a cell."""
        return all(
            cell.get(dimension) in self.words.leaves_of(dimension, terms)
            for dimension, terms in part.items()
            if dimension != "holds"
        )


def _tests(condition: Condition) -> Iterator[FactTest]:
    match condition:
        case FactTest():
            yield condition
        case Negation(formula):
            yield from _tests(formula)
        case Every(formulas) | Either(formulas):
            for each in formulas:
                yield from _tests(each)
