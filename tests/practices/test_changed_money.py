"""Orders, invoices, payments and debts that somebody changes without the keys rest as they were."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import Connection

from practices.bills import (
    AGENT,
    PROCESSOR,
    address,
    agent,
    engage,
    history,
    invoiced,
    job,
    later,
    order,
    staff,
    with_card,
)
from practices.conftest import House, send
from practices.test_changed_rows import SAID, alarms, tamper
from practices.test_debt import CONFIRM, debtor, hand_over
from practices.test_debts_outlive import debtor as erased_debtor
from practices.test_debts_outlive import page_of
from practices.test_payment import form, typed_amount
from upheld.core.ids import PersonId
from upheld.database import checks
from upheld.database import rows as database
from upheld.database.seals import SealedError
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure.erase import erase
from upheld.practice.cards import ChargeResult
from upheld.practices.billing import services, tables
from upheld.practices.billing.sandbox import Sandbox

DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
NUMBER: Final = "2026-9999"


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def problems(house: House) -> list[str]:
    """What the self-check finds of rows that decide."""
    with reading(house.provider.gate.gate.engine) as connection:
        return list(map(str, checks.find_problems(connection)))


def copy(house: House, name: str, person: PersonId, **other: Any) -> None:
    """Write a row once more as another, with the mark of the first."""
    with writing(house.provider.gate.gate.engine) as connection:
        columns = [each.name for each in vars(tables)[name].columns]
        first = rows(
            connection, f"SELECT {', '.join(columns)} FROM {name} WHERE person_id = ?", person
        )[0]
        row = {**dict(zip(columns, first, strict=True)), **other}
        write(connection, name, row)


def write(connection: Connection, name: str, row: dict[str, Any]) -> None:
    """Write a row without the keys."""
    run(
        connection,
        f"INSERT INTO {name} ({', '.join(row)}) VALUES ({placeholders([*row])})",
        *row.values(),
    )


def marked_rows(house: House, name: str, where: str, *values: Any) -> list[dict[str, Any]]:
    """Rows with their marks, for whoever would put them back."""
    columns = [each.name for each in vars(tables)[name].columns]
    with reading(house.provider.gate.gate.engine) as connection:
        table_content = rows(
            connection, f"SELECT {', '.join(columns)} FROM {name} WHERE {where}", *values
        )
    return [dict(zip(columns, each, strict=True)) for each in table_content]


def put_back(
    house: House, name: str, new_rows: list[dict[str, Any]], where: str, *old: Any
) -> None:
    """Put rows in place of those that are there."""
    with writing(house.provider.gate.gate.engine) as connection:
        run(connection, f"DELETE FROM {name} WHERE {where}", *old)
        for row in new_rows:
            write(connection, name, row)


def owing(house: House, email: str = "ann@marked.example") -> PersonId:
    """Somebody with an invoice that fell due."""
    person = house.customer(email)
    order(house, person, "dsl-10")
    return person


@DATABASES
@pytest.mark.parametrize("how", ["paid", "less", "deleted", "another", "put back"])
def test_no_invoice_is_settled_dropped_or_added_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """The customer's page and the jobs refuse, staff are told, and the next customer goes on."""
    engage(house, PROCESSOR, "payment-processor")
    ann, bob = owing(house), owing(house, "bob@marked.example")
    later(house, 32)
    job(house, "invoices")
    before = marked_rows(house, "invoice", "person_id = ?", ann)
    later(house, 15)
    assert job(house, "due invoices") == 2
    whose = "WHERE person_id = ?"
    if how == "put back":
        put_back(house, "invoice", before, "person_id = ?", ann)
    elif how == "another":
        copy(house, "invoice", ann, number=NUMBER)
    else:
        statements = {
            "paid": "UPDATE invoice SET state = 'paid'",
            "less": "UPDATE invoice SET due = 5",
            "deleted": "DELETE FROM invoice",
        }[how]
        assert tamper(house, f"{statements} {whose}", ann) == 1
    assert [each for each in problems(house) if "`invoice`" in each]
    answer = house.signed_in(ann).get("/me")
    assert answer.status_code == 503
    assert SAID in answer.text
    assert "has been due since" in house.signed_in(bob).get("/me").text
    assert f"A row of `invoice` of person {ann}" in alarms(house)
    later(house, 8)
    assert job(house, "due invoices") == 1  # of bob, who is reminded
    number = history(house, ann).invoices[0].number
    desk = staff(house)
    data = {"how": "cash", "amount": "1.00", "reference": "R-1", "number": number}
    if how != "deleted":
        assert send(desk, "/staff/payments", data).status_code == 503
        assert history(house, ann).payments == ()
    data["number"] = history(house, bob).invoices[0].number
    assert send(desk, "/staff/payments", data).status_code == 303


