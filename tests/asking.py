"""Requests of tests are answered in the thread that asks, by one loop for all of them.

Starlette's client begins a thread and a loop for each request, and hands it over some ten times.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final
from urllib.parse import unquote

import httpx2
import pytest
from starlette import testclient

PORTS: Final = {"http": 80, "https": 443}


class Loops:
    """The loop that answers; a forked process, where its threads are missing, has another."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._of_parents: list[asyncio.AbstractEventLoop] = []  # never closed here: they share it
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        if self._loop is not None:
            self._of_parents.append(self._loop)
        self._loop = None

    def run(self, work: Callable[[], Any]) -> None:
        """Do a piece of work to its end, and end what it left to be done later."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        loop = self._loop
        try:
            loop.run_until_complete(work())
        finally:
            if rest := asyncio.all_tasks(loop):
                for each in rest:
                    each.cancel()
                loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))


LOOPS: Final = Loops()


def _can_answer(transport: Any, scheme: str) -> bool:
    """Whether nobody began a loop for this client, or runs one in this thread; the first alone."""
    return (
        scheme in PORTS
        and transport.portal_factory.__self__.portal is None
        and threading.current_thread() is threading.main_thread()
        and asyncio._get_running_loop() is None
    )


def _scope_of(transport: Any, request: httpx2.Request) -> dict[str, Any]:
    url = request.url
    host, path = url.raw_host.decode("ascii"), url.raw_path.split(b"?", 1)[0]
    headers = [(name.lower(), value) for name, value in request.headers.raw]
    if "host" not in request.headers:
        headers.insert(0, (b"host", url.netloc))
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "path": unquote(url.path),
        "raw_path": path,
        "root_path": transport.root_path,
        "scheme": url.scheme,
        "query_string": url.query,
        "headers": headers,
        "client": transport.client,
        "server": [host, url.port or PORTS[url.scheme]],
        "extensions": {"http.response.debug": {}},
        "state": transport.app_state.copy(),
    }


def answer(transport: Any, request: httpx2.Request) -> httpx2.Response:
    """What an application answers; what it raises is raised, if the client wants that."""
    scope, body = _scope_of(transport, request), request.read()
    begin: dict[str, Any] = {}
    parts: list[bytes] = []

    async def ask() -> None:
        is_read, is_complete = False, asyncio.Event()

        async def receive() -> dict[str, Any]:
            nonlocal is_read
            if is_read:
                await is_complete.wait()
                return {"type": "http.disconnect"}
            is_read = True
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert not begin, "an answer began twice"
                begin.update(message)
            elif message["type"] == "http.response.body":
                assert begin, "an answer had a body before its head"
                assert not is_complete.is_set(), "an answer went on after its end"
                parts.append(bytes(message.get("body", b"")))
                if not message.get("more_body", False):
                    is_complete.set()

        await transport.app(scope, receive, send)

    with suppress(*(() if transport.raise_server_exceptions else (Exception,))):
        LOOPS.run(ask)
    if not begin:
        assert not transport.raise_server_exceptions, "nothing was answered"
        begin = {"status": 500}
    headers = [(name.decode(), value.decode()) for name, value in begin.get("headers", ())]
    content = b"" if request.method == "HEAD" else b"".join(parts)
    stream = httpx2.ByteStream(content)
    return httpx2.Response(begin["status"], headers=headers, stream=stream, request=request)


def answer_here(patch: pytest.MonkeyPatch) -> None:
    """Let Starlette's client ask as this module does, wherever it can."""
    transport = testclient._TestClientTransport
    elsewhere = transport.handle_request

    def handle(self: Any, request: httpx2.Request) -> httpx2.Response:
        if _can_answer(self, request.url.scheme):
            return answer(self, request)
        return elsewhere(self, request)

    patch.setattr(transport, "handle_request", handle)
