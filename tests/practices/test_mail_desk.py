"""Mail at the desk: what failed, what came back, a queue that is full; a task of another role."""

from __future__ import annotations

from datetime import timedelta
from email.message import EmailMessage

import pytest

from practices.conftest import House, send
from practices.mail_server import mail_server
from practices.test_mail import customer_named, troubles
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.gate.log.sentences import entry_sentence
from upheld.practice import tasks
from upheld.practices.messages import bounces
from upheld.practices.messages.bounces import BounceError
from upheld.practices.messages.carrier import Box, Smtp
from upheld.practices.messages.delivery import Delivery

HERE = "/staff/mail"


def message_of(house: House, person: PersonId) -> str:
    """The id of a person's only message."""
    ((result,),) = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT message_id FROM outbox WHERE person_id = ?", person
        )
    )
    return str(result)


def refused_customer(house: House) -> PersonId:
    """A customer whose message a mail server refused for good."""
    person = customer_named(house, "Ann Secret")
    with mail_server() as (inbox, url):
        inbox.refused = {"ann@marked.example": "550 no such user"}
        Delivery(house.provider, Smtp(url)).run(house.provider.gate.gate)
    return person


def kinds(house: House, person: PersonId) -> list[str]:
    """The kinds of the entries about somebody."""
    return [each.entry.kind for each in house.provider.gate.gate.entries(person)]


def test_managers_see_what_failed_and_why_and_nothing_of_anybody(house: House) -> None:
    """The console says how many, the page why; a name or an address stands on neither."""
    person = refused_customer(house)
    manager = house.signed_in(house.staff("manager"), "staff")
    home, page = manager.get("/staff").text, manager.get(HERE).text
    assert "could not be delivered: 1." in home
    assert "refused the address with 550" in page
    assert message_of(house, person)[:6] in page
    for value in ("Secret", "marked.example", person):
        assert value not in home + page
    support = house.signed_in(house.staff("support", sign_in="sue"), "staff")
    assert support.get(HERE).status_code == 403
    assert "could not be delivered" not in support.get("/staff").text


def test_a_manager_lets_a_message_be_tried_again(house: House) -> None:
    """It goes out at once when the mail server takes it, with an entry of who let it."""
    person = refused_customer(house)
    message = message_of(house, person)
    staff_id = house.staff("manager")
    manager = house.signed_in(staff_id, "staff")
    assert send(manager, f"{HERE}/{message}/retry", {}, HERE).status_code == 303
    box = Box()
    assert Delivery(house.provider, box).run(house.provider.gate.gate) == 1
    assert troubles(house)[person] == ("sent", "")
    assert "set aside.</p>" not in manager.get("/staff").text
    assert send(manager, f"{HERE}/{message}/retry", {}, "/staff/me").status_code == 404
    assert kinds(house, person).count("retried") == 1
    (entry,) = [
        each.entry
        for each in house.provider.gate.gate.entries(person)
        if each.entry.kind == "retried"
    ]
    assert entry.actor == f"staff {staff_id}"
    assert "tried again" in entry_sentence(entry, house.policy)


def test_a_manager_drops_a_message_and_tries_all_others(house: House) -> None:
    """What is dropped is never sent; what is tried again together is all that failed."""
    first, second = refused_customer(house), refused_customer(house)
    manager = house.signed_in(house.staff("manager"), "staff")
    path = f"{HERE}/{message_of(house, first)}/drop"
    assert send(manager, path, {}, HERE).status_code == 303
    assert send(manager, path, {}, HERE).status_code == 404
    assert send(manager, f"{HERE}/retry", {}, HERE).status_code == 303
    box = Box()
    assert Delivery(house.provider, box).run(house.provider.gate.gate) == 1
    states = troubles(house)
    assert (states[first][0], states[second][0]) == ("dropped", "sent")
    assert "dropped" in kinds(house, first)


def test_a_queue_that_is_full_is_told_to_managers(house: House) -> None:
    """Without a mail server at once, with one when the oldest message waits for an hour."""
    customer_named(house, "Ann")
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "There is no mail server, and messages wait: 1." in manager.get("/staff").text
    (practice,) = [each for each in house.provider.practices if each.name == "messages"]
    assert practice.manager_actions is not None
    desk = practice.manager_actions.__self__  # type: ignore[attr-defined] # it is a method
    desk.sends = True
    assert "messages wait" not in manager.get("/staff").text
    house.clock.moved += timedelta(minutes=61)
    manager = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    assert "Mail is sent too slowly. Messages that wait: 1." in manager.get("/staff").text


