"""Attacks on the privacy budget of advertisements, and on the forms of whoever sees them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

import upheld
from practices.ads import ENOUGH, WOMEN, advertiser, booked, crowd, exactly, review
from practices.conftest import House, send
from upheld.demo import sample_policy
from upheld.gate.transaction import GateTransaction
from upheld.practice import privacy_budget
from upheld.practice.privacy_budget import BUDGET_POINTS, PROFILE, BudgetError
from upheld.practices.ads import ad_reports, campaigns, counts, estimates, month_prices
from upheld.practices.ads.tables import ad_complaint, ad_count, ad_estimate, ad_hide, ad_report
from upheld.practices.reports import reports
from upheld.practices.reports.questions import Question, question

WHY: Final = "Why this ad"
PINE, OAK = "Pine Shop", "Oak Shop"


class KilledError(BaseException):
    """As a process that is gone: nothing is tidied up."""


def spent(house: House) -> dict[str, int]:
    """What is spent of the privacy budget."""
    return house.do(lambda t: privacy_budget.spent(t.tables))


def by_gender(house: House) -> Question:
    """A report that tells of what people told of themselves."""
    return question("customers", "gender", "", 500, house.clock.today())


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Kill whoever writes an entry from now on."""

    def note(*_: Any, **__: Any) -> None:
        raise KilledError

    return lambda: monkeypatch.setattr(GateTransaction, "note", note)


@pytest.mark.parametrize("work", ["estimate", "report", "ask"])
def test_whoever_is_killed_between_the_budget_and_the_entry_spent_nothing(
    house: House, kill: Callable[[], None], work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is anything told: no estimate, no reported day and no report; what was counted stays."""
    its = review(house, booked(house, advertiser(house)))
    group = booked(house, its.party, WOMEN)
    house.do(lambda t: counts.add(t, its, views=100))
    house.clock.moved += timedelta(days=1)
    before = spent(house)
    kill()
    works: dict[str, Callable[[GateTransaction], object]] = {
        "estimate": lambda t: estimates.estimate_of(t, group.criteria, actor="staff mo"),
        "report": ad_reports.make,
        "ask": lambda t: reports.ask(t, by_gender(house), reports.INSIDE, actor="staff mo"),
    }
    with pytest.raises(KilledError):
        house.do(works[work])
    monkeypatch.undo()
    assert spent(house) == before
    assert house.do(lambda t: t.tables.select(ad_estimate)) == []
    assert house.do(lambda t: t.tables.select(ad_report)) == []
    assert house.do(lambda t: reports.every(t.tables)) == []
    (row,) = house.do(lambda t: t.tables.select(ad_count))
    assert row.views == 100


def test_a_report_and_campaigns_of_two_companies_share_what_is_left_of_a_budget(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twenty at once as many are paid as there is room for; the others read that it is spent."""
    exactly(monkeypatch)
    crowd(house, ENOUGH)
    parties = [advertiser(house, PINE), advertiser(house, OAK)]
    ages = ("18-24", "25-34", "35-44", "45-54", "55-64")
    house.do(lambda t: privacy_budget.pay(t, [PROFILE], BUDGET_POINTS - 1_200))

    def attack(at: int) -> str:
        try:
            if at % 2:
                house.do(
                    lambda t: reports.ask(
                        t,
                        by_gender(house),
                        (reports.INSIDE, reports.OUTSIDE)[at % 4 // 2],
                        actor="",
                    )
                )
            else:
                criteria = {"gender": ["women"], "age-range": [ages[at // 4]]}
                review(house, booked(house, parties[at // 2 % 2], criteria))
        except BudgetError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(20) as pool:
        answers = [*pool.map(attack, range(20))]
    assert {*answers} == {"", privacy_budget.SPENT}
    assert BUDGET_POINTS - 700 <= spent(house)[PROFILE] <= BUDGET_POINTS


def test_one_client_of_two_companies_reads_one_estimate_and_one_answer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whichever account it asks: what it subtracts is nothing."""
    exactly(monkeypatch)
    crowd(house, ENOUGH)
    first = review(house, booked(house, advertiser(house, PINE), WOMEN))
    before = spent(house)
    people = crowd(house, 1)
    second = review(house, booked(house, advertiser(house, OAK), WOMEN))
    assert (first.eligible, first.state) == (second.eligible, second.state)
    assert spent(house) == before
    assert people


FORMS: Final = ("hide", "report")


@pytest.mark.parametrize("form", FORMS)
def test_no_page_of_another_origin_and_no_look_ahead_hides_or_reports_anything(
    house: House, form: str
) -> None:
    """Nor does a form without its token, or a request for the headers of a page."""
    its = review(house, booked(house, advertiser(house)))
    browser = house.signed_in(house.customer())
    assert WHY in browser.get("/me").text
    path, words = f"/me/ads/{its.campaign_id}/{form}", {"reason": "personal"}
    away = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answers = [
        browser.post(path, data=words),
        browser.post(path, data=words, headers=away),
        browser.head(path),
        browser.get(path),
        browser.post("/me/ads/hidden", headers=away),
    ]
    assert [each.status_code for each in answers] == [403, 403, 405, 405, 403]
    assert house.do(lambda t: [*t.tables.select(ad_hide), *t.tables.select(ad_complaint)]) == []
    page = f"/me/ads/{its.campaign_id}"
    for method in (browser.head, browser.get):
        assert method(page).status_code == 200
    (row,) = house.do(lambda t: t.tables.select(ad_count))
    assert (row.views, row.clicks) == (1, 0)
    assert send(browser, path, words, page).status_code == 303


VANCOUVER: Final = ZoneInfo("America/Vancouver")


@pytest.mark.parametrize(
    ("start", "day"),
    [
        (datetime(2028, 3, 1, 7, 30, tzinfo=UTC), "2028-02-29"),  # a leap day, still there
        (datetime(2026, 4, 1, 6, 30, tzinfo=UTC), "2026-03-31"),  # the last of a month
        (datetime(2027, 1, 1, 7, 59, tzinfo=UTC), "2026-12-31"),  # and of a year
    ],
)
def test_days_and_months_are_those_of_where_the_provider_is(
    open_house: Callable[..., House], start: datetime, day: str
) -> None:
    """A view is of the day there, and the month there pays for it; the next one an hour later."""
    house = open_house(upheld.load(sample_policy()), start, VANCOUVER)
    party = advertiser(house)
    last = house.clock.today() + timedelta(days=40)
    its = review(house, booked(house, party, last=last))
    ann = house.customer()
    assert house.do(lambda t: counts.count_view(t, its, ann))
    assert [each.day for each in house.do(lambda t: t.tables.select(ad_count))] == [day]
    assert spent(house) == {day[:7]: 400}
    house.clock.moved += timedelta(hours=1)
    following = house.clock.today().isoformat()
    assert following.endswith("-01")
    assert house.do(lambda t: month_prices.kinds_to_show(t, ["anybody"])) == {"anybody"}
    assert spent(house) == {day[:7]: 400, following[:7]: 400}
    assert ad_reports.make_all(house.provider.gate.gate) == 1
    (row,) = house.do(lambda t: t.tables.select(ad_report))
    assert (row.day, house.do(lambda t: t.tables.select(ad_count))) == (day, [])
    house.clock.moved += timedelta(days=41)
    assert not house.do(lambda t: campaigns.unfinished(t.tables, t.clock.now()))
