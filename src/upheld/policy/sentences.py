"""What a rule means, in sentences that one could have written by hand.

A sentence is pieces, as in `plain`: the verb with its kind, what it speaks of, its condition. It
begins with a capital and has no full stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upheld.policy.english import amount_of
from upheld.policy.plain import Piece, word_list
from upheld.policy.program import (
    ALWAYS,
    Alternative,
    Condition,
    DutyDue,
    Either,
    Every,
    Negation,
    Node,
)
from upheld.policy.prose import Prose
from upheld.policy.vocabulary import BASIS, DIMENSIONS, TREE_OF

ANYONE = "anyone except "
PLACEHOLDERS = ("this many", "this time", "this much")  # in labels of duties with a number


class Sentences(Prose):
    """Rules of one program as sentences of the provider to a customer."""

    def rule(self, node: Node, *, ends: bool = True) -> list[list[Piece]]:
        """What a rule or exception means: a sentence for each part that has its own condition.

        Without `ends` it leaves out how it must be done and on which basis.
        """
        if node.parents and not node.verb:
            return [_capitalize(self._lift(node, copy)) for copy in self._merged_alternatives(node)]
        tail = self._ends(node) if ends else []
        return [
            _capitalize([*self._statement(node, copy), *tail])
            for copy in self._merged_alternatives(node)
        ]

    def _lift(self, node: Node, copy: Alternative) -> list[Piece]:
        scope = copy.scope
        rest = {d: self.terms(TREE_OF[d], scope[d]) for d in DIMENSIONS if d in scope}
        what = self.tail("", rest)
        if set(copy.actions) != self._above(node):
            acts = word_list(self.label("action", a) for a in self.fold("action", copy.actions))
            what = f"what we {acts}" if not what else f"{what} ({acts})"
        pieces: list[Piece] = [("plain", f"{self._over(node)} "), ("lift", "does not apply")]
        if what:
            pieces.append(("plain", what if what.startswith("when ") else f" to {what}"))
        return pieces + self._if(copy.condition, " if ")

    def _over(self, node: Node) -> str:
        """The rule to which another is an exception, as the subject of a sentence."""
        clauses = {self.program.nodes[p].clause for p in node.parents}
        if clauses == {node.clause}:
            return "this"
        names = word_list((f"“{name.replace('-', ' ')}”" for name in sorted(clauses)), "and")
        return f"the clause {names}"

    def _above(self, node: Node) -> set[str]:
        return {a for p in node.parents for c in self.program.nodes[p].copies for a in c.actions}

    def _statement(self, node: Node, copy: Alternative) -> list[Piece]:
        deny = node.effect == "deny"
        kind = "no" if deny else "ask" if copy.condition != ALWAYS else "yes"
        who, verb = self._subject(node, copy)
        what = self._act(node, copy)
        within = f" within {amount_of(*node.within)}" if node.within else ""
        if node.verb == "must" and copy.condition != ALWAYS:
            when = self._if(copy.condition, "if ", unless="unless ")
            return [*when, ("plain", f", {who} "), (kind, verb), ("plain", f" {what}{within}")]
        pieces: list[Piece] = [("plain", f"{self._lead(node)}{who} "), (kind, verb)]
        pieces.append(("plain", f" {what}{within}"))
        pieces += self._if(copy.condition, " if " if deny else ", but only if ")
        return pieces

    def _lead(self, node: Node) -> str:
        if not node.parents:
            return ""
        above = {self.program.nodes[p].effect for p in node.parents}
        return "but " if node.effect == "deny" and "deny" not in above else "as an exception, "

    def _subject(self, node: Node, copy: Alternative) -> tuple[str, str]:
        """Who acts, with the verb that goes with it."""
        actors = copy.scope.get("actor")
        takes = all("actor" in self.vocabulary.takes(a) for a in copy.actions)
        if node.effect == "deny" and not node.parents and takes and not actors:
            return "nobody", node.verb.replace("may not", "may")
        if not actors or set(actors) <= self.ours:
            return "we", node.verb
        who = self.terms("party", actors)
        if node.effect == "deny" and who.startswith(ANYONE):
            return f"nobody except {who.removeprefix(ANYONE)}", node.verb.replace("may not", "may")
        return who, node.verb

    def _act(self, node: Node, copy: Alternative) -> str:
        scope = {d: leaves for d, leaves in copy.scope.items() if d != "actor"}
        same = set(copy.actions) == self._above(node)
        if same and "data" not in scope:
            rest = {d: self.terms(TREE_OF[d], leaves) for d, leaves in scope.items()}
            return f"do so {self.tail('', rest)}".strip()
        rest = {d: self.terms(TREE_OF[d], scope[d]) for d in DIMENSIONS if d in scope}
        if "data" not in rest and all("data" in self.vocabulary.takes(a) for a in copy.actions):
            rest["data"] = "it" if node.parents else self.any("data")
        return self.phrase(self._verbs(copy.actions), rest, scope)

    def _verbs(self, actions: tuple[str, ...]) -> str:
        return word_list(self.label("action", a) for a in self.fold("action", actions))

    def _ends(self, node: Node) -> list[Piece]:
        pieces: list[Piece] = []
        if node.duties:
            duties = word_list((self.duty(duty) for duty in node.duties), "and")
            pieces.append(("plain", f", always {duties}"))
        if node.bases:
            bases = word_list((self.label(BASIS, basis) for basis in node.bases), "and")
            pieces.append(("plain", f" (legal basis: {bases})"))
        return pieces

    def duty(self, duty: DutyDue | Mapping[str, Any]) -> str:
        """A duty with its number in its place."""
        name, amount, unit = (
            (duty.duty, duty.amount, duty.unit)
            if isinstance(duty, DutyDue)
            else (duty["duty"], str(duty.get("amount", "")), str(duty.get("unit", "")))
        )
        term = self.vocabulary.duties.get(name)
        label = (term.label if term else "") or name.replace("-", " ")
        for place in PLACEHOLDERS if amount else ():
            if place in label:
                return label.replace(place, amount_of(amount, unit))
        return f"{label} ({amount_of(amount, unit)})" if amount else label

    # Conditions

    def condition(self, condition: Condition, *, nested: bool = False) -> str:
        """A condition as clauses; what is nested says so by "either" and "both"."""
        if isinstance(condition, (Every, Either)) and condition not in self.derived:
            joint, word = ("and", "both") if isinstance(condition, Every) else ("or", "either")
            parts = [self.condition(each, nested=True) for each in condition.formulas]
            if len(parts) > 1:
                word = f"{word} " if nested and len(parts) == 2 else ""
                return f"{word}{word_list(parts, joint)}"
        return super().condition(condition, nested=nested)

    def _if(self, condition: Condition, lead: str, unless: str = " unless ") -> list[Piece]:
        if condition == ALWAYS:
            return []
        parts: tuple[Condition, ...] = (condition,)
        if isinstance(condition, Every) and condition not in self.derived:
            parts = condition.formulas
        no = [p.formula for p in parts if isinstance(p, Negation) and self._unless(p)]
        yes = [p for p in parts if not self._unless(p)]
        pieces: list[Piece] = []
        if yes:
            phrase = word_list((self.condition(p, nested=len(yes) > 1) for p in yes), "and")
            pieces += [("plain", lead), ("condition", phrase)]
        if no:
            phrase = word_list((self.condition(p, nested=len(no) > 1) for p in no), "or")
            lead = unless if not pieces else f", unless{unless[-1]}"
            pieces += [("plain", lead), ("condition", phrase)]
        return pieces


def _capitalize(pieces: list[Piece]) -> list[Piece]:
    nonempty = [piece for piece in pieces if piece[1]]
    kind, first = nonempty[0]
    return [(kind, first[:1].upper() + first[1:]), *nonempty[1:]]
