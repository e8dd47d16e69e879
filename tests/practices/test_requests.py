"""Requests: a copy, a correction, an erasure; each owed, with a state, and answered by an act."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from empty import empty_database
from practices.bills import owing
from practices.conftest import House, send
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import certificates, erase
from upheld.gate.transaction import GateTransaction
from upheld.practice import sheets, tasks
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import corrections, erasure, requests

ADDRESS = "12 Larch Lane"
USED = {"month": "2026-10", "service": "dsl", "gigabytes": 9, "hours": 3}
HOSTILE = ("x" * 3_000, "a\x00b", "\u202ekcab")
ODD = ("<script>alert(1)</script>", "Zo\u00eb \U0001f600", "=1+1")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for these stories."""
    return empty_database(tmp_path)


def requests_of(house: House, person: PersonId) -> list[requests.RightsRequest]:
    """A person's requests."""
    return house.do(lambda transaction: requests.requests_of(transaction.tables, person))


def _job(house: House, name: str) -> Callable[[], int]:
    (jobs,) = [job for each in house.provider.practices for job in each.jobs if job.name == name]
    return lambda: jobs.run(house.provider.gate.gate)


def test_a_copy_has_everything_and_answers_its_request(house: House) -> None:
    """The zip has every value with its origin, all entries and records, and no password."""
    person, other = house.customer(address=ADDRESS), house.customer("ben@marked.example")
    house.do(
        lambda transaction: transaction.append(
            person, "usage", [json.dumps(USED)], source="customer", occasion="service-use"
        )
    )
    browser = house.signed_in(person)
    assert "Make my copy" in browser.get("/me/privacy/export").text
    answer = send(browser, "/me/privacy/export", {})
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert set(archive.namelist()) >= {
        "read-me.html",
        "everything.json",
        "values.csv",
        "usage.csv",
        "what-was-done.csv",
        "records.csv",
    }
    document = json.loads(archive.read("everything.json"))
    rows = {each["data"]: each["rows"] for each in document["held"]}
    assert rows["address"][0]["value"] == ADDRESS
    assert (rows["address"][0]["origin"], rows["address"][0]["clause"]) == (
        "customer",
        "registration",
    )
    assert rows["usage"][0]["value"] == USED
    assert "credentials" not in rows
    mine = house.provider.gate.gate.entries(person)
    assert [each["number"] for each in document["entries"]] == [each.number for each in mine]
    whole = b"".join(archive.read(name) for name in archive.namelist())
    assert other.encode() not in whole
    assert b"ben@marked.example" not in whole
    page = archive.read("read-me.html").decode()
    assert not re.search(r"https?://|src=|<script", page)
    (request,) = requests_of(house, person)
    assert (request.kind, request.state) == ("access", requests.FULFILLED)
    status = browser.get(f"/me/privacy/requests/{request.request_id}/status").json()
    assert (status["status"], status["request_id"]) == ("fulfilled", request.request_id)
    assert request.due == request.received + timedelta(days=30)


def test_a_copy_needs_a_password_given_just_now(house: House) -> None:
    """An old session is led to sign in first, and sends nothing."""
    browser = house.signed_in(house.customer())
    house.clock.moved = -timedelta(minutes=20)
    old = house.signed_in(house.customer("eve@marked.example"))
    house.clock.moved = timedelta()
    for path in ("export", "erase", "correct"):
        assert browser.get(f"/me/privacy/{path}").status_code == 200
        assert old.get(f"/me/privacy/{path}").headers["location"].startswith("/sign-in/again?")
        answer = old.post(f"/me/privacy/{path}", data={"_token": "0"})
        assert answer.status_code == (307 if path == "correct" else 303), "what is typed is carried"
        assert answer.headers["location"].startswith("/sign-in/again?")


def test_a_cell_that_would_be_a_formula_is_text(house: House) -> None:
    """A value that a spreadsheet would run comes out of a copy as plain text."""
    person = house.customer(interests='=HYPERLINK("x")')
    answer = send(house.signed_in(person), "/me/privacy/export", {})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    cells = [
        cell for row in csv.reader(io.StringIO(archive.read("values.csv").decode())) for cell in row
    ]
    assert '\'=HYPERLINK("x")' in cells


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    """Whatever a cell holds, no spreadsheet takes it for a formula, and nothing is lost of it."""
    cell = sheets.harmless(text)
    assert not cell.lstrip(" ").startswith(sheets.FORMULA) or re.fullmatch(r"-[0-9.]+", cell)
    assert cell.removeprefix("'") == text.removeprefix("'") or cell == text


def test_a_value_is_corrected_at_once_by_its_person(house: House) -> None:
    """A new value is a new revision, and the request is answered by the same step."""
    person = house.customer(address=ADDRESS)
    browser = house.signed_in(person)
    path = "/me/privacy/correct?field=address"
    for value in ("", *HOSTILE):
        assert send(browser, path, {"value": value}).status_code == 422
    for value in ODD:
        assert send(browser, path, {"value": value}).status_code == 303
    page = browser.get("/me/privacy?show=address").text
    assert "<script>alert" not in page
    assert ODD[-1] in page
    assert {(each.kind, each.about, each.state) for each in requests_of(house, person)} == {
        ("correction", "address", requests.FULFILLED)
    }
    assert send(browser, "/me/privacy/correct?field=phone", {"value": "1"}, path).status_code == 404
    assert browser.get("/me/privacy/correct?field=credentials").status_code == 404


