"""Files that cannot be loaded: every mistake is named, with its place, and nothing crashes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import upheld
from samples import FRONT, WORDS, clause
from sizes import size
from upheld.core.errors import Fault


def faults(body: str, words: str = WORDS, front: str = FRONT) -> tuple[Fault, ...]:
    """Every fault of a policy that does not load."""
    with pytest.raises(upheld.PolicyError) as caught:
        upheld.load_text(front + body, vocabulary=words)
    return caught.value.faults


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("may shar email", "unknown-word"),
        ("may share emial", "unknown-word"),
        ("may share email to nobody", "unknown-word"),
        ("may share email when dew", "unknown-word"),
        ("may share email with silence", "unknown-word"),
        ("may serve email", "wrong-dimension"),
        ("may disclose in home", "wrong-dimension"),
        ("may show-ad to partner", "wrong-dimension"),
        ("may serve when age", "wrong-type"),
        ("may serve when due < 3", "wrong-type"),
        ("may serve when residence", "wrong-type"),
        ("may serve when residence is nowhere", "unknown-word"),
        ("may serve when age < 3 days", "wrong-unit"),
        ("may serve when minor < 3", "wrong-type"),
        ("may serve within 3 days", "within-without-must"),
        ("must serve within 3", "syntax"),
        ("may serve when due and agreed or minor", "mixed-and-or"),
        ("may share to partner to advertiser", "repeated-part"),
        ("may serve when due when agreed", "repeated-part"),
        ("may share email, card, to partner", "syntax"),
        ("share email", "syntax"),
        ("may", "syntax"),
        ("may serve when (due", "syntax"),
        ("may serve when age < 1234567890123456789012345678901", "syntax"),
        ("except may share", "exception-without-rule"),
        ("except #nowhere may share", "unknown-clause"),
        ("except #a may share", "exception-cycle"),
        ("may not share email\n  except may sell", "exception-cannot-meet"),
        ("may not share email\n  except may card", "exception-cannot-meet"),
        ("may not share email\n  except with quietly", "syntax"),
        ("define x as x", "definition"),
        ("define email as phone", "definition"),
        ("define share as phone", "definition"),
        ("define x as email, visit", "definition"),
        ("define x as offers\nexcept may share", "exception-without-rule"),
        ("may not share\nexcept #a lift\nexcept may share", "exception-without-rule"),
    ],
)
def test_a_mistake_in_a_rule_has_a_code_and_a_place(rule: str, code: str) -> None:
    """Each kind of mistake in a rule is told by its code, in the block where it stands."""
    found = faults(clause(rule))
    assert code in {fault.code for fault in found}, found
    assert all(fault.line >= 7 and fault.column >= 1 for fault in found)


def test_all_mistakes_of_a_file_are_reported_in_one_run() -> None:
    """Three wrong rules in two blocks give three faults, in the order of the file."""
    found = faults(clause("may shar\nmay serve email", "a") + clause("must amend within 2", "b"))
    assert [fault.code for fault in found] == ["unknown-word", "wrong-dimension", "syntax"]
    assert [fault.line for fault in found] == [7, 8, 14]


def test_an_unknown_word_comes_with_the_nearest_known_one() -> None:
    """A slip of the pen is answered with the word that was meant."""
    (found,) = faults(clause("may share emial to partner"))
    assert (found.nearest, found.line, found.column) == ("email", 7, 11)


def test_exceptions_in_a_circle_are_refused() -> None:
    """Two clauses that are exceptions to each other belong to nothing."""
    found = faults(
        clause("except #b may share when due", "a") + clause("except #a may share when due", "b")
    )
    assert "exception-cycle" in {fault.code for fault in found}


@pytest.mark.parametrize(
    "words",
    [
        "not toml at all [",
        "extends = 3",
        'extends = "nothing"',
        "[actoin]",
        "[action]\nmay = {}",
        "[action]\nother = {}",
        "[data]\nEmail = {}",
        "[action]\nemail = {}\n[data]\nemail = {}",
        "[data]\na.b = {}\nc.b = {}",
        "[fact]\nx = {}",
        '[fact]\nx = {label = "x", type = "text"}',
        '[fact]\nx = {label = "x", absent = "yes"}',
        '[fact]\nx = {label = "x", type = "number", absent = "no"}',
        '[fact]\nx = {label = "x", type = "number", unit = "parsecs"}',
        '[fact]\nx = {label = "x", one-of = ["a", "a"]}',
        '[fact]\nx = {label = "x", per = ["colour"]}',
        '[fact]\nx = {is = "y"}\ny = {is = "not x"}',
        '[fact]\nx = {is = "nothing > 3"}',
        '[action]\nserve = {takes = ["colour"]}',
        "[action]\nserve = 3",
        "[duty]\nd = {colour = 'red'}",
    ],
)
def test_a_wrong_vocabulary_is_refused_with_its_mistake(words: str) -> None:
    """A loop, a keyword, a word both action and data, a bad attribute: none of it loads."""
    text = words if "extends" in words else "extends = false\n" + words
    assert {fault.code for fault in faults("# Title\n", words=text)} == {"vocabulary"}


def test_forty_facts_at_one_cell_fail_quickly_and_name_them() -> None:
    """Loading says which facts meet, at which act and by which clauses, and tries no worlds."""
    names = [f"f{n}" for n in range(40)]
    declared = "\n".join(f'{n} = {{label = "{n}"}}' for n in names)
    words = WORDS.replace("[duty]", f"{declared}\n[duty]")
    (found,) = faults(clause(f"may serve when {' or '.join(names)}"), words=words)
    assert (found.code, "f39" in found.message, found.clause) == ("too-many-facts", True, "#a")


def test_the_empty_file_and_a_file_without_front_matter_say_what_is_missing() -> None:
    """An author who begins from nothing is told how a policy begins."""
    assert {fault.code for fault in faults("", front="")} == {"front-matter"}
    assert "front-matter" in {fault.code for fault in faults("# Title\n", front="")}


def test_a_file_that_is_not_there_is_an_answer_and_no_traceback() -> None:
    """Loading what does not exist names the path."""
    with pytest.raises(upheld.PolicyError) as caught:
        upheld.load("no-such-policy.md")
    assert [fault.code for fault in caught.value.faults] == ["unreadable"]


PIECES = [
    "may",
    "not",
    "must",
    "except",
    "#a",
    "#b",
    "share",
    "email",
    "any",
    "but",
    "to",
    "partner",
    "for",
    "when",
    "unless",
    "(",
    ")",
    "and",
    "or",
    "due",
    "age",
    "<",
    "3",
    "years",
    "is",
    "within",
    "with",
    "quietly",
    ",",
    "define",
    "as",
    "%",
    "{",
    "é",
    "99999999999999999999",
    "other",
]


def test_rules_made_of_any_words_load_or_are_refused_but_never_crash() -> None:
    """The parser and resolver survive every sequence of their own words."""
    chance = random.Random(7)  # noqa: S311 - a test, not a secret
    refused = 0
    for _ in range(size("fuzzed rules", short=1500, long=60_000)):
        rule = " ".join(chance.choice(PIECES) for _ in range(chance.randrange(1, 14)))
        try:
            upheld.load_text(FRONT + clause(rule) + clause("may not share", "b"), vocabulary=WORDS)
        except upheld.PolicyError as error:
            refused += bool(error.faults)
    assert refused > 0


@given(st.text(max_size=400))
@settings(max_examples=150)
def test_any_text_loads_or_is_refused_but_never_crashes(body: str) -> None:
    """A document of arbitrary characters is an answer, too."""
    try:
        found = upheld.load_text(FRONT + body, vocabulary=WORDS).program.source
    except upheld.PolicyError as error:
        found = str(error)
    assert found
