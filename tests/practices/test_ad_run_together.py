"""Sensitive words that a domain or a company's name runs together with others are remarked."""

from __future__ import annotations

import html
import itertools
from typing import Final

import pytest

import upheld
from practices.ads import advertiser, booked
from practices.conftest import House
from upheld.demo import sample_policy
from upheld.practices.ads import campaigns
from upheld.practices.ads.run_together import words_run_together

FIRST: Final = (
    "green blue sunny north river maple cedar harbour city modern classic happy smart quick fresh"
    " golden silver little grand urban american african mexican pelican stillness wild royal prime"
    " bright garden family market village coastal mountain technical special social public electric"
    " medieval medal media genes gentle general paris pharos pharaoh mosaic diamond"
)
SECOND: Final = (
    "bakery books coffee tools travel kitchen cycles shoes paint ceramics certified cereals cars"
    " design studio fitness dance dancercise theatre glass racing stationery furniture lighting"
    " plumbing roofing flowers toys music games school cooking cameras insurance energy water"
    " gelatina platino specialists republic hotel diner"
)


def everyday() -> list[str]:
    """Domains that any shop may have."""
    pairs = itertools.product(FIRST.split(), SECOND.split())
    return [f"{one}{two}.example" for one, two in pairs]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("sunrisepharmacy.example", "pharmacy"),
        ("pharmacyworld.example", "pharmacy"),
        ("thepharm4cyshop.example", "pharmacy"),
        ("bestpharmacies.example", "pharmacy"),
        ("Sunrisepharmacy Ltd", "pharmacy"),
        ("cancerhelp.example", "cancer"),
        ("my.jewishdating.example", "jewish"),
        ("shop.example/leftwingnews", "left-wing"),
        ("get-diabetes-help.example", "diabetes"),
        ("\u0440harm\u0430cyplus.example", "pharmacy"),
    ],
)
def test_a_sensitive_word_is_found_within_a_name(name: str, word: str) -> None:
    """With whichever letters it is written."""
    (remark,) = words_run_together(upheld.load(sample_policy()), [name], ())
    assert f"has “{word}” in it, which is about " in remark


def test_no_everyday_domain_is_remarked() -> None:
    """Of nearly two thousand."""
    domains = everyday()
    assert len(domains) > 1_500
    assert words_run_together(upheld.load(sample_policy()), domains, ()) == []


def test_whoever_reviews_is_shown_it_and_decides(house: House) -> None:
    """It refuses nothing by itself."""
    party = advertiser(house, "Sunrise Shop")
    domain = "sunrisepharmacy.example"
    house.do(lambda t: campaigns.keep_domain(t, party, domain, actor="staff mo"))
    its = booked(house, party, address=f"https://{domain}/spades")
    manager = house.signed_in(house.staff("manager"), "staff")
    page = html.unescape(manager.get(f"/staff/ads/{its.campaign_id}").text)
    assert "“sunrisepharmacy” has “pharmacy” in it, which is about health" in page
    assert "Sensitive topics it mentions" not in page
