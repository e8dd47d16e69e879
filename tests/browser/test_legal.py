"""A subpoena in a browser: taken in, checked, approved, released, silent for ninety days, told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

import upheld
from browser.test_counsel import PHONE, Counsel, Site
from browsing import served
from empty import empty_database
from practices import orders
from practices.conftest import houses
from practices.orders import KEY, PDF, account_of
from practices.stories import test_legal as stories
from upheld.api.service import ServiceSettings
from upheld.app.provider import service_of
from upheld.core.ids import InstrumentId, PersonId
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.practice.endpoints import cookie_name
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.notices import Notices
from upheld.practices.legal.release import Releases
from upheld.practices.staff import people

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

pytestmark = pytest.mark.browser
DESK = "/staff/legal"
REACH = ("name", "email", "phone", "birth-date")
GIVEN = "We shared your name"
LOOKS = ("/me/privacy/received?month=2026-03", "/me/messages")


class Clerk(Counsel):
    """Somebody of the legal desk, who signs in again when a session is over."""

    def __init__(self, site: Site, context: BrowserContext, name: str, role: str) -> None:
        super().__init__(site, context, name, role)
        self.user = site.house.do(lambda t: people.by_sign_in(t, name))

    def read(self) -> str:
        """What stands on the page; the crawl of the portal tries it with tools for everybody."""
        return self.page.locator("main").inner_text()

    def back(self) -> None:
        """Sign in once more."""
        _sign_in(self.site, self.context, self.user, "staff")


def _sign_in(site: Site, context: BrowserContext, subject: str, kind: str) -> None:
    cookie = cookie_name(site.house.provider, kind)
    raw = site.house.signed_in(subject, kind).cookies[cookie]
    context.add_cookies([{"name": cookie, "value": raw, "url": site.address}])


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running provider on a free port."""
    folder = tmp_path_factory.mktemp("legal")
    with contextmanager(houses)(empty_database(folder), folder) as opening:
        house = opening(upheld.load(sample_policy()))
        app = service_of(house.provider, sample_policy(), ServiceSettings())
        with served(app) as address:
            yield Site(house, address, set())


def test_a_subpoena_goes_from_intake_through_its_silence_to_the_notice(
    chromium: Browser, site: Site
) -> None:
    """Just four fields of one customer leave; another and a fifth do not, nor anything later."""
    house = site.house
    ann = house.customer(phone="+1 555 010 0107")
    ben = house.customer("ben@marked.example", name="Ben Other")
    with ExitStack() as open_contexts:

        def context() -> BrowserContext:
            view = {"width": PHONE, "height": 844}
            new = chromium.new_context(viewport=view)  # type: ignore[arg-type]  # a dict of that type
            return open_contexts.enter_context(new)

        olaf, cora, sean = (
            Clerk(site, context(), name, role)
            for name, role in (("olaf", "legal"), ("cora", "counsel"), ("sean", "legal"))
        )
        hers = context()
        path = take_in(olaf, ann)
        agree(cora, sean, path)
        hand_over(olaf, path)
        beyond(site, olaf, path, ben)
        assert GIVEN not in seen(site, hers, ann)
        house.clock.moved += timedelta(days=32)
        lapsed(olaf, path)
        assert notices(site) == 0
        assert GIVEN not in seen(site, hers, ann)
        house.clock.moved += timedelta(days=60)
        assert notices(site) == 1
        page = seen(site, hers, ann)
        assert "We had to give information about you" in page
        assert f"{GIVEN}, " in page


def take_in(olaf: Clerk, ann: PersonId) -> str:
    """The officer writes down what the document says; the path of the instrument."""
    house, page = olaf.site.house, olaf.page
    assert "Nothing came in so far." in olaf.at(DESK)
    page.get_by_label("What it is").select_option("subpoena")
    page.get_by_label("Who issued it, or receives it").fill("Larch County Court")
    page.get_by_label("Its reference").fill("26-CV-1")
    page.get_by_label("To whom it is given").select_option("court")
    page.get_by_label("Account numbers").fill(account_of(house, ann))
    for each in REACH:
        page.locator(f"[name='fields'][value='{each}']").check()
    today = house.clock.today()
    for name, days in (("starts", 0), ("ends", 30), ("silence_end", 90)):
        _fill_day(olaf, name, today + timedelta(days=days))
    file = {"name": "order.pdf", "mimeType": "application/pdf", "buffer": PDF}
    page.get_by_label("The document", exact=True).set_input_files(file)  # type: ignore[arg-type]  # a dict of that type
    assert "Nobody may be told until" in olaf.press("Open it")
    return page.url.removeprefix(olaf.site.address).partition("?")[0]


def _fill_day(olaf: Clerk, name: str, day: date) -> None:
    for part in ("day", "month", "year"):
        olaf.page.locator(f"[name='{name}-{part}']").fill(str(getattr(day, part)))


def agree(cora: Clerk, sean: Clerk, path: str) -> None:
    """Counsel checks it and enters the court's key; a third person approves it."""
    cora.at(path)
    assert "Checked by counsel" in cora.press("It is valid, and demands just this")
    cora.page.get_by_label("Public key of age").fill(KEY)
    assert KEY in cora.press("Add the key")
    sean.at(path)
    assert "You say as a second person" in sean.press("Continue to approve")
    assert "Approved" in sean.press("Approve it")


