"""Practice alarms: worked through as what happened is, and nobody outside the desk notices."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import upheld
from empty import empty_database
from practices.conftest import House, send
from practices.test_incidents import (
    CONSOLE,
    NOTICE,
    approve_at_once,
    form,
    open_one,
    read_incident,
    run_job,
)
from upheld.core.ids import EntryNumber, IncidentId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.log.entries import after_number
from upheld.gate.log.sentences import entry_sentence
from upheld.gate.obligations import mark_overdue, open_due_obligations
from upheld.gate.operations.safeguards import safeguard_state
from upheld.practices.incidents.drills import drill_record, in_words
from upheld.practices.incidents.incidents import Incidents
from upheld.practices.incidents.transparency import source
from upheld.practices.staff.public_safeguards import READ_AGAIN

HOUR = timedelta(hours=1)
DRILL = {"real": "drill", "kind": "table", "subject": "value"}  # touches everybody
CHANGES = re.compile(r'name="_token" value="\w+"|\d\d:\d\d(:\d\d\.\d+)?')
PUBLIC = (
    "/privacy/safeguards",
    "/privacy/transparency",
    "/privacy/transparency.json",
    "/privacy/transparency.csv",
)
HERS = ("/me", "/me/messages", "/me/privacy/received")
OF_PEOPLE = (  # statements over what is somebody's, is sent, or is owed
    "SELECT * FROM item ORDER BY item_id",
    "SELECT * FROM record ORDER BY record_id",
    "SELECT * FROM outbox",
    "SELECT * FROM incident_person",
    "SELECT * FROM entry_person",
    "SELECT * FROM entry WHERE person_id IS NOT NULL",
)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What a practice alarm leaves alone is the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture
def desk(house: House) -> tuple[TestClient, TestClient]:
    """The browsers of two privacy officers."""
    first, second = (house.staff("privacy", sign_in=name) for name in ("pia", "pat"))
    return house.signed_in(first, "staff"), house.signed_in(second, "staff")


def path_of_notice(house: House, desk: tuple[TestClient, TestClient]) -> str:
    """The path of a practice alarm with a notice by the first officer."""
    path = f"{CONSOLE}/{open_one(house, desk[0], **DRILL)}"
    assert send(desk[0], f"{path}/draft", {"notice": NOTICE}, path).status_code == 303
    return path


def id_of(path: str) -> IncidentId:
    """The id of an incident by its path."""
    return IncidentId(path.rsplit("/", 1)[-1])


def pages_of(browser: TestClient, *paths: str) -> list[str]:
    """Some pages as somebody sees them, but for what each answer has anew, and their own visits."""
    answers = [browser.get(path) for path in paths]
    assert {each.status_code for each in answers} == {200}
    texts = [CHANGES.sub("", each.text) for each in answers]
    return [each.partition("<details><summary>Your own visits")[0] for each in texts]


def of_people(house: House) -> list[list[tuple[object, ...]]]:
    """What is somebody's, sent or owed."""
    with reading(house.provider.gate.gate.engine) as connection:
        return [[tuple(each) for each in rows(connection, text)] for text in OF_PEOPLE]


def test_nobody_outside_the_desk_notices_a_practice_alarm(
    house: House, desk: tuple[TestClient, TestClient]
) -> None:
    """Twenty approve at once and one does; pages, mail, duties and public numbers are the same."""
    ann = house.customer()
    nobody, hers = house.browser(), house.signed_in(ann)
    second = house.staff("manager", sign_in="max")
    pages = pages_of(nobody, *PUBLIC), pages_of(hers, *HERS)
    before = of_people(house), *pages
    path = path_of_notice(house, desk)
    there = read_incident(house, id_of(path))
    assert (there.drill, there.people) == (True, 1)
    approve_at_once(house, there, second)
    assert run_job(house) == 0
    assert send(desk[0], f"{path}/close", {"remark": "Well done."}, path).status_code == 303
    events = house.do(
        lambda t: list(source(Incidents(house.provider)).events(t.tables, house.clock.now()))
    )
    assert events == []
    house.clock.moved += 2 * READ_AGAIN
    assert before == (of_people(house), pages_of(nobody, *PUBLIC), pages_of(hers, *HERS))
    assert hers.get(path.replace("/staff", "/me")).status_code == 404


