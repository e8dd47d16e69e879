"""What no advertisement may be for: by the policy's vocabulary, whoever approves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import upheld
from practices.ads import DOMAIN, advertiser, approved, booked, review
from practices.conftest import House, send
from upheld.core.ids import EntryNumber
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.log.entries import after_number
from upheld.practice import bands
from upheld.practices.ads import campaigns, forbidden
from upheld.practices.ads.tables import campaign
from upheld.practices.ads.topics import topics_in

SPEAKS = "We do not accept advertisements about"


@pytest.mark.parametrize(
    ("text", "matters"),
    [
        ("Medicine by mail, cheap", ["health"]),
        ("PHARMACY-FINDER", ["health"]),
        ("Diseases? A diagnosis at home", ["health"]),
        ("A political talk at the mosque", ["religion", "political opinions"]),
        ("Pharmacies, diagnoses, disabilities, illnesses", ["health"]),
        ("Pregnant?", ["health"]),
        ("Healthcare for all", ["health"]),
        ("Medicinal herbs", ["health"]),
        ("Sexually yours", ["sexuality"]),
        ("Religiously good", ["religion"]),
        ("Medicine1", ["health"]),
        ("Med1c1ne", ["health"]),
        ("cancer and HIV", ["health"]),
        ("Gay or Muslim?", ["religion", "sexuality"]),
        ("Democrats", ["political opinions"]),
        ("medi\u200bcine", ["health"]),
        ("medi\u00adcine", ["health"]),
        ("\uff4d\uff45\uff44\uff49\uff43\uff49\uff4e\uff45", ["health"]),
        ("m\u0435dicin\u0435", ["health"]),
        ("me\u0301dicine", ["health"]),
        ("try m e d i c i n e now", ["health"]),
        ("m.e-d i c i n e", ["health"]),
        ("cheap-medi-cine", ["health"]),
        ("https://shop.example/cheap/HIV-test_kit", ["health"]),
        ("\u0442rade uni\u043ens", ["political opinions"]),
        ("Join a trade union today", ["political opinions"]),
        ("a\0mosque\nnear you", ["religion"]),
        ("trade\nunion", ["political opinions"]),
        ("Spades, churchyards and elections2", []),
        ("Church Street bakery: an election of the best jam", []),
        ("Retail therapy for a race, healthy cancerous grins, IGBT", []),
        ("the med icine", []),
        ("", []),
    ],
)
def test_a_text_speaks_of_what_the_vocabulary_calls_sensitive(
    text: str, matters: list[str]
) -> None:
    """Whole words, however they are spelled, in the singular or plural, as one or as several."""
    assert topics_in(upheld.load(sample_policy()), [text]).matters == matters


@pytest.mark.parametrize(
    ("text", "remarks"),
    [
        ("Church Street bakery", ["“church” may be about religion"]),
        ("An election of the best jam", ["“election” may be about political opinions"]),
        ("Therapies", ["“therapy” may be about health"]),
        ("sp\u0430des", ["“sp\u0430des” has letters of several alphabets"]),
        ("Spades", []),
    ],
)
def test_a_word_that_everyday_texts_use_is_only_shown(text: str, remarks: list[str]) -> None:
    """It refuses nothing; so it is with a word in letters of several alphabets."""
    assert topics_in(upheld.load(sample_policy()), [text]) == ([], remarks)


def test_an_everyday_word_of_a_policys_own_vocabulary_is_certain() -> None:
    """Whoever wants it refused puts it into the tree."""
    text = sample_policy().read_text(encoding="utf-8")
    own = "[sensitive.religion]\nchurch = {}\n"
    policy = upheld.load_text(text, vocabulary=own)
    assert topics_in(policy, ["Church Street"]) == (["religion"], [])


def test_words_of_two_texts_are_not_read_together() -> None:
    """What ends one text and begins another says nothing."""
    policy = upheld.load(sample_policy())
    assert topics_in(policy, ["a fair trade", "union made"]).matters == []


def test_no_group_that_is_offered_is_one_by_a_sensitive_matter() -> None:
    """Neither by its name nor by the name of its kind."""
    labels = [word for each in bands.TARGETS for option in bands.options(each) for word in option]
    labels += [each["label"] for each in bands.TARGETS.values()] + [*bands.CATEGORIES]
    assert topics_in(upheld.load(sample_policy()), labels) == ([], [])


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("title", "Help in pregnancy"),
        ("text", "Help in pregnancy"),
        ("address", f"https://{DOMAIN}/pregnancy-help"),
    ],
)
def test_what_speaks_of_it_is_refused_whoever_approves(
    house: House, place: str, words: str
) -> None:
    """The advertiser reads of what it speaks; what a manager refuses keeps the manager's reason."""
    party = advertiser(house)
    wish: dict[str, Any] = {place: words}
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


