"""A clause struck: its mark, what changes, and that nothing widens unasked."""

from __future__ import annotations

from random import Random

import pytest

import upheld
from analyse.small import answers, clauses, loaded
from samples import FRONT, clause
from samples import WORDS as SAMPLE
from sizes import size
from upheld.policy.analyse.sever import sever

POLICIES = size("severed policies", short=10, long=60)


def sample(*texts: str) -> upheld.Policy:
    """A policy over the sample vocabulary."""
    return upheld.load_text(FRONT + "".join(texts), vocabulary=SAMPLE)


@pytest.mark.parametrize("seed", range(POLICIES))
def test_nothing_widens_without_being_asked(seed: int) -> None:
    """What is not refused allows nothing that the oracle did not allow before, and the contrary."""
    policy = loaded(clauses(Random(seed)))  # noqa: S311 - a test repeats itself
    assert policy is not None
    before = answers(policy.program)
    for each in policy.program.clauses:
        if each.severed or not each.nodes:
            continue
        found = sever(policy, each.id, "void")
        struck = sever(policy, each.id, "void", accept_widening=True)
        new = upheld.load_text(struck.text, vocabulary=policy.program.vocabulary.sources[-1])
        assert new.program.clause(each.id).severed
        assert new.program.clause(each.id).text == each.text
        after = answers(new.program)
        wider = any(
            said[0] == "allow" and (before[key][0] == "deny" or set(before[key][2]) - set(said[2]))
            for key, said in after.items()
        )
        assert found.refused == wider
        assert bool(found.text) != wider


def test_a_struck_grant_keeps_its_prose() -> None:
    """The mark is all that changes in the text, and the change is told with its cause."""
    policy = sample(clause("may serve"), clause("may share email", "b"))
    found = sever(policy, "b", "Court: void")
    assert found.text == policy.program.source.replace("{#b}", "{#b .severed}")
    assert [(c.kind, c.clauses) for c in found.comparison.changes] == [("denied", ("b",))]
    assert str(found).startswith("#b is struck: Court: void\nno longer allowed: share your email")


def test_a_struck_prohibition_is_refused_with_where_it_would_widen() -> None:
    """A refusal lists what would be allowed, and gives no text."""
    policy = sample(clause("may share"), clause("may not share email", "no"))
    found = sever(policy, "no", "void")
    assert (found.refused, found.text) == (True, "")
    assert "refused: without #no more would be allowed\n- newly allowed: share your email" in str(
        found
    )


def test_examples_that_are_answered_otherwise_are_listed() -> None:
    """Whoever strikes a clause sees which examples no longer hold."""
    policy = sample(clause("may serve") + "```example\nyes serve\n```\n")
    assert sever(policy, "a", "void").examples == ("yes serve",)


def test_the_mark_is_found_behind_its_clause_alone() -> None:
    """The same characters in a code block are left as they are."""
    policy = sample("Intro {.note}\n\n```\n{#a}\n```\n\n" + clause("may serve"))
    found = sever(policy, "a", "void")
    assert "```\n{#a}\n```" in found.text
    assert found.text.count(".severed") == 1


@pytest.mark.parametrize(
    ("name", "finding", "code"),
    [
        ("b", "void", "unknown-clause"),
        ("gone", "void", "nothing-to-sever"),
        ("note", "void", "nothing-to-sever"),
        ("a", " ", "finding"),
    ],
)
def test_what_cannot_be_struck_is_answered(name: str, finding: str, code: str) -> None:
    """An unknown clause, one struck before, a note, and no finding are errors."""
    texts = clause("may serve") + clause("may amend", "gone").replace("#gone", "#gone .severed")
    policy = sample(texts, "Words. {#note .note}\n")
    with pytest.raises(upheld.UpheldError) as error:
        sever(policy, name, finding)
    assert error.value.code == code
