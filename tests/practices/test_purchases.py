"""What a minor orders: their guardian is asked by name and code, within a limit that holds."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx2
import pytest
from starlette.testclient import TestClient

from practices.bills import address
from practices.conftest import PAGE, House, confirm, send
from practices.test_changed_rows import tamper
from practices.test_consequences import hidden, other_prices
from practices.test_guardians import family
from upheld.database.seals import SealedError
from upheld.practices.guardians import purchases
from upheld.practices.guardians.jobs import birthdays
from upheld.practices.guardians.purchases import Purchases, WaitingPurchase
from upheld.practices.messages.carrier import Box
from upheld.practices.messages.delivery import Delivery

DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
NOTHING: Final = "no service at the moment"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


class Home:
    """A guardian, the minor in their care, and the browsers of both."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.guardian, self.child, self.minor = family(house)
        self.parent = house.signed_in(self.guardian)
        self.page = f"/me/family/{self.child}"

    def ask(self, plan: str = "phone") -> WaitingPurchase:
        """Let the minor ask for a plan; what waits then."""
        answer = send(self.minor, "/me/services", {"plan": plan})
        assert answer.status_code == 303, answer.text
        return self.waiting()[-1]

    def waiting(self) -> list[WaitingPurchase]:
        """What waits for the guardian's yes."""
        orders = Purchases(self.house.provider)
        return self.house.do(lambda transaction: orders.waiting(transaction.tables, self.child))

    def limit(self, amount: str) -> None:
        """Let the guardian set a limit."""
        answer = send(self.parent, f"{self.page}/limit", {"limit": amount}, self.page)
        assert answer.status_code == 303, answer.text

    def order_page(self, order: WaitingPurchase) -> str:
        """The address of the question to the guardian."""
        return f"{self.page}/orders/{order.request_id}"

    def has(self) -> str:
        """The minor's page of services."""
        return self.minor.get("/me/services").text


@pytest.fixture
def home(house: House) -> Home:
    """A guardian and a minor who orders."""
    return Home(house)


@DATABASES
def test_an_order_waits_for_the_guardian_who_sees_name_code_and_cost(home: Home) -> None:
    """The minor is told that nothing begins; the yes orders, and both pages say so."""
    question = home.minor.get("/me/services/order?plan=phone").text
    assert "<h1>Ask your guardian for Phone?</h1>" in question
    assert "Nothing begins and nothing is charged before they say yes." in question
    order = home.ask()
    assert NOTHING in home.has()
    assert order.code in home.minor.get("/me/family").text
    assert "asks you to approve an order" in home.parent.get("/me").text
    page = home.parent.get(home.page).text
    assert "Kim Marked asks for Phone, $12.50 a month." in page
    assert f"Code {order.code}." in page
    asked = home.parent.get(home.order_page(order))
    assert "<h1>Say yes to Phone for Kim Marked?</h1>" in asked.text
    assert f"with the code {order.code}" in asked.text
    assert NOTHING in home.has()
    answer = confirm(home.parent, asked)
    shown = home.parent.get(answer.headers["location"]).text
    assert "You said yes. It is ordered." in shown
    assert re.search(r"Together</th><td[^>]*>\$12\.50<", shown)
    assert "for $12.50 a month" in home.has()
    assert home.waiting() == []
    assert "said yes to an order" in home.minor.get("/me/privacy/received").text


def test_the_guardians_mail_has_code_and_amount_and_no_name(home: Home) -> None:
    """It says which order it is about and nothing of who asks; the same again asks nobody again."""
    order = home.ask()
    home.ask()
    assert len(home.waiting()) == 1
    box = Box()
    Delivery(home.house.provider, box).run(home.house.provider.gate.gate)
    letters = [each for each in box.messages if "asks for your approval" in each["Subject"]]
    assert len(letters) == 1
    body = letters[0].get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert f"Their code is {order.code}:" in text
    assert "for $12.50 a month." in text
    assert not re.search(r"\bKim\b", text)


