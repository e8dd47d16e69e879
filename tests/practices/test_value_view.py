"""Values as people read them: words, dates, amounts and tables, wherever somebody meets them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from zoneinfo import ZoneInfo

import pytest

from practices.bills import owing
from practices.conftest import House, send
from upheld.core.ids import PersonId
from upheld.gate.transaction import GateTransaction
from upheld.practice import cards, tasks
from upheld.practice.cards import Card
from upheld.practice.value_view import TitledText, ValueTable, ValueView, view_values

JSON = re.compile(r"[{\[](?:\"|&#34;|&quot;)|(?:\"|&#34;|&quot;):")  # of parts, in a page's text
RECORD = "0123456789abcdef" * 2


def label(tree: str, word: str) -> str:
    """What this vocabulary calls a word."""
    return f"the {tree} {word}"


def test_a_card_is_what_its_owner_knows_it_by() -> None:
    """A card is its brand, its last digits and the month until which it is valid; no token."""
    value = '{"token":"t-1","last_four":"4242","brand":"Visa","expiry":"2029-12"}'
    view = view_values("card", [value], label)
    assert view == ValueView(("Visa ending in 4242, valid through December 2029",))


def test_rows_are_tables_by_kind_with_days_and_amounts_the_latest_first() -> None:
    """Invoices and payments are two tables; ids of records and empty columns are left out."""
    rows = [
        (
            '{"kind":"invoice","number":"7","date":"2026-10-01","due":"2026-10-15","cents":7590,'
            '"lines":[{"text":"Fibre","cents":7590}]}'
        ),
        (
            '{"kind":"payment","date":"2026-10-10","cents":7590,"reference":"r-1","method":"card",'
            f'"settles":[["7",7590]],"record":"{RECORD}","note":null}}'
        ),
        (
            '{"kind":"payment","date":"2026-11-10","cents":100,"reference":"r-2","method":"card",'
            '"settles":[]}'
        ),
    ]
    payments, invoices = view_values("transaction", rows, label).tables
    assert invoices == ValueTable(
        "Invoice",
        ("Number", "Date", "Due by", "Amount", "What for"),
        (("7", "1 October 2026", "15 October 2026", "$75.90", "Fibre $75.90"),),
    )
    assert payments.rows == (
        ("10 November 2026", "$1.00", "r-2", "Card", ""),
        ("10 October 2026", "$75.90", "r-1", "Card", "7 ($75.90)"),
    )


def test_a_value_of_several_tables_has_a_caption_for_each() -> None:
    """What was invoiced and what was paid are tables of their own within one value."""
    value = (
        '{"invoices":[{"number":"7","open":7590}],'
        '"payments":[{"date":"2026-10-10","cents":100}],"credit":250}'
    )
    view = view_values("payment-history", [value], label)
    assert view.lines == ("Credit: $2.50",)
    assert [(each.caption, each.rows) for each in view.tables] == [
        ("Invoices", (("7", "$75.90"),)),
        ("Payments", (("10 October 2026", "$1.00"),)),
    ]


def test_a_message_is_a_letter_in_the_zone_of_its_reader() -> None:
    """A message has its moment and subject as its title, and its text as it was written."""
    value = json.dumps({"at": "2026-11-21T06:00:00+00:00", "subject": "Hello", "text": "a\nb"})
    view = view_values("messages", [value], label, ZoneInfo("America/Los_Angeles"))
    assert view.letters == (TitledText("20 November 2026, 22:00 PST: Hello", "a\nb"),)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("birth-date", "1990-02-01", "1 February 1990"),
        ("birth-date", "1990-02-31", "1990-02-31"),
        ("phone", "+14255550142", "+1 425-555-0142"),
        ("balance", "-250", "−$2.50"),
        ("balance", "much", "much"),
        ("interests", "{hiking}", "{hiking}"),
        ("interests", "", ""),
        ("segment", '["a","b"]', "a; b"),
        ("card", '{"token":"t-1"}', ""),
        ("x", '{"purpose":"billing","on":true,"share":1.50,"plan":"fibre-500"}', None),
    ],
)
def test_other_values_are_words_or_stay_as_they_are(
    field: str, value: str, text: str | None
) -> None:
    """Days, numbers and lists are written out; what only looks like something stays itself."""
    view = view_values(field, [value], label)
    expected = "The purpose billing, Yes, 1.5, Fibre 500" if text is None else text
    assert view.text == expected


def with_everything(house: House) -> PersonId:
    """A customer with a card, an invoice and a message."""
    person = house.customer(phone="+14255550142")

    def work(transaction: GateTransaction) -> None:
        cards.store_card(transaction, person, Card("tok-1", "4242", "Visa", "2029-12"))
        owing(transaction, person)

    house.do(work)
    return person


def test_no_page_shows_json(house: House) -> None:
    """Neither what we hold, nor the page of a copy, nor a case of our staff has JSON in it."""
    person = with_everything(house)
    browser = house.signed_in(person)
    page = browser.get("/me/privacy?show=all").text
    copy = send(browser, "/me/privacy/export", {})
    with zipfile.ZipFile(io.BytesIO(copy.content)) as archive:
        readable = archive.read("read-me.html").decode()
        assert not JSON.search(archive.read("values.csv").decode().replace('""', '"'))

    def take(transaction: GateTransaction) -> str:
        return tasks.open_task(transaction, person, "help", "billing", role="billing")

    task = house.do(take)
    desk = house.signed_in(house.staff("billing"), "staff")
    send(desk, f"/staff/tasks/{task}/take", {}, f"/staff/tasks/{task}")
    form = {"field": ["payment-history", "transaction", "balance"]}
    case = send(desk, f"/staff/tasks/{task}/reveal", form, f"/staff/tasks/{task}").text
    for text in (page, readable, case):
        assert "$45.90" in text
        assert not JSON.search(re.sub(r"(?s)<style>.*?</style>|<[^>]*>", "", text))
    for text in (page, readable):
        assert "Visa ending in 4242, valid through December 2029" in text
        assert "1 February 1990" in text
        assert "tok-1" not in text


def test_a_value_that_is_worked_out_is_not_corrected_and_nothing_erases_all(house: House) -> None:
    """Beside a value stands what can be done with that value; erasing all is said once, as such."""
    page = house.signed_in(with_everything(house)).get("/me/privacy").text
    actions = dict(re.findall(r'correct\?field=([\w-]+)">([^<]+)', page))
    assert actions["phone"] == actions["name"] == "Correct"
    assert actions["balance"] == actions["birth-date"] == "Report a mistake in"
    assert page.count('href="/me/privacy/erase"') == 1
    assert "erase your account" in page
