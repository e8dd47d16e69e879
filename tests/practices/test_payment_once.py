"""One payment at a time: whatever is sent at once, or killed on the way, is paid once."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import httpx2
import pytest

from practices.bills import PROCESSOR, address, engage, history, invoiced, job, with_card
from practices.conftest import PAGE, House, send
from practices.test_consequences import hidden
from practices.test_payment import Killed, form, send_killed, typed_amount
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.gate.evidence.field_values import FieldValues
from upheld.gate.public import REGISTER
from upheld.gate.transaction import GateTransaction
from upheld.practice.cards import ChargeResult, ProcessorError
from upheld.practices.billing.payments import Payments

DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
AT_ONCE = 20


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def owes(house: House) -> PersonId:
    """Somebody who owes, with the processor engaged."""
    engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    return person


def charges(house: House) -> list[str]:
    """What came of each charge that the processor made."""
    result = house.do(
        lambda transaction: rows(transaction.connection, "SELECT state FROM sandbox_charge")
    )
    return [state for (state,) in result]


def kill(
    house: House, person: PersonId, monkeypatch: pytest.MonkeyPatch, when: str
) -> dict[str, str]:
    """Let a payment of everything be killed before or after its charge; its form."""
    browser = with_card(house, person)
    data = form(browser, amount=typed_amount(history(house, person).balance))
    send_killed(browser, data, monkeypatch, when)
    return data


@DATABASES
def test_twenty_forms_at_once_with_keys_of_their_own_pay_once(house: House) -> None:
    """One of them books what is open; the others find it under way, or nothing open any more."""
    person = owes(house)
    browser = with_card(house, person)
    data = form(browser, amount=typed_amount(history(house, person).balance))
    token = send(browser, "/me/payment", {**data, "amount": "x"}).request.content.decode()
    token = token.partition("_token=")[2].partition("&")[0]
    forms = [
        hidden(
            browser.post(
                "/me/payment", data={**data, "_token": token, "key": secrets.token_hex(16)}
            )
        )
        for _ in range(AT_ONCE)
    ]

    async def all_at_once() -> list[int]:
        transport = httpx2.ASGITransport(app=house.app)
        async with httpx2.AsyncClient(
            transport=transport,
            base_url="http://testserver",
            headers=PAGE,
            cookies=dict(browser.cookies),
        ) as client:
            responses = [client.post("/me/payment", data=each) for each in forms]
            return [answer.status_code for answer in await asyncio.gather(*responses)]

    with ThreadPoolExecutor(1) as apart:  # a browser's loop may run in this thread
        statuses = apart.submit(lambda: asyncio.run(all_at_once())).result()
    assert sorted(set(statuses) - {409, 422}) == [303], statuses
    assert statuses.count(303) == 1
    assert charges(house) == ["paid"]
    assert history(house, person).balance == 0
    assert len(history(house, person).payments) == 1


@DATABASES
@pytest.mark.parametrize("when", ["before", "after"])
def test_nothing_is_begun_beside_a_payment_that_was_killed(
    house: House, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """Another form finds it under way; the job ends it under its own key, and it is paid once."""
    person = owes(house)
    value = kill(house, person, monkeypatch, when)
    browser = house.signed_in(person)
    page_text = browser.get("/me/payment").text
    assert "A payment is under way" in page_text
    assert "<button>Pay</button>" not in page_text
    other = send(browser, "/me/payment", {**value, "key": secrets.token_hex(16)})
    assert other.status_code == 409
    assert value["key"] in other.text
    assert history(house, person).payments == ()
    house.clock.moved += timedelta(minutes=20)
    assert job(house, "interrupted payments") == 1
    assert charges(house) == ["paid"]
    assert history(house, person).balance == 0
    assert "under way" not in house.signed_in(person).get("/me/payment").text


def test_an_amount_above_what_is_open_is_refused_where_it_is_begun(house: House) -> None:
    """It is looked at in the transaction that begins the payment, whatever a page showed."""
    person = owes(house)
    with_card(house, person)
    (run,) = [each.run for each in house.provider.jobs if each.name == "interrupted payments"]
    payments = Payments(house.provider, run.__self__.processor)  # type: ignore[attr-defined]  # the job's own payments
    amount_due = history(house, person).balance

    def begin(transaction: GateTransaction) -> object:
        return payments.begin(transaction, person, "0" * 32, amount_due + 1, "", "")

    assert "more than you owe" in str(house.do(begin))
    assert house.do(lambda transaction: payments.under_way(transaction, person)) is None


def test_a_processor_that_does_not_answer_is_asked_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The payment stays under way, others go on, and what had been charged is booked in the end."""
    person = owes(house)
    browser = with_card(house, person)
    data = form(browser, amount="1")
    charge = Payments.charge

    def unheard(self: Payments, *args: object) -> ChargeResult:
        charge(self, *args)  # type: ignore[arg-type]  # passed on as they came
        raise ProcessorError("no answer", code="processor")

    with monkeypatch.context() as patch:
        patch.setattr(Payments, "charge", unheard)
        answer = send(browser, "/me/payment", data)
    assert "under way" in browser.get(answer.headers["location"]).text
    house.clock.moved += timedelta(minutes=20)
    with monkeypatch.context() as patch:
        patch.setattr("upheld.practices.billing.sandbox.Sandbox.charge_result", _no_answer)
        assert job(house, "interrupted payments") == 0
    assert job(house, "interrupted payments") == 1
    assert charges(house) == ["paid"]
    assert [each.cents for each in history(house, person).payments] == [100]


