"""Invoices of advertisers: what they are of, who reads them, and how one is corrected."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import count
from operator import itemgetter

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practices.ads import advertiser, booked, invoice_to, reported, review
from practices.conftest import House, send
from upheld.practice import parties
from upheld.practices.ads import ad_reports, invoices
from upheld.practices.ads.campaigns import AdError

MONTH = "2026-02"  # the one before a story
MONTHS = ("2026-01", MONTH, "2026-03", "2026-04")
NAMES = count()


def rows(house: House) -> list[tuple[int, int, int]]:
    """Every document, the first one first: its number, what it corrects, and its cents."""
    every = house.do(lambda t: invoices.every(t.tables))
    return [(each.number, each.corrects, each.cents) for each in reversed(every)]


def test_a_month_that_is_over_is_invoiced_once_by_what_was_reported(house: House) -> None:
    """Twenty at once issue one; what is reported later comes with another; no number is missing."""
    its = review(house, booked(house, advertiser(house), views_max=5_000, cents=1_250))
    reported(house, its, (f"{MONTH}-27", 1_400), (f"{MONTH}-28", 800), ("2026-03-01", 1_000))
    gate = house.provider.gate.gate
    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(lambda _: invoices.issue_all(gate), range(20))) == 1
    assert rows(house) == [(1, 0, 2_500)]
    reported(house, its, (f"{MONTH}-26", 900))  # a day that could not be reported before
    assert invoices.issue_all(gate) == 1
    assert rows(house) == [(1, 0, 2_500), (2, 0, 1_250)]
    house.clock.moved += timedelta(days=30)
    assert invoices.issue_all(gate) == 1
    bills = house.do(
        lambda t: [b for m in (MONTH, "2026-03") for b in ad_reports.bills(t, m, its.party)]
    )
    assert sum(cents for _, _, cents in rows(house)) == sum(each.cents for each in bills)


def test_an_advertiser_reads_its_own_invoice_page_table_and_signed_text(house: House) -> None:
    """With the statement of how it was counted; another one's is not there, nor is a wrong one."""
    its = invoice_to(house, advertiser(house))
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    assert f"/advertiser/invoices/{its.number}" in agent.get("/advertiser/invoices").text
    page = agent.get(f"/advertiser/invoices/{its.number}").text
    for words in ("Invoice 1", "Spades", "2,000 views", "$25.00", "Pine Shop", "discrete Laplace"):
        assert words in page
    assert "epsilon 0.4" in page
    table = agent.get(f"/advertiser/invoices/{its.number}/table").text.splitlines()
    assert table[1].split(",")[:4] == ["1", MONTH, "", "Spades"]
    assert table[1].endswith("2,views,25.00")
    text, _, signature = agent.get(f"/advertiser/invoices/{its.number}/text").text.partition(
        "\nsignature: "
    )
    sealed, key = (base64.b64decode(each) for each in signature.split("\nkey: "))
    Ed25519PublicKey.from_public_bytes(key).verify(sealed, text.encode())
    assert "total: 25.00 dollars" in text
    other = house.do(lambda t: parties.add(t, "Elm Shop", "advertiser")).party
    eve = house.signed_in(house.staff(kind="agent", sign_in="eve", party=other), "agent")
    for number in (str(its.number), "0", "٣", "9" * 30, "1x", "-1"):
        assert eve.get(f"/advertiser/invoices/{number}").status_code == 404
    assert f"/{its.number}" not in eve.get("/advertiser/invoices").text


