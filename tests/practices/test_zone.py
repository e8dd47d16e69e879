"""Days are those of the provider's zone, on the calendar's hard days too."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import upheld
from empty import empty_database
from practices import bills
from practices.conftest import House, houses
from sizes import size
from upheld.core.ids import PersonId
from upheld.core.settings import SettingsError, read_settings
from upheld.gate.act.request import Act
from upheld.gate.evidence.provers import years
from upheld.gate.log.entries import after
from upheld.gate.operations.jobs import built_in

SEATTLE = ZoneInfo("America/Los_Angeles")
ZONES = ("America/Los_Angeles", "Pacific/Auckland", "Asia/Kolkata", "UTC", "Europe/Berlin")
DAYS = (  # ends of months and years, leap day, both changes of summer time, north and south
    date(2026, 3, 8),
    date(2026, 12, 31),
    date(2028, 2, 29),
    date(2026, 11, 1),
    date(2027, 1, 31),
    date(2026, 3, 29),
    date(2026, 10, 25),
    date(2026, 4, 5),
    date(2026, 9, 27),
    date(2026, 11, 28),
    date(2027, 2, 28),
    date(2026, 12, 30),
    date(2028, 3, 1),
    date(2026, 1, 1),
)
HOURS = (23, 0, 2)  # the hour that is not there, or is there twice, among them
COMBINATIONS = [(DAYS[n], ZONES[n % len(ZONES)], HOURS[n % len(HOURS)]) for n in range(len(DAYS))]
SWEPT = size("hard days on which stories run", short=4, long=len(COMBINATIONS))


@pytest.fixture(name="opening")
def _opening(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """What opens a running provider under a policy at a moment, in a zone."""
    yield from houses(empty_database(tmp_path), tmp_path)


def may_be_served(house: House, person: PersonId) -> bool:
    """Whether the policy lets somebody be served now."""
    return house.do(lambda transaction: transaction.peek(person, Act(action="serve")).allowed)


def test_a_minor_is_not_served_before_the_birthday_begins_where_the_provider_is(
    opening: Callable[..., House], sample: upheld.Policy
) -> None:
    """Eight hours after midnight in London it is still the day before in Seattle."""
    house = opening(sample, datetime(2026, 12, 1, 7, 58, tzinfo=UTC), SEATTLE)
    person = house.customer(born="2008-12-01")
    assert not may_be_served(house, person)
    house.clock.moved += timedelta(minutes=5)
    assert may_be_served(house, person)


def test_who_was_born_on_a_leap_day_comes_of_age_in_march() -> None:
    """In a year without that day it is the first of March, and in one with it the day itself."""
    born = date(2008, 2, 29)
    assert years(born, date(2026, 2, 28)) == 17
    assert years(born, date(2026, 3, 1)) == 18
    assert years(born, date(2028, 2, 28)) == 19
    assert years(born, date(2028, 2, 29)) == 20


def test_months_end_where_the_calendar_of_the_zone_ends_them() -> None:
    """A month later it is the same time of day; so many hours later it is so much later."""
    evening = datetime(2026, 2, 28, 22, tzinfo=SEATTLE)
    assert after(evening, 1, "months") == datetime(2026, 3, 28, 22, tzinfo=SEATTLE)
    before = datetime(2026, 3, 7, 22, tzinfo=SEATTLE)
    later = after(before, 24, "hours")
    assert later is not None
    assert later.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=24)
    assert later.hour == 23  # that night an hour was missing


def test_what_was_done_is_shown_by_the_clock_of_the_zone(
    opening: Callable[..., House], sample: upheld.Policy
) -> None:
    """Minutes before December in Seattle it is November there, and eight hours later in UTC."""
    house = opening(sample, datetime(2026, 12, 1, 7, 50, tzinfo=UTC), SEATTLE)
    browser = house.signed_in(house.customer())
    page_text = browser.get("/me/privacy/received").text
    assert "<h2>November 2026</h2>" in page_text
    assert '<h3 class="day" id="d-1">30 November 2026</h3>' in page_text
    times = re.findall(r"<time [^>]*>([^<]*)</time>", page_text)
    assert {each[:3] for each in times} == {"23:"}
    assert "Times are those of America/Los Angeles." in page_text
    assert browser.get("/me/privacy/received?month=2026-11").text.count("<time") == len(times)
    assert browser.get("/me/privacy/received?month=2026-12").status_code == 404
    house.clock.moved += timedelta(minutes=15)
    later_text = browser.get("/me/privacy/received").text
    assert "<h2>December 2026</h2>" in later_text
    assert "Times are those of America/Los Angeles." in later_text
    assert "30 November 2026" not in later_text


def test_an_unknown_zone_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    """It is named with the nearest zone there is, before anything starts."""
    path = tmp_path / "upheld.toml"
    path.write_text('zone = "America/Los_Angeles"\n')
    assert read_settings(path, {}).timezone == SEATTLE
    assert read_settings(None, {}).timezone is UTC
    path.write_text('zone = "America/Los_Angles"\n')
    with pytest.raises(SettingsError) as caught:
        read_settings(path, {})
    assert "`America/Los_Angeles`" in caught.value.hint


@pytest.mark.parametrize(
    ("day", "zone", "hour"), COMBINATIONS[:SWEPT], ids=lambda each: str(each).replace("/", "-")
)
def test_the_stories_hold_on_every_hard_day(
    opening: Callable[..., House], sample: upheld.Policy, day: date, zone: str, hour: int
) -> None:
    """Orders, bills, debts, ages and every job, from an awkward moment on for three months."""
    where = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, hour, 30, tzinfo=where).astimezone(UTC)
    house = opening(sample, start, where)
    today = house.clock.today()
    young = house.customer("mia@marked.example", born=f"{today.year - 18}-12-31")
    person = house.customer()
    task = bills.overdue(house, person)
    history = bills.history(house, person)
    assert task
    assert history.balance == sum(each.cents for each in history.invoices) > 0
    first = history.invoices[0]
    assert first.date <= first.due
    assert house.signed_in(person).get("/me/balance").status_code == 200
    gate = house.provider.gate.gate
    jobs = [*built_in(house.provider.settings), *house.provider.jobs]
    for _ in range(3):
        bills.later(house, 31)
        for job in jobs:
            job.run(gate)
    balance = bills.history(house, person)
    assert balance.balance == sum(each.cents for each in balance.invoices)
    turned = house.clock.today() >= date(today.year, 12, 31)
    assert may_be_served(house, young) is turned