def _no_answer(*_: object) -> ChargeResult:
    raise ProcessorError("no answer", code="processor")


def test_a_charge_that_came_in_after_its_payment_was_given_up_is_booked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever paid is owed the booking, though the processor was no longer engaged in between."""
    engaged = engage(house, PROCESSOR, "payment-processor")
    person = house.customer()
    invoiced(house, person)
    late: list[tuple[Payments, tuple[object, ...]]] = []

    def killed(self: Payments, *args: object) -> ChargeResult:
        late.append((self, args))
        raise Killed

    charge = Payments.charge
    browser = with_card(house, person)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Payments, "charge", killed)
        send(browser, "/me/payment", form(browser, amount="1"))
    house.do(lambda transaction: transaction.withdraw(REGISTER, engaged))
    house.clock.moved += timedelta(minutes=20)
    job(house, "interrupted payments")
    assert history(house, person).payments == ()
    payments, args = late[0]
    charge(payments, *args)  # type: ignore[arg-type]  # the call that was on its way
    assert job(house, "interrupted payments") == 1
    assert job(house, "interrupted payments") == 0
    assert [each.cents for each in history(house, person).payments] == [100]


ODD = ("4242 4242 4242 4242", "{}", "[]", "null", "\N{SNOWMAN}", '{"token": 1}')


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_value_gets_a_page_that_says_so(
    house: House, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Card, transactions, services, usage and messages that no form of ours wrote break no page."""
    monkeypatch.setattr(FieldValues, "normalise", as_it_is)
    person = house.customer()

    def bring(transaction: GateTransaction) -> None:
        for field in ("card", "transaction", "services", "usage", "messages"):
            transaction.bring(person, {field: odd})

    house.do(bring)
    browser = house.signed_in(person)
    for page in ("/me/balance", "/me/services", "/me/usage", "/me/messages", "/me/payment"):
        answer = browser.get(page)
        assert answer.status_code == 409, page
        assert "We cannot show this page" in answer.text
    for page in ("/me", "/me/privacy", "/me/privacy?show=all", "/me/privacy/correct"):
        assert browser.get(page).status_code == 200, page
    assert browser.get("/me/privacy/erase").status_code in {200, 409}
    assert send(browser, "/me/privacy/export", {}).status_code in {200, 404, 405}


def as_it_is(_: FieldValues, _field: str, value: str, _today: date) -> str:
    """A value as an earlier upheld kept it, which read none."""
    return value


def test_an_odd_card_can_be_given_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says that it cannot be read, and the processor's page puts another in its place."""
    person = owes(house)
    with monkeypatch.context() as earlier:
        earlier.setattr(FieldValues, "normalise", as_it_is)
        house.do(lambda transaction: transaction.bring(person, {"card": "4242 4242 4242 4242"}))
    page_text = house.signed_in(person).get("/me/payment").text
    assert "cannot be read" in page_text
    assert "4242 4242" not in page_text
    assert "Visa ending in 4242" in with_card(house, person).get("/me/payment").text


def test_a_card_is_not_corrected_by_a_form(house: House) -> None:
    """Neither any text nor another's token: the page points to the processor's."""
    person = house.customer()
    browser = with_card(house, person)
    page = "/me/privacy/correct?field=card"
    assert 'href="/me/payment/card"' in browser.get(page).text
    for text in (
        "4242424242424242",
        '{"token":"tok-other","last_four":"1","brand":"x","expiry":"2030-01"}',
    ):
        answer = send(browser, page, {"value": text, "text": text}, "/me")
        assert answer.status_code == 403
    assert "Visa ending in 4242" in browser.get("/me/payment").text
