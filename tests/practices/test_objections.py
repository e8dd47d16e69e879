"""Objections: a use stops at once, and our staff uphold it or say why it goes on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from practices.conftest import House, send
from practices.test_request_desk import post, take
from practices.without import without
from upheld.core.ids import PersonId, RecordId, TaskId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import case_work, objections, requests

PAGE = "/me/privacy/object"
WROTE = "I am *nobody's* row.\n# <b>Zoë</b>"
PURPOSES = ("personalisation", "service-improvement", "research", "reporting")


def may(house: House, person: PersonId, purpose: str = "personalisation") -> bool:
    """Whether no objection stands against using somebody's services for a purpose now."""
    use = Act(action="use", data=("services",), purpose=purpose)
    decision = house.do(lambda transaction: transaction.peek(person, use))
    assert decision.clauses
    return "objection" not in decision.clauses


def the_request(house: House, person: PersonId) -> requests.RightsRequest:
    """The latest request of a person."""
    return house.do(lambda transaction: requests.requests_of(transaction.tables, person))[0]


def objecting(
    house: House, purpose: str = "personalisation", email: str = "ann@marked.example"
) -> tuple[TestClient, PersonId, TaskId]:
    """A customer who objects: their browser and id, and the id of the task."""
    person = house.customer(email, interests="books")
    browser = house.signed_in(person)
    assert send(browser, PAGE, {"purpose": purpose, "text": WROTE}).status_code == 303
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    return browser, person, task.task_id


@pytest.mark.parametrize("purpose", PURPOSES)
def test_what_somebody_objects_to_stops_at_once_for_them_alone(house: House, purpose: str) -> None:
    """From the form on the policy says no, for this purpose and person, and an answer is owed."""
    other = house.customer("bo@other.example", interests="books")
    before = house.customer("cy@other.example", interests="books")
    assert may(house, before, purpose)
    browser, person, _ = objecting(house, purpose)
    assert not may(house, person, purpose)
    assert may(house, other, purpose)
    assert all(may(house, person, each) for each in PURPOSES if each != purpose)
    assert may(house, person, "support")
    request = the_request(house, person)
    assert (request.kind, request.about, request.state) == (
        "objection",
        purpose,
        requests.IN_PROGRESS,
    )
    assert request.due == request.received + timedelta(days=30)
    assert "We have not answered yet" in browser.get(PAGE).text
    assert f'value="{purpose}"' not in browser.get(PAGE).text
    shown = browser.get(f"/me/privacy/requests/{request.request_id}").text
    assert "We have stopped using anything about you for this" in shown
    assert "<b>Zo" not in shown
    assert "You objected to a use" in browser.get("/me/privacy/received").text
    with reading(house.provider.gate.gate.engine) as connection:
        assert "nobody" not in repr(rows(connection, "SELECT * FROM entry"))


def test_an_upheld_objection_holds_and_its_customer_is_written_to(house: House) -> None:
    """The desk shows what was written and what stopped; upheld, it stays so until taken back."""
    customer, person, task = objecting(house)
    staff, user = take(house, task, "privacy")
    page = staff.get(f"/staff/requests/{task}").text
    assert "I am *nobody&#39;s* row." in page
    assert "It stays so until you answer" in page
    assert "Why we must continue" in page
    assert post(staff, task, "change", value="x") == 403
    assert post(staff, task, "uphold") == 303
    assert post(staff, task, "uphold") == 303  # again: it is answered already
    request = the_request(house, person)
    assert (request.state, request.entry is not None) == (requests.FULFILLED, True)
    assert not may(house, person)
    assert (
        "Your objection is upheld"
        in customer.get(f"/me/privacy/requests/{request.request_id}").text
    )
    assert "Our staff upheld your objection" in customer.get("/me/privacy/received").text
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    assert [each for each in box.messages if "news about your request" in each["subject"]]
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    (upheld,) = [each for each in entries if each.kind == objections.UPHELD]
    assert (upheld.actor, upheld.purpose) == (f"staff {user}", "personalisation")
    assert not house.do(
        lambda transaction: transaction.peek(person, requests.action("objection"))
    ).allowed
    record = house.do(lambda transaction: objections.in_force(transaction, person))
    path = f"/me/privacy/choices/{record['personalisation'].record_id}"
    assert send(customer, path, {}, "/me/privacy/choices").status_code == 303
    assert may(house, person)
    assert send(customer, PAGE, {"purpose": "personalisation"}).status_code == 303
    assert not may(house, person)


def test_a_refused_objection_says_why_and_the_use_goes_on(house: House) -> None:
    """Without a reason nothing is refused; with one, its customer reads it and the record ends."""
    customer, person, task = objecting(house)
    staff, _ = take(house, task, "privacy")
    assert post(staff, task, "refuse", reason=" ") == 422
    assert not may(house, person)
    assert post(staff, task, "refuse", reason="Your line is chosen by it.") == 303
    request = the_request(house, person)
    assert request.state == requests.DENIED
    assert may(house, person)
    page = customer.get(f"/me/privacy/requests/{request.request_id}").text
    assert "Your objection is refused, and the use continues" in page
    assert "Your line is chosen by it." in page
    assert "ended your objection" in customer.get("/me/privacy/received").text


