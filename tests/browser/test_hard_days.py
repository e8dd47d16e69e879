"""Hard days in a browser: accounts sold and taken over, and a stolen session told to customers."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from browser.test_counsel import PHONE, Site
from browser.test_legal import Clerk, _sign_in, site  # noqa: F401 - a fixture
from empty import empty_database
from practices import closings, test_incidents
from practices.closings import successor_of
from practices.conftest import houses
from practices.orders import PDF, account_of
from practices.test_takeover_imports import bring_to, policy
from upheld.core.ids import ClosingId, PersonId
from upheld.practice import parties
from upheld.practices.takeovers.closings import Closings
from upheld.practices.takeovers.handover import Handover

if TYPE_CHECKING:
    from pathlib import Path

    import pyrage
    from playwright.sync_api import Browser, BrowserContext

    from upheld.practices.takeovers.imports import ImportedArchive

pytestmark = pytest.mark.browser
CONSOLE = "/staff/takeovers"
TOLD = "Your account was transferred to another company"
HOUR = timedelta(hours=1)


def contexts(chromium: Browser, stack: ExitStack, many: int) -> list[BrowserContext]:
    """Browsers on phones, each of somebody else."""
    view = {"width": PHONE, "height": 844}
    new = (chromium.new_context(viewport=view) for _ in range(many))  # type: ignore[arg-type]  # a dict of that type
    return [stack.enter_context(each) for each in new]


def read_as(where: Site, context: BrowserContext, person: PersonId, path: str) -> str:
    """What a customer reads on a page."""
    _sign_in(where, context, person, "customer")
    page = context.new_page()
    page.goto(where.address + path)
    text = page.locator("body").inner_text()
    page.close()
    return text


def test_an_account_is_sold_and_all_others_go_by_a_merger(
    chromium: Browser,
    site: Site,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    """Of a sale one account and no other; then the rest, counted at both ends, and closed here."""
    house = site.house
    ann, ben = house.customer(), house.customer("bo@marked.example", name="Bo Marked")
    with ExitStack() as stack:
        first, second, hers = contexts(chromium, stack, 3)
        cora, sean = Clerk(site, first, "cora", "counsel"), Clerk(site, second, "sean", "legal")
        account = account_of(house, ann)
        path, key = close_with(cora, sean, "Birch Hill", "sale", account)
        assert account in cora.at(path)
        assert TOLD in read_as(site, hers, ann, "/me/messages")
        assert TOLD not in read_as(site, hers, ben, "/me/messages")
        done = take_in(cora, path, key, tmp_path)
        assert (done.accounts, done.of) == (1, 1)
        confirm(cora, path, done)
        path, key = close_with(cora, sean, "Spruce Point", "merger", "")
        assert TOLD in read_as(site, hers, ben, "/me/messages")
        done = take_in(cora, path, key, tmp_path)
        assert (done.accounts, done.of) == (1, 1)  # the account that was sold stays sold
        confirm(cora, path, done)


def close_with(
    cora: Clerk, sean: Clerk, successor: str, kind: str, account: str
) -> tuple[str, pyrage.x25519.Identity]:
    """One opens a closing, another approves it, the job carries it out; its path, and a key."""
    house, page = cora.site.house, cora.page
    party, key = successor_of(house, successor)
    cora.at(CONSOLE)
    for name, value in (
        ("kind", kind),
        ("successor", party),
        ("covers", "schedule" if account else "all"),
    ):
        page.locator(f"[name='{name}']").select_option(value)
    page.get_by_label("Its reference").fill("Deed 7")
    page.get_by_label("The schedule").fill(account)
    today = house.clock.today()
    for part in ("day", "month", "year"):
        page.locator(f"[name='effective-{part}']").fill(str(getattr(today, part)))
    file = {"name": "deed.pdf", "mimeType": "application/pdf", "buffer": PDF}
    page.get_by_label("The signed document").set_input_files(file)  # type: ignore[arg-type]  # a dict of that type
    assert "Somebody else compares it" in cora.press("Open it")
    path = page.url.removeprefix(cora.site.address).partition("?")[0]
    closings.run_job(house)
    assert "Waits for a second person" in cora.at(path)
    sean.at(path)
    assert f"Approve that {successor} takes over?" in sean.press("Continue to approve")
    assert "Approved. It is carried out from its day on." in sean.press("Approve it")
    closings.run_job(house)
    assert "Transferred\n1" in cora.at(path)
    return path, key


def take_in(cora: Clerk, path: str, key: pyrage.x25519.Identity, folder: Path) -> ImportedArchive:
    """The archive is written here and taken in by another provider; what came of it there."""
    house, name = cora.site.house, path.rpartition("/")[2]
    its = folder / name
    its.mkdir()
    (its / "key.txt").write_text(str(key))
    closing = Handover(Closings(house.provider)).write(
        house.provider.gate.gate, ClosingId(name), its / "all.zip", cora.user
    )
    with contextmanager(houses)(empty_database(its), its) as opening:
        other = opening(policy())
        other.staff("counsel", sign_in="cleo")
        other.do(lambda t: parties.add(t, "Larch Valley", "business-partner"))
        return bring_to(other, its / "all.zip", closing.digest, its / "key.txt")


def confirm(cora: Clerk, path: str, done: ImportedArchive) -> None:
    """Another count is refused; with the successor's own the accounts are closed here."""
    for count, words in (
        (done.accounts + 1, "The successor has something else than what was handed over"),
        (done.accounts, "Confirmed. The accounts are closed here."),
    ):
        cora.at(path)
        cora.page.get_by_label("How many accounts the successor has").fill(str(count))
        cora.page.get_by_label("The digest of the manifest that it has").fill(done.digest)
        assert words in cora.press("The successor has them")
    closings.run_job(cora.site.house)
    assert "Closed here\n1" in cora.at(path)


