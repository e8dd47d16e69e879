"""Analysis over generated policies that use the whole language: laws that need no brute force."""

from __future__ import annotations

import pytest

import upheld
from laws.generators import Case, case
from sizes import size
from upheld.policy.analyse.compare import compare
from upheld.policy.analyse.query import query
from upheld.policy.analyse.review import review

POLICIES = size("generated policies analysed", short=60, long=3_000)


def load(made: Case, text: str) -> upheld.Policy:
    """Load a generated policy."""
    return upheld.load_text(text, vocabulary=made.vocabulary)


def loadable(seed: int) -> Case:
    """The first case from this seed on, in strides, that the loader takes: it may refuse one."""
    for attempt in range(100):
        made = case(seed + attempt * POLICIES)
        try:
            for text in (made.text, made.shuffled(), made.with_more("may not")):
                load(made, text)
        except upheld.PolicyError:
            continue
        return made
    raise AssertionError(f"the loader refuses a hundred policies from seed {seed} on")


@pytest.mark.parametrize("seed", range(POLICIES))
def test_order_is_irrelevant_to_a_comparison(seed: int) -> None:
    """A policy in another order has no change in effect."""
    made = loadable(seed)
    assert compare(load(made, made.text), load(made, made.shuffled())).same


@pytest.mark.parametrize("seed", range(POLICIES))
def test_a_further_prohibition_allows_nothing_new(seed: int) -> None:
    """What a prohibition changes is denied or cited otherwise, and every example replays."""
    made = loadable(seed)
    found = compare(load(made, made.text), load(made, made.with_more("may not")))
    assert {change.kind for change in found.changes} <= {"denied", "cited", "not-cited"}
    for change in found.changes:
        old, new = change.witness.old, change.witness.new
        assert old is not None
        assert new is not None
        if change.kind == "denied":
            assert (old.allowed, new.outcome) == (True, "deny")
        else:
            cited = [change.detail in answer.clauses for answer in (old, new)]
            assert cited == [change.kind == "not-cited", change.kind == "cited"]


@pytest.mark.parametrize("seed", range(POLICIES))
def test_every_example_of_a_query_is_allowed(seed: int) -> None:
    """A case replays through `decide`, and a verdict of always has one for everything."""
    made = loadable(seed)
    policy = load(made, made.text)
    for action in ("share", "keep", "serve"):
        found = query(policy, action)
        assert all(each.decision.allowed for each in found.cases)
        assert bool(found.cases) == (found.verdict != "never")
        whole = policy.decide(upheld.Request(action)).outcome
        assert (whole == "allow") <= (found.verdict != "never")
    assert all(each.text for each in review(policy))
