"""Which questions the rules that a mutant changes can touch: no other answer need be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from upheld.policy.decide import QuestionPlan
from upheld.policy.load import Policy
from upheld.policy.program import Node, Program
from upheld.policy.request import Decision, Request
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF

_NODE: Final = msgspec.json.Decoder(Node)


class QuestionArea(NamedTuple):
    """What a question is about: actions, and the leaves of each dimension as bits.

    Without `leaves` it is about all of them: an answer that no clause gives names those that nearly
    gave one, whatever they are about.
    """

    actions: frozenset[str] = frozenset()
    leaves: Mapping[str, int] = {}


def area_of(plan: QuestionPlan | None, answer: Decision) -> QuestionArea:
    """The area of a question that was worked out, and of its answer; none of one that was not."""
    if plan is None:
        return QuestionArea()
    leaves_of = plan.engine.leaves_of_question
    leaves = {d: leaves_of(d, plan.masks) for d in DIMENSIONS} if answer.clauses else {}
    return QuestionArea(frozenset(plan.actions), leaves)


class ChangedRules:
    """The rules that only one of two policies has, and the words that they define otherwise.

    No answer can differ but where one of these is: it touches an action of the question and, in
    each dimension, a leaf of it.
    """

    def __init__(self, policy: Policy, mutant: Policy) -> None:
        mine, others = policy.program, mutant.program
        changed = _comparable_rules(mine) ^ _comparable_rules(others)
        compiled = policy.engine.compiled
        self._everywhere = mine.vocabulary != others.vocabulary or mine.derived != others.derived
        self._words = {
            name
            for name in mine.definitions.keys() | others.definitions.keys()
            if mine.definitions.get(name) != others.definitions.get(name)
        }
        self._areas = [
            QuestionArea(
                frozenset(copy.actions),
                {
                    d: sum(compiled.leaves[TREE_OF[d]].mask_of_leaf(name) for name in names)
                    for d, names in copy.scope.items()
                },
            )
            for node in map(_NODE.decode, () if self._everywhere else changed)
            for copy in node.copies
        ]
        self._takes = compiled.takes

    def may_touch(self, request: Request, area: QuestionArea) -> bool:
        """Whether the answer to a question may be another."""
        if self._everywhere:
            return True
        if self._words and any(
            not self._words.isdisjoint(words)
            for words in ((request.action,), *request.dimensions().values())
        ):
            return True
        return any(self._meet(area, changed) for changed in self._areas)

    def _meet(self, area: QuestionArea, changed: QuestionArea) -> bool:
        """Whether a rule and a question have an action and, in each dimension, a leaf in common."""
        actions = area.actions & changed.actions
        return any(
            all(
                area.leaves[d] & leaves
                for d, leaves in changed.leaves.items()
                if d in area.leaves and d in self._takes[action]
            )
            for action in actions
        )


def _comparable_rules(program: Program) -> set[bytes]:
    """The rules of a program without where they stand."""
    return {
        msgspec.json.encode(msgspec.structs.replace(node, line=0, parents=()))
        for node in program.nodes
    }
