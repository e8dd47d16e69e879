"""A provider that is served, and clicks in a browser that wait for what they lead to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator


@contextmanager
def served(app: Callable[..., Any], host: str = "127.0.0.1") -> Iterator[str]:
    """The address of a server of some application, on a free port, under one of its names."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://{host}:{port}"
    server.should_exit = True
    thread.join()


def follow(locator: Locator) -> None:
    """Click a link or button, and wait until the page that it leads to has loaded.

    A click alone returns before the old page has gone, so that what is read next may be read there.
    """
    with locator.page.expect_navigation():
        locator.click()
