"""The obvious evaluator: the rule language read word for word, for comparison only.

A resolved `Program` and a question go in, the answer comes out as JSON shows it (all but `nearest`
and `why`). `reference_verdict` says what the rules say of one act under some facts,
`reference_questions` enumerates the acts and facts that a question stands for, and
`reference_proofs` what would settle it. It is slow on purpose.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from upheld.policy.program import DutyDue
from upheld.policy.reference_proofs import proofs
from upheld.policy.reference_questions import Facts, VocabularyWords
from upheld.policy.reference_verdict import Rules, Verdict, exact
from upheld.policy.vocabulary import TREE_OF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upheld.policy.program import Program


def reference(program: Program, question: dict[str, Any]) -> dict[str, Any]:
    """Answer a question by trying every cell in every world."""
    return _Reference(program, question).answer()


def effort(program: Program, question: dict[str, Any]) -> int:
    """Count the cells times the worlds that answering a question would try."""
    words = VocabularyWords(program)
    worlds = Facts(program, question.get("facts", {}), words).worlds
    return len(worlds) * sum(1 for _ in words.cells(question))


class _Reference:
    """One question to one policy."""

    def __init__(self, program: Program, question: dict[str, Any]) -> None:
        self.nodes = program.nodes
        self.question = question
        self.words = VocabularyWords(program)
        self.facts = Facts(program, question.get("facts", {}), self.words)
        self.rules = Rules(program.nodes)
        self.cells = list(self.words.cells(question))
        self.applying = [  # by cell, then by world
            self.rules.applying(cell, self.facts.worlds_at(cell)) for cell in self.cells
        ]
        verdicts = {each: self.rules.verdict(each) for each in set(chain(*self.applying))}
        self.table = [[verdicts[each] for each in row] for row in self.applying]

    def answer(self) -> dict[str, Any]:
        """Put the answer together, as JSON shows it."""
        columns = zip(*self.table, strict=True)  # by world
        allows = [all(what == "allow" for what, _ in column) for column in columns]
        answer: dict[str, Any] = {
            "clauses": [],
            "duties": [],
            "owed": self.owed_acts(),
            "prove": [],
        }
        if all(allows):
            clauses = self.citations("allow", self.table)
            answer |= {
                "outcome": "allow",
                "clauses": clauses,
                "duties": self.duties(),
                "bases": self.bases(clauses),
                "kind": "",
            }
        elif any(allows):
            answer |= {
                "outcome": "needs-proof",
                "clauses": self.citations("allow", self.table),
                "prove": proofs(self.facts, allows),
                "kind": "proof",
            }
        else:
            never = [row for row in self.table if all(each[0] == "deny" for each in row)]
            some = [row for row in self.table if any(each[0] == "deny" for each in row)]
            clauses = self.citations("deny", never or some)
            answer |= {
                "outcome": "deny",
                "clauses": clauses,
                "kind": "clause" if clauses else "silence",
            }
        return answer | {"depends": {} if all(allows) else self.depends()}

    def citations(self, effect: str, rows: Iterable[list[Verdict]]) -> list[str]:
        """List the clauses that give an answer in all of its worlds or, if none does, in some."""
        clauses: set[str] = set()
        for row in rows:
            deciding = [nodes for what, nodes in row if what == effect]
            by_world = [{self.nodes[index].clause for index in nodes} for nodes in deciding]
            if by_world:
                clauses |= set.intersection(*by_world) or set.union(*by_world)
        return sorted(clauses)

    def duties(self) -> list[dict[str, Any]]:
        """List the duties of every node that allows a cell in some world."""
        deciding = frozenset().union(*(nodes for row in self.table for _, nodes in row))
        due: set[DutyDue] = {duty for index in deciding for duty in self.nodes[index].duties}
        return [{"duty": duty.duty, **_amount(duty.amount, duty.unit)} for duty in sorted(due)]

    def bases(self, clauses: list[str]) -> list[str]:
        """List the legal bases of each node of these clauses that allows a cell in some world."""
        deciding = frozenset().union(*(nodes for row in self.table for _, nodes in row))
        citing = [self.nodes[index] for index in deciding if self.nodes[index].clause in clauses]
        return sorted({basis for node in citing for basis in node.bases})

    def owed_acts(self) -> list[dict[str, Any]]:
        """List what is owed in some world at some cell, and whether it is so in each."""
        by_world = [
            set().union(*(self.rules.obligations(each) for each in column))
            for column in zip(*self.applying, strict=True)
        ]
        acts = []
        for act in sorted(set().union(*by_world)):
            certain = {"certain": True} if all(act in each for each in by_world) else {}
            acts.append({"clause": act[0], **_amount(*act[1:]), **certain})
        return acts

    def depends(self) -> dict[str, list[str]]:
        """List dimensions left out where saying one leaf allows, with the leaves that do not."""
        refused_leaves = {}
        dimensions = set.intersection(*(set(cell) for cell in self.cells)) - {"action", "actor"}
        for dimension in sorted(dimensions - self.question.keys()):
            leaves = {
                cell[dimension]
                for cell, row in zip(self.cells, self.table, strict=True)
                if any(what == "deny" for what, _ in row)
            }
            if leaves != self.words.whole(TREE_OF[dimension]):
                refused_leaves[dimension] = sorted(leaves)
        return refused_leaves


def _amount(amount: str, unit: str) -> dict[str, Any]:
    if not amount:
        return {}
    value = exact(amount)
    number = int(value) if value.denominator == 1 else float(value)
    return {"amount": number, "unit": unit} if unit else {"amount": number}
