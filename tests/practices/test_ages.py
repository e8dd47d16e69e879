"""Majority is the policy's, and so is what somebody is to the provider."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

import upheld
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.evidence.provers import Proof
from upheld.policy.load import load_text
from upheld.practice.ages import age_of_majority, is_minor
from upheld.practices.accounts import domain

AT = datetime(2026, 1, 1, tzinfo=UTC)


def under(words: str) -> upheld.Policy:
    """A small policy over the built-in words and some more."""
    text = "---\npolicy: Test\n---\nWe serve. {#a}\n\n```rule\nmay serve\n```\n"
    return load_text(text, vocabulary=words)


def test_the_policy_says_who_is_a_minor() -> None:
    """Where a policy lets people come of age at another time, the practices follow."""
    sample = upheld.load(sample_policy())
    assert (is_minor(sample, 17), is_minor(sample, 18), age_of_majority(sample)) == (
        True,
        False,
        18,
    )
    later = under('[fact]\nminor = {is = "age < 21"}\n')
    assert (is_minor(later, 20), is_minor(later, 21), age_of_majority(later)) == (True, False, 21)


def test_a_policy_that_knows_no_minors_has_none() -> None:
    """Words without `minor` make nobody one; where an age does not settle it, everybody is."""
    bare = under("extends = false\n[action]\nserve = {takes = []}\n")
    assert (is_minor(bare, 3), age_of_majority(bare)) == (False, 0)
    fact_line = 'minor = {proof = "court", label = "a court says so"}'
    query = under(f"extends = false\n[action]\nserve = {{takes = []}}\n[fact]\n{fact_line}\n")
    assert is_minor(query, 60)


@pytest.mark.parametrize(
    ("state", "holder", "standing"),
    [
        (None, "", "visitor"),
        ("unverified", "me", "applicant"),
        ("active", "me", "customer"),
        ("active", "somebody", "end-user"),
        ("closed", "somebody", "former-customer"),
    ],
)
def test_an_account_says_what_somebody_is_to_us(
    monkeypatch: pytest.MonkeyPatch, state: str | None, holder: PersonId, standing: str
) -> None:
    """No account, one not yet confirmed, one's own, a household's, one that was closed."""
    account = None
    if state is not None:
        account = domain.Account(PersonId("me"), "LV-1", state, holder, AT, None, None, "", "")
    monkeypatch.setattr(domain, "account_of", lambda *_: account)
    fact = under("").program.vocabulary.facts["standing"]
    question: Any = SimpleNamespace(tables=None, person_id="me", fact=fact)
    assert domain.prove_standing(question) == Proof(standing, ("LV-1",) if account else ())