def report(message: str, action: str = "failed", *, whole: bool = True) -> bytes:
    """A report of a mail server, as RFC 3464 has it, with the headers of a message given back."""
    status = "\r\n".join(
        [
            "Reporting-MTA: dns; mx.example",
            "",
            "Final-Recipient: rfc822; ann@marked.example",
            f"Action: {action}",
            "Status: 5.1.1",
            "",
        ]
    )
    back = f"Message-ID: <{message}@larch.example>\r\nSubject: x\r\n"
    if whole:
        back += "\r\nHello Ann\r\n"
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    lines = [
        "From: MAILER-DAEMON@mx.example",
        "To: help@larch.example",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "It could not be delivered.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        status,
        "--b",
        f"Content-Type: {kind}",
        "",
        back,
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("whole", [True, False])
def test_a_message_that_came_back_is_told_to_managers(house: House, *, whole: bool) -> None:
    """A report names its message; it is noted once, on that message alone, with its status."""
    person = customer_named(house, "Ann")
    customer_named(house, "Bo", "bo@marked.example")
    Delivery(house.provider, Box()).run(house.provider.gate.gate)
    bounce = bounces.read(report(message_of(house, person), whole=whole))
    assert house.do(lambda transaction: bounces.note(transaction, bounce)) == message_of(
        house, person
    )
    assert troubles(house)[person] == ("bounced", "it came back with 5.1.1")
    manager = house.signed_in(house.staff("manager"), "staff")
    assert "could not be delivered: 1." in manager.get("/staff").text
    assert "it came back with 5.1.1" in manager.get(HERE).text
    with pytest.raises(BounceError):
        house.do(lambda transaction: bounces.note(transaction, bounce))
    assert kinds(house, person).count("bounced") == 1
    send(manager, f"{HERE}/retry", {}, HERE)
    assert troubles(house)[person][0] == "bounced"


def test_what_is_no_report_of_a_failure_is_refused(house: House) -> None:
    """A delay, another letter, bytes of no kind and somebody else's message change nothing."""
    letter = EmailMessage()
    letter["Message-ID"] = f"<{'a' * 32}@larch.example>"
    letter.set_content("Action: failed")
    for raw in (b"", b"\xff\x00", letter.as_bytes(), report("a" * 32, "delayed")):
        with pytest.raises(BounceError, match="not a report"):
            bounces.read(raw)
    with pytest.raises(BounceError, match="no message that we sent"):
        house.do(lambda transaction: bounces.note(transaction, bounces.read(report("b" * 32))))


@pytest.mark.parametrize("path", ["", "/take", "/reveal", "/leave", "/sign-out"])
def test_a_look_at_another_roles_task_is_entered(house: House, path: str) -> None:
    """For them it is not there, nothing is done, and its customer sees that somebody tried."""
    person = house.customer()
    task = house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "customer-support", role="support"
        )
    )
    staff_id = house.staff("security")
    browser = house.signed_in(staff_id, "staff")
    at = f"/staff/tasks/{task}{path}"
    answer = send(browser, at, {"field": "email"}, "/staff/me") if path else browser.get(at)
    assert answer.status_code == 404
    (entry,) = [
        each.entry
        for each in house.provider.gate.gate.entries(person)
        if each.entry.kind == "others-task"
    ]
    assert entry.actor == f"staff {staff_id}"
    assert "tried to open a task on you" in entry_sentence(entry, house.policy)
    after = house.do(lambda transaction: tasks.find_task(transaction.tables, task))
    assert after is not None
    assert after.state == "open"


@pytest.mark.parametrize("path", ["/staff/guardian-checks/{task}", "/staff/debts/{task}"])
def test_the_desks_of_other_practices_enter_such_a_look_too(house: House, path: str) -> None:
    """A guardian's check and a debt open to nobody whose task they are not."""
    person = house.customer()
    task = house.do(
        lambda transaction: tasks.open_task(
            transaction, person, "ticket", "customer-support", role="support"
        )
    )
    browser = house.signed_in(house.staff("security"), "staff")
    assert browser.get(path.replace("{task}", task)).status_code in (403, 404)
    assert kinds(house, person).count("others-task") == 1