def test_a_guardian_says_no_and_a_minor_takes_it_back(home: Home) -> None:
    """Either way nothing is ordered, and the same question is answered no more than once."""
    order = home.ask()
    page = home.parent.get(home.order_page(order))
    path = f"{home.order_page(order)}/decline"
    answer = send(home.parent, path, {}, home.page)
    assert "You said no." in home.parent.get(answer.headers["location"]).text
    assert confirm(home.parent, page).headers["location"] == home.page
    order = home.ask()
    path = f"/me/family/orders/{order.request_id}/withdraw"
    assert send(home.minor, path, {}, "/me/family").status_code == 303
    assert home.parent.get(home.order_page(order)).status_code == 404
    assert NOTHING in home.has()
    assert home.waiting() == []


def test_nobody_else_answers(home: Home) -> None:
    """Not the minor, not another customer, by whatever address and however they confirm it."""
    order = home.ask()
    page = home.parent.get(home.order_page(order))
    stranger = home.house.signed_in(home.house.customer("eve@marked.example"))
    for browser in (home.minor, stranger):
        for path in (home.order_page(order), f"{home.order_page(order)}/decline"):
            values = hidden(page)
            values["_token"] = token(browser)
            assert browser.post(path, data=values).status_code == 404
        assert browser.get(home.order_page(order)).status_code == 404
        data = {"limit": "500.00", "_token": token(browser)}
        assert browser.post(f"{home.page}/limit", data=data).status_code == 404
    assert len(home.waiting()) == 1
    assert NOTHING in home.has()


def token(browser: TestClient) -> str:
    """What the forms of somebody's pages carry."""
    match = re.search(r'name="_token" value="([0-9a-f]+)"', browser.get("/me/family").text)
    assert match
    return match[1]


def test_a_limit_keeps_orders_from_being_asked_and_from_being_approved(home: Home) -> None:
    """It is looked at when the minor asks, and again when the guardian says yes."""
    home.limit("20.00")
    refused = send(home.minor, "/me/services", {"plan": "dsl-10"})
    assert refused.status_code == 422
    assert "the limit that was set is $20.00" in refused.text
    assert home.waiting() == []
    order = home.ask()
    page = home.parent.get(home.order_page(order))
    assert "Your limit, a month" in page.text
    home.limit("10.00")
    answer = confirm(home.parent, page)
    assert answer.status_code == 409
    assert "the limit that was set is $10.00" in answer.text
    assert NOTHING in home.has()
    assert send(home.parent, f"{home.page}/limit", {"how": "end"}, home.page).status_code == 303
    assert confirm(home.parent, home.parent.get(home.order_page(order))).status_code == 303
    assert "for $12.50 a month" in home.has()


@pytest.mark.parametrize("amount", ["", "x", "-5", "0", "1e9", "<b>"])
def test_a_limit_that_is_no_amount_is_refused(home: Home, amount: str) -> None:
    """The form says what is wrong, and there is no limit."""
    answer = send(home.parent, f"{home.page}/limit", {"limit": amount}, home.page)
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert "There is no limit." in home.parent.get(home.page).text


@DATABASES
def test_orders_that_are_approved_at_once_keep_to_the_limit_together(home: Home) -> None:
    """Two that fit alone and not together: one is ordered, whichever comes first."""
    home.limit("40.00")
    pages = [home.parent.get(home.order_page(home.ask(plan))) for plan in ("phone", "dsl-10")]
    paths = [home.order_page(each) for each in home.waiting()]
    values = [hidden(each) for each in pages]

    async def all_at_once() -> list[int]:
        transport = httpx2.ASGITransport(app=home.house.app)
        async with httpx2.AsyncClient(
            transport=transport,
            base_url="http://testserver",
            headers=PAGE,
            cookies=dict(home.parent.cookies),
        ) as client:
            sent = [
                client.post(path, data=data)
                for path, data in zip(paths, values, strict=True)
                for _ in range(10)
            ]
            return [each.status_code for each in await asyncio.gather(*sent)]

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        statuses = apart.submit(lambda: asyncio.run(all_at_once())).result()
    assert set(statuses) <= {303, 409}
    assert 409 in statuses
    assert "You have 1 service " in home.has()
    assert len(home.waiting()) == 1


