"""Help: what a customer writes becomes a ticket; whoever took it reads, answers and closes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from practices.bills import overdue
from practices.conftest import House, send
from practices.test_guardians import family
from practices.test_termination import decide
from upheld.core.ids import PersonId, TaskId, UserId
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practice import tasks
from upheld.practices.help import tickets
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery
from upheld.practices.rights import closure

WROTE = "My line drops & returns.\n# <b>Zo\u00eb</b> \u202eabc [x](http://evil.example)"
PAGE = "/me/help"


def ask(
    house: House, email: str = "ann@marked.example", text: str = WROTE, topic: str = "trouble"
) -> tuple[TestClient, PersonId, TaskId]:
    """A customer who wrote to us: their browser and id, and the id of the ticket."""
    person = house.customer(email)
    browser = house.signed_in(person)
    answer = send(browser, PAGE, {"topic": topic, "text": text})
    assert answer.status_code == 303, answer.text
    assert "We have your message." in browser.get(answer.headers["location"]).text
    return browser, person, TaskId(answer.headers["location"].split("/")[-1].partition("?")[0])


def take(
    house: House, ticket: TaskId, *roles: str, sign_in: str = "sam"
) -> tuple[TestClient, UserId]:
    """Somebody of our staff who took a ticket: their browser and id."""
    user = house.staff(*(roles or ("support",)), sign_in=sign_in)
    browser = house.signed_in(user, "staff")
    path = f"/staff/tasks/{ticket}"
    assert send(browser, f"{path}/take", {}, path).status_code == 303
    return browser, user


def post(browser: TestClient, ticket: TaskId, what: str, **data: str) -> int:
    """Send a form of the desk's page; the status of the answer."""
    path = f"/staff/help/{ticket}"
    return send(browser, f"{path}/{what}", data, path).status_code


def steps(house: House, person: PersonId, ticket: TaskId) -> list[str]:
    """What was done about a ticket."""
    done = house.do(lambda transaction: tasks.steps_of(transaction.tables, person, ticket))
    return [each.step for each in done]


def mails(house: House) -> list[str]:
    """The texts of the mail that waits, sent."""
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    return [
        each.get_body(("plain",)).get_content()  # type: ignore[union-attr] # each has a text
        for each in box.messages
    ]


def test_a_question_is_read_and_answered_and_the_answer_is_in_the_account(house: House) -> None:
    """The customer writes, staff read and answer, a mail says so and no more, both see a thread."""
    customer, person, ticket = ask(house)
    assert "Waiting for our answer" in customer.get(PAGE).text
    staff, user = take(house, ticket)
    path = f"/staff/help/{ticket}"
    assert path in staff.get(f"/staff/tasks/{ticket}").text
    page = staff.get(path)
    assert page.headers["cache-control"] == "no-store"
    assert "My line drops &amp; returns." in page.text
    assert "<b>Zo" not in page.text
    assert 'href="http://evil' not in page.text
    assert post(staff, ticket, "write", text=" ") == 422
    assert post(staff, ticket, "write", text="Turn the router off & on.") == 303
    (mail,) = mails(house)
    assert f"{PAGE}/{ticket}" in mail
    assert "router" not in mail
    assert "We answered what you asked on 11 March 2026." in customer.get("/me").text
    here = f"{PAGE}/{ticket}"
    assert "Turn the router off &amp; on." in customer.get(here).text
    assert send(customer, f"{here}/reply", {"text": " "}, here).status_code == 422
    assert send(customer, f"{here}/reply", {"text": "That helped."}, here).status_code == 303
    assert "We answered what you asked" not in customer.get("/me").text
    assert "That helped." in staff.get(path).text
    assert "You wrote this to us." not in customer.get("/me/messages").text
    assert "Our answer: something does not work" in customer.get("/me/messages").text
    entries = [each.entry for each in house.provider.gate.gate.entries(person)]
    assert {
        (each.purpose, each.data)
        for each in entries
        if each.action == "view" and each.actor == f"staff {user}"
    } == {("support", ("messages",))}
    with reading(house.provider.gate.gate.engine) as connection:
        stored = [
            repr(rows(connection, f"SELECT * FROM {name}"))
            for name in ("entry", "task", "task_step", "outbox", "spent")
        ]
    assert not re.search(r"drops|router|helped", " ".join(stored))


