"""What no advertisement may be for: by the policy's vocabulary, whoever approves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import upheld
from practices.ads import advertiser, booked, review
from practices.conftest import House
from upheld.demo import sample_policy
from upheld.practice import bands
from upheld.practices.ads import campaigns, forbidden

SPEAKS = "We take no advertisement that speaks of this"


@pytest.mark.parametrize(
    ("text", "matters"),
    [
        ("Medicine by mail, cheap", ["health"]),
        ("PHARMACY-FINDER", ["health"]),
        ("Diseases? A diagnosis at home", ["health"]),
        ("Vote at the election, go to church", ["religion", "political opinions"]),
        ("Join a trade union today", ["political opinions"]),
        ("a\0mosque\nnear you", ["religion"]),
        ("trade\nunion", ["political opinions"]),
        ("Spades, churchyards and elections2", []),
        ("", []),
    ],
)
def test_a_text_speaks_of_what_the_vocabulary_calls_sensitive(
    text: str, matters: list[str]
) -> None:
    """Whole words, in whichever letters, as one or as several."""
    assert forbidden.matters_in(upheld.load(sample_policy()), [text]) == matters


def test_words_of_two_texts_are_not_read_together() -> None:
    """What ends one text and begins another says nothing."""
    policy = upheld.load(sample_policy())
    assert forbidden.matters_in(policy, ["a fair trade", "union made"]) == []


def test_no_group_that_is_offered_is_one_by_a_sensitive_matter() -> None:
    """Neither by its name nor by the name of its kind."""
    labels = [word for each in bands.TARGETS for option in bands.options(each) for word in option]
    labels += [each["label"] for each in bands.TARGETS.values()] + [*bands.CATEGORIES]
    assert forbidden.matters_in(upheld.load(sample_policy()), labels) == []


@pytest.mark.parametrize("place", ["title", "text"])
def test_what_speaks_of_it_is_refused_whoever_approves(house: House, place: str) -> None:
    """The advertiser reads of what it speaks; what a manager refuses keeps the manager's reason."""
    party = advertiser(house)
    wish: dict[str, Any] = {place: "Help in pregnancy"}
    its = review(house, booked(house, party, **wish))
    assert (its.state, its.reason) == (campaigns.REFUSED, f"{SPEAKS}: health")
    assert review(house, booked(house, party)).state == campaigns.APPROVED


def test_a_policys_own_vocabulary_adds_to_what_is_sensitive(
    open_house: Callable[..., House],
) -> None:
    """Without the word there the same advertisement runs."""
    text = sample_policy().read_text(encoding="utf-8")
    own = '[sensitive]\ngambling = {label = "games for money"}\n'
    wish: dict[str, Any] = {"text": "Gambling for everybody"}
    for vocabulary, state in (("", campaigns.APPROVED), (own, campaigns.REFUSED)):
        house = open_house(upheld.load_text(text, vocabulary=vocabulary))
        its = review(house, booked(house, advertiser(house, f"Shop {state}"), **wish))
        assert (its.state, "games for money" in its.reason) == (state, bool(vocabulary))
