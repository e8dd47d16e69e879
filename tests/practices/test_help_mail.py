"""Replies by mail: whose they are, what is read of them, and what is not taken in."""

from __future__ import annotations

from email.message import EmailMessage

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from practices.conftest import House, send
from practices.test_help import PAGE, ask, post, steps, take
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.gate.erasure.erase import erase
from upheld.practice import tasks
from upheld.practices.help import inbound
from upheld.practices.help.inbound import ReplyError
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery

OWN, ANN = "help@larch.example", "ann@marked.example"
NO = "this reply cannot be taken in"


@pytest.fixture(name="post_office")
def _post_office(house: House) -> House:
    """A provider to which customers reply by mail."""
    house.provider.settings = msgspec.structs.replace(house.provider.settings, help_address=OWN)
    return house


def letter(
    to: str, text: str = "It drops at night.", sender: str = ANN, **headers: str
) -> EmailMessage:
    """A message as a customer's program writes it."""
    message = EmailMessage()
    message["From"], message["To"] = f"Ann <{sender}>", to
    message["Message-ID"] = "<1@marked.example>"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message


def arrive(house: House, message: EmailMessage) -> bool | ReplyError:
    """What becomes of a message that no machine sent."""
    reply = inbound.read(message.as_bytes(), OWN)
    assert not reply.is_automatic
    return house.do(lambda transaction: inbound.take_in(house.provider, transaction, reply))


def refusal(house: House, message: EmailMessage) -> str:
    """Why a message is not taken in."""
    result = arrive(house, message)
    assert isinstance(result, ReplyError)
    return str(result)


def test_a_reply_by_mail_stands_in_its_ticket_once(post_office: House) -> None:
    """The mail about an answer names an address of the ticket's own; what comes there is read."""
    customer, person, ticket = ask(post_office)
    staff, _ = take(post_office, ticket)
    assert post(staff, ticket, "write", text="When does it drop?") == 303
    box = Box()
    Delivery(post_office.provider, box).run(post_office.provider.gate.gate)
    (mail,) = box.messages
    address = str(mail["Reply-To"])
    assert address == inbound.reply_address(post_office.provider, ticket)
    assert len(address.partition("@")[0]) <= 64
    text = mail.get_body(("plain",)).get_content()  # type: ignore[union-attr] # it has a text
    assert "You can reply to this mail too" in text
    assert address in customer.get(f"{PAGE}/{ticket}").text
    reply = letter(
        address.upper(), "It drops at night.\n\nOn Monday you wrote:\n> When\n> does it?"
    )
    assert arrive(post_office, reply) is True
    assert arrive(post_office, reply) is False
    page = staff.get(f"/staff/help/{ticket}").text
    assert page.count("It drops at night.") == 1
    assert "you wrote:" not in page
    assert "It drops at night." in customer.get(f"{PAGE}/{ticket}").text
    assert steps(post_office, person, ticket)[-2:] == ["wrote", "replied"]
    with reading(post_office.provider.gate.gate.engine) as connection:
        assert "at night" not in repr(rows(connection, "SELECT * FROM entry"))


def test_without_the_setting_no_address_is_offered(house: House) -> None:
    """Neither the mail nor the page speaks of replying by mail."""
    customer, _, ticket = ask(house)
    staff, _ = take(house, ticket)
    assert post(staff, ticket, "write", text="When does it drop?") == 303
    box = Box()
    Delivery(house.provider, box).run(house.provider.gate.gate)
    (mail,) = box.messages
    assert mail["Reply-To"] is None
    assert "reply to this mail" not in mail.as_string()
    assert "reply by mail" not in customer.get(f"{PAGE}/{ticket}").text


def test_nobody_replies_for_another_or_by_an_old_address(post_office: House) -> None:
    """A wrong sender, another's mark, a closed ticket and one of nobody get one same sentence."""
    _, person, ticket = ask(post_office)
    _, other_person, other = ask(post_office, "bo@other.example")
    address = inbound.reply_address(post_office.provider, ticket)
    token = address.partition("+")[2].partition("@")[0]
    others_token = inbound.reply_address(post_office.provider, other).partition("+")[2]
    before = steps(post_office, person, ticket)
    wrong = [
        letter(address, sender="bo@other.example"),
        letter(f"help+{token[:26]}{others_token[26:42]}@larch.example"),
        letter(f"help+{token[:-1]}{'a' if token[-1] != 'a' else 'b'}@larch.example"),
        letter(f"help+{'a' * 42}@larch.example"),
        letter(f"help+{token}@evil.example"),
        letter(f"help+{ticket}@larch.example"),
        letter(OWN),
        letter("undisclosed-recipients:;"),
    ]
    assert {refusal(post_office, each) for each in wrong} == {NO}
    assert steps(post_office, person, ticket) == before
    post_office.do(lambda transaction: tasks.close(transaction, ticket))
    assert refusal(post_office, letter(address)) == NO
    own = letter(f"help+{others_token}", sender="bo@other.example")
    erase(post_office.provider.gate.gate, [other_person])
    assert refusal(post_office, own) == NO


