"""A message as it goes on its way: headers that every mail program reads, as bytes.

Addresses are built, never written by hand. Python would fold a long `List-Unsubscribe` into encoded
words, in which no program finds the address to end messages; here it stays on one line, which may
have up to 998 characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from email import policy
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from typing import Final

from upheld.core.mailbox import address


class OneLine(UnstructuredHeader, BaseHeader):
    """A header that holds an address of the web, which must not be folded or encoded."""

    def fold(self, *, policy: Policy) -> str:
        """The header on one line."""
        return f"{self.name}: {self}{policy.linesep}"


def _policy() -> EmailPolicy[EmailMessage]:
    registry = HeaderRegistry()
    registry.map_to_type("List-Unsubscribe", OneLine)
    return policy.SMTP.clone(header_factory=registry)


POLICY: Final = _policy()


def new_message(
    sender: tuple[str, str], to: str, subject: str, more: Mapping[str, str]
) -> EmailMessage:
    """A message with its headers; `sender` is a name and an address. MailboxError for no address.

    A subject never holds an encoded word: what looks like one is text that somebody typed.
    """
    name, mailbox = sender
    message = EmailMessage(POLICY)
    message["From"] = address(mailbox, name)
    message["To"] = address(to)
    message["Subject"] = " ".join(subject.split()).replace("=?", "= ?")
    for header, value in more.items():
        message[header] = value
    return message


def domain_of(mailbox: str) -> str:
    """The domain of an address, as A-labels."""
    return address(mailbox).domain
