"""Acts, conditions and duties as somebody would write them to a customer: "we" and "you".

Every text that speaks of a policy is made here and in `sentences`: its page, explanations,
comparisons, refusals, the story of what was done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import msgspec

from upheld.core.dimensions import TABLE
from upheld.policy.english import (
    OPPOSITE,
    amount_of,
    another,
    contrary,
    merge_ages,
    names_speaker,
    swap_speaker,
    word_list,
)
from upheld.policy.fact_types import OrderedType, fact_type, ordered_type
from upheld.policy.program import Condition, DutyDue, Either, Every, FactTest, Negation, Program
from upheld.policy.vocabulary import DIMENSIONS, OTHER, TREE_OF, TREES, Fact, Vocabulary
from upheld.policy.words import Words

LEADS = {name: each.lead for name, each in TABLE.items() if each.lead}
BUT_MAX = 4  # exceptions of an `anything except` before listing what is meant reads better
CHOOSE, WRITE = "choose advertisements by", "write to you"
SENDABLE = "writing to you"  # a purpose under it can be sent
PLACEHOLDERS = ("this many", "this time", "this much")  # in labels of duties with a number


class Prose(Words):
    """The words of one program in sentences, the provider speaking to a customer."""

    mine, me, acts = "your ", "you", "you"

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.derived = {condition: name for name, condition in program.derived.items()}

    def label(self, tree: str, name: str) -> str:
        """What a term is called within a sentence: data with whose it is."""
        if name == OTHER:
            rest = {"data": f"anything else about {self.me}", "party": "anybody else"}
            return rest.get(tree) or self.term(tree, name)
        if name.endswith("/" + OTHER):
            return self._others(tree, name.removesuffix("/" + OTHER))
        words = self.term(tree, name)
        if tree == "data" and name in self.vocabulary.tree(tree) and not names_speaker(words):
            return f"{self.mine}{words}"
        return words

    def _others(self, tree: str, name: str) -> str:
        label = self.label(tree, name)
        if label.startswith(self.mine):
            return f"{self.mine}other {label.removeprefix(self.mine)}"
        if label == self.own(SENDABLE):
            return "other messages"
        return another(label)

    def any(self, tree: str) -> str:
        """What people call the whole of a tree."""
        return {
            "data": f"anything about {self.me}",
            "party": "anyone",
            "purpose": "any purpose",
            "occasion": "at any time",
            "place": "anywhere",
        }.get(tree, "anything")

    def terms(self, tree: str, leaves: Iterable[str], joint: str = "or") -> str:
        """Leaves as people say them: the fewest words, or all but a few."""
        leaves = tuple(leaves)
        names = self.leaves[tree].names
        if len(leaves) == 1 and (leaves[0] == OTHER or leaves[0] in self.program.definitions):
            return self.label(tree, leaves[0])
        if set(leaves) == set(names):
            return self.any(tree)
        words, missing = (self.fold(tree, each) for each in (leaves, set(names).difference(leaves)))
        if OTHER in leaves and len(missing) < max(len(words), BUT_MAX + 1):
            return f"{self.any(tree)} except {self.list_labels(tree, missing, 'or')}"
        if len(words) > BUT_MAX and len({self.top(tree, word) for word in words}) == 1:
            group = self.top(tree, words[0])
            missing = self.fold(tree, set(self.under(tree, group)).difference(leaves))
            rest = [each for each in missing if "/" in each]  # reads badly after `except`
            if group and len(missing) <= BUT_MAX and not rest:
                return f"{self.label(tree, group)} except {self.list_labels(tree, missing, 'or')}"
        return self.list_labels(tree, words, joint)

    def list_labels(self, tree: str, words: Sequence[str], joint: str) -> str:
        """Labels with the beginning that they share said once: `your name, card or balance`."""
        labels = [self.label(tree, word) for word in words]
        shared = self.mine if tree == "data" else f"when {self.acts} "
        same = [each for each in labels if each.startswith(shared)]
        if same:
            rest = [each for each in labels if each not in same]
            labels = [same[0], *(each.removeprefix(shared) for each in same[1:]), *rest]
        return word_list(labels, joint)

    # Conditions

    def condition(self, condition: Condition, *, nested: bool = False) -> str:
        """A condition as clauses; what is nested says so by "either" and "both"."""
        if (name := self.derived.get(condition)) and self.vocabulary.facts[name].label:
            return self.vocabulary.facts[name].label
        match condition:
            case FactTest():
                return self.test(condition)
            case Negation(inner):
                return self.negation(inner)
            case Every(formulas) | Either(formulas):
                together = isinstance(condition, Every)
                joint, word = ("and", "both") if together else ("or", "either")
                parts = [self.condition(each, nested=True) for each in formulas]
                if not parts:
                    return "in any case" if together else "never"
                parts = merge_ages(parts) if together else parts
                word = f"{word} " if nested and len(parts) == 2 else ""
                return f"{word}{word_list(parts, joint)}"

    def test(self, test: FactTest) -> str:
        """One test of a fact as a clause."""
        label = label_of(self.vocabulary, test.fact)
        if test.number:
            kind = self._ordered(test.fact)
            point = kind.point_text(Fraction(test.number))
            return kind.phrase(label, test.comparison, point, kind.fact.unit)
        return f"{label} is {test.word.replace('-', ' ')}" if test.word else label

    def negation(self, inner: Condition) -> str:
        """The contrary of a condition, in good English where there is one."""
        match inner:
            case Negation(formula):
                return self.condition(formula)
            case FactTest(fact, comparison, number, _) if comparison in OPPOSITE and number:
                return self.test(FactTest(fact, OPPOSITE[comparison], number))
            case FactTest(word=word) if word:
                return self.test(inner).replace(" is ", " is not ", 1)
            case FactTest(fact, comparison) if not comparison:
                return self.contrary_of(fact)
            case _:
                return f"it is not true that {self.condition(inner, nested=True)}"

    def contrary_of(self, fact: str) -> str:
        """The contrary of a fact: what its vocabulary says, or what grammar makes of its label."""
        entry = self.vocabulary.facts.get(fact)
        return (entry and entry.contrary) or contrary(label_of(self.vocabulary, fact))

    def literal(self, literal: str) -> str:
        """A literal of an answer ("age >= 18", "not opted-out") as a clause."""
        negated = literal.startswith("not ")
        name, *rest = literal.removeprefix("not ").split()
        if rest and rest[0] != "is":
            kind = self._ordered(name)
            unit = rest[2] if len(rest) > 2 else kind.fact.unit
            return kind.phrase(label_of(self.vocabulary, name), rest[0], rest[1], unit)
        test = FactTest(name, "is", word=rest[1]) if rest else FactTest(name)
        return self.negation(test) if negated else self.test(test)

    def _ordered(self, name: str) -> OrderedType:
        """A fact that is compared; a number where the vocabulary lacks it."""
        return ordered_type(self.vocabulary.facts.get(name) or Fact(name))

    def fact_phrases(self, facts: Mapping[str, object]) -> list[str]:
        """The facts of a question, as clauses."""
        return [self._fact_phrase(name, value) for name, value in facts.items()]

    def _fact_phrase(self, name: str, value: object) -> str:
        if isinstance(value, bool):
            return self.test(FactTest(name)) if value else self.negation(FactTest(name))
        if isinstance(value, (list, tuple)):
            return word_list((self._part(name, part) for part in value), "and")
        test = fact_type(self.vocabulary.facts[name]).test_of(value)
        return self.test(test).replace("exactly ", "")

    def _part(self, name: str, part: Mapping[str, Any]) -> str:
        phrase = self._fact_phrase(name, bool(part.get("holds", part.get("rest", True))))
        scope = {d: self.under_all(TREE_OF[d], _names(part[d])) for d in DIMENSIONS if d in part}
        where = self.tail("", {d: self.terms(TREE_OF[d], leaves) for d, leaves in scope.items()})
        return f"{phrase} ({where})" if where else phrase

    # Acts

    def question(self, action: str, dimensions: Mapping[str, Iterable[str]]) -> str:
        """An act as a phrase that follows "may we"."""
        words = {d: list(w) for d, w in dimensions.items()}
        if "data" in self.vocabulary.takes(action):
            words.setdefault("data", [*self.children["data"].get("", ()), OTHER])
        return self.act([action], {d: self.under_all(TREE_OF[d], w) for d, w in words.items() if w})

    def act(self, actions: Sequence[str], scope: Mapping[str, Sequence[str]]) -> str:
        """An act as a phrase, from leaves of each dimension."""
        verb = word_list(self.label("action", each) for each in actions)
        rest = {d: self.terms(TREE_OF[d], scope[d]) for d in DIMENSIONS if scope.get(d)}
        return self.phrase(verb, rest, scope)

    def phrase(
        self, verb: str, rest: dict[str, str], scope: Mapping[str, Sequence[str]] | None = None
    ) -> str:
        """A verb with what is said of each dimension."""
        if verb == self.own(CHOOSE):
            what = rest.pop("data", self.any("data"))
            verb = f"use {what} to choose advertisements"
        elif verb == self.own(WRITE) and self._is_sent((scope or {}).get("purpose", ())):
            verb = f"send {self.me} {rest.pop('purpose')}"
        return f"{verb} {self.tail(verb, rest)}".strip()

    def tail(self, verb: str, rest: Mapping[str, str]) -> str:
        """What follows a verb: what is said of each dimension."""
        leads = {**LEADS, "recipient": "with"} if verb.startswith("share") else LEADS
        return " ".join(f"{leads.get(d, '')} {rest[d]}".strip() for d in DIMENSIONS if d in rest)

    def duty(self, duty: DutyDue | Mapping[str, Any]) -> str:
        """A duty with its number in its place."""
        if isinstance(duty, DutyDue):
            name, amount, unit = duty.duty, duty.amount, duty.unit
        else:
            name, amount, unit = duty["duty"], str(duty.get("amount", "")), duty.get("unit", "")
        entry = self.vocabulary.duties.get(name)
        label = (entry.label if entry else "") or name.replace("-", " ")
        for place in PLACEHOLDERS if amount else ():
            if place in label:
                return label.replace(place, amount_of(amount, unit))
        return f"{label} ({amount_of(amount, unit)})" if amount else label

    def own(self, label: str) -> str:
        """A label of the vocabulary as whoever speaks says it."""
        return label

    def is_message(self, action: str, purpose: str) -> bool:
        """Whether an act sends what its purpose names: `our newsletter`, `offers`."""
        return self.label("action", action) == self.own(WRITE) and self._is_sent([purpose])

    def _is_sent(self, purposes: Sequence[str]) -> bool:
        terms = self.vocabulary.tree("purpose")
        return bool(purposes) and all(
            name in terms
            and terms[name].parent
            and self.term("purpose", terms[name].parent) == self.own(SENDABLE)
            for name in self.fold("purpose", purposes)
        )


class Visitor(Prose):
    """The words of one program with the customer speaking: `may you send me offers?`."""

    mine, me, acts = "my ", "me", "I"

    def __init__(self, program: Program) -> None:
        super().__init__(
            msgspec.structs.replace(program, vocabulary=_visitor_vocabulary(program.vocabulary))
        )

    def own(self, label: str) -> str:
        """A label of the vocabulary as the customer says it."""
        return swap_speaker(label)


def label_of(words: Vocabulary, fact: str) -> str:
    """What people call a fact."""
    entry = words.facts.get(fact)
    return (entry.label if entry else "") or fact.replace("-", " ")


def _names(words: str | Iterable[str]) -> Iterable[str]:
    return [words] if isinstance(words, str) else words


def _visitor_vocabulary(words: Vocabulary) -> Vocabulary:
    """A vocabulary with every label as the customer says it rather than the provider."""
    return msgspec.structs.replace(
        words,
        trees={
            tree: {
                n: msgspec.structs.replace(t, label=swap_speaker(t.label))
                for n, t in words.tree(tree).items()
            }
            for tree in {**dict.fromkeys(TREES), **words.trees}
        },
        facts={n: _visitor_fact(f) for n, f in words.facts.items()},
        duties={
            n: msgspec.structs.replace(d, label=swap_speaker(d.label))
            for n, d in words.duties.items()
        },
    )


def _visitor_fact(fact: Fact) -> Fact:
    opposite = fact.contrary or contrary(fact.label)
    return msgspec.structs.replace(
        fact, label=swap_speaker(fact.label), contrary=swap_speaker(opposite)
    )
