"""Advertisements: what can be booked, what a click tells, what is counted and reported."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from practices.ads import BORN, DOMAIN, advertiser, approved, booked
from practices.conftest import House, send
from upheld.practice import bands, parties
from upheld.practices.ads import audience, campaigns, counts
from upheld.practices.ads.campaigns import AdError
from upheld.practices.ads.tables import ad_count

WHY = "Why this ad"


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example/a",
        "https://shop.example/a?id=7",
        "https://shop.example/a?",
        "https://shop.example/a#b",
        "https://shop.example:8443/a",
        "https://me@shop.example/a",
        "https://notshop.example/a",
        "https://shop.example.evil.example/a",
        "https://shop.example/a\nb",
        "https://shop.example/%41",
        "https://SHOP.example/a",
        "javascript:alert(1)",
        "https://shop.example/u/9f8e7d6c5b4a39281706f5e4d3c2b1a0",
        "https://shop.example/u/123E4567-e89b-12d3-a456-426614174000.html",
        "https://shop.example/5550100123",
        "https://shop.example/555-010-0123/offer",
        "https://shop.example/for/aGVsbG8gd29ybGQxMjM0",
        "https://9f8e7d6c5b4a39281706.shop.example/",
        "https://shop.example/u/55501/00123",
        "https://55501.shop.example/00123",
        "https://shop.example/20120314559",
        "https://shop.example/2026-11-30/1990-02-01/123",
        "https://shop.example/a1b2c3d4e5f6g7h8",
        "https://shop.example/offer-a1b2c3d4e5f6.html",
        "https://[",
        "",
    ],
)
def test_an_address_that_could_identify_or_lies_elsewhere_is_refused(address: str) -> None:
    """Only a plain page on the advertiser's own domain is taken."""
    with pytest.raises(AdError):
        campaigns._require_address(address, DOMAIN)


def test_a_plain_page_on_the_domain_or_below_it_is_taken() -> None:
    """Subdomains are the advertiser's too."""
    pages = (
        "",
        "/a/b.html",
        "/2026-11-30",
        "/spades-and-seeds-for-2027",
        "/p/12345678",
        "/faced-a",
        "/face-2-face-2-bed",
        "/2026-11-30-01",
        "/2026/11/30/top-10-of-20-pots",
        "/iphone15promax256gb",
        "/decade-of-facades-10-20",
    )
    plain = [f"https://{DOMAIN}{page}" for page in pages]
    for address in (*plain, f"https://www.{DOMAIN}/"):
        campaigns._require_address(address, DOMAIN)
    for domain in ("1234567890.example", "a1b2c3d4e5f6a7b8.example"):  # what a company is called
        campaigns._require_address(f"https://{domain}/spades", domain)


def test_what_is_no_group_of_our_list_or_not_by_an_advertiser_is_refused(house: House) -> None:
    """No band, no kind, no days and no company of one's own making."""
    party = advertiser(house)
    today = house.clock.today()
    wrong: list[dict[str, Any]] = [
        {"criteria": {"gender": ["ann"]}},
        {"criteria": {"email": ["ann@marked.example"]}},
        {"criteria": {"zip": ["12345"]}},
        {"criteria": {"age-range": ["13-17"]}},
        {"category": "gambling"},
        {"views_max": 0},
        {"views_max": 1_500},
        {"views_max": 10_001_000},
        {"paid_by": "people"},
        {"cents": -1},
        {"first": today - timedelta(days=1)},
        {"last": today - timedelta(days=1)},
        {"last": today + timedelta(days=5_000)},
    ]
    for each in wrong:
        with pytest.raises(AdError):
            booked(house, party, **each)
    partner = house.do(lambda t: parties.add(t, "Elm Mail", "trusted-partner")).party
    with pytest.raises(AdError):
        booked(house, partner)


def test_no_band_holds_anybody_under_eighteen() -> None:
    """Whatever a minor's values are, nothing is meant for them."""
    assert min(low for low, _ in bands.DIMENSIONS["age-range"]["bands"].values()) == 18


def test_the_click_of_two_people_is_the_same_to_the_byte(house: House) -> None:
    """It leads to the address that was booked, with no referrer and nothing of anybody."""
    its = approved(house)
    answers = []
    for email in ("ann@marked.example", "bo@marked.example"):
        browser = house.signed_in(house.customer(email))
        assert WHY in browser.get("/me").text
        for _ in range(2):
            answer = browser.get(f"/me/ads/{its.campaign_id}/go")
            answers.append((answer.status_code, sorted(answer.headers.items()), answer.content))
    assert answers[1:] == answers[:-1]
    status, headers, _ = answers[0]
    assert (status, dict(headers)["location"]) == (303, its.address)
    assert dict(headers)["referrer-policy"] == "no-referrer"
    (row,) = house.do(lambda t: t.tables.select(ad_count))
    assert (row.views, row.clicks) == (2, 2)


def test_a_look_ahead_or_a_link_elsewhere_counts_as_no_view_and_no_click(house: House) -> None:
    """A click is one of our own page, of what was seen there, once a session."""
    its = approved(house)
    browser = house.signed_in(house.customer())
    path = f"/me/ads/{its.campaign_id}/go"
    browser.head("/me")
    browser.get(path)
    assert house.do(lambda t: t.tables.select(ad_count)) == []
    browser.get("/me")
    browser.head(path)
    browser.get(path, headers={"sec-fetch-site": "cross-site"})
    (row,) = house.do(lambda t: t.tables.select(ad_count))
    assert (row.views, row.clicks) == (1, 0)


