"""A hold keeps the rows of practices of somebody of whom no value is held any more."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from gate.test_erasure import comparable
from practices.conftest import House
from practices.orders import desk_of
from practices.test_collection import visits
from practices.test_holds import Held, apart, erased_and_restored, preserved, rows_of, run_jobs
from practices.test_partner_transactions import partner, row, take
from practices.test_visit_pages import record_visits, signed_in_visits
from upheld.core.ids import EntryNumber
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import set_aside
from upheld.gate.act.request import Refused
from upheld.gate.erasure import erase as erasing
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.gate.log.database_log import LogError
from upheld.gate.obligations import open_due_obligations, reassess_each
from upheld.practices.rights import erasure


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what goes from either."""
    return empty_database(tmp_path)


def emptied(house: House) -> Held:
    """Somebody under a hold that may be told, who deleted every value of theirs before it."""
    held = Held(house, silent=False, empty=True)
    assert house.do(lambda t: t.held_fields(held.ann)) == {}
    return held


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "among others"])
def test_rows_stay_of_whom_a_hold_keeps_nothing_else(house: House, others: int) -> None:
    """Erased alone or with others, through years of jobs, and the desk releases them."""
    held = emptied(house)
    before = held.counts()
    assert before.pop("value") == 0
    assert min(before.values()) > 0, before
    whom = [held.ann, *(house.customer(f"c{each}@rows.example") for each in range(others))]
    erase(held.gate, whom)
    run_jobs(house)
    after = held.counts()
    after.pop("value")
    assert after == before
    assert apart(house) == []
    assert sorted(each.route for each in visits(house) if each.token) == held.pages
    text = "\n".join(held.release("name", "page-request", "transaction").values())
    for mark in ("A marked boat", *held.pages):
        assert mark in text


def test_the_certificate_tells_that_rows_are_kept_and_why(house: House) -> None:
    """By clause and ground, until when; what practices have is said by kind, not whether it is."""
    held = emptied(house)
    (certificate,) = erase(held.gate, [held.ann])
    (kept,) = certificate.kept
    assert kept.data == ()
    assert set(kept.rows) == {"cookie-id", "ip-network", "page-request", "transaction"}
    assert (kept.clauses, kept.grounds) == (("retention",), ("legal-hold",))
    assert held.order.ends is not None
    assert kept.until[:10] == held.order.ends.date().isoformat()
    text = certificate.text()
    assert "erased: nothing\n" in text
    assert (
        "kept: whatever there is of transaction, cookie-id, page-request, ip-network, by #retention"
        in text
    )


def test_the_page_of_an_erasure_says_that_all_of_it_must_be_kept(house: House) -> None:
    """Not that it was erased."""
    held = emptied(house)
    asked = house.do(lambda t: erasure.request(t, held.ann))
    assert not isinstance(asked, Refused)
    erase(held.gate, [held.ann])
    page = house.browser().get(f"/erased/{asked[1]}").text
    assert "you asked us to erase what we held about you; all of it must be kept." in page
    assert "we erased what we held" not in page
    assert "<dd>Nothing</dd>" in page
    assert re.search(r"<dd>Whatever there is of [^,<]+, [^,<]+, [^,<]+ and [^,<]+; by <a", page)


@pytest.mark.parametrize("ends", ["lapses", "is ended"])
def test_what_waited_goes_with_the_end_of_the_hold(house: House, ends: str) -> None:
    """The next jobs leave no row of them in any table, and no visit."""
    held = emptied(house)
    erase(held.gate, [held.ann])
    assert open_due_obligations(held.gate) == 0  # the erasure is the answer to its request
    assert "A marked boat" in "\n".join(held.release("transaction").values())
    if ends == "lapses":
        house.clock.moved += timedelta(days=3651)
        house.do(lambda t: t.accept_clock(house.clock.now()))
    else:
        which = held.order.instrument_id
        house.do(lambda t: held.desk.instruments.end(t, which, held.desk.officer))
    for job in house.provider.jobs:
        job.run(held.gate)
    retire(held.gate)
    assert {name: count for name, count in rows_of(house, held.ann).items() if count} == {}
    assert not any(each.token for each in visits(house))


