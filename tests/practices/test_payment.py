"""Paying by card: the number is given to the processor alone, and the balance falls once."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import upheld
from practices.bills import (
    PROCESSOR,
    address,
    card_page,
    engage,
    history,
    invoiced,
    job,
    with_card,
)
from practices.conftest import House, send
from practices.without import without
from upheld.database.statements import rows
from upheld.gate.public import REGISTER
from upheld.gate.transaction import GateTransaction
from upheld.practice import cards
from upheld.practice.cards import ChargeResult, ProcessorError
from upheld.practices.billing import practice as billing
from upheld.practices.billing import services
from upheld.practices.billing.payments import Payments
from upheld.practices.billing.sandbox import Sandbox

KEY = re.compile(r'name="key" value="([0-9a-f]{32})"')
HOSTILE = (
    "",
    "x" * 5_000,
    "<script>alert(1)</script>",
    "😀",
    "\u202e12.30",
    "-1",
    "0",
    "1e3",
    "12.345",
    "99999999",
    "½",
)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def form(browser: TestClient, **values: str) -> dict[str, str]:
    """What the page for paying holds, filled in."""
    match = KEY.search(browser.get("/me/payment", params={"card": values.get("card", "")}).text)
    return {"key": match[1] if match else "", "card": "", **values}


def pay(browser: TestClient, **values: str) -> str:
    """Pay, and look at what came of it."""
    answer = send(browser, "/me/payment", form(browser, **values))
    assert answer.status_code == 303, answer.text
    return browser.get(answer.headers["location"]).text


def typed_amount(cents: int) -> str:
    """An amount as somebody types it."""
    return f"{cents // 100}.{cents % 100:02}"


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_customer_pays_what_they_owe(house: House) -> None:
    """The balance falls by what was paid, the invoice is paid, and listeners hear of it once."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    number = invoiced(house, person)
    heard: list[str] = []
    house.provider.events.subscribe("payment-received", lambda _, who, __: heard.append(who))
    browser = with_card(house, person)
    amount_due = history(house, person).balance
    assert "You still owe" in pay(browser, amount=typed_amount(amount_due - 100))
    assert "You owe nothing any more" in pay(browser, amount="1.00")
    assert heard == [person, person]
    assert history(house, person).balance == 0
    page_text = browser.get("/me/balance").text
    assert "card ··4242" in page_text
    assert "paid" in page_text
    assert "This invoice is paid" in browser.get(f"/me/balance/{number}").text
    assert house.do(lambda transaction: cards.stored_card(transaction, person)) is not None


def test_the_processor_is_told_by_an_act_that_the_customer_sees(house: House) -> None:
    """One entry names the processor, the clause, name and card alone; another says it was done."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    pay(with_card(house, person), amount="5")
    acts = [line.entry for line in house.provider.gate.gate.entries(person)]
    (shared,) = [entry for entry in acts if entry.action == "share"]
    assert shared.recipient == f"payment-processor {PROCESSOR}"
    assert shared.data == ("name", "card")
    assert shared.clauses == ("collecting-charges",)
    assert [entry.recipient for entry in acts if entry.kind == "payment"] == [shared.recipient]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_a_form_that_is_sent_twice_pays_once(house: House) -> None:
    """A key leads to one payment, whatever amount comes with it the second time."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person)
    amount_due, data = history(house, person).balance, form(browser, amount="5")
    sent = [send(browser, "/me/payment", data) for _ in range(3)]
    sent.append(send(browser, "/me/payment", {**data, "amount": "7"}))
    assert "You paid $5.00 by card." in browser.get(sent[0].headers["location"]).text
    assert ["done=" in each.headers["location"] for each in sent] == [True, False, False, False]
    places = {each.headers["location"].partition("?")[0] for each in sent}
    assert len(places) == 1
    assert history(house, person).balance == amount_due - 500
    other = with_card(house, house.customer("bea@marked.example"))
    assert other.get(places.pop()).status_code == 404


class Killed(BaseException):
    """The process was killed."""


