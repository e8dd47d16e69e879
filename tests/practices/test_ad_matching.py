"""Bits and bitmaps say what the plain definition says, which looks at each person and campaign."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practices.ads import ENOUGH, WOMEN, advertiser, approved, booked, crowd, exactly
from practices.conftest import House, send
from upheld.core.ids import CampaignId, PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction
from upheld.practice import bands
from upheld.practices.ads import audience, campaigns, hides, segments
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.matching import CampaignIndex, Groups, Mask
from upheld.practices.ads.picking import Picking
from upheld.practices.ads.segments import Segments
from upheld.practices.ads.tables import ad_hide, ad_segment
from upheld.vault.opened_ahead import OpenedAhead
from upheld.web import sessions

NOW = datetime(2026, 3, 11, 16, 20, tzinfo=UTC)
WHY = "Why this ad"
WORDS = {d: [word for word, _ in bands.options(d)] for d in bands.TARGETS} | {
    bands.AREA: ["982", "100"]
}
FIELDS = bands.fields_of(WORDS)


def _bands(least: int) -> st.SearchStrategy[dict[str, list[str]]]:
    one = {d: st.lists(st.sampled_from(w), min_size=least, unique=True) for d, w in WORDS.items()}
    return st.fixed_dictionaries({}, optional=one)


MASKS = _bands(0).map(lambda its: {d: {*words} for d, words in its.items()})
GROUPS = st.dictionaries(st.sampled_from(FIELDS), st.integers(1, 120))
CRITERIA = _bands(1)


@st.composite
def _campaigns(draw: st.DrawFn) -> list[Campaign]:
    """Campaigns of which some are over and some have not begun."""
    return [
        Campaign(
            CampaignId(f"{number}"),
            draw(st.sampled_from(["pine", "oak"])),
            "",
            "",
            "",
            "garden",
            draw(CRITERIA),
            NOW + timedelta(days=draw(st.integers(-1, 1))),
            NOW + timedelta(days=draw(st.integers(0, 2))),
            1_000,
            campaigns.APPROVED,
            "",
            draw(st.integers(0, 130)),
            50,
            campaigns.VIEWS,
            100,
        )
        for number in range(draw(st.integers(0, 12)))
    ]


def _plainly(every: Sequence[Campaign], mask: Mask, groups: Groups) -> set[str]:
    """What is meant for somebody in particular, by the definition."""
    return {
        each.campaign_id
        for each in every
        if each.is_live(NOW)
        and each.criteria
        and bands.meets(each.criteria, mask)
        and all(0 < groups.get(f, 0) <= each.eligible for f in bands.fields_of(each.criteria))
    }


@given(_campaigns(), MASKS, GROUPS)
def test_the_bits_of_campaigns_are_those_that_the_definition_names(
    every: list[Campaign], mask: Mask, groups: Groups
) -> None:
    """Of the live ones alone; what is for anybody, and of whom, is told apart."""
    index = CampaignIndex(every, NOW)

    def ids(bits: int) -> set[str]:
        return {c.campaign_id for at, c in enumerate(index.live) if bits >> at & 1}

    live = [each for each in every if each.is_live(NOW)]
    assert ids(index.meant(mask, groups)) == _plainly(every, mask, groups)
    assert ids(index.untargeted) == {each.campaign_id for each in live if not each.criteria}
    assert ids(index.of_others(["oak"])) == {c.campaign_id for c in live if c.party != "oak"}
    assert ids(index.bits_of([each.campaign_id for each in every])) == ids(
        index.targeted | index.untargeted
    )


@given(_campaigns(), st.dictionaries(st.integers(0, 14).map(str), st.integers(1, 3)), st.data())
def test_each_campaign_has_its_turn_and_those_not_seen_come_first(
    every: list[Campaign], views: dict[str, int], data: st.DataObject
) -> None:
    """In as many turns as there are unseen ones each is picked once; else that seen least."""
    index = CampaignIndex(every, NOW)
    among = data.draw(st.integers(0, (1 << len(index.live)) - 1))
    ids = [c.campaign_id for at, c in enumerate(index.live) if among >> at & 1]
    unseen = [each for each in ids if each not in views]
    turns = range(7, 7 + max(len(unseen), 1))
    picks = [index.pick(among, views, turn) for turn in turns]
    if unseen:
        assert sorted(c.campaign_id for c in picks if c is not None) == sorted(unseen)
    elif ids:
        assert picks == [
            campaign
            for campaign in index.live
            if campaign.campaign_id == min(ids, key=lambda each: (views[each], each))
        ]
    else:
        assert picks == [None]


@given(st.lists(st.tuples(st.sets(st.sampled_from(FIELDS)), MASKS)), CRITERIA)
def test_a_group_counts_those_whom_the_definition_counts(
    people: list[tuple[set[str], Mask]], criteria: bands.Criteria
) -> None:
    """Also out of the bytes that are kept, which are of no use under another policy or day."""
    made = Segments(FIELDS)
    made.add((sorted(fields), mask) for fields, mask in people[:1])
    made.add((sorted(fields), mask) for fields, mask in people[1:])
    wanted = {*bands.fields_of(criteria)}
    plainly = sum(fields >= wanted and bands.meets(criteria, mask) for fields, mask in people)
    assert made.count(criteria) == plainly
    packed = made.pack("a policy", "a day")
    again = Segments.unpack(packed, "a policy", "a day")
    assert again is not None
    assert (again.count(criteria), again.people) == (plainly, len(people))
    assert Segments.unpack(packed, "another", "a day") is None
    assert Segments.unpack(packed, "a policy", "another") is None


def test_who_may_be_chosen_by_all_fields_is_asked_once_and_by_each_else(house: House) -> None:
    """Whatever is asked at once allows no more than what is asked of a campaign's own fields."""
    ann, ben, child = (
        house.customer("ann@marked.example"),
        house.customer("ben@marked.example"),
        house.customer("kim@marked.example", born="2014-02-01"),
    )
    house.do(lambda t: t.record(ben, "opt-out", fact="advertising-opt-out", by_whom="customer"))
    people = [ann, ben, child]
    permitted = house.do(lambda t: audience.permitted_each(t, people, FIELDS))
    assert permitted == {ann: dict.fromkeys(FIELDS, 50)}
    for field in FIELDS:
        fields = sorted({bands.BORN, field})
        allowed = house.do(partial(audience.allowed_each, people=people, fields=fields))
        assert allowed == {ann: 50}


