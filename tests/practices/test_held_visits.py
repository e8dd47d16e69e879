"""What a hold keeps of visits hangs together with nothing that comes with the browser later."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from empty import empty_database
from practices.conftest import House, send
from practices.test_collection import visits
from practices.test_day_counts import keep, tied
from practices.test_holds import Held
from practices.test_visit_pages import cookie_of, record_visits, untie_path
from upheld.database.columns import microseconds
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.gate.set_aside import JobTrial
from upheld.gate.transaction import Transaction
from upheld.practices.collection import rewriting
from upheld.practices.collection.erasing import erase_visits
from upheld.practices.collection.released import OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import COUNTED, visit_block, visit_tie
from upheld.practices.collection.ties import own_cookies, ties_of
from upheld.practices.collection.untying import finish_waiting, prepare, untie


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what goes from either."""
    return empty_database(tmp_path)


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("unties", [False, True])
def test_what_a_hold_keeps_of_a_browser_is_apart_from_who_signs_in_there_later(
    house: House, silent: bool, unties: bool
) -> None:
    """Their visits go with them, and what the hold keeps is released whole, and goes at its end."""
    held = Held(house, silent=silent)
    erase(held.gate, [held.ann])
    house.clock.moved += timedelta(days=1)
    recorder, bo = record_visits(house), house.customer("bo@marked.example")
    browser = house.signed_in(bo)
    browser.cookies.set("visitor", cookie_of(held.browser))
    browser.get("/ledger/verify")
    recorder.keep()
    page = browser.get("/me/privacy/visits").text
    assert "/ledger/verify</strong> once" in page
    assert "/privacy</strong>" not in page
    recorder.keep()
    if unties:
        send(browser, untie_path(page), {}, "/me/privacy/visits")
    else:
        erase(held.gate, [bo])
    assert sorted(each.route for each in visits(house) if each.token) == held.pages
    text = "\n".join(held.release("page-request").values())
    assert {*held.pages} <= {*text.split()}
    assert "/ledger/verify" not in text
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    finish_waiting(held.gate, JobTrial(held.gate, "visits"))
    assert not any(each.token for each in visits(house))


def test_visits_are_set_apart_by_the_job_of_who_was_erased_without_that(house: House) -> None:
    """As at a restore, which erases once more whoever a backup gives back."""
    held = Held(house, silent=True)
    held.gate.context.erasure_hooks.before_many.clear()
    erase(held.gate, [held.ann])
    counted = f"SELECT 1 FROM visit_block WHERE {COUNTED}"
    with reading(held.gate.engine) as connection:
        assert rows(connection, counted) != []
    finish_waiting(held.gate, JobTrial(held.gate, "visits"))
    with reading(held.gate.engine) as connection:
        assert rows(connection, counted) == []
    assert sorted(each.route for each in visits(house) if each.token) == held.pages
    assert {*held.pages} <= {*"\n".join(held.release("page-request").values()).split()}


class StoppedError(Exception):
    """Whoever works is stopped here."""


