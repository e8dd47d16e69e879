"""Messages: sent once by a real mail server's protocol, as long as the policy lets us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from practices.conftest import House
from processes import PATIENCE, free_port
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.transaction import GateTransaction
from upheld.practice import outbox
from upheld.practices.messages import delivery
from upheld.practices.messages.carrier import Box, CarrierError, Smtp
from upheld.practices.messages.delivery import Delivery

HELLO = """{% block subject %}Hello {{ name }}{% endblock %}
{% block administrative_message %}Dear {{ name }},
your invoice {{ words.number }} is ready: <{{ page('/me') }}>.
{% endblock %}
{% block offers %}Also, **fibre** costs less this month.{% endblock %}"""


class Inbox:
    """What a mail server of the tests' own received, or why it refuses."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        """Take a message, or answer as the test says."""
        del server, session
        if self.answer.startswith("250"):
            message = message_from_bytes(envelope.content, policy=policy.default)
            self.messages.append(message)
        return self.answer


@pytest.fixture
def templates(house: House) -> None:
    """A template of the tests' own beside those of the practices."""
    env = house.provider.pages.plain
    result = env.get_template

    def get_template(name: Any, *more: Any, **rest: Any) -> Any:
        return (
            env.from_string(HELLO)
            if name == "tests/mail/hello.txt"
            else result(name, *more, **rest)
        )

    env.get_template = get_template  # type: ignore[method-assign] # the tests' own template


@pytest.fixture
def server() -> Iterator[tuple[Inbox, int]]:
    """A mail server on this machine."""
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    controller.start()
    yield inbox, port
    controller.stop()


def queue_message(house: House, person: PersonId, purpose: str = "administrative-message") -> str:
    """Queue a message to somebody."""
    result = house.do(
        lambda transaction: outbox.queue(
            transaction, person, "tests/hello", purpose, {"number": "2026-11"}
        )
    )
    assert isinstance(result, str)
    return result


def states(house: House) -> list[str]:
    """The states of what stands in the outbox."""
    return house.do(
        lambda transaction: [
            each for (each,) in transaction.connection.exec_driver_sql("SELECT state FROM outbox")
        ]
    )


@pytest.mark.usefixtures("templates")
def test_a_message_is_sent_once_with_its_copy_and_its_entry(
    house: House, server: tuple[Inbox, int]
) -> None:
    """It arrives by SMTP, as text and HTML; the account holds a copy and the ledger an entry."""
    inbox, port = server
    person = house.customer()
    message = queue_message(house, person)
    delivery = Delivery(house.provider, Smtp(f"smtp://127.0.0.1:{port}"))
    gate = house.provider.gate.gate
    assert [delivery.run(gate), delivery.run(gate)] == [1, 0]
    (result,) = inbox.messages
    assert result["To"] == "ann@marked.example"
    assert result["Subject"] == "Hello Ann Marked"
    assert message in result["Message-ID"]
    assert result["List-Unsubscribe"] is None
    text = result.get_body(("plain",))
    html = result.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "your invoice 2026-11 is ready" in text.get_content()
    assert "<strong>fibre</strong>" in html.get_content()
    assert [each.entry.kind for each in gate.entries(person)].count("sent") == 1
    list_page = house.signed_in(person).get("/me/messages").text
    assert "Hello Ann Marked" in list_page
    one = house.signed_in(person).get(f"/me/messages/{message}").text
    assert "your invoice 2026-11 is ready" in one
    assert (
        house.signed_in(house.customer("bo@marked.example"))
        .get(f"/me/messages/{message}")
        .status_code
        == 404
    )


@pytest.mark.usefixtures("templates")
def test_a_mail_server_that_is_down_for_an_hour_loses_nothing(house: House) -> None:
    """What cannot be handed over is tried again, ever less often, and sent when it can be."""
    person = house.customer()
    queue_message(house, person)
    gate = house.provider.gate.gate
    down = Delivery(house.provider, Smtp(f"smtp://127.0.0.1:{free_port()}"))
    tries = 0
    for _ in range(60):
        due = down._due(gate)
        down.run(gate)
        tries += len(due)
        house.clock.moved += timedelta(minutes=1)
    assert 3 <= tries <= 6
    house.clock.moved += timedelta(hours=1)
    box = Box()
    assert Delivery(house.provider, box).run(gate) == 1
    assert states(house) == ["sent"]


@pytest.mark.usefixtures("templates")
def test_an_address_that_is_refused_for_good_is_not_tried_again(
    house: House, server: tuple[Inbox, int]
) -> None:
    """A final refusal ends the message, with an entry, and its text is in no error."""
    inbox, port = server
    inbox.answer = "550 no such user ann@marked.example"
    person = house.customer()
    queue_message(house, person)
    gate = house.provider.gate.gate
    delivery = Delivery(house.provider, Smtp(f"smtp://127.0.0.1:{port}"))
    assert delivery.run(gate) == 0
    assert states(house) == ["failed"]
    assert [each.entry.kind for each in gate.entries(person)].count("unsent") == 1


@pytest.mark.usefixtures("templates")
def test_a_process_that_dies_while_it_sends_sends_the_same_message_again(house: House) -> None:
    """After the lease it is sent under the same Message-ID, and never while the lease runs."""

    class Dies:
        def send(self, message: EmailMessage) -> None:
            observed.append(message["Message-ID"])
            raise KeyboardInterrupt

    observed: list[str] = []
    queue_message(house, house.customer())
    gate = house.provider.gate.gate
    with pytest.raises(KeyboardInterrupt):
        Delivery(house.provider, Dies()).run(gate)
    box = Box()
    assert Delivery(house.provider, box).run(gate) == 0
    house.clock.moved += delivery.LEASE
    assert Delivery(house.provider, box).run(gate) == 1
    assert [each["Message-ID"] for each in box.messages] == observed


