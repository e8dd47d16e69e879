"""Replies by mail: a message that a mail server hands us, read as text and put into its ticket.

Where the setting `help_address` is there, a ticket has an address of its own to reply to: behind a
plus sign the ticket, and a mark that only we can make. A reply is taken in if its mark is ours, its
ticket is open, and it comes from the address of the ticket's customer. Whatever else comes gets one
and the same sentence, so that nobody learns by it what there is. What machines send is dropped.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import getaddresses
from hashlib import sha256
from html.parser import HTMLParser
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, TaskId
from upheld.gate.act.request import Act, Refused
from upheld.gate.public import normalised
from upheld.gate.transaction import Transaction
from upheld.practice import tasks, threads
from upheld.practice.plugin import Provider
from upheld.practices.help import tickets
from upheld.practices.help.tickets import TEXT_MAX, Ticket
from upheld.web import once

MAIL_MAX: Final = 4 * 1024 * 1024  # bytes
HTML_MAX: Final = 256 * 1024  # characters that are read of a message's HTML
REMEMBERED: Final = timedelta(days=30)  # for how long the same message is known again
ID_BYTES, MARK_BYTES = 16, 10
TOKEN_LENGTH: Final = 42  # letters: an id of 26, and a mark of 16
TOKENS_MAX: Final = 3  # that are tried of one message
_TOKEN: Final = re.compile(rf"[a-z2-7]{{{TOKEN_LENGTH}}}")
_RECIPIENTS: Final = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
_LISTS: Final = ("List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Loop")
_BULK: Final = frozenset({"bulk", "junk", "list", "auto_reply"})
_UNWRITABLE: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
)
_BLOCKS: Final = frozenset(
    {"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "pre", "table", "ul", "ol"}
)
_HIDDEN: Final = frozenset({"script", "style", "head", "title", "blockquote", "template"})


class ReplyError(UpheldError):
    """A message that is not taken in; its words say nothing of anybody."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, code="reply", hint=hint)


class InboundReply(NamedTuple):
    """A reply as it came: for which tickets it may be, from whom, and what it says."""

    tokens: tuple[str, ...]
    sender: str
    text: str
    identifier: str  # by which the same message is known again
    is_automatic: bool


def reply_address(provider: Provider, ticket_id: TaskId) -> str:
    """The address to which a ticket's customer replies; empty where no mail comes in."""
    local, _, domain = provider.settings.help_address.rpartition("@")
    return f"{local}+{_token(provider, ticket_id)}@{domain}" if local else ""


def _token(provider: Provider, ticket_id: TaskId) -> str:
    number = bytes.fromhex(ticket_id)
    return _letters(number) + _letters(_mark(provider, number))


def _mark(provider: Provider, number: bytes) -> bytes:
    return provider.sealer("help", "reply").mark(number)[:MARK_BYTES]


def _letters(raw: bytes) -> str:
    """Bytes as small letters and digits, which every mail server leaves as they are."""
    return base64.b32encode(raw).decode().rstrip("=").lower()


def _ticket_of(provider: Provider, token: str) -> TaskId | None:
    """The id of the ticket that a token names; None where we did not make it."""
    at = TOKEN_LENGTH - MARK_BYTES * 8 // 5
    try:
        number = base64.b32decode(token[:at].upper() + "======")
    except binascii.Error:
        return None
    right = _letters(_mark(provider, number))
    return TaskId(number.hex()) if hmac.compare_digest(right, token[at:]) else None


def read(raw: bytes, own_address: str) -> InboundReply:
    """Read a message; ReplyError for what is none, or is too large."""
    if len(raw) > MAIL_MAX:
        raise ReplyError("the message is too large", "give one message of at most 4 MiB")
    try:
        message = message_from_bytes(raw, policy=policy.default)
        sender, text = _sender(message), _text(message)
        tokens = tuple(dict.fromkeys(_tokens(message, own_address)))
        automatic = _is_automatic(message) or normalised("email", sender) == normalised(
            "email", own_address
        )
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ReplyError(
            "this is not a message that can be read",
            "give the whole message as it came, with its headers",
        ) from None
    identifier = str(message.get("Message-ID", "")).strip()
    mark = sha256(identifier.encode(errors="replace") or raw).hexdigest()
    return InboundReply(tokens, sender, text, mark, automatic)


def _sender(message: EmailMessage) -> str:
    """The one address that a message is from; ValueError where there is not one."""
    (address,) = getaddresses([str(each) for each in message.get_all("From", [])])
    return address[1]


