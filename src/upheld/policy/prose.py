"""What a rule means, as somebody would write it to a customer: whole sentences, "we" and "you".

`plain` words answers for whoever checks a policy, close to the rules. This is for whoever reads it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from upheld.core.dimensions import TABLE
from upheld.policy.english import comparison_phrase, contrary, names_speaker, swap_speaker
from upheld.policy.plain import BUT_MAX, Plain, word_list
from upheld.policy.program import FactTest, Program
from upheld.policy.vocabulary import DIMENSIONS, OTHER, TREE_OF, TREES, Vocabulary

OTHERS = {
    "anybody else": "others",
    "writing to you": "other messages",
    "writing to me": "other messages",
}
LABELS = {  # terms whose label does not fit into a sentence
    "pages requested": "the pages you requested",
    "advertisements seen or clicked": "the advertisements you saw or clicked",
    "content of your mail": "the content of your mail",
    "network that your address belongs to": "the network that your address belongs to",
    "our lawyers and the other side": "our lawyers or the opposing party",
    "answer what we hold about you": "tell you what we hold about you",
    "give access to our sites and services": "let you use our sites and services",
    "end services": "end your services",
    "others": "anybody else",
    "activity": "what you do with our services",
}
FACTS = {
    "a checked order demands it and is in force": (
        "a valid court order or other legal process demands it"
    ),
    "we have erased you, but for what must be kept": "we have erased you (all but what must stay)",
}
CHOOSE, WRITE = "choose advertisements by", "write to you"
SENDABLE = "writing to you"  # a purpose under it can be sent


class Prose(Plain):
    """The words of one program in sentences, the provider speaking to a customer."""

    mine, me, acts = "your ", "you", "you"

    def label(self, tree: str, name: str) -> str:
        """What a term is called within a sentence: data with whose it is."""
        if name == OTHER:
            rest = {"data": f"anything else about {self.me}", "occasion": "at any other time"}
            return rest.get(tree) or super().label(tree, name)
        if name.endswith("/" + OTHER):
            return self._others(self.label(tree, name.removesuffix("/" + OTHER)))
        label = LABELS.get(super().label(tree, name), super().label(tree, name))
        if tree == "data" and name in self.vocabulary.tree(tree) and not names_speaker(label):
            return f"{self.mine}{label}"
        return label

    def _others(self, label: str) -> str:
        if label.startswith(self.mine):
            return f"{self.mine}other {label.removeprefix(self.mine)}"
        if label in OTHERS:
            return OTHERS[label]
        if label.startswith(("what ", "who ", "the ")):
            return f"other parts of {label}"
        for article in ("a ", "an "):
            if label.startswith(article):
                return f"another {label.removeprefix(article)}"
        return f"other {label}"

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
        tree_leaves = self.leaves[tree]
        if len(leaves) == 1 and (leaves[0] == OTHER or leaves[0] in self.program.definitions):
            return self.label(tree, leaves[0])
        if set(leaves) == set(tree_leaves.names):
            return self.any(tree)
        words, missing = (
            self.fold(tree, each) for each in (leaves, set(tree_leaves.names).difference(leaves))
        )
        if OTHER in leaves and len(missing) < max(len(words), BUT_MAX + 1):
            return f"{self.any(tree)} except {self._list(tree, missing, 'or')}"
        return self._list(tree, words, joint)

    def _list(self, tree: str, words: Sequence[str], joint: str) -> str:
        """Labels with the beginning that they share said once: `your name, card or balance`."""
        labels = [self.label(tree, word) for word in words]
        beginning = self.mine if tree == "data" else f"when {self.acts} "
        same = [each for each in labels if each.startswith(beginning)]
        if len(same) > 1:
            rest = [each for each in labels if each not in same]
            labels = [same[0], *(each.removeprefix(beginning) for each in same[1:]), *rest]
        return word_list(labels, joint)

    # Conditions

    def test(self, test: FactTest) -> str:
        """One test of a fact as a clause."""
        fact = self.vocabulary.facts.get(test.fact)
        label = (fact.label if fact else "") or test.fact.replace("-", " ")
        if test.number and test.comparison:
            unit = fact.unit if fact else ""
            if phrase := comparison_phrase(label, test.comparison, test.number, unit):
                return phrase
        phrase = super().test(test)
        return FACTS.get(phrase, phrase)

    def negation(self, inner: object) -> str:
        """The contrary of a condition, in good English where there is one."""
        if isinstance(inner, FactTest) and not inner.comparison:
            return self.against(inner.fact)
        return super().negation(inner)  # type: ignore[arg-type]  # as its caller gave it

    def against(self, fact: str) -> str:
        """The contrary of a fact."""
        return contrary(_label_of(self.program.vocabulary, fact))

    def literal(self, literal: str) -> str:
        """A literal of an answer ("age >= 18", "not opted-out") as a clause."""
        negated = literal.startswith("not ")
        name, *rest = literal.removeprefix("not ").split()
        fact = self.vocabulary.facts.get(name)
        if rest and rest[0] != "is" and fact is not None:
            unit = rest[2] if len(rest) > 2 else fact.unit
            if phrase := comparison_phrase(fact.label, rest[0], rest[1], unit):
                return phrase
        if not rest and negated:
            return self.negation(FactTest(name))
        return super().literal(literal)

    # Acts

    def question(self, action: str, dimensions: Mapping[str, Iterable[str]]) -> str:
        """An act as a phrase that follows "may we"."""
        words = {d: list(w) for d, w in dimensions.items()}
        if "data" in self.vocabulary.takes(action):
            words.setdefault("data", [*self.children["data"].get("", ()), OTHER])
        leaves = {
            d: [x for w in ws for x in self.under(TREE_OF[d], w) or (w,)]
            for d, ws in words.items()
            if ws
        }
        return self.act([action], leaves)

    def act(self, actions: Sequence[str], scope: Mapping[str, Sequence[str]]) -> str:
        """An act as a phrase, from leaves of each dimension."""
        verb = word_list(self.label("action", each) for each in actions)
        rest = {d: self.terms(TREE_OF[d], scope[d]) for d in DIMENSIONS if scope.get(d)}
        return self.phrase(verb, rest, scope)

    def phrase(
        self, verb: str, rest: dict[str, str], scope: Mapping[str, Sequence[str]] | None = None
    ) -> str:
        """A verb with the phrase of each dimension."""
        if verb == self.own(CHOOSE):
            what = rest.pop("data", self.any("data"))
            verb = f"use {what} to choose advertisements"
        elif verb == self.own(WRITE) and self._sendable((scope or {}).get("purpose", ())):
            verb = f"send {self.me} {rest.pop('purpose')}"
        return f"{verb} {self.tail(verb, rest)}".strip()

    def tail(self, verb: str, rest: Mapping[str, str]) -> str:
        """What follows a verb: the phrases of the dimensions, in order."""
        leads = {name: each.lead for name, each in TABLE.items()}
        if verb.startswith("share"):
            leads["recipient"] = "with"
        return " ".join(f"{leads[d]} {rest[d]}".strip() for d in DIMENSIONS if d in rest)

    def own(self, label: str) -> str:
        """A label of the vocabulary as whoever speaks says it."""
        return label

    def _sendable(self, purposes: Sequence[str]) -> bool:
        terms = self.vocabulary.tree("purpose")
        return bool(purposes) and all(
            name in terms
            and terms[name].parent
            and super(Prose, self).label("purpose", terms[name].parent) == self.own(SENDABLE)
            for name in self.fold("purpose", purposes)
        )


class Visitor(Prose):
    """The words of one program with the customer speaking: `may you send me offers?`."""

    mine, me, acts = "my ", "me", "I"

    def __init__(self, program: Program) -> None:
        self.theirs = program.vocabulary
        super().__init__(
            msgspec.structs.replace(program, vocabulary=_visitor_vocabulary(program.vocabulary))
        )

    def own(self, label: str) -> str:
        """A label of the vocabulary as the customer says it."""
        return swap_speaker(label)

    def against(self, fact: str) -> str:
        """The contrary of a fact."""
        return swap_speaker(contrary(_label_of(self.theirs, fact)))


def _label_of(words: Vocabulary, fact: str) -> str:
    row = words.facts.get(fact)
    return (row.label if row else "") or fact.replace("-", " ")


def _visitor_vocabulary(words: Vocabulary) -> Vocabulary:
    """A vocabulary with every label as the customer says it rather than the provider."""
    return msgspec.structs.replace(
        words,
        trees={
            tree: {
                n: msgspec.structs.replace(t, label=swap_speaker(LABELS.get(t.label, t.label)))
                for n, t in words.tree(tree).items()
            }
            for tree in {**dict.fromkeys(TREES), **words.trees}
        },
        facts={
            n: msgspec.structs.replace(f, label=swap_speaker(FACTS.get(f.label, f.label)))
            for n, f in words.facts.items()
        },
        duties={
            n: msgspec.structs.replace(d, label=swap_speaker(d.label))
            for n, d in words.duties.items()
        },
    )
