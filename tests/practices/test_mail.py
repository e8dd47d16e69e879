"""Mail as a mail server gets it, byte by byte: one bad row stops nobody, and no name is markup."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import msgspec
import pytest

from practices.conftest import House
from practices.mail_server import mail_server
from processes import free_port
from upheld.core import mailbox
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.statements import rows
from upheld.gate.evidence.field_values import FieldValues
from upheld.practice import outbox, tables
from upheld.practices.messages.carrier import Box, CarrierError, Smtp
from upheld.practices.messages.compose import compose
from upheld.practices.messages.delivery import BACKOFF, Delivery
from upheld.vault.people import VaultError
from upheld.web import markdown

HOSTILE = (
    "=?utf-8?q?=0a?=@marked.example",
    "=?utf-8?b?!!!?=@marked.example",
    "=?utf-8?q?=00?=@marked.example",
    "=?utf-8?q?bo?=@marked.example",
    "a@",
    "cat@marked.example, dog@marked.example",
    "ann@marked.example\nbcc: bo@marked.example",
    "ann@marked.example\r\n",
    "Ann <ann@marked.example>",
    "@marked.example",
    "ann",
)


def customer_named(house: House, name: str, email: str = "ann@marked.example") -> PersonId:
    """A customer by a name, to whom a message about their password waits."""
    person = house.customer(email, name=name)
    house.do(
        lambda transaction: outbox.queue(
            transaction, person, "accounts/changed", "administrative-message"
        )
    )
    return person


def troubles(house: House) -> dict[str, tuple[str, str]]:
    """State and trouble of each row of the outbox, by its person."""
    result = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT person_id, state, trouble FROM outbox"
        )
    )
    return {person: (state, trouble) for person, state, trouble in result}


@pytest.mark.parametrize("address", HOSTILE)
def test_what_is_no_single_address_is_refused_where_it_comes_in(address: str) -> None:
    """An encoded word, two addresses, a line break and a name with an address are no address."""
    with pytest.raises(ValueError, match="one address") as caught:
        mailbox.canonical(address)
    assert "marked" not in str(caught.value)


@pytest.mark.parametrize("address", HOSTILE)
def test_an_address_that_cannot_be_written_stops_nobody_elses_mail(
    house: House, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row whose stored address is none is set aside at once, and the one behind it goes out."""
    bad, good = customer_named(house, "Bad"), customer_named(house, "Good", "good@marked.example")
    with monkeypatch.context() as before:  # as before addresses were checked
        before.setattr(FieldValues, "normalise", lambda _self, _field, value, _today: value)
        _keep_raw(house, bad, address)
    with mail_server() as (inbox, url):
        assert Delivery(house.provider, Smtp(url)).run(house.provider.gate.gate) == 1
    assert inbox.receivers == ["good@marked.example"]
    assert troubles(house)[good][0] == "sent"
    state, trouble = troubles(house)[bad]
    assert state == "failed"
    assert trouble == "a stored address is not a valid address"


def _keep_raw(house: House, person: PersonId, address: str) -> None:
    """Keep a text as an address."""
    result = house.do(
        lambda transaction: transaction.store(
            person, {"email": address}, source="customer", occasion="registration", entitled=True
        )
    )
    assert result is not None