def test_notes_are_for_colleagues_and_among_what_we_hold(house: House) -> None:
    """A note is at the desk, is not in the customer's thread or messages, and is no secret."""
    customer, _, ticket = ask(house)
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "note", note="") == 422
    assert post(staff, ticket, "note", note="Line 7 is old; ask the field team.") == 303
    assert mails(house) == []
    page = staff.get(f"/staff/help/{ticket}").text
    assert "Line 7 is old" in page
    assert "Sam Desk wrote a note." in page
    for path in (f"{PAGE}/{ticket}", "/me/messages", PAGE):
        assert not re.search(r"Line 7|Note of our staff", customer.get(path).text), path
    assert "Line 7 is old" in customer.get("/me/privacy?show=messages").text


def test_nothing_of_a_ticket_is_readable_without_its_task(house: House) -> None:
    """Before it is taken, after it is put back, and for colleagues and others, it is not there."""
    _, _, ticket = ask(house)
    colleague = house.signed_in(house.staff("support", sign_in="kim"), "staff")
    path, task = f"/staff/help/{ticket}", f"/staff/tasks/{ticket}"
    assert colleague.get(path).status_code == 404
    assert "My line drops" not in colleague.get(task).text
    staff, _ = take(house, ticket)
    for what in ("write", "note", "close"):
        data = {"text": "x", "note": "x"}
        assert send(colleague, f"{path}/{what}", data, "/staff").status_code == 404
    assert colleague.get(path).status_code == 404
    assert colleague.head(path).status_code == 404
    assert send(staff, f"{task}/leave", {"how": "back"}, task).status_code == 303
    for what in ("write", "note", "close"):
        assert (
            send(staff, f"{path}/{what}", {"text": "x", "note": "x"}, "/staff").status_code == 404
        )
    assert staff.get(path).status_code == 404
    other = house.customer("bo@other.example")
    browser = house.signed_in(other)
    for what in ("reply", "close"):
        answer = send(browser, f"{PAGE}/{ticket}/{what}", {"text": "Mine"}, PAGE)
        assert answer.status_code == 404
    assert browser.get(f"{PAGE}/{ticket}").status_code == 404


def test_a_closed_ticket_takes_nothing_more_and_says_who_closed_it(house: House) -> None:
    """Staff or the customer closes it, once; what is sent afterwards is refused, and not stored."""
    customer, person, ticket = ask(house)
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "close") == 303
    assert post(staff, ticket, "close") == 303
    page = staff.get(f"/staff/help/{ticket}").text
    assert "This was closed on 11 March 2026" in page
    assert "Sam Desk closed this." in page
    assert "My line drops" not in page
    assert post(staff, ticket, "write", text="Late") == 303
    here = f"{PAGE}/{ticket}"
    assert send(customer, f"{here}/reply", {"text": "Late"}, here).status_code == 404
    assert "Late" not in customer.get(here).text
    assert "My line drops" in customer.get(here).text
    assert steps(house, person, ticket) == ["opened", "replied", "taken", "closed"]
    _, other_person, other = ask(house, "bo@other.example")
    browser = house.signed_in(other_person)
    here = f"{PAGE}/{other}"
    assert send(browser, f"{here}/close", {}, here).status_code == 303
    assert "Closed on 11 March 2026" in browser.get(here).text
    assert steps(house, other_person, other)[-1] == "closed"


