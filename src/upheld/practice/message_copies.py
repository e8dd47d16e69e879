"""Messages as rows of what is held of somebody: what we wrote to them, and what they wrote to us.

The text is a value of the vault, collected and stored by the policy's own clauses. One that belongs
to a request or a ticket says to which, and who wrote it, so that both sides read one thread.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from upheld.core.ids import PersonId
from upheld.gate.act.request import ActResult, Refused
from upheld.gate.transaction import Transaction
from upheld.practice.unreadable import decoding

MESSAGES: Final = "messages"  # the series
CUSTOMER, STAFF = "customer", "staff"  # who wrote a message of a thread
NOTE: Final = "note"  # what our staff wrote in it for one another
ADMINISTRATIVE: Final = "administrative-message"  # the purpose of what staff write
SERVICE_PROVISION: Final = "service-provision"  # of what customers write, where nothing else is


class MessageCopy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message as its person finds it in the account: a row of the series `messages`."""

    at: str
    purpose: str
    subject: str
    text: str
    message: str
    clause: str
    about: str = ""  # the id of the request or ticket whose thread it stands in
    author: str = ""  # who wrote it, in a thread


_COPY: Final = msgspec.json.Decoder(MessageCopy)


def copy_of(value: str) -> MessageCopy:
    """A row of the series; UnreadableValueError for anything else."""
    with decoding(MESSAGES):
        return _COPY.decode(value)


def thread(rows: Iterable[str], about: str) -> list[MessageCopy]:
    """The messages of one thread among the rows of the series, the oldest first."""
    copies = (copy_of(each) for each in rows)
    return [each for each in copies if each.about == about]


def add_from_customer(  # noqa: PLR0913 - what a message says
    transaction: Transaction,
    person_id: PersonId,
    subject: str,
    text: str,
    *,
    about: str,
    purpose: str,
    storing_purpose: str = SERVICE_PROVISION,
) -> ActResult | Refused:
    """Store what a customer wrote to us in a thread, if the policy lets it in.

    `purpose` is that of the thread, as its readers see it; `storing_purpose` what we store it for.
    """
    copy = _new(transaction, subject, text, about=about, purpose=purpose, author=CUSTOMER)
    return transaction.append(
        person_id,
        MESSAGES,
        [copy],
        source="customer",
        occasion="service-use",
        purpose=storing_purpose,
        entitled=True,
    )


def add_from_staff(
    transaction: Transaction,
    person_id: PersonId,
    subject: str,
    text: str,
    *,
    about: str,
    storing_purpose: str = ADMINISTRATIVE,
) -> ActResult | Refused:
    """Store what our staff wrote to a customer in a thread, if the policy lets us keep it.

    `storing_purpose` is what we store it for.
    """
    copy = _new(transaction, subject, text, about=about, purpose=ADMINISTRATIVE, author=STAFF)
    return _add_own(transaction, person_id, copy, storing_purpose)


def add_from_staff_each(
    transaction: Transaction, people: Collection[PersonId], subject: str, text: str
) -> dict[PersonId, ActResult | Refused]:
    """Store what our staff wrote to several customers, to each alike and in no thread, each apart.

    As far as the policy lets us keep it.
    """
    copies = {
        each: [_new(transaction, subject, text, about="", purpose=ADMINISTRATIVE, author=STAFF)]
        for each in people
    }
    return transaction.append_each(
        copies,
        MESSAGES,
        source="provider",
        occasion="other",
        purpose=ADMINISTRATIVE,
        entitled=True,
    )


def add_note(
    transaction: Transaction,
    person_id: PersonId,
    subject: str,
    text: str,
    *,
    about: str,
    purpose: str,
) -> ActResult | Refused:
    """Store what our staff noted for one another in a thread, if the policy lets us keep it.

    It is sent to nobody, and the customer sees it among what we hold about them.
    """
    copy = _new(transaction, subject, text, about=about, purpose=purpose, author=NOTE)
    return _add_own(transaction, person_id, copy, purpose)


def _add_own(
    transaction: Transaction, person_id: PersonId, copy: str, purpose: str
) -> ActResult | Refused:
    return transaction.append(
        person_id,
        MESSAGES,
        [copy],
        source="provider",
        occasion="other",
        purpose=purpose,
        entitled=True,
    )


def _new(
    transaction: Transaction, subject: str, text: str, *, about: str, purpose: str, author: str
) -> str:
    """A new message of now, as a row."""
    copy = MessageCopy(
        at=transaction.clock.now().isoformat(timespec="seconds"),
        purpose=purpose,
        subject=subject,
        text=text,
        message=secrets.token_hex(16),
        clause="",
        about=about,
        author=author,
    )
    return msgspec.json.encode(copy).decode()
