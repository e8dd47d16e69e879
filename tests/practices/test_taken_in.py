"""Customers who were taken in from a file: they get in by their address, and stay one."""

from __future__ import annotations

from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import House, send
from practices.mail import link, waiting
from practices.test_sign_up import GOOD, people_at, sign_up
from upheld.core.ids import PersonId
from upheld.practices.accounts import domain
from upheld.practices.accounts.import_customers import import_customers

EMAIL = str(GOOD["email"])
CHOSEN = {"password": "seven brand new words"}


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for these stories."""
    return empty_database(tmp_path)


def import_customer(house: House, folder: Path, born: str = "1985-07-30") -> PersonId:
    """A customer of a file; their id."""
    path = folder / "people.csv"
    path.write_text(f"name,email,birth-date\nBen Before,{EMAIL},{born}\n")
    assert import_customers(house.provider, path, apply=True).taken == 1
    (person,) = people_at(house)
    return person


def get_in(house: House, **values: str) -> int:
    """Open the link of the message that waits, and choose a password; the status of the answer."""
    address = link(house, "accounts/welcome-back")
    return house.browser().post(address, data={**CHOSEN, **values}).status_code


def signs_in(house: House) -> str:
    """Sign in with the password that was chosen; where that leads."""
    answer = send(house.browser(), "/sign-in", {"email": EMAIL, **CHOSEN})
    return answer.headers.get("location", str(answer.status_code))


@pytest.mark.parametrize("way", ["recovery", "sign-up"])
def test_a_customer_from_a_file_gets_in_and_stays_one_person(
    house: House, tmp_path: Path, way: str
) -> None:
    """By either way: a message to the address that is held, a password, the terms; no copy."""
    person = import_customer(house, tmp_path)
    if way == "recovery":
        answer = send(house.browser(), "/recover", {"email": EMAIL.upper()})
        assert answer.headers["location"] == "/recover/sent"
    else:
        assert sign_up(house).headers["location"] == "/sign-up/sent"
    assert people_at(house) == [person]
    assert [subject for _, subject in waiting(house)] == ["accounts/welcome-back"]
    assert get_in(house) == 303
    assert signs_in(house) == "/me/acceptance"
    account = house.do(lambda transaction: domain.account_of(transaction.tables, person))
    assert account is not None
    assert account.state == domain.ACTIVE
    assert people_at(house) == [person]


def test_who_signs_up_with_the_address_changes_nothing_of_the_customer(
    house: House, tmp_path: Path
) -> None:
    """Neither the values that are held nor the password come from whoever typed the address."""
    person = import_customer(house, tmp_path)
    before = house.do(lambda transaction: transaction.held_fields(person))
    sign_up(house)
    assert house.do(lambda transaction: transaction.held_fields(person)) == before
    assert house.do(lambda transaction: domain.account_of(transaction.tables, person)) is None


def test_the_link_into_an_account_works_once(house: House, tmp_path: Path) -> None:
    """A second person with the same link is told that it is over."""
    import_customer(house, tmp_path)
    send(house.browser(), "/recover", {"email": EMAIL})
    address = link(house, "accounts/welcome-back")
    assert house.browser().post(address, data=CHOSEN).status_code == 303
    assert house.browser().post(address, data=CHOSEN).status_code == 410


@pytest.mark.parametrize(("born", "status"), [("1985-07-30", 303), ("2999-01-01", 422)])
def test_a_customer_without_a_birth_date_is_asked_for_it(
    house: House, tmp_path: Path, born: str, status: int
) -> None:
    """Without it nobody knows whether they may be served; a date that cannot be is refused."""
    person = import_customer(house, tmp_path, born="")
    send(house.browser(), "/recover", {"email": EMAIL})
    address = link(house, "accounts/welcome-back")
    assert "Your birth date" in house.browser().get(address).text
    answer = house.browser().post(address, data={**CHOSEN, "birth-date": born})
    assert answer.status_code == status
    assert ("birth-date" in house.do(lambda transaction: transaction.held_fields(person))) == (
        status == 303
    )
    if status == 303:
        assert signs_in(house) == "/me/acceptance"


def test_a_child_among_those_who_were_taken_in_does_not_get_in(
    house: House, tmp_path: Path
) -> None:
    """The policy says no to them, and their birth date is not kept."""
    person = import_customer(house, tmp_path, born="")
    send(house.browser(), "/recover", {"email": EMAIL})
    born = f"{house.provider.now().year - 9}-01-01"
    assert get_in(house, **{"birth-date": born}) == 403
    assert "birth-date" not in house.do(lambda transaction: transaction.held_fields(person))
    assert house.do(lambda transaction: domain.account_of(transaction.tables, person)) is None


def test_an_account_that_nobody_confirmed_keeps_no_customer_out(
    house: House, tmp_path: Path
) -> None:
    """Who signed up with the address before it was taken in cannot confirm it any more."""
    sign_up(house)
    stranger = link(house, "accounts/verify")
    path = tmp_path / "people.csv"
    path.write_text(f"name,email\nBen Before,{EMAIL}\n")
    assert import_customers(house.provider, path, apply=True).taken == 1
    assert house.browser().post(stranger).status_code == 410
    assert import_customers(house.provider, path, apply=True).known == 1
