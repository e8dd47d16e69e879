"""An erasure's thread: a customer and the desk write to one another, and it goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import upheld
from practices.conftest import PASSWORD, House, send
from practices.test_request_desk import post, take, the_request
from upheld.core.ids import PersonId, TaskId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.erasure.retention import retire
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks, threads
from upheld.practices.rights import erasure, requests

WROTE = "Will my *pictures* go too?\n# <b>Zoë</b>"


LETTERS = "  except messages for rights-request when not erased\n"
EXAMPLE = "yes  store messages for rights-request  given erasure-requested, not erased\n"


@pytest.fixture
def closed_to_letters(open_house: Callable[..., House]) -> House:
    """A provider whose policy lets us store nothing at all after an erasure was asked for."""
    text = sample_policy().read_text(encoding="utf-8")
    changed = text.replace(LETTERS, "").replace(EXAMPLE, "")
    assert len(text) - len(changed) == len(LETTERS + EXAMPLE)
    return open_house(upheld.load_text(changed))


def asks(house: House, email: str = "ann@marked.example") -> tuple[PersonId, str]:
    """A customer who asks to be erased: their id, and the page of their request."""
    person = house.customer(email)
    house.do(lambda transaction: erasure.request(transaction, person))
    return person, f"{requests.PAGE}/{the_request(house, person).request_id}"


def open_task(house: House, person: PersonId) -> TaskId:
    """The only task that is open on a person."""
    (task,) = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    return task.task_id


def test_a_customer_and_the_desk_write_about_an_erasure_that_goes_on(
    house: House,
) -> None:
    """Both read all of it, staff can refuse nothing, a closed task is followed by another one."""
    person, own = asks(house)
    customer = house.signed_in(person)
    page = customer.get(own).text
    assert "We erase everything automatically from" in page
    assert "Write to us about it" in page
    assert send(customer, f"{own}/reply", {"text": " "}, own).status_code == 422
    assert send(customer, f"{own}/reply", {"text": WROTE}, own).status_code == 303
    task = open_task(house, person)
    staff, _ = take(house, task, "privacy")
    desk, listed = f"/staff/requests/{task}", staff.get("/staff/requests").text
    assert f"/staff/requests/{own.rpartition('/')[2]}" in listed
    shown = staff.get(desk).text
    assert "Will my *pictures* go too?" in shown
    assert "<b>Zo" not in shown
    assert "Refuse and close" not in shown
    assert [post(staff, task, each, value="x") for each in ("refuse", "answer", "uphold")] == [
        422,
        422,
        403,
    ]
    assert post(staff, task, "refuse", reason="No.") == 403
    assert post(staff, task, "answer", answer="No.") == 403
    assert post(staff, task, "write", text="They go on Friday.") == 303
    assert "They go on Friday." in customer.get(own).text
    path = f"/staff/tasks/{task}"
    assert send(staff, f"{path}/leave", {"how": "done"}, path).status_code == 303
    assert the_request(house, person).state == requests.IN_PROGRESS
    assert "They go on Friday." in customer.get(own).text
    assert send(customer, f"{own}/reply", {"text": "Thank you."}, own).status_code == 303
    assert open_task(house, person) != task
    assert customer.get(own).text.count("Thank you.") == 1
    other = house.signed_in(house.customer("bo@other.example"))
    assert send(other, f"{own}/reply", {"text": "x"}, "/me/privacy/requests").status_code == 404


def test_twenty_letters_at_once_are_one_task_that_ends_with_the_erasure(
    house: House,
) -> None:
    """Each text is in the one thread; the job erases all of it, and nothing waits for anybody."""
    person, _ = asks(house)
    house.signed_in(person)
    request, texts = the_request(house, person), [f"Letter {at:02}" for at in range(20)]

    def write(text: str) -> object:
        def work(transaction: GateTransaction) -> object:
            now = requests.find_request(transaction.tables, person, request.request_id)
            assert now is not None
            return erasure.write(house.provider, transaction, now, text)

        return house.do(work)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(write, texts))
    thread = house.do(
        lambda transaction: threads.read_as_customer(transaction, person, request.request_id)
    )
    assert isinstance(thread, list)
    assert sorted(each.text for each in thread) == texts
    task = open_task(house, person)
    staff, _ = take(house, task, "privacy")
    house.clock.moved = timedelta(days=4)
    (job,) = [each for each in house.provider.jobs if each.name == "erasures"]
    assert job.run(house.provider.gate.gate) == 1
    with reading(house.provider.gate.gate.engine) as connection:
        assert rows(connection, "SELECT state FROM task WHERE person_id = ?", person) == []
        assert rows(connection, "SELECT why FROM set_aside") == []
    assert staff.get(f"/staff/requests/{task}").status_code in (303, 404)
    assert job.run(house.provider.gate.gate) == 0


def test_where_nothing_new_may_be_stored_the_page_says_how_to_reach_us(
    closed_to_letters: House,
) -> None:
    """There is no form; what is sent all the same is refused, by the clause, and nothing waits."""
    house = closed_to_letters
    person, own = asks(house)
    customer = house.signed_in(person)
    page = customer.get(own).text
    assert "our policy lets us store nothing new about you" in page
    assert "/privacy#erasure" in page
    assert "<textarea" not in page
    assert send(customer, f"{own}/reply", {"text": WROTE}, own).status_code == 403
    assert not house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    assert the_request(house, person).state == requests.IN_PROGRESS
    assert send(customer, own, {}, own).status_code == 303
    assert "<textarea" not in customer.get(own).text
    assert send(customer, f"{own}/reply", {"text": "More"}, own).status_code == 404


def test_nothing_is_deleted_while_an_erasure_can_be_taken_back(house: House) -> None:
    """Retention leaves whoever asked to the erasure; they sign in as before."""
    person, _ = asks(house)
    gate = house.provider.gate.gate
    before = house.do(lambda transaction: transaction.held_fields(person))
    assert retire(gate) == 0
    assert house.do(lambda transaction: transaction.held_fields(person)) == before
    browser = house.browser()
    form = {"email": "ann@marked.example", "password": PASSWORD}
    assert send(browser, "/sign-in", form).headers["location"] == "/me"
    house.clock.moved = timedelta(days=2, hours=23)
    assert retire(gate) == 0
    house.clock.moved = timedelta(days=3, hours=1)  # nobody erased them: retention is on again
    assert retire(gate) > 0


def test_who_took_their_erasure_back_keeps_all_of_it(house: House) -> None:
    """Nothing is missing, neither before nor after it was taken back."""
    person, own = asks(house)
    customer = house.signed_in(person)
    before = house.do(lambda transaction: transaction.held_fields(person))
    retire(house.provider.gate.gate)
    assert send(customer, own, {}, own).status_code == 303
    retire(house.provider.gate.gate)
    assert house.do(lambda transaction: transaction.held_fields(person)) == before


def test_what_is_held_and_help_say_what_an_erasure_that_waits_changes(house: House) -> None:
    """Each kind of data tells the day of the erasure and no other limit; help leads to its page."""
    person, own = asks(house)
    customer = house.signed_in(person)
    assert send(customer, f"{own}/reply", {"text": WROTE}, own).status_code == 303
    held = customer.get("/me/privacy").text
    assert held.count("Erased from 14 March 2026 on, as you asked") == held.count('class="holding')
    assert "months" not in held[held.index("<main") :]
    help_page = customer.get("/me/help").text
    assert "<textarea" not in help_page
    assert f'href="{requests.PAGE}"' in help_page
    assert own in customer.get(requests.PAGE).text
    assert send(customer, own, {}, own).status_code == 303
    assert "as you asked" not in customer.get("/me/privacy").text