@pytest.mark.parametrize("road", ["request", "choice"])
def test_an_objection_is_taken_back_on_either_page_with_its_request(
    house: House, road: str
) -> None:
    """Whether from the request or from the choices, both end, and the desk has nothing to do."""
    customer, person, task = objecting(house)
    staff, _ = take(house, task, "privacy")
    path = f"/me/privacy/requests/{the_request(house, person).request_id}"
    if road == "choice":
        record = house.do(lambda transaction: objections.in_force(transaction, person))
        path = f"/me/privacy/choices/{record['personalisation'].record_id}"
    other = house.signed_in(house.customer("bo@other.example"))
    assert send(other, path, {}, "/me/privacy/choices").status_code == 404
    assert send(customer, path, {}, "/me/privacy/choices").status_code == 303
    assert the_request(house, person).state == requests.REVOKED
    assert may(house, person)
    assert post(staff, task, "uphold") == 303
    assert the_request(house, person).state == requests.REVOKED
    assert may(house, person)


def test_only_what_the_policy_lets_be_objected_to_is_offered(house: House) -> None:
    """The form has the purposes that the policy reads an objection for, and takes no other."""
    assert objections.purposes(house.policy) == PURPOSES
    person = house.customer()
    browser = house.signed_in(person)
    page = browser.get(PAGE).text
    for purpose in ("billing", "support", "debt-collection", "newsletter"):
        assert f'value="{purpose}"' not in page
        assert send(browser, PAGE, {"purpose": purpose}).status_code == 422
    for wrong in ("", "nothing", "personalisation\x00"):
        assert send(browser, PAGE, {"purpose": wrong}).status_code == 422
    assert house.do(lambda transaction: requests.requests_of(transaction.tables, person)) == []


def test_a_policy_without_objections_offers_none(open_house: Callable[..., House]) -> None:
    """Where no clause reads an objection, no page offers one, and its form takes none."""
    house = open_house(without("objection"))
    assert objections.purposes(house.policy) == ()
    browser = house.signed_in(house.customer())
    assert "Object to a use" not in browser.get("/me/privacy/requests").text
    assert send(browser, PAGE, {"purpose": "research"}, "/me/privacy/choices").status_code == 422


def test_twenty_objections_and_twenty_answers_at_once_are_one(house: House) -> None:
    """However many are sent at the same time, there is one record, one task and one answer."""
    person = house.customer()

    def make(_: int) -> object:
        return house.do(
            lambda transaction: objections.object_to(
                house.provider, transaction, person, "research", "x"
            )
        )

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(make, range(20)))
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    _, user = take(house, task.task_id, "privacy")

    def answer(number: int) -> bool:
        def work(transaction: GateTransaction) -> bool:
            mine = tasks.require_mine(transaction, task.task_id, objections.KIND, user)
            assert mine is not None
            request = requests.find_request(transaction.tables, person, RecordId(mine.about))
            assert request is not None
            if not request.waits:
                return False
            if number % 2:
                return not isinstance(objections.uphold(transaction, request, user), Refused)
            return not isinstance(
                objections.refuse(transaction, request, "We must.", user), Refused
            )

        return house.do(work)

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(answer, range(20))) == 1
    request = the_request(house, person)
    kinds = [each.entry.kind for each in house.provider.gate.gate.entries(person)]
    upheld = request.state == requests.FULFILLED
    assert may(house, person, "research") is not upheld
    assert kinds.count(objections.UPHELD) + kinds.count(case_work.TURNED_DOWN) == 1


def test_a_customer_who_is_erased_while_the_desk_works_leaves_nothing_to_answer(
    house: House,
) -> None:
    """The desk's page and forms are not there any more, and nothing breaks."""
    _, person, task = objecting(house)
    staff, _ = take(house, task, "privacy")
    erase(house.provider.gate.gate, [person])
    path = f"/staff/requests/{task}"
    assert staff.get(path).status_code == 404
    for what in ("uphold", "refuse", "write"):
        assert send(staff, f"{path}/{what}", {"reason": "x"}, "/staff").status_code == 404
    assert staff.get("/staff").status_code == 200
    assert staff.get("/staff/requests").status_code == 200


def test_an_objection_whose_task_is_closed_unanswered_is_opened_again(house: House) -> None:
    """Closing is no answer: a job lets it wait in its queue again, and it still holds."""
    _, person, task = objecting(house)
    house.do(lambda transaction: tasks.close(transaction, task))
    assert case_work.reopen(house.provider.gate.gate) == 1
    (again,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    assert (again.kind, again.role) == ("objection", "privacy")
    assert not may(house, person)


@pytest.mark.parametrize("what", ["object", "uphold"])
def test_a_form_from_elsewhere_does_nothing(house: House, what: str) -> None:
    """Each form is refused from another origin and without its token."""
    customer, person, task = objecting(house)
    staff, _ = take(house, task, "privacy")
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    browser, path = (
        (customer, PAGE) if what == "object" else (staff, f"/staff/requests/{task}/uphold")
    )
    data = {"purpose": "research"}
    assert browser.post(path, data=data, headers=foreign).status_code == 403
    assert browser.post(path, data=data).status_code == 403
    assert the_request(house, person).state == requests.IN_PROGRESS
    assert may(house, person, "research")


def _refused(house: House) -> bool:
    person = house.customer()
    return isinstance(
        house.do(
            lambda transaction: objections.object_to(
                house.provider, transaction, person, "research", ""
            )
        ),
        Refused,
    )


RESTS_ON = {"objection": _refused}
