"""Jobs, erasures, sign-ins and visits that come at one moment: no visit is lost, or there twice."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from practices.conftest import House
from practices.test_collection import selfcheck_is_whole, visits
from practices.test_damaged_blocks import put_under_hold
from practices.test_day_counts import keep, tied
from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.retention import retire
from upheld.practices.collection.ties import tie
from upheld.web import sessions

DAYS = 4


def at_once(*work: Callable[[], object]) -> list[BaseException]:
    """Do all of it at one moment; what went wrong."""
    start, failures = threading.Barrier(len(work)), list[BaseException]()

    def do(one: Callable[[], object]) -> None:
        start.wait()
        try:
            one()
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=do, args=[each]) for each in work]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return failures


def visit(house: House, count: int) -> None:
    """Keep visits of a browser one by one."""
    now = int((house.clock.now() - BEGINNING).total_seconds())
    for number in range(count):
        line = LogLine(now, b"192.0.2.7", f"/late/v{number}".encode(), b"shared")
        assert Intake(house.provider.gate.gate).keep([line]).visits == 1


def sign_in(house: House, person: PersonId) -> None:
    """Sign in with a browser."""
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, b"shared"))


def end_hold(house: House, person: PersonId) -> None:
    """End the hold of somebody who is there for what it keeps alone."""

    def work(transaction: GateTransaction) -> None:
        desk = transaction.reaching_apart()
        for each in desk.records_of([person], ["hold"])[0]:
            desk.withdraw(person, each.record_id, ended=True)

    house.do(work)


def test_what_happens_at_one_moment_leaves_each_visit_once_or_not_at_all(house: House) -> None:
    """What a silent hold keeps is all there, until its end; of who is under none is nothing."""
    gate = house.provider.gate.gate
    ann, bo = tied(house, "ann@marked.example", b"shared"), tied(house, "bo@marked.example", b"bo")
    cy = house.customer("cy@marked.example")
    for days_ago in range(1, DAYS + 1):
        theirs = [(f"/{name}/v{days_ago}", "192.0.2.7", name) for name in ("ann", "bo")]
        cookies = {"ann": b"shared", "bo": b"bo"}
        keep(house, *[(r, ip, cookies[name]) for r, ip, name in theirs], days_ago=days_ago)
    put_under_hold(house, ann, silent=True)

    def jobs() -> None:
        for _ in range(3):
            retire(gate)
            compact(gate)

    failures = at_once(
        partial(erase, gate, [ann]),
        partial(erase, gate, [bo]),
        jobs,
        partial(sign_in, house, cy),
        partial(visit, house, 5),
    )
    assert failures == []
    routes = sorted(each.route for each in visits(house))
    assert routes == sorted(
        [f"/ann/v{each + 1}" for each in range(DAYS)] + [f"/late/v{each}" for each in range(5)]
    )
    (apart,) = house.do(lambda t: t.everybody_apart())
    end_hold(house, apart)
    house.clock.moved += timedelta(seconds=1)
    assert at_once(jobs, partial(erase, gate, [cy]), jobs) == []
    assert not {each.route for each in visits(house)} & {f"/ann/v{e + 1}" for e in range(DAYS)}
    assert selfcheck_is_whole(gate)
