"""Advertisements by what customers bought from partners, as far as the policy lets it be used."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import upheld
from practices.ads import ENOUGH, advertiser, booked, crowd, exactly, review
from practices.conftest import House
from practices.test_partner_pulls import Program
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.transaction import GateTransaction
from upheld.practice import bands, parties, partner_transactions
from upheld.practice.tables import partner_transaction
from upheld.practices.ads import audience, campaigns, segments
from upheld.practices.ads.campaigns import AdError
from upheld.practices.agreements import clients

WHY = "Why this ad"
BOUGHT = {"transaction-category": ["garden"]}
SHOWS = "may show-ad profile, activity, segment at"
USES = "may use profile, activity, segment for advertising"


def _buy(house: House, *emails: str, what: str = "Two spades, and seeds", day: str = "") -> None:
    """Let a partner tell of what customers bought."""
    party = house.do(lambda t: parties.add(t, f"Shop of {what}", "business-partner")).party
    rows: list[dict[str, Any]] = [
        {
            "email": each,
            "reference": f"{what}-{number}",
            "date": day or house.clock.today().isoformat(),
            "amount": "12.50",
            "currency": "USD",
            "what": what,
        }
        for number, each in enumerate(emails)
    ]
    assert house.do(lambda t: partner_transactions.take(t, party, rows)) == [""] * len(rows)


def _shoppers(house: House, most: int) -> None:
    """People without an account who bought for the garden, as the table has it."""
    people = crowd(house, most)

    def work(transaction: GateTransaction) -> None:
        rows = transaction.tables.select(partner_transaction)
        sealer = transaction.sealer("partner-transactions", "row")
        row = rows[0]
        plain = sealer.unseal(row.sealed, row.person_id, row.party, row.mark, what="a row")
        for number, each in enumerate(people):
            place = each, row.party, f"mark-{number}"
            transaction.tables.insert(
                partner_transaction,
                person_id=each,
                party=row.party,
                mark=place[-1],
                feed_id="",
                received=row.received,
                sealed=sealer.seal(plain, *place),
            )

    house.do(work)


@pytest.mark.parametrize(
    ("texts", "found_bands"),
    [
        (["Two spades, and seeds"], {"garden"}),
        (["TRAIN to the coast", "a book"], {"travel", "books and music"}),
        (["bookcase", "trainers"], set()),
        ([], set()),
        (["\0spade\nfood"], {"garden", "food"}),
    ],
)
def test_what_was_bought_is_in_the_bands_of_its_words(
    texts: list[str], found_bands: set[str]
) -> None:
    """Whole words count, in whichever letters, and nothing that only begins so."""
    words = bands.bands_of_texts("transaction-category", texts)
    assert words & {"garden", "travel", "books and music", "food"} == found_bands


def test_what_a_customer_bought_chooses_until_it_is_deleted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They read it among what we would use; who bought nothing of the kind sees no such one."""
    exactly(monkeypatch)
    ann, ben = house.customer("ann@marked.example"), house.customer("ben@marked.example")
    _buy(house, "ann@marked.example")
    _buy(house, "ben@marked.example", what="A spade", day="2025-02-01")  # too long ago
    _shoppers(house, ENOUGH)
    its = review(house, booked(house, advertiser(house), BOUGHT))
    assert (its.state, its.criteria) == (campaigns.APPROVED, BOUGHT)
    browser = house.signed_in(ann)
    assert WHY in browser.get("/me").text
    assert WHY not in house.signed_in(ben).get("/me").text
    sentence = "Bought from our partners: garden"
    assert [sentence in house.signed_in(each).get("/me/ads").text for each in (ann, ben)] == [
        True,
        False,
    ]
    assert sentence in browser.get(f"/me/ads/{its.campaign_id}").text
    house.do(lambda t: t.tables.delete(partner_transaction, "person_id = ?", ann))
    assert WHY not in browser.get("/me").text
    assert sentence not in browser.get("/me/ads").text