def test_what_access_rests_on_waits_for_staff_until_it_is_answered(house: House) -> None:
    """A birth date waits for our staff; a task that is closed unanswered is opened again."""
    person = house.customer()
    browser = house.signed_in(person)
    path = "/me/privacy/correct?field=birth-date"
    assert send(browser, path, {"text": "It is 1 March."}).status_code == 422
    assert send(browser, path, {"value": "1990-03-01"}).status_code == 303
    assert send(browser, path, {"value": "1990-03-01", "text": "Again."}).status_code == 303
    (request,) = requests_of(house, person)
    assert request.state == requests.IN_PROGRESS
    assert request.due == request.received + timedelta(days=14)
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    assert (task.role, task.purpose, task.about) == (
        "accounts",
        "rights-request",
        request.request_id,
    )
    reopen = _job(house, "reopen-requests")
    assert reopen() == 0
    house.do(lambda transaction: tasks.close(transaction, task.task_id))
    assert reopen() == 1
    assert requests_of(house, person)[0].state == requests.IN_PROGRESS
    (again,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    assert (again.about, again.due) == (request.request_id, request.due)
    assert reopen() == 0


def test_erasure_is_owed_and_tells_what_an_unpaid_invoice_keeps(house: House) -> None:
    """Somebody who owes is told what is kept, asks, and sees the day by which it is due."""
    person = house.customer()
    house.do(lambda transaction: owing(transaction, person))
    browser = house.signed_in(person)
    page = browser.get("/me/privacy/erase").text
    assert "You still owe" in page
    assert "/privacy#erasure" in page
    assert send(browser, "/me/privacy/erase", {}).status_code == 422
    asked_for = send(browser, "/me/privacy/erase", {"sure": "yes"})
    assert asked_for.status_code == 200
    link = re.search(r'href="(/erased/[^"]+)"', asked_for.text)
    assert link
    (request,) = requests_of(house, person)
    assert (request.kind, request.state) == ("erasure", requests.IN_PROGRESS)
    assert request.due == request.received + timedelta(days=30)
    assert house.do(
        lambda transaction: transaction.peek(person, requests.action("erasure"))
    ).allowed
    assert "You asked for this" in browser.get("/me/privacy/erase").text
    erasures = _job(house, "erasures")
    assert erasures() == 0
    nobody = house.browser()
    assert "Nothing was erased yet" in nobody.get(link[1]).text
    house.clock.moved = timedelta(days=3, minutes=1)
    assert erasures() == 1
    assert erasures() == 0
    page_text = nobody.get(link[1]).text
    assert "we erased what we held about you, but for what must be kept" in page_text
    assert "your account with us is not settled yet" in page_text
    assert "/privacy#erasure" in page_text
    assert nobody.get(link[1] + "x").status_code == 404
    held_now = house.do(lambda transaction: transaction.held_fields(person))
    assert "name" in held_now
    assert not {"birth-date", "credentials", "interests"} & set(held_now)
    assert browser.get("/me").headers["location"].startswith("/sign-in")
    assert requests_of(house, person)[0].state == requests.FULFILLED


def test_whoever_asked_gets_the_address_of_the_certificate_by_mail(house: House) -> None:
    """The message has an address that shows the erasure to whoever has it, without an account."""
    person = house.customer()
    house.do(lambda transaction: erasure.request(transaction, person))
    box = Box()
    assert Delivery(house.provider, box).run(house.provider.gate.gate) == 1
    (message,) = box.messages
    body = message.get_body(("plain",))
    assert body is not None
    link = re.search(r"<(/erased/[^>]+)>", body.get_content())
    assert link
    assert house.browser().get(link[1]).status_code == 200


def test_an_erasure_that_was_stopped_in_the_middle_is_gone_on_with(house: House) -> None:
    """A job that ends after the erasure and before the state was kept erases nobody twice."""
    erased_person, owes = house.customer(), house.customer("owes@marked.example")
    house.do(lambda transaction: owing(transaction, owes))
    for person in (erased_person, owes):
        house.do(lambda transaction, person=person: erasure.request(transaction, person))  # type: ignore[misc] # mypy knows no lambda's default
    house.clock.moved = timedelta(days=4)
    erase(house.provider.gate.gate, [erased_person, owes])
    assert requests_of(house, erased_person) == []
    assert requests_of(house, owes)[0].state == requests.IN_PROGRESS
    assert _job(house, "erasures")() == 1
    assert requests_of(house, owes)[0].state == requests.FULFILLED
    for person in (erased_person, owes):
        assert len(certificates(house.provider.gate.gate, person)) == 1


def test_a_request_can_be_taken_back_by_its_person_alone(house: House) -> None:
    """Taken back, its answer is owed no more; nobody else's request is there."""
    ann, ben = house.customer(), house.customer("ben@marked.example")
    request = house.do(lambda transaction: requests.open_request(transaction, ann, "erasure"))
    assert isinstance(request, requests.RightsRequest)
    path = f"/me/privacy/requests/{request.request_id}"
    other = house.signed_in(ben)
    assert other.get(path + "/status").status_code == 404
    assert send(other, path, {}, "/me/privacy/choices").status_code == 404
    assert send(house.signed_in(ann), path, {}, "/me/privacy/choices").status_code == 303
    assert requests_of(house, ann)[0].state == requests.REVOKED
    assert not house.do(
        lambda transaction: transaction.peek(ann, requests.action("erasure"))
    ).allowed


def _is_refused(kind: str) -> object:
    def story(house: House) -> bool:
        person = house.customer()
        return isinstance(
            house.do(lambda transaction: requests.open_request(transaction, person, kind)), Refused
        )

    return story


def _correct_refused(house: House) -> bool:
    person = house.customer(address=ADDRESS)

    def work(transaction: GateTransaction) -> object:
        return corrections.correct(transaction, person, "address", "13 Larch Lane")

    return isinstance(house.do(work), Refused)


RESTS_ON = {
    "access": _is_refused("access"),
    "correction": _is_refused("correction"),
    "erasure": _is_refused("erasure"),
    "necessary": _correct_refused,
}
