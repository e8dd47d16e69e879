"""Before and after what matters: a page that asks and never acts, and a banner of one's own."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
import pytest
from starlette.testclient import TestClient

from practices.bills import (
    AGENT,
    AGENT_NAME,
    PROCESSOR,
    address,
    engage,
    history,
    invoiced,
    order,
    staff,
    with_card,
)
from practices.conftest import HIDDEN, PAGE, House, close, confirm, send
from practices.test_debt import debtor
from practices.test_guardians import family
from upheld.app.provider import PRACTICES, provide
from upheld.gate.async_gate import AsyncGate, open_gate_sync
from upheld.practice import operators
from upheld.practices.billing import debts, services
from upheld.practices.billing.plans import OWN
from upheld.practices.guardians import domain
from upheld.practices.rights import closure, requests
from upheld.vault.keyring import KeyFile, Keyring

AT_ONCE: Final = 20
DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


class Deed(NamedTuple):
    """An act that matters: whose browser, the form that leads to it, and whether it was done."""

    browser: TestClient
    path: str
    page: str  # that shows the form
    form: dict[str, str]
    is_done: Callable[[], bool]
    subject: str
    kind: str = "customer"

    def ask(self, browser: TestClient | None = None) -> httpx2.Response:
        """Send the form; what it is answered by is the page that asks."""
        mine = browser or self.browser
        token = HIDDEN.findall(mine.get(self.page).text)[0][1]
        return mine.post(self.path, data={"_token": token, **self.form})


def _ordering(house: House) -> Deed:
    person = house.customer()
    browser = house.signed_in(person)
    return Deed(
        browser,
        "/me/services",
        "/me/services",
        {"plan": "phone"},
        lambda: "You have 1 service" in browser.get("/me/services").text,
        person,
    )


def _ending(house: House) -> Deed:
    person = house.customer()
    order(house, person, "phone")
    browser = house.signed_in(person)
    return Deed(
        browser,
        "/me/services/end",
        "/me/services",
        {"service": "phone"},
        lambda: "no service at the moment" in browser.get("/me/services").text,
        person,
    )


def _taking_back(house: House) -> Deed:
    guardian, child, _ = family(house)
    path = f"/me/family/{child}"

    def is_done() -> bool:
        given = house.do(lambda transaction: domain.consents_for(transaction, child))
        return not given["permission"].record_id

    form = {"what": "permission", "how": "withdraw"}
    return Deed(house.signed_in(guardian), path, path, form, is_done, guardian)


def _letting_go(house: House) -> Deed:
    manager, user = house.staff("manager", sign_in="mo"), house.staff("support", sign_in="sue")

    def is_done() -> bool:
        found = house.do(lambda transaction: operators.find_user(transaction.tables, user))
        return found is not None and found.state == operators.ENDED

    browser = house.signed_in(manager, "staff")
    path = f"/staff/people/{user}/end"
    return Deed(browser, path, "/staff/people", {}, is_done, manager, "staff")


def _handing_over(house: House) -> Deed:
    person, task = debtor(house)
    desk, page = staff(house), f"/staff/debts/{task}"
    send(desk, f"{page}/take", {}, page)

    def is_done() -> bool:
        debt = house.do(lambda transaction: debts.current_debt(transaction, person))
        return debt is not None

    return Deed(desk, f"{page}/hand-over", page, {"party": AGENT}, is_done, "", "staff")


def _recalling(house: House) -> Deed:
    deed = _handing_over(house)
    confirm(deed.browser, deed.ask())
    path = deed.path.replace("hand-over", "recall")
    return deed._replace(path=path, form={}, is_done=lambda: not deed.is_done())


def _closing(house: House) -> Deed:
    person = house.customer()

    def is_done() -> bool:
        return house.do(lambda transaction: closure.closed_at(transaction, person)) is not None

    form = {"sure": "yes"}
    return Deed(house.signed_in(person), "/me/close", "/me/close", form, is_done, person)


def _erasing(house: House) -> Deed:
    person = house.customer()

    def is_done() -> bool:
        return bool(house.do(lambda transaction: requests.requests_of(transaction.tables, person)))

    path = "/me/privacy/erase"
    return Deed(house.signed_in(person), path, path, {"sure": "yes"}, is_done, person)


def _paying(house: House) -> Deed:
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser, path = with_card(house, person), "/me/payment"
    form = {"key": "0" * 32, "card": "", "amount": "5"}
    return Deed(browser, path, path, form, lambda: bool(history(house, person).payments), person)


DEEDS: Final[dict[str, Callable[[House], Deed]]] = {
    "order": _ordering,
    "end": _ending,
    "take back": _taking_back,
    "let go": _letting_go,
    "hand over": _handing_over,
    "recall": _recalling,
    "close": _closing,
    "erase": _erasing,
    "pay": _paying,
}
EACH = pytest.mark.parametrize("name", DEEDS)


@EACH
def test_what_matters_is_asked_about_done_by_a_yes_and_told_with_a_reference(
    house: House, name: str
) -> None:
    """The form alone does nothing; the button of the page that asks does it, and once."""
    deed = DEEDS[name](house)
    page = deed.ask()
    assert page.status_code == 200
    assert "What will happen" in page.text
    assert not deed.is_done()
    answer = confirm(deed.browser, page, deed.form)
    assert deed.is_done()
    shown = answer if answer.status_code == 200 else deed.browser.get(answer.headers["location"])
    assert shown.status_code == 200
    assert re.search(r"Reference [\w-]{8,}\.", shown.text)
    again = confirm(deed.browser, page, deed.form)
    assert again.status_code in {303, 404, 422}  # led to what came of it, or told that it is so
    assert "done=" not in again.headers.get("location", "")
    assert "Reference" not in again.text


@EACH
def test_nobody_elses_yes_counts(house: House, name: str) -> None:
    """A page that was shown in another session, or was cut, confirms nothing: one is asked."""
    deed = DEEDS[name](house)
    page = deed.ask()
    if deed.subject:
        other = house.signed_in(deed.subject, deed.kind)
        token = HIDDEN.findall(other.get(deed.page).text)[0][1]
        values = hidden(page) | {"_token": token, **deed.form}
        asked_again = other.post(deed.path, data=values)
        assert asked_again.status_code == 409
        assert "Something has changed" in asked_again.text
    for word in ("x", hidden(page)["_confirmed"][:-3], "ä"):
        values = hidden(page) | {"_confirmed": word, **deed.form}
        assert deed.browser.post(deed.path, data=values).status_code == 409
    assert not deed.is_done()
    house.clock.moved += timedelta(minutes=4)  # one who is asked for a password has five
    assert confirm(deed.browser, page, deed.form).status_code in (200, 303)
    assert deed.is_done()


def hidden(page: httpx2.Response) -> dict[str, str]:
    """What the form of a page that asks carries."""
    main = page.text[page.text.index("<main") :]
    return {name: html.unescape(value) for name, value in HIDDEN.findall(main)}


@DATABASES
@EACH
def test_of_twenty_who_send_one_yes_at_once_one_acts(house: House, name: str) -> None:
    """One gets the reference; the others are led to what came of it, or read that it is so."""
    deed = DEEDS[name](house)
    values = {**hidden(deed.ask()), **deed.form}
    answers = at_once(house, deed.browser, [(deed.path, values)] * AT_ONCE)
    assert {each.status_code for each in answers} <= {200, 303, 404, 422}
    done = [
        "done=" in each.headers.get("location", "") or "Reference" in each.text for each in answers
    ]
    assert sum(done) == 1, [(each.status_code, each.headers.get("location")) for each in answers]
    assert deed.is_done()


def test_of_orders_and_a_closing_at_once_no_service_is_left(house: House) -> None:
    """Whoever closes their account has none, whichever was first; and orders none after it."""
    person = house.customer()
    browser = house.signed_in(person)
    pages = [browser.get(f"/me/services/order?plan={plan}") for plan in ("phone", "dsl-10")]
    forms = [("/me/services", hidden(each)) for each in pages * (AT_ONCE // 2)]
    closing = ("/me/close", {**hidden(browser.get("/me/close")), "sure": "yes"})
    answers = at_once(house, browser, [*forms[: AT_ONCE // 2], closing, *forms[AT_ONCE // 2 :]])
    # 409: what it would cost has changed since, so that it is asked again.
    assert {each.status_code for each in answers} <= {303, 409, 422}
    assert house.do(lambda t: closure.closed_at(t, person)) is not None
    assert house.do(lambda t: services.current_services(t, person)) == []
    late = browser.post("/me/services", data=forms[0][1])
    assert "Your account is closed." in late.text


def test_a_page_that_asked_is_good_for_half_an_hour(house: House) -> None:
    """After that one is asked again, and nothing was done."""
    deed = _ordering(house)
    page = deed.ask()
    house.clock.moved += timedelta(minutes=16)
    deed.browser.get("/me")  # so that the session goes on
    house.clock.moved += timedelta(minutes=16)
    assert confirm(deed.browser, page).status_code == 409
    assert not deed.is_done()


def test_taking_back_is_undone_from_its_banner(house: House) -> None:
    """The link of the banner asks whether to give it again; the answer brings it back."""
    deed = _taking_back(house)
    answer = confirm(deed.browser, deed.ask())
    shown = deed.browser.get(answer.headers["location"]).text
    assert "You took back your permission." in shown
    undo = re.search(r'href="([^"]+)">Undo this', shown)
    assert undo
    asked_for = deed.browser.get(undo[1])
    assert "<h1>Give your permission again?</h1>" in asked_for.text
    assert deed.is_done()
    assert confirm(deed.browser, asked_for).status_code == 303
    assert not deed.is_done()


def test_a_hand_over_says_the_amount_and_is_undone_from_its_banner(house: House) -> None:
    """What is owed stands beside who would learn what; the banner leads to the recall."""
    deed = _handing_over(house)
    page = deed.ask()
    assert f"<h1>Hand this account to {AGENT_NAME}?</h1>" in page.text
    assert re.search(r"Owed on this account</th><td[^>]*>\$\d+\.\d\d<", page.text)
    answer = confirm(deed.browser, page)
    shown = deed.browser.get(answer.headers["location"]).text
    undo = re.search(r'href="([^"]+)">Undo this', shown)
    assert undo
    assert confirm(deed.browser, deed.browser.get(undo[1])).status_code == 303
    assert not deed.is_done()


def test_an_order_is_asked_about_with_its_price_and_done_once_confirmed(house: House) -> None:
    """The page says what begins, what ends and what it costs; only its form orders."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    page = browser.get("/me/services/order?plan=dsl-50").text
    assert "DSL 10 ends today" in browser.get("/me/services/order?plan=dsl-50").text  # not yet
    assert "<h1>Order DSL 50?</h1>" in page
    assert "DSL 10 ends today; DSL 50 takes its place." in page
    assert "$39.90" in page
    assert "$52.40" in page  # all of them then
    assert "The bill comes to you." in page
    assert "for $42.40 a month" in browser.get("/me/services").text
    values = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page))
    answer = browser.post("/me/services", data=values)
    assert answer.status_code == 303
    shown = browser.get(answer.headers["location"]).text
    assert "for $52.40 a month" in shown
    assert "You ordered DSL 50 for $39.90 a month." in shown
    assert re.search(r"Reference [0-9A-F]{8}\.", shown)
    assert 'href="/me/services/end/dsl"' in shown