def test_a_practice_alarm_past_its_time_is_late_at_the_desk_alone(
    house: House, desk: tuple[TestClient, TestClient]
) -> None:
    """Nothing is owed or late by it; its record says by how much the notice was too late."""
    house.customer()
    path, gate = path_of_notice(house, desk), house.provider.gate.gate
    house.clock.moved += 75 * HOUR
    assert (open_due_obligations(gate), mark_overdue(gate)) == (0, 0)
    assert safeguard_state(gate).late == 0
    desk = house.signed_in(house.staff("privacy", sign_in="ida"), "staff"), desk[1]
    assert "late: 1" in desk[0].get(path).text
    answer = send(desk[0], f"{path}/close", {"remark": "Enough."}, path)
    assert (answer.status_code, "not sent yet" in answer.text) == (422, True)
    assert send(desk[0], f"{path}/approve", {}, path).status_code == 303
    send(desk[0], f"{path}/close", {"remark": "Too slow."}, path)
    page = desk[0].get(path).text
    assert "3 days 3 hours after the finding, 3 hours too late." in page
    there = read_incident(house, id_of(path))
    steps = house.do(lambda t: Incidents(house.provider).steps(t.tables, there.incident_id))
    record = drill_record(there, steps)
    assert [each.step for each in record] == ["open", "count", "draft", "approve", "close"]
    assert sum((each.took for each in record), timedelta()) == record[-1].since > 75 * HOUR


def test_each_page_of_a_practice_alarm_says_that_it_is_one(
    house: House, desk: tuple[TestClient, TestClient]
) -> None:
    """The question before, the pages, the list, the table of counts and the banners."""
    pia, pat = desk
    house.customer()
    question = pia.post(CONSOLE, data={**form(house, **DRILL), "_token": _token(pia)})
    assert "Open this practice alarm?" in question.text
    path = path_of_notice(house, desk)
    for text in ("<title>Practice alarm", "<h1>Practice alarm", "This is a practice alarm."):
        assert text in pia.get(path).text
    question = pat.post(f"{path}/approve", data={"_token": _token(pat, path)})
    assert "Nobody is written to. It would have been sent to 1 person." in question.text
    answer = send(pat, f"{path}/approve", {}, path)
    assert (
        "It is a practice alarm: nobody is written to." in pat.get(answer.headers["location"]).text
    )
    assert '<h2 id="drills">Practice alarms</h2>' in pia.get(CONSOLE).text
    sheet = pia.get(f"{path}/counts.csv")
    assert "practice-alarm.csv" in sheet.headers["content-disposition"]
    assert sheet.text.splitlines()[1].startswith("practice alarm,")


def test_neither_becomes_the_other(house: House, desk: tuple[TestClient, TestClient]) -> None:
    """No form of a later step has a say in it, and whoever opens one says which it is."""
    answer = send(desk[0], CONSOLE, {**form(house), "real": ""})
    assert (answer.status_code, "Say whether it happened" in answer.text) == (422, True)
    house.staff("support")
    for words, drill in ((DRILL, True), ({}, False)):
        path = f"{CONSOLE}/{open_one(house, desk[0], **words)}"
        other = {"real": "real" if drill else "drill", "drill": "" if drill else "1"}
        send(desk[0], f"{path}/draft", {"notice": NOTICE, **other}, path)
        send(desk[1], f"{path}/approve", other, path)
        send(desk[1], f"{path}/note", {"remark": "x", **other}, path)
        there = read_incident(house, id_of(path))
        assert (there.state, there.drill) == ("approved", drill)


def test_entries_of_a_practice_alarm_are_of_kinds_of_their_own(
    house: House, desk: tuple[TestClient, TestClient]
) -> None:
    """Nobody who reads the ledger takes one for what happened."""
    path_of_notice(house, desk)
    gate = house.provider.gate.gate
    with reading(gate.engine) as connection:
        entries, _ = after_number(connection, EntryNumber(0), 1_000)
    kinds = [each.entry for each in entries if each.entry.kind.startswith("incident")]
    assert [each.kind for each in kinds] == [
        f"incident.drill-{step}" for step in ("open", "count", "draft")
    ]
    assert "opened a practice alarm" in entry_sentence(kinds[0], house.policy)


def test_where_the_policy_owes_no_notice_the_record_says_so(
    open_house: Callable[..., House],
) -> None:
    """The time of a practice alarm is that of the clause, and without one there is none."""
    lines = sample_policy().read_text(encoding="utf-8").splitlines()
    text = "\n".join(each for each in lines if not each.startswith("must notify-breach"))
    house = open_house(upheld.load_text(text))
    house.customer()
    pia = house.signed_in(house.staff("privacy", sign_in="pia"), "staff")
    page = pia.get(f"{CONSOLE}/{open_one(house, pia, **DRILL)}").text
    assert "The policy in force would owe nobody a notice of it." in page
    assert "No notice would be owed" in page


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=2, minutes=5), "2 hours 5 minutes"),
        (timedelta(days=1, minutes=5), "1 day"),
        (timedelta(days=3, hours=3, minutes=9), "3 days 3 hours"),
    ],
)
def test_how_long_something_took_is_told_in_two_units(span: timedelta, words: str) -> None:
    """The largest two, and no zeros."""
    assert in_words(span) == words


def _token(browser: TestClient, path: str = CONSOLE) -> str:
    match = re.search(r'name="_token" value="(\w+)"', browser.get(path).text)
    assert match
    return match[1]
