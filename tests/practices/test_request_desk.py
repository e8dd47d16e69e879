"""The desk for requests: read, changed or refused with a reason, written about, and handed over."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from practices.conftest import House, send
from upheld.core.ids import PersonId, RecordId, TaskId, UserId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import corrections, requests

BORN, RIGHT = "1990-02-22", "1990-02-23"
WROTE = "It is the 23rd & not the 22nd.\n# <b>Zo\u00eb</b>"


def ask(house: House, field: str = "birth-date") -> tuple[TestClient, PersonId, TaskId]:
    """A customer who asks for a correction: their browser and id, and the id of the task."""
    person = house.customer(born=BORN)
    browser = house.signed_in(person)
    path = f"/me/privacy/correct?field={field}"
    assert send(browser, path, {"text": WROTE, "value": RIGHT}).status_code == 303
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    return browser, person, task.task_id


def take(
    house: House, task: TaskId, *roles: str, sign_in: str = "sam"
) -> tuple[TestClient, UserId]:
    """Somebody of our staff who took a task: their browser and id."""
    user = house.staff(*(roles or ("accounts",)), sign_in=sign_in)
    browser = house.signed_in(user, "staff")
    path = f"/staff/tasks/{task}"
    assert send(browser, f"{path}/take", {}, path).status_code == 303
    return browser, user


def post(browser: TestClient, task: str, what: str, **data: str) -> int:
    """Send a form of the desk's page; the status of the answer."""
    path = f"/staff/requests/{task}"
    return send(browser, f"{path}/{what}", data, path).status_code


def the_request(house: House, person: PersonId) -> requests.RightsRequest:
    """The only request of a person."""
    (request,) = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    return request


def test_a_correction_is_read_and_changed_and_the_customer_sees_the_new_value(house: House) -> None:
    """The desk shows text and value; a new value is stored, and that alone answers the request."""
    customer, person, task = ask(house)
    staff, user = take(house, task)
    path = f"/staff/requests/{task}"
    assert path in staff.get(f"/staff/tasks/{task}").text
    page = staff.get(path)
    assert page.headers["cache-control"] == "no-store"
    assert "It is the 23rd &amp; not the 22nd." in page.text
    assert "<b>Zo" not in page.text
    assert "22 February 1990" in page.text
    assert "due on" in page.text
    for wrong in ("", "1990-02-30", "3000-01-01", "a\x00b"):
        assert post(staff, task, "change", value=wrong) == 422
    assert the_request(house, person).state == requests.IN_PROGRESS
    assert post(staff, task, "change", value=RIGHT) == 303
    request = the_request(house, person)
    assert (request.state, request.entry is not None) == (requests.FULFILLED, True)
    assert "Back to your queue" in staff.get(path).text
    assert "23 February 1990" in customer.get("/me/privacy?show=birth-date").text
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    (corrected,) = [each for each in entries if each.kind == "corrected"]
    assert (corrected.actor, corrected.data) == (f"staff {user}", ("birth-date",))
    assert {
        each.data for each in entries if each.action == "view" and each.actor == f"staff {user}"
    } >= {("birth-date",), ("messages",)}
    assert "Our staff corrected" in customer.get("/me/privacy/received").text
    with reading(house.provider.gate.gate.engine) as connection:
        written = repr(rows(connection, "SELECT * FROM entry"))
    assert "23rd" not in written
    assert RIGHT not in written


def test_closing_the_task_in_the_queue_answers_nothing(house: House) -> None:
    """The console has no button that closes a correction, and its form leads to the desk."""
    _, person, task = ask(house)
    staff, _ = take(house, task)
    path = f"/staff/tasks/{task}"
    assert "It is done" not in staff.get(path).text
    answer = send(staff, f"{path}/leave", {"how": "done"}, path)
    assert answer.headers["location"] == f"/staff/requests/{task}"
    assert the_request(house, person).state == requests.IN_PROGRESS


def test_a_request_is_refused_with_a_reason_that_its_customer_reads(house: House) -> None:
    """Without a reason nothing is refused; with one, the request is denied and the value stays."""
    customer, person, task = ask(house)
    staff, _ = take(house, task)
    assert post(staff, task, "refuse", reason=" ") == 422
    assert post(staff, task, "refuse", reason="Your passport says the 22nd.") == 303
    request = the_request(house, person)
    assert request.state == requests.DENIED
    page = customer.get(f"/me/privacy/requests/{request.request_id}").text
    assert "Your passport says the 22nd." in page
    assert "Your reply" not in page
    assert "22 February 1990" in customer.get("/me/privacy?show=birth-date").text
    assert not house.do(
        lambda transaction: transaction.peek(person, requests.action("correction"))
    ).allowed
    assert "refused your request and said why" in customer.get("/me/privacy/received").text


