"""Advertisements by which of our pages customers looked at, as far as the policy allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

import pytest

import upheld
from practices.ads import BORN, ENOUGH, advertiser, booked, crowd, exactly, review
from practices.conftest import House
from practices.test_ad_activities import SHOWS, USES, WHY
from practices.test_day_counts import keep
from practices.test_report_pages import browser_of
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.transaction import GateTransaction, Transaction
from upheld.practice import page_looks, privacy_budget
from upheld.practice.page_groups import PAGE_GROUPS, RecentPages
from upheld.practice.tables import page_look, page_look_making
from upheld.practices.ads import campaigns, page_reading, segments
from upheld.practices.ads.campaigns import AdError
from upheld.practices.collection.page_months import recent_pages
from upheld.practices.collection.ties import ties_of
from upheld.practices.collection.untying import Untying, prepare, untie

LOOKED = {"page-category": ["help"]}
SENTENCE = "Looked at pages of ours: help"


def reader(house: House, name: str = "ann", born: str = BORN) -> PersonId:
    """A customer."""
    return PersonId(house.customer(f"{name}@marked.example", born=born))


def read(house: House, pages_of: RecentPages | None = recent_pages) -> int:
    """The job of that name."""
    return page_reading.make(house.provider.gate.gate, pages_of)


def rows(house: House) -> dict[str, set[str]]:
    """Who has a row, and the groups of pages in it."""

    def work(transaction: GateTransaction) -> dict[str, set[str]]:
        people = [PersonId(each.person_id) for each in transaction.tables.select(page_look)]
        return {str(each): its for each, its in page_looks.of_each(transaction, people).items()}

    return house.do(work)


def looked(house: House, page: str, *whose: tuple[PersonId, bytes], days_ago: int = 3) -> None:
    """Let people sign in with browsers of theirs, which open a page."""
    for person, cookie in whose:
        browser_of(house, person, cookie)
    keep(house, *((page, "192.0.2.7", cookie) for _, cookie in whose), days_ago=days_ago)


def untied(house: House, person: PersonId) -> None:
    """Let somebody untie every browser of theirs."""
    for each in house.do(lambda t: ties_of(t, person)):
        untying = house.do(partial(_prepared, person, each.mark))
        assert untie(house.provider.gate.gate, untying)


def _prepared(person: PersonId, mark: str, transaction: GateTransaction) -> Untying | None:
    return prepare(transaction, person, mark)


def test_what_a_customer_looked_at_chooses_until_the_browser_is_untied(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read it among what we would use; who looked at nothing of the kind sees no such one."""
    exactly(monkeypatch)
    ann, ben = reader(house), reader(house, "ben")
    people = crowd(house, ENOUGH)
    looked(house, "/help/lamps", (ann, b"hers"), *((p, p.encode()) for p in people))
    looked(house, "/articles/1", (ben, b"his"))
    looked(house, "/help", (ben, b"his"), days_ago=31)  # too long ago
    its = booked(house, advertiser(house), LOOKED)
    assert read(house) == ENOUGH + 2
    its = review(house, its)
    assert (its.state, its.criteria) == (campaigns.APPROVED, LOOKED)
    browser = house.signed_in(ann)
    assert WHY in browser.get("/me").text
    assert WHY not in house.signed_in(ben).get("/me").text
    assert SENTENCE in browser.get(f"/me/ads/{its.campaign_id}").text
    assert [SENTENCE in house.signed_in(each).get("/me/ads").text for each in (ann, ben)] == [
        True,
        False,
    ]
    untied(house, ann)
    assert ann not in rows(house)
    assert WHY not in browser.get("/me").text
    assert SENTENCE not in browser.get("/me/ads").text


def test_nothing_is_read_of_whom_the_policy_keeps_it_from(house: House) -> None:
    """Not of a minor, of who opted out, or of a browser of two; each use has its entry."""
    people = {
        name: reader(house, name, "2012-02-01" if name == "kid" else BORN)
        for name in ("ann", "ben", "kid", "opted", "other")
    }
    looked(house, "/help", *((each, name.encode()) for name, each in people.items()))
    browser_of(house, people["other"], b"ben")
    house.do(lambda t: t.record(people["opted"], "opt-out", fact="advertising-opt-out"))
    booked(house, advertiser(house), LOOKED)
    assert read(house) == 2
    assert rows(house) == {people["ann"]: {"help"}, people["other"]: {"help"}}
    uses = {
        name
        for name, person in people.items()
        for each in house.provider.gate.gate.entries(person)
        if each.entry.purpose == "advertising" and "page-request" in each.entry.data
    }
    assert uses == {"ann", "other"}
    assert segments.make(house.provider.gate.gate) > 0
    assert house.do(lambda t: segments.current(t, LOOKED).count(LOOKED)) == 2
    untied(house, people["ann"])  # whoever unties a browser is in no count from then on
    assert house.do(lambda t: segments.current(t, LOOKED).count(LOOKED)) == 1


def test_a_row_goes_at_once_where_a_browser_is_no_longer_of_one_alone_or_its_person_is_erased(
    house: House,
) -> None:
    """The next day it says what is left."""
    ann, ben, cid = (reader(house, name) for name in ("ann", "ben", "cid"))
    looked(house, "/help", (ann, b"one"), (ben, b"his"), (cid, b"its"))
    looked(house, "/plans", (ann, b"two"))
    booked(house, advertiser(house), LOOKED)
    assert read(house) == 3
    assert rows(house)[ann] == {"help", "offers"}
    browser_of(house, ben, b"one")
    erase(house.provider.gate.gate, [cid])
    assert rows(house) == {ben: {"help"}}
    assert read(house) == 0  # it is of today
    house.clock.moved += timedelta(days=1)
    assert read(house) == 2
    assert rows(house) == {ann: {"offers"}, ben: {"help"}}


