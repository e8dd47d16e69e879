"""What can go wrong at the legal desk between an instrument's arrival and its release."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import upheld
from empty import empty_database
from gate.versions import post, version
from practices import orders
from practices.conftest import House, confirm, send
from practices.orders import demand, desk_of
from practices.test_legal import code_of, form, open_by_page
from upheld.core.ids import PersonId
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.set_aside import everybody
from upheld.practices.legal.instrument import Instrument

DENVER, TOKYO = ZoneInfo("America/Denver"), ZoneInfo("Asia/Tokyo")
GRANT = (
    "authority, legal-adviser for legal-process\n    when legal-instrument and not gag-order",
    "legal-adviser for legal-process\n    when legal-instrument and not gag-order",
)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: each step is one transaction on either."""
    return empty_database(tmp_path)


def disclosures(house: House, person: PersonId) -> int:
    """How often something was shared about somebody."""
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    return [(each.action, each.kind) for each in entries].count(("share", "act"))


def test_days_are_the_providers_and_moments_are_of_any_zone(
    open_house: Callable[..., House], sample: upheld.Policy
) -> None:
    """By the form from midnight in Denver on; an hour that is written in Tokyo's ends here too."""
    house = open_house(sample, zone=DENVER)
    desk, ann = desk_of(house), house.customer()
    officer = house.signed_in(desk.officer, "staff")
    assert open_by_page(officer, form(house, ann)).status_code == 303
    with house.provider.gate.gate.look() as tables:
        (order,) = desk.instruments.all(tables)
    assert order.starts == datetime(2026, 3, 11, tzinfo=DENVER)
    assert order.ends == datetime(2026, 4, 11, tzinfo=DENVER)
    end = (house.clock.now() + timedelta(hours=1)).astimezone(TOKYO)
    order = orders.approved(house, desk, demand(house, ann, ends=end))
    assert not isinstance(orders.release(house, desk, order), Refused)
    house.clock.moved += timedelta(hours=1)
    assert isinstance(orders.release(house, desk, order), Refused)


def test_whatever_stops_a_step_nothing_of_it_is_kept_and_it_is_taken_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after its last row was written, and taken again: one record and one release."""
    desk, ann = desk_of(house), house.customer()
    wanted = demand(house, ann)

    def twice(step: Callable[[], object]) -> object:
        with monkeypatch.context() as patch:
            patch.setattr("upheld.practices.legal.instruments.note", _stop)
            with pytest.raises(KeyboardInterrupt):
                step()
        return step()

    opened = twice(partial(orders.opened, house, desk, wanted))
    assert isinstance(opened, Instrument)
    name = opened.instrument_id
    with house.provider.gate.gate.look() as tables:
        assert len(desk.instruments.all(tables)) == 1
    twice(lambda: house.do(lambda t: desk.instruments.check(t, name, desk.counsel)))
    twice(lambda: house.do(lambda t: desk.instruments.approve(t, name, desk.second)))
    twice(lambda: orders.give_key(house, desk, name))
    records, _ = house.do(lambda t: t.records_of([ann], ["instrument"]))
    assert len(records) == 1
    assert not isinstance(twice(lambda: orders.release(house, desk, opened)), Refused)
    assert disclosures(house, ann) == 1
    assert orders.send_notices(house, desk) == 1


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_release_while_a_version_is_posted_is_decided_by_that_version(house: House) -> None:
    """Another process posts it between the question and the answer: nothing leaves."""
    desk, ann = desk_of(house), house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    officer = house.signed_in(desk.officer, "staff")
    path = f"/staff/legal/{order.instrument_id}"
    token = officer.get(path).text.partition('name="_token" value="')[2].partition('"')[0]
    question = officer.post(f"{path}/release", data={"_token": token})
    gate = house.provider.gate.gate
    other = Gate(gate.engine, gate.policy, gate.context.keyring)
    other.context = other.context.by(house.clock)
    assert not isinstance(post(other, version("two", GRANT)), Refused)
    answer = confirm(officer, question)
    assert answer.status_code == 403
    assert disclosures(house, ann) == 0


def test_while_the_clock_is_ahead_nothing_is_released(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether an instrument is in force hangs on it, so that somebody accepts the time first."""
    desk, ann = desk_of(house), house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    past = house.clock._elapsed
    house.clock.moved += timedelta(hours=2)
    monkeypatch.setattr(house.clock, "_elapsed", lambda: past() - 2 * 3600 * 10**9)
    refused = orders.release(house, desk, order)
    assert isinstance(refused, Refused)
    assert refused.why == "clock-ahead"
    assert disclosures(house, ann) == 0
    house.provider.gate.gate.accept_clock()
    assert not isinstance(orders.release(house, desk, order), Refused)


def test_an_instrument_names_two_hundred_accounts_at_most(house: House) -> None:
    """Ten thousand are refused before anybody is looked for, on the page as by a program."""
    desk, ann = desk_of(house), house.customer()
    many = tuple(str(each) for each in range(10_000))
    wanted = demand(house, ann)._replace(accounts=many)
    assert code_of(lambda: orders.opened(house, desk, wanted)) == "legal-reach"
    answer = open_by_page(
        house.signed_in(desk.officer, "staff"), form(house, ann, accounts="\n".join(many))
    )
    assert answer.status_code == 422


