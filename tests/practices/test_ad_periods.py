"""What advertisements tell is paid from the budgets of all periods of which they tell."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practices.ads import ENOUGH, advertiser, booked, crowd, exactly, review
from practices.conftest import House
from practices.test_day_counts import keep
from practices.test_report_pages import browser_of
from upheld.practice import bands, privacy_budget
from upheld.practice.privacy_budget import PROFILE, BudgetError
from upheld.practice.tables import report_budget
from upheld.practices.ads import ad_reports, campaigns, counts, page_reading, periods
from upheld.practices.ads.tables import campaign

BY_PAGES: Final = {"page-category": ["help"]}
BY_PURCHASES: Final = {"transaction-category": ["garden"]}
BY_GENDER: Final = {"gender": ["women"]}
BACK: Final = {periods.VISITORS: 30, periods.BUYERS: 365}  # days that count, as how-to/ads.md says
CRITERIA = st.sampled_from(
    [BY_GENDER, BY_PAGES, BY_PURCHASES, BY_GENDER | BY_PAGES, BY_PAGES | BY_PURCHASES]
)
DAYS = st.dates(date(2023, 1, 1), date(2030, 12, 31))


def _plainly(kind: str, days: list[date]) -> set[str]:
    """The months of what is known of a group on some days, day by day."""
    back = BACK.get(kind)
    if back is None:
        return set()
    first = min(days) - timedelta(days=back)
    return {
        (first + timedelta(days=at)).isoformat()[:7] for at in range((max(days) - first).days + 1)
    }


@given(CRITERIA, DAYS)
def test_the_size_of_a_group_is_paid_by_the_months_of_what_makes_it_up(
    criteria: bands.Criteria, day: date
) -> None:
    """And by what people told of themselves; by nothing else."""
    its = periods.periods_of_group(criteria, day)
    months = _plainly(periods.kind_of(criteria), [day])
    assert sorted(its) == sorted([*months, PROFILE])


@given(CRITERIA, DAYS)
def test_views_of_a_month_are_paid_by_it_and_by_the_months_of_the_group(
    criteria: bands.Criteria, day: date
) -> None:
    """Whichever day of the month they were on."""
    month = day.isoformat()[:7]
    days = [day.replace(day=1) + timedelta(days=at) for at in range(31)]
    of_month = [each for each in days if each.isoformat()[:7] == month]
    kind = periods.kind_of(criteria)
    its = periods.periods_of_month(month, kind)
    assert sorted(its) == sorted({month, *_plainly(kind, of_month), PROFILE})


def test_who_is_in_a_group_by_two_activities_is_paid_for_as_the_longer_one_says() -> None:
    """What is for anybody is paid by the month of its views alone."""
    kinds = [periods.kind_of(each) for each in ({}, BY_GENDER, BY_PAGES, BY_PAGES | BY_PURCHASES)]
    assert kinds == [periods.ANYBODY, periods.GROUP, periods.VISITORS, periods.BUYERS]
    assert periods.periods_of_month("2026-03", periods.ANYBODY) == ["2026-03"]


def test_an_estimate_and_reports_of_a_group_by_pages_pay_from_the_months_of_these(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one of them is spent nothing is told, and nothing is paid from the others."""
    exactly(monkeypatch)
    crowd(house, ENOUGH)
    its = booked(house, advertiser(house), BY_PAGES)
    page_reading.make(house.provider.gate.gate, page_reading.pages_by(house.provider))
    today = house.clock.today()
    before, month = (each.isoformat()[:7] for each in (today - timedelta(days=30), today))
    most = privacy_budget.BUDGET_POINTS
    house.do(lambda t: privacy_budget.pay(t, [before], most - 100))
    with pytest.raises(BudgetError):
        review(house, its)
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {before: most - 100}
    house.do(lambda t: t.tables.update(report_budget, {"points": 0}, "0 = 0"))
    assert review(house, its).state == campaigns.REFUSED  # nobody looked at such pages
    spent = house.do(lambda t: privacy_budget.spent(t.tables))
    assert spent == dict.fromkeys((before, month, PROFILE), 500)
    change = {"state": campaigns.APPROVED}
    table = "campaign_id = ?"
    house.do(lambda t: t.tables.update(campaign, change, table, its.campaign_id))
    house.do(lambda t: counts.add(t, its, views=100))
    house.clock.moved += timedelta(days=1)
    assert ad_reports.make_all(house.provider.gate.gate) == 1
    spent = house.do(lambda t: privacy_budget.spent(t.tables))
    months = periods.periods_of_month(month, periods.VISITORS)
    assert spent == {each: 500 * (each in (before, month, PROFILE)) + 100 for each in months}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_all_groups_of_a_month_share_one_price(
    house: House, order: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is shown first; of one whose looks or purchases are older, those months pay too."""
    exactly(monkeypatch)
    crowd(house, 1)
    today, company = house.clock.today(), advertiser(house)
    for at in order:
        booked(house, company, (BY_GENDER, BY_PAGES, BY_PURCHASES)[at])
        house.do(lambda t: t.tables.update(campaign, {"state": campaigns.APPROVED}, "0 = 0"))
        house.clock.moved += timedelta(days=1)
        assert ad_reports.make_all(house.provider.gate.gate) > 0
    months = periods.periods_of_month(today.isoformat()[:7], periods.BUYERS)
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == dict.fromkeys(months, 100)


def test_groups_that_differ_in_one_kind_of_page_tell_no_more_than_one_budget_lets_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever books them one by one is told that it is spent, whoever is in the last group."""
    exactly(monkeypatch)
    ann = crowd(house, 1)[0]
    browser_of(house, ann, b"hers")
    keep(house, ("/articles/1", "192.0.2.7", b"hers"), ("/help/lamps", "192.0.2.7", b"hers"))
    parties = [advertiser(house, "Pine Shop"), advertiser(house, "Oak Shop")]
    groups = [
        ["help"],
        ["articles"],
        ["articles", "help"],
        ["what we offer"],
        ["help", "what we offer"],
    ]
    its = [
        booked(house, parties[at % 2], {"page-category": each}) for at, each in enumerate(groups)
    ]
    page_reading.make(house.provider.gate.gate, page_reading.pages_by(house.provider))
    outcomes = [review(house, each) for each in its[:3]]
    assert {(each.state, each.reason, each.eligible) for each in outcomes} == {
        (campaigns.REFUSED, campaigns.TOO_SMALL, outcomes[0].eligible)
    }
    for each in its[3:]:  # the budget has room for one more, and not for its month as well
        with pytest.raises(BudgetError) as caught:
            review(house, each)
        assert (str(caught.value), caught.value.hint) == (privacy_budget.SPENT, "")
    agent = house.signed_in(house.staff(kind="agent", sign_in="pia", party=parties[0]), "agent")
    assert not re.search(r"[0-9,]+ people are in this group", agent.get("/advertiser").text)
