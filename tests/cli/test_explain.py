"""Why: a line for a log, a paragraph for a customer, a tree for a developer."""

from __future__ import annotations

import pytest

import upheld
from samples import FRONT, WORDS, clause
from upheld.cli.asking import question_in_words
from upheld.policy.explain import explanation_text
from upheld.policy.fact_space import truth
from upheld.policy.program import ALWAYS, Condition, Either, Every, FactTest, Negation
from upheld.policy.vocabulary import Fact

TEXT = (
    FRONT.replace("Test", "Test\naddress: /privacy")
    + clause(
        "may not disclose to any but provider\n  except may share email to partner when due\n"
        "  except may share phone for support when agreed with quietly"
    )
    + clause("may serve when age >= 18\nmay not serve when residence is there", "b")
    + clause("must amend within 30 days when due", "c")
    + "Severed prose. {#d .severed}\n\n```rule\nmay show-ad when due\n```\n\n"
    + clause("except #d may not show-ad at visit when minor", "e")
)


@pytest.fixture(name="policy", scope="module")
def _policy() -> upheld.Policy:
    return upheld.load_text(TEXT, vocabulary=WORDS)


def explain(policy: upheld.Policy, question: str, depth: str) -> str:
    """The explanation of a question in words."""
    asked = question_in_words(policy, question)
    return explanation_text(policy.engine, asked, policy.ask(asked), depth)


def test_a_line_names_the_question_and_the_clauses_and_no_fact(policy: upheld.Policy) -> None:
    """A log is read by many: what is known of a person does not stand in it."""
    found = explain(policy, "share email, phone to partner given due", "line")
    assert found == "deny share data=email,phone recipient=partner by=a"
    assert "age" not in explain(policy, "serve given age = 17", "line")


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("share email to partner given due", ["Yes.", "“Some prose.” (/privacy#a)"]),
        ("share email to partner", ["No.", "“Some prose.” (/privacy#a)"]),
        ("share phone to partner for support", ["Only if you agreed."]),
        ("share phone to partner for support given agreed", ["Always quietly."]),
        ("show-ad", ["No.", "No clause of the policy allows it"]),
    ],
)
def test_a_paragraph_quotes_the_clauses_and_leads_to_them(
    policy: upheld.Policy, question: str, says: list[str]
) -> None:
    """A customer reads the answer and the provider's own sentence, with its address."""
    found = explain(policy, question, "paragraph")
    assert all(each in found for each in says)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("share email to partner given due", ["#a applies", "    #a decides", "[you owe]"]),
        (
            "share email to partner",
            [
                "    #a does not apply",
                "[you do not owe]",
                "nearest: #a, which lacked due",
            ],
        ),
        (
            "share phone to partner for support",
            ["#a applies", "[unknown: agreed]", "to prove: agreed"],
        ),
        ("share phone for support given agreed (to partner)", ["[unknown: agreed]"]),
        ("serve given age = 17", ["#b does not apply: We may serve", "[you are 17]"]),
        ("serve given age = 18", ["#b may apply: We may not serve", "to prove: not residence is"]),
        ("serve given age = 18, residence is there", ["[where you live is there]"]),
        ("amend given due", ["owed: #c, within 30 days", "#c decides: If you owe, we must"]),
        ("show-ad at visit given due, age = 20", ["#e does not apply", "[you are 20"]),
    ],
)
def test_a_tree_tells_each_rule_that_speaks_and_why_it_applies_or_not(
    policy: upheld.Policy, question: str, says: list[str]
) -> None:
    """A developer sees rules with their exceptions, the facts that told, and what came nearest."""
    found = explain(policy, question, "tree")
    assert [each for each in says if each not in found] == []


def test_a_rule_may_apply_to_a_part_of_a_question(policy: upheld.Policy) -> None:
    """Where a fact holds for one recipient only, the rule applies to that part."""
    question = "share phone for support given agreed (to partner), not agreed (to advertiser)"
    part = explain(policy, f"{question}, not agreed (to any but partner)", "tree")
    assert "#a applies to a part of it" in part or "unknown: agreed" in part


DUE, MINOR = FactTest("due"), FactTest("age", "<", "18")


@pytest.mark.parametrize(
    ("condition", "known", "holds"),
    [
        (ALWAYS, {}, True),
        (Either(), {}, False),
        (DUE, {}, None),
        (Negation(DUE), {}, None),
        (Negation(DUE), {"due": False}, True),
        (Every((DUE, MINOR)), {"due": False}, False),
        (Every((DUE, MINOR)), {"due": True}, None),
        (Either((DUE, MINOR)), {"due": True}, True),
        (Either((DUE, MINOR)), {"age": 18}, None),
        (Either((DUE, MINOR)), {"age": 18, "due": False}, False),
    ],
    ids=str,
)
def test_what_is_not_known_settles_nothing(
    condition: Condition, known: dict[str, object], holds: bool | None
) -> None:
    """A condition is true, false, or not told by what is known."""
    facts = {"due": Fact("due"), "age": Fact("age", "number")}
    assert truth(condition, known, facts) is holds
