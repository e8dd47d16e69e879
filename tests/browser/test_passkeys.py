"""Passkeys in a browser with an authenticator that is not real: made, used once, removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs

import pytest

import upheld
from browsing import follow, served
from empty import empty_database
from practices.conftest import House, houses
from practices.mail import waiting
from practices.test_enrolling import offer_of
from upheld.database.statements import row
from upheld.demo import sample_policy
from upheld.practice.endpoints import cookie_name

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PAGES = {
    "customer": "/me/security/passkeys",
    "staff": "/staff/passkeys",
    "agent": "/agent/passkeys",
}
DOORS = {"customer": "/sign-in", "staff": "/staff/sign-in", "agent": "/agent/sign-in"}
HOMES = {"customer": "/me", "staff": "/staff", "agent": "/agent"}


class Site(NamedTuple):
    """A provider that is served at an address at which browsers allow passkeys."""

    house: House
    address: str

    def visit(self, context: BrowserContext, kind: str, subject: str) -> None:
        """Let a browser be somebody's who has just signed in."""
        name = cookie_name(self.house.provider, kind)
        raw = self.house.signed_in(subject, kind).cookies[name]
        context.add_cookies([{"name": name, "value": raw, "url": self.address}])


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running provider on a free port of localhost."""
    folder = tmp_path_factory.mktemp("passkeys")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(upheld.load(sample_policy()))
        with served(house.app, "localhost") as address:
            yield Site(house, address)


def with_authenticator(context: BrowserContext) -> Page:
    """A page of a browser that has an authenticator."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return page


def make(page: Page, site: Site, kind: str) -> None:
    """Make a passkey on the page of one's own."""
    page.goto(site.address + PAGES[kind])
    page.get_by_role("button", name="Make a passkey on this device").click()
    page.get_by_text("not used yet").wait_for()


def someone(site: Site, kind: str) -> str:
    """Somebody of a kind; their id."""
    if kind == "customer":
        return site.house.customer()
    return site.house.staff("support", kind=kind, party="" if kind == "staff" else "Duns")


@pytest.mark.parametrize("kind", PAGES)
def test_a_passkey_is_made_signs_in_once_a_challenge_and_is_removed(
    chromium: Browser, site: Site, kind: str
) -> None:
    """Its owner signs in by it alone; the same answer again does nothing; removed, it is dead."""
    subject = someone(site, kind)
    with chromium.new_context() as context:
        page = with_authenticator(context)
        site.visit(context, kind, subject)
        make(page, site, kind)
        context.clear_cookies()
        sent: list[str] = []
        page.on(
            "request",
            lambda each: (
                sent.append(each.post_data or "") if each.url.endswith("/passkey") else None
            ),
        )
        page.goto(site.address + DOORS[kind])
        page.get_by_role("button", name="Sign in by a passkey").click()
        page.wait_for_url(site.address + HOMES[kind])
        assert cookie_name(site.house.provider, kind) in {
            each["name"] for each in context.cookies()
        }
        told = {"credential": parse_qs(sent[0])["credential"][0]}
        replay = site.house.browser().post(DOORS[kind] + "/passkey", data=told)
        assert "set-cookie" not in replay.headers
        page.goto(site.address + PAGES[kind])
        assert page.get_by_text("last used").count() == 1
        follow(page.get_by_role("button", name=re.compile("Remove it")))
        page.get_by_text("You have none yet").wait_for()
        context.clear_cookies()
        page.goto(site.address + DOORS[kind])
        follow(page.get_by_role("button", name="Sign in by a passkey"))
        page.wait_for_url(re.compile(re.escape(site.address + DOORS[kind])))
        assert cookie_name(site.house.provider, kind) not in {
            each["name"] for each in context.cookies()
        }


def test_what_was_made_in_one_session_is_nothing_in_another(chromium: Browser, site: Site) -> None:
    """An answer to one session's challenge makes no passkey in a session of somebody else."""
    ann, eve = site.house.customer(), site.house.customer("eve@marked.example")
    with chromium.new_context() as context:
        page = with_authenticator(context)
        site.visit(context, "customer", ann)
        sent: list[str] = []
        page.on(
            "request",
            lambda each: sent.append(each.post_data or "") if each.method == "POST" else None,
        )
        make(page, site, "customer")
        assert [template for _, template in waiting(site.house)] == ["accounts/factor"]
        site.visit(context, "customer", eve)
        page.goto(site.address + PAGES["customer"])
        credential = parse_qs(sent[0])["credential"][0]
        page.evaluate(
            """credential => {
            const form = document.querySelector('form[data-passkey]');
            form.elements.credential.value = credential;
            HTMLFormElement.prototype.submit.call(form);
        }""",
            credential,
        )
        page.get_by_text("No passkey was made").first.wait_for()
    found = site.house.do(
        lambda transaction: row(transaction.connection, "SELECT count(*) FROM passkey")
    )
    assert found == (1,)


def test_who_has_a_second_factor_gives_it_before_a_passkey_is_made(
    chromium: Browser, site: Site
) -> None:
    """A wrong code makes none, since a passkey signs in without any code."""
    ann = site.house.customer()
    browser = site.house.signed_in(ann)
    path = "/me/security/authenticator"
    page_text = browser.get(path).text
    sealed, shows = offer_of(page_text)
    token = re.search(r'name="_token" value="([0-9a-f]+)"', page_text)
    assert token
    form = {"_token": token[1], "offer": sealed, "code": shows.at(site.house.clock.now())}
    assert browser.post(path, data=form).status_code == 200
    with chromium.new_context() as context:
        page = with_authenticator(context)
        site.visit(context, "customer", ann)
        page.goto(site.address + PAGES["customer"])
        page.get_by_label("One-time password or recovery code").fill("000000")
        page.get_by_role("button", name="Make a passkey on this device").click()
        page.get_by_text("This is not right").first.wait_for()
        assert page.get_by_text("You have none yet").count() == 1


def test_without_scripts_the_password_is_there_and_no_passkey(
    chromium: Browser, site: Site
) -> None:
    """Nothing is offered that would not work, and the form of the password is as ever."""
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(site.address + "/sign-in")
        assert not page.get_by_role("button", name="Sign in by a passkey").is_visible()
        assert page.get_by_role("button", name="Sign in", exact=True).is_visible()


@pytest.mark.parametrize(
    "odd",
    [
        "",
        "x",
        "{}",
        "[]",
        "null",
        "1",
        '{"response": 1}',
        "[" * 20_000,
        "é" * 9_000,
        "x" * 30_000,
        '{"response": {"clientDataJSON": "e30"}}',
    ],
)
def test_no_odd_answer_signs_in_or_breaks(site: Site, odd: str) -> None:
    """Whatever is sent in place of an answer leads back to the form."""
    for door in DOORS.values():
        answer = site.house.browser().post(door + "/passkey", data={"credential": odd})
        assert answer.status_code == 303, (door, odd[:20])
        assert answer.headers["location"].startswith(door)