def send_killed(
    browser: TestClient, data: dict[str, str], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Send the form of a payment to a process that is killed before or after its charge."""
    charge = Payments.charge

    def killed(self: Payments, *args: object) -> ChargeResult:
        if when == "after":
            charge(self, *args)  # type: ignore[arg-type]  # passed on as they came
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Payments, "charge", killed)
        send(browser, "/me/payment", data)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_payment_that_is_killed_in_the_middle_is_made_once(
    house: House, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Killed before or after the charge, it is under way until the job ends it, and taken once."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person)
    amount_due, data = history(house, person).balance, form(browser, amount="5")
    send_killed(browser, data, monkeypatch, when)
    assert "under way" in browser.get(f"/me/payment/done/{data['key']}").text
    assert history(house, person).balance == amount_due
    assert job(house, "interrupted payments") == 0  # not yet: it may still be at work
    house.clock.moved += timedelta(minutes=20)
    assert job(house, "interrupted payments") == 1
    assert job(house, "interrupted payments") == 0
    assert send(browser, "/me/payment", data).status_code == 303
    assert history(house, person).balance == amount_due - 500
    charges = house.do(
        lambda transaction: rows(transaction.connection, "SELECT state FROM sandbox_charge")
    )
    assert charges == [("paid",)]
    sealed = house.do(
        lambda transaction: rows(transaction.connection, "SELECT sealed FROM payment_intent")
    )
    assert sealed == [(None,)]


def test_what_was_interrupted_is_not_taken_up_when_it_may_not(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the processor is no longer engaged, a payment that was never charged is given up."""
    engaged = engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person)
    amount_due, data = history(house, person).balance, form(browser, amount="5")

    def killed(*_: object) -> ChargeResult:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Payments, "charge", killed)
        send(browser, "/me/payment", data)
    house.do(lambda transaction: transaction.withdraw(REGISTER, engaged))
    house.clock.moved += timedelta(minutes=20)
    assert job(house, "interrupted payments") == 1
    assert "could not be taken up again" in browser.get(f"/me/payment/done/{data['key']}").text
    assert history(house, person).balance == amount_due


def test_a_declined_card_takes_nothing(house: House) -> None:
    """The balance stays, the page says so, and another try has a key of its own."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person, "4000 0000 0000 0002")
    amount_due = history(house, person).balance
    assert "Your card was declined" in pay(browser, amount="5")
    assert history(house, person).balance == amount_due
    browser = with_card(house, person)
    assert "You still owe" in pay(browser, amount="5")


def test_nobody_is_told_who_is_not_engaged(house: House) -> None:
    """Without an engagement in force nothing is shared or paid, and the page says why."""
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person)
    amount_due = history(house, person).balance
    answer = send(browser, "/me/payment", form(browser, amount="5"))
    assert answer.status_code == 403
    assert 'href="/privacy#collecting-charges"' in answer.text
    assert history(house, person).balance == amount_due


def test_whoever_has_no_service_pays_without_leaving_a_card(house: House) -> None:
    """Once the last service has ended no card is kept, and what is owed can still be paid."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)

    def end_all(transaction: GateTransaction) -> None:
        services.end(transaction, person, "dsl")
        table_content = rows(
            transaction.connection,
            "SELECT record_id FROM record WHERE kind = 'service-order'"
            " AND person_id = ? AND ends IS NULL",
            person,
        )
        for (record,) in table_content:
            transaction.withdraw(person, record, ended=True)

    house.do(end_all)
    browser = house.signed_in(person)
    page = card_page(browser)
    response = browser.post(page, data={"number": "4242424242424242", "expiry": "01/40"})
    back = response.headers["location"]
    assert send(browser, back, {}).status_code == 403
    amount_due = history(house, person).balance
    assert "You still owe" in pay(browser, amount="5", card=back.rsplit("/", 1)[1])
    assert history(house, person).balance == amount_due - 500
    assert house.do(lambda transaction: cards.stored_card(transaction, person)) is None


def test_a_card_is_of_whoever_was_led_to_the_page(house: House) -> None:
    """Nobody else can keep it, pay with it or see it, and a made-up reference is nobody's."""
    mine = house.signed_in(house.customer())
    page = card_page(mine)
    back = mine.post(page, data={"number": "5555555555554444", "expiry": "12/49"}).headers[
        "location"
    ]
    assert "Mastercard ending in 4444" in mine.get(back).text
    other = house.signed_in(house.customer("bea@marked.example"))
    assert other.get(back).status_code == 404
    assert send(other, back, {}, "/me/payment").status_code == 404
    for bad in ("0" * 64, "x", back.rsplit("/", 1)[1][:-1] + "g"):
        assert mine.get(f"/me/payment/card/{bad}").status_code == 404
        assert mine.get("/me/payment", params={"card": bad}).status_code == 404