def test_a_ticket_that_staff_opened_is_theirs_to_close(house: House) -> None:
    """Whoever is in the account reads it and replies, and cannot end what staff look into."""
    person = house.customer()
    ticket = house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "security", role="security", about="takeover"
        )
    )
    browser, here = house.signed_in(person), f"{PAGE}/{ticket}"
    assert "We opened this" in browser.get(here).text
    assert send(browser, f"{here}/close", {}, here).status_code == 404
    assert send(browser, f"{here}/reply", {"text": "It was me."}, here).status_code == 303


def test_twenty_at_once_are_one(house: House) -> None:
    """A form that is sent twenty times makes one ticket, one reply, and is closed once."""
    person = house.customer()

    def opening(transaction: GateTransaction) -> TaskId:
        transaction.lock(person)
        ticket = tickets.open_ticket(house.provider, transaction, person, "trouble", WROTE)
        assert not isinstance(ticket, Refused)
        return ticket

    with ThreadPoolExecutor(20) as pool:
        ids = set(pool.map(lambda _: house.do(opening), range(20)))
    (ticket,) = ids

    def reply(transaction: GateTransaction) -> object:
        transaction.lock(person)
        own = tickets.find_ticket(transaction.tables, person, ticket)
        assert own is not None
        return tickets.add_reply(house.provider, transaction, person, own, "And again today.")

    _, user = take(house, ticket)

    def close(transaction: GateTransaction) -> None:
        mine = tasks.require_mine(transaction, ticket, tasks.TICKET, user)
        assert mine is not None
        tasks.close(transaction, mine.task_id, by=user)

    with ThreadPoolExecutor(20) as pool:
        assert sum(each is not None for each in pool.map(lambda _: house.do(reply), range(20))) == 1
        list(pool.map(lambda _: house.do(close), range(20)))
    assert steps(house, person, ticket) == ["opened", "replied", "taken", "replied", "closed"]


def test_who_writes_too_much_waits(house: House) -> None:
    """Ten messages in a short time are taken in, and further ones refused with what to do."""
    customer, _, ticket = ask(house)
    here = f"{PAGE}/{ticket}"
    statuses = [
        send(customer, f"{here}/reply", {"text": f"Number {at}."}, here).status_code
        for at in range(10)
    ]
    assert statuses == [303] * 9 + [422]
    house.clock.moved = timedelta(minutes=11)
    assert send(customer, f"{here}/reply", {"text": "Number 9."}, here).status_code == 303


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"topic": "trouble", "text": ""}, 422),
        ({"topic": "", "text": "x"}, 422),
        ({"topic": "nonsense", "text": "x"}, 422),
        ({"topic": "trouble", "text": "a\x00b"}, 422),
        ({"topic": "trouble", "text": "x" * 5_001}, 422),
        ({"topic": "trouble", "text": "\U0001f98a" * 5_000}, 303),
        ({"topic": "trouble", "text": "x" * 10_000_000}, 413),
    ],
)
def test_what_cannot_be_taken_in_is_refused(
    house: House, data: dict[str, str], status: int
) -> None:
    """Empty, unknown, unreadable and endless texts make no ticket; the longest one does."""
    person = house.customer()
    browser = house.signed_in(person)
    assert send(browser, PAGE, data).status_code == status
    found_tasks = house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person))
    assert len(found_tasks) == (status == 303)


def test_a_form_from_elsewhere_does_nothing(house: House) -> None:
    """Each form is refused from another origin, and without its token."""
    customer, person, ticket = ask(house)
    staff, _ = take(house, ticket)
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    before = steps(house, person, ticket)
    for browser, path in (
        (customer, PAGE),
        (customer, f"{PAGE}/{ticket}/reply"),
        (customer, f"{PAGE}/{ticket}/close"),
        (staff, f"/staff/help/{ticket}/write"),
        (staff, f"/staff/help/{ticket}/note"),
        (staff, f"/staff/help/{ticket}/close"),
    ):
        data = {"topic": "trouble", "text": "x", "note": "x"}
        assert browser.post(path, data=data, headers=foreign).status_code == 403
        assert browser.post(path, data=data).status_code == 403
    assert steps(house, person, ticket) == before


