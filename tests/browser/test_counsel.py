"""Counsel's console in a browser: a version from a file to its posting, and a finding of a court.

Two people do it, each in a browser of their own, on one provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

import upheld
from browsing import follow, require_accessible, served
from empty import empty_database
from gate.versions import IMPROVING, WIDER, version
from practices.conftest import House, houses
from upheld.api.service import ServiceSettings
from upheld.app.provider import service_of
from upheld.demo import sample_policy
from upheld.practice.endpoints import cookie_name

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.browser
PHONE = 390
A4 = 680  # the width of a page in pixels, less its margins
COURT = "District Court of Larch Valley"


class Site(NamedTuple):
    """A provider that is served, its address, and the headings of the screens looked at."""

    house: House
    address: str
    headings: set[str]


class Counsel:
    """Somebody who works on drafts, at a phone."""

    def __init__(self, site: Site, context: BrowserContext, name: str, role: str) -> None:
        self.site, self.context = site, context
        user = site.house.staff(role, sign_in=name)
        cookie = cookie_name(site.house.provider, "staff")
        raw = site.house.signed_in(user, "staff").cookies[cookie]
        context.add_cookies([{"name": cookie, "value": raw, "url": site.address}])
        self.page: Page = context.new_page()

    def at(self, path: str) -> str:
        """Go to a page; what stands on it."""
        self.page.goto(self.site.address + path)
        return self.read()

    def read(self) -> str:
        """What stands on the page, on which nothing breaks WCAG 2.2 AA or scrolls sideways."""
        page = self.page
        heading = page.locator("h1").inner_text()
        if heading not in self.site.headings:
            self.site.headings.add(heading)
            require_accessible(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE, page.url
        return page.locator("main").inner_text()

    def press(self, name: str) -> str:
        """Press a button; what stands on the page that comes."""
        follow(self.page.get_by_role("button", name=name, exact=True))
        return self.read()

    def open(self, name: str) -> str:
        """Follow a link; what stands on the page that comes."""
        follow(self.page.get_by_role("link", name=name))
        return self.read()

    def draft(self, text: str) -> str:
        """Send a file to be drafted; what stands on the page that comes."""
        self.at("/staff/versions")
        file = {"name": "next.md", "mimeType": "text/markdown", "buffer": text.encode()}
        self.page.get_by_label("The policy as a file").set_input_files(file)  # type: ignore[arg-type]  # a dict of that type
        return self.press("Check it and make a draft")

    def approve(self, path: str) -> str:
        """Approve a draft, and confirm it; what its page says then."""
        self.at(path)
        assert "You approve these very bytes" in self.press("Approve it")
        self.page.get_by_label("I have read the redline").check()
        return self.press("Approve it")

    def post(self, path: str) -> str:
        """Post a draft, and confirm it; what its page says then."""
        self.at(path)
        assert "It cannot be taken back" in self.press("Post it")
        return self.press("Post it")


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running provider on a free port."""
    folder = tmp_path_factory.mktemp("counsel")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(upheld.load(sample_policy()))
        sample = sample_policy()
        with served(service_of(house.provider, sample, ServiceSettings())) as address:
            yield Site(house, address, set())


def test_a_version_goes_from_a_file_to_its_posting_and_a_finding_strikes_a_clause(
    chromium: Browser, site: Site
) -> None:
    """Checked, compared, read as a redline, approved by another person and posted; then struck."""
    view = {"width": PHONE, "height": 844}
    with (
        chromium.new_context(viewport=view, bypass_csp=True) as one,  # type: ignore[arg-type]  # a dict of that type
        chromium.new_context(viewport=view, bypass_csp=True) as two,  # type: ignore[arg-type]  # as above
    ):
        for each in ("ann", "ben"):
            site.house.customer(f"{each}@marked.example")
        olga, paul = Counsel(site, one, "olga", "counsel"), Counsel(site, two, "paul", "manager")
        path = draft_by_file(olga)
        compare_it(olga, path)
        approve_it(olga, paul, path)
        assert "It is posted." in olga.post(path)
        strike(olga, paul)