def test_a_stolen_session_of_staff_is_followed_to_the_notices(
    chromium: Browser,
    site: Site,  # noqa: F811 - the fixture
) -> None:
    """Whoever writes the notice does not approve it in two tabs either; one customer is told."""
    house = site.house
    ann, ben = house.customer(), house.customer("bo@marked.example", name="Bo Marked")
    test_incidents.look_at(house, ann, house.staff("support"))
    house.clock.moved += 2 * HOUR
    with ExitStack() as stack:
        first, second, hers = contexts(chromium, stack, 3)
        pia, pat = Clerk(site, first, "pia", "privacy"), Clerk(site, second, "pat", "privacy")
        path = open_incident(pia)
        test_incidents.run_job(house)
        page = pia.at(path)
        assert "People touched\n1" in page
        assert "Owed until" in page
        pia.page.get_by_label("The notice", exact=True).fill("Change your password.\n\nZo\u00eb")
        assert "Somebody else reads it and approves it" in pia.press("Write it")
        tab = first.new_page()
        tab.goto(site.address + path)
        assert tab.get_by_role("button", name="Approve it").count() == 0
        assert test_incidents.run_job(house) == 0
        pat.at(path)
        assert "It is sent to 1 person" in pat.press("Approve it")
        assert "Approved. The notices are sent within minutes." in pat.press("Approve and send")
        assert test_incidents.run_job(house) == 1
        mine = path.replace("/staff", "/me")
        assert "Change your password." in read_as(site, hers, ann, mine)
        assert "Change your password." not in read_as(site, hers, ben, mine)
        page = pia.at(path)
        assert "The notices are sent" in page
        assert "Owed until" not in page
        pia.page.get_by_label("What was done").fill("The session was ended.")
        assert "Closed." in pia.press("Close the incident with it")


def open_incident(pia: Clerk) -> str:
    """The officer says whose session was stolen, from when until when, and when it was found."""
    now = pia.site.house.clock.now().replace(second=0, microsecond=0)
    pia.at(test_incidents.CONSOLE)
    page = pia.page
    page.get_by_label("Did it happen?").select_option("real")
    page.locator("[name='kind']").select_option("staff")
    page.get_by_label("Which one").fill("sam")
    for name, moment in (("since", now - 3 * HOUR), ("until", now - HOUR), ("discovery", now)):
        page.locator(f"[name='{name}']").fill(f"{moment:%Y-%m-%dT%H:%M}")
    assert "Open this incident?" in pia.press("Continue")
    assert "Opened." in pia.press("Open the incident")
    return page.url.removeprefix(pia.site.address).partition("?")[0]
