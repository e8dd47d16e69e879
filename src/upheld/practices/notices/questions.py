"""A question in an address, its check, and the answer as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from upheld.core.dimensions import called
from upheld.core.errors import nearest
from upheld.policy.plain import Plain, counted, listed
from upheld.policy.program import Clause, ExampleQuestion
from upheld.policy.publish import Answering
from upheld.policy.vocabulary import DIMENSIONS, OTHER, TREE_OF

VALUES_MAX = 50  # in one address
QUESTION_KEYS = ("action", *DIMENSIONS)
DIMENSION_LABELS = {"action": "act", **{name: called(name) for name in DIMENSIONS}}
VERDICT = {
    "allow": ("yes", "✓", "Yes"),
    "deny": ("no", "✕", "No"),
    "needs-proof": ("ask", "?", "Only if"),
}


class RejectedQuestion(Exception):  # noqa: N818 - a question is refused, nothing failed
    """A question that cannot be asked: what is so and what to do, for whoever asked."""

    def __init__(self, what: str, remedy: str, code: str, *, address: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy, self.code, self.address = what, remedy, code, address


class FormQuestion(msgspec.Struct, frozen=True):
    """A question as the form holds it: words for each dimension, values for facts."""

    action: str
    dimensions: dict[str, tuple[str, ...]] = {}
    facts: dict[str, bool | int | float | str] = {}

    def json(self) -> dict[str, object]:
        """The question as the language has it."""
        return {
            "action": self.action,
            **{d: list(w) for d, w in self.dimensions.items()},
            "facts": self.facts,
        }

    def with_fact(self, name: str, value: bool | float | str | None) -> FormQuestion:
        """The question with another value of a fact; without the fact if `value` is None."""
        facts = {k: v for k, v in self.facts.items() if k != name}
        return FormQuestion(
            self.action, self.dimensions, facts if value is None else facts | {name: value}
        )

    def query(self) -> str:
        """The question as the query of an address."""
        pairs = [("action", self.action)]
        pairs += [(d, w) for d in DIMENSIONS for w in self.dimensions.get(d, ())]
        yes_no = {True: "yes", False: "no"}
        pairs += [
            (f"fact.{n}", yes_no[v] if isinstance(v, bool) else str(v))
            for n, v in self.facts.items()
        ]
        return urlencode(pairs)


def form_question(question: ExampleQuestion) -> FormQuestion | None:
    """An example's question, or None where it gives a fact in parts."""
    facts = question.facts
    plain = {k: v for k, v in facts.items() if isinstance(v, (bool, int, float, str))}
    return (
        FormQuestion(question.action, dict(question.dimensions), plain)
        if len(plain) == len(facts)
        else None
    )


