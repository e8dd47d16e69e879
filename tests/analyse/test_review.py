"""What `check` finds: rules that decide nothing are those that brute force can take away."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

import upheld
from analyse.small import Answer, answers, clauses, loaded
from samples import FRONT, clause
from samples import WORDS as SAMPLE
from sizes import size
from upheld.policy.analyse.review import Finding, _Review, review
from upheld.policy.program import Program

POLICIES = size("reviewed policies", short=8, long=50)
Answers = dict[tuple[tuple[str, ...], int], Answer]


def found(*texts: str) -> list[Finding]:
    """The findings on clauses over the sample vocabulary, without the words that are not used."""
    policy = upheld.load_text(FRONT + "".join(texts), vocabulary=SAMPLE)
    return [each for each in review(policy) if each.kind != "fact-unused"]


def told(*texts: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The same as kind, clause, and the clauses that cover it."""
    return [(each.kind, each.clause, each.covers) for each in found(*texts)]


def without(program: Program, numbers: list[int]) -> Program:
    """A program in which some nodes never apply."""
    nodes = [
        msgspec.structs.replace(node, copies=()) if n in numbers else node
        for n, node in enumerate(program.nodes)
    ]
    return msgspec.structs.replace(program, nodes=tuple(nodes))


@pytest.mark.parametrize("seed", range(POLICIES))
def test_what_decides_nothing_is_what_can_be_taken_away(seed: int) -> None:
    """A rule matters if and only if its absence changes an outcome, a duty or an owed act."""
    policy = loaded(clauses(Random(seed)))  # noqa: S311 - a test repeats itself
    assert policy is not None
    before = answers(policy.program)
    for rule in _Review(policy).rules:
        after = answers(without(policy.program, rule.nodes))
        assert rule.matters == (effects(before) != effects(after))
        if not rule.matters:
            assert rule.guards == any(
                said[0] == "deny" and said[1] and not after[key][1] for key, said in before.items()
            )


def effects(said: Answers) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Answers without the clauses that they cite."""
    return [(outcome, duties, owed) for outcome, _, duties, owed in said.values()]


def test_a_clause_that_another_covers_is_dead() -> None:
    """The sentence names the clause that covers it."""
    texts = clause("may share contact", "wide"), clause("may share email", "small")
    assert told(*texts) == [("dead", "small", ("wide",))]
    assert found(*texts)[0].text == (
        "#small can never decide: it allows nothing that #wide would not allow without it"
    )


def test_a_promise_that_silence_keeps_is_a_guard() -> None:
    """A prohibition of what nothing allows is shown as such, not as dead."""
    texts = clause("may share contact", "wide"), clause("may not share card", "never")
    assert told(*texts) == [("guard", "never", ())]
    assert found(*texts)[0].level == "note"


def test_a_grant_that_is_always_denied_contradicts() -> None:
    """A pair of clauses of which one allows what the other always denies."""
    texts = clause("may share email", "yes"), clause("may not share contact", "no")
    assert ("contradiction", "yes", ("no",)) in told(*texts)


def test_an_exception_that_nothing_reaches_is_told() -> None:
    """An exception under a condition that excludes its own never applies."""
    rule = "may serve when age >= 18\n  except may not serve when age < 13"
    assert [(f.kind, f.text) for f in found(clause(rule))] == [
        ("unreached", "a rule of #a reaches nothing: it never applies where #a does")
    ]


def test_an_owed_act_that_is_denied_is_an_error_with_a_witness() -> None:
    """What one clause asks for and another forbids is told with an example."""
    texts = clause("must serve when due", "do"), clause("may not serve when age < 13", "dont")
    error = next(each for each in found(*texts) if each.level == "error")
    assert (error.clause, error.covers, error.question) == ("do", ("dont",), {"action": "serve"})
    assert error.facts == {"age": 12, "due": True}


def test_an_exception_as_the_only_ground_is_asked_about() -> None:
    """A grant that rests on a prohibition alone may have been meant to lift it."""
    rule = "may not share\n  except may share email when due"
    assert ("only-ground", "a", ("a",)) in told(clause(rule))
    lift = "may not share\n  except email when due"
    assert not [each for each in found(clause(lift)) if each.kind == "only-ground"]


def test_facts_and_duties_that_decide_nothing_are_told() -> None:
    """A fact whose value never matters, and a duty on a grant that never gives."""
    texts = clause("may serve when due or not due", "a"), clause("may not share", "no")
    assert ("fact-idle", "a", ("a",)) in told(*texts)
    duty = told(clause("may share email with quietly", "yes"), texts[1])
    assert ("duty-unreached", "yes", ()) in duty


def test_facts_that_no_rule_asks_for_are_listed() -> None:
    """One note lists the facts of the vocabulary that the policy never uses."""
    policy = upheld.load_text(FRONT + clause("may serve when due"), vocabulary=SAMPLE)
    assert "no rule asks for `agreed`, `residence`" in [each.text for each in review(policy)]
