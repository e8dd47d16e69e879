"""What is kept for a silent order stays here at a takeover: it neither goes nor is counted."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pyrage
import pytest

import upheld
from empty import empty_database
from practices.closings import Lawyers, approved, lawyers_of, run_job, successor_of, terms_of
from practices.conftest import House, send
from practices.orders import account_of, demand, desk_of, release, texts
from practices.orders import approved as approved_order
from practices.test_holds import apart, preserved, run_jobs, write_name
from practices.test_partner_transactions import partner, row, take
from practices.test_silence_over import drop_name
from practices.test_silent_months import close_account
from practices.test_takeovers import transfers
from practices.test_visit_pages import record_visits, signed_in_visits, untie_path
from practices.twins import MADE_UP, Copies, Twin, copies_of, in_both
from sizes import size
from upheld.core.ids import UserId
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import Transaction
from upheld.practices.feeds import withdrawal
from upheld.practices.rights import requests
from upheld.practices.takeovers.closings import Closings
from upheld.practices.takeovers.handover import Handover
from upheld.practices.takeovers.manifest import read_archive
from upheld.practices.takeovers.parcels import read_parcel

DAYS = [1, 450, 250, 750][: size("ages at which twins under silent orders go", short=2, long=4)]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What goes to a successor is the same from every database."""
    return empty_database(tmp_path)


@pytest.fixture
def twins(house: House, sample: upheld.Policy, tmp_path: Path) -> Iterator[Copies]:
    """Two copies of a world: in the second, silent orders are over Ann and a child for years."""
    yield from copies_of(house, sample, tmp_path, days=1500)


def take_back(twin: Twin) -> None:
    """Let Ann want no erasure any more, so that her account goes."""
    ann = twin.world.ann

    def work(transaction: Transaction) -> None:
        for each in requests.requests_of(transaction.tables, ann):
            requests.revoke(transaction, each)

    twin.world.house.do(work)


def handed_over(twin: Twin) -> tuple[int, list[str]]:
    """How many accounts a merger takes, and each, but for what is made up."""
    house, path = twin.world.house, twin.folder / "all.zip"
    first, second = (house.staff("counsel", sign_in=each) for each in ("quin", "rae"))
    party, identity = successor_of(house, "Birch Harbor")
    lawyers = Lawyers(first, second, party, Closings(house.provider), identity)
    closing_id = approved(house, lawyers, terms_of(house, lawyers)).closing_id
    run_job(house)
    done = Handover(lawyers.closings).write(twin.gate.gate, closing_id, path, lawyers.first)
    manifest, parts = read_archive(path, done.digest)
    parcels = [read_parcel(pyrage.decrypt(each, [lawyers.identity])) for each in parts]
    lines = [
        MADE_UP.sub("…", msgspec.json.encode(msgspec.structs.replace(each, entry=0)).decode())
        for each in parcels
    ]
    return manifest.accounts, lines


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_takeover_takes_the_same_where_an_order_is_silent(
    twins: Copies, monkeypatch: pytest.MonkeyPatch, days: int, closed: bool
) -> None:
    """Of as many accounts the same lines, whatever has gone openly since."""
    in_both(0, monkeypatch, twins.both, take_back)
    if closed:
        in_both(1, monkeypatch, twins.both, close_account)
    in_both(2, monkeypatch, twins.both, partial(Twin.pass_days, days=days))
    plain, silent = in_both(3, monkeypatch, twins.both, handed_over)
    assert plain[0] == silent[0] == len(plain[1])
    assert plain[1] == silent[1]
    assert any("/about" in each for each in plain[1]) is (days < 400)


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
