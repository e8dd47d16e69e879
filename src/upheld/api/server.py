"""uvicorn, set up for a public address: slow heads are cut off, only named proxies are believed.

uvicorn waits for ever for the head of a request; here a connection has a few seconds to send one.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 10
HEAD_MAX = 16 * 1024


class Impatient(H11Protocol):
    """A connection that is closed where the head of a request does not arrive in time."""

    waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        self.wait()

    def data_received(self, data: bytes) -> None:
        """Take bytes; go on waiting while they are not a whole head."""
        super().data_received(data)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            self.stop_waiting()
        elif self.waiting is None and not self.transport.is_closing():
            self.wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is left to wait for."""
        self.stop_waiting()
        super().connection_lost(exc)

    def wait(self) -> None:
        """Set the time by which a head must be there."""
        self.waiting = self.loop.call_later(HEAD_SECONDS, self.cut)

    def stop_waiting(self) -> None:
        """The head is there."""
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
        app, host=host, port=port, http=Impatient, lifespan="on",
        access_log=False, log_config=None, log_level="warning", server_header=False,
        proxy_headers=bool(trusted_proxies), forwarded_allow_ips=trusted_proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=HEAD_MAX, backlog=2048,
    )  # fmt: skip