def test_what_a_stolen_access_told_chooses_nothing_from_the_next_page_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a session that goes on, whose bands were read before; the click leads on all the same."""
    exactly(monkeypatch)
    ann = house.customer("ann@marked.example")
    _buy(house, "ann@marked.example")
    _shoppers(house, ENOUGH)
    its = review(house, booked(house, advertiser(house), BOUGHT))
    browser = house.signed_in(ann)
    assert WHY in browser.get("/me").text
    (row,) = house.do(lambda t: t.tables.select(partner_transaction, "person_id = ?", ann))
    boss = house.staff("manager", sign_in="boss")
    thief = Program(house, row.party, boss)
    assert WHY in browser.get("/me").text
    house.do(lambda t: clients.revoke(t, thief.client_id, by=boss, stolen=True))
    assert WHY not in browser.get("/me").text
    assert "Bought from our partners" not in browser.get("/me/ads").text
    assert browser.get(f"/me/ads/{its.campaign_id}/go").headers["location"] == its.address


def test_bitmaps_have_of_what_was_bought_whom_the_policy_allows(house: House) -> None:
    """As the plain definition counts, one by one; an opt-out counts."""
    names = ["ann", "ben", "cid"]
    people = [house.customer(f"{each}@marked.example", gender="female") for each in names]
    _buy(house, *(f"{each}@marked.example" for each in names[:2]))
    house.do(lambda t: t.record(people[1], "opt-out", fact="advertising-opt-out"))
    booked(house, advertiser(house), {**BOUGHT, "gender": ["women"]})
    assert segments.make(house.provider.gate.gate) == 2  # all but who opted out
    count = partial(house.do, lambda t: segments.current(t, BOUGHT).count(BOUGHT))
    assert count() == 1


def test_a_group_by_purchases_is_of_those_that_there_are_when_it_is_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of rows that are gone since it was made, nor of what a stolen access told."""
    monkeypatch.setattr(segments, "BATCH", 2)
    names = ["ann", "ben", "cid", "dee"]
    people = [house.customer(f"{each}@marked.example") for each in names]
    _buy(house, *(f"{each}@marked.example" for each in names[:3]))
    booked(house, advertiser(house), BOUGHT)
    assert segments.make(house.provider.gate.gate) == len(people)
    count = partial(house.do, lambda t: segments.current(t, BOUGHT).count(BOUGHT))
    assert count() == 3
    house.do(lambda t: t.tables.delete(partner_transaction, "person_id = ?", people[0]))
    assert count() == 2
    _buy(house, "dee@marked.example", what="One spade")
    assert count() == 3
    (first,) = house.do(lambda t: t.tables.select(partner_transaction, "person_id = ?", people[1]))
    boss = house.staff("manager", sign_in="boss")
    thief = Program(house, first.party, boss)
    house.do(lambda t: clients.revoke(t, thief.client_id, by=boss, stolen=True))
    assert count() == 1  # all of a company without a program's name may be of it


def test_what_the_policy_does_not_let_advertisements_use_cannot_be_booked(
    open_house: Callable[..., House],
) -> None:
    """Nor does the form offer it; what was booked before is shown to nobody for it."""
    text = sample_policy().read_text(encoding="utf-8")
    assert (SHOWS in text, USES in text) == (True, True)
    house = open_house(upheld.load_text(text.replace(USES, USES.replace("activity, ", ""))))
    party = advertiser(house)
    with pytest.raises(AdError, match="our policy lets no advertisement be chosen by"):
        booked(house, party, BOUGHT)
    with pytest.raises(AdError, match="our policy lets no advertisement be chosen by"):
        booked(house, party, {**BOUGHT, "gender": ["women"]})
    assert booked(house, party, {"gender": ["women"]}).state == campaigns.WAITING
    person = PersonId(house.customer())
    assert "Bought from our partners" not in house.signed_in(person).get("/me/ads").text


def test_an_advertiser_is_offered_the_groups_that_the_policy_lets_be_chosen(house: House) -> None:
    """Without what lets groups be chosen there is no group to book."""
    policy = house.policy
    open_ones = [each for each in bands.FIELD_OF if campaigns.may_choose_by(policy, each)]
    assert open_ones == [*bands.FIELD_OF]
    other = upheld.load_text(
        sample_policy().read_text(encoding="utf-8").replace("{#targeted-ads}", "{#t .severed}")
    )
    assert not any(campaigns.may_choose_by(other, each) for each in bands.FIELD_OF)


def test_bands_are_read_anew_when_a_row_is_replaced_on_the_same_day(house: House) -> None:
    """As many rows and the same day tell nothing: what stands there is another."""
    ann = house.customer("ann@marked.example")

    def read() -> tuple[object, object]:
        return house.do(
            lambda t: (
                audience.activity_mark(t, ann, ["transaction"]),
                audience.activities_of(t, [ann], ["transaction"])[ann]["transaction-category"],
            )
        )

    _buy(house, "ann@marked.example", what="A spade")
    first = read()
    assert read() == first
    house.do(lambda t: t.tables.delete(partner_transaction, "person_id = ?", ann))
    _buy(house, "ann@marked.example", what="A train")
    second = read()
    assert first[1] == {"garden"}
    assert second[1] == {"travel"}
    assert first[0] != second[0]