@pytest.mark.parametrize("owes", [False, True])
def test_a_ticket_of_somebody_who_is_erased_says_nothing(house: House, *, owes: bool) -> None:
    """It is gone with them, or closed where they owe something: nothing written is there."""
    _, person, ticket = ask(house)
    if owes:
        overdue(house, person)
    staff, _ = take(house, ticket)
    mails(house)
    erase(house.provider.gate.gate, [person])
    page = staff.get(f"/staff/help/{ticket}")
    assert page.status_code == (200 if owes else 404)
    assert ("This was closed on" in page.text) == owes
    assert "My line drops" not in page.text
    for what in ("write", "note", "close"):
        data = {"text": "x", "note": "x"}
        answer = send(staff, f"/staff/help/{ticket}/{what}", data, "/staff")
        assert answer.status_code == (303 if owes else 404)
    assert not any("answered what you asked us" in each for each in mails(house))


def test_a_task_for_a_caller_says_how_they_were_recognised(house: House) -> None:
    """Without that none is opened; with it, who opened it has it, and everybody reads how."""
    person = house.customer()
    staff = house.signed_in(house.staff("support"), "staff")
    form = {"way": "email", "told": "ann@marked.example", "reason": "trouble"}
    for word in ("", "by voice"):
        answer = send(staff, "/staff/find", {**form, "recognised": word}, "/staff")
        assert answer.status_code == 422
    assert "If you do not know, open nothing." in send(staff, "/staff/find", form, "/staff").text
    assert house.do(lambda transaction: tasks.open_tasks_on(transaction.tables, person)) == []
    answer = send(staff, "/staff/find", {**form, "recognised": "called-back"}, "/staff")
    ticket = answer.headers["location"].rpartition("/")[2]
    assert steps(house, person, TaskId(ticket)) == ["opened", "taken"]
    page = staff.get(f"/staff/help/{ticket}").text
    assert "Sam Desk opened this for somebody who called or wrote. We called them back" in page
    assert "Nothing was written yet." in page
    assert (
        post(staff, TaskId(ticket), "write", text="As we said on the phone: it is mended.") == 303
    )
    mine = house.signed_in(person).get(f"{PAGE}/{ticket}").text
    assert "We knew that it was you because we called you back on the phone" in mine
    assert "As we said on the phone" in mine


def test_a_ticket_is_passed_on_with_its_thread_and_notes(house: House) -> None:
    """Who passes it on reads nothing more of it; who takes it then reads all, and who did what."""
    customer, person, ticket = ask(house, topic="invoice")
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "note", note="A reading of the meter is missing.") == 303
    here = f"/staff/tasks/{ticket}"
    assert send(staff, f"{here}/pass", {"role": "manager"}, here).status_code == 422
    assert send(staff, f"{here}/pass", {"role": "billing"}, here).status_code == 303
    assert staff.get(f"/staff/help/{ticket}").status_code == 404
    desk, _ = take(house, ticket, "billing", sign_in="bill")
    page = desk.get(f"/staff/help/{ticket}").text
    assert "My line drops" in page
    assert "A reading of the meter is missing." in page
    assert "Sam Desk passed this on to billing." in page
    assert post(desk, ticket, "write", text="It is credited.") == 303
    assert "It is credited." in customer.get(f"{PAGE}/{ticket}").text
    assert steps(house, person, ticket) == [
        *("opened", "replied", "taken", "noted", "passed-on", "taken", "wrote")
    ]


