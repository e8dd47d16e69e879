"""What advertisers read and pay, and what they cannot find out about anybody by it."""

from __future__ import annotations

import html
import random
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from math import exp
from typing import Any

import pytest

from practices.ads import (
    ENOUGH,
    WOMEN,
    advertiser,
    approved,
    booked,
    crowd,
    exactly,
    png,
    review,
)
from practices.conftest import House, send
from practices.without import without
from upheld.practice import bands, noise, privacy_budget
from upheld.practice.privacy_budget import PROFILE, BudgetError
from upheld.practices.ads import (
    ad_reports,
    campaigns,
    counts,
    estimates,
    month_prices,
    periods,
    pictures,
)
from upheld.practices.ads.ad_reports import AdTotals
from upheld.practices.ads.campaigns import AdError, Campaign
from upheld.practices.ads.estimates import Estimate
from upheld.practices.ads.tables import ad_count, ad_release, ad_share

WHY = "Why this ad"
MONTH = "2026-03"


@pytest.fixture(name="exact")
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    exactly(monkeypatch)


def live_campaign(house: House, **other: Any) -> Campaign:
    """A campaign for anybody that runs."""
    return review(house, booked(house, advertiser(house), **other))


def count_a_day(house: House, its: Campaign, *, views: int = 0, clicks: int = 0) -> None:
    """So many views and clicks on one day, which is over then."""
    house.do(lambda t: counts.add(t, its, views=views, clicks=clicks))
    house.clock.moved += timedelta(days=1)


def report(house: House) -> int:
    """Report what is over, as the job does; how many lines."""
    return ad_reports.make_all(house.provider.gate.gate)


def totals(house: House, its: Campaign) -> AdTotals:
    """What its advertiser reads of a campaign."""
    return house.do(lambda t: ad_reports.totals_of(t, its))


def budget_use(house: House) -> dict[str, int]:
    """What is spent of the privacy budget."""
    return house.do(lambda t: privacy_budget.spent(t.tables))


def estimate(house: House, criteria: bands.Criteria) -> Estimate:
    """How many people a group has, as its review asks."""
    return house.do(lambda t: estimates.estimate_of(t, criteria, actor="staff mo"))


def test_a_day_is_reported_once_and_its_exact_counts_go(house: House) -> None:
    """Asked again it reads the same, and the month is paid for once, whatever runs in it."""
    its = live_campaign(house)
    count_a_day(house, its, views=5_000, clicks=4_000)
    assert [report(house), report(house)] == [1, 0]
    assert house.do(lambda t: t.tables.select(ad_count)) == []
    before = totals(house, its)
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    pages = [agent.get("/advertiser").text for _ in range(2)]
    assert all(f">{before.days[0].views}<" in each for each in pages)
    assert agent.get("/advertiser/table").text.count("Spades") == 1
    approved(house, party=its.party)
    count_a_day(house, its)
    assert report(house) == 2
    assert totals(house, its).days[0] == before.days[0]
    assert budget_use(house) == {MONTH: 400}


def test_what_is_for_a_group_is_paid_from_what_people_told_too(house: House, exact: None) -> None:
    """Its report tells who they are, in a month after a month."""
    del exact
    crowd(house, ENOUGH)
    its = approved(house, WOMEN)
    assert its.eligible == 50
    count_a_day(house, its, views=100)
    report(house)
    assert budget_use(house) == {MONTH: 100, PROFILE: 500 + 100}


def test_a_spent_budget_says_only_that_and_no_count_is_shown(house: House) -> None:
    """Neither the exact one nor a rounded one."""
    its = live_campaign(house)
    house.do(lambda t: t.tables.delete(ad_release, "month = ?", MONTH))  # as before it was paid
    points = privacy_budget.BUDGET_POINTS - 799
    house.do(lambda t: privacy_budget.pay(t, [MONTH], points))
    count_a_day(house, its, views=4_321)
    assert report(house) == 0
    assert totals(house, its) == AdTotals([], 0, 0, 0, ad_reports.NO_MORE)
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    page = agent.get("/advertiser").text
    assert "The privacy budget for this is spent." in page
    assert "4,3" not in page
    house.do(lambda t: privacy_budget.pay(t, [PROFILE], privacy_budget.BUDGET_POINTS))
    for each in (WOMEN, {"gender": ["men"]}):
        with pytest.raises(BudgetError) as caught:
            review(house, booked(house, its.party, each))
        assert str(caught.value) == privacy_budget.SPENT