@pytest.mark.usefixtures("templates")
def test_whoever_opts_out_before_it_is_sent_does_not_get_it(house: House) -> None:
    """The policy is asked again at the moment of sending; a refusal ends the message."""
    person = house.customer()
    queue_message(house, person, "offers")
    house.do(
        lambda transaction: transaction.record(
            person, "opt-out", fact="opted-out", about={"purpose": ["offers"]}
        )
    )
    box = Box()
    assert Delivery(house.provider, box).run(house.provider.gate.gate) == 0
    assert not box.messages
    assert states(house) == ["refused"]


@pytest.mark.usefixtures("templates")
def test_a_line_of_an_offer_is_left_out_for_whoever_opted_out_of_offers(house: House) -> None:
    """The message that belongs to the account comes, without its block of another purpose."""
    person = house.customer()
    house.do(
        lambda transaction: transaction.record(
            person, "opt-out", fact="opted-out", about={"purpose": ["offers"]}
        )
    )
    queue_message(house, person)
    box = Box()
    assert Delivery(house.provider, box).run(house.provider.gate.gate) == 1
    texts = [box.messages[0].get_body((kind,)) for kind in ("plain", "html")]
    for each in texts:
        assert each is not None
        assert "invoice 2026-11" in each.get_content()
        assert "fibre" not in each.get_content()


@pytest.mark.usefixtures("templates")
def test_one_click_ends_offers_without_a_sign_in(house: House) -> None:
    """To open the address changes nothing; to post to it, as mail programs do, ends offers."""
    person = house.customer()
    queue_message(house, person, "offers")
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    (message,) = box.messages
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = message["List-Unsubscribe"].strip("<>")
    browser = house.browser()
    assert "changes nothing" not in browser.get(path).text
    again = house.do(lambda transaction: outbox.queue(transaction, person, "tests/hello", "offers"))
    assert isinstance(again, str)
    plain = house.browser()
    plain.headers.clear()
    answer = plain.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert "ann@marked.example" not in answer.text
    assert plain.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    refusal = house.do(
        lambda transaction: outbox.queue(transaction, person, "tests/hello", "offers")
    )
    assert isinstance(refusal, Refused)
    bent = path[:-1] + ("A" if path[-1] != "A" else "B")
    assert browser.post(bent).status_code == 404
    assert "This link does not work." in browser.get(bent).text


@pytest.mark.usefixtures("templates")
def test_nothing_that_waits_to_be_sent_holds_a_value(house: House, tmp_path: Path) -> None:
    """The outbox names person and template; name and address are read when it is sent."""
    queue_message(house, house.customer())
    result = house.do(
        lambda transaction: [
            tuple(each) for each in transaction.connection.exec_driver_sql("SELECT * FROM outbox")
        ]
    )
    assert not re.search(r"\bann\b", str(result), re.IGNORECASE)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"ann@marked.example" not in path.read_bytes()


def newsletter_is_refused(house: House) -> bool:
    """The story of a message that belongs to the account."""
    person = house.customer()

    def work(transaction: GateTransaction) -> bool:
        return isinstance(outbox.queue(transaction, person, "tests/hello", "newsletter"), Refused)

    return house.do(work)


def offer_is_refused(house: House) -> bool:
    """The story of an offer."""
    person = house.customer()

    def work(transaction: GateTransaction) -> bool:
        return isinstance(outbox.queue(transaction, person, "tests/hello", "offers"), Refused)

    return house.do(work)


RESTS_ON = {"service-messages": newsletter_is_refused, "offers": offer_is_refused}


def test_a_carrier_error_says_no_address() -> None:
    """What is logged of a failure names neither the person nor their address."""
    with pytest.raises(CarrierError) as caught:
        message = EmailMessage()
        message["To"], message["From"] = "ann@marked.example", "us@larch.example"
        Smtp(f"smtp://127.0.0.1:{free_port()}").send(message)
    assert "marked" not in str(caught.value)


def _queue_refused(house: House) -> bool:
    person = house.customer()
    result = house.do(
        lambda transaction: outbox.queue(transaction, person, "x/y", "administrative-message")
    )
    return isinstance(result, Refused)


def _is_sent_refused(house: House) -> bool:
    """Whether a message that was queued does not go out, since its address may not be used."""
    person = house.customer()
    house.do(
        lambda transaction: outbox.queue(
            transaction, person, "rights/erasure", "administrative-message"
        )
    )
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    return not box.messages


def _copied_refused(house: House) -> bool:
    person = house.customer()
    house.do(
        lambda transaction: outbox.queue(
            transaction, person, "rights/erasure", "administrative-message"
        )
    )
    Delivery(house.provider, Box()).run(house.provider.gate.gate)
    return "messages" not in house.do(lambda transaction: transaction.held_fields(person))


def _offer_refused(house: House) -> bool:
    person = house.customer()
    result = house.do(lambda transaction: outbox.queue(transaction, person, "x/y", "offers"))
    return isinstance(result, Refused)


RESTS_ON = {
    "offers": _offer_refused,
    "service-messages": _queue_refused,
    "billing-use": _is_sent_refused,
    "message-copies": _copied_refused,
}
