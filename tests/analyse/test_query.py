"""Never, always, when: what a query says holds of every cell in every world."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

import upheld
from analyse.small import WORLDS, answers, clauses, loaded, spread
from samples import FRONT, clause
from samples import WORDS as SAMPLE
from sizes import size
from upheld.policy.analyse.findings import findings
from upheld.policy.analyse.query import query

POLICIES = size("queried policies", short=10, long=60)
RANDOM = size("random worlds of a never", short=2_000, long=100_000)
ASKED = (
    "keep",
    "use email",
    "share contact to trusted-partner",
    "share card for offers",
    "disclose to stranger",
    "share ? to provider for support",
)


def small(seed: int) -> upheld.Policy:
    """A small policy."""
    policy = loaded(clauses(Random(seed)))  # noqa: S311 - a test repeats itself
    assert policy is not None
    return policy


def sample(rules: str) -> upheld.Policy:
    """A policy of one clause over the sample vocabulary."""
    return upheld.load_text(FRONT + clause(rules), vocabulary=SAMPLE)


@pytest.mark.parametrize("seed", range(POLICIES))
def test_a_query_agrees_with_brute_force(seed: int) -> None:
    """Never, always and when are what trying each cell in each world gives; cases cover it."""
    policy = small(seed)
    truth = answers(policy.program)
    for text in ASKED:
        found = query(policy, text)
        asked = covered(policy, text)
        allowed = {
            cell for (cell, _), said in truth.items() if cell in asked and said[0] == "allow"
        }
        always = all(said[0] == "allow" for (cell, _), said in truth.items() if cell in asked)
        assert found.verdict == ("always" if always else "when" if allowed else "never")
        told = [spread(policy.program, r) for case in found.cases for r in case.regions]
        assert set().union(*told) == allowed
        assert all(case.decision.allowed for case in found.cases)


def covered(policy: upheld.Policy, text: str) -> set[tuple[str, ...]]:
    """The cells of a query of this module."""
    words = text.replace(" ?", "").split()
    question: dict[str, Any] = {"action": words[0]}
    at = 1
    if len(words) % 2 == 0:
        question["data"], at = words[1], 2
    leads = {"to": "recipient", "for": "purpose"}
    question |= {leads[words[n]]: words[n + 1] for n in range(at, len(words), 2)}
    from upheld.policy.reference_questions import VocabularyWords

    return {tuple(cell.values()) for cell in VocabularyWords(policy.program).cells(question)}


def test_never_has_no_counterexample() -> None:
    """No request drawn at random inside a query that says never is allowed in any world."""
    random = Random(7)  # noqa: S311 - a test repeats itself
    tried = seed = 0
    while tried < RANDOM:
        seed += 1
        policy = small(seed)
        for text in ASKED:
            if query(policy, text).verdict != "never":
                continue
            cells = sorted(covered(policy, text))
            takes = policy.engine.compiled.takes
            for _ in range(100):
                cell = random.choice(cells)
                said = dict(zip(takes[cell[0]], cell[1:], strict=True))
                world = random.choice(WORLDS)
                assert not policy.decide(upheld.Request(cell[0], **said), world).allowed
                tried += 1


@pytest.mark.parametrize(
    ("text", "verdict", "opened"),
    [
        ("who can ever receive email?", "when", {"recipient": ("partner",)}),
        ("what can partner ever receive?", "when", {"data": ("email",)}),
        ("share email to ? for support", "when", {"recipient": ("partner",)}),
        ("share card to partner", "never", {}),
        ("share email to partner for support given age = 20", "always", {}),
        ("serve", "always", {}),
    ],
)
def test_questions_may_leave_a_list_open(text: str, verdict: str, opened: dict[str, Any]) -> None:
    """What is left open comes back as the words for which something is allowed."""
    found = query(sample("may share email to partner when not minor\nmay serve"), text)
    assert (found.verdict, found.open) == (verdict, opened)


def test_the_shortest_proof_comes_first() -> None:
    """Ways are in order of how much must be proven, and cite the clauses."""
    found = query(sample("may serve when (due and minor) or residence is here"), "serve")
    assert found.cases[0].when == (("residence is here",), ("age < 18", "due"))
    assert found.cases[0].clauses == ("a",)


@pytest.mark.parametrize(
    "text", ["", "share emial to ?", "serve ?", "share email given agreed (to partner)", "?", "who"]
)
def test_a_query_that_cannot_be_asked_is_answered(text: str) -> None:
    """An unknown word, a dimension that is not taken, facts in parts: an error, never a guess."""
    with pytest.raises(upheld.RequestError):
        query(sample("may serve"), text)


def test_findings_put_the_most_sensitive_first() -> None:
    """Data that the policy opens least comes first; what needs no proof is a surprise."""
    policy = sample(
        "may share contact to partner, advertiser\nmay share card to partner for support when due"
    )
    found = findings(policy)
    assert [row.region.dimensions["data"] for row in found.rows] == [("card",), ("contact",)]
    assert [row.when for row in found.rows] == [(("due",),), ((),)]
    assert [s.kind for s in found.surprises] == ["no-proof", "one-clause"]


def test_a_query_and_findings_say_on_which_legal_basis() -> None:
    """What is allowed is told with the bases of the clauses that allow it, apart from the rest."""
    policy = sample(
        "may share email to partner because contract\nmay share phone to partner because consent"
    )
    found = query(policy, "share contact to partner")
    assert [case.bases for case in found.cases] == [("contract",), ("consent",)]
    assert found.cases[0].text.endswith("by #a, because of our contract")
    rows = findings(policy).rows
    assert {row.region.dimensions["data"]: row.bases for row in rows} == {
        ("email",): ("contract",),
        ("phone",): ("consent",),
    }


def test_findings_tell_where_another_clause_speaks() -> None:
    """A grant that overcomes a prohibition elsewhere is told with the clause that it overcomes."""
    text = clause("may not share", "no") + clause("except #no may share email when due", "yes")
    policy = upheld.load_text(FRONT + text, vocabulary=SAMPLE)
    told = [s for s in findings(policy).surprises if s.kind == "although"]
    assert [s.clauses for s in told] == [("yes", "no")]


@pytest.mark.parametrize("seed", range(POLICIES))
def test_findings_list_all_that_any_recipient_can_receive(seed: int) -> None:
    """The rows cover exactly the cells of sharing that brute force can have allowed."""
    policy = small(seed)
    told = [spread(policy.program, row.region) for row in findings(policy).rows]
    wanted = {
        cell
        for (cell, _), said in answers(policy.program).items()
        if said[0] == "allow" and cell[0] not in ("keep", "use")
    }
    assert set().union(*told) == wanted