def draft_by_file(olga: Counsel) -> str:
    """A file with a mistake is no draft, and says where; without it, it is one. Its path."""
    text = version("two", WIDER).program.source
    number = text[: text.index(IMPROVING)].count("\n") + 1
    page = olga.draft(text.replace(IMPROVING, IMPROVING.replace("activity", "activty")))
    assert "No draft was made of it" in page
    assert f"Line {number}: " in page
    assert "It waits for a second person." in olga.draft(text)
    return olga.page.url.removeprefix(olga.site.address).partition("?")[0]


def compare_it(olga: Counsel, path: str) -> None:
    """What it decides otherwise, how many customers that reaches, and the redline."""
    page = olga.at(path)
    assert "newly allowed: use your interests for improving services" in page
    page = olga.open("How many customers each of them reaches")
    assert "Of all 2 customers" in page
    assert page.endswith("\n2")
    olga.at(path)
    page = olga.open("The redline, for sign-off")
    assert "may use interests for service-improvement" in page
    touched = olga.page.locator("tr.touched")
    assert touched.count() >= 1
    assert olga.page.locator("tr#improving.touched").count() == 1
    on_paper(olga.page)


def on_paper(page: Page) -> None:
    """A redline prints as the sentences, their rules and places to sign, as wide as the page."""
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4, "height": 1_000})
    for shown in ("tr#improving .sign", "tr#improving ins", "thead th:last-child"):
        assert page.locator(shown).first.is_visible(), shown
    for hidden in (".bar", "nav.parts", ".compared a"):
        assert not page.locator(hidden).first.is_visible(), hidden
    assert page.evaluate("document.documentElement.scrollWidth") <= A4
    page.emulate_media(media="screen")
    page.set_viewport_size({"width": PHONE, "height": 844})


def approve_it(olga: Counsel, paul: Counsel, path: str) -> None:
    """Whoever drafted it cannot, in a second tab either, even with a form of their own."""
    olga.at(path)
    tab = olga.context.new_page()
    tab.goto(olga.site.address + path)
    assert "You drafted it, so somebody else approves it." in tab.locator("main").inner_text()
    assert tab.get_by_role("button", name="Approve it").count() == 0
    form = f"form[action='{path}/drop']"
    tab.eval_on_selector(form, "(form, path) => { form.action = path }", f"{path}/approve")
    with tab.expect_navigation() as answer:
        tab.locator(f"form[action='{path}/approve'] button").click()
    assert answer.value is not None
    assert answer.value.status == 409
    assert (
        "whoever drafts a version does not approve it" in tab.locator("main").inner_text().lower()
    )
    tab.close()
    assert "waits for a second person" in olga.at(path)
    assert "approved, and not posted yet" in paul.approve(path)


def strike(olga: Counsel, paul: Counsel) -> None:
    """A finding is recorded, looked at, approved by the other, posted and read on the page."""
    site = olga.site
    olga.at("/staff/versions")
    olga.open("record the finding")
    page, day = olga.page, site.house.clock.today()
    page.get_by_label("Clause").select_option("improving")
    page.get_by_label("What it says").select_option("strike")
    for label, text in (
        ("Court or authority", COURT),
        ("Day", str(day.day)),
        ("Month", str(day.month)),
        ("Year", str(day.year)),
        ("Reference of the document", "1 C 22/26"),
        ("What was found", "The clause is not clear."),
    ):
        page.get_by_label(label, exact=True).fill(text)
    assert "it reaches 2 of all 2 customers" in olga.press("Continue")
    assert f"by a finding of {COURT}" in olga.press("Make the draft")
    path = page.url.removeprefix(site.address).partition("?")[0]
    assert "approved, and not posted yet" in paul.approve(path)
    assert "It is posted." in olga.post(path)
    paul.page.goto(f"{site.address}/privacy")
    clause = paul.page.locator("#improving")
    assert "to provide and improve our services" in clause.locator("s").inner_text()
    note = f"The clause improving was struck on 11 March 2026 by a finding of {COURT}, 1 C 22/26"
    assert note in paul.page.locator("main").inner_text()
