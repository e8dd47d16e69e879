"""The policy page in a browser: for everyone, without scripts, without anyone else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import upheld
from browsing import follow
from pages import POLICY, WORDS
from upheld.app.policy import policy_app
from upheld.policy.analyse.page import page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
ASKED = (
    "/privacy/ask?action=share&data=email&recipient=trusted-partner&purpose=offers&occasion=other"
)
PATHS = (
    "/",
    ASKED,
    "/privacy/ask?action=shred",
    "/privacy/clause/trusted-partners",
    "/nowhere",
    "/privacy/find?q=confidential",
    "/privacy/find?q=zebra",
)
WAYS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """A server of the policy on a free port."""
    import uvicorn

    app = policy_app(upheld.load_text(POLICY, vocabulary=WORDS))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.mark.parametrize(("width", "scheme"), WAYS)
def test_every_page_is_for_everyone(chromium: Browser, site: str, width: int, scheme: str) -> None:
    """No page breaks a rule of WCAG 2.2 AA that can be tested, or scrolls sideways."""
    from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has no stubs

    with chromium.new_context(
        viewport={"width": width, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
        has_touch=width < 400,
        is_mobile=width < 400,
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        for path in PATHS:
            page.goto(site + path)
            found = Axe().run(
                page,
                options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]},
            )
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize(("width", "scheme"), WAYS)
def test_a_comparison_is_for_everyone(chromium: Browser, width: int, scheme: str) -> None:
    """The page of two versions side by side breaks no rule either, and needs no server."""
    from axe_playwright_python.sync_playwright import Axe

    old = upheld.load_text(POLICY, vocabulary=WORDS)
    new = upheld.load_text(POLICY.replace("may not", "may", 1), vocabulary=WORDS)
    with chromium.new_context(
        viewport={"width": width, "height": 844},
        color_scheme="dark" if scheme == "dark" else "light",
    ) as context:
        tab = context.new_page()
        tab.set_content(page(old, new, upheld.compare(old, new)))
        assert tab.locator("del, ins").count() > 0
        found = Axe().run(tab)
        assert found.violations_count == 0, found.generate_report()
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_is_asked_of_anyone_else(chromium: Browser, site: str) -> None:
    """Every request of a page goes to the page's own server, and nothing is refused or logged."""
    with chromium.new_context() as context:
        page = context.new_page()
        requests: list[str] = []
        said: list[str] = []
        page.on("request", lambda each: requests.append(each.url))
        page.on("console", lambda each: said.append(each.text))
        page.goto(site)
        page.goto(site + ASKED)
        assert len(requests) > 2
        assert [each for each in requests if not each.startswith(site)] == []
        assert said == []
        assert context.cookies() == []


def test_a_question_can_be_asked_without_scripts(chromium: Browser, site: str) -> None:
    """The form, the answer and supposing a fact work where no script runs."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Information", exact=True).select_option("email")
        page.get_by_label("Recipient", exact=True).select_option("court")
        page.get_by_label("Purpose", exact=True).select_option("offers")
        page.get_by_label("Moment", exact=True).select_option("other")
        follow(page.get_by_role("button", name="Ask"))
        assert "Only if" in page.locator(".verdict").inner_text()
        follow(page.get_by_role("link", name="suppose so"))
        assert "Yes" in page.locator(".verdict").inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_verdict_is_seen_without_scrolling(chromium: Browser, site: str, width: int) -> None:
    """An answer stands above the fold, on a phone too."""
    with chromium.new_context(viewport={"width": width, "height": 844}) as context:
        page = context.new_page()
        page.goto(site + ASKED)
        box = page.locator(".verdict").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 844


def test_the_keyboard_reaches_the_policy(chromium: Browser, site: str) -> None:
    """The first key stroke offers to skip to the policy, and focus is seen."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(site)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        page.wait_for_url("**/#_main")


def test_finding_hides_what_does_not_match(chromium: Browser, site: str) -> None:
    """What is typed narrows the clauses, and a link into a hidden one shows it again."""
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Find in policy").fill("advertiser learns")
        assert page.locator("article .clause:visible").count() == 1
        page.evaluate("location.hash = '#access'")
        page.locator("#access").wait_for(state="visible")


def test_finding_works_without_scripts(chromium: Browser, site: str) -> None:
    """The form leads to a page of the clauses found, and from there back into the policy."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site)
        page.get_by_label("Find in policy").fill("advertiser learns")
        follow(page.get_by_role("button", name="Find"))
        assert page.locator(".clause").count() == 1
        follow(page.get_by_role("link", name="See it in the policy"))
        assert page.locator("article .clause:target").count() == 1


def test_the_table_of_recipients_is_a_card_each_on_a_phone(chromium: Browser, site: str) -> None:
    """On a phone each cell says what it is about, and the table stays one to whoever listens."""
    with chromium.new_context(viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        page.goto(site + "/#_who")
        cell = page.locator(".who td").first
        label = cell.evaluate("each => getComputedStyle(each, '::before').content")
        assert label.strip('"') == page.locator(".who thead th").nth(1).inner_text()
        assert page.get_by_role("table").get_by_role("rowheader").count() > 2


def test_targets_are_large_enough_on_touch(chromium: Browser, site: str) -> None:
    """On a touch screen every control is at least 44 pixels high."""
    with chromium.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    ) as context:
        page = context.new_page()
        for path in ("/", ASKED):
            page.goto(site + path)
            small = page.evaluate(
                """() => [...document.querySelectorAll("a,button,select,summary,input")]
                .filter(e => e.checkVisibility() && !e.classList.contains("skip"))
                .filter(e => e.getBoundingClientRect().height < 43.5).map(e => e.outerHTML)"""
            )
            assert small == [], path
