"""The cases that come with upheld: a small policy each, and what it must answer or be refused for.

The expectation stands at the end of each file: questions with (part of) their answers for good
ones, `LINE:CODE` for bad ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import upheld

CASES = Path(__file__).resolve().parents[2] / "policies" / "cases"
FENCE = "```expected\n"


def expected(path: Path) -> list[str]:
    """The lines of a case's expectation."""
    return path.read_text(encoding="utf-8").split(FENCE)[1].split("```")[0].strip().splitlines()


@pytest.mark.parametrize("path", sorted((CASES / "good").glob("*.md")), ids=lambda path: path.stem)
def test_a_good_case_answers_as_it_says(path: Path) -> None:
    """Each question is answered as the case expects, and so is each example in it."""
    policy = upheld.load(path)
    for line in expected(path):
        case = json.loads(line)
        answer = policy.answer(case["question"])
        assert {key: answer.get(key) for key in case["answer"]} == case["answer"], answer
    for example in (each for clause in policy.program.clauses for each in clause.examples):
        assert not policy.example(example)[1], example.text


@pytest.mark.parametrize("path", sorted((CASES / "bad").glob("*.md")), ids=lambda path: path.stem)
def test_a_bad_case_is_refused_for_its_mistake(path: Path) -> None:
    """The mistake is named by its code, at its line."""
    with pytest.raises(upheld.PolicyError) as caught:
        upheld.load(path)
    found = {f"{fault.line}:{fault.code}" for fault in caught.value.faults}
    assert set(expected(path)) == found
