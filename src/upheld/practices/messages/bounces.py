"""Reports that a message came back: read as RFC 3464 has them, and noted on the message.

A report names its message by the Message-ID in the headers that it gives back, which nobody knows
but who got the message. The rest of a report is not kept: it may quote anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError
from upheld.gate.transaction import Transaction
from upheld.practice.tables import outbox
from upheld.practices.messages.delivery import BOUNCED, SENT

REPORT_MAX: Final = 4 * 1024 * 1024  # bytes
_ID: Final = re.compile(r"<([0-9a-f]{32})@[^<>@]+>")
_STATUS: Final = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")


class BounceError(UpheldError):
    """A message that does not report a failed delivery, or not one of ours."""


class BounceReport(NamedTuple):
    """Which messages a report may be about, and the status that it gives."""

    messages: tuple[str, ...]
    status: str


def read(raw: bytes) -> BounceReport:
    """Read a report; BounceError where it is none, or says that something was only delayed."""
    if len(raw) > REPORT_MAX:
        raise BounceError("the report is too large", code="bounce", hint="give one report alone")
    message = message_from_bytes(raw, policy=policy.default)
    parts = list(message.walk())
    groups = [group for part in parts for group in _groups(part)]
    failed = [each for each in groups if str(each.get("Action", "")).strip().lower() == "failed"]
    if not failed:
        raise BounceError(
            "this is not a report that a delivery failed",
            code="bounce",
            hint="give the whole message that the mail server sent, with its headers",
        )
    status = _STATUS.search(str(failed[0].get("Status", "")))
    ids = [each for part in parts if part is not message for each in _ids(part)]
    return BounceReport(tuple(dict.fromkeys(ids)), status[0] if status else "no status")


def _groups(part: Message) -> list[Message]:
    """The groups of fields of a part on the status of a delivery."""
    if part.get_content_type() != "message/delivery-status":
        return []
    payload = part.get_payload()
    return (
        [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []
    )


def _ids(part: Message) -> Iterator[str]:
    """The ids in the headers that came back, whole or as text."""
    kind = part.get_content_type()
    if kind == "text/rfc822-headers" and isinstance(part, EmailMessage):
        raw = part.get_payload(decode=True)
        headers = message_from_bytes(raw if isinstance(raw, bytes) else b"", policy=policy.default)
        yield from _ID.findall(str(headers.get("Message-ID", "")))
    yield from _ID.findall(str(part.get("Message-ID", "")))


def note(transaction: Transaction, report: BounceReport) -> str:
    """Note on a message that it came back; its id. BounceError where it is none that we sent."""
    for message in report.messages:
        rows = transaction.tables.select(
            outbox, "message_id = ? AND state = ?", message, SENT, parts=[SENT]
        )
        if not rows:
            continue
        (row,) = rows
        changes = {"state": BOUNCED, "trouble": f"it came back with {report.status}"}
        transaction.tables.update(
            outbox,
            changes,
            "person_id = ? AND message_id = ? AND state = ?",
            row.person_id,
            message,
            SENT,
            parts=[SENT],
        )
        transaction.note(
            row.person_id,
            "bounced",
            action="contact",
            purpose=row.purpose,
            after=str(row.entry),
            id=message,
        )
        return message
    raise BounceError(
        "the report names no message that we sent, or was noted before",
        code="bounce",
        hint="look for the message on the desk's mail page",
    )
