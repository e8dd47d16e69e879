"""The transparency report: ranges of what is no secret, in half years that are over."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.closings import approved as closed
from practices.closings import lawyers_of, terms_of
from practices.conftest import House
from practices.orders import approved, demand, desk_of, opened
from upheld.core.errors import UpheldError
from upheld.practice.transparency import half_year, latest, transparency_report
from upheld.practices.legal.demands import INFORMAL, Demand
from upheld.practices.staff.public_transparency import HERE, READ_AGAIN


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is counted is the same on every database."""
    return empty_database(tmp_path)


def counted(house: House) -> dict[str, int]:
    """What the practices let the report count now, by kind and outcome."""
    sources = [each.transparency for each in house.provider.practices if each.transparency]
    with house.provider.gate.gate.look() as tables:
        events = [e for each in sources for e in each.events(tables, house.clock.now())]
    names = [f"{each.kind}: {each.outcome}" for each in events]
    return {name: names.count(name) for name in names}


def test_what_an_order_forbids_to_speak_of_is_counted_when_the_silence_is_over(
    house: House,
) -> None:
    """Others about the same customer wait for that too, and what is not decided is not counted."""
    ann, bo, desk = house.customer(), house.customer("bo@marked.example"), desk_of(house)
    silence = house.clock.now() + timedelta(days=90)
    approved(house, desk, demand(house, ann, kind="subpoena", silence_end=silence))
    approved(house, desk, demand(house, ann))
    approved(house, desk, demand(house, bo, kind="warrant"))
    opened(house, desk, demand(house, bo))
    assert counted(house) == {"warrant: nothing disclosed": 1}
    house.clock.moved += timedelta(days=91)
    assert counted(house) == {
        "warrant: nothing disclosed": 1,
        "court order: nothing disclosed": 1,
        "subpoena: nothing disclosed": 1,
    }


def test_the_report_tells_ranges_of_a_half_year_that_is_over_and_no_other(house: House) -> None:
    """As page, JSON and CSV; fewer than twenty looks like none, and more like no exact number."""
    desk, lawyers = desk_of(house), lawyers_of(house)
    closed(house, lawyers, terms_of(house, lawyers))
    for number in range(23):
        opened(house, desk, Demand(INFORMAL, "A sheriff <b>", f"call {number}"), b"")
    browser = house.browser()
    assert browser.get(f"{HERE}?period=2026-H1").status_code == 404
    assert browser.get(f"{HERE}?period=2026-h1%0a").status_code == 404
    assert "between" not in browser.get(HERE).text
    house.clock.moved += timedelta(days=130)
    half = latest(house.clock.today())[0]
    report = transparency_report(house.provider, half)
    lines = {each.what: each.count for each in report.lines if each.outcome == "refused"}
    assert lines["informal request"].least <= 23 <= lines["informal request"].most
    assert [str(each.count) for each in report.lines if "between" in str(each.count)] == [
        str(lines["informal request"])
    ]
    house.clock.moved += READ_AGAIN
    page = browser.get(HERE)
    assert "Merger or acquisition" in page.text
    assert str(lines["informal request"]) in page.text
    assert "sheriff" not in page.text
    assert browser.get(f"{HERE}.json?period={half.name}").json()["period"] == "2026-H1"
    assert "informal request,refused," in browser.get(f"{HERE}.csv").text
    assert HERE in browser.get("/about").text
    assert [each.count for each in transparency_report(house.provider, half).lines] == [
        each.count for each in report.lines
    ]


@pytest.mark.parametrize("name", ["2026-H2", "2026-H3", "2026", "", "2026-H1 "])
def test_there_is_no_period_but_a_half_year_that_is_over(name: str) -> None:
    """The last day of one is still in it."""
    for today in (date(2026, 6, 30), date(2026, 12, 31)):
        with pytest.raises(UpheldError) as caught:
            half_year(name, today)
        assert caught.value.code == "transparency-period"
    assert [each.name for each in latest(date(2026, 7, 1), 3)] == ["2026-H1", "2025-H2", "2025-H1"]
    assert latest(date(2026, 6, 30))[0].after == date(2026, 1, 1)