def test_an_end_is_asked_about_and_can_be_undone(house: House) -> None:
    """The page says what is over; the banner after it leads to the order that undoes it."""
    person = house.customer()
    order(house, person, "dsl-10", "phone")
    browser = house.signed_in(person)
    path = "/me/services/end/phone"
    page = browser.get(path).text
    assert "<h1>End Phone?</h1>" in page
    assert "$29.90" in page
    assert "You have 2 services" in browser.get("/me/services").text
    answer = send(browser, "/me/services/end", {"service": "phone"}, path)
    shown = browser.get(answer.headers["location"]).text
    assert "You ended Phone." in shown
    assert "/me/services/order?plan=phone" in shown
    assert "You have 1 service " in shown
    again = send(browser, "/me/services/end", {"service": "phone"}, "/me/services/order?plan=phone")
    assert again.headers["location"] == "/me/services"  # nothing was done, nothing is told
    assert browser.get(path).status_code == 404


def test_a_price_that_changed_is_asked_about_again(house: House, tmp_path: Path) -> None:
    """Who said yes to another price than that of today orders nothing, and is shown today's."""
    browser = house.signed_in(house.customer())
    page = browser.get("/me/services/order?plan=phone")
    assert "$12.50" in page.text
    with other_prices(house, tmp_path, "cents = 1250", "cents = 9900") as dear:
        later_on = dear.browser()
        later_on.cookies.update(browser.cookies)
        answer = confirm(later_on, page)
        assert answer.status_code == 409
        assert "Something has changed since we asked you." in answer.text
        assert "$99.00" in answer.text
        assert "no service at the moment" in later_on.get("/me/services").text
        assert confirm(later_on, answer).status_code == 303
        assert "for $99.00 a month" in later_on.get("/me/services").text


