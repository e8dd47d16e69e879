"""The running provider's pages in a browser: for everyone, by keyboard, and without scripts."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

import upheld
from browsing import WIDTHS, follow, require_seen_well, screen, served
from empty import empty_database
from practices.conftest import PASSWORD, houses
from practices.routes import MARKS, World, lines, routed
from sizes import CHOSEN, size
from upheld.demo import sample_policy
from upheld.practice.endpoints import cookie_name

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Route

pytestmark = pytest.mark.browser
CONTROLS = "a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex='0']"
POLICY = r"^/(privacy.*|policy.*|static/.*|\.well-known/.*|robots.txt|favicon.ico|healthz)?$"
NOTHING: dict[str, str] = {}
ANSWERS: list[tuple[str, str, dict[str, str]]] = [  # who sends what where, and gets a page for it
    ("nobody", "/sign-up", {"birth-date": "2020-01-02"}),
    ("nobody", "/sign-up", NOTHING),
    ("nobody", "/sign-up/form", NOTHING),
    ("nobody", "/sign-up/guardian", NOTHING),
    ("nobody", "/sign-up/continue", NOTHING),
    ("nobody", "/sign-in", NOTHING),
    ("nobody", "/sign-in", {"email": "no@marked.example", "password": "wrong"}),
    ("nobody", "/recover", NOTHING),
    ("nobody", "/recover/over", NOTHING),
    ("nobody", "/verify/over", NOTHING),
    ("nobody", "/staff/sign-in", NOTHING),
    ("ann", "/me/household", NOTHING),
    ("ann", "/me/security/password", NOTHING),
    ("ann", "/me/privacy/erase", NOTHING),
    ("ann", "/me/privacy/choices", NOTHING),
    ("ann", "/me/services", {"plan": "nothing"}),
    ("ann", "/me/payment", {"key": "0" * 32}),
    ("manager", "/staff/people", NOTHING),
    ("billing", "/staff/payments", NOTHING),
    ("support", "/staff/me/password", NOTHING),
    ("support", "/staff/me/account", NOTHING),
]
PAGES = size("pages of the portal in a browser", short=4, long=1_000)
ALL_AT = 390 if CHOSEN != "short" else 0  # the width at which every page is looked at


class Site(NamedTuple):
    """A provider that is served, everybody who visits it, and its address."""

    world: World
    address: str

    def visit(self, context: BrowserContext, visitor: str) -> None:
        """Let a browser be somebody's from now on, who has just signed in."""
        context.clear_cookies()
        kind, _ = self.world.visitors[visitor]
        if kind:
            name = cookie_name(self.world.house.provider, kind)
            raw = self.world.browser(visitor)[0].cookies[name]
            context.add_cookies([{"name": name, "value": raw, "url": self.address}])

    def pages(self, width: int) -> list[tuple[str, str]]:
        """A visitor and a path for each page that the crawl knows, but those of the policy.

        A page that roles see differently is one for each of them.
        """
        table, found = lines(), []
        for method, path in routed(self.world.house.app):
            line = table[f"{method} {path}"]
            allowed = [
                each
                for each, (kind, _) in self.world.visitors.items()
                if line.who in ("anybody", kind) and self.world.expected(line, each, method) == 200
            ]
            if method == "GET" and allowed and not re.search(POLICY, path):
                whole = self.world.path(path, line)
                found += [
                    (each, whole) for each in (allowed if line.who != "anybody" else allowed[:1])
                ]
        return found[:: 1 if width == ALL_AT else max(1, len(found) // PAGES)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running provider on a free port."""
    folder = tmp_path_factory.mktemp("portal")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        world = World(opening(upheld.load(sample_policy())))
        with served(world.house.app) as address:
            yield Site(world, address)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_for_everyone(chromium: Browser, site: Site, width: int) -> None:
    """Each page, as whoever it is for, in light and dark, on a desk and on a phone."""
    with screen(chromium, width) as page:
        for visitor, path in site.pages(width):
            site.visit(page.context, visitor)
            if shown(page, site.address + path):
                require_seen_well(page, width, f"{path} as {visitor}")


def shown(page: Page, address: str) -> bool:
    """Whether a browser shows what it gets there as a page; a file that it saves is none."""
    from playwright.sync_api import Error

    try:
        answer = page.goto(address)
    except Error as error:
        if "Download is starting" not in error.message:
            raise
        return False
    assert answer is not None
    assert answer.status == 200, address
    return answer.headers["content-type"].startswith("text/html")


def test_the_page_of_a_copy_is_read_on_a_phone(chromium: Browser, site: Site) -> None:
    """The page in somebody's copy of their data has no breach of WCAG, and no sideways scroll."""
    browser, token = site.world.browser("ann")
    copy = browser.post("/me/privacy/export", data={"_token": token})
    with zipfile.ZipFile(io.BytesIO(copy.content)) as archive:
        text = archive.read("read-me.html").decode()
    with chromium.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, bypass_csp=True
    ) as context:
        page = context.new_page()
        page.set_content(text)
        require_seen_well(page, 390, "folded")
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        require_seen_well(page, 390, "opened")


def answers(site: Site) -> Iterator[tuple[str, str, str]]:
    """The pages that answer forms: where, of whom, and the page as it was sent."""
    world = site.world
    for visitor, path, form in ANSWERS:
        browser, token = world.browser(visitor)
        sent = browser.post(path, data={"_token": token, **form})
        assert sent.status_code not in (303, 404), path
        yield visitor, path, sent.text


def _serving(text: str) -> Callable[[Route], None]:
    def serve(route: Route) -> None:
        route.fulfill(body=text, content_type="text/html; charset=utf-8")

    return serve


@pytest.mark.parametrize("width", WIDTHS)
def test_every_answer_to_a_form_is_for_everyone(chromium: Browser, site: Site, width: int) -> None:
    """Forms that were filled in wrongly, and refusals: what a page shows that no link leads to."""
    with chromium.new_context(
        viewport={"width": width, "height": 844},
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        for visitor, path, text in answers(site):
            shown = f"{site.address}/answer"
            page.route(shown, _serving(text))
            page.goto(shown)
            assert page.locator("h1").count() == 1, path
            require_seen_well(page, width, f"the answer of {path} to {visitor}")
            page.unroute(shown)


def test_the_keyboard_reaches_every_control(chromium: Browser, site: Site) -> None:
    """Tab goes through everything that can be used, in turn, and one sees where it is."""
    with chromium.new_context() as context:
        page = context.new_page()
        for visitor, path in site.pages(WIDTHS[0]):
            site.visit(context, visitor)
            if not shown(page, site.address + path):
                continue
            count = page.evaluate(
                """controls => {
                    const all = [...document.querySelectorAll(controls)]
                        .filter(each => each.checkVisibility() && each.tabIndex >= 0);
                    all.forEach((each, at) => { each.dataset.at = at; });
                    return all.length;
                }""",
                CONTROLS,
            )
            reached: set[str] = set()
            for _ in range(count * 5):  # a date has parts of its own, each a stop
                if len(reached) == count:
                    break
                page.keyboard.press("Tab")
                at, outline = page.evaluate(
                    "[document.activeElement.dataset.at,"
                    " getComputedStyle(document.activeElement).outlineStyle]"
                )
                if at is not None and at not in reached:
                    assert outline == "solid", f"{path}: focus is not seen on control {at}"
                    reached.add(at)
            assert len(reached) == count, f"{path} as {visitor}: {reached}"


def test_a_case_is_worked_on_without_scripts(chromium: Browser, site: Site) -> None:
    """Signing in with a code, looking up, one look, and closing: forms alone do it."""
    house = site.world.house
    _, code = house.enrolled("support", sign_in="olga")
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site.address + "/staff")
        page.get_by_label("Name you sign in with").fill("olga")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("One-time password").fill(code.at(house.clock.now()))
        follow(page.get_by_role("button", name="Sign in"))
        page.get_by_label("Look up by").select_option("email")
        page.get_by_label("What they told you").fill(MARKS[1])
        page.get_by_label("Why", exact=True).select_option("trouble")
        page.get_by_label("How you know that it is them").select_option(index=1)
        follow(page.get_by_role("button", name="Open a task"))
        assert page.get_by_role("button", name="Take this task").count() == 0  # it is theirs
        assert page.get_by_text(MARKS[0]).count() == 0
        page.get_by_label("Name", exact=True).check()
        follow(page.get_by_role("button", name="Show what is ticked"))
        assert page.get_by_text(MARKS[0]).count() == 1
        assert page.get_by_text(MARKS[1]).count() == 0
        follow(page.get_by_role("button", name="It is done: close it"))
        assert page.get_by_text("Hello, Sam Desk").count() == 1


@pytest.mark.parametrize("width", WIDTHS)
def test_a_case_is_seen_well_in_each_state(chromium: Browser, site: Site, width: int) -> None:
    """Masked, revealed, refused and closed, a case is for everyone who works on it."""
    world = site.world
    path = world.path("/staff/tasks/{task}", lines()["GET /staff/tasks/{task}"])
    with chromium.new_context(
        viewport={"width": width, "height": 844},
        bypass_csp=True,
    ) as context:
        page = context.new_page()
        site.visit(context, "support")
        page.goto(site.address + path)
        follow(page.get_by_role("button", name="Take this task"))
        require_seen_well(page, width, "masked")
        page.get_by_label("E-mail address").check()
        follow(page.get_by_role("button", name="Show what is ticked"))
        assert page.get_by_text(MARKS[1]).count() == 1
        require_seen_well(page, width, "revealed")
        follow(page.get_by_role("button", name="Show what is ticked"))
        assert page.get_by_role("alert").inner_text() == "Tick what you need to see."
        require_seen_well(page, width, "nothing ticked")
        follow(page.get_by_role("button", name="It is done"))
        page.goto(site.address + path)
        require_seen_well(page, width, "closed")
