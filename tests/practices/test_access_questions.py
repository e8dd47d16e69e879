"""Questions about what we hold: a thread between a customer and the desk, beside the copy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from starlette.testclient import TestClient

from practices.conftest import House, send
from practices.test_request_desk import post, take
from practices.without import without
from upheld.core.ids import PersonId, TaskId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.practice import tasks, threads
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import access_questions, requests

PAGE = "/me/privacy/question"
WROTE = "What is *nobody's* row for?\n# <b>Zoë</b>"


def the_request(house: House, person: PersonId) -> requests.RightsRequest:
    """The latest request of a person."""
    return house.do(lambda transaction: requests.requests_of(transaction.tables, person))[0]


def ask(house: House) -> tuple[TestClient, PersonId, TaskId]:
    """A customer who asks: their browser and id, and the id of the task."""
    person = house.customer()
    browser = house.signed_in(person)
    assert send(browser, PAGE, {"text": WROTE}).status_code == 303
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    return browser, person, task.task_id


def test_both_sides_write_and_the_answer_closes_the_request(house: House) -> None:
    """The desk reads the question, writes, reads the reply and answers; the customer reads all."""
    customer, person, task = ask(house)
    request = the_request(house, person)
    assert (request.kind, request.state) == ("access", requests.IN_PROGRESS)
    assert request.due == request.received + timedelta(days=30)
    own = f"/me/privacy/requests/{request.request_id}"
    assert own in customer.get(PAGE).text
    staff, user = take(house, task, "privacy")
    desk = f"/staff/requests/{task}"
    shown = staff.get(desk).text
    assert "What is *nobody&#39;s* row for?" in shown
    assert "<b>Zo" not in shown
    assert "A question about what we hold" in staff.get("/staff/requests").text
    assert post(staff, task, "change", value="x") == 403
    assert post(staff, task, "uphold") == 403
    assert post(staff, task, "write", text="Which row do you mean?") == 303
    assert "Which row do you mean?" in customer.get(own).text
    assert send(customer, f"{own}/reply", {"text": "The third."}, own).status_code == 303
    assert "The third." in staff.get(desk).text
    assert post(staff, task, "answer", answer=" ") == 422
    assert post(staff, task, "answer", answer="It counts your bills.") == 303
    assert post(staff, task, "answer", answer="It counts your bills.") == 303  # it is answered
    request = the_request(house, person)
    assert (request.state, request.entry is not None) == (requests.FULFILLED, True)
    page = customer.get(own).text
    assert page.count("It counts your bills.") == 1
    assert "Your reply" not in page
    assert "Our staff answered your question" in customer.get("/me/privacy/received").text
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    (answered,) = [each for each in entries if each.kind == access_questions.ANSWERED]
    assert answered.actor == f"staff {user}"
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    assert [each for each in box.messages if "news about your request" in each["subject"]]
    with reading(house.provider.gate.gate.engine) as connection:
        assert "nobody" not in repr(rows(connection, "SELECT * FROM entry"))


def test_twenty_questions_at_once_are_one_case_that_a_copy_leaves_open(house: House) -> None:
    """Each text stands in the one thread; the copy is made meanwhile, and a refusal says why."""
    person = house.customer()
    customer = house.signed_in(person)
    texts = [f"Question {at:02}" for at in range(20)]

    def ask_one(text: str) -> object:
        return house.do(
            lambda transaction: access_questions.ask(house.provider, transaction, person, text)
        )

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(ask_one, texts))
    assert all(isinstance(each, requests.RightsRequest) for each in results)
    about = the_request(house, person).request_id
    thread = house.do(lambda transaction: threads.read_as_customer(transaction, person, about))
    assert isinstance(thread, list)
    assert sorted(each.text for each in thread) == texts
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    assert send(customer, "/me/privacy/export", {}).headers["content-type"] == "application/zip"
    assert the_request(house, person).state == requests.IN_PROGRESS
    staff, _ = take(house, task.task_id, "privacy")
    other = house.signed_in(house.staff("privacy", sign_in="bea"), "staff")
    assert other.get(f"/staff/requests/{task.task_id}").status_code == 404
    assert post(staff, task.task_id, "refuse", reason="It is about another person.") == 303
    assert the_request(house, person).state == requests.DENIED
    own = f"/me/privacy/requests/{about}"
    assert "It is about another person." in customer.get(own).text
    assert house.signed_in(house.customer("bo@other.example")).get(own).status_code == 404
    assert send(customer, "/me/privacy/export", {}).status_code == 200
    assert the_request(house, person).state == requests.FULFILLED


def test_where_the_policy_owes_no_answer_a_question_is_refused(
    open_house: Callable[..., House],
) -> None:
    """Without the clause no request is made, and the page says so."""
    house = open_house(without("access"))
    person = house.customer()
    assert send(house.signed_in(person), PAGE, {"text": WROTE}).status_code == 403
    assert not house.do(lambda transaction: requests.requests_of(transaction.tables, person))
