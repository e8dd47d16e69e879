"""What `check` finds: rules that decide nothing are those that brute force can take away."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

import upheld
from analyse.small import WORLDS, Answer, answers, cells, clauses, loaded
from samples import FRONT, clause
from samples import WORDS as SAMPLE
from sizes import size
from upheld.policy.analyse.review import ReviewFinding, _Review, review
from upheld.policy.program import Program
from upheld.policy.reference import _Reference

POLICIES = size("reviewed policies", short=8, long=50)
Answers = dict[tuple[tuple[str, ...], int], Answer]


def found(*texts: str) -> list[ReviewFinding]:
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
    return [(each[0], each[2], each[3]) for each in said.values()]


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


def test_a_grant_that_is_always_denied_is_overruled() -> None:
    """A grant that only a denial elsewhere stops is not dead; the clause that denies is named."""
    texts = clause("may share email", "yes"), clause("may not share contact", "no")
    assert told(*texts) == [("overruled", "yes", ("no",))]
    assert found(*texts)[0].text == (
        "#yes allows nothing: #no overrules all of it;"
        " narrow one of them, or write the grant as an exception to the denial"
    )


def test_a_grant_and_a_denial_of_the_very_same_contradict() -> None:
    """Where the denial says the opposite of just the grant, the two are a contradictory pair."""
    texts = (
        clause("may share email when due", "yes"),
        clause("may not share email when due", "no"),
    )
    assert ("contradiction", "yes", ("no",)) in told(*texts)
    other = clause("may not share email when not due", "no")
    assert not [each for each in told(texts[0], other) if each[0] != "guard"]


def test_a_grant_that_another_gives_where_it_is_not_denied_is_overruled_or_dead() -> None:
    """What only it would allow, but for the denial, makes it overruled; else it is dead."""
    wide = clause("may share email", "wide")
    small = clause("may share email, phone when due", "small")
    denial = clause("may not share phone", "no")
    assert ("overruled", "small", ("no",)) in told(wide, small, denial)
    covering = clause("may share contact", "wide")
    assert ("dead", "small", ("wide",)) in told(covering, small, denial)


def test_an_exception_that_a_denial_elsewhere_stops_is_overruled() -> None:
    """A grant under its own prohibition is told of the other one, not of its own."""
    rule = "may not share\n  except may share email when due"
    assert ("overruled", "a", ("no",)) in told(clause(rule), clause("may not share email", "no"))


@pytest.mark.parametrize("seed", range(POLICIES))
def test_a_duty_is_gained_where_brute_force_gains_it(seed: int) -> None:
    """A grant gains a duty if and only if some cell in some world shows it; the example is one."""
    policy = loaded(clauses(Random(seed)))  # noqa: S311 - a test repeats itself
    assert policy is not None
    nodes, expected = policy.program.nodes, set()
    for question in cells(policy.program):
        for facts in WORLDS:
            read = _Reference(policy.program, question | {"facts": facts})
            giving = [n for effect, each in read.table[0] for n in each if effect == "allow"]
            for n in giving:
                own = {
                    d for m in giving if nodes[m].clause == nodes[n].clause for d in nodes[m].duties
                }
                expected |= {
                    (nodes[n].clause, nodes[m].clause)
                    for m in giving
                    if nodes[m].clause != nodes[n].clause and set(nodes[m].duties) - own
                }
    told_of = [each for each in review(policy) if each.kind == "duty-gained"]
    assert {(each.clause, by) for each in told_of for by in each.covers} == expected
    for each in told_of:
        decision = policy.ask(each.question | {"facts": each.facts})
        assert decision.allowed
        assert each.clause in decision.clauses


def test_a_duty_from_elsewhere_is_told_with_an_example() -> None:
    """The note names both clauses, the duty and an act that must be done with it."""
    texts = clause("may share email", "a"), clause("may share contact with quietly", "b")
    note = next(each for each in found(*texts) if each.kind == "duty-gained")
    assert (note.level, note.clause, note.covers) == ("note", "a", ("b",))
    assert "must be done with `quietly` too where #b allows them: share email" in note.text


def test_consent_that_nobody_is_asked_for_is_warned_of() -> None:
    """A rule that rests on consent asks for something that a person gives."""
    text = "may serve when due because consent"
    warned = [each for each in found(clause(text)) if each.kind == "consent-unasked"]
    assert [(each.level, each.clause) for each in warned] == [("warning", "a")]
    for good in ("when agreed", "when due and agreed", "unless not agreed"):
        rule = f"may share email {good} because consent"
        assert "consent-unasked" not in [each.kind for each in found(clause(rule))], good
    for other in ("because contract", "unless agreed because consent"):
        rule = f"may share email {other}"
        kinds = [each.kind for each in found(clause(rule))]
        assert ("consent-unasked" in kinds) == ("consent" in other), other


def test_a_grant_that_ends_with_a_definition_is_noted() -> None:
    """A grant of a defined term holds no longer than the condition of the definition."""
    rule = "define reach as email, phone when due\nmay share reach"
    note = next(each for each in found(clause(rule)) if each.kind == "definition-ends")
    assert (note.level, note.clause) == ("note", "a")


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
