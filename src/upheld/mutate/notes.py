"""The notes of told stories: what they asked of a policy, and what came of them.

Under the same policy a story is told twice. What differs between the two says nothing, and is left
out of every comparison.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.observing import EVERYTHING
from upheld.policy.load import Policy, request_of
from upheld.policy.request import Decision, Request

TRIALS: Final = "UPHELD_TRIALS"  # a folder with trials.jsonl, of which every worker takes some
KINDS: Final = ("outcome", "page", "entry", "citation", "message")
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
        """The stories that a mutant may change, and how much speaks for it: 2 for an outcome."""
        weights = dict.fromkeys(self._always, 0)
        for (question, stories), answer in zip(self._question, self._answers, strict=True):
            other = _answer(mutant, question)
            if other != answer:
                weight = 1 + (other.outcome != answer.outcome)
                for story in stories:
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