@pytest.mark.parametrize("way", ["erase", "untie"])
@pytest.mark.parametrize("silent", [False, True])
def test_who_is_stopped_anywhere_while_visits_are_put_aside_goes_on_with_it(
    house: House, monkeypatch: pytest.MonkeyPatch, silent: bool, way: str
) -> None:
    """Nothing is lost or there twice, however often they are: between any two transactions."""
    monkeypatch.setattr(rewriting, "BLOCKS_AT_ONCE", 1)
    held = Held(house, silent=silent or way == "untie")
    bo, other = tied(house, "bo@marked.example", b"bo"), tied(house, "cy@marked.example", b"cy")
    for days_ago in (1, 2):
        keep(house, *[("/p", "192.0.2.7", each) for each in (b"bo", b"cy")], days_ago=days_ago)
    house.do(lambda t: t.record(bo, "hold", fact="legal-hold"))
    (mark,) = [each.mark for each in house.do(lambda t: ties_of(t, held.ann))]
    before, real, most = sorted(each.route for each in visits(house)), held.gate.together, [0]

    def together() -> Any:
        most[0] -= 1
        if most[0] < 0:
            raise StoppedError
        return real()

    def work() -> None:
        if way == "erase":
            erase_visits(held.gate, [held.ann, bo])
        else:
            with held.gate.together() as transaction:
                untying = prepare(transaction, held.ann, mark)
            untie(held.gate, untying)

    stops = 0
    with monkeypatch.context() as patch:
        patch.setattr(held.gate, "together", together)
        while True:
            most[0] = stops
            try:
                work()
            except StoppedError:
                stops += 1
                continue
            break
    assert stops > 3
    assert sorted(each.route for each in visits(house)) == before
    with reading(held.gate.engine) as connection:
        counted = rows(connection, f"SELECT visits FROM visit_block WHERE {COUNTED}")
        ties = rows(connection, "SELECT person_id, aside FROM visit_tie WHERE untied IS NULL")
    others = {bo, other} if way == "untie" else {other}
    assert sum(count for (count,) in counted) == 2 * len(others)
    assert {person_id for person_id, _ in ties} == others


def test_nobody_reads_what_may_be_visits_of_others_who_were_erased(house: House) -> None:
    """Whoever signs in later where two had untied a shared browser; nor does an authority."""
    gate, cookie = house.provider.gate.gate, b"c" * 32
    both = [tied(house, f"{each}@marked.example", cookie) for each in ("ann", "bo")]
    keep(house, ("/about", "192.0.2.7", cookie), days_ago=1)
    for each in both:
        (mark,) = [its.mark for its in house.do(partial(ties_of, person_id=each))]
        untying = house.do(partial(prepare, person_id=each, mark=mark))
        assert untie(gate, untying)
    for each in both:
        erase(gate, [each])
    assert [each.route for each in visits(house)] == ["/about"]
    cy = tied(house, "cy@marked.example", cookie)
    assert "/about</strong>" not in house.signed_in(cy).get("/me/privacy/visits").text
    assert house.do(lambda t: OWN_ROWS["page-request"](t, cy)) == []
    assert house.do(lambda t: ties_of(t, cy))[0].shared
    for _ in range(4):
        house.clock.moved += timedelta(days=180)
        house.do(lambda t: t.accept_clock(house.clock.now()))
        retire(gate)
    assert not house.do(lambda t: ties_of(t, cy))[0].shared


@pytest.mark.parametrize(("silent", "erased"), [(False, True), (True, True), (True, False)])
def test_what_an_earlier_version_let_a_hold_keep_is_put_aside_by_the_job(
    house: House, *, silent: bool, erased: bool
) -> None:
    """It is released while the hold lasts and goes with it; what came later stays."""
    held = Held(house, silent=silent)
    now = microseconds(house.clock.now())

    def as_it_was(transaction: Transaction) -> None:
        tables = transaction.tables
        assert tables.update(visit_tie, {"untied": now}, "person_id = ?", held.ann) == 1
        assert tables.update(visit_block, {"apart": True}, "day >= ''") > 0

    house.do(as_it_was)
    if erased:
        erase(held.gate, [held.ann])
    house.clock.moved += timedelta(hours=1)
    bo = tied(house, "bo@marked.example", cookie_of(held.browser).encode())
    keep(house, ("/ledger/verify", "192.0.2.7", cookie_of(held.browser).encode()), days_ago=0)
    for _ in range(2):
        retire(held.gate)
        text = "\n".join(held.release("page-request").values())
        assert {*held.pages} <= {*text.split()}
        assert "/ledger/verify" not in text
    which = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    retire(held.gate)
    assert [each.route for each in visits(house) if each.token] == ["/ledger/verify"]
    assert house.do(lambda t: len(own_cookies(t, bo))) == (1 if erased else 0)
