"""What a rule means, in plain words made of the vocabulary's labels.

A sentence is a list of pieces, each a kind and a text: `yes`, `no`, `ask` or `lift` for the verb,
`plain` for what it speaks of, `condition` for when it holds. Whoever shows it gives each kind its
look; `text` joins them for where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from upheld.core.dimensions import TABLE
from upheld.policy.program import (
    ALWAYS,
    Alternative,
    Condition,
    DutyDue,
    Either,
    Every,
    FactTest,
    Negation,
    Node,
    Program,
)
from upheld.policy.vocabulary import BASIS, DIMENSIONS, OTHER, TREE_OF, TREES, Leaves

Piece = tuple[str, str]
ANY = {
    "data": "any information",
    "party": "anyone",
    "purpose": "any purpose",
    "occasion": "at any moment",
    "place": "anywhere",
    "action": "anything",
}
REST = {
    "data": "anything else",
    "party": "anyone else",
    "purpose": "anything else",
    "occasion": "at no particular moment",
    "place": "anywhere else",
    "action": "anything else",
}
LEADS = {name: each.lead for name, each in TABLE.items() if each.lead}
ARTICLES = ("a ", "an ", "the ")
COMPARISONS = {"<": "under", "<=": "at most", "=": "exactly", ">=": "at least", ">": "over"}
CONTRARY = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}
BUT_MAX = 4  # exceptions of an `any but` before listing what is meant reads better


def text(pieces: Iterable[Piece]) -> str:
    """The pieces of a sentence as one string."""
    return "".join(each for _, each in pieces)


def word_list(words: Iterable[str], joint: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    *most, last = list(words) or [""]
    return f"{', '.join(most)} {joint} {last}" if most else last


def number(value: str) -> str:
    """An exact number as people write it."""
    exact = Fraction(value)
    return str(exact.numerator) if exact.denominator == 1 else f"{float(exact):g}"


def amount_text(amount: str, unit: str) -> str:
    """`30 days`, `1 day`, `10 %`, `10`."""
    text = number(amount)
    if unit == "percent":
        return f"{text} %"
    return f"{text} {unit[:-1] if text == '1' else unit}".rstrip() if unit else text


def rest_of(label: str) -> str:
    """What people call the unnamed rest of a group: `another authority`, `other details`."""
    if label.startswith("other"):
        return label
    for article in ARTICLES:
        if label.startswith(article):
            return f"another {label.removeprefix(article)}"
    return f"other {label}"


class Plain:
    """The words of one program, as people say them."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.vocabulary = program.vocabulary
        self.leaves = {t: Leaves(self.vocabulary.tree(t), rest=t != "action") for t in TREES}
        self.children: dict[str, dict[str, list[str]]] = {tree: {} for tree in TREES}
        for tree in TREES:
            for term in self.vocabulary.tree(tree).values():
                self.children[tree].setdefault(term.parent, []).append(term.name)
        self.ours = frozenset(self.under("party", "provider"))
        self.derived = {condition: name for name, condition in program.derived.items()}

    # Terms

    def label(self, tree: str, name: str) -> str:
        """What people call a term, a leaf or a definition."""
        if name == OTHER:
            return REST.get(tree, "anything else")
        if name.endswith("/" + OTHER):
            return rest_of(self.label(tree, name.removesuffix("/" + OTHER)))
        term = self.vocabulary.tree(tree).get(name)
        return (term.label if term else "") or name.replace("-", " ")

    def under(self, tree: str, name: str) -> tuple[str, ...]:
        """The leaves that a word means; none for a word that the tree lacks."""
        definition = self.program.definitions.get(name)
        if definition is not None and definition.tree == tree:
            return definition.leaves
        mask = self.leaves[tree].mask.get(name)
        return tuple(self.leaves[tree].of(mask)) if mask else ()

    def fold(self, tree: str, leaves: Iterable[str]) -> list[str]:
        """The fewest words of a tree that mean these leaves."""
        tree_leaves = self.leaves[tree]
        mask = 0
        for leaf in leaves:
            mask |= tree_leaves.bit.get(leaf, 0)
        words = self._fold(tree, "", mask)
        if tree_leaves.mask.get(OTHER, 0) & mask:
            words.append(OTHER)
        return words

    def _fold(self, tree: str, above: str, mask: int) -> list[str]:
        words: list[str] = []
        tree_leaves = self.leaves[tree]
        for name in self.children[tree].get(above, ()):
            whole = tree_leaves.mask[name]
            if whole & mask == whole:
                words.append(name)
            elif whole & mask:
                words += self._fold(tree, name, mask)
                if tree_leaves.bit.get(f"{name}/{OTHER}", 0) & mask:
                    words.append(f"{name}/{OTHER}")
        return words

    def terms(self, tree: str, leaves: Iterable[str], joint: str = "or") -> str:
        """Leaves as people say them: the fewest labels, or `anyone but …`."""
        leaves = tuple(leaves)
        tree_leaves = self.leaves[tree]
        if len(leaves) == 1 and leaves[0] in self.program.definitions:
            return self.label(tree, leaves[0])
        if len(set(leaves)) == len(tree_leaves.names):
            return ANY.get(tree, "anything")
        words = self.fold(tree, leaves)
        missing = self.fold(tree, set(tree_leaves.names).difference(leaves))
        open_end = OTHER in leaves or any(leaf.endswith("/" + OTHER) for leaf in words)
        if OTHER in leaves and open_end and len(missing) <= BUT_MAX:
            but = word_list((self.label(tree, each) for each in missing), "and")
            return f"{ANY.get(tree, 'anything')} but {but}"
        return word_list((self.label(tree, word) for word in words), joint)

    # Conditions

    def condition(self, condition: Condition, *, nested: bool = False) -> str:
        """A condition as a phrase that follows "when"."""
        if (name := self.derived.get(condition)) and self.vocabulary.facts[name].label:
            return self.vocabulary.facts[name].label
        match condition:
            case FactTest():
                return self.test(condition)
            case Negation(inner):
                return self.negation(inner)
            case Every(formulas) | Either(formulas):
                joint = "and" if isinstance(condition, Every) else "or"
                parts = [self.condition(each, nested=True) for each in formulas]
                if not parts:
                    return "in any case" if joint == "and" else "never"
                phrase = f" {joint} ".join(parts)
                return f"({phrase})" if nested and len(parts) > 1 else phrase

    def test(self, test: FactTest) -> str:
        """One test of a fact as a phrase."""
        fact = self.vocabulary.facts.get(test.fact)
        label = (fact.label if fact else "") or test.fact.replace("-", " ")
        if test.word:
            return f"{label} is {test.word.replace('-', ' ')}"
        if test.number:
            amount = amount_text(test.number, fact.unit if fact else "")
            return f"{label} is {COMPARISONS[test.comparison]} {amount}"
        return label

    def negation(self, inner: Condition) -> str:
        """The contrary of a condition."""
        match inner:
            case Negation(formula):
                return self.condition(formula)
            case FactTest(fact, comparison, value, _) if comparison in CONTRARY and value:
                return self.test(FactTest(fact, CONTRARY[comparison], value))
            case FactTest(word=word) if word:
                return self.test(inner).replace(" is ", " is not ", 1)
            case _:
                return f"it is not so that {self.condition(inner, nested=True)}"

    def literal(self, literal: str) -> str:
        """A literal of an answer's `prove` ("age >= 18", "not opted-out") as a phrase."""
        negated = literal.startswith("not ")
        name, *rest = literal.removeprefix("not ").split()
        fact = self.vocabulary.facts.get(name)
        if len(rest) == 2 and rest[0] == "is":
            test = FactTest(name, "is", word=rest[1])
        elif rest:
            label = (fact.label if fact else "") or name
            amount = amount_text(rest[1], rest[2] if len(rest) > 2 else fact.unit if fact else "")
            return f"{label} is {COMPARISONS.get(rest[0], rest[0])} {amount}"
        else:
            test = FactTest(name)
        return self.negation(test) if negated else self.test(test)

    def fact_phrases(self, facts: Mapping[str, object]) -> list[str]:
        """Facts of a question as phrases."""
        return [self._fact_phrase(name, value) for name, value in facts.items()]

    def _fact_phrase(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return self.test(FactTest(name)) if value else self.negation(FactTest(name))
        if isinstance(value, str):
            return self.test(FactTest(name, "is", word=value))
        if isinstance(value, (list, tuple)):
            return word_list((self._part(name, part) for part in value), "and")
        return self.test(FactTest(name, "=", str(value))).replace("exactly ", "")

    def _part(self, name: str, part: Mapping[str, Any]) -> str:
        holds = part.get("holds", part.get("rest", True))
        phrase = self._fact_phrase(name, bool(holds))
        where = self.scope({d: part[d] for d in DIMENSIONS if d in part})
        return f"{phrase} ({where})" if where else phrase

    def question(self, action: str, dimensions: Mapping[str, Iterable[str]]) -> str:
        """A question's act as a phrase: `share e-mail address with advertisers for offers`."""
        verb = self.label("action", action)
        scope = self.scope(dimensions)
        if verb.startswith("share"):
            scope = f" {scope}".replace(" to ", " with ", 1).strip()
        return f"{verb} {scope}".strip()

    def scope(self, dimensions: Mapping[str, Iterable[str]]) -> str:
        """What a question or part says of each dimension."""
        phrases = []
        for dimension in DIMENSIONS:
            if words := list(dimensions.get(dimension, ())):
                tree = TREE_OF[dimension]
                names = word_list(self.label(tree, word) for word in words)
                if len(words) > BUT_MAX:
                    leaves = {leaf for w in words for leaf in self.under(tree, w) or (w,)}
                    names = self.terms(tree, leaves)
                phrases.append(f"{LEADS[dimension]} {names}" if dimension in LEADS else names)
        return " ".join(phrases)

    # Rules

    def duty(self, duty: DutyDue | Mapping[str, Any]) -> str:
        """A duty with its number, as a phrase."""
        if isinstance(duty, DutyDue):
            name, amount, unit = duty.duty, duty.amount, duty.unit
        else:
            name, amount, unit = duty["duty"], str(duty.get("amount", "")), duty.get("unit", "")
        term = self.vocabulary.duties.get(name)
        label = (term.label if term else "") or name.replace("-", " ")
        return f"{label} ({amount_text(amount, unit)})" if amount else label

    def rule(self, node: Node) -> list[list[Piece]]:
        """What a rule or exception means: a sentence for each part that has its own condition."""
        if node.parents and not node.verb:
            return [self._lift(node, copy) for copy in self._merged_alternatives(node)]
        return [self._sentence(node, copy) for copy in self._merged_alternatives(node)]

    def _lift(self, node: Node, copy: Alternative) -> list[Piece]:
        scope = self._scope(node, copy, does=False)
        pieces = [("lift", "does not hold"), ("plain", f" for {scope}" if scope else "")]
        return [p for p in (*pieces, *self._when(copy.condition)) if p[1]]

    def _sentence(self, node: Node, copy: Alternative) -> list[Piece]:
        conditional = copy.condition != ALWAYS
        kind = "no" if node.effect == "deny" else "ask" if conditional else "yes"
        pieces: list[Piece] = [(kind, node.verb)]
        pieces.append(("plain", f" {self._scope(node, copy, does=True)}"))
        if node.within:
            pieces.append(("plain", f" within {amount_text(*node.within)}"))
        pieces += self._when(copy.condition)
        if node.duties:
            duties = word_list((self.duty(duty) for duty in node.duties), "and")
            pieces.append(("plain", f"; always {duties}"))
        if node.bases:
            bases = word_list((self.label(BASIS, basis) for basis in node.bases), "and")
            pieces.append(("plain", f"; because of {bases}"))
        return pieces

    def _when(self, condition: Condition) -> list[Piece]:
        if condition == ALWAYS:
            return []
        parts = (condition,) if condition in self.derived else _parts(condition)
        yes = [p for p in parts if not self._unless(p)]
        no = [p.formula for p in parts if isinstance(p, Negation) and self._unless(p)]
        pieces: list[Piece] = []
        for lead, each, joint in ((" when ", yes, " and "), (" unless ", no, " or ")):
            if each:
                nested = len(each) > 1
                phrase = joint.join(self.condition(part, nested=nested) for part in each)
                pieces.append(("plain", ("," if not pieces else "") + lead))
                pieces.append(("condition", phrase))
        return pieces

    def _unless(self, condition: Condition) -> bool:
        return isinstance(condition, Negation) and not (
            isinstance(condition.formula, FactTest) and condition.formula.comparison
        )

    def _merged_alternatives(self, node: Node) -> list[Alternative]:
        """The alternatives of a rule, those alike but for their actions as one; "we" is implied."""
        merged: dict[tuple[tuple[tuple[str, tuple[str, ...]], ...], Condition], list[str]] = {}
        for copy in node.copies:
            scope, condition = self._with_definitions(copy)
            if node.effect == "allow" and frozenset(scope.get("actor", ())) == self.ours:
                scope.pop("actor", None)
            actions = merged.setdefault((tuple(sorted(scope.items())), condition), [])
            actions += [action for action in copy.actions if action not in actions]
        return [Alternative(tuple(a), dict(scope), when) for (scope, when), a in merged.items()]

    def _with_definitions(self, copy: Alternative) -> tuple[dict[str, tuple[str, ...]], Condition]:
        """Scope and condition of an alternative, in the term of a definition it stands for."""
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

    def _scope(self, node: Node, copy: Alternative, *, does: bool) -> str:
        above = {a for p in node.parents for c in self.program.nodes[p].copies for a in c.actions}
        phrases = []
        if above and set(copy.actions) == above and "data" not in copy.scope:
            phrases += ["do so"] if does else []
        else:
            phrases.append(self.terms("action", copy.actions))
        for dimension in DIMENSIONS:
            if leaves := copy.scope.get(dimension):
                words = self.terms(TREE_OF[dimension], leaves)
                phrases.append(f"{LEADS[dimension]} {words}" if dimension in LEADS else words)
        return " ".join(phrases)


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.formulas if isinstance(condition, Every) else (condition,)
