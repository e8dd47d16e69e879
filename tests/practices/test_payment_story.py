"""What a payment's line in the story says besides its entries: how much, and for which invoice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from practices.bills import address, history, invoiced, with_card
from practices.conftest import House, send
from practices.test_payment import form, typed_amount
from practices.test_payment_once import DATABASES, owes
from practices.without import without
from upheld.core.ids import PersonId
from upheld.gate.transaction import GateTransaction
from upheld.practices.billing import books, invoices
from upheld.web.pages import money

STORY = "/me/privacy/received"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def pay(house: House, person: PersonId, cents: int) -> None:
    """Pay some cents by card, on the page."""
    browser = with_card(house, person)
    data = form(browser, amount=typed_amount(cents))
    assert send(browser, "/me/payment", data).status_code == 303


def visible(text: str) -> str:
    """The text of a page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", text))


@DATABASES
def test_a_payment_by_card_says_how_much_and_for_which_invoice(house: House) -> None:
    """The line has the amount and the invoice, from the row of the payment."""
    person = owes(house)
    open_invoice = history(house, person).invoices[0]
    pay(house, person, 1_234)
    page = visible(house.signed_in(person).get(STORY).text)
    line = f"Your card payment went through. You paid $12.34 for invoice {open_invoice.number}."
    assert line in page


def test_two_payments_say_each_its_own_amount(house: House) -> None:
    """Each line has the amount of its own payment, in the order in which they were made."""
    person = owes(house)
    pay(house, person, 1_000)
    house.clock.moved += timedelta(minutes=10)
    rest = history(house, person).balance
    pay(house, person, rest)
    page = visible(house.signed_in(person).get(STORY).text)
    assert page.index(f"You paid {money(rest)} for invoice") < page.index("You paid $10.00 for")


def book(house: House, person: PersonId, kind: str, *amounts: int) -> None:
    """Let staff book payments of some cents, all at one moment."""

    def work(transaction: GateTransaction) -> None:
        for cents in amounts:
            row = books.Payment(transaction.clock.today(), cents, f"r{cents}", kind)
            invoices.post(transaction, person, row, entitled=True)
            transaction.note(
                person, "payment", purpose="billing", action=kind, actor="staff " + "0" * 32
            )

    house.do(work)


def test_two_payments_at_one_moment_say_no_amount_that_may_be_the_other(house: House) -> None:
    """Where it is not sure which row an entry is about, no amount is told."""
    person = house.customer()
    invoiced(house, person)

    book(house, person, "transfer", 100, 200)
    page = visible(house.signed_in(person).get(STORY).text)
    assert "booked your payment" in page
    assert "You paid" not in page


def test_a_refund_says_what_came_back(house: House) -> None:
    """What was paid back to a customer is said as such."""
    person = house.customer()
    invoiced(house, person)

    book(house, person, "refund", -550)
    assert "You got $5.50 back." in visible(house.signed_in(person).get(STORY).text)


def test_what_the_policy_does_not_show_is_not_said(open_house: Callable[..., House]) -> None:
    """Whoever may not see their payments reads the line without an amount, and nothing breaks."""
    house = open_house(policy=without("own-view"))
    person = house.customer()
    invoiced(house, person)

    book(house, person, "transfer", 100)
    page = visible(house.signed_in(person).get(STORY).text)
    assert "booked your payment" in page
    assert "You paid" not in page
