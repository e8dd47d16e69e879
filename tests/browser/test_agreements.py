"""What companies outside get, in a browser without scripts: by an agreement, by an order."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from browsing import follow
from gate.versions import post, version
from practices.conftest import House
from practices.suppliers import PLAN, supplied_plan
from practices.test_agreements import (
    PARTY,
    WIDER,
    key,
    manager,
    narrower,
    partner,
    public,
    run_job,
)
from practices.test_partner_pulls import Program, refusals_of
from upheld.practice.endpoints import cookie_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SHARED = "except may share identity, contact-details, services to trusted-partner for offers"
LESS = (SHARED, SHARED.replace(", contact-details, services", ""))


class Visitor:
    """Somebody at a phone, without scripts, who is signed in."""

    def __init__(self, chromium: Browser, site: tuple[House, str], kind: str, whose: str) -> None:
        house, self.address = site
        context = chromium.new_context(
            java_script_enabled=False, viewport={"width": 390, "height": 844}
        )
        name = cookie_name(house.provider, kind)
        value = house.signed_in(whose, kind).cookies[name]
        context.add_cookies([{"name": name, "value": value, "url": self.address}])
        self.page: Page = context.new_page()

    def at(self, path: str) -> str:
        """Go to a page; what stands on it."""
        self.page.goto(self.address + path)
        return self.page.inner_text("main")

    def press(self, name: str) -> str:
        """Press a button; what stands on the page that comes."""
        follow(self.page.get_by_role("button", name=name, exact=True))
        return self.page.inner_text("main")


@pytest.fixture
def visitors() -> Iterator[list[Visitor]]:
    """Whoever visits in a test; their browsers are closed after it."""
    result: list[Visitor] = []
    yield result
    for each in result:
        each.page.context.close()


def test_a_supplier_that_asks_for_one_field_more_is_refused(
    chromium: Browser, site: tuple[House, str], visitors: list[Visitor]
) -> None:
    """It gets what the page of the order says, and neither its program nor its plan gets more."""
    house = site[0]
    plan, by, ann = supplied_plan(house), manager(house, "sue"), house.customer()
    visitors.append(customer := Visitor(chromium, site, "customer", ann))
    text = customer.at(f"/me/services/order?plan={PLAN}")
    assert "It gets your name and e-mail address, and nothing else" in text
    customer.press(customer.page.locator("main button").inner_text())
    nils = house.staff(kind="agent", sign_in="nils", party=plan.supplier)
    visitors.append(supplier := Visitor(chromium, site, "agent", nils))
    text = supplier.at("/partner")
    assert "name, e-mail address" in text
    assert "birth date" not in text
    program = Program(house, plan.supplier, by)
    form = {"purpose": "service-provision", "fields": "name email birth-date"}
    before = refusals_of(house)
    assert program.ask("/pulls", form)[0] == 403
    assert refusals_of(house) == before + 1


def draft(desk: Visitor, house: House, days: int, text: str = "") -> str:
    """Draft an agreement for some days, as the policy has it or in other words; what came of it."""
    desk.at(f"/staff/agreements?partner={PARTY}")
    field, until = desk.page.locator("#f-text"), house.clock.today() + timedelta(days=days)
    if text:
        field.fill(text)
    for part in ("day", "month", "year"):
        desk.page.locator(f"[name=until-{part}]").fill(str(getattr(until, part)))
    return desk.press("Check it and keep the draft")


def sign(desk: Visitor, theirs: Visitor, own: Ed25519PrivateKey) -> str:
    """Sign on both sides what stands on the desk's page; what the partner's page says then."""
    desk.press("Sign it for us")
    desk.press("Sign it")
    theirs.at("/partner")
    path = desk.page.url.partition("/staff")[2].partition("?")[0]
    statement = theirs.page.request.get(f"{theirs.address}/partner{path}/statement.txt").body()
    theirs.page.get_by_label("Their signature").fill(base64.b64encode(own.sign(statement)).decode())
    return theirs.press("Sign it")


def test_an_agreement_is_signed_used_narrowed_by_a_version_and_lapses(
    chromium: Browser, site: tuple[House, str], visitors: list[Visitor]
) -> None:
    """A wider one is refused with an example; both sides read what becomes of theirs."""
    house = site[0]
    by, party, own = manager(house), partner(house), key()
    house.customer("bo@marked.example")
    nora = house.staff(kind="agent", sign_in="nora", party=party)
    desk = Visitor(chromium, site, "staff", by)
    theirs = Visitor(chromium, site, "agent", nora)
    visitors += [desk, theirs]
    program = Program(house, party, by)
    assert program.ask("/pulls", {"purpose": "offers"})[0] == 403
    refusal = draft(desk, house, 30, WIDER)
    assert "he agreement is wider than version 2026-11-01" in refusal
    assert "use your interests for customising advertising" in refusal
    assert "For example, the policy says: no, by #advertisers" in refusal
    assert "not signed by both sides yet" in draft(desk, house, 30)
    desk.page.get_by_label("Their public key").fill(public(own))
    desk.press("Keep their key")
    text = sign(desk, theirs, own)
    assert "It is signed by both sides." in text
    assert "What you may ask for" in text
    pull = program.begin()
    assert "bo@marked.example" in str(program.page(pull, 1))
    assert "not confirmed yet" in theirs.at("/partner")
    post(house.provider.gate.gate, version("two", LESS))
    assert program.page(pull, 2)[0] == 403
    run_job(house)
    assert "you get nothing more under it. The policy has changed" in theirs.at("/partner")
    assert "no longer fits our policy" in desk.at("/staff")
    assert "not signed by both sides yet" in draft(desk, house, 3, narrower(WIDER))
    assert "Offers name Programs" in " ".join(sign(desk, theirs, own).split())
    assert program.ask("/pulls", {"purpose": "offers", "fields": "email"})[0] == 403
    program.begin(fields="name")
    house.clock.moved += timedelta(days=5)
    run_job(house)
    visitors.append(later := Visitor(chromium, site, "agent", nora))
    assert "ended on" in later.at("/partner")
    program.token = program.get_token()
    assert program.ask("/pulls", {"purpose": "offers"})[0] == 403
