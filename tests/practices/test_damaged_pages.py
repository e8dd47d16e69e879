"""A damaged block of visits, or a damaged key of a day, hides nothing but what is in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from practices.conftest import House, send
from practices.test_damaged_blocks import flip, lose_key
from practices.test_day_counts import keep
from practices.test_report_pages import browser_of
from practices.test_reports import MONTH
from practices.test_visit_pages import record_visits
from upheld.core.ids import PersonId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.page_months import month_of_pages, recent_pages
from upheld.practices.reports import reports

DAMAGES: dict[str, Callable[[House, int], object]] = {"block": flip, "key": lose_key}


def looked(house: House, what: str) -> PersonId:
    """Somebody who looked at a page of help on a day that is damaged, and at offers on another."""
    ann = house.customer("ann@marked.example")
    browser_of(house, ann, b"c1")
    keep(house, ("/help", "192.0.2.7", b"c1"), days_ago=20)
    keep(house, ("/plans", "192.0.2.7", b"c1"), days_ago=19)
    DAMAGES[what](house, 20)
    return ann


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("what", [*DAMAGES])
def test_what_people_looked_at_on_other_days_is_read(
    house: House, what: str, in_order: bool
) -> None:
    """For reports and for advertisements, before the days are put in order and after."""
    ann, gate = looked(house, what), house.provider.gate.gate
    if in_order:
        compact(gate)
    assert month_of_pages(gate, MONTH) == {ann: {"offers"}}
    since = (house.clock.today() - timedelta(days=30)).isoformat()
    assert {person: [*groups] for person, groups in recent_pages(gate, since).items()} == {
        ann: ["offers"]
    }


@pytest.mark.parametrize("what", [*DAMAGES])
def test_a_report_that_was_paid_for_is_answered(house: House, what: str) -> None:
    """At once."""
    looked(house, what)
    analyst = house.signed_in(house.staff("analyst"), "staff")
    form = {"template": "pages", "split": "", "month": MONTH, "points": "500"}
    answer = send(analyst, "/staff/reports", form)
    assert answer.status_code == 303
    assert "being counted" not in analyst.get(answer.headers["location"]).text
    assert reports.complete_all(house.provider.gate.gate, reports.pages_by(house.provider)) == 0


@pytest.mark.parametrize("what", [*DAMAGES])
def test_what_can_be_read_of_a_day_is_counted_and_the_rest_is_told_of(
    house: House, what: str
) -> None:
    """At the desk; the page of a day that is whole says nothing of it."""
    for _ in range(21):
        keep(house, ("/marked", "192.0.2.7", b""), days_ago=1)
        keep(house, ("/whole", "192.0.2.7", b""), days_ago=2)
    DAMAGES[what](house, 1)
    desk = house.signed_in(house.staff("privacy"), "staff")
    page = desk.get("/staff/visits/day")
    assert page.status_code == 200
    assert "is damaged and cannot be read" in page.text
    assert ("/marked" in page.text) is (what == "block")
    other = (house.clock.today() - timedelta(days=2)).isoformat()
    text = desk.get(f"/staff/visits/day?on={other}").text
    assert "/whole" in text
    assert "damaged" not in text


def test_who_signs_in_beside_somebody_whose_tie_is_damaged_is_tied(house: House) -> None:
    """And the visits of both are kept."""
    recorder = record_visits(house)
    ann, bo = (house.customer(f"{name}@marked.example") for name in ("ann", "bo"))
    for each in (ann, bo):
        browser_of(house, each, each.encode()[:16])
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, "UPDATE visit_tie SET at = at + 1 WHERE person_id = ?", ann)
    for each in (ann, bo):
        browser = house.signed_in(each)
        browser.cookies.set("visitor", "another-cookie-of-" + each[:8])
        browser.get("/about")
    assert recorder.keep() == 2
    with reading(house.provider.gate.gate.engine) as connection:
        ties = rows(connection, "SELECT person_id FROM visit_tie ORDER BY at")
    assert [person for (person,) in ties].count(bo) == 2
