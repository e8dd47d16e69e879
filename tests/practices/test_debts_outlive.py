"""Debts outlive an erasure with a way to pay, and what is kept serves them and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from practices.bills import PROCESSOR, address, engage, history, invoiced, job, later, order
from practices.bills import staff as desk
from practices.conftest import House, send
from practices.test_erased import anywhere
from practices.test_payment import typed_amount
from practices.without import without
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.erase import certificates, erase
from upheld.gate.erasure.retention import retire
from upheld.gate.operations.selfcheck import selfcheck
from upheld.gate.transaction import GateTransaction
from upheld.practice import outbox
from upheld.practices.billing.link_pages import PAY
from upheld.practices.messages.compose import compose
from upheld.practices.rights import erasure

DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
KEY = re.compile(r'name="key" value="([0-9a-f]{32})"')
NUMBER = "4242424242424242"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def erased(house: House, person: PersonId) -> None:
    """Let somebody ask for erasure, and carry it out when its days are over."""
    assert not isinstance(
        house.do(lambda transaction: erasure.request(transaction, person)), Refused
    )
    house.clock.moved += timedelta(days=4)
    assert job(house, "erasures") == 1


def debtor(house: House) -> PersonId:
    """Somebody who was erased while an invoice that is not due yet was open."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person, "fibre-500")
    erased(house, person)
    return person


def page_of(house: House, person: PersonId) -> str:
    """The address that somebody has in a message."""
    return f"/pay/{house.provider.seal_link(PAY, person)}"


def give_card(browser: TestClient, page: str) -> str:
    """Give a card on the processor's page; what leads back names it."""
    there = browser.post(f"{page}/card").headers["location"]
    answer = browser.post(there, data={"number": NUMBER, "expiry": "12/49"})
    back: str = answer.headers["location"]
    return back.partition("?card=")[2]


@DATABASES
def test_an_invoice_not_yet_due_outlives_an_erasure_and_is_paid_without_an_account(
    house: House,
) -> None:
    """The certificate says what is kept and until when; once it is paid, nothing is left."""
    person = debtor(house)
    amount_due = history(house, person).balance
    assert amount_due > 0
    (certificate,) = certificates(house.provider.gate.gate, person)
    (holding,) = certificate.kept
    assert holding.grounds == ("account-unsettled",)
    assert holding.until
    browser, page = house.browser(), page_of(house, person)
    page_text = browser.get(page).text
    assert f"${typed_amount(amount_due)} is open" in page_text
    assert "marked" not in page_text.lower()
    once = give_card(browser, page)
    form = browser.get(page, params={"card": once}).text
    match = KEY.search(form)
    assert match
    data = {"key": match[1], "card": once, "amount": typed_amount(amount_due)}
    assert (
        browser.post(page, data={**data, "amount": typed_amount(amount_due + 1)}).status_code == 422
    )
    answers = [browser.post(page, data=data) for _ in range(3)]
    assert {each.status_code for each in answers} == {303}
    assert "Nothing is open any more" in browser.get(answers[0].headers["location"]).text
    assert history(house, person).balance == 0
    retire(house.provider.gate.gate)
    assert (
        house.do(
            lambda transaction: rows(
                transaction.connection, "SELECT 1 FROM person WHERE person_id = ?", person
            )
        )
        == []
    )
    assert "Nothing is open" in browser.get(page).text
    gate = house.provider.gate.gate
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()


def test_erasure_sheds_no_bill_of_the_present_month(house: House) -> None:
    """What was used up to the day of erasure is billed before it, and what is had ends."""
    person = house.customer()
    later(house, 32 - house.clock.now().day)  # the second or later of a month
    order(house, person, "fibre-500")
    later(house, 3)
    erased(house, person)
    result = history(house, person)
    assert len(result.invoices) >= 1
    assert 0 < result.balance < 5990
    before = result.balance
    for _ in range(3):
        later(house, 31)
        job(house, "invoices")
    assert history(house, person).balance == before


def test_a_command_erases_no_debt_either(house: House) -> None:
    """Whoever is erased without having asked in the portal owes what they used all the same."""
    person = house.customer()
    order(house, person, "fibre-500")
    later(house, 3)
    erase(house.provider.gate.gate, [person], now=True)
    assert history(house, person).balance > 0


def test_nothing_is_left_of_whoever_owes_nothing(house: House) -> None:
    """Without a service or an open invoice everything goes at once."""
    person = house.customer()
    erased(house, person)
    assert anywhere(house, person) == set()


