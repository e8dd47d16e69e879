"""A question in an address, its check, and the answer as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec

from upheld.core.dimensions import dimension_label
from upheld.core.errors import RequestError, UpheldError, nearest
from upheld.policy.analyse.answers import (
    NO,
    SOMETIMES,
    YES,
    FullAnswer,
    ObligationAnswer,
    full_answer,
)
from upheld.policy.analyse.query import scope_of
from upheld.policy.analyse.wording import Region
from upheld.policy.english import amount_of, word_list
from upheld.policy.fact_types import FormValue, fact_type
from upheld.policy.load import Policy
from upheld.policy.program import Clause, ExampleQuestion
from upheld.policy.prose import Visitor
from upheld.policy.vocabulary import DIMENSIONS, TREE_OF

VALUES_MAX = 50  # in one address
QUESTION_KEYS = ("action", *DIMENSIONS)
DIMENSION_LABELS = {"action": "act", **{name: dimension_label(name) for name in DIMENSIONS}}
VERDICT = {YES: ("yes", "✓", "Yes"), NO: ("no", "✕", "No"), SOMETIMES: ("ask", "?", "Sometimes")}
POLICIES_MAX = 8  # whose answers are kept
ANSWERS_MAX = 2_000  # kept of one policy: those to the same question never differ


class RejectedQuestion(Exception):  # noqa: N818 - a question is refused, nothing failed
    """A question that cannot be question: what is so and what to do, for whoever question."""

    def __init__(self, what: str, remedy: str, code: str, *, address: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy, self.code, self.address = what, remedy, code, address


class FormQuestion(msgspec.Struct, frozen=True):
    """A question as the form holds it: words for each dimension, values for facts."""

    action: str
    dimensions: dict[str, tuple[str, ...]] = {}
    facts: dict[str, FormValue] = {}

    def json(self) -> dict[str, object]:
        """The question as the language has it."""
        return {
            "action": self.action,
            **{d: list(w) for d, w in self.dimensions.items()},
            "facts": self.facts,
        }

    def with_fact(self, name: str, value: FormValue | None) -> FormQuestion:
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
    """The question of an example, or None if one of its facts has several values."""
    facts = question.facts
    plain = {k: v for k, v in facts.items() if isinstance(v, (bool, int, float, str))}
    return (
        FormQuestion(question.action, dict(question.dimensions), plain)
        if len(plain) == len(facts)
        else None
    )


class _Answers:
    """Answers by the digest of the policy that gave them: the same policy answers the same."""

    def __init__(self) -> None:
        self._answers: dict[str, dict[str, FullAnswer]] = {}

    def of(self, digest: str) -> dict[str, FullAnswer]:
        """The answers of one policy so far."""
        if digest not in self._answers and len(self._answers) >= POLICIES_MAX:
            self._answers.pop(next(iter(self._answers)), None)
        return self._answers.setdefault(digest, {})


_ANSWERS = _Answers()


class QuestionAnswerer:
    """Reads questions out of addresses and answers them."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.voice = Visitor(policy.program)
        self._answers = _ANSWERS.of(policy.digest)
        self.vocabulary = policy.program.vocabulary
        self.clauses = {c.id: c for c in policy.program.clauses if c.id}

    def read(self, pairs: Iterable[tuple[str, str]]) -> FormQuestion:
        """The question in an address; RejectedQuestion where it cannot be understood."""
        action = ""
        dimensions: dict[str, tuple[str, ...]] = {}
        facts: dict[str, FormValue] = {}
        values = list(pairs)
        if len(values) > VALUES_MAX:
            what = "The question names too many words."
            raise RejectedQuestion(what, "Ask for fewer at a time.", "too-large")
        for key, value in values:
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
        if self.voice.under(tree, word) or word in self.voice.leaves[tree].bit:
            return
        if not word:
            raise RejectedQuestion(
                "The question does not say what we would do.",
                "Choose it below, for example “share”.",
                "unknown-action",
            )
        code = "unknown-action" if dimension == "action" else "unknown-term"
        words = [*self.vocabulary.tree(tree), *self.policy.program.definitions]
        near = nearest(word, words)
        hint = f"Did you mean “{self.voice.term(tree, near)}”?" if near else ""
        raise RejectedQuestion(
            f"The policy knows no {DIMENSION_LABELS[dimension]} “{_short(word)}”.",
            hint or "Choose among the words that it knows, below.",
            code,
        )

    def _value(self, name: str, word: str) -> FormValue:
        fact = self.vocabulary.facts.get(name)
        if fact is None or fact.derived:
            near = nearest(name, self.vocabulary.facts)
            hint = f"Did you mean “{near}”?" if near else "Leave it out."
            raise RejectedQuestion(
                f"“{_short(name)}” is nothing that can be supposed.", hint, "unknown-fact"
            )
        kind = fact_type(fact)
        value = kind.from_form(word)
        if value is None:
            what = f"“{_short(word)}” does not fit “{fact.label}”."
            raise RejectedQuestion(what, f"Expected {kind.form_words()}.", "wrong-type")
        return value

    def answer(self, question: FormQuestion) -> FullAnswer:
        """The policy's whole answer, worked out once; RejectedQuestion where it has none."""
        key = question.query()
        full = self._answers.get(key)
        if full is None:
            full = self._work_out(question)
            if len(self._answers) >= ANSWERS_MAX:
                self._answers.clear()
            self._answers[key] = full
        return full

    def _work_out(self, question: FormQuestion) -> FullAnswer:
        try:
            return self._full(question)
        except RequestError as error:
            takes = self.vocabulary.takes(question.action)
            odd = [d for d in question.dimensions if d not in takes]
            if error.code != "wrong-dimension" or not odd:
                raise RejectedQuestion(
                    "The policy cannot answer that.", f"{error}.".capitalize(), error.code
                ) from None
            fewer = {d: w for d, w in question.dimensions.items() if d in takes}
            act = self.voice.label("action", question.action)
            raise RejectedQuestion(
                f"“{act}” has no {word_list(DIMENSION_LABELS[d] for d in odd)}.",
                "Ask without it.",
                error.code,
                address=FormQuestion(question.action, fewer, question.facts).query(),
            ) from None
        except UpheldError as error:
            raise RejectedQuestion(
                "That asks about too much at once.", "Say more, and ask again.", error.code
            ) from None

    def _full(self, question: FormQuestion) -> FullAnswer:
        return full_answer(
            self.policy, scope_of(self.policy, question.action, question.dimensions, question.facts)
        )

    def verdict(self, question: FormQuestion) -> str:
        """Yes, no or sometimes; nothing where the policy has no answer."""
        try:
            return self.answer(question).verdict
        except RejectedQuestion:
            return ""

    def question(self, question: FormQuestion) -> str:
        """A question as whoever asks it says it."""
        dimensions = {d: w for d, w in question.dimensions.items() if d != "actor"}
        actors = [self.voice.label("party", w) for w in question.dimensions.get("actor", ())]
        who = word_list("I" if each == "me" else each for each in actors) if actors else "you"
        return f"May {who} {self.voice.question(question.action, dimensions)}?"

    def json(self, question: FormQuestion, full: FullAnswer) -> dict[str, object]:
        """An answer for programs."""
        return {
            "answer": full.verdict,
            "question": self.question(question),
            "asked": question.json(),
            "cases": [
                {
                    "when": c.when,
                    "clauses": c.clauses,
                    "bases": c.bases,
                    "requests": msgspec.to_builtins(c.regions),
                    "more": c.more,
                }
                for c in full.cases
            ],
            "refusals": msgspec.to_builtins(full.refusals),
            "duties": msgspec.to_builtins(full.duties),
            "due": msgspec.to_builtins(full.due),
        }

    def view(self, question: FormQuestion, full: FullAnswer) -> dict[str, Any]:
        """An answer as the page shows it."""
        tone, mark, word = VERDICT[full.verdict]
        yes = [self._line(question, c.regions, c.when, more=c.more, yes=True) for c in full.cases]
        no = [
            self._line(question, r.regions, r.when, more=r.more, yes=False) for r in full.refusals
        ]
        if full.verdict != SOMETIMES:
            yes = no = []
        for lines in (yes, no):  # what is said in few words first
            lines.sort(key=lambda each: len(each["lead"]))
        cited = [c for case in full.cases for c in case.clauses]
        cited += [c for refusal in full.refusals for c in refusal.clauses]
        return {
            "tone": tone,
            "mark": mark,
            "word": word,
            "rest": self._rest(full),
            "question": self.question(question),
            "given": [
                {
                    "text": self.voice.fact_phrases({n: v})[0],
                    "without": question.with_fact(n, None).query(),
                }
                for n, v in question.facts.items()
            ],
            "clauses": [self.clauses[c] for c in dict.fromkeys(cited) if c in self.clauses],
            "yes": yes,
            "no": no,
            "duties": [self.voice.duty(each) for each in full.duties],
            "owed": [self._obligation(each) for each in full.due],
            "others": self._others(question) if full.verdict == NO else [],
            "nearest": self._nearest(question) if full.verdict == NO else [],
        }

    def _rest(self, full: FullAnswer) -> str:
        if full.verdict == YES:
            return "The policy allows it in any case."
        if full.verdict == NO and not any(each.clauses for each in full.refusals):
            return "No clause allows it, and what no clause allows, you may not do."
        return "The policy never allows it." if full.verdict == NO else ""

    def _line(
        self,
        question: FormQuestion,
        regions: Sequence[Region],
        ways: Sequence[Sequence[str]],
        *,
        more: bool,
        yes: bool,
    ) -> dict[str, Any]:
        """One part of an answer: of what in the question, and when."""
        leads = list(dict.fromkeys(self._lead(question, each) for each in regions))
        if more:
            leads.append("and more like it")
        ends = [[self._proof(question, each, link=yes) for each in way] for way in ways if way]
        return {"lead": "; ".join(filter(None, leads)), "ways": ends, "too_many": not ways}

    def _lead(self, question: FormQuestion, region: Region) -> str:
        """What a region says that the question does not."""
        leaves = {
            d: [x for w in words for x in self.voice.under(TREE_OF[d], w) or (w,)]
            for d, words in region.dimensions.items()
        }
        mine = {
            d: {x for w in words for x in self.voice.under(TREE_OF[d], w) or (w,)}
            for d, words in question.dimensions.items()
        }
        differs = {d: words for d, words in leaves.items() if set(words) != mine.get(d)}
        acts = region.action.split(", ")
        if set(self._leaves("action", acts)) != set(self._leaves("action", [question.action])):
            return self.voice.act(acts, leaves)
        rest = {d: self.voice.terms(TREE_OF[d], words) for d, words in differs.items()}
        return self.voice.tail(self.voice.label("action", question.action), rest)

    def _leaves(self, tree: str, words: Iterable[str]) -> list[str]:
        return [x for w in words for x in self.voice.under(tree, w) or (w,)]

    def _proof(self, question: FormQuestion, literal: str, *, link: bool) -> dict[str, str]:
        proof = {"text": self.voice.literal(literal), "yes": ""}
        negated = literal.startswith("not ")
        name, *rest = literal.removeprefix("not ").split()
        if not link:
            return proof
        if not rest:
            proof["yes"] = question.with_fact(name, not negated).query()
        elif rest[0] == "is" and not negated:
            proof["yes"] = question.with_fact(name, rest[1]).query()
        elif rest[0] in (">=", "<=", "="):
            fact = self.vocabulary.facts.get(name)
            value = fact_type(fact).from_form(rest[1]) if fact and len(rest) == 2 else None
            if value is not None:
                proof["yes"] = question.with_fact(name, value).query()
        return proof

    def _obligation(self, due: ObligationAnswer) -> dict[str, object]:
        within = f"within {amount_of(due.amount, due.unit)}" if due.amount else "at once"
        return {"clause": self.clauses.get(due.clause), "within": within, "certain": due.certain}

    def _others(self, question: FormQuestion) -> list[dict[str, str]]:
        """Who else may, where it was question of the provider alone."""
        if "actor" in question.dimensions or "actor" not in self.vocabulary.takes(question.action):
            return []
        others = []
        for name in self.voice.leaves["party"].names:
            other = FormQuestion(
                question.action, {**question.dimensions, "actor": (name,)}, question.facts
            )
            if self.verdict(other) not in ("", NO):
                others.append({"text": self.voice.label("party", name), "query": other.query()})
        return others

    def _nearest(self, question: FormQuestion) -> list[dict[str, object]]:
        """Clauses that would allow something close, where what it would take helps indeed."""
        answer = self.policy.answer(question.json())
        nearby: list[dict[str, object]] = []
        for each in answer.get("nearest") or ():
            if each["clause"] not in self.clauses:
                continue
            nearer, parts, facts = question, [], []
            for lack in each["lacks"]:
                dimension, colon, word = lack.partition(": ")
                if colon and dimension in TREE_OF:
                    words = {**nearer.dimensions, dimension: (word,)}
                    nearer = FormQuestion(nearer.action, words, nearer.facts)
                    example = self.voice.label(TREE_OF[dimension], word)
                    parts.append(
                        f"for a different {DIMENSION_LABELS[dimension]}, for example {example}"
                    )
                else:
                    facts.append(self.voice.literal(lack))
            if parts and self.verdict(nearer) not in ("", NO):
                when = f", when {word_list(facts, 'and')}" if facts else ""
                text = f"This could be allowed {word_list(parts, 'and')}{when}."
                clause = self.clauses[each["clause"]]
                nearby.append({"clause": clause, "query": nearer.query(), "text": text})
        return nearby

    def sentence(self, clause: Clause) -> str:
        """A clause's prose, cut where a title must be short."""
        return clause.text if len(clause.text) < 80 else clause.text[:77].rsplit(" ", 1)[0] + " …"


def _short(word: str) -> str:
    return word if len(word) <= 40 else word[:39] + "…"