def test_without_opendp_nothing_is_counted_and_it_is_said_what_to_install(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign for a group waits, and of one that runs no number is read."""
    its = live_campaign(house)
    group = booked(house, its.party, WOMEN)
    count_a_day(house, its, views=4_321)
    monkeypatch.setattr(noise, "is_there", lambda: False)
    assert report(house) == 0  # the job is quiet: it would fail every ten minutes
    with pytest.raises(noise.NoiseError) as caught:
        house.do(ad_reports.make)
    assert "reports" in caught.value.hint
    manager = house.signed_in(house.staff("manager"), "staff")
    path = f"/staff/ads/{group.campaign_id}"
    answer = send(manager, path, {"verdict": "approve", "reason": "Fine"})
    assert answer.status_code == 409
    assert "reports" in answer.text
    assert house.do(lambda t: campaigns.require(t.tables, group.campaign_id)).state == "waiting"
    assert totals(house, its).why == ad_reports.NOT_NOW
    for page in (path, "/staff/ads", "/staff/ad-invoices", "/staff/reports"):
        assert "OpenDP is not installed" in manager.get(page).text, page
        assert "the extra `reports`" in html.unescape(manager.get(page).text)
        assert sys.prefix not in manager.get(page).text
    assert "OpenDP is not installed" in manager.get("/staff").text
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    for page in ("/advertiser", "/advertiser/invoices"):
        assert "Numbers cannot be reported at the moment" in agent.get(page).text
        assert "OpenDP" not in agent.get(page).text
    assert budget_use(house) == {MONTH: 400}  # which was paid when it began


def test_an_advertiser_pays_for_full_thousands_by_what_it_reads(house: House, exact: None) -> None:
    """Each once, on the day on which it became full, and no more than were booked."""
    del exact
    its = live_campaign(house, views_max=3_000, cents=1_250)
    for views in (999, 1, 2_500, 700):
        count_a_day(house, its, views=views, clicks=30)
    report(house)
    its_report = totals(house, its)
    assert [each.cents for each in its_report.days] == [0, 1_250, 2_500, 0]
    assert [each.views for each in its_report.days] == ["990", "fewer than 50", "2,500", "700"]
    assert (its_report.views, its_report.clicks, its_report.cents) == (4_200, 120, 3_750)
    (bill,) = house.do(lambda t: ad_reports.bills(t, MONTH))
    assert (bill.blocks, bill.cents) == (3, 3_750)
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert "3 of views" in agent.get("/advertiser").text


def test_a_campaign_ends_when_what_is_reported_has_reached_what_was_booked(
    house: House, exact: None
) -> None:
    """Not before, so that what nobody reads changes nothing that anybody sees."""
    del exact
    its = live_campaign(house, views_max=1_000, paid_by="clicks", cents=50)
    ann = house.customer()
    for clicks in (600, 600):
        count_a_day(house, its, views=5_000, clicks=clicks)
        assert WHY in house.signed_in(ann).get("/me").text
    report(house)
    house.clock.moved += timedelta(minutes=2)
    assert totals(house, its).cents == 50
    assert WHY not in house.signed_in(ann).get("/me").text


def test_somebody_counts_no_more_often_than_the_noise_is_for(house: House) -> None:
    """Twenty at once, in whichever sessions and of whichever campaigns; a new month is new."""
    ann, bo = house.customer(), house.customer("bo@marked.example")
    its = live_campaign(house)
    other = approved(house, party=its.party)

    def view(at: int) -> bool:
        return house.do(lambda t: counts.count_view(t, (its, other)[at % 2], ann))

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(view, range(20))) == counts.VIEWS_EACH
    clicks = [house.do(lambda t: counts.count_click(t, its, ann)) for _ in range(5)]
    assert clicks == [True] * counts.CLICKS_EACH + [False] * 2
    assert WHY not in house.signed_in(ann).get("/me").text
    assert WHY in house.signed_in(bo).get("/me").text
    rows = house.do(lambda t: t.tables.select(ad_share))
    assert not any(ann in each.mark for each in rows)
    house.clock.moved += timedelta(days=31)
    assert view(0)
    report(house)
    assert len(house.do(lambda t: t.tables.select(ad_share))) == 1


def test_who_objected_to_reports_sees_it_and_is_not_counted(house: House) -> None:
    """Nor is anybody where the policy lets us make none."""
    ann, its = house.customer(), live_campaign(house)
    about = {"purpose": [counts.REPORTS]}
    house.do(lambda t: t.record(ann, "objection", fact="objected", about=about))
    assert WHY in house.signed_in(ann).get("/me").text
    assert house.do(lambda t: t.tables.select(ad_count)) == []
    assert its


def test_without_the_clause_of_reports_advertisers_read_none(
    open_house: Callable[..., House],
) -> None:
    """The page says so, and a view is counted nowhere."""
    house = open_house(without("reports"))
    its = live_campaign(house)
    assert WHY in house.signed_in(house.customer()).get("/me").text
    count_a_day(house, its, views=4_321)
    assert report(house) == 0
    assert totals(house, its).why == ad_reports.NEVER
    assert {each.views for each in house.do(lambda t: t.tables.select(ad_count))} == {4_321}


def test_a_group_is_counted_once_whoever_asks_and_paid_for_even_when_refused(house: House) -> None:
    """Two companies that are one, or twenty at once, learn nothing by asking again for a year."""
    both: bands.Criteria = {"gender": ["women", "men"], "age-range": ["35-44"]}
    same: bands.Criteria = {"age-range": ["35-44", "35-44"], "gender": ["men", "women"]}
    with ThreadPoolExecutor(20) as pool:
        answers = {*pool.map(lambda at: estimate(house, (both, same)[at % 2]), range(8))}
    assert answers == {Estimate(0, 50)}
    assert budget_use(house) == {PROFILE: estimates.POINTS}
    for name in ("Pine Shop", "Oak Shop"):
        its = approved(house, same, party=advertiser(house, name))
        assert (its.state, its.reason, its.eligible) == ("refused", campaigns.TOO_SMALL, 0)
    assert budget_use(house) == {PROFILE: estimates.POINTS}
    house.clock.moved += timedelta(days=366)
    estimate(house, same)
    assert budget_use(house) == {PROFILE: 2 * estimates.POINTS}


def test_a_campaign_for_one_zip_birth_year_and_occupation_is_refused(house: House) -> None:
    """What is that narrow is on no list; the narrowest that is on it is too small, in no number."""
    party = advertiser(house)
    near = house.customer(gender="female", born="1990-02-01", zip="98225", occupation="nurse")
    assert near
    for each in ({"zip": ["98225"]}, {"birth-date": ["1990"]}, {"occupation": ["night nurse"]}):
        with pytest.raises(AdError):
            booked(house, party, each)
    occupation = bands.options("occupation")[0][0]
    its = approved(house, {**WOMEN, "zip": ["982"], "occupation": [occupation]}, party)
    assert (its.state, its.reason, its.eligible) == ("refused", campaigns.TOO_SMALL, 0)


class Seeded:
    """The same noise in each run, of the very scale that is paid for; or none."""

    def __init__(self, *, is_on: bool) -> None:
        self.source, self.is_on = random.Random(25), is_on  # noqa: S311 - the same in each run

    def add(self, numbers: Sequence[int], sensitivity: int, points: int) -> list[int]:
        """Stand in for OpenDP."""
        rate = 1 / noise.scale_of(sensitivity, points)
        return [
            each + round(self.source.expovariate(rate) - self.source.expovariate(rate))
            if self.is_on
            else each
            for each in numbers
        ]


TRIALS = 20_000


def tells(answer: Callable[[int], int], without_them: int, with_them: int, epsilon: float) -> bool:
    """Whether answers tell two audiences apart better than epsilon promises, by any threshold."""
    lower = sorted(answer(without_them) for _ in range(TRIALS))
    upper = sorted(answer(with_them) for _ in range(TRIALS))
    slack = 4 * (0.25 / TRIALS) ** 0.5 * (1 + exp(epsilon))

    def share(answers: list[int], at: int) -> float:
        return 1 - bisect_left(answers, at) / TRIALS

    values = sorted({*lower, *upper})
    steps = values[:: max(len(values) // 50, 1)]
    return any(
        share(upper, at) > exp(epsilon) * share(lower, at) + slack
        or 1 - share(lower, at) > exp(epsilon) * (1 - share(upper, at)) + slack
        for at in steps
    )


def test_two_campaigns_whose_audiences_differ_in_one_person_tell_nothing_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By estimates or by reports no more than epsilon promises; without noise they do."""
    points = month_prices.POINTS[periods.ANYBODY]

    def views(number: int) -> int:
        return ad_reports.with_noise([number], [0], points)[0][0]

    def clicks(number: int) -> int:
        return ad_reports.with_noise([0], [number], points)[1][0]

    attacks = (
        (estimates.with_noise, 199, 200, estimates.POINTS),
        (views, 100, 100 + counts.VIEWS_EACH, points // 2),
        (clicks, 10, 10 + counts.CLICKS_EACH, points // 2),
    )
    for is_on in (True, False):
        monkeypatch.setattr(noise, "add", Seeded(is_on=is_on).add)
        for answer, without_them, with_them, price in attacks:
            monkeypatch.setattr(estimates, "ROUNDED_TO", 1)
            tells_them = tells(answer, without_them, with_them, price / noise.POINTS)
            assert tells_them is not is_on, answer


def test_an_advertisers_own_log_does_not_tell_who_came_by_a_click(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It knows all others' clicks, and learns no more of one's in a month than epsilon promises."""
    points = month_prices.POINTS[periods.ANYBODY]
    others = (7, 11, 5)  # of the days on which somebody's visits stand in the log

    def left_over(theirs: int) -> int:
        """What is reported of these days, less what the log explains by others."""
        clicks = [each + (theirs > at) for at, each in enumerate(others)]
        reported = ad_reports.with_noise([0] * len(clicks), clicks, points)[1]
        return sum(reported) - sum(others)

    for is_on in (True, False):
        monkeypatch.setattr(noise, "add", Seeded(is_on=is_on).add)
        promised = (points - points // 2) / noise.POINTS
        assert tells(left_over, 0, counts.CLICKS_EACH, promised) is not is_on


def test_neither_a_view_nor_a_click_carries_a_value_of_anybody(house: House) -> None:
    """No value of the vault, no id and no session: in no header, and not in what is put in."""
    words = {"name": "Ann Marked", "gender": "female", "zip": "98225", "born": "1990-02-01"}
    ann = house.customer("ann@marked.example", **words)
    its = live_campaign(house)
    picture = pictures.read_picture(png())
    house.do(lambda t: pictures.keep(t, its.campaign_id, picture, "Two spades"))
    browser = house.signed_in(ann)
    page = browser.get("/me")
    aside = page.text[page.text.index("<aside") : page.text.index("</aside>")]
    answers = [browser.get(f"/me/ads/{its.campaign_id}/{each}") for each in ("go", "picture")]
    assert [each.status_code for each in answers] == [303, 200]
    values = {*words.values(), "ann@marked.example", str(ann), *browser.cookies.values()}
    texts = [text for each in answers for text in (each.text, str(each.headers))]
    for text in (aside, str(page.headers), *texts):
        for value in values:
            assert value not in html.unescape(text)
    assert [set(each.cookies) for each in answers] == [set(), set()]


def test_a_customer_reports_an_advertisement_and_nobody_reads_who(house: House) -> None:
    """Staff read why, once a session, and stop it or leave it; it is hidden from who reported."""
    its = live_campaign(house)
    ann = house.customer()
    browser, path = house.signed_in(ann), f"/me/ads/{its.campaign_id}"
    assert WHY in browser.get("/me").text
    assert send(browser, f"{path}/report", {"reason": "hm"}, path).status_code == 422
    answers = [send(browser, f"{path}/report", {"reason": "personal"}, path) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 303]
    assert WHY not in browser.get("/me").text
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "reported by customers" in manager.get("/staff/ads").text
    page = manager.get(f"/staff/ads/{its.campaign_id}").text
    assert "It seems to know something about me: 1" in page
    assert str(ann) not in page
    entries = [each.entry for each in house.provider.gate.gate.entries(ann)]
    assert not any(each.kind.startswith("ad.complaint") for each in entries)
    desk = f"/staff/ads/{its.campaign_id}"
    assert send(manager, f"{desk}/complaints", {}, desk).status_code == 303
    assert "reported by customers" not in manager.get("/staff/ads").text
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert "about me" not in agent.get("/advertiser").text
