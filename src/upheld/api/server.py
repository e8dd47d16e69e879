"""uvicorn, set up for a public address: slow requests are cut off, only named proxies are believed.

uvicorn waits for ever for the head of a request, and for its body; here a connection has a few
seconds to send each.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from upheld.api.doorway import HEAD_MAX

HEAD_SECONDS = 10.0
BODY_SECONDS = 15.0  # longer than what reads a body waits, which answers before it is cut
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 10


class Impatient(H11Protocol):
    """A connection that is closed where a head or a body does not arrive in time."""

    waiting: asyncio.TimerHandle | None = None
    for_body = False  # what is waited for

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        self.wait(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Take bytes; go on waiting while they are not a whole head, or not the whole body."""
        super().data_received(data)
        if self.transport.is_closing():
            self.stop_waiting()
        elif self.conn.their_state is h11.SEND_BODY:
            if not self.for_body:
                self.stop_waiting()
                self.wait(BODY_SECONDS)
                self.for_body = True
        elif self.for_body or self.is_answering():
            self.stop_waiting()
        elif self.waiting is None:
            self.wait(HEAD_SECONDS)

    def is_answering(self) -> bool:
        """Whether a request is there whose answer is not."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to wait for."""
        self.stop_waiting()
        super().connection_lost(exc)

    def wait(self, seconds: float) -> None:
        """Set the time by which what is waited for must be there."""
        self.waiting = self.loop.call_later(seconds, self.cut)

    def stop_waiting(self) -> None:
        """It is there."""
        self.for_body = False
        if self.waiting is not None:
            self.waiting.cancel()
            self.waiting = None

    def cut(self) -> None:
        """Close the connection."""
        self.waiting = None
        self.transport.close()


def run(app: ASGIApp, host: str, port: int, trusted_proxies: str = "") -> None:
    """Serve an application until it is told to stop."""
    uvicorn.run(
        app,
        host=host,
        port=port,
        http=Impatient,
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=HEAD_MAX,
        backlog=2048,
    )