def test_both_sides_write_in_one_thread(house: House) -> None:
    """Staff write, the mail says no more than that they did, the customer replies, staff read."""
    customer, person, task = ask(house)
    staff, _ = take(house, task)
    assert post(staff, task, "write", text="") == 422
    assert post(staff, task, "write", text="Please send the page of your passport.") == 303
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    (mail,) = [each for each in box.messages if "news about your request" in each["subject"]]
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has a text
    request = the_request(house, person)
    assert f"/me/privacy/requests/{request.request_id}" in text
    assert "passport" not in text
    path = f"/me/privacy/requests/{request.request_id}"
    assert "Please send the page of your passport." in customer.get(path).text
    assert send(customer, f"{path}/reply", {"text": ""}, path).status_code == 422
    assert send(customer, f"{path}/reply", {"text": "Here it is."}, path).status_code == 303
    assert "Here it is." in staff.get(f"/staff/requests/{task}").text
    other = house.signed_in(house.customer("bo@other.example"))
    assert other.get(path).status_code == 404
    assert send(other, f"{path}/reply", {"text": "Mine"}, "/me/privacy").status_code == 404
    statuses = [
        send(customer, f"{path}/reply", {"text": "Again."}, path).status_code for _ in range(10)
    ]
    assert statuses[-1] == 422


def test_nothing_of_a_request_is_readable_without_its_task(house: House) -> None:
    """Before taking it, after putting it back and for a colleague, the desk is not there."""
    _, person, task = ask(house)
    user = house.staff("accounts", sign_in="kim")
    colleague = house.signed_in(user, "staff")
    path = f"/staff/requests/{task}"
    assert colleague.get(path).status_code == 404
    staff, _ = take(house, task)
    for what, data in (("change", {"value": RIGHT}), ("write", {"text": "x"}), ("refuse", {})):
        answer = send(colleague, f"{path}/{what}", data, "/staff")
        assert answer.status_code == 404
    assert colleague.head(path).status_code == 404
    here = f"/staff/tasks/{task}"
    assert send(staff, f"{here}/leave", {"how": "back"}, here).status_code == 303
    assert staff.get(path).status_code == 404
    assert the_request(house, person).state == requests.IN_PROGRESS


def test_a_task_is_passed_on_to_a_role_that_works_for_its_purpose(house: House) -> None:
    """It waits in the other queue, whoever passed it on sees nothing more, and others are no."""
    _, _, task = ask(house)
    staff, _ = take(house, task)
    here = f"/staff/tasks/{task}"
    assert send(staff, f"{here}/pass", {"role": "support"}, here).status_code == 422
    assert send(staff, f"{here}/pass", {"role": "privacy"}, here).status_code == 303
    assert staff.get(here).status_code == 404
    assert staff.get(f"/staff/requests/{task}").status_code == 404
    desk, _ = take(house, task, "privacy", sign_in="pat")
    assert "22 February 1990" in desk.get(f"/staff/requests/{task}").text


def test_twenty_changes_at_once_are_one(house: House) -> None:
    """However often it is sent at the same time, one value is stored and one answer given."""
    _, person, task = ask(house)
    _, user = take(house, task)

    def change(transaction: GateTransaction) -> bool:
        mine = tasks.require_mine(transaction, TaskId(task), corrections.KIND, user)
        assert mine is not None
        request = requests.find_request(transaction.tables, person, RecordId(mine.about))
        assert request is not None
        if not request.waits:
            return False
        result = corrections.set_value(transaction, request, RIGHT, user)
        return isinstance(result, requests.RightsRequest)

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(lambda _: house.do(change), range(20))) == 1
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    assert [each.actor for each in entries if each.kind == "corrected"] == [f"staff {user}"]
    assert the_request(house, person).state == requests.FULFILLED


def test_the_list_says_what_is_due_when_and_nothing_of_anybody(house: House) -> None:
    """Waiting requests stand by the day they are due, late ones marked, for some roles alone."""
    customer, _, task = ask(house)
    assert send(customer, "/me/privacy/erase", {"sure": "yes"}).status_code == 200
    house.clock.moved = timedelta(days=15)
    desk = house.signed_in(house.staff("privacy"), "staff")
    page = desk.get("/staff/requests").text
    assert f"/staff/tasks/{task}" not in page  # a page that is not there for them
    assert "It waits for another role" in page
    worker = house.signed_in(house.staff("accounts", sign_in="ac"), "staff")
    assert f"/staff/tasks/{task}" in worker.get("/staff/requests").text
    assert ", late" in page
    assert "We erase it automatically from" in page
    assert "It is the 23rd" not in page
    assert not re.search(r"\bAnn\b", page)
    assert house.signed_in(house.staff("support", sign_in="su"), "staff").get(
        "/staff/requests"
    ).status_code == (403)


@pytest.mark.parametrize("what", ["change", "write", "refuse"])
def test_a_form_from_elsewhere_does_nothing(house: House, what: str) -> None:
    """Each form of the desk is refused from another origin, and without its token."""
    _, person, task = ask(house)
    staff, _ = take(house, task)
    data = {"value": RIGHT, "text": "x", "reason": "x"}
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    path = f"/staff/requests/{task}/{what}"
    assert staff.post(path, data=data, headers=foreign).status_code == 403
    assert staff.post(path, data=data).status_code == 403
    assert the_request(house, person).state == requests.IN_PROGRESS