@pytest.mark.parametrize("how", ["deleted", "another", "changed"])
def test_no_month_is_billed_twice_or_left_out_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """Who is refused has no further invoice until somebody has looked, and the next has theirs."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    order(house, bob, "dsl-10")
    invoiced(house, ann)
    if how == "another":
        copy(house, "billed", ann, month="2026-04")
    elif how == "changed":
        assert tamper(house, "UPDATE billed SET state = 'none' WHERE person_id = ?", ann) == 1
    else:
        assert tamper(house, "DELETE FROM billed WHERE person_id = ?", ann) == 1
    later(house, 62)
    job(house, "invoices")
    assert len(history(house, ann).invoices) == 1
    assert len(history(house, bob).invoices) == 3
    with pytest.raises(SealedError):
        house.do(
            lambda transaction: services.has_unbilled(transaction.tables, ann, house.clock.now())
        )


@pytest.mark.parametrize("how", ["deleted", "ended", "put back"])
def test_no_order_is_ended_or_brought_back_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """It is not billed or ended by what somebody wrote; others order and end theirs."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    order(house, ann, "dsl-10")
    order(house, bob, "dsl-10")
    before = marked_rows(house, "service_order", "person_id = ?", ann)
    if how == "put back":
        assert house.do(lambda transaction: services.end(transaction, ann, "dsl")) is None
        put_back(house, "service_order", before, "person_id = ?", ann)
        order(house, bob, "phone")
    elif how == "ended":
        assert tamper(house, "UPDATE service_order SET ended = began WHERE person_id = ?", ann)
    else:
        assert tamper(house, "DELETE FROM service_order WHERE person_id = ?", ann) == 1
    if how != "put back":
        with pytest.raises(SealedError):
            house.do(lambda transaction: services.end(transaction, ann, "dsl"))
    later(house, 32)
    job(house, "invoices")
    assert history(house, ann).invoices == ()
    assert len(history(house, bob).invoices) == 1
    assert house.do(lambda transaction: services.end(transaction, bob, "dsl")) is None
    assert [each for each in problems(house) if "`service_order`" in each and ann in each]


