"""A practice alarm in a browser, from its opening to its record, which no customer notices."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.test_counsel import PHONE, Site
from browser.test_hard_days import read_as
from browser.test_legal import Clerk, site  # noqa: F401 - a fixture
from practices import test_incidents
from practices.test_incidents import CONSOLE
from upheld.core.ids import PersonId

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)
NOTICE = "Somebody may have read what we hold about you.\n\nZo\u00eb <b>& us</b>"
HERS = ("/me", "/me/messages", "/me/privacy/received", "/privacy/safeguards")


class Officer(Clerk):
    """Somebody of the privacy desk; each state of a page is tried with tools for everybody."""

    def read(self) -> str:
        """What stands on the page, on which nothing breaks WCAG 2.2 AA or scrolls sideways."""
        self.site.headings.clear()
        return super(Clerk, self).read()


def test_a_practice_alarm_goes_from_its_opening_to_its_record(
    chromium: Browser,
    site: Site,  # noqa: F811 - the fixture
) -> None:
    """Two officers work it through as a real one; no customer is written to or shown anything."""
    house = site.house
    ann = house.customer()
    house.customer("bo@marked.example", name="Bo Marked")
    house.clock.moved += 2 * HOUR
    with ExitStack() as stack:
        view = {"width": PHONE, "height": 844}

        def context() -> BrowserContext:
            new = chromium.new_context(viewport=view, bypass_csp=True)  # type: ignore[arg-type]  # a dict of that type
            return stack.enter_context(new)

        hers = context()
        before = pages_of(site, hers, ann)
        pia, pat = (Officer(site, context(), name, "privacy") for name in ("pia", "pat"))
        path = open_alarm(pia)
        count_it(pia, path)
        agree(pia, pat, path)
        record(pia, path)
        assert pages_of(site, hers, ann) == before
        shows_nothing(site, hers, ann, path)


def pages_of(where: Site, context: BrowserContext, person: PersonId) -> list[str]:
    """What a customer reads of what we do with their data, but for their own visits."""
    texts = [read_as(where, context, person, each) for each in HERS]
    return [each.partition("Your own visits")[0] for each in texts]


def open_alarm(pia: Officer) -> str:
    """The officer says that nothing happened, and what is practised; the alarm's path."""
    now = pia.site.house.clock.now().replace(second=0, microsecond=0)
    pia.at(CONSOLE)
    page = pia.page
    page.get_by_label("Did it happen?").select_option("drill")
    page.locator("[name='kind']").select_option("table")
    page.get_by_label("Which one").fill("value")
    for name, moment in (("since", now - 3 * HOUR), ("until", now), ("discovery", now)):
        page.locator(f"[name='{name}']").fill(f"{moment:%Y-%m-%dT%H:%M}")
    question = pia.press("Continue")
    assert "Open this practice alarm?" in question
    assert "Nobody is ever written to, and it never becomes a real incident." in question
    text = pia.press("Open the practice alarm")
    assert "This is a practice alarm." in text
    assert "That is being worked out from the ledger." in text
    return page.url.removeprefix(pia.site.address).partition("?")[0]


def count_it(pia: Officer, path: str) -> None:
    """The job counts whom it would have touched; the table of it goes as a file that says so."""
    assert test_incidents.run_job(pia.site.house) == 0
    text = pia.at(path)
    assert "People touched\n2" in text
    assert "Notices that would be sent\n2" in text
    assert "Would be owed until" in text
    with pia.page.expect_download() as download:
        pia.page.get_by_role("link", name="These counts, as CSV").click()
    assert "practice-alarm" in download.value.suggested_filename
    assert "practice alarm," in Path(download.value.path()).read_text(encoding="utf-8")


def agree(pia: Officer, pat: Officer, path: str) -> None:
    """Whoever writes the notice approves it in no tab; the other one does, and nothing is sent."""
    pia.page.get_by_label("The notice", exact=True).fill(NOTICE)
    text = pia.press("Write it")
    assert "Zo\u00eb <b>& us</b>" in text
    assert "Somebody else reads it and approves it." in text
    tab = pia.context.new_page()
    tab.goto(pia.site.address + path)
    assert tab.get_by_role("button", name="Approve it").count() == 0
    tab.close()
    pat.at(path)
    assert "It would have been sent to 2 people." in pat.press("Approve it")
    assert "Approved. It is a practice alarm: nobody is written to." in pat.press("Approve it")
    assert test_incidents.run_job(pia.site.house) == 0


def record(pia: Officer, path: str) -> None:
    """What was learned is noted, it is closed, and its record says how long each step took."""
    pia.at(path)
    pia.page.get_by_label("What was done").fill("We found the phone list late.")
    assert "We found the phone list late." in pia.press("Note it")
    pia.page.get_by_label("What was done").fill("Enough.")
    assert "Closed." in pia.press("Close the practice alarm with it")
    text = pia.at(path)
    assert "How long it took" in text
    for step in ("Opened", "Counted", "Notice written", "Notice approved", "Noted", "Closed"):
        assert step in text
    assert pia.page.get_by_role("button", name="Note it").count() == 0
    assert "Practice alarms" in pia.at(CONSOLE)


def shows_nothing(where: Site, context: BrowserContext, person: PersonId, path: str) -> None:
    """Whoever it would have touched finds no page of it."""
    page = context.new_page()
    answer = page.goto(where.address + path.replace("/staff", "/me"))
    assert answer is not None
    assert (answer.status, test_incidents.letters(where.house, path)) == (404, [])
    with where.house.provider.gate.gate.together() as transaction:
        owed = transaction.obligations.owed(["breach"])
    assert [each for each in owed if each.person_id == person] == []
