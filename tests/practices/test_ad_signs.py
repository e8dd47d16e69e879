"""What managers are told of advertisers that resemble others, and of numbers that look odd."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practices.ads import DOMAIN, advertiser, approved, booked
from practices.conftest import House
from upheld.practice import parties, party_mail
from upheld.practices.ads import anomalies, campaigns, likeness
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.tables import ad_count, ad_report


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Pine Shop", "Pine Shop, Inc."),
        ("Pine Shop", "PINE-SHOP"),
        ("Pine Shop", "Рine Shоp"),
        ("Pine Shop", "P1ne Sh0p"),
        ("Pine Shop", "Pime Shop"),
        ("Pine Shop", "Pnie Shops"),
        ("Barnum Bank", "Bamum Bank"),
        ("Café Oak", "Cafe Oak"),
    ],
)
def test_names_that_people_take_for_one_another_are_alike(one: str, other: str) -> None:
    """By letters of other alphabets, digits, marks, legal forms and a slip of the pen."""
    assert likeness.are_alike(one, other)
    assert likeness.are_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Pine Shop", "Elm Mail"), ("Oak", "Elm"), ("Oak", "Oaf"), ("", ""), ("...", "!!!")],
)
def test_other_names_are_not_alike(one: str, other: str) -> None:
    """A short name is another one with a single letter changed."""
    assert not likeness.are_alike(one, other)


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_the_distance_of_names_is_that_of_its_definition(one: str, other: str) -> None:
    """The plain recursion over what becomes of the last letters."""

    def plainly(mine: str, theirs: str) -> int:
        if not mine or not theirs:
            return len(mine) + len(theirs)
        ways = [
            plainly(mine[:-1], theirs) + 1,
            plainly(mine, theirs[:-1]) + 1,
            plainly(mine[:-1], theirs[:-1]) + (mine[-1] != theirs[-1]),
        ]
        if mine[-2:] == theirs[-2:][::-1] and len(mine[-2:]) > 1:
            ways.append(plainly(mine[:-2], theirs[:-2]) + 1)
        return min(ways)

    assert likeness.distance(one, other) == plainly(one, other)


def test_who_reviews_is_told_whom_an_advertiser_resembles(house: House) -> None:
    """By name, domain, address of mail, people and what it books; nobody else is."""
    pine = advertiser(house, "Pine Shop")
    house.do(lambda t: parties.add(t, "Elm Mail", "supplier"))
    mine = booked(house, pine)
    assert house.do(lambda t: likeness.signs(t, mine)) == []
    other = advertiser(house, "Рine Shоp")
    house.do(lambda t: campaigns.keep_domain(t, other, f"www.{DOMAIN}", actor="staff mo"))
    page = f"https://www.{DOMAIN}/other"
    its = booked(house, other, address=page, text="Something else")
    assert house.do(lambda t: likeness.signs(t, its)) == [
        "Its name looks like that of Pine Shop.",
        "Its pages lie on the domain of Pine Shop.",
    ]
    for party in (pine, other):
        house.do(partial(party_mail.put, party=party, address="pay@shop.example"))
        house.staff(kind="agent", sign_in=f"pat-{party}"[:30], party=party)
    copy = booked(house, other, address=f"https://www.{DOMAIN}/again")
    path = f"/staff/ads/{copy.campaign_id}"
    text = house.signed_in(house.staff("manager", sign_in="mo"), "staff").get(path).text
    for sentence in (
        "Mail to it goes to the same address as mail to Pine Shop.",
        "Somebody of the same name works for it and for Pine Shop.",
        "An advertisement of Pine Shop has the same text.",
    ):
        assert sentence in text
    assert "Elm Mail" not in text
    agent = house.signed_in(house.staff(kind="agent", sign_in="ed", party=other), "agent")
    assert "looks like" not in agent.get("/advertiser").text


def _reported(house: House, its: Campaign, days: list[tuple[int, int]]) -> list[str]:
    """What is odd about a campaign of which views and clicks were reported, by day."""
    first = house.clock.today()
    rows = [
        {
            "campaign_id": its.campaign_id,
            "day": (first + timedelta(days=number)).isoformat(),
            "views": views,
            "clicks": clicks,
        }
        for number, (views, clicks) in enumerate(days)
    ]
    house.do(lambda t: t.tables.insert_all(ad_report, rows))
    return house.do(lambda t: anomalies.odd(t.tables, its))


USUAL = (2_000, 60)


@pytest.mark.parametrize(
    ("days", "odd"),
    [
        ([], []),
        ([USUAL] * 9, []),
        ([USUAL] * 5 + [(30_000, 90)], [anomalies.SPEND_ODD]),
        ([USUAL] * 2 + [(30_000, 90)], []),
        ([USUAL] * 5 + [(2_200, 90)], []),
        ([(2_000, 1_900)] * 4, [anomalies.CLICKS_ODD]),
        ([(0, 30)] * 4, []),
        ([(-200, -30)] * 4, []),
    ],
)
def test_numbers_are_odd_where_no_noise_explains_them(
    house: House, days: list[tuple[int, int]], odd: list[str]
) -> None:
    """Clicks far above views, and a day far above the week before; small numbers never are."""
    assert _reported(house, approved(house), days) == odd


def test_what_is_odd_stands_at_the_desk_and_rests_on_no_exact_count(house: House) -> None:
    """However often it was clicked today, nothing is said before that is reported with noise."""
    its = approved(house)
    words = {"campaign_id": its.campaign_id, "day": house.clock.today().isoformat()}
    house.do(lambda t: t.tables.insert(ad_count, **words, views=9, clicks=90_000))
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "with odd numbers" not in manager.get("/staff/ads").text
    assert _reported(house, its, [(2_000, 1_900)] * 4) == [anomalies.CLICKS_ODD]
    assert "with odd numbers" in manager.get("/staff/ads").text
    assert anomalies.CLICKS_ODD in manager.get(f"/staff/ads/{its.campaign_id}").text
