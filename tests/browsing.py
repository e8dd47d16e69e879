"""A provider that is served, clicks that wait for what they lead to, and what axe says of pages."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sizes import CHOSEN

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

WIDTHS = (390,) if CHOSEN == "short" else (1280, 390)  # on a phone, and at a desk
WCAG = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "link-in-text-block")


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


@contextmanager
def screen(chromium: Browser, width: int) -> Iterator[Page]:
    """A page on a screen of some width, touched where it is a phone's, into which axe can come."""
    with chromium.new_context(
        viewport={"width": width, "height": 844},
        has_touch=width < 400,
        is_mobile=width < 400,
        bypass_csp=True,
    ) as context:
        yield context.new_page()


def follow(locator: Locator) -> None:
    """Click a link or button, and wait until the page that it leads to has loaded.

    A click alone returns before the old page has gone, so that what is read next may be read there.
    """
    with locator.page.expect_navigation():
        locator.click()


def require_accessible(page: Page, where: str = "", rules: Sequence[str] = WCAG) -> None:
    """AssertionError where axe finds a breach on a page: of WCAG 2.2 AA, or of some rules."""
    from axe_playwright_python import base  # type: ignore[import-untyped]  # has no stubs

    if not page.evaluate("'axe' in window"):
        page.evaluate(base.AXE_SCRIPT)
    # What is in order is not asked for, nor told: it is most of a page.
    options = {"runOnly": [*rules], "resultTypes": ["violations"]}
    ask = "options => axe.run(options).then(({violations}) => ({violations}))"
    found = base.AxeResults(page.evaluate(ask, options))
    assert found.violations_count == 0, f"{where or page.url}: {found.generate_report()}"


def require_seen_well(page: Page, width: int, where: str) -> None:
    """AssertionError where a page breaks a rule of WCAG 2.2 AA that axe tries, or scrolls sideways.

    In light all rules are tried, and in dark those of colours: nothing else differs there.
    """
    page.emulate_media(color_scheme="dark")
    require_accessible(page, f"{where} in dark", COLOURS)
    page.emulate_media(color_scheme="light")
    require_accessible(page, where)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, where