@contextmanager
def other_prices(house: House, folder: Path, old: str, new: str) -> Iterator[House]:
    """Another process of the same provider, which was started with other prices."""
    plans = folder / "plans.toml"
    text = OWN.read_text(encoding="utf-8")
    assert old in text
    plans.write_text(text.replace(old, new), encoding="utf-8")
    settings = msgspec.structs.replace(house.provider.settings, plans=plans)
    keys = Keyring.open(folder / "keyring", KeyFile(folder / "master"))
    gate = open_gate_sync(settings.database, policy=house.policy, keys=keys)
    gate.context = gate.context.by(house.clock)
    asynchronous = AsyncGate(gate)
    yield House(provide(asynchronous, settings, PRACTICES), house.policy, house.clock)
    close(asynchronous)


def at_once(
    house: House, browser: TestClient, forms: Sequence[tuple[str, dict[str, str]]]
) -> list[httpx2.Response]:
    """What came of some forms that one browser sent to their paths at the same moment."""

    async def send_all() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(
            transport=transport,
            base_url="http://testserver",
            headers=PAGE,
            cookies=dict(browser.cookies),
        ) as client:
            return await asyncio.gather(*(client.post(path, data=form) for path, form in forms))

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        return apart.submit(lambda: asyncio.run(send_all())).result()


