"""What the middlewares of visits add to a page, at the median and at the 99th percentile.

A page without and with the middleware by turns, in process: ASGI in an event loop, WSGI in a
thread. What was noted is kept meanwhile, once a second, by the thread that does so for a provider.
By the seconds of the processor that the page's thread had, and by the clock, in which other
programs on the machine count, too. `python bench/middleware.py [PAGES]`.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from collect import make_provider

from upheld.practices.collection.middleware import VisitMiddleware
from upheld.practices.collection.recorder import VisitRecorder
from upheld.practices.collection.wsgi import WsgiVisitMiddleware

BODY = b"<!doctype html><title>Plans</title>"
HEADERS = [(b"content-type", b"text/html; charset=utf-8")]
PAUSE = 0.0005  # seconds between two pages
COOKIE = "visitor=" + "a" * 22
LIMIT = 100  # microseconds


async def asgi_page(_: Any, __: Any, send: Any) -> None:
    """A page of HTML."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def wsgi_page(_: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A page of HTML."""
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [BODY]


def scope_of(number: int) -> dict[str, Any]:
    """The request of a page, every second one with our cookie."""
    headers = [(b"host", b"larch.example"), (b"user-agent", b"Mozilla/5.0")]
    if number % 2:
        headers.append((b"cookie", COOKIE.encode()))
    return {
        "type": "http",
        "method": "GET",
        "path": f"/articles/about-{number % 1000}",
        "headers": headers,
        "client": ("192.0.2.7", 1234),
    }


async def _nothing(_: Any = None) -> None:
    pass


def now() -> tuple[int, int]:
    """Nanoseconds of this thread's processor, and of the clock."""
    return time.thread_time_ns(), time.perf_counter_ns()


def since(start: tuple[int, int]) -> tuple[int, int]:
    """What went by of both."""
    clock = time.perf_counter_ns() - start[1]
    return time.thread_time_ns() - start[0], clock


async def asgi(recorder: VisitRecorder, pages: int) -> list[list[tuple[int, int]]]:
    """Nanoseconds of each page, without the middleware and with it."""
    apps: list[Any] = [asgi_page, VisitMiddleware(asgi_page, recorder=recorder)]
    took: list[list[tuple[int, int]]] = [[], []]
    for number in range(pages):
        for at in (0, 1) if number % 2 else (1, 0):
            scope = scope_of(number)
            start = now()
            await apps[at](scope, _nothing, _nothing)
            took[at].append(since(start))
        await asyncio.sleep(PAUSE)
    return took


def wsgi(recorder: VisitRecorder, pages: int) -> list[list[tuple[int, int]]]:
    """Nanoseconds of each page of a WSGI application, without the middleware and with it."""
    apps: list[Any] = [wsgi_page, WsgiVisitMiddleware(wsgi_page, recorder=recorder)]
    took: list[list[tuple[int, int]]] = [[], []]
    for number in range(pages):
        for at in (0, 1) if number % 2 else (1, 0):
            environ = {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": f"/articles/about-{number % 1000}",
                "REMOTE_ADDR": "192.0.2.7",
                **({"HTTP_COOKIE": COOKIE} if number % 2 else {}),
            }
            start = now()
            parts = apps[at](environ, lambda *_: None)
            for _ in parts:
                pass
            if (close := getattr(parts, "close", None)) is not None:
                close()
            took[at].append(since(start))
        time.sleep(PAUSE)
    return took


def tell(name: str, took: list[list[tuple[int, int]]]) -> None:
    """Print what is added."""
    for at, which in enumerate(("of the processor", "by the clock")):
        added = []
        for share in (0.5, 0.99):
            plain, ours = (
                sorted(each[at] for each in times)[int(len(times) * share)] / 1000 for times in took
            )
            added.append((ours - plain, plain))
        (median, _), (p99, before) = added
        print(f"{name}: adds {median:.0f} µs at the median, {p99:.0f} µs at p99 {which}", end=" ")
        print(f"(limit {LIMIT} µs; the page alone has {before:.0f} µs there)", flush=True)


def main() -> None:
    """Measure, and print a line for each."""
    pages = int(sys.argv[1]) if sys.argv[1:] else 10_000
    with tempfile.TemporaryDirectory() as name:
        recorder = VisitRecorder(make_provider(Path(name)))
        tell("ASGI", asyncio.run(asgi(recorder, pages)))
        tell("WSGI", wsgi(recorder, pages))
        recorder.keep()


if __name__ == "__main__":
    main()
