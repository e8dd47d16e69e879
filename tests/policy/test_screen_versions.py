"""A table whose rows are bound by different versions: row by row what each of these decides."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import upheld
from gate.versions import IMPROVING, NARROWER, WIDER, version
from laws.generators import case, document
from policy.test_screen import ROWS, SEEDS, as_columns, asked, left_out, rows_of, table, told
from sizes import size
from upheld.core.errors import MissingColumnsError, RequestError
from upheld.gate.act.judgement import strictest_decision
from upheld.policy.bulk.versions import bindings_of_versions, screen_versions

USE = {"action": "use", "data": "interests", "purpose": "service-improvement"}


def under_theirs(
    versions: list[upheld.Policy], name: str | None, row: dict[str, Any]
) -> tuple[str, bool, list[str]]:
    """What the version that binds a row and those after it come to, as the gate puts it."""
    digests = [each.digest for each in versions]
    first = digests.index(name) if name in digests else 0
    decisions = [asked(each, row) for each in versions[first:]]
    result = strictest_decision([decisions[-1], *decisions[:-1]])
    return result.outcome, result.allowed, list(result.clauses)


@settings(max_examples=size("versions that a table is screened by", short=8, long=150))
@given(SEEDS, st.booleans())
def test_every_row_is_answered_as_its_versions_answer_it(seed: int, fixed: bool) -> None:
    """Three versions, rows bound by each, by none that is known, or by nothing; words or facts."""
    generated = case(seed)
    texts = [generated.text, generated.with_more("may"), document(generated.clauses[:-1])]
    try:
        versions = [upheld.load_text(each, vocabulary=generated.vocabulary) for each in texts]
    except upheld.PolicyError:
        assume(False)
    assume(len({each.digest for each in versions}) == 3)
    generated.random.shuffle(versions)
    question = generated.question()
    rows = rows_of(generated.random, versions[-1], question, ROWS)
    names = [
        generated.random.choice([*(each.digest for each in versions), None, "never posted"])
        for _ in rows
    ]
    words: dict[str, Any] = {}
    if fixed:  # and the rows say facts alone
        words = {key: each for key, each in question.items() if key != "facts"}
        assume(all(each.ask(words).outcome != "error" for each in versions))
        facts = versions[-1].program.vocabulary.facts
        rows = [{key: row[key] for key in row if key in facts} for row in rows]
    columns = as_columns(rows, versions[-1]) | {"version": pa.array(names, pa.string())}
    screened = screen_versions(versions, table(columns), words, bound="version")
    expected = [
        under_theirs(versions, name, {**words, **row})
        for name, row in zip(names, rows, strict=True)
    ]
    assert told(screened) == expected


def test_what_a_later_version_allows_waits_and_what_it_takes_back_holds_at_once() -> None:
    """Each clause that decided stands there once; rows come out with their own columns."""
    versions = [version("one"), version("two", WIDER), version("three")]
    data = table({"name": ["a", "b", "c", "d"], "version": ["one", "two", "three", None]})
    absent = left_out(versions[-1], data, USE)
    found = screen_versions(versions, data, USE, bound="version", absent=absent)
    assert found.columns == ("name", "version", "row", "outcome", "allowed", "clause")
    assert [each for _, each, _ in told(found)] == [False] * 4
    for names in (versions[:2], [version("zero", NARROWER), *versions[:2]]):
        found = screen_versions(names, data, USE, bound="version", absent=absent)
        assert [each for _, each, _ in told(found)] == [
            all(each.ask({**USE, "facts": {}}).allowed for each in names[first:])
            for first in (len(names) - 2, len(names) - 1, 0, 0)
        ]
    fewer = {"action": "use", "data": "activity", "purpose": "service-improvement"}
    found = screen_versions(versions, data, fewer, bound="version", absent=absent)
    assert {tuple(clauses) for _, _, clauses in told(found)} == {("improving",)}


def test_a_version_without_words_for_the_question_does_not_allow_it() -> None:
    """Facts and columns of which only one of the versions knows are that version's alone."""
    small = upheld.load_text(
        "---\npolicy: Small\nversion: small\n---\n# A {.note}\n\nOurs. {#a}\n\n"
        "```rule\nmay rent when agreed\n```\n",
        vocabulary="extends = false\n[action]\nrent = {takes = []}\n"
        '[fact]\nagreed = {label = "you agreed"}\n',
    )
    new = version("new")
    data = table({"version": ["small", "new"], "consents": [True, False]})
    question = {"action": "use", "data": "activity", "purpose": "service-improvement"}
    absent = left_out(new, data, question)
    found = screen_versions(
        [small, new],
        data,
        question,
        bound="version",
        columns={"agreed": "consents"},
        absent=absent,
    )
    assert [outcome for outcome, _, _ in told(found)] == ["error", new.ask(question).outcome]
    places = bindings_of_versions([small, new], data, question, absent=absent)
    assert "agreed" not in places


@pytest.mark.parametrize(
    ("columns", "bound", "code"),
    [
        ({"version": ["one"]}, "versoin", "missing-column"),
        ({"version": [1]}, "version", "wrong-type"),
        ({"version": ["one"], "outcome": ["mine"]}, "version", "wrong-column"),
    ],
)
def test_a_column_that_cannot_say_which_version_binds_is_refused(
    columns: dict[str, list[Any]], bound: str, code: str
) -> None:
    """And so is one whose name is that of an answer."""
    with pytest.raises(RequestError) as caught:
        screen_versions([version("one"), version("two")], table(columns), USE, bound=bound)
    assert caught.value.code == code


def test_two_versions_of_one_name_are_refused() -> None:
    """A row could mean either."""
    data = table({"version": ["one"]})
    same = [version("one"), version("one", WIDER)]
    with pytest.raises(RequestError) as caught:
        screen_versions(same, data, USE, bound="version")
    assert caught.value.code == "wrong-version"


def test_what_any_of_the_versions_rests_on_has_a_column_or_is_said_to_be_absent() -> None:
    """What an earlier one needs and no column says is missing for all."""
    needing = version("one", (IMPROVING, f"{IMPROVING} when has-service"))
    new = version("two")
    data = table({"version": ["one"]})
    question = {"action": "use", "data": "activity", "purpose": "service-improvement"}
    absent = left_out(new, data, question)
    assert "has-service" not in absent
    with pytest.raises(MissingColumnsError) as caught:
        bindings_of_versions([needing, new], data, question, absent=absent)
    assert caught.value.words == ["has-service"]
    with pytest.raises(MissingColumnsError):
        screen_versions([needing, new], data, question, bound="version", absent=absent)