def _tokens(message: EmailMessage, own_address: str) -> Iterator[str]:
    local, _, domain = own_address.casefold().rpartition("@")
    headers = [str(value) for name in _RECIPIENTS for value in message.get_all(name, [])]
    for _, mailbox in getaddresses(headers):
        name, _, place = mailbox.casefold().rpartition("@")
        base, _, token = name.partition("+")
        if (base, place) == (local, domain) and _TOKEN.fullmatch(token):
            yield token


def _is_automatic(message: EmailMessage) -> bool:
    """Whether a machine sent a message: an answer to it could go round in a ring."""
    submitted = str(message.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    return (
        submitted != "no"
        or str(message.get("Precedence", "")).strip().lower() in _BULK
        or str(message.get("Return-Path", "")).strip() == "<>"
        or message.get_content_type() == "multipart/report"
        or any(name in message for name in _LISTS)
    )


def _text(message: EmailMessage) -> str:
    """What a message says, without what it quotes at its end, and how many files it brought."""
    body = message.get_body(("plain", "html"))
    text = _decoded(body) if isinstance(body, EmailMessage) else ""
    if body is not None and body.get_content_type() == "text/html":
        text = _plain(text[:HTML_MAX])
    text = _UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\u2028", "\n"))
    text = _without_quote(re.sub(r"\n{3,}", "\n\n", text))
    files = sum(each.get_content_disposition() == "attachment" for each in message.walk())
    if files:
        text += f"\n\n({files} {'file' if files == 1 else 'files'} in this mail: not taken in.)"
    return text.strip()


def _decoded(part: EmailMessage) -> str:
    raw = part.get_payload(decode=True)
    content = raw if isinstance(raw, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), errors="replace")
    except LookupError:  # a character set of which nobody heard
        return content.decode("utf-8", errors="replace")


class _Words(HTMLParser):
    """The words of HTML, in lines; nothing of what a program would run or a reader not see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line, or what is not read."""
        del attrs
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End what is not read."""
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS - {"br"}:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        """Words that are seen."""
        if not self._hidden:
            self.parts.append(" ".join(data.split("\n")))


def _plain(html: str) -> str:
    words = _Words()
    words.feed(html)
    words.close()
    return re.sub(r" *\n *", "\n", "".join(words.parts))


def _without_quote(text: str) -> str:
    """A text without the quotation at its end, and the line that introduces that."""
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith(">")):
        end -= 1
    if end and end < len(lines) and lines[end - 1].rstrip().endswith(":"):
        end -= 1
    return "\n".join(lines[:end]).strip()


def take_in(provider: Provider, transaction: Transaction, reply: InboundReply) -> bool | ReplyError:
    """Put a reply into its ticket; False for one that is there already, or why it is not taken in.

    The reason is given and not raised, so that the entries of what was looked at are kept.
    """
    match = _ticket_for(provider, transaction, reply)
    if match is None:
        return _not_ours()
    person_id, ticket = match
    if not reply.text or len(reply.text) > TEXT_MAX:
        return ReplyError(
            "the reply is empty or too long",
            f"write at most {TEXT_MAX:,} characters, without quoting what we wrote",
        )
    if threads.writes_too_often(provider, transaction, person_id):
        return ReplyError("there were too many replies", "wait a few minutes, then send it again")
    until = transaction.clock.now() + REMEMBERED
    if not once.spend(transaction.tables, "help-mail", reply.identifier, until):
        return False
    result = tickets.add_reply(provider, transaction, person_id, ticket, reply.text)
    return _not_ours() if isinstance(result, Refused) else result is not None


def _ticket_for(
    provider: Provider, transaction: Transaction, reply: InboundReply
) -> tuple[PersonId, Ticket] | None:
    """The open ticket that a reply is for, with its customer locked, who must have sent it."""
    for token in reply.tokens[:TOKENS_MAX]:
        ticket_id = _ticket_of(provider, token)
        task = tasks.find_task(transaction.tables, ticket_id) if ticket_id else None
        if task is None:
            continue
        transaction.lock(task.person_id)
        ticket = tickets.find_ticket(transaction.tables, task.person_id, task.task_id)
        if ticket is not None and ticket.is_open and _is_from(transaction, task.person_id, reply):
            return task.person_id, ticket
    return None


def _is_from(transaction: Transaction, person_id: PersonId, reply: InboundReply) -> bool:
    """Whether a reply comes from a customer's own address, if the policy lets us use that."""
    use = Act(action="use", data=("email",), purpose=tickets.PURPOSE)
    values = transaction.act(use, person_id, entitled=True)
    if isinstance(values, Refused) or "email" not in values.values:
        return False
    return normalised("email", values["email"]) == normalised("email", reply.sender)


def _not_ours() -> ReplyError:
    return ReplyError(
        "this reply cannot be taken in",
        "reply to our latest message about an open question, from the address of the account;"
        " or write in the account",
    )
