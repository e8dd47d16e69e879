"""Rows that somebody changes without the keys: what rests on them is refused, and staff see it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from practices.bills import address, job, make_holder
from practices.conftest import House
from upheld.database import checks
from upheld.database.seals import SealedError
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.erasure import erase
from upheld.practices.accounts import domain
from upheld.practices.accounts.tables import account

SAID = "is not as we wrote it"
DATABASES = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, but where a story is told on each database."""
    return address(request, tmp_path)


def tamper(house: House, statement: str, *values: Any) -> int:
    """Change the database as somebody would who has no keys; how many rows."""
    with writing(house.provider.gate.gate.engine) as connection:
        return run(connection, statement, *values)


def alarms(house: House) -> str:
    """The first page of the console."""
    return house.signed_in(house.staff("billing", sign_in="alma"), "staff").get("/staff").text


def test_a_page_says_that_a_row_was_changed_and_staff_see_it(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It answers 503 in words, the log and the console name the table, and nobody else is hit."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    hers, his = house.signed_in(ann), house.signed_in(bob)
    assert tamper(house, "UPDATE session SET fresh = fresh + 1 WHERE subject = ?", ann) == 1
    answer = hers.get("/me")
    assert answer.status_code == 503
    assert SAID in answer.text
    assert his.get("/me").status_code == 200
    assert "not whole: a row of `session`" in caplog.text
    assert "A row of `session`" in alarms(house)


@DATABASES
@pytest.mark.parametrize("how", ["payer", "confirmed", "deleted", "put back"])
def test_no_account_is_confirmed_closed_or_charged_to_another_by_writing_to_the_database(
    house: House, how: str
) -> None:
    """Its pages refuse, nobody pays for it, no household has it, and the next is not hit."""
    ann, bob = house.customer(), house.customer("bob@marked.example")
    engine = house.provider.gate.gate.engine
    columns = ", ".join(each.name for each in account.columns)
    with reading(engine) as connection:
        before = rows(connection, f"SELECT {columns} FROM account WHERE person_id = ?", ann)[0]
    if how == "payer":
        assert tamper(house, "UPDATE account SET holder = ? WHERE person_id = ?", bob, ann) == 1
    elif how == "confirmed":
        tamper(
            house, "UPDATE account SET state = 'unverified', opened = 5 WHERE person_id = ?", ann
        )
    elif how == "deleted":
        assert tamper(house, "DELETE FROM account WHERE person_id = ?", ann) == 1
    else:
        house.do(lambda transaction: domain.close(transaction, ann))
        tamper(house, "DELETE FROM account WHERE person_id = ?", ann)
        tamper(house, f"INSERT INTO account ({columns}) VALUES ({placeholders(before)})", *before)
    assert house.signed_in(ann).get("/me/household").status_code == 503
    assert house.signed_in(bob).get("/me/household").status_code == 200
    with pytest.raises(SealedError):
        house.do(lambda transaction: domain.payer_of(transaction.tables, ann))
    assert house.do(lambda transaction: domain.members(transaction.tables, bob)) == []
    assert job(house, "unconfirmed accounts") == 0
    with reading(engine) as connection:
        assert any(
            "`account`" in each.text and ann in each.text
            for each in checks.find_problems(connection)
        )
    erase.erase(house.provider.gate.gate, [bob], now=True)
    with reading(engine) as connection:
        assert not any(bob in each.text for each in checks.find_problems(connection))


def test_a_member_whose_holder_goes_stands_for_themselves(house: House) -> None:
    """The row says so with a mark of ours, and a holder goes past a member whose cover is not."""
    ann, bob, eve = (house.customer(f"{name}@marked.example") for name in ("ann", "bob", "eve"))
    house.do(lambda transaction: make_holder(transaction, bob, ann))
    house.do(lambda transaction: make_holder(transaction, eve, ann))
    tamper(house, "UPDATE person SET cover = ? WHERE person_id = ?", b"mine", eve)
    erase.erase(house.provider.gate.gate, [ann], now=True)
    account = house.do(lambda transaction: domain.account_of(transaction.tables, bob))
    assert account is not None
    assert account.holder == bob
    with reading(house.provider.gate.gate.engine) as connection:
        assert all(eve in each for each in checks.find_problems(connection))
        assert not rows(connection, "SELECT 1 FROM account WHERE holder = ?", ann)