def test_an_invoice_is_corrected_by_documents_of_their_own_up_to_its_amount(house: House) -> None:
    """Its advertiser reads why; at twenty at once no more is taken off than it comes to."""
    its = invoice_to(house, advertiser(house))
    manager = house.signed_in(house.staff("manager"), "staff")
    path = f"/staff/ad-invoices/{its.number}"
    assert send(manager, path, {"cents": "25.01", "reason": "Too much"}).status_code == 409
    assert send(manager, path, {"cents": "5", "reason": "Shown <b>twice</b>"}).status_code == 303

    def take(_: int) -> bool:
        try:
            house.do(lambda t: invoices.correct(t, 1, 300, reason="Fault", actor="staff mo"))
        except AdError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(take, range(20))) == 6
    assert house.do(lambda t: invoices.left_of(t.tables, its)) == 200
    assert rows(house)[0] == (1, 0, 2_500)
    with pytest.raises(AdError, match="cannot be corrected"):
        house.do(lambda t: invoices.correct(t, 2, 1, reason="Fault", actor="staff mo"))
    agent = house.signed_in(house.staff(kind="agent", sign_in="pat", party=its.party), "agent")
    page = agent.get("/advertiser/invoices/2").text
    assert "Correction of invoice 1" in page
    assert "Shown &lt;b&gt;twice&lt;/b&gt;" in page
    assert "-$5.00" in page or "−$5.00" in page
    assert "After corrections" in agent.get("/advertiser/invoices/1").text


def test_an_advertiser_pays_for_no_more_than_it_booked_in_whichever_order_days_are_reported(
    house: House,
) -> None:
    """A day of an earlier month that is reported late moves thousands there, and adds none."""
    its = review(house, booked(house, advertiser(house), views_max=2_000, cents=1_250))
    reported(house, its, ("2026-03-01", 2_000))
    house.clock.moved += timedelta(days=30)
    gate = house.provider.gate.gate
    assert invoices.issue_all(gate) == 1
    reported(house, its, (f"{MONTH}-26", 1_000))
    assert invoices.issue_all(gate) == 0
    assert rows(house) == [(1, 0, 2_500)]


DAYS = st.dates(date(2026, 2, 1), date(2026, 4, 30)).map(str)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12
)
@given(st.lists(st.tuples(DAYS, st.integers(-3_000, 9_000)), max_size=8, unique_by=itemgetter(0)))
def test_no_bill_and_no_invoices_come_to_more_than_was_booked_whatever_noise_adds(
    house: House, days: list[tuple[str, int]]
) -> None:
    """In whichever order days are reported, and however often an invoice is issued between."""
    party = advertiser(house, f"Fir {next(NAMES)}")
    its = review(house, booked(house, party, views_max=4_000, cents=1_250))
    for day in [("2026-01-31", 0), *days]:
        reported(house, its, day)
        house.clock.moved += timedelta(days=13)
        house.do(invoices.issue)
        bills = house.do(lambda t: [b for m in MONTHS for b in ad_reports.bills(t, m, party)])
        invoiced = sum(each.cents for each in house.do(lambda t: invoices.every(t.tables, party)))
        assert sum(each.cents for each in bills) <= 4 * 1_250
        assert 0 <= invoiced <= 4 * 1_250


def test_a_form_that_corrects_an_invoice_counts_once(house: House) -> None:
    """Who sends it twice is told that something changed meanwhile."""
    its = invoice_to(house, advertiser(house))
    manager = house.signed_in(house.staff("manager"), "staff")
    path, form = f"/staff/ad-invoices/{its.number}", {"cents": "5", "reason": "Fault"}
    left = {"left": "2500"}
    assert 'name="left" value="2500"' in manager.get(path).text
    answers = [send(manager, path, {**form, **left}) for _ in range(2)]
    assert [each.status_code for each in answers] == [303, 409]
    assert "corrected meanwhile" in answers[1].text
    assert rows(house) == [(1, 0, 2_500), (2, 1, -500)]
    table = manager.get("/staff/ad-invoices/2/table").text
    assert table.splitlines()[-1].endswith(",-5.00")


def test_nothing_is_invoiced_of_a_month_that_is_not_over_or_of_no_full_thousand(
    house: House,
) -> None:
    """Nor of a campaign that costs nothing."""
    party = advertiser(house)
    its = review(house, booked(house, party, views_max=2_000, cents=1_250))
    free = review(house, booked(house, party))
    reported(house, free, (f"{MONTH}-28", 1_000))
    reported(house, its, (f"{MONTH}-28", 999), ("2026-03-01", 1_000))
    assert house.do(invoices.issue) == []
    manager = house.signed_in(house.staff("manager"), "staff")
    answer = send(manager, "/staff/ad-invoices", {})
    assert answer.status_code == 303
    assert "Nothing is due" in manager.get(answer.headers["location"]).text