def test_a_look_at_the_senders_address_is_entered(post_office: House) -> None:
    """To compare who sent a reply is to use an address, whatever comes of it."""
    _, person, ticket = ask(post_office)
    gate = post_office.provider.gate.gate
    before = len(gate.entries(person))
    address = inbound.reply_address(post_office.provider, ticket)
    assert refusal(post_office, letter(address, sender="bo@other.example")) == NO
    (entry,) = [each.entry for each in gate.entries(person)[before:]]
    assert (entry.action, entry.data, entry.purpose) == ("use", ("email",), "support")


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner-email=ann@marked.example"},
        {"Precedence": "Bulk"},
        {"Return_Path": "<>"},
        {"List_Id": "<news.larch.example>"},
        {"X_Autoreply": "yes"},
    ],
)
def test_what_a_machine_sends_is_dropped(post_office: House, headers: dict[str, str]) -> None:
    """An answer of a machine makes no message of a ticket, so that nothing goes in rings."""
    _, _, ticket = ask(post_office)
    address = inbound.reply_address(post_office.provider, ticket)
    assert inbound.read(letter(address, **headers).as_bytes(), OWN).is_automatic
    assert inbound.read(letter(address, sender=OWN).as_bytes(), OWN).is_automatic
    assert not inbound.read(letter(address, Auto_Submitted="no").as_bytes(), OWN).is_automatic


def test_html_is_read_as_its_words_and_files_are_left_out(post_office: House) -> None:
    """Nothing of a program, a style or a quotation; that files came is said."""
    _, _, ticket = ask(post_office)
    address = inbound.reply_address(post_office.provider, ticket)
    message = letter(address)
    message.set_content(
        "<html><head><title>t</title><style>p{}</style></head><body><p>At&nbsp;night &amp;"
        " <b>day</b></p><script>alert(1)</script><div>Yes\u202e</div>"
        "<blockquote>Our own words</blockquote></body>",
        subtype="html",
    )
    message.add_attachment(b"x" * 50, maintype="image", subtype="png", filename="me.png")
    text = inbound.read(message.as_bytes(), OWN).text
    assert text.split("\n") == [
        "At\u00a0night & day",
        "",
        "Yes",
        "",
        "(1 file in this mail: not taken in.)",
    ]


@pytest.mark.parametrize("text", ["", "> all quoted", "x" * 5_001, "\u202e"])
def test_a_reply_that_says_nothing_or_too_much_is_not_taken_in(
    post_office: House, text: str
) -> None:
    """The reason says how much may be written."""
    _, person, ticket = ask(post_office)
    address = inbound.reply_address(post_office.provider, ticket)
    assert refusal(post_office, letter(address, text)) == "the reply is empty or too long"
    assert steps(post_office, person, ticket) == ["opened", "replied"]


def test_many_replies_wait_as_those_in_the_account_do(post_office: House) -> None:
    """The limit is one for both ways of replying."""
    customer, _, ticket = ask(post_office)
    here = f"{PAGE}/{ticket}"
    for at in range(9):
        sending = send(customer, f"{here}/reply", {"text": f"Number {at}."}, here)
        assert sending.status_code == 303
    address = inbound.reply_address(post_office.provider, ticket)
    assert refusal(post_office, letter(address)) == "there were too many replies"


ODD = (
    b"",
    b"\xff\x00\r\n\r\n\xfe",
    b"From: a@b.example\r\nFrom: c@d.example\r\n\r\nx",
    b"From: a@b.example\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xff",
    b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n",
    b"From: a@b.example\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
    b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n" + b"<!--<b>&#x110000;" * 9_000,
    b"From: a@b.example\r\n"
    + b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n" % (each, each)
        for each in range(3_000)
    ),
    b"x" * (inbound.MAIL_MAX + 1),
)


def what_is_read(raw: bytes) -> str:
    """The text of a message, or why it is none."""
    try:
        return inbound.read(raw, OWN).text
    except ReplyError as error:
        return f"{error}: {error.hint}"


@pytest.mark.parametrize("raw", ODD, ids=range(len(ODD)))
def test_odd_messages_are_read_or_refused_and_never_an_error(raw: bytes) -> None:
    """What is no message, or a broken one, gets a sentence that says so, or is read."""
    assert len(what_is_read(raw)) < inbound.MAIL_MAX


@given(st.binary(max_size=400), st.sampled_from(ODD[:6]))
def test_any_bytes_are_read_or_refused(raw: bytes, head: bytes) -> None:
    """Whatever comes is a message or a mistake of who sent it."""
    assert "\x00" not in what_is_read(head + raw)
