"""A group that was counted long ago: what is meant for it waits until it was counted anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Final

import pytest

import upheld
from practices.ads import ENOUGH, WOMEN, advertiser, booked, crowd, exactly, review
from practices.conftest import House, send
from upheld.policy.load import load_text
from upheld.practice import privacy_budget
from upheld.practice.privacy_budget import BUDGET_POINTS, PROFILE
from upheld.practices.ads import campaigns, estimates
from upheld.practices.ads.campaigns import Campaign

WHY: Final = "Why this ad"
NUMBERS: Final = count()
YEAR: Final = timedelta(days=365)


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    exactly(monkeypatch)


def long_campaign(house: House) -> Campaign:
    """A campaign for women that runs for two years and more, approved today."""
    last = house.clock.today() + timedelta(days=800)
    its = review(house, booked(house, advertiser(house), WOMEN, last=last))
    assert its.state == campaigns.APPROVED
    return its


def now(house: House, its: Campaign) -> Campaign:
    """A campaign as it stands."""
    return house.do(lambda t: campaigns.require(t.tables, its.campaign_id))


def resume(house: House, its: Campaign) -> int:
    """Let a campaign run again on its page, as a manager; what it answers."""
    boss = house.staff("manager", sign_in=f"boss{next(NUMBERS)}")
    path = f"/staff/ads/{its.campaign_id}"
    return int(send(house.signed_in(boss, "staff"), f"{path}/resume", {}, path).status_code)


def outdated(house: House) -> int:
    """The job of that name."""
    return estimates.stop_outdated(house.provider.gate.gate)


def spent(house: House) -> int:
    """What is spent of the budget for what people told of themselves."""
    return house.do(lambda t: privacy_budget.spent(t.tables))[PROFILE]


def test_no_campaign_runs_on_a_count_that_is_more_than_a_year_old(house: House) -> None:
    """It is stopped, as its advertiser and the desk read, and counted before it runs again."""
    ann = house.customer(gender="female")
    crowd(house, ENOUGH - 1)
    anybody = review(house, booked(house, advertiser(house, "Oak Shop"), views_max=1_000))
    its = long_campaign(house)
    house.clock.moved += YEAR - timedelta(minutes=1)
    assert outdated(house) == 0
    assert its.title in house.signed_in(ann).get("/me").text
    house.clock.moved += timedelta(minutes=1)
    assert [outdated(house), outdated(house)] == [1, 0]
    assert (now(house, its).state, now(house, anybody).state) == ("stopped", "approved")
    assert WHY not in house.signed_in(ann).get("/me").text
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert f"Stopped: {campaigns.OUTDATED}" in agent.get("/advertiser").text
    manager = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    assert "its group has to be counted anew" in manager.get("/staff").text
    assert "sensitive" not in manager.get("/staff").text
    assert "it stays stopped if too few" in manager.get(f"/staff/ads/{its.campaign_id}").text
    before = spent(house)
    assert resume(house, its) == 303
    assert now(house, its).state == campaigns.APPROVED
    assert spent(house) == before + estimates.POINTS
    assert outdated(house) == 0
    assert WHY in house.signed_in(ann).get("/me").text


def test_a_group_that_became_too_small_stays_without_it(house: House) -> None:
    """It is counted once, however often somebody tries; the number is read by nobody."""
    people = crowd(house, ENOUGH)
    its = long_campaign(house)
    house.clock.moved += YEAR
    assert outdated(house) == 1

    def say_no() -> None:
        house.do(lambda t: t.record(people[0], "opt-out", fact="advertising-opt-out"))

    say_no()
    before = spent(house)
    for _ in range(3):
        assert resume(house, its) == 303
        assert (now(house, its).state, now(house, its).reason) == ("stopped", campaigns.TOO_SMALL)
        house.clock.moved += timedelta(minutes=1)
    assert spent(house) == before + estimates.POINTS
    manager = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    assert "counted anew" not in manager.get("/staff").text


def test_where_nobody_can_be_counted_it_stays_stopped_and_says_only_that(house: House) -> None:
    """The budget is spent by then; what nobody paid for is not counted."""
    crowd(house, ENOUGH)
    its = long_campaign(house)
    house.clock.moved += YEAR
    assert outdated(house) == 1
    rest = BUDGET_POINTS - spent(house)
    house.do(lambda t: privacy_budget.pay(t, [PROFILE], rest))
    assert resume(house, its) == 409
    assert (now(house, its).state, now(house, its).reason) == ("stopped", campaigns.OUTDATED)
    assert spent(house) == BUDGET_POINTS


def test_twenty_who_let_it_run_again_at_once_count_it_once(house: House) -> None:
    """One of them does; the others are told that it runs."""
    crowd(house, ENOUGH)
    its = long_campaign(house)
    house.clock.moved += YEAR
    assert outdated(house) == 1
    before = spent(house)

    def attempt(_: int) -> bool:
        try:
            house.do(lambda t: estimates.resume(t, its.campaign_id, actor="staff mo"))
        except campaigns.AdError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(20))) == 1
    assert spent(house) == before + estimates.POINTS


def test_what_is_over_runs_no_more_and_nobody_is_counted_for_it(house: House) -> None:
    """Stopped or waiting: the page says so instead of a button; it can still be refused."""
    crowd(house, ENOUGH)
    party = advertiser(house)
    run, wait = review(house, booked(house, party, WOMEN)), booked(house, party, WOMEN)
    anybody = booked(house, party)
    house.do(lambda t: campaigns.stop(t, run.campaign_id, reason="Rude", actor="staff mo"))
    house.clock.moved += YEAR
    before = house.do(lambda t: privacy_budget.spent(t.tables))
    assert resume(house, run) == 409
    assert now(house, run).state == campaigns.STOPPED
    browser = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    page = browser.get(f"/staff/ads/{run.campaign_id}").text
    assert "cannot run again" in page
    assert "Let it run again" not in page
    for each in (wait, anybody):
        path = f"/staff/ads/{each.campaign_id}"
        assert "cannot be approved any more" in browser.get(path).text
        answer = send(browser, path, {"verdict": "approve", "reason": "Yes"})
        assert answer.status_code == 409
        assert "The last day of this campaign is over" in answer.text
        assert now(house, each).state == campaigns.WAITING
        assert send(browser, path, {"verdict": "refuse", "reason": "Late"}).status_code == 303
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == before


def test_a_group_found_too_small_for_one_campaign_is_shown_no_other(house: House) -> None:
    """The older one is stopped, as the desk reads, and stays so without another count."""
    people = crowd(house, ENOUGH)
    its = long_campaign(house)
    house.clock.moved += YEAR
    house.do(lambda t: t.record(people[0], "opt-out", fact="advertising-opt-out"))
    other = review(house, booked(house, advertiser(house, "Elm Shop"), WOMEN))
    assert (other.state, other.reason) == (campaigns.REFUSED, campaigns.TOO_SMALL)
    assert [outdated(house), outdated(house)] == [1, 0]
    assert (now(house, its).state, now(house, its).reason) == ("stopped", campaigns.TOO_SMALL)
    browser = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    assert "was stopped: too few people would see it" in browser.get("/staff").text
    assert "a year after it was counted" in browser.get(f"/staff/ads/{its.campaign_id}").text
    before = spent(house)
    assert resume(house, its) == 303
    assert (now(house, its).state, spent(house)) == ("stopped", before)
    assert "was stopped" not in browser.get("/staff").text


def test_the_page_says_that_one_whom_somebody_stopped_is_counted_anew_and_keeps_their_reason(
    house: House,
) -> None:
    """Once its count is a year old, and not before; where too few would see it, it says that."""
    people = crowd(house, ENOUGH)
    its = long_campaign(house)
    house.do(lambda t: campaigns.stop(t, its.campaign_id, reason="Too loud", actor="staff mo"))
    browser, path = (
        house.signed_in(house.staff("manager"), "staff"),
        f"/staff/ads/{its.campaign_id}",
    )
    assert "its group is counted" not in browser.get(path).text
    house.clock.moved += YEAR
    browser = house.signed_in(house.staff("manager", sign_in="max"), "staff")
    assert "its group is counted, which the privacy budget pays for" in browser.get(path).text
    house.do(lambda t: t.record(people[0], "opt-out", fact="advertising-opt-out"))
    before = spent(house)
    assert resume(house, its) == 303
    assert (now(house, its).state, now(house, its).reason) == ("stopped", "Too loud")
    assert spent(house) == before + estimates.POINTS
    page = browser.get(path).text
    assert "Too few people would see it" in page
    assert "its group is counted, which" not in page
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert "Stopped: Too loud" in agent.get("/advertiser").text


@pytest.mark.parametrize("number", ["60", "none"])
def test_what_a_new_version_calls_too_small_is_stopped(
    house: House, sample: upheld.Policy, number: str
) -> None:
    """Whether its smallest group is larger, or it names none any more: nobody is counted for it."""
    crowd(house, ENOUGH)
    its = long_campaign(house)
    assert outdated(house) == 0
    source = sample.program.source
    if number == "none":
        source = source.replace("with minimum-group 50, ", "with ")
        source = source.replace("with minimum-group 50", "")
    else:
        source = source.replace("minimum-group 50", f"minimum-group {number}")
    gate = house.provider.gate.gate
    gate.context = gate.context.under(load_text(source))
    before = spent(house)
    assert outdated(house) == 1
    assert (now(house, its).state, now(house, its).reason) == ("stopped", campaigns.TOO_SMALL)
    assert resume(house, its) == 303
    assert (now(house, its).state, spent(house)) == ("stopped", before)
