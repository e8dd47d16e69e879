"""One frame around every page: the same head, where one is, and a way on from every error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House
from practices.routes import ROLES, World
from upheld.practice.endpoints import cookie_name

HEADS = re.compile(r'<header class="bar">.*?</header>', re.DOTALL)
PARTS = re.compile(r'<nav class="parts".*?</nav>', re.DOTALL)
LINK = re.compile(r'<a href="([^"]+)"(?: aria-current="(page|true)")?>')
STARTS = {"customer": "/me", "staff": "/staff", "agent": "/agent"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The frame is the same on each kind of database."""
    return empty_database(tmp_path)


@pytest.fixture
def world(house: House) -> World:
    """A provider with everybody in it who may visit."""
    return World(house)


def links(pattern: re.Pattern[str], text: str) -> dict[str, str]:
    """The links of a part of the frame, and what each says of where one is."""
    parts = pattern.findall(text)
    return dict(LINK.findall(parts[0])) if parts else {}


def test_every_entry_says_where_one_is(world: World) -> None:
    """Each page of a menu is marked in the bar, or as a part of what is marked there."""
    house = world.house
    for visitor, (kind, _) in world.visitors.items():
        browser, _ = world.browser(visitor)
        roles = (visitor,) if visitor in ROLES else ()
        for entry in house.provider.menu(kind) if kind else ():
            if not entry.is_for(roles):
                continue
            page = browser.get(entry.href, follow_redirects=True)
            where = f"{entry.href} as {visitor}"
            assert page.status_code == 200, where
            assert len(HEADS.findall(page.text)) == 1, where
            bar, parts = links(HEADS, page.text), links(PARTS, page.text)
            assert bar[entry.section] == ("page" if entry.bar else "true"), where
            assert sum(bool(mark) for mark in bar.values()) == 1, where
            if not entry.bar:
                assert [each for each, mark in parts.items() if mark] == [entry.href], where
                assert parts[entry.href] == "page", where


def test_a_page_below_another_is_marked_as_a_part_of_it(house: House) -> None:
    """A page without an entry of its own stands under the nearest that has one."""
    browser = house.signed_in(house.customer())
    page = browser.get("/me/privacy/erase").text
    assert links(HEADS, page)["/me/privacy"] == "true"
    assert links(PARTS, page)["/me/privacy"] == "true"
    page = browser.get("/me/services/order?plan=phone").text
    assert links(HEADS, page)["/me/services"] == "true"


@pytest.mark.parametrize("path", ["/privacy", "/privacy/ask", "/privacy/find?q=mail"])
def test_the_pages_of_the_policy_have_the_same_head(house: House, path: str) -> None:
    """The bar of everybody, with the policy marked, and the parts of the policy below it."""
    page = house.browser().get(path).text
    bar, parts = links(HEADS, page), links(PARTS, page)
    assert bar["/privacy"] == ("page" if path == "/privacy" else "true")
    assert {"/me", "/sign-up"} <= bar.keys()
    assert {"/privacy", "/privacy#_who", "/privacy#_ask", "/privacy/disclosures"} == parts.keys()
    assert '<div class="row">' in page.split('<nav class="parts"')[1].split("</nav>")[0]  # apart


@pytest.mark.parametrize("path", ["/nothing", "/privacy/clause/nothing", "/me/no", "/staff/no"])
def test_an_error_knows_who_is_signed_in(world: World, path: str) -> None:
    """Whoever it is, wherever it is: their own head, and a way on to where they begin."""
    for visitor, (kind, _) in world.visitors.items():
        browser, _ = world.browser(visitor)
        answer = browser.get(path)
        where = f"{path} as {visitor}"
        assert answer.status_code == 404, where
        main = answer.text.partition("<main")[2].partition("</main>")[0]
        if kind:
            assert f'<a class="button" href="{STARTS[kind]}">' in main, where
            assert STARTS[kind] in links(HEADS, answer.text), where
            assert "Sign out" in answer.text, where
        else:
            assert "Sign out" not in answer.text, where
            assert '<a class="button" href=' in main, where
        assert answer.headers["cache-control"] == "no-store"


def test_what_is_not_for_a_role_leads_back_to_its_desk(world: World) -> None:
    """A refusal has the head of whoever was refused, and the way to their queue."""
    browser, _ = world.browser("support")
    answer = browser.get("/staff/people")
    assert answer.status_code == 403
    assert '<a class="button" href="/staff">' in answer.text
    assert "/staff/me" in links(HEADS, answer.text)
    assert "/staff/people" not in links(PARTS, answer.text)


@pytest.mark.parametrize("path", ["/about", "/terms", "/sign-in", "/staff/sign-in"])
def test_a_page_for_anybody_has_the_head_of_whoever_is_signed_in(world: World, path: str) -> None:
    """Nobody who is signed in is asked to sign up; whoever is not, is."""
    assert "/sign-up" in links(HEADS, world.house.browser().get(path).text)
    for visitor in ("ann", "manager", "agent"):
        browser, _ = world.browser(visitor)
        answer = browser.get(path)
        assert "/sign-up" not in links(HEADS, answer.text), visitor
        assert STARTS[world.visitors[visitor][0]] in links(HEADS, answer.text), visitor
        assert answer.headers["cache-control"] == "no-store"
        assert ("You are signed in already." in answer.text) == path.endswith("sign-in"), visitor


def test_many_parts_of_a_section_fold_into_a_line_that_says_where_one_is(world: World) -> None:
    """What a phone shows of them in one line, without a script; few parts stand as they are."""
    manager, _ = world.browser("manager")
    page = manager.get("/staff/parties").text
    assert "<summary>Console: <strong>Register of parties</strong></summary>" in page
    assert "<summary>" not in world.house.browser().get("/about").text.partition("<main")[0]


def test_a_browser_with_two_sessions_is_whose_desk_it_is_at(world: World) -> None:
    """A customer who works here too: the console's errors are staff's, all others theirs."""
    browser, _ = world.browser("ann")
    staff, _ = world.browser("support")
    name = cookie_name(world.house.provider, "staff")
    browser.cookies.set(name, staff.cookies[name])
    assert "/staff" in links(HEADS, browser.get("/staff/nothing").text)
    assert "/me" in links(HEADS, browser.get("/nothing").text)


@pytest.mark.parametrize("raw", ["x", "0" * 43, "é", "a" * 5_000])
def test_a_session_that_is_none_is_nobodys(house: House, raw: str) -> None:
    """A cookie that we did not give changes nothing of the page."""
    browser = house.browser()
    header = f"{cookie_name(house.provider, 'customer')}={raw}".encode()
    answer = browser.get("/nothing", headers={b"cookie": header})
    assert answer.status_code == 404
    assert "Sign out" not in answer.text
