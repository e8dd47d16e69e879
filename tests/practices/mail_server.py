"""A mail server of the tests' own, which keeps what it received as bytes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from processes import PATIENCE, free_port


class Received:
    """The envelopes and messages that arrived, as bytes, and what the server answers."""

    def __init__(self) -> None:
        self.receivers: list[str] = []
        self.messages: list[bytes] = []
        self.refused: dict[str, str] = {}  # receiver, to the answer

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        """Take a receiver, or refuse them as the test says."""
        del server, session, options
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        """Keep a message."""
        del server, session
        self.receivers += envelope.rcpt_tos
        self.messages.append(envelope.original_content)
        return "250 OK"

    @property
    def heads(self) -> list[list[bytes]]:
        """The header lines of each message, unfolded as RFC 5322 unfolds them."""
        result = (each.partition(b"\r\n\r\n")[0] for each in self.messages)
        return [each.replace(b"\r\n ", b" ").split(b"\r\n") for each in result]


class _Controller(Controller):
    def factory(self) -> SMTP:
        return SMTP(self.handler, enable_SMTPUTF8=self.utf8, ident="tests")

    utf8 = True


@contextmanager
def mail_server(*, utf8: bool = True) -> Iterator[tuple[Received, str]]:
    """A mail server on this machine, and its address as the settings have it."""
    inbox, port = Received(), free_port()
    controller = _Controller(inbox, hostname="127.0.0.1", port=port, ready_timeout=PATIENCE)
    controller.utf8 = utf8
    controller.start()
    try:
        yield inbox, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()
