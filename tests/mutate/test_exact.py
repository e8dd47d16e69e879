"""What spares `upheld mutate` work leaves nothing out: the same is found by trying everything."""

from __future__ import annotations

import sys
from itertools import islice, product
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

import upheld
from upheld.demo import sample_policy
from upheld.mutate.changed_rules import ChangedRules, area_of
from upheld.mutate.run import mutate
from upheld.mutate.side_by_side import side_by_side
from upheld.policy.analyse.mutants import equal, mutants
from upheld.policy.vocabulary import TREE_OF

POLICY = """---
policy: Small
---

We serve whoever is not a child. {#service}

```rule
may serve when not child
may share email, phone to supplier for service-provision when has-service with record
  except may not when opted-out
may store email, name when has-service or legal-hold with delete-after 30 days, encryption
```

Nobody sells. {#nobody}

```rule
may not sell personal-information
may not view birth-date by supplier
```
"""
QUESTIONS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("serve", {}, {"age": 30}),
    ("serve", {}, {"age": 9}),
    (
        "share",
        {"data": "email", "recipient": "supplier", "purpose": "service-provision"},
        {"has-service": True, "opted-out": False},
    ),
    ("store", {"data": "email"}, {"legal-hold": True}),
    ("sell", {"data": "email"}, {}),
    ("view", {"data": "name", "actor": "supplier"}, {}),
]
STORIES = """
import json
from pathlib import Path

import pytest

import upheld
from upheld.core import observing

QUESTIONS = json.loads(Path(__file__).with_name("questions.json").read_text())

@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_asked(number):
    policy = upheld.load(upheld.policy_under_test(Path("small.md")))
    action, dimensions, facts = QUESTIONS[number]
    answer = policy.decide(upheld.Request(action, **dimensions), facts)
    if (observer := observing.observer()) is not None:
        observer.note("outcome", action, answer.why)
"""


def test_each_word_comes_out_as_by_telling_every_story_under_every_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks all questions of every mutant, one after the other, finds the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    Path("small.md").write_text(POLICY)
    Path("questions.json").write_bytes(msgspec.json.encode(QUESTIONS))
    Path("test_small.py").write_text(STORIES)
    policy = upheld.load("small.md")

    def answers(under: upheld.Policy) -> list[str]:
        return [
            under.decide(upheld.Request(action, **dimensions), facts).why
            for action, dimensions, facts in QUESTIONS
        ]

    naive = {}
    for each in mutants(policy):
        if each.error:
            naive[each.id] = "needed"
        elif equal(policy, each):
            naive[each.id] = "equal"
        else:
            changes = answers(each.policy) != answers(policy)
            naive[each.id] = "changes" if changes else "dead"
    report = mutate(
        "small.md", [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    )
    assert {each.id: each.came for each in report.findings} == naive
    assert {"changes", "dead"} <= {*naive.values()}


def test_a_question_that_no_changed_rule_touches_has_the_same_answer() -> None:
    """For words and facts drawn at random: what is not compared would have compared equal."""
    policy, draw = upheld.load(sample_policy()), Random(20)  # noqa: S311 - the same questions each time
    compiled = policy.engine.compiled
    booleans = [n for n, f in policy.program.vocabulary.facts.items() if f.kind == "boolean"]
    questions = []
    for _ in range(200):
        action = draw.choice(sorted(compiled.takes))
        dimensions = {
            d: draw.choice(sorted(policy.engine.checker.masks[TREE_OF[d]]))
            for d in compiled.takes[action]
            if draw.random() < 0.8
        }
        facts = {name: draw.random() < 0.7 for name in booleans if draw.random() < 0.7}
        questions.append((upheld.Request(action, **dimensions), facts))
    usual = [policy.decide(*each) for each in questions]
    areas = [
        area_of(policy.engine.plans.get(request), answer)
        for (request, _), answer in zip(questions, usual, strict=True)
    ]
    untouched = touched = 0
    for mutant in islice(mutants(policy), 0, 240, 12):
        if mutant.error:
            continue
        under = mutant.policy
        changed = ChangedRules(policy, under)
        for (request, facts), answer, area in zip(questions, usual, areas, strict=True):
            if changed.may_touch(request, area):
                touched += 1
                continue
            untouched += 1
            other = under.decide(request, facts)
            nearest = other.nearest if not answer.clauses else answer.nearest
            assert msgspec.structs.replace(other, nearest=nearest) == answer
    assert min(touched, untouched) > 0


def test_work_that_is_done_side_by_side_comes_in_order_and_raises_what_it_raised() -> None:
    """Results are those of one process, in the order of the items; an error is not lost."""
    for processes, count in product((1, 2), (0, 1, 30)):
        results = side_by_side(lambda number: number * number, range(count), processes)
        assert list(results) == [number * number for number in range(count)]
    with pytest.raises(ZeroDivisionError):
        list(side_by_side(lambda number: 1 // (number - 20), range(30), 2))
