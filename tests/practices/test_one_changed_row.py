"""One row that was changed of one customer stops no job for anybody else, and tells of no hold."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices.changes import change
from practices.conftest import House
from practices.orders import desk_of
from practices.test_holds import apart, preserved
from practices.test_partner_transactions import partner, row, take
from practices.test_visit_pages import record_visits, signed_in_visits
from upheld.core.ids import PersonId, UserId
from upheld.database.transaction import reading
from upheld.gate import set_aside
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.practice.tables import partner_transaction
from upheld.practices.collection.tables import COUNTED, visit_block
from upheld.practices.feeds import feeds, withdrawal

CHANGES = {
    "a tie": "UPDATE visit_tie SET cookie = ? WHERE person_id = ?",
    "the MAC of a tie": "UPDATE visit_tie SET mac = ? WHERE person_id = ?",
    "a record": "UPDATE record SET mac = ? WHERE person_id = ?",
    "what is held": "UPDATE person SET holdings = ? WHERE person_id = ?",
    "a transaction": "UPDATE partner_transaction SET sealed = ? WHERE person_id = ?",
    "the cover": "UPDATE person SET cover = ? WHERE person_id = ?",
}
OURS = ("feeds", "partner transactions", "visits")
ORDERS = ("none", "open", "silent")
# Who is there still is on the lists of those jobs that have something to do for them.
LISTED = {
    "a transaction": ["feeds", "partner transactions"],
    "the cover": ["feeds", "partner transactions"],
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is changed is read the same way."""
    return empty_database(tmp_path)


def run_ours(house: House, days: int) -> None:
    """Run the jobs, and the gate's own, some days later: two times each."""
    gate = house.provider.gate.gate
    house.clock.moved += timedelta(days=days)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    for _ in range(2):
        for job in house.provider.jobs:
            if job.name in OURS:
                job.run(gate)
        retire(gate)


def lists(house: House) -> dict[str, list[PersonId]]:
    """Who is on the lists of the jobs, each with those."""
    jobs: dict[str, list[PersonId]] = {}
    with reading(house.provider.gate.gate.engine) as connection:
        for each in set_aside.everybody(connection):
            if each.job in OURS:
                jobs.setdefault(each.job, []).append(each.person_id)
    return dict(sorted(jobs.items()))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("is_erased", [False, True])
@pytest.mark.parametrize("what", CHANGES)
def test_one_changed_row_stops_no_job_for_others_and_tells_of_no_silent_hold(
    house: House, *, what: str, is_erased: bool, order: str
) -> None:
    """Others' rows go at the withdrawal and in time; with a silent order the lists say the same."""
    desk, recorder, gate = desk_of(house), record_visits(house), house.provider.gate.gate
    partner(house)
    ann, bo = (signed_in_visits(house, recorder, f"{n}@marked.example")[0] for n in ("ann", "bo"))
    its, _ = take(house, row("ann@marked.example"), row("bo@marked.example", "R-2"))
    if order != "none":
        preserved(house, desk, ann, silent=order == "silent")
    if is_erased:
        erase(gate, [ann])
    change(house, CHANGES[what], ann, *apart(house))
    house.do(lambda t: withdrawal.withdraw(t, its.feed_id, UserId("u1")))
    run_ours(house, 1)
    left = house.do(lambda t: t.tables.select_unchecked(partner_transaction, ["person_id"]))
    assert (bo,) not in left
    assert lists(house).keys() <= {*OURS}
    run_ours(house, 600)
    expected = [] if is_erased else LISTED.get(what, [])
    state = house.do(lambda t: feeds.require(t.tables, its.feed_id)).state
    if order == "open":  # which may be told: what waits for its end is not tried
        assert {*lists(house)} <= {*LISTED.get(what, [])}
    else:
        assert lists(house) == {job: [ann] for job in expected}
        assert (state == feeds.WITHDRAWN) == ("feeds" not in expected)
    told = house.do(lambda t: t.tables.select_unchecked(visit_block, ["visits"], COUNTED))
    assert told == []