def _uses(house: House, person_id: PersonId) -> int:
    """How often somebody's data were used for advertising, by their entries."""
    entries = [each.entry for each in house.provider.gate.gate.entries(person_id)]
    return sum((e.action, e.purpose) == ("use", "advertising") for e in entries)


def test_what_is_known_of_a_visitor_is_read_once_a_session_and_anew_when_it_changed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each showing is asked of the gate and entered; a changed value counts from the next page."""
    exactly(monkeypatch)
    ann = house.customer(gender="female")
    crowd(house, ENOUGH - 1)
    approved(house, WOMEN)
    before, browser = _uses(house, ann), house.signed_in(ann)
    assert [WHY in browser.get("/me").text for _ in range(2)] == [True, True]
    assert _uses(house, ann) == before + 1
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    assert sum(each.action == "show-ad" for each in entries) == 2
    house.do(lambda t: t.store(ann, {"gender": "male"}, source="customer", occasion="service-use"))
    assert WHY not in browser.get("/me").text
    assert _uses(house, ann) == before + 2


def test_what_a_session_saw_is_forgotten_once_it_is_over(house: House) -> None:
    """With the bands of whose it was; one that goes on is minded."""
    picking, wait = Picking(house.provider), sessions.ABSOLUTE * 0.6
    first = picking.seen(b"first")
    picking.seen(b"second")
    house.clock.moved += wait
    assert picking.seen(b"first") is first
    house.clock.moved += wait
    picking.seen(b"third")
    assert [*picking._sessions] == [b"first", b"third"]


def test_bitmaps_are_made_while_a_campaign_waits_and_say_nobodys_name(house: House) -> None:
    """Sealed, for an hour at most, of those alone whom the policy allows, each with an entry."""
    gate = house.provider.gate.gate
    assert segments.make(gate) == 0
    people = crowd(house, 5)
    ben = house.customer("ben@marked.example", gender="female")
    house.customer("kim@marked.example", born="2014-02-01", gender="female")
    house.do(lambda t: t.record(ben, "opt-out", fact="advertising-opt-out", by_whom="customer"))
    its = booked(house, advertiser(house), WOMEN)
    assert segments.make(gate) == len(people)
    assert [_uses(house, each) for each in (*people, ben)] == [1] * len(people) + [0]
    (row,) = house.do(lambda t: t.tables.select(ad_segment))
    assert not any(word in row.sealed for word in (b"women", b"35-44", people[0].encode()))
    assert segments.make(gate) == 0
    assert house.do(lambda t: segments.current(t, WOMEN)).count(WOMEN) == len(people)
    assert _uses(house, people[0]) == 1
    house.clock.moved += segments.LASTS
    assert segments.make(gate) == len(people)
    house.do(
        lambda t: campaigns.review(
            t, its.campaign_id, verdict=campaigns.Verdict(approve=False), reason="", actor="mo"
        )
    )
    assert segments.make(gate) == 0
    assert house.do(lambda t: t.tables.select(ad_segment)) == []


def test_whoever_is_erased_is_in_no_bitmap_from_then_on(house: House) -> None:
    """Also where it happens while bitmaps are made: these are not kept."""
    gate, people = house.provider.gate.gate, crowd(house, 4)
    booked(house, advertiser(house), WOMEN)
    assert segments.make(gate) == 4
    erase(gate, [people[0]], now=True)
    assert house.do(lambda t: t.tables.select(ad_segment)) == []
    calls = itertools.count()

    def together(*ahead: OpenedAhead) -> AbstractContextManager[GateTransaction]:
        if next(calls) == 2:  # everybody was read, and nothing is kept yet
            erase(gate, [people[1]], now=True)
            house.do(lambda t: segments.current(t, WOMEN))  # a review makes its own meanwhile
        return gate.together(*ahead)

    one = SimpleNamespace(together=together, opening_ahead=gate.opening_ahead)
    assert segments.make(cast("Gate", one)) == 0
    assert house.do(lambda t: segments.current(t, WOMEN)).people == 2


def test_what_somebody_hid_stays_hidden_when_they_sign_in_anew(house: House) -> None:
    """From them alone, until they take it back; the row says neither what nor anything in words."""
    its = approved(house)
    ann, ben = house.customer("ann@marked.example"), house.customer("ben@marked.example")
    path = f"/me/ads/{its.campaign_id}"
    assert send(house.signed_in(ann), f"{path}/hide", {}, path).status_code == 303
    assert WHY not in house.signed_in(ann).get("/me").text
    assert WHY in house.signed_in(ben).get("/me").text
    (row,) = house.do(lambda t: t.tables.select(ad_hide))
    assert its.campaign_id.encode() not in row.sealed
    browser = house.signed_in(ann)
    assert "1 of our advertisements" in browser.get("/me/ads").text
    assert send(browser, "/me/ads/hidden", {}, "/me/ads").status_code == 303
    assert WHY in browser.get("/me").text


def test_all_that_somebody_hides_at_once_is_hidden(house: House) -> None:
    """Twenty at once, whatever else they hide in the same moment."""
    party, ann = advertiser(house), house.customer()
    ids = [booked(house, party).campaign_id for _ in range(5)]
    with ThreadPoolExecutor(20) as pool:
        for each in [pool.submit(_hide, house, ann, ids[at % 5]) for at in range(20)]:
            each.result()
    assert sorted(house.do(lambda t: hides.hidden_from(t, ann))) == sorted(ids)


def _hide(house: House, person_id: PersonId, campaign_id: CampaignId) -> None:
    house.do(lambda t: hides.hide(t, person_id, campaign_id))


def test_what_somebody_hid_goes_with_them_and_with_what_is_over(house: House) -> None:
    """No choice about a campaign that is over is kept on, and none of whoever is erased."""
    party, ann = advertiser(house), house.customer()
    short = booked(house, party, last=house.clock.today())
    long = booked(house, party)
    house.do(lambda t: hides.hide(t, ann, short.campaign_id))
    house.clock.moved += timedelta(days=2)
    for _ in range(2):
        house.do(lambda t: hides.hide(t, ann, long.campaign_id))
    assert house.do(lambda t: hides.hidden_from(t, ann)) == [long.campaign_id]
    erase(house.provider.gate.gate, [ann], now=True)
    assert house.do(lambda t: t.tables.select(ad_hide)) == []