def test_a_guardian_reads_what_we_wrote_and_not_what_the_minor_did(house: House) -> None:
    """The page on a minor lists our answer, and neither their question nor our note."""
    guardian, child, browser = family(house)
    house.do(lambda transaction: transaction.record(child, "service-order", fact="has-service"))
    answer = send(browser, PAGE, {"topic": "trouble", "text": WROTE})
    assert answer.status_code == 303, answer.text
    ticket = answer.headers["location"].split("/")[-1].partition("?")[0]
    staff, _ = take(house, TaskId(ticket))
    assert post(staff, TaskId(ticket), "note", note="An old line.") == 303
    assert post(staff, TaskId(ticket), "write", text="Turn it off and on.") == 303
    page = house.signed_in(guardian).get(f"/me/family/{child}").text
    assert "Our answer: something does not work" in page
    assert "Your question" not in page
    assert "Note of our staff" not in page


def test_who_closed_their_account_asks_for_six_months_and_is_told_whom_to_call_then(
    house: House,
) -> None:
    """Nothing that the policy would refuse is offered; what was written on both sides is there."""
    customer, person, ticket = ask(house)
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "write", text="Turn it off.") == 303
    house.do(lambda transaction: closure.close(transaction, house.provider.events, person))
    here = f"{PAGE}/{ticket}"
    assert send(customer, f"{here}/reply", {"text": "It was off."}, here).status_code == 303
    house.clock.moved += timedelta(days=215)
    customer = house.signed_in(person)
    for page in (PAGE, here):
        text = customer.get(page).text
        assert (
            "because your account was closed long ago or you asked us to erase it. You can" in text
        )
        assert "<textarea" not in text
    assert "Turn it off." in customer.get(here).text
    assert send(customer, f"{here}/reply", {"text": "It is off."}, here).status_code == 403
    assert send(customer, f"{here}/close", {}, here).status_code == 303
    assert steps(house, person, ticket)[-1] == "closed"


def test_whose_services_were_ended_asks_and_is_answered_in_help_too(house: House) -> None:
    """They sign in as ever, write about it and in a question of theirs, and read the answers."""
    ann = house.customer()
    decision = decide(house, house.signed_in(house.staff("terms", sign_in="tia"), "staff"), ann)
    customer = house.signed_in(ann)
    answer = send(customer, PAGE, {"topic": "question", "text": "Why is my line off?"})
    here = answer.headers["location"].partition("?")[0]
    ticket = TaskId(here.rsplit("/", 1)[-1])
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "write", text="You were told.") == 303
    assert send(customer, f"{here}/reply", {"text": "Where?"}, here).status_code == 303
    page = customer.get(here).text
    assert "You were told." in page
    assert "Where?" in page
    case = f"/me/terminations/{decision}"
    assert send(customer, f"{case}/reply", {"text": "It was not me."}, case).status_code == 303
    house.do(lambda transaction: closure.close(transaction, house.provider.events, ann))
    assert send(customer, f"{case}/reply", {"text": "I left."}, case).status_code == 303
    assert "I left." in customer.get(case).text


def is_not_taken_in(house: House) -> bool:
    """A customer writes to us; whether it was refused."""
    browser = house.signed_in(house.customer())
    return send(browser, PAGE, {"topic": "trouble", "text": WROTE}).status_code == 403


def is_not_read(house: House) -> bool:
    """Whoever took a ticket opens it; whether they read nothing."""
    _, _, ticket = ask(house)
    staff, _ = take(house, ticket)
    return "My line drops" not in staff.get(f"/staff/help/{ticket}").text


def is_not_answered(house: House) -> bool:
    """Whoever took a ticket answers; whether it was refused, and the customer reads nothing."""
    customer, _, ticket = ask(house)
    staff, _ = take(house, ticket)
    refused = post(staff, ticket, "write", text="Turn it off.") == 403
    return refused and "Turn it off." not in customer.get(f"{PAGE}/{ticket}").text


RESTS_ON: dict[str, Callable[[House], bool]] = {
    "necessary": is_not_taken_in,
    "support-use": is_not_taken_in,
    "staff": is_not_read,
    "service-messages": is_not_answered,
    "message-copies": is_not_answered,
}
