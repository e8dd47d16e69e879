"""What takes a message away: a mail server, or a box in memory for a demonstration."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib

from upheld.core.errors import UpheldError

BOX_MAX: Final = 500
SECONDS: Final = 20
PERMANENT: Final = 500  # replies of SMTP from which on to try again is no use


class CarrierError(UpheldError):
    """A message that could not be handed over.

    `final` says that to try again is no use; `server` that no other message would go either.
    """

    def __init__(self, message: str, *, final: bool = False, server: bool = False) -> None:
        super().__init__(
            message, code="mail", hint="check the mail server and the setting `mail_server`"
        )
        self.final, self.server = final, server


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
    """A mail server: `smtp://[USER:PASSWORD@]HOST:PORT` with STARTTLS, or `smtps://…`.

    Only a server on this very machine is spoken to without, if it does not offer it.
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self.host, self.tls = parts.hostname or "", parts.scheme == "smtps"
        self.start_tls = None if self.tls or _is_here(self.host) else True
        self.port = parts.port or (465 if self.tls else 25)
        self.user = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None

    def __repr__(self) -> str:
        return f"Smtp({self.host!r}, {self.port})"

    def send(self, message: EmailMessage) -> None:
        """Hand a message to the server."""
        try:
            with ThreadPoolExecutor(1) as apart:  # whoever sends may be in a loop of their own
                apart.submit(asyncio.run, self._send(message)).result()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _failure(error) from None  # its text may quote the address

    async def _send(self, message: EmailMessage) -> None:
        (sender,), (receiver,) = message["From"].addresses, message["To"].addresses
        await aiosmtplib.send(
            message,
            sender=sender.addr_spec,
            recipients=[receiver.addr_spec],
            hostname=self.host,
            port=self.port,
            use_tls=self.tls,
            start_tls=self.start_tls,
            username=self.user,
            password=self.password,
            timeout=SECONDS,
        )


def _is_here(host: str) -> bool:
    """Whether a server is on this machine, so that no network lies between."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _failure(error: Exception) -> CarrierError:
    """What is so where a message could not be handed over, by a number and never an address."""
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            codes = [each.code for each in error.recipients]
            return CarrierError(
                f"the mail server refused the address with {codes[0]}",
                final=all(code >= PERMANENT for code in codes),
            )
        case aiosmtplib.SMTPNotSupported():
            return CarrierError(
                "the mail server does not know SMTPUTF8, which an address with such"
                " letters before its @ needs",
                final=True,
            )
        case aiosmtplib.SMTPAuthenticationError():
            return CarrierError(
                f"the mail server refused our password with {error.code}", server=True
            )
        case aiosmtplib.SMTPSenderRefused():
            return CarrierError(
                f"the mail server refused who writes with {error.code}", server=True
            )
        case aiosmtplib.SMTPConnectResponseError() | aiosmtplib.SMTPHeloError():
            return CarrierError(f"the mail server answered with {error.code}", server=True)
        case aiosmtplib.SMTPResponseException():
            return CarrierError(
                f"the mail server answered with {error.code}", final=error.code >= PERMANENT
            )
        case aiosmtplib.SMTPException() if "STARTTLS" in str(error):
            return CarrierError(
                "the mail server offers no STARTTLS; write smtps:// if it speaks"
                " TLS from the start",
                server=True,
            )
        case _:
            return CarrierError(
                "the mail server cannot be reached; the message waits and is tried again",
                server=True,
            )


def carrier(address: str) -> Carrier | None:
    """The mail server at an address; None if the address is empty."""
    return Smtp(address) if address else None
