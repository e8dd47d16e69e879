"""A row that ties somebody to a browser, and was changed, stops nothing of anybody."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from empty import empty_database
from practices.changes import change
from practices.conftest import House
from practices.orders import desk_of
from practices.test_collection import visits
from practices.test_compaction import keep_many
from practices.test_damaged_blocks import put_under_hold
from practices.test_day_counts import keep, tied
from practices.test_holds import apart, preserved
from practices.test_visit_pages import cookie_of, record_visits, signed_in_visits
from upheld.core.ids import PersonId
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure.erase import erase
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import holds_of
from upheld.practices.collection.page_months import month_of_pages
from upheld.practices.collection.retention import retire
from upheld.practices.collection.ties import STORE, people_on_hold

CHANGES = {
    "the MAC of a tie": "UPDATE visit_tie SET mac = ? WHERE person_id = ?",
    "the cookie of a tie": "UPDATE visit_tie SET cookie = ? WHERE person_id = ?",
    "a record": "UPDATE record SET mac = ? WHERE person_id = ?",
    "the cover": "UPDATE person SET cover = ? WHERE person_id = ?",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is changed is read the same way."""
    return empty_database(tmp_path)


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("erased", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_what_was_changed_of_one_keeps_no_others_visits_from_going_in_time(
    house: House, *, silent: bool, erased: bool, what: str
) -> None:
    """With a silent order as without; what still opens is kept for it, and nothing else."""
    desk, recorder = desk_of(house), record_visits(house)
    ann, bo = (signed_in_visits(house, recorder, f"{n}@marked.example")[0] for n in ("ann", "bo"))
    if silent:
        preserved(house, desk, ann, silent=True)
    gate = house.provider.gate.gate
    if erased:
        erase(gate, [ann])
    change(house, CHANGES[what], *(apart(house) if erased else [ann]))
    there = len(visits(house))
    retire(gate)
    assert len(visits(house)) == there
    house.clock.moved += timedelta(days=600)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    retire(gate)
    # What may be theirs stays; and nobody can say that no hold was taken away.
    stays = silent or (what == "the cover" and not erased)
    assert len(visits(house)) == (2 if stays else 0)
    erase(gate, [bo])


@pytest.mark.parametrize("what", ["the MAC of a tie", "the cookie of a tie"])
@pytest.mark.parametrize("silent", [False, True])
def test_whoever_has_a_changed_tie_is_erased_and_so_is_who_shares_the_browser(
    house: House, *, silent: bool, what: str
) -> None:
    """The visits go of whom a cookie opens; where it does not, they are nobody's."""
    desk, recorder = desk_of(house), record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    bo = house.customer("bo@marked.example")
    other = house.signed_in(bo)
    other.cookies.set("visitor", cookie_of(browser))
    other.get("/ledger/verify")
    recorder.keep()
    if silent:
        preserved(house, desk, ann, silent=True)
    change(house, CHANGES[what], ann)
    gate = house.provider.gate.gate
    assert erase(gate, [bo])
    assert erase(gate, [ann])
    left = [each.route for each in visits(house) if each.token]
    assert bool(left) == (silent and what == "the MAC of a tie")


def test_pages_and_counts_are_there_for_whoever_has_a_changed_tie_and_for_others(
    house: House,
) -> None:
    """Their own page says that something is damaged; a day, and groups of pages, are counted."""
    recorder = record_visits(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    bo, other = signed_in_visits(house, recorder, "bo@marked.example")
    change(house, CHANGES["the cookie of a tie"], ann)
    manager = house.signed_in(house.staff("manager"), "staff")
    day = house.clock.today()
    assert manager.get(f"/staff/visits/day?on={day.isoformat()}").status_code == HTTPStatus.OK
    gate = house.provider.gate.gate
    groups = month_of_pages(gate, day.isoformat()[:7])
    assert [*groups] == [bo]
    damaged = "Some of what was kept in these days is damaged"
    for each in (browser, other):
        page = each.get("/me/privacy/visits")
        assert page.status_code == HTTPStatus.OK
        assert (damaged in page.text) == (each is browser)
    problems = "\n".join(selfcheck(gate.engine, gate.context.keyring).problems)
    assert "visit_tie" in problems
    assert ann in problems


@pytest.mark.parametrize("silent", [False, True])
def test_a_hold_whose_record_was_taken_away_keeps_visits_as_one_that_was_changed(
    house: House, *, silent: bool
) -> None:
    """In time, and where a browser is untied of others: nobody can say that it is over."""
    gate = house.provider.gate.gate
    ann, bo = (tied(house, f"{n}@marked.example", c) for n, c in (("ann", b"c1"), ("bo", b"c2")))
    keep_many(house, 1, 2, days_ago=2)
    put_under_hold(house, ann, silent=silent)
    with writing(gate.engine) as connection:
        run(connection, "DELETE FROM record WHERE person_id = ? AND kind = 'hold'", ann)

    def both(transaction: Transaction) -> tuple[list[PersonId], list[PersonId]]:
        one_by_one = [each for each in (ann, bo) if any(holds_of(transaction, each, STORE))]
        return people_on_hold(transaction, [ann, bo]), one_by_one

    assert house.do(both) == ([ann], [ann])
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    retire(gate)
    assert [each.route for each in visits(house)] == ["/p1"]
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM visit_block WHERE apart IS NULL") == []


@pytest.mark.parametrize("of_others", [False, True])
@pytest.mark.parametrize("silent", [False, True])
def test_what_is_apart_stays_beyond_its_time_while_it_cannot_be_told_whose(
    house: House, *, silent: bool, of_others: bool
) -> None:
    """Also beside what is kept for others; with the hold it goes, and the key of its day."""
    gate = house.provider.gate.gate
    people = [tied(house, f"{n}@marked.example", n.encode()) for n in ("ann", "bo")]
    some = people if of_others else people[:1]
    keep(house, *[(f"/{n}", "192.0.2.7", n.encode()) for n in ("ann", "bo")], days_ago=2)
    for each in some:
        put_under_hold(house, each, silent=silent)
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    retire(gate)
    before = sorted(visits(house))
    assert [each.route for each in before] == ["/ann", "/bo"][: len(some)]
    with reading(gate.engine) as connection:
        ((raw,),) = rows(connection, "SELECT cookie FROM visit_tie WHERE person_id = ?", some[0])
    change(house, CHANGES["the cookie of a tie"], some[0])
    for _ in range(2):
        retire(gate)
    assert sorted(visits(house)) == before
    with writing(gate.engine) as connection:
        run(connection, "UPDATE visit_tie SET cookie = ? WHERE person_id = ?", raw, some[0])
    retire(gate)
    assert sorted(visits(house)) == before
    for record in house.do(lambda t: t.records_of(some, ["hold"]))[0]:
        gate.withdraw(record.person_id, record.record_id, ended=True)
    retire(gate)
    with reading(gate.engine) as connection:
        for table in ("visit_block", "visit_day"):
            assert rows(connection, f"SELECT day FROM {table}") == []
