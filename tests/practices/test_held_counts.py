"""What a hold alone keeps is in no count: a number that stays, or is one too many, would tell."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.conftest import House, send
from practices.test_collection import visits
from practices.test_day_counts import counted, keep, tied
from practices.test_holds import Held
from practices.test_visit_pages import untie_path
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire as retire_values
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.page_months import month_of_pages
from upheld.practices.collection.public_lines import intake_lines
from upheld.practices.collection.retention import retire
from upheld.practices.collection.stock import visit_stock
from upheld.practices.collection.stock_page import value_stock


def hold(house: House, person: PersonId) -> None:
    """The law has us keep what we hold of somebody."""
    house.do(lambda t: t.record(person, "hold", fact="legal-hold"))


def told(house: House) -> tuple[object, ...]:
    """All that pages count of visits that are kept."""
    stock = visit_stock(house.provider.gate.gate)
    lines = house.do(intake_lines)
    return stock, [each.oldest for each in lines]


def test_visits_whose_time_is_over_are_counted_until_the_job_ran_and_not_after(
    house: House,
) -> None:
    """Whether a hold keeps some of them or not, the numbers say that nothing is left."""
    gate = house.provider.gate.gate
    before = told(house)
    ann = tied(house, "ann@marked.example", b"ann")
    keep(house, ("/a", "192.0.2.7", b"ann"), ("/b", "192.0.2.7", b"other"))
    keep(house, ("/c", "192.0.2.7", b"ann"), days_ago=2)
    hold(house, ann)
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    due = visit_stock(gate)
    assert (due.total, due.goes_now, due.goes) == (3, 3, [])
    retire(gate)
    assert told(house) == before
    assert sorted(each.route for each in visits(house)) == ["/a", "/c"]
    compact(gate)
    assert retire(gate) == 0
    assert told(house) == before


def test_no_report_tells_of_a_month_of_which_a_hold_alone_keeps_visits(house: House) -> None:
    """Nor in the hours before the job has run."""
    gate = house.provider.gate.gate
    ann = tied(house, "ann@marked.example", b"ann")
    keep(house, ("/help", "192.0.2.7", b"ann"), days_ago=20)
    month = (house.clock.today() - timedelta(days=20)).isoformat()[:7]
    hold(house, ann)
    assert month_of_pages(gate, month) == {ann: {"help"}}
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    assert month_of_pages(gate, month) == {}
    retire(gate)
    assert month_of_pages(gate, month) == {}


@pytest.mark.parametrize("in_order", [False, True])
def test_of_whoever_was_erased_no_visit_is_counted_whether_a_hold_keeps_it_or_not(
    house: House, in_order: bool
) -> None:
    """Those of others stay in the counts, and those that are kept for the law are there still."""
    gate = house.provider.gate.gate
    keep(house, ("/n", "192.0.2.7", b"other"))
    alone = visit_stock(gate).total, counted(house).visits
    ann, bo = (tied(house, f"{name}@marked.example", name.encode()) for name in ("ann", "bo"))
    keep(house, ("/a", "192.0.2.7", b"ann"), ("/b", "192.0.2.7", b"bo"), ("/n", "-", b"third"))
    keep(house, ("/a", "192.0.2.7", b"ann"), days_ago=3)
    if in_order:
        compact(gate)
    hold(house, ann)
    erase(gate, [ann, bo])
    counts = visit_stock(gate).total, counted(house).visits
    assert counts == tuple(each + 1 for each in alone)
    assert sorted(each.route for each in visits(house)) == ["/a", "/a", "/n", "/n"]
    compact(gate)
    assert (visit_stock(gate).total, len(visits(house))) == (2, 4)


@pytest.mark.parametrize("way", ["erased", "untied"])
def test_what_a_silent_order_keeps_is_not_counted_and_goes_with_it(house: House, way: str) -> None:
    """Of whoever was erased, and of a browser that its owner untied."""
    held = Held(house, silent=True)
    total, kept_visits = visit_stock(held.gate).total, len(visits(house))
    if way == "erased":
        erase(held.gate, [held.ann])
    else:
        path = untie_path(held.browser.get("/me/privacy/visits").text)
        send(held.browser, path, {}, "/me/privacy/visits")
    pages = {each.route for each in visits(house)}
    assert set(held.pages) <= pages
    assert visit_stock(held.gate).total == total - len(held.pages)
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    retire(held.gate)
    for job in house.provider.jobs:
        job.run(held.gate)
    assert len(visits(house)) == kept_visits - len(held.pages)


@pytest.mark.parametrize("on_hold", [False, True])
def test_no_deletion_that_a_hold_puts_off_is_among_those_that_are_due(
    house: House, on_hold: bool
) -> None:
    """Before the job and after it, the number says nothing of who is under one."""
    gate = house.provider.gate.gate
    quiet = value_stock(gate)
    person = house.customer()
    gate.store(
        person,
        {"ip-address": "192.0.2.7"},
        source="browser",
        occasion="sign-in",
        purpose="security",
    )
    later = sum(number for _, number in value_stock(gate).goes)
    assert (quiet.goes_now, quiet.goes, later) == (0, [], 1)
    if on_hold:
        hold(house, person)
    house.clock.moved += timedelta(days=20 * 365)
    gate.clock.accept()
    assert value_stock(gate).goes_now == (0 if on_hold else later)
    retire_values(gate)
    assert value_stock(gate).goes_now == 0
