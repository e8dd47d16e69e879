"""Every route as everybody: each gets what the table says, and nobody another one's data."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from empty import empty_database
from practices.conftest import House
from practices.routes import MARKS, ROLES, Line, World, lines, routed

HREF = re.compile(r'(?:href|action)="(/[^"#?]*)')
LED_TO = {  # by a form that was sent, or by the address alone, which is told to whom it concerns
    "/sign-up/sent",
    "/recover/sent",
    "/sign-in/code",
    "/sign-in/again",
    "/me/acceptance",
    "/me/changes",
    "/staff/sign-in",
    "/agent/sign-in",
}
NO_PAGE = (
    r"^/(checkpoint.*|privacy/.*|policy.*|static/.*|\.well-known/.*"
    r"|robots.txt|favicon.ico|healthz)$"
)


# A click leads to the page that an advertiser booked and we approved; test_ads.py holds it.
LEAVES = "GET /me/ads/{campaign}/go as "


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """The crawl is about answers, which are the same on every database."""
    return empty_database(tmp_path)


@pytest.fixture
def world(house: House) -> World:
    """A provider with everybody in it who may visit."""
    return World(house)


def visit(world: World, visitor: str, method: str, path: str, **more: str) -> httpx2.Response:
    """What a visitor gets; a form is sent empty but for its token."""
    browser, token = world.browser(visitor)
    if method == "GET":
        return browser.get(path)
    return browser.post(path, data={"_token": token, **more})


def test_every_route_has_a_line_and_every_line_a_route(world: World) -> None:
    """Nobody adds a page without saying who gets which answer there."""
    result = [f"{method} {path}" for method, path in routed(world.house.app)]
    table = lines()
    assert [route for route in result if route not in table] == []
    assert [route for route in table if route not in result] == []
    assert len(result) == len(set(result))


def test_everybody_gets_what_the_table_says(world: World) -> None:
    """Each route, as nobody, two customers, each role and an agent: the answer, and no more."""
    table = lines()
    # Pages first, so that no empty form changes what they show.
    for method, path in sorted(routed(world.house.app)):
        line = table[f"{method} {path}"]
        for visitor in world.visitors:
            answer = visit(world, visitor, method, world.path(path, line))
            where = f"{method} {path} as {visitor}"
            assert answer.status_code == world.expected(line, visitor, method), where
            _seemly(world, line, visitor, answer, where)


def _seemly(world: World, line: Line, visitor: str, answer: httpx2.Response, where: str) -> None:
    """What holds of every answer, whoever gets it."""
    kind, _ = world.visitors[visitor]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], where
    if not (line.shows and visitor == "ann"):
        assert [mark for mark in MARKS if mark in answer.text] == [], where
    if line.who != "anybody" and answer.status_code == 200:
        assert answer.headers["cache-control"] == "no-store", where
    if answer.status_code in (301, 302, 303, 307) and not where.startswith(LEAVES):
        assert answer.headers["location"].startswith("/"), where
        assert not answer.headers["location"].startswith("//"), where
    if line.who == "anybody" and not kind:
        assert "set-cookie" not in answer.headers, where


def test_every_page_is_reached_by_links(world: World) -> None:
    """From the start of each kind of visitor, to each page of theirs without an id in its path."""
    starts = {"nobody": "/", "ann": "/me", "agent": "/agent", "partner": "/agent"} | dict.fromkeys(
        ROLES, "/staff"
    )
    reached: dict[str, set[str]] = {}
    for visitor, start in starts.items():
        kind = world.visitors[visitor][0] or "anybody"
        reached.setdefault(kind, set()).update(_linked(world, visitor, start))
    reached["anybody"] |= reached["customer"]  # who is signed in is anybody too
    missing = [
        path
        for method, path in routed(world.house.app)
        if method == "GET"
        and "{" not in path
        and not re.search(NO_PAGE, path)
        and path not in reached[lines()[f"GET {path}"].who]
    ]
    assert set(missing) == LED_TO


def _linked(world: World, visitor: str, start: str) -> set[str]:
    """The paths that somebody comes to by following links."""
    browser, _ = world.browser(visitor)
    results: set[str] = set()
    ahead = [start]
    while ahead:
        path = ahead.pop()
        if path not in results:
            results.add(path)
            text = browser.get(path, follow_redirects=True).text
            ahead += [each for each in HREF.findall(text) if not each.startswith("/privacy/")]
    return results


def test_no_form_can_be_sent_from_elsewhere(world: World) -> None:
    """Without its token, with another's, or from a page of others, a form is refused."""
    table = lines()
    for method, path in routed(world.house.app):
        line = table[f"{method} {path}"]
        if method != "POST" or line.free:
            continue
        where, target = f"{method} {path}", world.path(path, line)
        visitor = _let_in(world, line)
        browser, token = world.browser(visitor)
        elsewhere = {"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}
        data = {"_token": token}
        assert browser.post(target, data=data, headers=elsewhere).status_code == 403, where
        if line.who == "anybody":
            continue
        _, others = world.browser("bo" if visitor == "ann" else "ann")
        for wrong in ({}, {"_token": ""}, {"_token": others}, {"_token": "é" * 64}):
            assert browser.post(target, data=wrong).status_code == 403, where


def _let_in(world: World, line: Line) -> str:
    """A visitor whom a line lets in: what refuses them is not that they have another role."""
    mine = {"anybody": "nobody", "customer": "ann", "staff": "support", "agent": "agent"}
    others = [each for each, answer in line.but.items() if answer != 403 and each in world.visitors]
    return mine[line.who] if line.answer != 403 or not others else others[0]


def test_to_ask_for_the_head_of_a_page_gives_no_more_than_the_page(world: World) -> None:
    """Nobody, whoever may open it and whoever may not: it is answered as GET is."""
    table = lines()
    for method, path in routed(world.house.app):
        line = table[f"{method} {path}"]
        for visitor in {"nobody", "bo", "support", _let_in(world, line)} if method == "GET" else ():
            browser, _ = world.browser(visitor)
            answer = browser.head(world.path(path, line))
            where = f"HEAD {path} as {visitor}"
            assert answer.status_code == world.expected(line, visitor, method), where


def test_a_form_of_ours_is_taken_as_browsers_send_it(world: World) -> None:
    """Our pages tell no referrer, for which browsers call the origin `null`; old ones name it."""
    browser = world.house.browser()
    own = str(browser.base_url)
    for headers, answer in (
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 422),
        ({"sec-fetch-site": "same-site", "origin": own}, 403),
        ({"origin": own}, 422),
        ({"origin": "null"}, 403),
        ({"origin": "https://elsewhere.example"}, 403),
        ({}, 403),
    ):
        old = TestClient(world.house.app, follow_redirects=False)
        assert old.post("/sign-in", data={}, headers=headers).status_code == answer, headers


def test_sessions_that_are_over_open_nothing(world: World) -> None:
    """An idle session, an old one, and one whose id we did not make lead to the sign-in."""
    table = lines()
    for method, path in routed(world.house.app):
        line = table[f"{method} {path}"]
        if line.who == "anybody" or method != "GET":
            continue
        browser = world.house.browser()
        browser.cookies.set(line.who, "made-up-by-somebody-else")
        answer = browser.get(world.path(path, line))
        assert answer.headers["location"].split("?")[0].endswith("/sign-in"), path
