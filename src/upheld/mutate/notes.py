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
Came = dict[str, dict[tuple[str, str], Counter[str]]]  # by story: kind and key, to how it was


class Difference(msgspec.Struct, frozen=True, order=True):
    """Something that came otherwise: of which kind, in which story, and what it is."""

    kind: str
    story: str
    what: str


class Asked(NamedTuple):
    """A question: the request, the facts."""

    request: Request
    facts: Mapping[str, object]


class Notes:
    """What is in one folder of notes."""

    def __init__(self, folder: Path) -> None:
        self.came: Came = {}
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
                self.came.setdefault(story, {}).setdefault((kind, line["key"]), Counter())[
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
        return {*self.came, *(story for told in asking for story in told)}


def lines_of(folder: Path) -> Iterator[dict[str, Any]]:
    """Every note of a folder; the last one of a process that was killed may be cut, and is none."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found = json.loads(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def differences(once: Came, again: Came, now: Came, story: str) -> list[Difference]:
    """What came otherwise of a story than both times under the policy itself."""
    first, second, found = (each.get(story, {}) for each in (once, again, now))
    differing = [
        (kind, key)
        for kind, key in sorted({*first, *second, *found})
        if first.get((kind, key)) == second.get((kind, key)) != found.get((kind, key))
    ]
    return [Difference(kind, story, key) for kind, key in differing if kind in KINDS]


class Asker:
    """Asks a policy what the stories asked, and tells which of them would hear something else."""

    def __init__(self, notes: Notes, policy: Policy) -> None:
        self._asked = [(_asked(text), stories) for text, stories in notes.questions.items()]
        self._answers = [_answer(policy, each) for each, _ in self._asked]
        self._readings = [
            (_function(name), words, stories)
            for (name, words), stories in notes.readings.items()
            if name != EVERYTHING
        ]
        self._read = [function(policy, *words) for function, words, _ in self._readings]
        self._always = {
            story
            for (name, _), stories in notes.readings.items()
            if name == EVERYTHING
            for story in stories
        }

    def touched(self, mutant: Policy) -> dict[str, int]:
        """The stories that a mutant may change, and how much speaks for it: 2 for an outcome."""
        found = dict.fromkeys(self._always, 0)
        for (asked, stories), answer in zip(self._asked, self._answers, strict=True):
            other = _answer(mutant, asked)
            if other != answer:
                weight = 1 + (other.outcome != answer.outcome)
                for story in stories:
                    found[story] = max(found.get(story, 0), weight)
        for (function, words, stories), value in zip(self._readings, self._read, strict=True):
            if function(mutant, *words) != value:
                for story in stories:
                    found.setdefault(story, 1)
        return found


def _asked(text: str) -> Asked:
    said, facts = json.loads(text)
    return Asked(request_of(said)[0], facts)


def _answer(policy: Policy, asked: Asked) -> Decision:
    """What a policy answers; the clauses that nearly allowed matter only where none denies."""
    answer = policy.decide(*asked)
    return msgspec.structs.replace(answer, nearest=()) if answer.clauses else answer


def _function(name: str) -> Any:
    """The function of a note; UpheldError for one that is not marked as reading the policy."""
    module, _, path = name.partition(":")
    found = getattr(import_module(module), path, None) if module.startswith("upheld.") else None
    function = getattr(found, "reads_policy", None)
    if function is None:
        raise UpheldError(
            f"`{name}` is not a function that reads a policy",
            code="observations",
            hint="tell the stories again from the beginning",
        )
    return function