@pytest.mark.parametrize("plan", ["", "nothing", "<script>", "dsl-10"])
def test_what_cannot_be_ordered_is_not_asked_about(house: House, plan: str) -> None:
    """A plan that does not exist, or that somebody has already, gets the form with the reason."""
    person = house.customer()
    order(house, person, "dsl-10")
    answer = house.signed_in(person).get("/me/services/order", params={"plan": plan})
    assert answer.status_code == 422
    assert "<script>" not in answer.text


def test_a_banner_is_its_sessions_own_for_a_few_minutes(house: House) -> None:
    """Nobody else's session, no changed word and no later hour shows it."""
    person, other = house.customer(), house.customer("ben@marked.example")
    browser = house.signed_in(person)
    answer = send(browser, "/me/services", {"plan": "phone"}, "/me/services/order?plan=phone")
    path = answer.headers["location"]
    word = parse_qs(urlsplit(path).query)["done"][0]
    assert "You ordered" in browser.get(path).text
    assert "You ordered" not in house.signed_in(other).get(path).text
    assert "You ordered" not in house.signed_in(person).get(path).text
    for bad in (word[:-4], word[::-1], "x", "ä", "=" * 5):
        answer = browser.get("/me/services", params={"done": bad})
        assert answer.status_code == 200
        assert "You ordered" not in answer.text
    house.clock.moved += timedelta(minutes=11)
    assert "You ordered" not in browser.get(path).text
