"""An order to preserve that names kinds of data keeps these through erasures and jobs, and no more.

What else there is of whom it names goes as without it, and whatever is said of that is said as
without it. Visits are kept as rows: whole, if any of their kinds is named.
"""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from gate.test_erasure import comparable
from practices.conftest import House
from practices.orders import (
    account_of,
    approved,
    demand,
    desk_of,
    opened,
    release,
    texts,
)
from practices.routes import World
from practices.test_collection import visits
from practices.test_holds import Held, apart, preserved, rows_of, run_jobs
from practices.test_silence import desk_at
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.practices.legal.demands import PRESERVATION, LegalError

VISITS = ("page-request", "ip-network", "cookie-id")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what goes from either."""
    return empty_database(tmp_path)


def told_pages(house: House) -> list[str]:
    """The pages of visits of which it is known whose they are."""
    return sorted(each.route for each in visits(house) if each.token)


@pytest.mark.parametrize("silent", [False, True], ids=["told", "silent"])
@pytest.mark.parametrize("field", ["email", "transaction", *VISITS])
def test_after_an_erasure_what_the_order_names_is_there_and_nothing_else(
    house: House, field: str, silent: bool
) -> None:
    """Through years of jobs; a later order gets it, and of other kinds that there is nothing."""
    world = Held(house, silent=silent, fields=(field,))
    before = world.counts()
    assert min(before.values()) > 0, before
    erase(world.gate, [world.ann])
    run_jobs(house)
    after = world.counts()
    assert after["value"] == (1 if field == "email" else 0)
    assert after["partner_transaction"] == (
        before["partner_transaction"] if field == "transaction" else 0
    )
    assert told_pages(house) == (world.pages if field in VISITS else [])
    assert bool(after["visit_tie"]) is (field in VISITS)
    text = "\n".join(world.release("name", "email", "page-request", "transaction").values())
    assert ("A marked boat" in text) is (field == "transaction")
    assert ("ann@marked.example" in text) is (field == "email")
    assert "Ann Marked" not in text
    assert all((page in text) is (field in VISITS) for page in world.pages)


@pytest.mark.parametrize("silent", [False, True], ids=["told", "silent"])
def test_when_an_order_of_some_kinds_ends_what_waited_is_done(house: House, silent: bool) -> None:
    """Nothing of its person is left in any table, and no visit of theirs."""
    world = Held(house, silent=silent, fields=("email", "page-request"))
    erase(world.gate, [world.ann])
    whose = [world.ann, *apart(house)]
    which = world.order.instrument_id
    house.do(lambda t: world.desk.instruments.end(t, which, world.desk.officer))
    for job in house.provider.jobs:
        job.run(world.gate)
    retire(world.gate)
    assert {name: count for name, count in rows_of(house, *whose).items() if count} == {}
    assert told_pages(house) == []
    with pytest.raises(LegalError, match="nobody's"):
        world.release("email")


@pytest.mark.parametrize("first_silent", [False, True], ids=["told", "silent"])
@pytest.mark.parametrize("second_silent", [False, True], ids=["told", "silent"])
@pytest.mark.parametrize("ends", [0, 1])
def test_two_orders_keep_what_either_names_and_each_lets_go_of_its_own(
    house: House, first_silent: bool, second_silent: bool, ends: int
) -> None:
    """One of purchases and a value, one of visits and another value; one ends after the erasure."""
    world = Held(house, silent=first_silent, fields=("email", "transaction"))
    second = preserved(
        house, world.desk, world.ann, silent=second_silent, fields=("name", "page-request")
    )
    erase(world.gate, [world.ann])
    run_jobs(house, 1)
    assert world.counts()["value"] == 2
    assert world.counts()["partner_transaction"] > 0
    assert told_pages(house) == world.pages
    which = (world.order, second)[ends].instrument_id
    house.do(lambda t: world.desk.instruments.end(t, which, world.desk.officer))
    for _ in range(2):
        run_jobs(house, 1)
    text = "\n".join(world.release("name", "email", "page-request", "transaction").values())
    for mark, order in (
        ("ann@marked.example", 0),
        ("A marked boat", 0),
        ("Ann Marked", 1),
        *((page, 1) for page in world.pages),
    ):
        assert (mark in text) is (order != ends), mark
    assert bool(world.counts()["partner_transaction"]) is (ends != 0)
    assert told_pages(house) == (world.pages if ends != 1 else [])


def test_the_certificate_names_what_the_order_keeps_and_no_more(house: House) -> None:
    """A row of visits is kept as a whole, and named with each of its kinds."""
    world = Held(house, silent=False, fields=("email", "page-request"))
    (certificate,) = erase(world.gate, [world.ann])
    (group,) = certificate.kept
    assert group.data == ("email",)
    assert {*group.rows} == {*VISITS}
    assert group.grounds == ("legal-hold",)
    assert "name" in certificate.erased


def test_of_a_silent_order_of_some_kinds_nothing_is_told(house: House) -> None:
    """The answer to an erasure is that of somebody of whom there is none."""
    plain = house.customer("ben@marked.example")
    whom = house.customer("kim@marked.example")
    world = Held(house, silent=False)
    preserved(house, world.desk, whom, silent=True, fields=("email",))
    mine, others = (comparable(erase(world.gate, [each])[0]) for each in (whom, plain))
    assert mine == others


def test_visits_of_somebody_who_stays_go_as_without_an_order_that_does_not_name_them(
    house: House,
) -> None:
    """Once their time is over; those whom it names stay."""
    world = Held(house, silent=False, fields=("transaction",))
    house.clock.moved += timedelta(days=500)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    run_jobs(house, 1)
    assert told_pages(house) == []
    assert world.counts()["partner_transaction"] > 0


@pytest.mark.parametrize("named", [("email",), ("email", "transaction")])
def test_rows_that_a_silent_order_alone_keeps_leave_whom_a_told_one_keeps(
    house: House, named: tuple[str, ...]
) -> None:
    """What the told order names stays theirs too; the rest is there for the desk alone."""
    world = Held(house, silent=False, fields=named)
    silent = ("transaction", "page-request")
    preserved(house, world.desk, world.ann, silent=True, fields=silent)
    erase(world.gate, [world.ann])
    (kept_apart,) = apart(house)
    mine, theirs = rows_of(house, world.ann), rows_of(house, kept_apart)
    assert mine["value"] == 1
    for table in ("partner_transaction", "visit_tie"):
        assert (mine[table] > 0, theirs[table] > 0) == (table.endswith(named), True), table


@pytest.mark.parametrize("kind", ["claim", "subpoena"])
def test_what_a_claim_or_process_names_is_preserved_if_an_order_beside_it_is_approved(
    house: House, kind: str
) -> None:
    """After an erasure another claim gets it; what it does not name, and after its end it, goes."""
    desk, ann = desk_of(house), house.customer("ann@marked.example")
    account = account_of(house, ann)
    first = demand(house, ann, kind=kind, fields=("email",), preserves=True)
    which = approved(house, desk, first).preserved_by
    assert which is not None
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    order = house.do(lambda t: desk.instruments.approve(t, which, desk.second))
    assert (order.kind, order.keeps, order.ends) == (PRESERVATION, ("email",), first.ends)
    erase(house.provider.gate.gate, [ann])
    again = demand(house, kind=kind, fields=("email", "name"))._replace(accounts=(account,))
    text = "\n".join(texts(release(house, desk, approved(house, desk, again))).values())
    assert "ann@marked.example" in text
    assert "Ann" not in text
    house.do(lambda t: desk.instruments.end(t, which, desk.officer))
    retire(house.provider.gate.gate)
    with pytest.raises(LegalError, match="nobody's"):
        approved(house, desk, again)


@pytest.mark.parametrize("silent", [False, True], ids=["told", "silent"])
def test_a_demand_releases_what_the_order_beside_it_kept_of_who_was_erased_meanwhile(
    house: House, silent: bool
) -> None:
    """Of two whom it names, one of them erased: both, once and again, until that order ends."""
    desk = desk_of(house)
    ann, ben = (house.customer(f"{name}@marked.example") for name in ("ann", "ben"))
    order = demand(house, ann, ben, fields=("email",), preserves=True)
    its = approved(house, desk, order._replace(silence_end=order.ends if silent else None))
    which = its.preserved_by
    assert which is not None
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    house.do(lambda t: desk.instruments.approve(t, which, desk.second))
    erase(house.provider.gate.gate, [ann])
    assert len(house.do(lambda t: desk.instruments.people(t.tables, its.instrument_id))) == 1
    for _ in range(2):
        text = "\n".join(texts(release(house, desk, its)).values())
        assert "ann@marked.example" in text
        assert "ben@marked.example" in text
    house.do(lambda t: desk.instruments.end(t, which, desk.officer))
    retire(house.provider.gate.gate)
    text = "\n".join(texts(release(house, desk, its)).values())
    assert "ann@marked.example" not in text
    assert "ben@marked.example" in text


@pytest.mark.parametrize("two", [False, True], ids=["alone", "of two"])
def test_a_changed_row_of_the_order_beside_a_demand_is_told_of_and_not_taken_for_nothing(
    house: House, two: bool
) -> None:
    """The release says that something is missing, by the account; put back, it is complete."""
    desk, ann = desk_of(house), house.customer("ann@marked.example")
    whom = [ann, house.customer("ben@marked.example")] if two else [ann]
    its = approved(house, desk, demand(house, *whom, fields=("email",), preserves=True))
    which = its.preserved_by
    assert which is not None
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    house.do(lambda t: desk.instruments.approve(t, which, desk.second))
    erase(house.provider.gate.gate, [ann])
    where = f"instrument_id = '{which}' AND person_id = '{ann}'"

    def change(state: str) -> None:
        with writing(house.provider.gate.gate.engine) as connection:
            run(connection, f"UPDATE legal_reach SET state = ? WHERE {where}", state)

    change("named")
    if two:
        files = texts(release(house, desk, its))
        assert len(json.loads(files["manifest.json"])["accounts_missing"]) == 1
    else:
        with pytest.raises(LegalError) as caught:
            release(house, desk, its)
        assert caught.value.code == "legal-unreadable"
    change("approved")
    files = texts(release(house, desk, its))
    assert json.loads(files["manifest.json"])["accounts_missing"] == []
    assert any("ann@marked.example" in each for each in files.values())


@pytest.mark.parametrize("silent", [False, True], ids=["told", "silent"])
@pytest.mark.parametrize("other", [False, True], ids=["alone", "with another order"])
def test_a_demand_releases_nothing_of_who_was_erased_once_the_order_beside_it_has_ended(
    house: House, silent: bool, other: bool
) -> None:
    """Neither what waits for its deletion, nor what another order alone keeps."""
    desk, ann = desk_of(house), house.customer("ann@marked.example")
    order = demand(house, ann, fields=("email",), preserves=True)
    its = approved(house, desk, order._replace(silence_end=order.ends if silent else None))
    which = its.preserved_by
    assert which is not None
    house.do(lambda t: desk.instruments.check(t, which, desk.counsel))
    house.do(lambda t: desk.instruments.approve(t, which, desk.second))
    if other:
        preserved(house, desk, ann, silent=silent)
    erase(house.provider.gate.gate, [ann])
    house.do(lambda t: desk.instruments.end(t, which, desk.officer))
    for _ in range(2):
        with pytest.raises(LegalError) as caught:
            release(house, desk, its)
        assert caught.value.code == "legal-nobody"
        retire(house.provider.gate.gate)


def test_a_demand_whose_order_beside_it_keeps_nobody_says_so(house: House) -> None:
    """Where the order was not approved, or has lapsed with it."""
    desk, ann = desk_of(house), house.customer()
    its = approved(house, desk, demand(house, ann, preserves=True))
    erase(house.provider.gate.gate, [ann])
    for _ in range(2):
        with pytest.raises(LegalError) as caught:
            release(house, desk, its)
        assert caught.value.code == "legal-nobody"
        house.clock.moved += timedelta(days=31)


def test_an_order_beside_another_keeps_nothing_before_it_is_approved(house: House) -> None:
    """It is checked and approved for itself, or refused; a request without force has none."""
    desk, ann = desk_of(house), house.customer()
    assert approved(house, desk, demand(house, ann, preserves=True)).preserved_by is not None
    assert house.do(lambda t: t.drop(ann, ["email"])) == ("email",)
    informal = demand(house, kind="informal", accounts=(), fields=(), preserves=True)
    assert opened(house, desk, informal, b"").preserved_by is None


def test_an_order_for_what_is_worked_out_keeps_what_it_is_worked_out_of(house: House) -> None:
    """Its page names both; neither goes by its time, nor by a deletion."""
    world = World(house)
    ann, desk = world.ann, desk_at(world)
    order = preserved(house, desk, ann, silent=False, fields=("payment-history",))
    sources = {*order.keeps} - {"payment-history"}
    assert sources
    there = house.do(lambda t: sources & t.held_fields(ann).keys())
    assert there
    assert house.do(lambda t: t.drop(ann, sorted(there))) == ()
    erase(house.provider.gate.gate, [ann])
    run_jobs(house)
    fields = house.do(lambda t: t.held_fields(ann))
    assert {*there, "payment-history"} <= fields.keys()


def test_a_court_reads_of_an_account_in_one_place(house: House) -> None:
    """Where something of it is kept openly, and the rest apart, too."""
    world = World(house)
    ann, desk = world.ann, desk_at(world)
    account = account_of(house, ann)
    preserved(house, desk, ann, silent=True, fields=("birth-date",))
    erase(house.provider.gate.gate, [ann])
    order = demand(house, fields=("birth-date",))._replace(accounts=(account,))
    files = texts(release(house, desk, approved(house, desk, order)))
    (page,) = [text for name, text in files.items() if name.startswith("pages/")]
    assert "birth-date" in page
    assert "We hold none" not in page
