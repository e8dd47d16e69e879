"""The notes of told stories: what they asked of a policy, and what came of them.

Under the same policy a story is told twice. What differs between the two says nothing, and is left
out of every comparison.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.errors import RequestError, UpheldError
from upheld.core.observing import EVERYTHING
from upheld.mutate.changed_rules import ChangedRules, area_of
from upheld.policy.decide import QuestionPlan
from upheld.policy.fact_types import is_yes_no
from upheld.policy.load import Policy, request_of
from upheld.policy.request import Decision, Request

TRIALS: Final = "UPHELD_TRIALS"  # a folder with trials.jsonl, of which every worker takes some
KINDS: Final = ("outcome", "page", "entry", "citation", "message")
FACTS_MAX: Final = 4  # facts that are tried in every combination
StoryResults = dict[
    str, dict[tuple[str, str], Counter[str]]
]  # by story: kind and key, to how it was


class StoryDifference(msgspec.Struct, frozen=True, order=True):
    """A difference in the results of a story: its kind, the story, and what differs."""

    kind: str
    story: str
    what: str


class StoryQuestion(NamedTuple):
    """A question: the request, the facts."""

    request: Request
    facts: Mapping[str, object]


class Notes:
    """The notes of one folder."""

    def __init__(self, folder: Path) -> None:
        self.results: StoryResults = {}
        self.questions: dict[str, set[str]] = {}  # as JSON, to the stories that ask them
        self.readings: dict[tuple[str, tuple[str | int, ...]], set[str]] = {}
        self.seconds: dict[str, float] = {}
        self._early = False
        for line in lines_of(folder):
            self._take(line)

    def _take(self, line: dict[str, Any]) -> None:
        story = line["story"]
        match line["kind"]:
            case "question":
                text = json.dumps([line["request"], line["facts"]], sort_keys=True)
                self.questions.setdefault(text, set()).add(story)
            case "reading":
                key = line["function"], tuple(line["words"])
                self.readings.setdefault(key, set()).add(story)
            case "seconds":
                self.seconds[story] = float(line["value"])
            case "early":
                self._early = True
            case kind:
                self.results.setdefault(story, {}).setdefault((kind, line["key"]), Counter())[
                    line["value"]
                ] += 1

    @property
    def forks(self) -> bool:
        """Whether pytest tells the stories, and loads the policy in them and not before."""
        return bool(self.seconds) and not self._early

    @property
    def stories(self) -> set[str]:
        """The stories that were told."""
        if self.seconds:
            return {*self.seconds}
        asking = (*self.questions.values(), *self.readings.values())
        return {*self.results, *(story for stories in asking for story in stories)}


def lines_of(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield every note of a folder, skipping a last line that a killed process cut off."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                note = json.loads(line)
            except ValueError:
                continue
            if isinstance(note, dict):
                yield note


def differences(
    once: StoryResults, again: StoryResults, now: StoryResults, story: str
) -> list[StoryDifference]:
    """What came otherwise of a story than both times under the policy itself."""
    first, second, third = (each.get(story, {}) for each in (once, again, now))
    differing = [
        (kind, key)
        for kind, key in sorted({*first, *second, *third})
        if first.get((kind, key)) == second.get((kind, key)) != third.get((kind, key))
    ]
    return [StoryDifference(kind, story, key) for kind, key in differing if kind in KINDS]


class AnswerComparer:
    """Compares a policy's answers to what stories asked with a mutant's."""

    def __init__(self, notes: Notes, policy: Policy) -> None:
        self._question = [(_question(text), stories) for text, stories in notes.questions.items()]
        self._answers = [_answer(policy, each) for each, _ in self._question]
        self._policy, plans = policy, [_plan(policy, each.request) for each, _ in self._question]
        self._facts = [frozenset(each.values if each else ()) for each in plans]
        self._areas = [
            area_of(plan, answer) for plan, answer in zip(plans, self._answers, strict=True)
        ]
        self._proving: dict[str, set[str]] = {}  # facts, to the stories in which each was so
        for (_, facts), stories in self._question:
            for name, value in facts.items():
                if value is True:
                    self._proving.setdefault(name, set()).update(stories)
        self._readings = [
            (_function(name), words, stories)
            for (name, words), stories in notes.readings.items()
            if name != EVERYTHING
        ]
        self._values = [function(policy, *words) for function, words, _ in self._readings]
        self._always = {
            story
            for (name, _), stories in notes.readings.items()
            if name == EVERYTHING
            for story in stories
        }

    def affected_stories(self, mutant: Policy) -> dict[str, int]:
        """The stories that a mutant may change, and how much speaks for it: 2 for an outcome.

        A question is noted with the facts on which the policy's own answer hangs. Where the
        mutant's hangs on others, nobody knows what they were; so that story is told too.
        """
        weights = dict.fromkeys(self._always, 0)
        changed = ChangedRules(self._policy, mutant)
        for (question, stories), answer, facts, area in zip(
            self._question, self._answers, self._facts, self._areas, strict=True
        ):
            if not changed.may_touch(question.request, area):
                continue
            other = _answer(mutant, question)
            if other != answer:
                weight = 1 + (other.outcome != answer.outcome)
                for story in stories:
                    weights[story] = max(weights.get(story, 0), weight)
                continue
            plan = _plan(mutant, question.request)
            more = frozenset(plan.values if plan else ()) - facts - question.facts.keys()
            for name in more and _deciding_facts(mutant, question, answer, more):
                for story in stories:
                    weight = int(story in self._proving.get(name, ()))
                    weights[story] = max(weights.get(story, 0), weight)
        for (function, words, stories), value in zip(self._readings, self._values, strict=True):
            if function(mutant, *words) != value:
                for story in stories:
                    weights.setdefault(story, 1)
        return weights


def _question(text: str) -> StoryQuestion:
    request, facts = json.loads(text)
    return StoryQuestion(request_of(request)[0], facts)


def _answer(policy: Policy, question: StoryQuestion) -> Decision:
    """What a policy answers; the clauses that nearly allowed matter only where none denies."""
    answer = policy.decide(*question)
    return msgspec.structs.replace(answer, nearest=()) if answer.clauses else answer


def _plan(policy: Policy, request: Request) -> QuestionPlan | None:
    """A question worked out; None for one that cannot be asked."""
    try:
        return policy.engine.plans.get(request) or policy.engine.plan(request)
    except RequestError:
        return None


def _deciding_facts(
    policy: Policy, question: StoryQuestion, usual: Decision, names: frozenset[str]
) -> frozenset[str]:
    """Those facts that, with each other or alone, may make an answer another one than usual."""
    facts = policy.program.vocabulary.facts
    if len(names) > FACTS_MAX or not all(is_yes_no(facts[name]) for name in names):
        return names
    deciding: set[str] = set()
    for values in product((True, False), repeat=len(names)):
        more = dict(zip(names, values, strict=True))
        if _answer(policy, StoryQuestion(question.request, {**question.facts, **more})) != usual:
            deciding |= {name for name, value in more.items() if value} or names
    return frozenset(deciding)


def _function(name: str) -> Any:
    """The function of a note; UpheldError for one that is not marked as reading the policy."""
    module, _, path = name.partition(":")
    candidate = getattr(import_module(module), path, None) if module.startswith("upheld.") else None
    function = getattr(candidate, "reads_policy", None)
    if function is None:
        raise UpheldError(
            f"`{name}` is not a function that reads a policy",
            code="observations",
            hint="tell the stories again from the beginning",
        )
    return function
