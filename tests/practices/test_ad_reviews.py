"""A review of a group, while others write: who is counted is read before it, lot by lot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any, Final

import pytest

import upheld
from practices.ads import WOMEN, advertiser, booked, crowd, exactly, review
from practices.at_once import KILLED, ended
from practices.conftest import House, send
from upheld.core.errors import UpheldError
from upheld.core.ids import CampaignId, PersonId
from upheld.gate.transaction import GateTransaction
from upheld.practice import privacy_budget
from upheld.practice.privacy_budget import BudgetError
from upheld.practices.ads import audience, campaigns, estimates, month_prices, periods, segments
from upheld.practices.ads.campaigns import AdError, Campaign
from upheld.practices.ads.matching import Mask
from upheld.practices.ads.tables import ad_segment
from upheld.vault.opened_ahead import OpenedAhead

LOT: Final = 7
PEOPLE: Final = 65
COUNTING: Final = "still being counted"
MANAGERS: Final = count()


class Readings:
    """In which transactions people were read, and how many in each."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.lots: list[tuple[GateTransaction, int]] = []  # held on to, so that none is taken twice
        self.reviews: list[GateTransaction] = []
        read, verdict = audience.read_crowd, campaigns.review

        def reading(
            transaction: GateTransaction, people: Sequence[PersonId], *rest: Any
        ) -> Iterator[tuple[Sequence[str], Mask]]:
            self.lots.append((transaction, len(people)))
            return read(transaction, people, *rest)

        def reviewing(transaction: GateTransaction, *rest: Any, **words: Any) -> Campaign:
            self.reviews.append(transaction)
            return verdict(transaction, *rest, **words)

        patch.setattr(segments, "BATCH", LOT)
        patch.setattr(audience, "read_crowd", reading)
        patch.setattr(campaigns, "review", reviewing)

    def forget(self) -> None:
        """Begin to note them anew."""
        self.lots, self.reviews = [], []

    @property
    def most_at_once(self) -> int:
        """How many people were read in one transaction at most."""
        return max(
            sum(number for other, number in self.lots if other is one) for one, _ in self.lots
        )


@pytest.fixture(name="readings")
def _readings(monkeypatch: pytest.MonkeyPatch) -> Readings:
    exactly(monkeypatch)
    return Readings(monkeypatch)


def opt_out(house: House, people: Sequence[PersonId]) -> None:
    """Turn advertisements by what is known of some people off."""

    def work(transaction: GateTransaction) -> None:
        for each in people:
            transaction.record(each, "opt-out", fact="advertising-opt-out")

    house.do(work)


def answer(house: House, its: Campaign) -> tuple[int, str]:
    """Approve a campaign on its page, as a manager; what the page answers, and says."""
    manager = house.signed_in(house.staff("manager", sign_in=f"mo{next(MANAGERS)}"), "staff")
    its_page = f"/staff/ads/{its.campaign_id}"
    response = send(manager, its_page, {"verdict": "approve", "reason": "Yes"})
    return int(response.status_code), response.text


def approve(house: House, its: Campaign) -> int:
    """Approve a campaign on its page; what the page answers."""
    return answer(house, its)[0]


def state_of(house: House, its: Campaign) -> str:
    """The state of a campaign by now."""
    return house.do(lambda t: campaigns.require(t.tables, its.campaign_id)).state


@pytest.mark.parametrize("ahead", [False, True])
def test_nobody_who_writes_waits_until_a_review_has_read_all(
    house: House, readings: Readings, ahead: bool
) -> None:
    """Whether the job was there before and somebody of each lot changed since, or it was not."""
    people = sorted(crowd(house, PEOPLE))
    its = booked(house, advertiser(house), WOMEN)
    if ahead:
        segments.make(house.provider.gate.gate)
        readings.forget()
        opt_out(house, people[:: LOT - 1])
    assert approve(house, its) == 303
    assert readings.lots
    assert readings.most_at_once <= LOT
    assert not {*map(id, readings.reviews)} & {id(each) for each, _ in readings.lots}
    assert state_of(house, its) == ("refused" if ahead else "approved")


