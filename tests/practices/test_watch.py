"""What is not whole and whom a job set aside: for those whose role watches, and for nobody else."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from practices.bills import order
from practices.conftest import House
from practices.test_staff import MAIL
from upheld.api.metrics import Metrics
from upheld.app.health import Health
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import set_aside
from upheld.gate.operations.jobs import Job
from upheld.gate.operations.selfcheck_job import SelfCheckRound
from upheld.gate.set_aside import SetAside
from upheld.practices.accounts import domain
from upheld.practices.messages.tables import redaction
from upheld.practices.rights import erasure


def spoil(house: House, person: PersonId) -> bytes:
    """Make the key of somebody open nothing; what it was."""
    with writing(house.provider.gate.gate.engine) as connection:
        ((raw,),) = rows(
            connection, "SELECT wrapped_key FROM person_key WHERE person_id = ?", person
        )
        run(
            connection,
            "UPDATE person_key SET wrapped_key = ? WHERE person_id = ?",
            bytes(raw)[:-1] + bytes([bytes(raw)[-1] ^ 1]),
            person,
        )
    return bytes(raw)


def mend(house: House, person: PersonId, raw: bytes) -> None:
    """Put the key of somebody back."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, "UPDATE person_key SET wrapped_key = ? WHERE person_id = ?", raw, person)


def job(house: House, name: str) -> Job:
    """A job of the practices."""
    return next(each for each in house.provider.jobs if each.name == name)


def waiting(house: House) -> list[SetAside]:
    """Whom jobs have set aside."""
    with reading(house.provider.gate.gate.engine) as connection:
        return set_aside.everybody(connection)


def test_the_page_lists_what_is_not_whole_with_whose_it_is_and_since(house: House) -> None:
    """A manager, and a role that watches, see it; the console says that there is something."""
    person = house.customer()
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "Nothing, as far as we have looked." in manager.get("/staff/watch").text
    raw = spoil(house, person)
    gate = house.provider.gate.gate
    with suppress(UpheldError):
        SelfCheckRound().look(gate)
    with set_aside.trial_of(gate, "retention") as trial:
        trial.one(lambda: gate.use(person, ["email"], purpose="billing"), person)
    page = manager.get("/staff/watch").text
    assert f"the key of person {person}" in page
    assert f"<td>{person}</td>" in page
    assert "11 March 2026" in page
    assert "retention" in page
    assert "The last one ended" in page or "the last one ended" in page
    assert MAIL not in page
    watcher = house.signed_in(house.staff("security", sign_in="sec"), "staff")
    assert watcher.get("/staff/watch").text.count(person) == 2 + page.count(person) - 2
    support = house.signed_in(house.staff("support", sign_in="sup"), "staff")
    assert support.get("/staff/watch").status_code == 403
    assert "Not whole: 1" in support.get("/staff").text
    assert "/staff/watch" not in support.get("/staff").text.split("<aside")[1]
    assert "/staff/watch" in watcher.get("/staff").text
    mend(house, person, raw)
    SelfCheckRound().look(gate)
    assert "Nothing, as far as we have looked." in manager.get("/staff/watch").text


def test_the_metrics_tell_how_much_is_not_whole_and_when_the_last_look_ended(
    house: House,
) -> None:
    """As numbers, and nobody's id."""
    person = house.customer()
    metrics = Metrics()
    Health(house.provider).measure(metrics)
    assert "upheld_not_whole 0" in metrics.text("", 0.0).decode()
    assert "upheld_self_check_ended_timestamp_seconds 0" in metrics.text("", 0.0).decode()
    spoil(house, person)
    with suppress(UpheldError):
        SelfCheckRound().look(house.provider.gate.gate)
    page_text = metrics.text("", 0.0).decode()
    assert "upheld_not_whole 1" in page_text
    assert "upheld_set_aside 0" in page_text
    assert "upheld_self_check_ended_timestamp_seconds 1.77" in page_text
    assert person not in page_text


def test_an_erasure_that_somebody_asked_for_waits_for_nobody_elses(house: House) -> None:
    """Whose data cannot be opened is set aside by the job, and the others are erased."""
    gate = house.provider.gate.gate
    one, two = house.customer(), house.customer("bob@marked.example")
    for each in (one, two):
        house.do(lambda transaction, whose=each: erasure.request(transaction, whose))  # type: ignore[misc] # mypy knows no lambda's default
    house.clock.moved += erasure.WAITS * 2
    gate.accept_clock()
    raw = spoil(house, one)
    assert erasure.carry_out(gate) == 1
    assert [(each.person_id, each.job) for each in waiting(house)] == [(one, "erasures")]
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM person WHERE person_id = ?", two) == []
    mend(house, one, raw)
    assert erasure.carry_out(gate) == 1
    assert waiting(house) == []


@pytest.mark.parametrize("name", ["unconfirmed accounts", "copies with links", "invoices"])
def test_a_job_of_a_practice_sets_aside_whom_it_cannot_do(
    house: House, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are done in the same run, and whoever is mended in the next."""
    gate = house.provider.gate.gate
    one, two = house.customer(), house.customer("bob@marked.example")
    if name == "unconfirmed accounts":
        some = sorted([one, two])
        monkeypatch.setattr(domain, "unconfirmed_people", lambda *args: [] if args[3] else some)
    elif name == "invoices":
        for each in (one, two):
            order(house, each, "dsl-10")
    else:
        with writing(gate.engine) as connection:
            for each in (one, two):
                database.insert(connection, redaction, person_id=each)
    raw = spoil(house, one)
    house.clock.moved += timedelta(days=32)
    gate.accept_clock()
    job(house, name).run(gate)
    assert {(each.person_id, each.job) for each in waiting(house)} == {(one, name)}
    mend(house, one, raw)
    monkeypatch.undo()
    job(house, name).run(gate)
    assert waiting(house) == []
