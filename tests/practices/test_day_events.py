"""What happened, day by day: a customer reads visits, purchases, payments and use on one page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from html import unescape
from typing import Final

import pytest

import upheld
from practices.conftest import House
from practices.test_day_counts import keep, tied
from practices.test_guardians import family
from practices.test_partner_transactions import partner, row, take
from practices.without import without
from upheld.core.ids import PersonId
from upheld.gate.act.options import StoreOptions
from upheld.policy.load import Policy
from upheld.practices.billing import books, usage
from upheld.practices.billing.books import Invoice, Payment
from upheld.practices.billing.usage import UsageRow, note_usage
from upheld.practices.collection.ties import tie
from upheld.web import sessions

PAGE = "/me/privacy/visits"
BILLED: Final[StoreOptions] = {
    "source": "customer",
    "occasion": "service-use",
    "purpose": "billing",
}
KINDS = ("Visits", "Transactions", "Use of services")


def text_of(house: House, person: PersonId, query: str = "") -> str:
    """The words of the page, as somebody reads them."""
    page = house.signed_in(person, "customer").get(f"{PAGE}{query}")
    assert page.status_code == 200
    return unescape(re.sub(r"<[^>]+>", " ", page.text))


def headings(house: House, person: PersonId) -> list[str]:
    """The days and the kinds under each, in their order."""
    page = house.signed_in(person, "customer").get(PAGE).text
    return re.findall(r"<h[23][^>]*>([^<]+)</h", page.partition("Browsers that are")[0])


def pay(house: House, person: PersonId, day: date) -> None:
    """An invoice of somebody, and that they paid it."""
    rows = [
        Invoice("L-7", day, day + timedelta(days=30), 4_000),
        Payment(day, 4_000, "r", "card", (("L-7", 4_000),)),
    ]
    encoded = [books.encode_row(each) for each in rows]
    house.do(lambda t: t.append(person, books.TRANSACTION, encoded, **BILLED))


def test_one_page_has_all_kinds_by_day_and_nobody_elses(house: House) -> None:
    """The latest day first, its kinds one after another; another customer reads nothing of it."""
    ann, bo = tied(house, "ann@marked.example", b"ann"), tied(house, "bo@marked.example", b"bo")
    partner(house)
    keep(house, ("/plans", "192.0.2.7", b"ann"), days_ago=1)
    take(house, row("ann@marked.example", what="A <b>boat</b> & *oar*"))
    house.do(partial(note_usage, person_id=ann, rows=[UsageRow("2026-02", "internet", 12.34, 5)]))
    pay(house, ann, house.clock.today() - timedelta(days=1))
    text = text_of(house, ann)
    for words in (
        "You opened /plans once",
        "You bought something from Spruce Point, for 12.50 USD: A <b>boat</b> & *oar*.",
        "We sent you invoice L-7, of $40.00.",
        "You paid $40.00.",
        "We counted what you used in February 2026 of",
        "12.3 gigabytes in 5 hours.",
    ):
        assert words in " ".join(text.split())
    days = [each for each in headings(house, ann) if each not in KINDS]
    assert days == ["11 March 2026", "10 March 2026", "2 March 2026"]
    assert headings(house, ann)[:5] == [
        days[0],
        "Use of services",
        days[1],
        "Visits",
        "Transactions",
    ]
    other = text_of(house, bo)
    assert "There is nothing." in other
    assert "boat" not in other


def test_what_the_policy_does_not_let_them_see_is_left_out_and_the_rest_is_there(
    open_house: Callable[[Policy], House], sample: upheld.Policy
) -> None:
    """Without the clause of transactions none of them is kept, and visits are read as ever."""
    house = open_house(sample)
    ann = tied(house, "ann@marked.example", b"ann")
    partner(house)
    keep(house, ("/plans", "192.0.2.7", b"ann"))
    take(house, row("ann@marked.example"))
    assert "A marked boat" in text_of(house, ann)
    house = open_house(without("own-view"))
    page = house.signed_in(ann, "customer").get(PAGE)
    assert page.status_code == 403
    assert "boat" not in page.text
    assert "/plans<" not in page.text


def test_days_go_on_a_week_at_a_time_and_none_is_told_twice(house: House) -> None:
    """Days with visits and days with something else alone are counted alike."""
    ann = tied(house, "ann@marked.example", b"ann")
    partner(house)
    first = house.clock.today()
    for ago in range(0, 20, 2):
        keep(house, (f"/v{ago}", "192.0.2.7", b"ann"), days_ago=ago)
    bought = [
        row(
            "ann@marked.example",
            f"R{ago}",
            date=f"{first - timedelta(days=ago)}",
            what=f"thing-{ago}.",
        )
        for ago in range(1, 20, 2)
    ]
    take(house, *bought)
    browser, path, seen = house.signed_in(ann, "customer"), PAGE, []
    for _ in range(4):
        page = browser.get(path).text
        seen += [int(ago) for ago in re.findall(r"(?:/v|thing-)([0-9]+)[.<]", page)]
        link = re.search(rf'href="({PAGE}\?before=[0-9-]+)"', page)
        if link is None:
            break
        path = link[1]
    assert seen == list(range(20))


def test_a_row_that_cannot_be_read_is_said_and_hides_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program wrote it: the page names no value, and the rest is there."""
    ann = tied(house, "ann@marked.example", b"ann")
    keep(house, ("/plans", "192.0.2.7", b"ann"))
    with monkeypatch.context() as patch:
        patch.setattr(usage, "encode_row", lambda _: '{"marked": "nonsense"}')
        fields = house.provider.gate.gate.context.fields
        patch.setattr(fields, "normalise_all", lambda values, _: values)
        house.do(partial(note_usage, person_id=ann, rows=[UsageRow("2026-02", "tv", 1, 2)]))
    text = text_of(house, ann)
    assert "You opened /plans once" in " ".join(text.split())
    assert "cannot be read" in text
    assert "nonsense" not in text


def test_a_minor_reads_their_own_days_and_their_guardian_the_use_alone(house: House) -> None:
    """The guardian's page says what was used, and no page that the minor opened."""
    guardian, minor, browser = family(house)
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", minor, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, b"kim"))
    keep(house, ("/plans", "192.0.2.7", b"kim"), days_ago=0)
    house.do(partial(note_usage, person_id=minor, rows=[UsageRow("2026-02", "tv", 12.34, 5)]))
    own = " ".join(unescape(re.sub(r"<[^>]+>", " ", browser.get(PAGE).text)).split())
    assert "You opened /plans once" in own
    assert "12.3 gigabytes in 5 hours" in own
    parent = house.signed_in(guardian)
    theirs = parent.get(f"/me/family/{minor}").text
    assert "12.3" in theirs
    assert "/plans" not in theirs
    assert "/plans" not in parent.get(PAGE).text.partition("<main")[2]
