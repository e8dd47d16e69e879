"""Rules in sentences, held by files that a person reads: the provider's, and the visitor's words.

UPHELD_REWRITE=1 writes the files anew; `git diff` is then the review.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import upheld
from pages import POLICY, WORDS
from upheld.demo import sample_policy
from upheld.policy.english import comparison_phrase, contrary, merge_ages, swap_speaker
from upheld.policy.prose import Visitor
from upheld.policy.sentences import Sentences, text
from upheld.practices.notices.gist import gist

GOLDEN = Path(__file__).parent / "sentences"


def _hold(name: str, found: str) -> None:
    path = GOLDEN / name
    if os.environ.get("UPHELD_REWRITE"):
        path.write_text(found, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == found


def _rules(policy: upheld.Policy) -> str:
    words, lines = Sentences(policy.program), []
    for clause in policy.program.clauses:
        said = [
            text(p) for number in clause.nodes for p in words.rule(policy.program.nodes[number])
        ]
        if said:
            lines += [f"## {clause.id}", "", *(f"- {each}." for each in dict.fromkeys(said)), ""]
    return "\n".join(lines)


@pytest.fixture(name="sample", scope="module")
def _sample() -> upheld.Policy:
    return upheld.load(sample_policy())


def test_each_rule_of_the_sample_is_a_sentence_that_was_read(sample: upheld.Policy) -> None:
    """What each rule means is worded as the file that somebody has read."""
    _hold("rules-of-the-sample.md", _rules(sample))


def test_a_small_policy_with_words_of_its_own_reads_as_well() -> None:
    """Labels that nobody foresaw make sentences too."""
    _hold("rules-of-a-small-policy.md", _rules(upheld.load_text(POLICY, vocabulary=WORDS)))


def test_three_lines_at_the_head_of_a_section_were_read(sample: upheld.Policy) -> None:
    """The gist of each section of the sample is as the file has it: three lines at most."""
    program, words = sample.program, Sentences(sample.program)
    lines = []
    for at, heading in enumerate(program.clauses):
        below = [c for c in program.clauses if c.heading == at]
        if heading.kind == "heading" and (said := gist(program, words, below)):
            assert len(said) <= 3
            lines += [f"## {heading.text}", "", *(f"- {each['text']}." for each in said), ""]
    _hold("gists-of-the-sample.md", "\n".join(lines))


def test_what_a_visitor_would_say_was_read(sample: upheld.Policy) -> None:
    """Each label is right in the mouth of a visitor, and each fact with its contrary."""
    voice, words = Visitor(sample.program), sample.program.vocabulary
    lines = ["# Facts", ""]
    facts = [fact.name for fact in words.facts.values() if fact.kind == "boolean"]
    lines += [f"- {voice.literal(each)}; {voice.literal('not ' + each)}" for each in facts]
    for tree in ("action", "data", "party", "purpose", "occasion", "place"):
        lines += ["", f"# {tree.capitalize()}", ""]
        lines += [f"- {voice.label(tree, name)}" for name in words.tree(tree)]
    _hold("words-of-a-visitor.md", "\n".join([*lines, ""]))


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("you opted out", "you have not opted out"),
        ("your guardian gave permission", "your guardian has not given permission"),
        ("your account with us is not settled yet", "your account with us is settled"),
        ("a service you ordered needs it", "no service you ordered needs it"),
        ("you have a service with us", "you have no service with us"),
        ("the moon and the sun agreed", "it is not true that the moon and the sun agreed"),
        ("colourless ideas sleep", "it is not true that colourless ideas sleep"),
    ],
)
def test_a_contrary_is_good_english_or_at_least_right(label: str, wanted: str) -> None:
    """What grammar can turn is turned; what it cannot stays right."""
    assert contrary(label) == wanted


@pytest.mark.parametrize(
    ("label", "wanted"),
    [
        ("what you told us about yourself", "what I told you about myself"),
        ("you are signed in", "I am signed in"),
        ("Your browser", "My browser"),
        ("a supplier of a service you ordered", "a supplier of a service I ordered"),
        ("the order forbids us to tell you", "the order forbids you to tell me"),
        ("", ""),
    ],
)
def test_the_provider_s_words_are_turned_into_the_visitor_s(label: str, wanted: str) -> None:
    """`We` and `you` change places, as subject and as object."""
    assert swap_speaker(label) == wanted


def test_both_ends_of_an_age_are_one_clause() -> None:
    """Two clauses about one age become one; others stay, in their order."""
    clauses = ["you are under 18", "you pay", "you are 13 or over"]
    assert merge_ages(clauses) == ["you pay", "you are 13 or over and under 18"]
    assert merge_ages(["you are under 18", "you pay"]) == ["you are under 18", "you pay"]


def test_numbers_are_said_as_people_say_them() -> None:
    """Ages and times since something are clauses of their own, months that make years are years."""
    assert comparison_phrase("your age", "<", "13", "years") == "you are under 13"
    assert comparison_phrase("my age", ">=", "18", "years") == "I am 18 or over"
    since = "the time since your account was closed"
    said = comparison_phrase(since, "<=", "84", "months")
    assert said == "no more than 7 years have passed since your account was closed"
    assert comparison_phrase(since, ">", "1", "months").startswith("more than 1 month has passed")
    assert comparison_phrase("the weight", "<", "13", "kg") == "the weight is under 13 kg"