def test_whoever_says_no_between_the_reading_and_the_verdict_is_not_counted(
    house: House, readings: Readings
) -> None:
    """Their lot is read in the review's own transaction, and no other."""
    people = crowd(house, PEOPLE)
    its = booked(house, advertiser(house), WOMEN)
    estimates.prepare(house.provider.gate.gate, its.campaign_id)
    opt_out(house, people[:1])
    readings.forget()
    assert review(house, its).state == "approved"  # 64 are just enough
    assert [number for _, number in readings.lots] in ([LOT], [PEOPLE % LOT])
    other = booked(house, advertiser(house, "Elm Shop"), {"gender": ["women"]})
    estimates.prepare(house.provider.gate.gate, other.campaign_id)
    opt_out(house, people[1:2])
    assert review(house, other).state == "refused"


@pytest.mark.usefixtures("readings")
def test_whoever_is_erased_while_changed_lots_are_read_is_in_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read before is not kept; all of them are read once more."""
    people, gate = crowd(house, PEOPLE), house.provider.gate.gate
    booked(house, advertiser(house), WOMEN)
    segments.make(gate)
    opt_out(house, people[:1])
    real = segments._read_anew

    def read(brought: Any, transaction: Any, lot: Any) -> Any:
        segments.forget(transaction, people[1])
        return real(brought, transaction, lot)

    monkeypatch.setattr(segments, "_read_anew", read)
    assert segments.refresh(gate, WOMEN) is None
    assert house.do(lambda t: t.tables.select(ad_segment)) == []


def test_a_lot_that_was_read_anew_before_a_review_is_not_read_in_it(
    house: House, readings: Readings
) -> None:
    """Twice in a row reads once, as long as nobody changes."""
    people, gate = crowd(house, PEOPLE), house.provider.gate.gate
    booked(house, advertiser(house), WOMEN)
    segments.make(gate)
    opt_out(house, people[:3])
    assert segments.refresh(gate, WOMEN) in (1, 2, 3)
    readings.forget()
    assert segments.refresh(gate, WOMEN) == 0
    assert house.do(lambda t: segments.current(t, WOMEN)).count(WOMEN) == PEOPLE - 3
    assert readings.lots == []


def test_nobody_is_read_for_a_review_that_counts_nobody(
    house: House, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of a topic we refuse, one for anybody, one counted this year, one nobody can pay for."""
    crowd(house, PEOPLE)
    gate = house.provider.gate.gate
    party = advertiser(house)
    topic = booked(house, party, WOMEN, text="Our pharmacy helps.")
    anybody, first = booked(house, party), booked(house, party, WOMEN)
    assert approve(house, topic) == approve(house, anybody) == 303
    assert (state_of(house, topic), readings.lots) == ("refused", [])
    assert approve(house, first) == 303
    readings.forget()
    estimates.prepare(gate, booked(house, party, WOMEN).campaign_id)
    estimates.prepare(gate, first.campaign_id)  # it waits no more
    monkeypatch.setattr(privacy_budget, "budget_of", lambda _: 1)
    poor = booked(house, party, {"gender": ["women"]})
    with pytest.raises(BudgetError):
        estimates.prepare(gate, poor.campaign_id)
    assert approve(house, poor) == 409
    with pytest.raises(AdError):
        estimates.prepare(gate, CampaignId("none"))
    assert (readings.lots, state_of(house, poor)) == ([], "waiting")