@pytest.mark.parametrize("how", ["untied", "shared", "erased"])
def test_whoever_is_forgotten_while_rows_are_made_has_none(house: House, how: str) -> None:
    """What was read of them before is not written; the next reading is whole."""
    ann, ben = reader(house), reader(house, "ben")
    looked(house, "/help", (ann, b"hers"), (ben, b"his"))
    booked(house, advertiser(house), LOOKED)

    def meanwhile(gate: Gate, since: str) -> Mapping[PersonId, Mapping[str, str]]:
        result = recent_pages(gate, since)
        assert {*result} == {ann, ben}
        if how == "untied":
            untied(house, ann)
        elif how == "shared":
            browser_of(house, ben, b"hers")
        else:
            erase(gate, [ann])
        return result

    read(house, meanwhile)
    assert ann not in rows(house)
    read(house)
    assert rows(house) == {ben: {"help"}}


def test_a_reading_that_was_cut_off_is_begun_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it wrote is not taken for the whole, by no review; nobody has two rows after it."""
    people = [reader(house, name) for name in ("ann", "ben", "cid")]
    looked(house, "/help", *((each, each.encode()) for each in people))
    booked(house, advertiser(house), LOOKED)
    monkeypatch.setattr(page_reading, "BATCH", 1)
    lots: list[int] = []

    def cut(transaction: Transaction, looks: Mapping[PersonId, page_looks.Looks]) -> None:
        lots.append(len(looks))
        if len(lots) == 2:
            raise KeyboardInterrupt
        whole(transaction, looks)

    whole = page_looks.keep
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(page_looks, "keep", cut)
        read(house)
    assert (len(rows(house)), house.do(page_looks.are_made)) == (1, False)
    house.clock.moved += timedelta(minutes=10)
    assert read(house) == 3
    assert (len(rows(house)), house.do(page_looks.are_made)) == (3, True)


def test_rows_are_there_only_while_an_advertisement_asks_for_them(house: House) -> None:
    """They have only groups that can be asked for, and go once no campaign may be shown by them."""
    ann = reader(house)
    for page in ("/help", "/privacy", "/me/balance", "/somewhere"):
        looked(house, page, (ann, b"hers"))
    assert (read(house), rows(house)) == (0, {})
    party = advertiser(house)
    booked(house, party, {"gender": ["women"]})
    assert (read(house), rows(house)) == (0, {})
    booked(house, party, LOOKED)
    assert (read(house), rows(house)) == (1, {ann: {"help"}})
    assert read(house, None) == 0
    assert rows(house) == {}
    assert read(house) == 1
    house.clock.moved += timedelta(days=32)
    assert (read(house), rows(house)) == (0, {})
    assert house.do(lambda t: t.tables.select(page_look_making)) == []
    assert {*PAGE_GROUPS} > page_reading.GROUPS


def test_a_group_of_pages_waits_for_its_review_until_they_are_read(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not refused for a size that nobody has counted, and nothing is paid for it."""
    exactly(monkeypatch)
    people = crowd(house, ENOUGH)
    looked(house, "/help", *((each, each.encode()) for each in people))
    its = booked(house, advertiser(house), LOOKED)
    with pytest.raises(AdError, match="has not been read yet"):
        review(house, its)
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {}
    read(house)
    assert review(house, its).state == campaigns.APPROVED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (USES, USES.replace("activity, ", "transaction, ")),
        (SHOWS, SHOWS.replace("activity, ", "transaction, ")),
        (USES, "may not use page-request for advertising\n  " + USES),
    ],
)
def test_where_the_policy_lets_no_visit_be_used_for_it_nobody_can_book_it(
    open_house: Callable[..., House], before: str, after: str
) -> None:
    """Nor is it offered, nor anything read, while what partners told still chooses."""
    text = sample_policy().read_text(encoding="utf-8")
    assert before in text
    house = open_house(upheld.load_text(text.replace(before, after)))
    looked(house, "/help", (reader(house), b"hers"))
    party = advertiser(house)
    with pytest.raises(AdError, match="our policy lets no advertisement be chosen by"):
        booked(house, party, LOOKED)
    assert campaigns.may_choose_by(house.policy, "transaction-category")
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=party), "agent")
    page = agent.get("/advertiser").text
    assert ("Looked at pages of ours" in page, "Bought from our partners" in page) == (False, True)
    assert (read(house), rows(house)) == (0, {})


def test_nothing_is_read_of_days_that_the_policy_lets_us_keep_no_longer(
    open_house: Callable[..., House],
) -> None:
    """Also before the job that deletes them has come by."""
    text = sample_policy().read_text(encoding="utf-8")
    stores = "may store ip-network, cookie-id, page-request with reduced, encryption, delete-after"
    assert f"{stores} 14 months" in text
    house = open_house(upheld.load_text(text.replace(f"{stores} 14 months", f"{stores} 10 days")))
    ann, today = reader(house), house.clock.today()
    looked(house, "/help", (ann, b"hers"), days_ago=9)
    looked(house, "/plans", (ann, b"hers"), days_ago=2)
    gate, since = house.provider.gate.gate, house.do(page_looks.since)
    days = [(today - timedelta(days=each)).isoformat() for each in (9, 2)]
    assert recent_pages(gate, since) == {ann: {"help": days[0], "offers": days[1]}}
    house.clock.moved += timedelta(days=5)
    assert recent_pages(gate, since) == {ann: {"offers": days[1]}}
