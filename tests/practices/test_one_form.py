"""Dates and money have one form on every page, and each public one answers a privacy signal."""

from __future__ import annotations

import html
import io
import re
import zipfile
from pathlib import Path

import pytest

from empty import empty_database
from practices.bills import history, invoiced
from practices.conftest import House
from practices.routes import World, lines, routed
from upheld.core.ids import PersonId
from upheld.practice.needs import signal_stops
from upheld.practices.billing import books, invoices

HIDDEN = re.compile(r"<(head|script|style|textarea)\b.*?</\1>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
ISO = re.compile(r"\b(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?:T[\d:.+]+|\b)")
CENTS = re.compile(r"\d cents\b|\$\d+(?:\.\d)?(?![\d.,])|\$\d+\.\d{3}")
VERSION = re.compile(r"\bversion \d{4}-\d\d-\d\d", re.IGNORECASE)  # is called by the day it is of
SIGNAL = {"sec-gpc": "1"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages say is the same on each kind of database."""
    return empty_database(tmp_path)


def visible(page: str) -> str:
    """What stands on a page, without tags."""
    return html.unescape(TAG.sub(" ", HIDDEN.sub(" ", page)))


def test_no_page_writes_a_date_or_an_amount_for_programs(house: House) -> None:
    """Each page of each kind of visitor: days as 11 March 2026, amounts as $20.26."""
    world, table = World(house), lines()
    for method, path in routed(house.app):
        line = table[f"{method} {path}"]
        if method != "GET":
            continue
        for visitor, (kind, _) in world.visitors.items():
            if line.who not in ("anybody", kind) or (line.who == "anybody" and kind):
                continue
            browser, _ = world.browser(visitor)
            answer = browser.get(world.path(path, line))
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            text = VERSION.sub("", visible(answer.text))
            assert ISO.findall(text) == [], f"{path} as {visitor}"
            assert CENTS.findall(text) == [], f"{path} as {visitor}"


def test_the_page_of_a_copy_has_the_same_dates_and_amounts(house: House) -> None:
    """What somebody takes along is written as the pages are that they took it from."""
    browser, token = World(house).browser("ann")
    copy = browser.post("/me/privacy/export", data={"_token": token})
    with zipfile.ZipFile(io.BytesIO(copy.content)) as archive:
        text = VERSION.sub("", visible(archive.read("read-me.html").decode()))
    assert re.search(r"\b11 March 2026\b", text)
    assert ISO.findall(text) == []
    assert CENTS.findall(text) == []


def test_payments_are_listed_with_amount_reference_and_what_they_settled(house: House) -> None:
    """Of each payment: when, how, its reference, and which invoice it was for."""
    person = house.customer()
    invoiced(house, person)
    invoice = history(house, person).invoices[0]
    payment = books.Payment(
        house.provider.today(),
        invoice.cents,
        "ref-4711",
        "bank transfer",
        ((invoice.number, invoice.cents), ("2019-9999", 1)),
    )
    house.do(lambda transaction: invoices.post(transaction, person, payment, entitled=True))
    page = house.signed_in(person).get("/me/balance").text
    text = re.sub(r"\s+([,)])|([(])\s+", r"\1\2", " ".join(visible(page).split()))
    day = f"{payment.date.day} {payment.date:%B %Y}"
    assert f"Payment, bank transfer {day}, reference ref-4711" in text
    assert f"For invoice {invoice.number} (${invoice.cents / 100:.2f})" in text
    assert f'href="/me/balance/{invoice.number}"' in page
    assert 'href="/me/balance/2019-9999"' not in page


def test_what_was_paid_long_ago_is_folded_and_what_is_open_is_not(house: House) -> None:
    """The latest lines are in sight, with each open invoice; all others are one click away."""
    person = house.customer()
    number = invoiced(house, person)
    owed = history(house, person).balance
    for reference in range(1, 13):
        post_payment(house, person, number, 1, f"ref-{reference:02}")
    in_sight, _, folded = balance_page(house, person).partition("<summary>")
    assert f"Invoice {number}</a>" in in_sight
    assert "ref-01" in in_sight
    assert not folded
    post_payment(house, person, number, owed - 12, "ref-13")
    in_sight, _, folded = balance_page(house, person).partition("<summary>")
    assert folded.startswith("Earlier: 6 invoices and payments</summary>")
    assert re.findall(r"reference (ref-\d\d)", in_sight) == [
        f"ref-{n:02}" for n in range(13, 5, -1)
    ]
    assert re.findall(r"reference (ref-\d\d)", folded) == [f"ref-{n:02}" for n in range(5, 0, -1)]
    assert f"Invoice {number}</a>" in folded
    assert f"Invoice {number}</a>" not in in_sight


def balance_page(house: House, person: PersonId) -> str:
    """The page of somebody's balance, without its foot."""
    return house.signed_in(person).get("/me/balance").text.split("<footer", 1)[0]


def post_payment(house: House, person: PersonId, number: str, cents: int, reference: str) -> None:
    """A payment of some cents of one invoice."""
    payment = books.Payment(
        house.provider.today(), cents, reference, "bank transfer", ((number, cents),)
    )
    house.do(lambda transaction: invoices.post(transaction, person, payment, entitled=True))


def test_every_public_page_answers_a_privacy_signal(house: House) -> None:
    """Whoever is not signed in reads on each page what the signal stopped, without a cookie."""
    stops = signal_stops(house.provider.policy)
    world, table, pages = World(house), lines(), 0
    assert stops
    for method, path in routed(house.app):
        line = table[f"{method} {path}"]
        if method != "GET" or line.who != "anybody":
            continue
        answer = house.browser().get(world.path(path, line), headers=SIGNAL)
        assert "set-cookie" not in answer.headers, path
        if not answer.headers.get("content-type", "").startswith("text/html"):
            continue
        pages += 1
        aside = answer.text.partition('<aside class="signal"')[2].partition("</aside>")[0]
        assert [each for each in stops if each not in aside] == [], path
        assert re.search(r"We set no cookie", aside), path
    assert pages > 20


def test_what_the_foot_of_a_page_promises_is_there(house: House) -> None:
    """Who we are, with the register, terms, accessibility and security, from every page."""
    browser = house.browser()
    foot = browser.get("/sign-in").text.partition("<footer>")[2]
    for path in ("/privacy", "/terms", "/about"):
        assert f'href="{path}"' in foot
        assert browser.get(path).status_code == 200
    about = browser.get("/about").text
    for part in ("register", "accessibility", "security"):
        assert f'href="/about#{part}"' in foot
        assert f'<h2 id="{part}">' in about
    answer = browser.get("/.well-known/security.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    assert f"Contact: mailto:{house.provider.imprint.email}" in answer.text
    assert "Expires: " in answer.text
