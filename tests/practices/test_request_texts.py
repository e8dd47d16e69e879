"""What a customer writes while their request waits: it joins the thread, whichever form sent it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx2
import pytest
from starlette.testclient import TestClient

from practices.conftest import PAGE, TOKEN, House, send
from practices.test_request_desk import take
from upheld.core.ids import PersonId
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks, threads
from upheld.practices.rights import corrections, objections, requests

AT_ONCE = 20
TEXTS = [f"Reason {at:02} *of* <b>Zoë</b>" for at in range(AT_ONCE)]
PLACES = {
    "correction": ("/me/privacy/correct?field=email", {}),
    "objection": ("/me/privacy/object", {"purpose": "personalisation"}),
}
EACH = pytest.mark.parametrize("kind", list(PLACES))


def the_request(house: House, person: PersonId) -> requests.RightsRequest:
    """The only request of a person."""
    (request,) = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    return request


def thread(house: House, person: PersonId) -> list[str]:
    """What stands in the thread of a person's only request."""
    about = the_request(house, person).request_id
    copies = house.do(lambda transaction: threads.read_as_customer(transaction, person, about))
    assert isinstance(copies, list)
    return [each.text for each in copies]


def asker(house: House) -> tuple[TestClient, PersonId]:
    """A customer with something to correct and to object to, and their browser."""
    person = house.customer(interests="books")
    return house.signed_in(person), person


@EACH
def test_a_second_text_joins_what_waits_and_both_sides_read_it(house: House, kind: str) -> None:
    """The page says that one waits; what is sent then is one case with two texts in its order."""
    browser, person = asker(house)
    path, form = PLACES[kind]
    assert send(browser, path, {**form, "text": TEXTS[0]}).status_code == 303
    request = the_request(house, person)
    address = f"/me/privacy/requests/{request.request_id}"
    assert address in browser.get(path).text
    answer = send(browser, path, {**form, "text": TEXTS[1]})
    assert (answer.status_code, answer.headers["location"]) == (303, address)
    assert the_request(house, person).request_id == request.request_id
    assert thread(house, person) == TEXTS[:2]
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    staff, _ = take(house, task.task_id, task.role)
    for page in (browser.get(address).text, staff.get(f"/staff/requests/{task.task_id}").text):
        first, second = (page.index(f"Reason {at:02} *of* &lt;b&gt;") for at in range(2))
        assert first < second


@EACH
def test_the_same_text_sent_twice_is_one_until_somebody_else_wrote(house: House, kind: str) -> None:
    """A form that is sent again adds nothing, but for after an answer, or later."""
    browser, person = asker(house)
    path, form = PLACES[kind]
    for _ in range(2):
        assert send(browser, path, {**form, "text": "Yes."}).status_code == 303
    assert thread(house, person) == ["Yes."]
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    staff, _ = take(house, task.task_id, task.role)
    desk = f"/staff/requests/{task.task_id}"
    assert send(staff, f"{desk}/write", {"text": "Since May?"}, desk).status_code == 303
    page = f"/me/privacy/requests/{the_request(house, person).request_id}"
    for _ in range(2):
        assert send(browser, f"{page}/reply", {"text": "Yes."}, page).status_code == 303
    assert thread(house, person) == ["Yes.", "Since May?", "Yes."]
    house.clock.moved += timedelta(minutes=4)
    assert send(browser, f"{page}/reply", {"text": "Yes."}, page).status_code == 303
    house.clock.moved += timedelta(minutes=11)
    again = house.signed_in(person)
    assert send(again, path, {**form, "text": "Yes."}).status_code == 303
    assert thread(house, person) == ["Yes.", "Since May?", "Yes.", "Yes."]


@EACH
def test_an_empty_or_wrong_text_changes_nothing(house: House, kind: str) -> None:
    """A form without a text of use, and one from another origin, leave the thread as it is."""
    browser, person = asker(house)
    path, form = PLACES[kind]
    assert send(browser, path, {**form, "text": TEXTS[0]}).status_code == 303
    for wrong in ("a\x00b", "x" * 2_001):
        assert send(browser, path, {**form, "text": wrong}).status_code == 422
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    data = {**form, "text": "x"}
    assert browser.post(path, data=data, headers=foreign).status_code == 403
    assert thread(house, person) == TEXTS[:1]


@EACH
def test_twenty_texts_at_once_are_one_case_and_none_is_lost(house: House, kind: str) -> None:
    """Whichever comes first opens the case; each of the others stands in its thread."""
    _, person = asker(house)

    def make(text: str) -> object:
        def work(transaction: GateTransaction) -> object:
            if kind == objections.KIND:
                return objections.object_to(
                    house.provider, transaction, person, "personalisation", text
                )
            return corrections.hand_over(house.provider, transaction, person, "email", text)

        return house.do(work)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = list(pool.map(make, TEXTS))
    assert all(isinstance(each, requests.RightsRequest) for each in results)
    assert sorted(thread(house, person)) == TEXTS
    assert len(house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))) == 1


@EACH
def test_of_twenty_forms_at_once_each_is_taken_in_or_comes_back(house: House, kind: str) -> None:
    """What is one too many in a short time is not lost: it stands in the form that comes back."""
    browser, person = asker(house)
    path, form = PLACES[kind]
    match = TOKEN.search(browser.get(path).text)
    assert match
    forms = [{**form, "text": each, "_token": match[1]} for each in TEXTS]

    async def all_of_them() -> list[httpx2.Response]:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=house.app),
            base_url="http://testserver",
            headers=PAGE,
            cookies=dict(browser.cookies),
        ) as client:
            return await asyncio.gather(*(client.post(path, data=each) for each in forms))

    with ThreadPoolExecutor(1) as apart:
        answers = apart.submit(asyncio.run, all_of_them()).result()
    texts = thread(house, person)
    for text, answer in zip(TEXTS, answers, strict=True):
        assert answer.status_code == (303 if text in texts else 422)
        if answer.status_code == 422:
            assert threads.TOO_MANY in answer.text
            assert text[: len("Reason 00")] in answer.text
            assert 'value="personalisation" selected' in answer.text or kind == "correction"
    assert threads.WRITE_RATE.most <= len(texts) < AT_ONCE


def test_an_objection_stops_the_use_however_much_was_written(house: House) -> None:
    """Too many messages keep nobody from objecting to something else, with their reasons."""
    browser, person = asker(house)
    for text in TEXTS:
        send(browser, "/me/privacy/object", {"purpose": "personalisation", "text": text})
    answer = send(browser, "/me/privacy/object", {"purpose": "research", "text": "Not this."})
    assert answer.status_code == 303
    assert set(house.do(lambda transaction: objections.in_force(transaction, person))) == {
        "personalisation",
        "research",
    }
    rows = house.do(lambda transaction: requests.requests_of(transaction.tables, person))
    assert {each.about for each in rows} == {"personalisation", "research"}