@pytest.mark.parametrize("how", ["deleted", "changed", "put back"])
def test_no_number_of_an_invoice_is_given_out_again_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """No invoice is made while the count of a year is not as it was written."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    number = invoiced(house, ann)
    year = number[:4]
    before = marked_rows(house, "invoice_number", "year = ?", int(year))
    if how == "put back":
        invoiced(house, bob)
        put_back(house, "invoice_number", before, "year = ?", int(year))
    else:
        statements = {
            "deleted": "DELETE FROM invoice_number",
            "changed": "UPDATE invoice_number SET last = 7",
        }[how]
        assert tamper(house, statements) == 1
    many = len(history(house, bob).invoices)
    order(house, bob, "phone")
    later(house, 32)
    job(house, "invoices")
    assert len(history(house, bob).invoices) == many
    assert any("`invoice_number`" in each for each in problems(house))


@DATABASES
@pytest.mark.parametrize("how", ["deleted", "put back", "changed", "another"])
def test_no_payment_is_made_again_or_taken_away_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """The form of a payment that came before charges nothing, and others pay."""
    engage(house, PROCESSOR, "payment-processor")
    ann, bob = owing(house), owing(house, "bob@marked.example")
    later(house, 32)
    job(house, "invoices")
    hers, his = with_card(house, ann), with_card(house, bob)
    data = form(hers, amount="1.00")
    assert send(hers, "/me/payment", data).status_code == 303
    before = marked_rows(house, "payment_intent", "person_id = ?", ann)
    if how == "deleted":
        assert tamper(house, "DELETE FROM payment_intent WHERE person_id = ?", ann) == 1
    elif how == "changed":
        tamper(house, "UPDATE payment_intent SET state = 'declined' WHERE person_id = ?", ann)
    elif how == "another":
        copy(house, "payment_intent", ann, key=secrets.token_hex(16), state="begun")
    else:
        assert send(hers, "/me/payment", form(hers, amount="2.00")).status_code == 303
        put_back(house, "payment_intent", before, "person_id = ?", ann)
    payment_count = len(history(house, ann).payments)
    assert send(hers, "/me/payment", data, "/me/mail").status_code == 503
    assert len(history(house, ann).payments) == payment_count
    house.clock.moved += timedelta(minutes=5)
    job(house, "interrupted payments")
    assert len(history(house, ann).payments) == payment_count
    whole = typed_amount(history(house, bob).balance)
    assert send(his, "/me/payment", form(his, amount=whole)).status_code == 303
    assert history(house, bob).balance == 0


def test_what_the_sandbox_notes_of_a_charge_is_not_turned_by_the_database(house: House) -> None:
    """A charge that was declined is not told as paid, nor a page led elsewhere."""
    sandbox = Sandbox(house.provider)
    assert sandbox.charge("declines-tok", 100, "key") == ChargeResult(
        paid=False, reference=sandbox.charge("declines-tok", 100, "key").reference
    )
    tamper(house, "UPDATE sandbox_charge SET state = 'paid'")
    with pytest.raises(SealedError):
        sandbox.charge_result("key")
    page = sandbox.card_page("reference", "/me")
    tamper(house, "UPDATE sandbox_card SET back = 'https://elsewhere.example'")
    assert house.browser().get(page).status_code == 503


@pytest.mark.parametrize("how", ["deleted", "recalled", "another"])
def test_no_account_is_handed_or_taken_back_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """The agent does not see it, the customer's page refuses, and staff see whose it is."""
    person, task = debtor(house)
    desk = staff(house)
    assert hand_over(desk, task) == 303
    collector = agent(house)
    assert "Ann Marked" in collector.get("/agent").text
    if how == "another":
        copy(house, "debt", person, debt_id=secrets.token_hex(16), party=AGENT)
    else:
        statements = {
            "deleted": "DELETE FROM debt",
            "recalled": "UPDATE debt SET state = 'recalled'",
        }
        assert tamper(house, statements[how]) == 1
    agent_page = collector.get("/agent").text
    assert "Ann Marked" not in agent_page
    assert not CONFIRM.search(agent_page)
    assert house.signed_in(person).get("/me").status_code == 503
    page_text = desk.get("/staff/debts").text
    assert ("Left out: the debts of 1 customer" in page_text) is (how != "deleted")
    assert person in " ".join(problems(house))


@DATABASES
def test_covers_go_on_over_money_that_outlives_an_erasure(house: House) -> None:
    """Nothing is missing afterwards, and what is changed then is refused as before."""
    person = erased_debtor(house)
    other = house.customer("other@marked.example")
    assert problems(house) == []
    page = page_of(house, person)
    assert house.browser().get(page).status_code == 200
    erase(house.provider.gate.gate, [other], now=True)
    assert problems(house) == []
    assert tamper(house, "DELETE FROM invoice WHERE person_id = ?", person) > 0
    assert problems(house) == [
        f"rows of `invoice` of person {person} are missing, besides, or as they were before"
    ]


def test_the_minors_name_leaves_the_guardians_books_and_the_cover_follows(
    house: House,
) -> None:
    """Where whose use an invoice is for is blanked, the payer's set stays whole."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    invoiced(house, ann)
    with writing(house.provider.gate.gate.engine) as connection:
        (row,) = invoice_rows(connection, ann)
        database.rewrite(connection, tables.invoice, [(row, row._replace(used_by=bob))])
    erase(house.provider.gate.gate, [bob], now=True)
    with writing(house.provider.gate.gate.engine) as connection:
        (row,) = invoice_rows(connection, ann)
    assert row.used_by == ""
    assert problems(house) == []


def invoice_rows(connection: Connection, person: PersonId) -> list[Any]:
    """Somebody's invoices, checked."""
    return database.select(connection, tables.invoice, "person_id = ?", person)