def test_an_erasure_that_is_stopped_between_its_steps_keeps_the_rows(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost by the step that was begun, and the next job goes on with it."""
    held = emptied(house)
    before = held.counts()
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "delete_people", _stopped)
        with pytest.raises(LogError):
            erase(held.gate, [held.ann])
    assert held.counts() == before
    assert erasing.resume(held.gate) == 1
    run_jobs(house, 2)
    assert held.counts() == before
    assert "A marked boat" in "\n".join(held.release("transaction").values())


def _stopped(*_: object) -> None:
    raise LogError("the process is gone", code="made-up", hint="")


def test_rows_on_hold_are_kept_again_after_a_restore(house: House, tmp_path: Path) -> None:
    """A backup from before the erasure gives back neither values nor fewer rows."""
    held = emptied(house)
    before = held.counts()
    with erased_and_restored(house, held, tmp_path) as connection:
        for name, count in before.items():
            statement = f"SELECT COUNT(*) FROM {name} WHERE person_id = ?"
            assert rows(connection, statement, held.ann) == [(count,)], name


def test_a_silent_hold_beside_a_known_one_tells_nothing_of_whom_no_value_is_held(
    house: House,
) -> None:
    """The certificate is that of the known one, whose rows stay; both orders get them."""
    held = emptied(house)
    other = signed_in_visits(house, record_visits(house), "bo@marked.example")[0]
    house.do(lambda t: t.drop(other, [*t.held_fields(other)]))
    preserved(house, held.desk, other, silent=False)
    silent = preserved(house, held.desk, held.ann, silent=True)
    one, two = (comparable(erase(held.gate, [each])[0]).text() for each in (held.ann, other))
    assert one == two
    run_jobs(house)
    (kept_apart,) = apart(house)
    for each in (held.ann, kept_apart):
        assert rows_of(house, each)["partner_transaction"] == 1
        assert rows_of(house, each)["visit_tie"] == 1
    house.do(lambda t: held.desk.instruments.end(t, held.order.instrument_id, held.desk.officer))
    run_jobs(house, 1)
    assert rows_of(house, held.ann)["partner_transaction"] == 0
    assert "A marked boat" in "\n".join(held.release("transaction").values())
    house.do(lambda t: held.desk.instruments.end(t, silent.instrument_id, held.desk.officer))
    run_jobs(house, 1)
    assert apart(house) == []


@pytest.mark.parametrize("table", ["partner_transaction", "legal_reach", "value"])
def test_a_row_that_was_changed_stops_no_erasure_with_a_silent_hold_or_without(
    house: House, table: str
) -> None:
    """The same is answered in both cases, and what else the hold keeps goes apart."""
    recorder, desk = record_visits(house), desk_of(house)
    partner(house)
    whom = []
    for name, silent in (("ann", True), ("bo", False)):
        address = f"{name}@marked.example"
        whom.append(signed_in_visits(house, recorder, address)[0])
        take(house, row(address, reference=f"R-{name}"), digest=name)
        if silent:
            preserved(house, desk, whom[0], silent=True)
    gate = house.provider.gate.gate
    with writing(gate.engine) as connection:
        field = " WHERE field = 'name'" if table == "value" else ""
        run(connection, f"UPDATE {table} SET sealed = ?{field}", b"\x01" + bytes(60))
    one, other = (comparable(erase(gate, [each])[0]) for each in whom)
    assert one == other
    (kept_apart,) = apart(house)
    left = rows_of(house, kept_apart)
    assert left["partner_transaction"] == (0 if table == "partner_transaction" else 1)
    assert left["visit_tie"] == 1
    assert left["value"] == (3 if table == "value" else 4)
    assert not any(rows_of(house, *whom)[each] for each in ("value", "partner_transaction"))


def test_an_answer_that_an_earlier_upheld_called_owed_keeps_nobody_after_the_hold(
    house: House,
) -> None:
    """Of who was erased, what is owed by the record of the erasure itself stops nothing."""
    held = emptied(house)
    erase(held.gate, [held.ann])
    with held.gate.together() as transaction:
        mine, _ = transaction.records_of([held.ann], ["request"])
        link, which = transaction.connection, mine[0].record_id
        context, whose = held.gate.context, {held.ann: which}
        assert reassess_each(context, link, whose, "request", EntryNumber(0), of_erased=True) == 1
    which_order = held.order.instrument_id
    house.do(lambda t: held.desk.instruments.end(t, which_order, held.desk.officer))
    run_jobs(house, 1)
    assert {name: count for name, count in rows_of(house, held.ann).items() if count} == {}


@pytest.mark.parametrize("cell", ["person.holdings", "person.cover", "person_key.wrapped_key"])
def test_what_is_changed_of_whom_is_kept_apart_is_told_to_nobody_but_the_legal_desk(
    house: House, caplog: pytest.LogCaptureFixture, cell: str
) -> None:
    """A job sets it aside in no list, count or log; once it is mended the desk reads none of it."""
    held = Held(house, silent=True)
    erase(held.gate, [held.ann])
    (whom,) = apart(house)
    table, column = cell.split(".")
    where = f"WHERE person_id = '{whom}'"
    with writing(held.gate.engine) as connection:
        ((before,),) = rows(connection, f"SELECT {column} FROM {table} {where}")
        run(connection, f"UPDATE {table} SET {column} = ? {where}", bytes(60))
    officer = house.signed_in(held.desk.officer, "staff")
    for each in (bytes(60), before):
        with writing(held.gate.engine) as connection:
            run(connection, f"UPDATE {table} SET {column} = ? {where}", each)
        retire(held.gate)
        with reading(held.gate.engine) as connection:
            assert (set_aside.everybody(connection), set_aside.many(connection)) == ([], 0)
        page = officer.get("/staff/legal").text
        assert ("Jobs could not do 1 piece of what is kept apart" in page) == (each != before)
    assert "set somebody aside" not in caplog.text