@pytest.mark.parametrize("word", ["words", "template", "values"])
def test_whatever_is_wrong_with_a_row_it_is_set_aside_after_its_tries(
    house: House, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that cannot be made is tried ever less often, then it waits for staff; others go."""
    bad = customer_named(house, "Bad")
    if word == "values":
        prepare = Delivery._prepare

        def fails_for_bad(self: Delivery, *rest: object) -> object:
            if bad in str(rest):
                raise VaultError("a value cannot be opened", code="damaged")
            return prepare(self, *rest)  # type: ignore[arg-type] # what it was called with

        monkeypatch.setattr(Delivery, "_prepare", fails_for_bad)
    else:
        house.do(
            lambda transaction: database.update(
                transaction.connection, tables.outbox, {word: "gone/gone"}, ""
            )
        )
    customer_named(house, "Good", "good@marked.example")
    gate, box = house.provider.gate.gate, Box()
    delivery = Delivery(house.provider, box)
    assert delivery.run(gate) == 1
    for _ in range(len(BACKOFF)):
        assert troubles(house)[bad][0] == "waiting"
        house.clock.moved += max(BACKOFF)
        assert delivery.run(gate) == 0
    state, trouble = troubles(house)[bad]
    assert state == "failed"
    assert "Bad" not in trouble
    assert trouble
    assert len(box.messages) == 1


def test_a_message_that_went_out_is_not_sent_again_if_it_cannot_be_noted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its copy cannot be kept the row says so, and its receiver gets one message."""

    def sent(*_: object) -> None:
        raise VaultError("no copy", code="damaged")

    monkeypatch.setattr(Delivery, "_note_sent", sent)
    person = customer_named(house, "Ann")
    gate, box = house.provider.gate.gate, Box()
    for _ in range(3):
        Delivery(house.provider, box).run(gate)
        house.clock.moved += timedelta(days=1)
    assert len(box.messages) == 1
    assert troubles(house)[person][0] == "sent"
    assert "not noted" in troubles(house)[person][1]


def test_how_to_end_messages_goes_out_on_one_line_that_every_program_reads(house: House) -> None:
    """List-Unsubscribe is one header in ASCII, its address whole, as RFC 8058 asks for."""
    url = "https://" + "long-name." * 15 + "example"
    house.provider.settings = msgspec.structs.replace(house.provider.settings, url=url)
    person = house.customer()
    result = house.do(
        lambda transaction: outbox.queue(transaction, person, "accounts/changed", "offers")
    )
    assert isinstance(result, str)
    with mail_server() as (inbox, server):
        Delivery(house.provider, Smtp(server)).run(house.provider.gate.gate)
    (lines,) = inbox.heads
    (header,) = [each for each in lines if each.lower().startswith(b"list-unsubscribe:")]
    assert header.startswith(b"List-Unsubscribe: <" + url.encode() + b"/unsubscribe/")
    assert header.endswith(b">")
    assert b" " not in header.removeprefix(b"List-Unsubscribe: ")
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert all(len(each) <= 998 for each in inbox.messages[0].split(b"\r\n"))
    assert b"=?" not in inbox.messages[0].partition(b"\r\n\r\n")[0]
    path = header.removeprefix(b"List-Unsubscribe: <" + url.encode()).rstrip(b">").decode()
    plain = house.browser()
    plain.headers.clear()
    assert plain.post(path, data={"List-Unsubscribe": "One-Click"}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "[You won: claim here](https://evil.example/x)",
        "<https://evil.example/x>",
        "![x](https://evil.example/x.png)",
        "*Ann* _Marked_ `ann`",
        "# Ann",
        "1. Ann",
        "<b>Ann</b> & co",
        "Ann \\* &amp;",
        "=?utf-8?q?Ann?=",
        "Ann ~~~ | --- > x",
    ],
)
def test_a_name_is_text_in_every_part_of_a_message(house: House, name: str) -> None:
    """Markdown, HTML and links in a name come out as they were typed, and are nothing else."""
    customer_named(house, name)
    with mail_server() as (inbox, url):
        Delivery(house.provider, Smtp(url)).run(house.provider.gate.gate)
    message = message_from_bytes(inbox.messages[0], policy=policy.default)
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert f"Hello {name}," in text.get_content()
    page_shown = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert f"<p>Hello {page_shown},</p>" in html.get_content()
    assert 'evil.example/x"' not in html.get_content()
    assert "<img" not in html.get_content()


def test_a_name_of_two_lines_begins_no_paragraph_of_its_own(house: House) -> None:
    """Line ends in a name, as an old import kept them, are spaces in a message."""
    person = house.customer()
    result = house.do(
        lambda transaction: compose(
            house.provider,
            transaction.tables,
            "accounts/changed",
            person,
            "Ann\n\n# Call 555\r\n- now\u2028x",
            {},
            lambda _: True,
        )
    )
    assert result.text.startswith("Hello Ann # Call 555 - now x,\n")
    assert markdown.html(result.markdown).startswith("<p>Hello Ann # Call 555 - now x,</p>")


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("Ann Marked", "Hello Ann Marked,"),
        ("J. R. O'Neil-Smith", "Hello J. R. O'Neil-Smith,"),
        ("[You won](https://evil.example/x)", "Hello,"),
        ("see evil.example", "Hello,"),
        ("www evil example", "Hello,"),
        ("write x@evil.example", "Hello,"),
    ],
)
def test_a_stranger_reads_no_name_that_a_program_would_make_a_link_of(
    house: House, name: str, greeting: str
) -> None:
    """Whoever signs up with somebody else's address sends them no link of their own choosing."""
    person = house.customer()
    result = house.do(
        lambda transaction: compose(
            house.provider, transaction.tables, "accounts/verify", person, name, {}, lambda _: True
        )
    )
    assert result.text.startswith(greeting + "\n")
    assert "evil" not in result.markdown


