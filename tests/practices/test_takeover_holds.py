"""What is kept for a silent order stays here at a takeover: it neither goes nor is counted."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pyrage
import pytest

from empty import empty_database
from practices.closings import approved, lawyers_of, run_job, terms_of
from practices.conftest import House, send
from practices.orders import account_of, demand, desk_of, release, texts
from practices.orders import approved as approved_order
from practices.test_holds import apart, preserved, run_jobs, write_name
from practices.test_partner_transactions import partner, row, take
from practices.test_silence_over import drop_name
from practices.test_takeovers import transfers
from practices.test_visit_pages import record_visits, signed_in_visits, untie_path
from upheld.core.ids import UserId
from upheld.gate.erasure.erase import erase
from upheld.practices.feeds import withdrawal
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.manifest import read_archive
from upheld.practices.takeovers.parcels import read_parcel


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What goes to a successor is the same from every database."""
    return empty_database(tmp_path)


def test_a_takeover_takes_nothing_that_a_silent_order_keeps_and_that_stays_here(
    house: House, tmp_path: Path
) -> None:
    """Ann's account goes as Bo's does, who is under none, and the desk releases the rest later."""
    desk, recorder, whom = desk_of(house), record_visits(house), {}
    partner(house)
    for name in ("ann", "bo", "zed"):
        person, browser = signed_in_visits(house, recorder, f"{name}@marked.example")
        whom[name] = person
        write_name(house, person, f"{name} Marked")
        feed, _ = take(house, row(f"{name}@marked.example"), digest=name)
        if name != "bo":
            preserved(house, desk, person, silent=True)
        house.do(partial(withdrawal.withdraw, feed_id=feed.feed_id, by=UserId("u1")))
        withdrawal.take_out(house.provider.gate.gate)
        drop_name(house, person)
        path = untie_path(browser.get("/me/privacy/visits").text)
        send(browser, path, {}, "/me/privacy/visits")
    accounts = {name: account_of(house, person) for name, person in whom.items()}
    gate, lawyers = house.provider.gate.gate, lawyers_of(house)
    erase(gate, [whom["zed"]])
    others = apart(house)
    before = {each: len(gate.entries(each)) for each in others}
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    run_job(house)
    assert {each: len(gate.entries(each)) for each in others} == before
    assert [len(transfers(house, whom[each])) for each in ("ann", "bo")] == [1, 1]
    done = Handover(lawyers.closings).write(gate, closing_id, tmp_path / "all.zip", lawyers.first)
    manifest, parts = read_archive(tmp_path / "all.zip", done.digest)
    parcels = [read_parcel(pyrage.decrypt(each, [lawyers.identity])) for each in parts]
    assert {each.account for each in parcels} == {accounts["ann"], accounts["bo"]}
    assert (done.handed, manifest.accounts) == (2, 2)
    one, other = parcels
    assert one.values.keys() == other.values.keys()
    assert {f: len(v) for f, v in one.values.items()} == {
        f: len(v) for f, v in other.values.items()
    }
    for mark in ("ann Marked", "zed Marked", "A marked boat", "/about", "legal", "court"):
        assert mark not in str(parcels), mark
    for _ in range(2):
        fields = ("name", "page-request", "transaction")
        for name in ("ann", "zed"):
            wanted = demand(house, fields=fields)._replace(accounts=(accounts[name],))
            text = "\n".join(
                texts(release(house, desk, approved_order(house, desk, wanted))).values()
            )
            for mark in (f"{name} Marked", "A marked boat", "/about"):
                assert mark in text, (name, mark)
        run_jobs(house, 2)
    assert {*others} <= {*apart(house)}
