"""Explanations for three audiences, held by files that a person can read.

Each file of golden/ is a question, and what anyone, a caller and the entitled are told, at each
depth. UPHELD_REWRITE=1 writes them anew; `git diff` is then the review, and a change of words or
layout that programs may read asks for a new `VERSION`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import upheld
from upheld.cli.asking import question_in_words
from upheld.demo import sample_policy
from upheld.policy.explain import AUDIENCES, DEPTHS, VERSION, explanation

GOLDEN = Path(__file__).parent / "golden"
QUESTIONS = {
    "allowed-with-duties": "share balance to collection-agent for debt-collection at other"
    " given amount-due, engaged, not permission",
    "denied-by-a-clause": "share email to advertiser at ad-click given permission",
    "denied-by-silence": "use birth-date for partner-marketing given age = 40",
    "to-be-proven": "share email to trusted-partner for offers at other given age = 40",
    "a-minor": "serve given age = 16, guardian-permission",
    "owed": "answer-access given access-requested",
}


@pytest.fixture(name="policy", scope="module")
def _policy() -> upheld.Policy:
    return upheld.load(sample_policy())


def told(policy: upheld.Policy, words: str) -> str:
    """What a golden file holds: the question, and a section for each audience."""
    question = question_in_words(policy, words)
    lines = [f"# {words}", "", f"Explanations, version {VERSION}.", ""]
    for audience in AUDIENCES:
        lines += [f"## To {'the ' * (audience != 'anyone')}{audience}", ""]
        depths = ("paragraph",) if audience == "caller" else tuple(DEPTHS)
        for depth in depths:
            found = explanation(policy, question, depth, audience)
            lines += [f"{depth}, {found['outcome']}:", "", "```text", found["text"], "```", ""]
    return "\n".join(lines)


@pytest.mark.parametrize("name", QUESTIONS)
def test_an_explanation_says_what_its_golden_file_says(policy: upheld.Policy, name: str) -> None:
    """Each word that an audience is told is the one that was reviewed."""
    path, found = GOLDEN / f"{name}.md", told(policy, QUESTIONS[name])
    if os.environ.get("UPHELD_REWRITE"):
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found


def test_there_is_no_golden_file_without_a_question() -> None:
    """A question that is taken away takes its file along."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(QUESTIONS)


@pytest.mark.parametrize("words", ["serve", "serve given age = 12", "serve given age = 16"])
def test_a_caller_cannot_tell_one_refusal_from_another(policy: upheld.Policy, words: str) -> None:
    """Refused, or still to be proven: to a caller it is one answer, byte for byte."""
    found = explanation(policy, question_in_words(policy, words), "tree", "caller")
    assert found == {
        "version": VERSION,
        "audience": "caller",
        "outcome": "deny",
        "text": "This is not allowed.",
    }


def test_anyone_is_told_of_the_policy_alone(policy: upheld.Policy) -> None:
    """What is known of a person changes nothing of what anyone is told, at any depth."""
    for depth in DEPTHS:
        texts = {
            explanation(policy, question_in_words(policy, words), depth, "anyone")["text"]
            for words in ("serve", "serve given age = 12", "serve given age = 44")
        }
        assert len(texts) == 1
        assert not re.search(r"\b(12|44)\b", texts.pop())