@pytest.mark.parametrize("typed", ["info@bücher.example", "info@xn--bcher-kva.example"])
def test_a_domain_of_other_letters_goes_out_as_a_labels(house: House, typed: str) -> None:
    """A mail server that does not know SMTPUTF8 takes such an address, however it was typed."""
    customer_named(house, "Ann", typed)
    with mail_server(utf8=False) as (inbox, url):
        assert Delivery(house.provider, Smtp(url)).run(house.provider.gate.gate) == 1
    assert inbox.receivers == ["info@xn--bcher-kva.example"]
    assert b"To: info@xn--bcher-kva.example" in inbox.heads[0]


def test_letters_before_the_at_sign_that_a_server_does_not_know_are_no_lost_connection(
    house: House,
) -> None:
    """Without SMTPUTF8 such a message is set aside at once and says why; with it, it goes out."""
    person = customer_named(house, "Ann", "jörg@bücher.example")
    gate = house.provider.gate.gate
    with mail_server(utf8=False) as (inbox, url):
        Delivery(house.provider, Smtp(url)).run(gate)
    assert not inbox.messages
    state, trouble = troubles(house)[person]
    assert (state, "SMTPUTF8" in trouble) == ("failed", True)
    customer_named(house, "Jo", "jürg@bücher.example")
    with mail_server() as (inbox, url):
        assert Delivery(house.provider, Smtp(url)).run(gate) == 1
    assert inbox.receivers == ["jürg@xn--bcher-kva.example"]
    assert "To: jürg@xn--bcher-kva.example".encode() in inbox.heads[0]


def test_a_receiver_who_is_refused_for_good_keeps_no_other_from_their_mail(house: House) -> None:
    """A 5xx sets its own message aside with its number; a 4xx is tried again."""
    erased_person, full = (
        customer_named(house, "A", "gone@marked.example"),
        customer_named(house, "B", "full@marked.example"),
    )
    customer_named(house, "C", "good@marked.example")
    with mail_server() as (inbox, url):
        inbox.refused = {
            "gone@marked.example": "550 no such gone@marked.example",
            "full@marked.example": "452 mailbox full",
        }
        assert Delivery(house.provider, Smtp(url)).run(house.provider.gate.gate) == 1
    states = troubles(house)
    assert states[erased_person] == ("failed", "the mail server refused the address with 550")
    assert states[full] == ("waiting", "the mail server refused the address with 452")


def test_no_mail_goes_in_clear_over_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server elsewhere that offers no STARTTLS gets nothing; one on this machine may lack it."""
    for host, here in (
        ("mail.example", False),
        ("192.0.2.7", False),
        ("127.0.0.1", True),
        ("[::1]", True),
        ("localhost", True),
    ):
        assert Smtp(f"smtp://{host}:25").start_tls is (None if here else True)
        assert Smtp(f"smtps://{host}").tls
    message = EmailMessage()
    message["From"], message["To"] = "a@marked.example", "b@marked.example"
    message.set_content("SECRET TEXT")
    with mail_server() as (inbox, url):
        away = Smtp(url)
        monkeypatch.setattr(away, "start_tls", True)
        with pytest.raises(CarrierError, match="offers no STARTTLS") as caught:
            away.send(message)
    assert caught.value.server
    assert inbox.messages == []


def test_a_server_that_cannot_be_reached_costs_one_message_one_try(house: House) -> None:
    """Where no message would go, the run ends, and the others keep their tries."""
    people = [customer_named(house, "A"), customer_named(house, "B", "b@marked.example")]
    down = Smtp(f"smtp://127.0.0.1:{free_port()}")
    assert Delivery(house.provider, down).run(house.provider.gate.gate) == 0
    tried = house.do(
        lambda transaction: rows(transaction.connection, "SELECT tries FROM outbox ORDER BY tries")
    )
    assert [each for (each,) in tried] == [0, 1]
    assert {state for state, _ in troubles(house).values()} == {"waiting"}
    assert len(people) == 2


def test_anonymous_forms_refuse_an_address_that_looks_like_an_encoded_word(house: House) -> None:
    """Recovery and a guardian's form answer what to write, and nothing is queued."""
    browser = house.browser()
    for path in ("/recover", "/sign-up/guardian"):
        answer = browser.post(path, data={"email": "=?utf-8?q?=0a?=@marked.example"})
        assert answer.status_code == 422
        assert "Write one address" in answer.text
    assert not troubles(house)