class QuestionAnswerer:
    """Reads questions out of addresses and answers them."""

    def __init__(self, policy: Answering, plain: Plain) -> None:
        self.policy, self.plain = policy, plain
        self.vocabulary = policy.program.vocabulary
        self.clauses = {c.id: c for c in policy.program.clauses if c.id}

    def read(self, pairs: Iterable[tuple[str, str]]) -> FormQuestion:
        """The question in an address; Refused where it cannot be understood."""
        action = ""
        dimensions: dict[str, tuple[str, ...]] = {}
        facts: dict[str, bool | int | float | str] = {}
        all_pairs = list(pairs)
        if len(all_pairs) > VALUES_MAX:
            what = "The question names too many words."
            raise RejectedQuestion(what, "Ask for fewer at a time.", "too-large")
        for key, value in all_pairs:
            word = value.strip()
            if key.startswith("fact."):
                if word:
                    facts[key[5:]] = self._value(key[5:], word)
            elif key not in QUESTION_KEYS:
                near = nearest(key, QUESTION_KEYS)
                hint = f"Did you mean “{near}”?" if near else "Use the choices below."
                raise RejectedQuestion(f"A question has no “{_short(key)}”.", hint, "bad-line")
            elif key == "action":
                action = word
            elif word:
                self._check_word(TREE_OF[key], key, word)
                dimensions[key] = (*dimensions.get(key, ()), word)
        self._check_word("action", "action", action)
        return FormQuestion(action, dimensions, facts)

    def _check_word(self, tree: str, dimension: str, word: str) -> None:
        if self.plain.under(tree, word) or word in self.plain.leaves[tree].bit:
            return
        if not word:
            raise RejectedQuestion(
                "The question names no act.", "Choose one below, “share” say.", "unknown-action"
            )
        code = "unknown-action" if dimension == "action" else "unknown-term"
        words = [*self.vocabulary.tree(tree), *self.policy.program.definitions]
        near = nearest(word, words)
        hint = f"Did you mean “{self.plain.label(tree, near)}”?" if near else ""
        raise RejectedQuestion(
            f"The policy knows no {DIMENSION_LABELS[dimension]} “{_short(word)}”.",
            hint or "Choose among the words that it knows, below.",
            code,
        )

    def _value(self, name: str, word: str) -> bool | float | str:
        fact = self.vocabulary.facts.get(name)
        if fact is None or fact.kind == "derived":
            near = nearest(name, self.vocabulary.facts)
            hint = f"Did you mean “{near}”?" if near else "Leave it out."
            raise RejectedQuestion(
                f"“{_short(name)}” is nothing that can be supposed.", hint, "unknown-fact"
            )
        if fact.kind == "boolean" and word in ("yes", "no"):
            return word == "yes"
        if fact.kind == "word" and word in fact.words:
            return word
        if fact.kind == "number" and len(word) <= 12:
            try:
                return int(word) if word.lstrip("-").isdecimal() else _decimal(word)
            except ValueError:
                pass
        expected = {"boolean": "yes or no", "word": listed(fact.words)}.get(fact.kind, "a number")
        raise RejectedQuestion(
            f"“{_short(word)}” does not fit “{fact.label}”.", f"Expected {expected}.", "wrong-type"
        )

    def answer(self, question: FormQuestion) -> dict[str, object]:
        """The policy's answer; Refused where it has none."""
        answer = self.policy.answer(question.json())
        if answer["outcome"] != "error":
            return answer
        if answer.get("code") == "wrong-dimension":
            takes = self.vocabulary.takes(question.action)
            odd = [d for d in question.dimensions if d not in takes]
            fewer = FormQuestion(
                question.action,
                {d: w for d, w in question.dimensions.items() if d in takes},
                question.facts,
            )
            act = self.plain.label("action", question.action)
            what = f"“{act}” has no {listed(DIMENSION_LABELS[d] for d in odd)}."
            raise RejectedQuestion(
                what, "Ask without it.", "wrong-dimension", address=fewer.query() if odd else ""
            )
        raise RejectedQuestion(
            "The policy cannot answer that.",
            str(answer.get("why", "")),
            str(answer.get("code", "")),
        )

    def view(self, question: FormQuestion, answer: Mapping[str, object]) -> dict[str, Any]:
        """An answer as the page shows it."""
        outcome = str(answer["outcome"])
        tone, mark, word = VERDICT[outcome]
        return {
            "tone": tone,
            "mark": mark,
            "word": word,
            "rest": self._rest(answer),
            "question": f"May you {self.plain.question(question.action, question.dimensions)}?",
            "given": [
                {
                    "text": self.plain.given({n: v})[0],
                    "without": question.with_fact(n, None).query(),
                }
                for n, v in question.facts.items()
            ],
            "clauses": [self.clauses[c] for c in _list(answer, "clauses") if c in self.clauses],
            "prove": [
                [self._proof(question, e) for e in every] for every in _list(answer, "prove")
            ],
            "duties": [self.plain.duty(each) for each in _list(answer, "duties")],
            "owed": [self._obligation(each) for each in _list(answer, "owed")],
            "depends": self._depends(answer),
            "nearest": [
                {"clause": self.clauses[each["clause"]], "lacks": self._lacks(each["lacks"])}
                for each in _list(answer, "nearest")
                if each["clause"] in self.clauses
            ],
        }

    def _rest(self, answer: Mapping[str, object]) -> str:
        match answer["outcome"], answer.get("kind"):
            case "allow", _:
                return "The policy allows it."
            case "deny", "silence":
                return "No clause allows it, and what no clause allows, we may not do."
            case "deny", _ if answer.get("depends"):
                return "Not whenever and for whatever: say more, and the answer may be another."
            case "deny", _:
                return "The policy forbids it."
            case _:
                return ""

    def _proof(self, question: FormQuestion, literal: str) -> dict[str, str]:
        proof = {"text": self.plain.literal(literal), "yes": ""}
        negated = literal.startswith("not ")
        name, *rest = literal.removeprefix("not ").split()
        if not rest:
            proof["yes"] = question.with_fact(name, not negated).query()
        elif rest[0] == "is" and not negated:
            proof["yes"] = question.with_fact(name, rest[1]).query()
        elif rest[0] in (">=", "<=", "="):
            fact = self.vocabulary.facts.get(name)
            if fact and rest[2:] in ([], [fact.unit]) and rest[1].lstrip("-").isdecimal():
                proof["yes"] = question.with_fact(name, int(rest[1])).query()
        return proof

    def _obligation(self, duty: Mapping[str, object]) -> dict[str, object]:
        within = ""
        if duty.get("amount") is not None:
            within = f"within {counted(str(duty['amount']), str(duty.get('unit', '')))}"
        return {
            "clause": self.clauses.get(str(duty["clause"])),
            "within": within or "at once",
            "certain": bool(duty.get("certain")),
        }

    def _depends(self, answer: Mapping[str, object]) -> list[str]:
        depends = answer.get("depends")
        sentences = []
        for dimension, leaves in depends.items() if isinstance(depends, Mapping) else ():
            tree = TREE_OF[dimension]
            words = [w for w in self.plain.fold(tree, leaves) if w != OTHER]
            but = listed((self.plain.label(tree, w) for w in words), "and")
            except_ = f", except with {but}" if but and len(words) < 7 else " for some choices"
            sentences.append(
                f"Say which {DIMENSION_LABELS[dimension]}: it can be allowed{except_}."
            )
        return sentences

    def _lacks(self, lacks: Iterable[str]) -> list[str]:
        """What was missing: a fact, or a dimension that would have had to be otherwise."""
        lines = []
        for each in lacks:
            dimension, colon, word = each.partition(": ")
            if colon and dimension in TREE_OF:
                label = self.plain.label(TREE_OF[dimension], word)
                lines.append(f"another {DIMENSION_LABELS[dimension]}, {label} say")
            else:
                lines.append(self.plain.literal(each))
        return lines

    def sentence(self, clause: Clause) -> str:
        """A clause's prose, cut where a title must be short."""
        return clause.text if len(clause.text) < 80 else clause.text[:77].rsplit(" ", 1)[0] + " …"


def _list(answer: Mapping[str, object], key: str) -> list[Any]:
    value = answer.get(key)
    return list(value) if isinstance(value, (list, tuple)) else []


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"


def _decimal(word: str) -> float:
    value = float(word)
    if not abs(value) < 1e12:  # NaN too
        raise ValueError(word)
    return value