class Elsewhere(Sandbox):
    """A processor whose pages stand at an address of its own; sometimes it cannot be reached."""

    party, origin, away = "elsewhere-payments", "https://cards.example", False

    def card_page(self, reference: str, back: str) -> str:
        """The address of its page."""
        if self.away:
            raise ProcessorError("no answer", code="processor", hint="")
        return f"{self.origin}{super().card_page(reference, back)}"


def test_only_the_page_that_leads_to_a_processor_elsewhere_lets_its_form_lead_there(
    open_house: Callable[[upheld.Policy], House],
    sample: upheld.Policy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Looking begins nothing there; the button leads on, and other pages lead nowhere else."""
    monkeypatch.setattr(billing, "Sandbox", Elsewhere)
    house = open_house(sample)
    own = "form-action 'self';"
    browser = house.signed_in(house.customer())
    page_shown = browser.get("/me/payment/card")
    assert "Elsewhere Payments" in page_shown.text
    allowed = f"form-action 'self' {Elsewhere.origin};"
    assert allowed in page_shown.headers["content-security-policy"]
    assert own in browser.get("/me/payment").headers["content-security-policy"]
    assert (
        house.do(lambda transaction: rows(transaction.connection, "SELECT * FROM sandbox_card"))
        == []
    )
    assert card_page(browser).startswith(f"{Elsewhere.origin}/sandbox/card/")
    monkeypatch.setattr(Elsewhere, "away", True)
    answer = send(browser, "/me/payment/card", {})
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text


def test_no_number_of_a_card_is_kept_anywhere(house: House, tmp_path: Path) -> None:
    """The sandbox's page alone takes it; the database holds no number, token or brand."""
    person = house.customer()
    browser = with_card(house, person)
    assert "4242424242424242" not in browser.get("/me/payment").text
    values = b"".join(path.read_bytes() for path in tmp_path.glob("upheld.db*"))
    assert b"4242424242424242" not in values
    assert b"tok-" not in values
    assert b"Visa" not in values


def test_forms_of_paying_take_amounts_and_nothing_else(house: House) -> None:
    """Anything else is answered by the form again, and a key that we did not make by a refusal."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person)
    for bad in (*HOSTILE, "9999.99"):
        answer = send(browser, "/me/payment", form(browser, amount=bad))
        assert answer.status_code == 422, bad
        assert "<script>alert" not in answer.text
    for bad in ("", "x", "A" * 32, "<script>"):
        data = {**form(browser, amount="5"), "key": bad}
        assert send(browser, "/me/payment", data).status_code == 400
    assert browser.post("/me/payment", data={"amount": "5"}).status_code == 403
    page = card_page(browser)
    good = "4242424242424242"
    for number, expiry in (
        ("4111111111111111", "12/49"),
        ("", ""),
        (good, "13/49"),
        ("<b>", "½/½"),
        (good, "12/4"),
        ("😀" * 40, "1" * 50),
    ):
        answer = browser.post(page, data={"number": number, "expiry": expiry})
        assert answer.status_code == 422, (number, expiry)
    assert browser.get("/sandbox/card/nothing").status_code == 404
    assert browser.post("/sandbox/card/nothing", data={}).status_code == 404


def test_a_customer_without_a_card_is_asked_for_one_first(house: House) -> None:
    """The page offers no amount to be paid, and one that is sent anyway is not taken."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = house.signed_in(person)
    assert "Give a card" in browser.get("/me/payment").text
    answer = send(browser, "/me/payment", {"key": "0" * 32, "card": "", "amount": "5"}, "/me")
    assert answer.status_code == 422


def test_the_sandbox_forgets_cards_after_an_hour(house: House) -> None:
    """A card that nobody fetched in time is gone when the next page is made."""
    person = house.customer()
    browser = house.signed_in(person)
    page = card_page(browser)
    house.clock.moved += timedelta(hours=2)
    card_page(house.signed_in(person))
    assert browser.get(page).status_code == 404
    assert Sandbox(house.provider).charge_result("none") is None


def _no_payment(house: House) -> bool:
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    browser = with_card(house, person)
    answer = send(browser, "/me/payment", form(browser, amount="5"))
    return answer.status_code == 403 and history(house, person).payments == ()


RESTS_ON: dict[str, Callable[[House], bool]] = {"collecting-charges": _no_payment}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_each_clause_carries_its_story(clause: str, open_house: Callable[..., House]) -> None:
    """Without the clause, the act that rests on it is refused."""
    assert RESTS_ON[clause](open_house(without(clause)))
