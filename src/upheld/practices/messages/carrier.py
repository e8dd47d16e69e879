"""What takes a message away: a mail server, or a box in memory for a demonstration."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from upheld.core.errors import UpheldError

BOX_MAX: Final = 500
SECONDS: Final = 20


class CarrierError(UpheldError):
    """A message that could not be handed over. `final` says that to try again is no use."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message, code="mail", hint="see the mail server, and `mail_server`")
        self.final = final


class Carrier(Protocol):
    """Takes a message away; CarrierError where it cannot."""

    def send(self, message: EmailMessage) -> None:
        """Hand a message over; when this returns, somebody else answers for it."""


class Box:
    """A box in memory, for a demonstration: nothing leaves the process."""

    def __init__(self) -> None:
        self.messages: deque[EmailMessage] = deque(maxlen=BOX_MAX)

    def send(self, message: EmailMessage) -> None:
        """Keep a message, and forget the oldest of very many."""
        self.messages.append(message)


class Smtp:
    """A mail server: `smtp://[USER:PASSWORD@]HOST:PORT`, with STARTTLS where it offers it."""

    def __init__(self, address: str) -> None:
        told = urlsplit(address)
        if told.scheme not in ("smtp", "smtps") or not told.hostname:
            raise UpheldError("`mail_server` cannot be read", code="settings",
                              hint="write smtp://HOST:PORT or smtps://HOST:PORT")  # fmt: skip
        self.host, self.tls = told.hostname, told.scheme == "smtps"
        self.port = told.port or (465 if self.tls else 25)
        self.user = unquote(told.username) if told.username else None
        self.password = unquote(told.password) if told.password else None

    def __repr__(self) -> str:
        return f"Smtp({self.host!r}, {self.port})"

    def send(self, message: EmailMessage) -> None:
        """Hand a message to the server."""
        try:
            with ThreadPoolExecutor(1) as apart:  # whoever sends may be in a loop of their own
                apart.submit(asyncio.run, self._sent(message)).result()
        except aiosmtplib.SMTPResponseException as error:
            # Its text may quote the address; the number does not.
            raise CarrierError(f"the mail server said {error.code}",
                               final=500 <= error.code < 600) from None  # fmt: skip
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            raise CarrierError("the mail server refused the address",
                               final=all(code >= 500 for code in codes)) from None  # fmt: skip
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            raise CarrierError("the mail server cannot be reached") from None

    async def _sent(self, message: EmailMessage) -> None:
        await aiosmtplib.send(
            message, hostname=self.host, port=self.port, use_tls=self.tls,
            username=self.user, password=self.password, timeout=SECONDS,
        )  # fmt: skip


def carrier(address: str) -> Carrier | None:
    """The mail server of an address; None where none is given."""
    return Smtp(address) if address else None