def test_a_release_that_was_not_delivered_is_shown_and_given_without_another(house: House) -> None:
    """Whatever stopped the answer: the same file once more, and it is not kept any longer."""
    desk, ann = desk_of(house), house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    name, path = order.instrument_id, f"/staff/legal/{order.instrument_id}"
    first = house.do(lambda t: desk.releases.release(t, name, desk.officer))
    officer = house.signed_in(desk.officer, "staff")
    assert "It was not delivered." in officer.get(path).text
    assert code_of(lambda: orders.release(house, desk, order)) == "legal-undelivered"
    manager = house.signed_in(house.staff("manager"), "staff")
    assert send(manager, f"{path}/file", {}, "/staff").status_code == 403
    file = send(officer, f"{path}/file", {}, path)
    assert file.content == getattr(first, "content", b"")
    assert disclosures(house, ann) == 1
    assert "It was not delivered." not in officer.get(path).text
    assert send(officer, f"{path}/file", {}, path).status_code == 409
    assert not isinstance(orders.release(house, desk, order), Refused)


def test_what_was_not_delivered_goes_with_whoever_is_in_it_and_with_its_instrument(
    house: House,
) -> None:
    """Neither is it given after an erasure, nor once the instrument has lapsed or ended."""
    desk, ann, ben = desk_of(house), house.customer(), house.customer("ben@marked.example")
    gate, custody = house.provider.gate.gate, desk.releases.custody
    order = orders.approved(house, desk, demand(house, ann, ben))
    name = order.instrument_id
    house.do(lambda t: desk.releases.release(t, name, desk.officer))
    assert custody.drop_stale(gate) == 0
    erase(gate, [ben])
    again = partial(desk.releases.release_again, instrument_id=name, by=desk.officer)
    assert code_of(lambda: house.do(again)) == "legal-state"
    assert custody.drop_stale(gate) == 1
    house.do(lambda t: desk.releases.release(t, name, desk.officer))
    assert not isinstance(house.do(again), Refused)
    house.clock.moved += timedelta(days=31)
    assert isinstance(house.do(again), Refused)
    assert custody.drop_stale(gate) == 1
    assert disclosures(house, ann) == 2


def behind_our_back(house: House, statement: str, value: str, whose: str) -> None:
    """Change something as somebody without the keys would."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, statement, value, whose)


@pytest.mark.parametrize("kind", ["instrument", "hold"])
def test_a_changed_record_of_one_keeps_nobody_else_from_being_told_and_their_notice_is_owed(
    house: House, kind: str
) -> None:
    """Whoever is first; no list has them, as an order may forbid it, until the record is mended."""
    desk = desk_of(house)
    people = [house.customer(f"{each}@marked.example") for each in ("ann", "ben", "cy")]
    end = house.clock.now() + timedelta(days=3)
    for each in people:
        order = orders.approved(house, desk, demand(house, each, silence_end=end))
        assert not isinstance(orders.release(house, desk, order), Refused)
        house.provider.gate.gate.record(each, "hold", fact="legal-hold", how="other")
    house.clock.moved += timedelta(days=4)
    change = f"UPDATE record SET party = party || ? WHERE kind = '{kind}' AND person_id = ?"
    for each in people[:2]:
        behind_our_back(house, change, "!", each)
    assert [orders.send_notices(house, desk) for _ in range(2)] == [1, 0]
    with house.provider.gate.gate.engine.connect() as connection:
        assert everybody(connection) == []
    mend = "UPDATE record SET party = replace(party, ?, '') WHERE person_id = ?"
    for each in people[:2]:
        behind_our_back(house, mend, "!", each)
    assert [orders.send_notices(house, desk) for _ in range(2)] == [2, 0]


def test_a_damaged_production_keeps_no_other_from_going(house: House) -> None:
    """It stays until it is mended, and goes then."""
    desk, names = desk_of(house), []
    custody = desk.releases.custody
    for each in ("ann", "ben"):
        order = orders.approved(
            house, desk, demand(house, house.customer(f"{each}@marked.example"))
        )
        house.do(partial(desk.releases.release, instrument_id=order.instrument_id, by=desk.officer))
        names.append(order.instrument_id)
    house.clock.moved += timedelta(days=31)
    change = "UPDATE legal_instrument SET state = ? WHERE instrument_id = ?"
    behind_our_back(house, change, "ended", min(names))
    gate = house.provider.gate.gate
    assert [custody.drop_stale(gate) for _ in range(2)] == [1, 0]
    behind_our_back(house, change, "approved", min(names))
    assert custody.drop_stale(gate) == 1


@pytest.mark.parametrize("how", ["ended", "lapsed"])
def test_a_file_that_can_be_had_no_more_is_neither_offered_nor_waited_for(
    house: House, how: str
) -> None:
    """The page says that it was not delivered, and what would give it; the console nothing."""
    desk, ann = desk_of(house), house.customer()
    order = orders.approved(house, desk, demand(house, ann))
    name, path = order.instrument_id, f"/staff/legal/{order.instrument_id}"
    house.do(lambda t: desk.releases.release(t, name, desk.officer))
    waits = "What was released under an instrument was not delivered."
    officer = house.signed_in(desk.officer, "staff")
    assert waits in officer.get("/staff").text
    page = officer.get(path).text
    assert "Get the file that was released" in page
    assert "Only a new instrument" not in page
    if how == "ended":
        house.do(lambda t: desk.instruments.end(t, name, desk.officer))
    else:
        house.clock.moved += timedelta(days=31)
        officer = house.signed_in(desk.officer, "staff")
    assert waits not in officer.get("/staff").text
    page = officer.get(path).text
    assert "It was not delivered.</strong> Only a new instrument gives it." in page
    assert "Get the file that was released" not in page
    assert send(officer, f"{path}/file", {}, path).status_code in (403, 409)
