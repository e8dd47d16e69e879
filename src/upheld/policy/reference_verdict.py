"""What the rules of a policy say of one act under some facts, read word for word, for comparison.

This is the part of the reference that a reader can check against the rule language (sections
Rules, Exceptions and What a policy answers). An act is a cell: one leaf for the action and one for
each dimension that the action takes. A world gives a value to each fact. Nothing is shared with
the compiler, so that where the two differ one of them has a bug.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from upheld.policy.program import (
    Alternative,
    Condition,
    Either,
    Every,
    FactTest,
    Negation,
    Node,
)

Value = bool | Fraction | str
Cell = dict[str, str]  # "action" and each dimension that it takes, to a leaf
World = dict[str, Value]  # each fact, to its value
Applying = frozenset[int]  # the nodes whose own scope and condition hold
Verdict = tuple[str, frozenset[int]]  # allow, deny, lift or nothing, and the nodes that decide it
Obligation = tuple[str, str, str]  # clause, amount, unit
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    ">=": operator.ge,
    ">": operator.gt,
}
exact = cache(Fraction)


class Rules:
    """The rules and exceptions of a policy: what they say where some of them apply."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.exceptions: list[list[int]] = [[] for _ in nodes]
        for index, node in enumerate(nodes):
            for parent in node.parents:
                self.exceptions[parent].append(index)

    def applying(self, cell: Cell, worlds: Iterable[World]) -> list[Applying]:
        """List, for each world, the nodes whose own scope and condition hold at a cell."""
        in_scope = {}  # for each node, groups of conditions; one of each group must hold
        for index, node in enumerate(self.nodes):
            groups = [
                [each.condition for each in alternatives if contains(each, cell)]
                for alternatives in (node.copies, *node.gates)
            ]
            if all(groups):
                in_scope[index] = groups
        return [
            frozenset(
                index
                for index, groups in in_scope.items()
                if all(any(holds(each, world) for each in group) for group in groups)
            )
            for world in worlds
        ]

    def verdict_of(self, index: int, applying: Applying) -> Verdict:
        """Find what a rule with its exceptions says where these apply, and which nodes decide it.

        An exception that denies wins, then one that allows, then one that lifts; else the rule.
        """
        if index not in applying:
            return "", frozenset()
        verdicts = [self.verdict_of(each, applying) for each in self.exceptions[index]]
        for effect in ("deny", "allow"):
            if deciding := [nodes for what, nodes in verdicts if what == effect]:
                return effect, frozenset().union(*deciding)
        if any(what == "lift" for what, _ in verdicts):
            return "", frozenset()
        return self.nodes[index].effect, frozenset({index})

    def verdict(self, applying: Applying) -> Verdict:
        """Find what all rules say: deny if any denies, else allow if any allows, else deny."""
        tops = [index for index, node in enumerate(self.nodes) if not node.parents]
        verdicts = [self.verdict_of(index, applying) for index in tops]
        for effect in ("deny", "allow"):
            if deciding := [nodes for what, nodes in verdicts if what == effect]:
                return effect, frozenset().union(*deciding)
        return "deny", frozenset()

    def obligations(self, applying: Applying) -> set[Obligation]:
        """List each `must` that applies with all above it, and no exception of it."""
        return {
            (node.clause, *(node.within or ("", "")))
            for index, node in enumerate(self.nodes)
            if node.verb == "must"
            and self.applies_to_top(index, applying)
            and not any(each in applying for each in self.exceptions[index])
        }

    def applies_to_top(self, index: int, applying: Applying) -> bool:
        """Tell whether a node applies, and the nodes above it along some way to the top."""
        parents = self.nodes[index].parents
        return index in applying and (
            not parents or any(self.applies_to_top(each, applying) for each in parents)
        )


def contains(alternative: Alternative, cell: Cell) -> bool:
    """Tell whether a scope contains a cell; what the cell's action does not take is no limit."""
    return cell["action"] in alternative.actions and all(
        dimension not in cell or cell[dimension] in leaves
        for dimension, leaves in alternative.scope.items()
    )


def holds(condition: Condition, world: World) -> bool:
    """Tell whether a condition holds in a world."""
    match condition:
        case FactTest(fact, comparison, number, word):
            value = world[fact]
            if word:
                return value == word
            return COMPARE[comparison](value, exact(number)) if number else value is True
        case Negation(formula):
            return not holds(formula, world)
        case Every(formulas):
            return all(holds(each, world) for each in formulas)
        case Either(formulas):
            return any(holds(each, world) for each in formulas)
