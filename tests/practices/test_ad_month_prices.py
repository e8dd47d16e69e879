"""Nothing is shown whose month the privacy budget cannot pay for: it could not be charged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Final

import pytest

from practices.ads import ENOUGH, WOMEN, advertiser, booked, crowd, exactly, review
from practices.conftest import House, send
from upheld.core.ids import PersonId
from upheld.practice import noise, parties, privacy_budget
from upheld.practice.privacy_budget import BUDGET_POINTS, PROFILE, BudgetError
from upheld.practices.ads import ad_reports, campaigns, counts, estimates, month_prices
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.tables import ad_count, ad_estimate, ad_release, campaign

WHY: Final = "Why this ad"
HELD_BACK: Final = "Not shown now: the privacy budget for this is spent"
MONTH, NEXT = "2026-03", "2026-04"


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    exactly(monkeypatch)


def spend(house: House, period: str, *, left: int) -> None:
    """Spend the budget of a period but for so many points."""

    def work_of(points: int) -> None:
        house.do(lambda t: privacy_budget.pay(t, [period], points))

    before = house.do(lambda t: privacy_budget.spent(t.tables)).get(period, 0)
    work_of(BUDGET_POINTS - before - left)


def woman(house: House) -> PersonId:
    """Somebody for whom the campaigns of these tests are meant."""
    crowd(house, ENOUGH)
    return house.customer(**{"birth-date": "1990-02-01", "gender": "female"})


def long_one(house: House) -> Campaign:
    """A campaign for women that runs for two months."""
    last = house.clock.today() + timedelta(days=60)
    return review(house, booked(house, advertiser(house), WOMEN, last=last))


def to_next_month(house: House) -> None:
    """Let the first of the next month come."""
    while house.clock.today().isoformat()[:7] == MONTH:
        house.clock.moved += timedelta(days=1)


def test_a_group_whose_month_cannot_be_paid_is_not_shown_and_both_sides_read_only_that(
    house: House,
) -> None:
    """It is neither counted nor charged; what is for anybody goes on beside it."""
    ann, its = woman(house), long_one(house)
    assert WHY in house.signed_in(ann).get("/me").text
    to_next_month(house)
    spend(house, PROFILE, left=99)
    browser = house.signed_in(ann)
    assert WHY not in browser.get("/me").text
    rows = house.do(lambda t: t.tables.select(ad_count))
    assert {each.day[:7] for each in rows} <= {MONTH}
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    manager = house.signed_in(house.staff("manager"), "staff")
    for page in (
        agent.get("/advertiser"),
        manager.get("/staff/ads"),
        manager.get(f"/staff/ads/{its.campaign_id}"),
    ):
        assert HELD_BACK in page.text
    other = booked(house, its.party, {}, title="Rakes")
    assert review(house, other).state == campaigns.APPROVED
    house.clock.moved += timedelta(minutes=2)
    assert "Rakes" in browser.get("/me").text
    assert manager.get("/staff/ads").text.count(HELD_BACK) == 1


def test_what_cannot_be_paid_for_is_not_let_run_and_nobody_is_counted_for_it(
    house: House,
) -> None:
    """It waits as it did, is asked again as often as somebody likes, and tells nothing by that."""
    woman(house)
    its = booked(house, advertiser(house), WOMEN)
    spend(house, PROFILE, left=estimates.POINTS + month_prices.POINTS["group"] - 1)
    before = house.do(lambda t: privacy_budget.spent(t.tables))
    manager = house.signed_in(house.staff("manager"), "staff")
    answers = [
        send(manager, f"/staff/ads/{its.campaign_id}", {"verdict": "approve", "reason": "Fine"})
        for _ in range(3)
    ]
    assert [each.status_code for each in answers] == [409] * 3
    assert all("The privacy budget for this is spent." in each.text for each in answers)
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == before
    assert house.do(lambda t: t.tables.select(ad_estimate)) == []
    assert house.do(lambda t: campaigns.require(t.tables, its.campaign_id)).state == "waiting"


def test_what_is_for_anybody_is_not_let_run_either_where_its_month_is_spent(house: House) -> None:
    """Unless it begins in a month that is not."""
    party, first = advertiser(house), house.clock.today() + timedelta(days=40)
    spend(house, MONTH, left=399)
    with pytest.raises(BudgetError):
        review(house, booked(house, party))
    later = review(house, booked(house, party, first=first, last=first))
    assert later.state == campaigns.APPROVED
    assert house.do(lambda t: t.tables.select(ad_release)) == []  # its own month pays for it


def test_twenty_pages_at_once_pay_for_a_month_once(house: House) -> None:
    """As the job does, which pays for what runs though nobody looks."""
    its = long_one_for_anybody(house)
    to_next_month(house)
    with ThreadPoolExecutor(20) as pool:
        paid = [
            *pool.map(
                lambda _: house.do(lambda t: month_prices.kinds_to_show(t, ["anybody"])), range(20)
            )
        ]
    assert paid == [{"anybody"}] * 20
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {MONTH: 400, NEXT: 400}
    assert its


def test_the_job_pays_for_what_runs_though_nobody_looks_at_it(house: House) -> None:
    """So that what is spent tells of no visit."""
    its = long_one_for_anybody(house)
    to_next_month(house)
    ad_reports.make_all(house.provider.gate.gate)
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {MONTH: 400, NEXT: 400}
    assert its


def long_one_for_anybody(house: House) -> Campaign:
    """A campaign for anybody that runs for two months."""
    last = house.clock.today() + timedelta(days=60)
    return review(house, booked(house, advertiser(house), {}, last=last))


def test_a_month_of_what_was_stopped_before_it_came_costs_nothing(house: House) -> None:
    """Nor one of a company that is no advertiser any more, on a page or for the job."""
    ann, its = woman(house), long_one(house)
    house.do(lambda t: campaigns.stop(t, its.campaign_id, reason="It misleads", actor="staff mo"))
    last, former = house.clock.today() + timedelta(days=60), advertiser(house, "Rake Shop")
    review(house, booked(house, former, {}, last=last))
    house.do(lambda t: parties.end(t, former, actor="staff mo"))
    before = house.do(lambda t: privacy_budget.spent(t.tables))
    to_next_month(house)
    assert WHY not in house.signed_in(ann).get("/me").text
    house.clock.moved += timedelta(days=3)
    ad_reports.make_all(house.provider.gate.gate)
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == before
    stopped = house.do(lambda t: campaigns.require(t.tables, its.campaign_id))
    read = house.do(lambda t: ad_reports.totals_of(t, stopped))
    assert {each.day[:7] for each in read.days} == {MONTH}
    assert not read.why


def test_one_that_runs_again_pays_for_no_month_in_which_it_was_stopped(house: House) -> None:
    """Nor does its advertiser read that anything of those months is missing."""
    its = long_one_for_anybody(house)
    house.do(lambda t: campaigns.stop(t, its.campaign_id, reason="It misleads", actor="staff mo"))
    house.clock.moved += timedelta(days=58)
    house.do(lambda t: campaigns.resume(t, its.campaign_id, actor="staff mo"))
    ad_reports.make_all(house.provider.gate.gate)
    months = {each.month for each in house.do(lambda t: t.tables.select(ad_release))}
    assert months == {MONTH, house.clock.today().isoformat()[:7]}
    its = house.do(lambda t: campaigns.require(t.tables, its.campaign_id))
    assert not house.do(lambda t: ad_reports.totals_of(t, its)).why


def test_a_click_on_what_a_page_showed_in_the_month_before_is_not_kept_where_this_one_is_spent(
    house: House,
) -> None:
    """Nor one on what has ended since: nobody could be charged for it, and its count would stay."""
    ann, its = woman(house), long_one_for_anybody(house)
    while (house.clock.now() + timedelta(minutes=9)).isoformat()[:7] == MONTH:
        house.clock.moved += timedelta(minutes=9)
    browser = house.signed_in(ann)
    assert WHY in browser.get("/me").text
    spend(house, NEXT, left=399)
    house.clock.moved += timedelta(minutes=9)
    there = {"sec-fetch-site": "same-origin"}
    answer = browser.get(f"/me/ads/{its.campaign_id}/go", headers=there)
    assert answer.headers["location"] == its.address
    assert {each.day[:7] for each in house.do(lambda t: t.tables.select(ad_count))} == {MONTH}
    house.do(lambda t: counts.add(t, its, clicks=1))  # as it was kept before
    house.clock.moved += timedelta(days=2)
    ad_reports.make_all(house.provider.gate.gate)
    assert house.do(lambda t: t.tables.select(ad_count)) == []


def test_days_on_which_it_was_stopped_are_neither_told_nor_charged(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Noise alone would be: nobody saw it then, and everybody knows that nobody did."""
    its = long_one_for_anybody(house)
    booked_for = house.clock.today()
    monkeypatch.setattr(noise, "add", lambda numbers, *_: [each + 5_000 for each in numbers])
    for day in range(1, 9):
        if day == 2:  # in the course of a day, as it is let run again
            house.do(
                lambda t: campaigns.stop(t, its.campaign_id, reason="It misleads", actor="staff mo")
            )
        elif day == 6:
            house.do(lambda t: campaigns.resume(t, its.campaign_id, actor="staff mo"))
        house.clock.moved += timedelta(days=1)
        ad_reports.make_all(house.provider.gate.gate)
    its = house.do(lambda t: campaigns.require(t.tables, its.campaign_id))
    read = house.do(lambda t: ad_reports.totals_of(t, its))
    told = [(date.fromisoformat(each.day) - booked_for).days + 1 for each in read.days]
    assert (told, read.why) == ([1, 2, 6, 7, 8], "")


def test_of_one_that_was_stopped_before_this_was_written_down_no_day_is_told(house: House) -> None:
    """And it runs again from the day on which somebody lets it."""
    its = long_one_for_anybody(house)
    house.do(lambda t: campaigns.stop(t, its.campaign_id, reason="It misleads", actor="staff mo"))
    house.do(
        lambda t: t.tables.update(campaign, {"stops": None}, "campaign_id = ?", its.campaign_id)
    )
    house.clock.moved += timedelta(days=4)
    assert ad_reports.make_all(house.provider.gate.gate) == 0
    house.do(lambda t: campaigns.resume(t, its.campaign_id, actor="staff mo"))
    house.clock.moved += timedelta(days=1)
    assert ad_reports.make_all(house.provider.gate.gate) == 2  # its first day, and its last one
