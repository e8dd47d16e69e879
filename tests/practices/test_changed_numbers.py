"""An instrument of several, one of whose numbers was changed: all others go on, and are told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from empty import empty_database
from practices import orders
from practices.conftest import House
from practices.orders import account_of, demand, desk_of, release, send_notices, texts
from practices.test_legal import code_of
from upheld.core.ids import InstrumentId, PersonId
from upheld.database.columns import microseconds
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.evidence.records import Record
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.set_aside import everybody
from upheld.practices.legal.apart import DAMAGED
from upheld.practices.legal.demands import DETERMINATION, EMERGENCY, PRESERVATION
from upheld.practices.legal.instrument import Instrument
from upheld.practices.legal.notices import SUBJECT
from upheld.practices.legal.production import Production

WAYS: dict[str, Callable[[bytes], bytes]] = {
    "changed": lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]),
    "emptied": lambda _: b"",
}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: what is changed is read the same way."""
    return empty_database(tmp_path)


class Named:
    """An instrument that names Ann, whose number is changed, and Bo."""

    def __init__(self, house: House, **changes: Any) -> None:
        self.house, self.desk = house, desk_of(house)
        self.gate = house.provider.gate.gate
        self.ann, self.bo = (house.customer(f"{each}@marked.example") for each in ("ann", "bo"))
        self.demand = demand(house, self.ann, self.bo, **changes)
        self.accounts = [account_of(house, each) for each in (self.ann, self.bo)]
        self.before = b""

    @property
    def browser(self) -> Any:
        """An officer of the desk, signed in."""
        return self.house.signed_in(self.desk.officer, "staff")

    def write(self, raw: bytes, which: InstrumentId) -> bytes:
        """Write what is sealed of Ann's number behind our back; what was there."""
        with writing(self.gate.engine) as connection:
            where = "WHERE person_id = ? AND instrument_id = ?"
            statement = f"SELECT sealed FROM legal_reach {where}"
            ((before,),) = rows(connection, statement, self.ann, which)
            run(connection, f"UPDATE legal_reach SET sealed = ? {where}", raw, self.ann, which)
        return bytes(before)

    def damage(self, way: str, which: InstrumentId) -> None:
        """Change Ann's number."""
        self.before = self.write(b"\0", which)
        self.write(WAYS[way](self.before), which)

    def is_told(self, person: PersonId) -> bool:
        """Whether a notice stands in somebody's account."""
        return SUBJECT in self.house.signed_in(person).get("/me/messages").text

    def records(self, person: PersonId) -> list[Record]:
        """The records of somebody by which instruments prove."""
        kinds = ["instrument", "hold", "determination"]
        return self.house.do(lambda t: t.records_of([person], kinds)[0])

    @property
    def now(self) -> int:
        """The time, as records have it."""
        return microseconds(self.house.clock.now())


def page_of(named: Named, order: Instrument) -> str:
    """The page of an instrument."""
    answer = named.browser.get(f"/staff/legal/{order.instrument_id}")
    assert answer.status_code == 200
    return str(answer.text)


@pytest.mark.parametrize("way", WAYS)
def test_all_others_are_released_and_page_file_and_list_say_which_is_not(
    house: House, way: str
) -> None:
    """Put back and released again the file has both."""
    named = Named(house)
    order = orders.approved(house, named.desk, named.demand)
    named.damage(way, order.instrument_id)
    page = page_of(named, order)
    assert DAMAGED in page
    assert named.accounts[1] in page
    assert "Of 1 of the accounts" in page
    assert named.ann in page
    assert "no longer here" not in page
    assert named.browser.get("/staff/legal").status_code == 200
    assert named.browser.get("/staff").status_code == 200
    files = texts(release(house, named.desk, order))
    manifest = json.loads(files["manifest.json"])
    assert manifest["accounts_missing"] == [DAMAGED]
    assert (manifest["persons_named"], manifest["persons_released"]) == (2, 1)
    assert {each["account"] for each in manifest["pages"]} == {named.accounts[1]}
    assert f"It has nothing of {DAMAGED}." in page_of(named, order)
    problems = selfcheck(named.gate.engine, named.gate.context.keyring).problems
    assert any("legal_reach" in each and named.ann in each for each in problems)
    part = {"accounts": [named.accounts[0]]}
    assert code_of(lambda: release(house, named.desk, order, **part)) == "legal-unreadable"
    named.write(named.before, order.instrument_id)
    files = texts(release(house, named.desk, order))
    manifest = json.loads(files["manifest.json"])
    assert manifest["accounts_missing"] == []
    assert {each["account"] for each in manifest["pages"]} == {*named.accounts}
    assert "It has nothing of" not in page_of(named, order)