def test_whoever_reviews_reads_before_what_it_speaks_of(house: House) -> None:
    """What is certain refuses it, and what is not is for them to judge."""
    manager = house.signed_in(house.staff("manager"), "staff")
    party = advertiser(house)
    certain = booked(house, party, title="Medicine")
    text = manager.get(f"/staff/ads/{certain.campaign_id}").text
    assert "Sensitive topics it mentions" in text
    assert "so it will be refused even if you approve it" in text
    everyday = booked(house, party, title="Church Street bakery")
    path = f"/staff/ads/{everyday.campaign_id}"
    text = manager.get(path).text
    assert "Sensitive topics" not in text
    assert "“church” may be about religion" in text
    assert send(manager, path, {"verdict": "approve", "reason": "Fine"}).status_code == 303
    state = house.do(lambda t: campaigns.require(t.tables, everyday.campaign_id)).state
    assert state == campaigns.APPROVED


def test_one_that_was_approved_before_is_stopped_until_somebody_has_looked_at_it(
    house: House,
) -> None:
    """It ran before the vocabulary called its topic sensitive, and cannot run again."""
    its, other = approved(house), approved(house, party=advertiser(house, "Oak Shop"))
    manager = house.signed_in(house.staff("manager"), "staff")
    job, gate = forbidden.NewReviews(house.provider), house.provider.gate.gate
    assert job.make(gate) == 0
    change = {"title": "Medicine"}
    house.do(lambda t: t.tables.update(campaign, change, "campaign_id = ?", its.campaign_id))
    assert job.make(gate) == 0  # a campaign never changes: it is read once
    assert [forbidden.NewReviews(house.provider).make(gate) for _ in range(2)] == [1, 0]
    states = house.do(lambda t: {c.party: c.state for c in campaigns.every(t.tables)})
    assert states == {its.party: campaigns.STOPPED, other.party: campaigns.APPROVED}
    assert "Stopped: look at it again" in manager.get("/staff/ads").text
    assert "it is about a sensitive topic" in manager.get("/staff").text
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert f"Stopped: {SPEAKS}: health" in agent.get("/advertiser").text
    path, runs = (f"/staff/ads/{each.campaign_id}" for each in (its, other))
    answer = send(manager, f"{runs}/leave", {}, runs)
    assert answer.status_code == 409
    assert "his campaign is not stopped" in answer.text
    answer = send(manager, f"{path}/resume", {}, path)
    assert answer.status_code == 409
    assert "e do not accept advertisements about: health" in answer.text
    assert "so it cannot run again" in answer.text
    assert send(manager, f"{path}/leave", {}, path).status_code == 303
    assert send(manager, f"{path}/leave", {}, path).status_code == 409
    assert "sensitive topic" not in manager.get("/staff").text
    assert "look at it again" not in manager.get("/staff/ads").text
    with reading(gate.engine) as connection:
        entries, _ = after_number(connection, EntryNumber(0), 1_000)
    kinds = [each.entry.kind for each in entries if each.entry.id == its.campaign_id]
    assert kinds[-2:] == [campaigns.ANEW, campaigns.LEFT]
