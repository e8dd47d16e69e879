"""What a rule means, in sentences that one could have written by hand.

A sentence is pieces, each a kind and a text: `yes`, `no`, `ask` or `lift` for the verb, `condition`
for when it holds, `plain` for the rest. Whoever shows it gives each kind its look; `text` joins
them. It begins with a capital and has no full stop.
"""

from __future__ import annotations

from collections.abc import Iterable

from upheld.policy.english import amount_of, merge_ages, word_list
from upheld.policy.program import (
    ALWAYS,
    Alternative,
    Condition,
    Every,
    FactTest,
    Negation,
    Node,
)
from upheld.policy.prose import Prose
from upheld.policy.vocabulary import BASIS, DIMENSIONS, TREE_OF

Piece = tuple[str, str]
ANYONE = "anyone except "
EXCEPTION = "as an exception, "
THAT = " that "


def text(pieces: Iterable[Piece]) -> str:
    """The pieces of a sentence as one string."""
    return "".join(words for _, words in pieces)


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
        if within and THAT in what:  # else the time would seem to belong to what follows "that"
            verb, within = f"{verb},{within},", ""
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
        return "but " if node.effect == "deny" and "deny" not in above else EXCEPTION

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
        if node.effect == "allow" and "source" in scope and set(scope["source"]) == self.ours:
            del scope["source"]  # nothing comes from ourselves
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

    def _if(self, condition: Condition, lead: str, unless: str = " unless ") -> list[Piece]:
        if condition == ALWAYS:
            return []
        parts: tuple[Condition, ...] = (condition,)
        if isinstance(condition, Every) and condition not in self.derived:
            parts = condition.formulas
        no = [p.formula for p in parts if isinstance(p, Negation) and _is_unless(p)]
        yes = [p for p in parts if not _is_unless(p)]
        pieces: list[Piece] = []
        if yes:
            ages = merge_ages(self.condition(p, nested=len(yes) > 1) for p in yes)
            clauses = word_list(ages, "and")
            pieces += [("plain", lead), ("condition", clauses)]
        if no:
            clauses = word_list((self.condition(p, nested=len(no) > 1) for p in no), "or")
            lead = unless if not pieces else f", unless{unless[-1]}"
            pieces += [("plain", lead), ("condition", clauses)]
        return pieces

    def _merged_alternatives(self, node: Node) -> list[Alternative]:
        """Copies that say the same of several actions as one; an actor that is us goes unsaid."""
        merged: dict[tuple[tuple[tuple[str, tuple[str, ...]], ...], Condition], list[str]] = {}
        for copy in node.copies:
            scope, condition = self._with_definitions(copy)
            if node.effect == "allow" and frozenset(scope.get("actor", ())) == self.ours:
                scope.pop("actor", None)
            actions = merged.setdefault((tuple(sorted(scope.items())), condition), [])
            actions += [action for action in copy.actions if action not in actions]
        return [Alternative(tuple(a), dict(scope), when) for (scope, when), a in merged.items()]

    def _with_definitions(self, copy: Alternative) -> tuple[dict[str, tuple[str, ...]], Condition]:
        """Scope and condition with a defined term where the copy stands for one."""
        scope, condition = dict(copy.scope), copy.condition
        for name, each in self.program.definitions.items():
            for dimension, leaves in copy.scope.items():
                if TREE_OF[dimension] == each.tree and set(leaves) == set(each.leaves):
                    parts = _parts(condition)
                    if all(part in parts for part in _parts(each.condition)):
                        rest = tuple(p for p in parts if p not in _parts(each.condition))
                        scope[dimension] = (name,)
                        condition = rest[0] if len(rest) == 1 else Every(rest)
        return scope, condition


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.formulas if isinstance(condition, Every) else (condition,)


def _is_unless(condition: Condition) -> bool:
    """Whether a condition is better said after "unless"."""
    return isinstance(condition, Negation) and not (
        isinstance(condition.formula, FactTest) and condition.formula.comparison
    )


def _capitalize(pieces: list[Piece]) -> list[Piece]:
    filled = [piece for piece in pieces if piece[1]]
    kind, first = filled[0]
    return [(kind, first[:1].upper() + first[1:]), *filled[1:]]