@DATABASES
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spending_limit SET cents = 999999 WHERE person_id = ?",
        "DELETE FROM spending_limit WHERE person_id = ?",
    ],
)
def test_nobody_raises_a_limit_by_writing_to_the_database(home: Home, statement: str) -> None:
    """Pages refuse, nobody is asked, and nothing is ordered."""
    home.limit("10.00")
    assert tamper(home.house, statement, home.child) == 1
    assert send(home.minor, "/me/services", {"plan": "phone"}).status_code == 503
    with pytest.raises(SealedError):
        home.house.do(lambda transaction: purchases.limit_of(transaction.tables, home.child))
    assert NOTHING in home.has()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE purchase_request SET state = 'approved' WHERE person_id = ?",
        "UPDATE purchase_request SET expires = expires + 1 WHERE person_id = ?",
        "DELETE FROM purchase_request WHERE person_id = ?",
    ],
)
def test_nobody_approves_by_writing_to_the_database(home: Home, statement: str) -> None:
    """A changed request orders nothing, and its pages say that something is wrong."""
    order = home.ask()
    assert tamper(home.house, statement, home.child) == 1
    assert home.parent.get(home.order_page(order)).status_code == 503
    assert NOTHING in home.has()


def test_without_the_costs_a_yes_is_refused_by_the_clause(home: Home) -> None:
    """Who took back that they pay gives no yes that costs anything: the policy says so."""
    order = home.ask()
    send(home.parent, home.page, {"what": "costs", "how": "withdraw"}, home.page)
    answer = confirm(home.parent, home.parent.get(home.order_page(order)))
    assert answer.status_code == 403
    assert "/privacy#minor-costs" in answer.text
    assert NOTHING in home.has()
    assert len(home.waiting()) == 1
    send(home.parent, home.page, {"what": "costs", "how": "give"}, home.page)
    assert confirm(home.parent, home.parent.get(home.order_page(order))).status_code == 303
    assert "You have 1 service " in home.has()


def test_a_price_that_changed_is_shown_to_the_guardian_before_their_yes(
    home: Home, tmp_path: Path
) -> None:
    """A yes to another price than that of today orders nothing, and is asked for again."""
    order = home.ask()
    page = home.parent.get(home.order_page(order))
    with other_prices(home.house, tmp_path, "cents = 1250", "cents = 9900") as dear:
        parent = dear.browser()
        parent.cookies.update(home.parent.cookies)
        answer = confirm(parent, page)
        assert answer.status_code == 409
        assert "Say yes to $99.00 a month" in answer.text
        assert NOTHING in home.has()


def test_what_costs_nothing_is_ordered_alone(home: Home, tmp_path: Path) -> None:
    """No yes is asked for where nothing is to be paid."""
    with other_prices(home.house, tmp_path, "cents = 1250", "cents = 0") as free:
        minor = free.browser()
        minor.cookies.update(home.minor.cookies)
        assert send(minor, "/me/services", {"plan": "phone"}).status_code == 303
        assert "You have 1 service " in minor.get("/me/services").text
    assert home.waiting() == []


def test_after_seven_days_nobody_asks_any_longer(home: Home) -> None:
    """A late yes orders nothing."""
    order = home.ask()
    home.house.clock.moved += timedelta(days=7, minutes=1)
    home.house.do(lambda transaction: transaction.accept_clock(home.house.clock.now()))
    parent = home.house.signed_in(home.guardian)
    assert parent.get(home.order_page(order)).status_code == 404
    assert home.waiting() == []


def test_whoever_came_of_age_orders_alone(home: Home) -> None:
    """From the birthday on no limit and no request is left, and an order is an order."""
    home.limit("10.00")
    home.house.clock.moved += timedelta(days=730)
    home.house.do(lambda transaction: transaction.accept_clock(home.house.clock.now()))
    assert birthdays(home.house.provider)(home.house.provider.gate.gate) == 1
    assert (
        home.house.do(lambda transaction: purchases.limit_of(transaction.tables, home.child))
        is None
    )
    minor = home.house.signed_in(home.child)
    assert "<h1>Order Phone?</h1>" in minor.get("/me/services/order?plan=phone").text