def test_twenty_reviews_at_once_count_nobody_who_has_said_no(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While people opt out, one after another; all are told by what is so in the end."""
    monkeypatch.setattr(segments, "BATCH", LOT)
    people, gate = crowd(house, PEOPLE), house.provider.gate.gate
    booked(house, advertiser(house), WOMEN)
    segments.make(gate)

    def work(at: int) -> None:
        if at % 2:
            opt_out(house, people[at : at + 1])
        else:
            segments.refresh(gate, WOMEN)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    assert house.do(lambda t: segments.current(t, WOMEN)).count(WOMEN) == PEOPLE - 10


@pytest.mark.parametrize("lot", [1, 4, 10])
def test_an_approval_that_is_sent_again_while_the_first_reads_reads_nobody(
    house: House, readings: Readings, monkeypatch: pytest.MonkeyPatch, lot: int
) -> None:
    """It says that people are being counted; the first one reads each once, and is the answer."""
    monkeypatch.setattr(segments, "PAUSES", (0.0, 0.0))
    crowd(house, PEOPLE)
    its = booked(house, advertiser(house), WOMEN)
    lots, real, second = count(1), OpenedAhead.wait, []

    def wait(ahead: OpenedAhead, after: str, number: int) -> None:
        if next(lots) == lot:
            second.append(answer(house, its))
        real(ahead, after, number)

    monkeypatch.setattr(OpenedAhead, "wait", wait)
    assert approve(house, its) == 303
    ((status, text),) = second
    assert status == 409
    assert COUNTING in text
    assert state_of(house, its) == "approved"
    assert sum(number for _, number in readings.lots) == PEOPLE
    assert readings.most_at_once <= LOT


def test_of_twenty_who_approve_at_once_one_reads_and_each_person_once(
    house: House, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others read that it was answered, or that people are being counted."""
    monkeypatch.setattr(segments, "FEW", 1)
    crowd(house, PEOPLE)
    its = booked(house, advertiser(house), WOMEN)

    def work(_: int) -> str:
        try:
            estimates.prepare(house.provider.gate.gate, its.campaign_id)
            return review(house, its).state
        except UpheldError as error:
            return str(error)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(work, range(20)))
    others = [each for each in answers if each != "approved"]
    assert len(others) == 19
    assert all(COUNTING in each or "reviewed already" in each for each in others)
    assert state_of(house, its) == "approved"
    assert sum(number for _, number in readings.lots) == PEOPLE
    assert readings.most_at_once <= LOT
    price = estimates.POINTS + month_prices.POINTS[periods.GROUP]
    assert house.do(lambda t: privacy_budget.spent(t.tables))[privacy_budget.PROFILE] == price


def test_a_review_reads_no_more_than_a_few_lots_by_itself(
    house: House, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody was read before, or somebody of many lots has changed since."""
    monkeypatch.setattr(segments, "FEW", 3)
    people, gate = sorted(crowd(house, PEOPLE)), house.provider.gate.gate
    its = booked(house, advertiser(house), WOMEN)
    before = house.do(lambda t: privacy_budget.spent(t.tables))
    with pytest.raises(AdError, match=COUNTING):
        review(house, its)
    segments.make(gate)
    readings.forget()
    opt_out(house, people[: 3 * LOT + 1])
    with pytest.raises(AdError, match=COUNTING):
        review(house, its)
    assert (readings.lots, state_of(house, its)) == ([], "waiting")
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == before
    segments.refresh(gate, WOMEN)
    opt_out(house, people[-2 * LOT :])
    readings.forget()
    assert review(house, its).state == "refused"
    assert len(readings.lots) in (2, 3)


@pytest.mark.usefixtures("readings")
@pytest.mark.parametrize("is_kept", [False, True])
def test_where_a_process_was_killed_while_it_counted_the_next_one_counts_a_while_later(
    open_house: Callable[..., House],
    sample: upheld.Policy,
    monkeypatch: pytest.MonkeyPatch,
    is_kept: bool,
) -> None:
    """Its row grows old; until then an approval says that people are being counted."""
    monkeypatch.setattr(segments, "PAUSES", (0.0,))
    house = open_house(sample)
    crowd(house, PEOPLE)
    its = booked(house, advertiser(house), WOMEN)

    def work(mine: House) -> None:
        estimates.prepare(mine.provider.gate.gate, its.campaign_id)

    assert ended(open_house, house, work, at=5, is_kept=is_kept) == KILLED
    status, text = answer(house, its)
    assert (status, COUNTING in text) == (409, True)
    house.clock.moved += segments.SILENT
    assert approve(house, its) == 303
    assert state_of(house, its) == "approved"


def test_a_job_leaves_what_is_made_for_a_campaign_that_was_stopped(
    house: House, readings: Readings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though no campaign waits; once it is made and counted, the job lets it go."""
    crowd(house, PEOPLE)
    gate, real = house.provider.gate.gate, OpenedAhead.wait

    def wait(ahead: OpenedAhead, after: str, number: int) -> None:
        assert segments.make(gate) == 0
        real(ahead, after, number)

    monkeypatch.setattr(OpenedAhead, "wait", wait)
    segments.make_ready(gate, WOMEN)
    assert sum(number for _, number in readings.lots) == PEOPLE
    assert segments.make(gate) == 0
    assert house.do(lambda t: t.tables.select(ad_segment)) == []
