"""Three customers and two further versions, in a browser: what each sees and what holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import pytest

import upheld
from browsing import follow, require_accessible, served
from empty import empty_database
from gate.versions import NARROWER, WIDER, post, version
from practices.conftest import PASSWORD, House, houses
from practices.mail import deliver
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.practices.versions import agreements, customer_notices
from upheld.web.pages import format_day

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser
PHONE = 390
CHANGED = "Our privacy policy has changed"


class Site(NamedTuple):
    """A provider that is served, its address, and the headings of the screens looked at."""

    house: House
    address: str
    headings: set[str]


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running provider on a free port."""
    folder = tmp_path_factory.mktemp("versions")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(upheld.load(sample_policy()))
        with served(house.app) as address:
            yield Site(house, address, set())


class Customer:
    """Somebody at a phone, and what our systems do with what we hold of them."""

    def __init__(self, site: Site, context: BrowserContext, name: str, fact: str = "") -> None:
        self.site, self.page, self.email = site, context.new_page(), f"{name}@marked.example"
        self.person: PersonId = site.house.customer(self.email)
        if fact:
            site.house.do(lambda transaction: agreements.agree(transaction, self.person, fact))

    def sign_in(self) -> Page:
        """Sign in anew, since nobody stays signed in for a month; the page that comes then."""
        self.page.context.clear_cookies()
        self.page.goto(f"{self.site.address}/sign-in")
        self.page.get_by_label("E-mail address").fill(self.email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        follow(self.page.get_by_role("button", name="Sign in"))
        return self.page

    def continue_(self) -> None:
        """Go on from the page of what changed to the account."""
        assert self.heading() == CHANGED
        self.look()
        follow(self.page.get_by_role("button", name="Continue"))
        assert self.page.url == f"{self.site.address}/me"

    def look(self) -> None:
        """Nothing breaks a rule of WCAG 2.2 AA that can be tested, or scrolls sideways."""
        page = self.page
        if (heading := self.heading()) in self.site.headings:
            return
        self.site.headings.add(heading)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        require_accessible(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, page.url

    def heading(self) -> str:
        """What the page is called."""
        return self.page.locator("h1").inner_text()

    def mine(self) -> str:
        """What the page of the version that binds says."""
        self.page.goto(f"{self.site.address}/me/versions")
        self.look()
        return self.page.locator("main").inner_text()

    def may_improve(self, field: str) -> bool:
        """Whether what we hold of them may be used for improving services."""
        gate = self.site.house.provider.gate.gate
        try:
            gate.use(self.person, [field], purpose="service-improvement")
        except Refused:
            return False
        return True


def write(house: House) -> list[str]:
    """Write to whoever is to be written to, and note when it was sent; the subjects."""
    gate = house.provider.gate.gate
    customer_notices.write_about_versions(gate)
    subjects = deliver(house)
    customer_notices.write_about_versions(gate)
    return sorted(subjects)


def people(site: Site, browser: Browser) -> Iterator[tuple[Customer, Customer, Customer]]:
    """One without an agreement of their own, one with notice, one with approval."""
    with (
        browser.new_context(viewport={"width": PHONE, "height": 844}, bypass_csp=True) as one,
        browser.new_context(viewport={"width": PHONE, "height": 844}, bypass_csp=True) as two,
        browser.new_context(viewport={"width": PHONE, "height": 844}, bypass_csp=True) as three,
    ):
        yield (
            Customer(site, one, "ann"),
            Customer(site, two, "ben", agreements.NOTICE),
            Customer(site, three, "cy", agreements.APPROVAL),
        )


def improving(everybody: tuple[Customer, ...], field: str) -> list[bool]:
    """For whom a kind of data may be used for improving services."""
    return [each.may_improve(field) for each in everybody]


def test_three_customers_through_a_wider_and_a_narrower_version(
    chromium: Browser, site: Site
) -> None:
    """One by continuing, one by thirty days of notice, one never; what narrows holds at once."""
    with contextmanager(people)(site, chromium) as everybody:
        widen(site, everybody)
        let_notice_run(site, everybody)
        refuse(everybody[2])
        narrow(site, everybody)


def widen(site: Site, everybody: tuple[Customer, Customer, Customer]) -> None:
    """A version that allows more is posted: each reads what changed, and it binds one of them."""
    (ann, _, cy), house = everybody, site.house
    post(house.provider.gate.gate, version("two", WIDER))
    assert len(write(house)) == 2
    assert improving(everybody, "interests") == [False, False, False]
    # A right is exercised before anything is read; the account comes after it was read.
    ann.sign_in()
    assert ann.heading() == CHANGED
    follow(ann.page.get_by_role("link", name="your privacy rights"))
    assert ann.page.url == f"{site.address}/me/privacy"
    assert not ann.may_improve("interests")
    for each in everybody:
        each.sign_in()
        each.continue_()
    assert improving(everybody, "interests") == [True, False, False]
    assert "For you it is version two" in ann.mine()
    assert "You have not approved it." in cy.mine()


def let_notice_run(site: Site, everybody: tuple[Customer, Customer, Customer]) -> None:
    """The notice holds nothing on day 29 and binds on day 31, whoever signs in."""
    ben, clock = everybody[1], site.house.clock
    until = format_day(clock.local(clock.now() + timedelta(days=30)))
    assert f"It holds from {until}." in ben.mine()
    clock.moved += timedelta(days=29)
    assert improving(everybody, "interests") == [True, False, False]
    clock.moved += timedelta(days=2)
    assert improving(everybody, "interests") == [True, True, False]
    ben.sign_in()
    assert ben.heading() != CHANGED
    assert "For you it is version two" in ben.mine()


def refuse(cy: Customer) -> None:
    """A refusal is for good, and cannot become an approval."""
    cy.sign_in()
    follow(cy.page.get_by_role("link", name="Read and decide"))
    follow(cy.page.get_by_role("button", name="Refuse version two"))
    assert cy.heading() == "Refuse version two"
    cy.look()
    follow(cy.page.get_by_role("button", name="Refuse for good"))
    assert "You refused it on" in cy.page.locator("main").inner_text()
    assert cy.page.get_by_role("button", name="Approve version two").count() == 0
    assert not cy.may_improve("interests")


def narrow(site: Site, everybody: tuple[Customer, Customer, Customer]) -> None:
    """What a version takes away holds for everybody at once, whoever has seen it."""
    ann, ben, cy = everybody
    assert improving(everybody, "messages") == [True, True, True]
    post(site.house.provider.gate.gate, version("three", WIDER, NARROWER))
    assert improving(everybody, "messages") == [False, False, False]
    assert improving(everybody, "interests") == [True, True, False]
    assert len(write(site.house)) == 2
    for each, binding in ((ann, "three"), (ben, "two"), (cy, "2026-11-01")):
        each.sign_in()
        each.continue_()
        assert f"For you it is version {binding}" in each.mine()