def test_what_is_kept_serves_nothing_else(house: House) -> None:
    """No newsletter, no support, no look of the desk; collecting and billing go on."""
    person = debtor(house)

    def may(**act: object) -> bool:
        request = Act(**act)  # type: ignore[arg-type]  # words of the vocabulary
        return house.do(lambda transaction: transaction.peek(person, request)).allowed

    def task(transaction: GateTransaction) -> None:
        transaction.record(
            person,
            "task",
            fact="staff-need",
            party="sam",
            about={"data": ["name"], "purpose": ["support"]},
        )

    house.do(task)
    for purpose in ("newsletter", "service-announcement", "offers"):
        queue = partial(outbox.queue, person_id=person, template="x/y", purpose=purpose)
        assert isinstance(house.do(queue), Refused)
        assert not may(action="use", data=("email",), purpose=purpose)
    for purpose in ("support", "advertising", "research", "service-provision"):
        assert not may(action="use", data=("name",), purpose=purpose)
    assert not may(action="view", data=("name",), actor="staff", purpose="support", party="sam")
    assert may(action="use", data=("name", "email"), purpose="billing")
    assert may(action="use", data=("email",), purpose="administrative-message")
    assert may(action="contact", purpose="administrative-message")


def test_whoever_is_erased_gets_an_address_to_pay_at(house: House) -> None:
    """The message leads to a page that works without signing in, and so does each reminder."""
    person = debtor(house)
    queued = house.do(
        lambda transaction: rows(
            transaction.connection, "SELECT template FROM outbox WHERE person_id = ?", person
        )
    )
    assert queued == [("billing/erased",)]

    def made(transaction: GateTransaction, template: str, words: dict[str, str]) -> str:
        return compose(
            house.provider, transaction.tables, template, person, "Ann", words, lambda _: True
        ).text

    words = {"number": "2026-1001", "due": "2026-11-30", "which": "reminded", "erased": "yes"}
    for template in ("billing/erased", "billing/reminder"):
        text = house.do(lambda transaction, name=template: made(transaction, name, words))  # type: ignore[misc] # mypy knows no lambda's default
        match = re.search(r"/pay/[\w-]+", text)
        assert match
        assert "is open" in house.browser().get(match[0]).text
        assert person not in match[0]


@DATABASES
def test_staff_book_what_came_in_by_its_reference(house: House) -> None:
    """Each reference once, no more than is open; then nothing is left of who was erased."""
    person = debtor(house)
    open_ = history(house, person).invoices[-1]
    amount_due = history(house, person).balance
    browser, page = desk(house), "/staff/payments"
    data = {
        "number": open_.number,
        "how": "bank transfer",
        "reference": "S-17",
        "amount": typed_amount(amount_due - 100),
    }
    wrong = (
        {"number": "2020-1"},
        {"amount": typed_amount(amount_due + 1)},
        {"amount": "0"},
        {"how": "barter"},
        {"reference": ""},
        {"how": "refund"},
    )
    for bad in wrong:
        assert send(browser, page, {**data, **bad}).status_code == 422, bad
    assert send(browser, page, data).status_code == 303
    assert send(browser, page, data).status_code == 422
    assert history(house, person).balance == 100
    rest = {**data, "reference": "S-18", "amount": "1.00"}
    assert send(browser, page, rest).status_code == 303
    assert history(house, person).balance == 0
    retire(house.provider.gate.gate)
    assert (
        house.do(
            lambda transaction: rows(
                transaction.connection, "SELECT 1 FROM person WHERE person_id = ?", person
            )
        )
        == []
    )
    assert send(desk(house, role="support"), page, data, "/staff").status_code == 403


def test_a_debt_expires_on_the_day_that_the_certificate_says(house: House) -> None:
    """Seven years after the erasure what nobody paid goes too, and not before."""
    person = debtor(house)
    gate = house.provider.gate.gate
    later(house, 7 * 365 - 5)
    retire(gate)
    assert history(house, person).balance > 0
    later(house, 10)
    retire(gate)
    retire(gate)
    assert (
        house.do(
            lambda transaction: rows(
                transaction.connection, "SELECT 1 FROM person WHERE person_id = ?", person
            )
        )
        == []
    )
    assert selfcheck(gate.engine, gate.context.keyring).problems == ()


def test_an_address_that_we_did_not_make_leads_nowhere(house: House) -> None:
    """Neither made up, changed, of another kind nor anything else."""
    person = debtor(house)
    page = page_of(house, person)
    browser = house.browser()
    other = house.provider.seal_link("other", person)
    for bad in (page[:-2], page + "A", f"/pay/{other}", "/pay/x", "/pay/%00", f"/pay/{person}"):
        for path in (bad, f"{bad}/card", f"{bad}/done/{'0' * 32}"):
            assert browser.get(path).status_code == 404, path
        assert browser.post(bad, data={"key": "0" * 32}).status_code in {400, 404}
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://other.example"}
    assert browser.post(page, data={"key": "0" * 32}, headers=foreign).status_code == 403


def _used_for_all(house: House) -> bool:
    person = debtor(house)
    use = Act(action="use", data=("email",), purpose="newsletter")
    return house.do(lambda transaction: transaction.peek(person, use)).allowed


RESTS_ON: dict[str, Callable[[House], bool]] = {"kept-alone": _used_for_all}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_each_clause_carries_its_story(clause: str, open_house: Callable[..., House]) -> None:
    """Without the clause, what it forbids would happen."""
    assert RESTS_ON[clause](open_house(without(clause)))