def hand_over(olaf: Clerk, path: str) -> None:
    """The officer gets one file, which the owner of the key opens: of one customer, four fields."""
    olaf.at(path)
    assert f"encrypted to {KEY}" in olaf.press("Continue to release")
    with olaf.page.expect_download() as download:
        olaf.page.get_by_role("button", name="Release it", exact=True).click()
    files = orders.opened_files(download.value.path().read_bytes())
    text = "".join(files.values())
    assert files.keys() >= {"manifest.json"}
    assert all(f"({each})" in text for each in REACH)
    assert "Ben Other" not in text
    assert "(account-id)" not in text


def beyond(site: Site, olaf: Clerk, path: str, ben: PersonId) -> None:
    """A second customer and a fifth field are refused; as a mere letter they get a text."""
    house, name = site.house, InstrumentId(path.rpartition("/")[2])
    releases = Releases(Instruments(house.provider))
    customer, fields = account_of(house, ben), [*REACH, "interests"]
    for work in (
        lambda t: releases.release(t, name, olaf.user, accounts=[customer]),
        lambda t: releases.release(t, name, olaf.user, fields=fields),
    ):
        assert isinstance(house.do(work), Refused)
    olaf.at(DESK)
    olaf.page.get_by_label("What it is").select_option("informal")
    olaf.page.get_by_label("Who issued it, or receives it").fill("Larch County Court")
    olaf.page.get_by_label("Its reference").fill("One more customer, please")
    assert "We give nothing about our customers" in olaf.press("Open it")


def lapsed(olaf: Clerk, path: str) -> None:
    """A month later the same release is refused, though nobody may be told still."""
    house, name = olaf.site.house, InstrumentId(path.rpartition("/")[2])
    olaf.back()
    assert "It lapsed after" in olaf.at(path)
    assert olaf.page.get_by_role("button", name="Continue to release").count() == 0
    releases = Releases(Instruments(house.provider))
    assert isinstance(house.do(lambda t: releases.release(t, name, olaf.user)), Refused)


def seen(site: Site, context: BrowserContext, ann: PersonId) -> str:
    """What the customer reads where it would stand."""
    _sign_in(site, context, ann, "customer")
    page, texts = context.new_page(), []
    for path in LOOKS:
        page.goto(site.address + path)
        texts.append(page.locator("main").inner_text())
    page.close()
    return "\n".join(texts)


def notices(site: Site) -> int:
    """Run the job that writes the notices that are due; how many."""
    house = site.house
    return Notices(Instruments(house.provider)).send_due(house.provider.gate.gate)


def test_a_determination_waits_for_another_officer_in_every_tab(
    chromium: Browser, site: Site
) -> None:
    """Whoever made it finds no approval in a second tab; an emergency's review is late without."""
    house = site.house
    ann = house.customer(phone="+1 555 010 0107")
    with ExitStack() as open_contexts:
        view = {"width": PHONE, "height": 844}
        first, second = (
            open_contexts.enter_context(chromium.new_context(viewport=view))  # type: ignore[arg-type]  # a dict of that type
            for _ in range(2)
        )
        olaf, sean = Clerk(site, first, "olaf", "legal"), Clerk(site, second, "sean", "legal")
        path = determine(olaf, ann, "suspected-fraud", "law-enforcement")
        tab = first.new_page()
        for page in (olaf.page, tab):
            page.goto(site.address + path)
            assert page.get_by_role("button", name="Continue to approve").count() == 0
        olaf.page.bring_to_front()  # what lies behind another tab is drawn once a second
        sean.at(path)
        sean.press("Continue to approve")
        assert "Approved" in sean.press("Approve it")
        path = determine(olaf, ann, "physical-safety", "emergency-service")
        assert "In force at once" in olaf.at(path)
        olaf.page.get_by_label("Public key of age").fill(KEY)
        olaf.press("Add the key")
        hand_over(olaf, path)
        house.clock.moved += timedelta(days=31)
        assert stories.reviews(house, ann) == ["late"]
        for each in (olaf, sean):
            each.back()
        olaf.at(path)
        tab.goto(site.address + path)
        for page in (olaf.page, tab):
            assert page.get_by_role("button", name="I have reviewed it").count() == 0
        sean.at(path)
        assert "waits for your review" in sean.at("/staff")
        assert "waits for your review" not in olaf.at("/staff")
        sean.at(path)
        sean.page.get_by_label("What you found").fill("It had to be.")
        assert "Reviewed on" in sean.press("I have reviewed it")


def determine(olaf: Clerk, ann: PersonId, ground: str, recipient: str) -> str:
    """The officer writes down what they believe; the path of the determination."""
    house, page = olaf.site.house, olaf.page
    olaf.at(DESK)
    page.get_by_label("What it is").select_option("determination")
    page.get_by_label("Who issued it, or receives it").fill("Larch County Police")
    page.get_by_label("Its reference").fill("Case 7")
    page.get_by_label("To whom it is given").select_option(recipient)
    page.get_by_label("Ground of a determination").select_option(ground)
    page.get_by_label("What the officer believes").fill("It was them, and nobody else can say so.")
    page.get_by_label("Account numbers").fill(account_of(house, ann))
    for each in REACH:
        page.locator(f"[name='fields'][value='{each}']").check()
    today = house.clock.today()
    for name, days in (("starts", 0), ("ends", 30)):
        _fill_day(olaf, name, today + timedelta(days=days))
    olaf.press("Open it")
    return page.url.removeprefix(olaf.site.address).partition("?")[0]