@pytest.mark.parametrize("way", WAYS)
def test_at_the_end_of_a_silence_all_others_are_told(house: House, way: str) -> None:
    """And who is named by what was changed once it is put back."""
    silence_end = house.clock.now() + timedelta(days=20)
    named = Named(house, silence_end=silence_end)
    order = orders.approved(house, named.desk, named.demand)
    assert isinstance(release(house, named.desk, order), Production)
    named.damage(way, order.instrument_id)
    house.clock.moved += timedelta(days=21)
    house.do(lambda t: t.accept_clock(house.clock.now()))
    assert send_notices(house, named.desk) == 1
    assert (named.is_told(named.ann), named.is_told(named.bo)) == (False, True)
    with reading(named.gate.engine) as connection:
        assert not everybody(connection)
    named.write(named.before, order.instrument_id)
    assert send_notices(house, named.desk) == 1
    assert (named.is_told(named.ann), named.is_told(named.bo)) == (True, True)


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_waits_stays_and_goes_once_somebody_in_it_is_erased(
    house: House, way: str
) -> None:
    """The job takes nobody for erased whose row was changed."""
    named = Named(house)
    order = orders.approved(house, named.desk, named.demand)
    which = order.instrument_id
    releases = named.desk.releases
    house.do(lambda t: releases.release(t, which, named.desk.officer))
    named.damage(way, which)
    assert releases.custody.drop_stale(named.gate) == 0
    again = house.do(lambda t: releases.release_again(t, which, named.desk.officer))
    assert isinstance(again, Production)
    erase(named.gate, [named.bo])
    assert releases.custody.drop_stale(named.gate) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["court-order", PRESERVATION])
def test_what_was_changed_before_the_approval_is_proved_by_no_record(
    house: House, kind: str, way: str
) -> None:
    """The others are; put back, it is told of as missing, until another instrument names it."""
    named = Named(house, kind=kind)
    which = orders.opened(house, named.desk, named.demand).instrument_id
    named.damage(way, which)
    steps = named.desk.instruments
    house.do(lambda t: steps.check(t, which, named.desk.counsel))
    if kind != PRESERVATION:
        orders.give_key(house, named.desk, which)
    order = house.do(lambda t: steps.approve(t, which, named.desk.second))
    assert [len(named.records(each)) for each in (named.ann, named.bo)] == [0, 1]
    named.write(named.before, which)
    if kind == PRESERVATION:
        return
    files = texts(release(house, named.desk, order))
    assert json.loads(files["manifest.json"])["accounts_missing"] == [named.accounts[0]]
    later = orders.approved(house, named.desk, demand(house, named.ann))
    assert json.loads(texts(release(house, named.desk, later))["manifest.json"])["pages"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["court-order", PRESERVATION])
def test_it_ends_for_everybody_whom_it_named(house: House, kind: str, way: str) -> None:
    """Also for whom the number does not say so: nothing is kept, or given, by it any more."""
    named = Named(house, kind=kind)
    order = orders.approved(house, named.desk, named.demand)
    named.damage(way, order.instrument_id)
    house.do(lambda t: named.desk.instruments.end(t, order.instrument_id, named.desk.officer))
    assert "Ended before it lapsed" in page_of(named, order)
    for person in (named.ann, named.bo):
        assert [each.in_force(named.now) for each in named.records(person)] == [False]


@pytest.mark.parametrize("way", WAYS)
def test_a_row_of_one_instrument_stops_nobody_under_another(house: House, way: str) -> None:
    """That names the same customer and others."""
    named = Named(house)
    first = orders.approved(house, named.desk, named.demand)
    second = orders.approved(house, named.desk, named.demand)
    named.damage(way, first.instrument_id)
    files = texts(release(house, named.desk, second))
    manifest = json.loads(files["manifest.json"])
    assert manifest["accounts_missing"] == [named.accounts[0]]
    assert named.accounts[0] in page_of(named, second)
    assert send_notices(house, named.desk) == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_review_of_an_emergency_is_of_all_of_whom_something_was_given(
    house: House, way: str
) -> None:
    """What is owed for each is done."""
    named = Named(
        house,
        kind=DETERMINATION,
        ground=EMERGENCY,
        recipient="emergency-service",
        belief="She is in danger.",
    )
    which = orders.opened(house, named.desk, named.demand, b"").instrument_id
    order = orders.give_key(house, named.desk, which)
    assert isinstance(release(house, named.desk, order), Production)
    named.damage(way, which)
    finding = "It had to be."
    result = house.do(lambda t: named.desk.instruments.review(t, which, finding, named.desk.second))
    assert not isinstance(result, Refused)
    for person in (named.ann, named.bo):
        mine = [each for each in named.records(person) if each.fact == "emergency-disclosure"]
        assert [each.in_force(named.now) for each in mine] == [False]