def test_a_session_sees_one_campaign_three_times_and_no_more_once_it_is_hidden(
    house: House,
) -> None:
    """The cap and the hiding are of the session."""
    its = approved(house)
    ann = house.customer()
    browser = house.signed_in(ann)
    assert [WHY in browser.get("/me").text for _ in range(4)] == [True, True, True, False]
    other = house.signed_in(ann)
    path = f"/me/ads/{its.campaign_id}"
    assert send(other, f"{path}/hide", {}, path).status_code == 303
    assert WHY not in other.get("/me").text


def test_a_minor_is_shown_nothing_by_their_profile(house: House) -> None:
    """Nothing is meant for somebody under eighteen, or of no age that we know."""
    masks = audience.MaskMaker(house.policy, house.clock.today())

    def meant(born: str) -> bool:
        values = {"birth-date": born, "gender": "female"} if born else {"gender": "female"}
        return bands.meets({"gender": ["women"]}, masks.of(values))

    assert [meant(born) for born in ("1990-02-01", "2010-02-01", "")] == [True, False, False]


def test_an_advertiser_books_by_its_page_and_a_manager_answers(house: House) -> None:
    """Nothing runs before the review, and no other company sees it."""
    party = advertiser(house)
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=party), "agent")
    form = {
        "title": "Spades",
        "text": "New spades",
        "address": f"https://{DOMAIN}/spades",
        "category": "garden",
        "views_max": "1000",
        "paid_by": "clicks",
        "cents": "12.50",
    }
    days = {"first": "2026-03-11", "last": "2026-04-11"}
    for name, day in days.items():
        year, month, date = day.split("-")
        form |= {f"{name}-year": year, f"{name}-month": month, f"{name}-day": date}
    wrong = [
        ("views_max", "\u0663"),
        ("views_max", "1500"),
        ("cents", "9999"),
        ("last-year", "2020"),
    ]
    for field, text in (*wrong, ("zip", "98a")):
        answer = send(agent, "/advertiser", {**form, field: text})
        assert answer.status_code == 422
        assert f'href="#f-{field.partition("-")[0]}' in answer.text, field
    answer = send(agent, "/advertiser", form)
    assert answer.status_code == 303, answer.text
    (its,) = house.do(lambda t: campaigns.every(t.tables, party))
    browser = house.signed_in(house.customer())
    assert WHY not in browser.get("/me").text
    manager = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    path = f"/staff/ads/{its.campaign_id}"
    assert send(manager, path, {"verdict": "approve", "reason": "Fine"}).status_code == 303
    assert WHY in browser.get("/me").text
    other = house.staff(kind="agent", sign_in="ed", party="Duns")
    assert "Spades" not in house.signed_in(other, "agent").get("/advertiser").text


def test_a_campaign_that_a_manager_stops_is_shown_no_more(house: House) -> None:
    """At once, with a reason that its advertiser reads, until it is let run again."""
    its = approved(house)
    path = f"/staff/ads/{its.campaign_id}"
    manager = house.signed_in(house.staff("manager"), "staff")
    ann = house.customer()
    browser = house.signed_in(ann)
    assert WHY in browser.get("/me").text
    assert send(manager, f"{path}/stop", {}, path).status_code == 422
    form = {"why": "Customers find it misleading"}
    answers = [send(manager, f"{path}/stop", form, path).status_code for _ in range(2)]
    assert answers == [303, 409]
    assert "Stopped: Customers find it misleading" in manager.get(path).text
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert "Stopped: Customers find it misleading" in agent.get("/advertiser").text
    assert WHY not in browser.get("/me").text
    assert not house.do(lambda t: counts.count_view(t, its, ann))
    answers = [send(manager, f"{path}/resume", {}, path).status_code for _ in range(2)]
    assert answers == [303, 409]
    assert WHY in browser.get("/me").text


def test_what_we_would_use_is_corrected_from_its_page(house: House) -> None:
    """Each kind of it leads to where it is changed, and what one did to where it is seen."""
    ann = house.customer(gender="female", born=BORN, zip="98225")
    browser = house.signed_in(ann)
    page = browser.get("/me/ads").text
    links = re.findall(r'<li>([^<]*)\. <a href="([^"]+)" aria-label="Correct it', page)
    assert ("Gender: women", "/me/privacy/correct?field=gender") in links
    assert ("Zip code: begins with 982", "/me/privacy/correct?field=zip") in links
    assert {browser.get(path).status_code for _, path in links} == {200}
    form = {"value": "male"}
    answer = send(browser, "/me/privacy/correct?field=gender", form)
    assert answer.status_code == 303, answer.text
    assert "Gender: men" in browser.get("/me/ads").text


def test_a_child_reads_of_no_group_to_choose_advertisements_by(house: House) -> None:
    """Nothing of theirs would be used, so that nothing is offered to correct for it."""
    young = house.customer(gender="female", born="2010-02-01", zip="98225")
    browser = house.signed_in(young)
    page = browser.get("/me/ads").text
    assert "Nothing that we know about you is in one of our groups." in page
    assert "We never do so" not in page
    assert "you: we never do so for anybody under eighteen." in page
    assert "We may choose" not in page.partition("<h2>")[0]
