"""By what an order names customers: account numbers, e-mail addresses and phone numbers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from empty import empty_database
from practices import orders
from practices.conftest import House
from practices.orders import Desk, account_of, demand, desk_of
from practices.test_legal import form, open_by_page
from upheld.core.ids import InstrumentId, PersonId, UserId
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practice.tables import desk_own
from upheld.practices.legal.demands import PRESERVATION, LegalError

PHONE = "+1 555 010 0107"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough for what the desk decides."""
    return empty_database(tmp_path)


@pytest.fixture
def desk(house: House) -> Desk:
    """A legal desk of three people."""
    return desk_of(house)


def of_whom(house: House, desk: Desk, which: str) -> dict[PersonId, str]:
    """Whom an instrument names, and the account by which it does."""
    with house.provider.gate.gate.look() as tables:
        people = desk.instruments.people(tables, InstrumentId(which))
    return {each.person_id: each.account for each in people}


def problem(house: House, desk: Desk, *names: str) -> LegalError:
    """Why an order that names somebody so is not opened."""
    with pytest.raises(LegalError) as caught:
        orders.opened(house, desk, demand(house, accounts=names))
    assert caught.value.code == "legal-reach"
    return caught.value


@pytest.mark.parametrize(
    "spelling",
    ["ann@marked.example", " ANN@Marked.Example ", PHONE, "+1 (555) 010-0107", "+15550100107"],
)
def test_the_customer_of_an_address_or_a_phone_number_is_named_by_their_account_number(
    house: House, desk: Desk, spelling: str
) -> None:
    """However it is written; the page has the number and nothing of what was typed."""
    ann, ben = house.customer(phone=PHONE), house.customer("ben@marked.example")
    officer = house.signed_in(desk.officer, "staff")
    before = house.provider.gate.gate.entries(ann)
    answer = open_by_page(officer, {**form(house, ann), "accounts": f"{spelling}\n"})
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"].partition("?")[0]
    page = officer.get(path).text
    assert account_of(house, ann) in page
    assert account_of(house, ben) not in page
    assert "marked.example" not in page.lower()
    assert "0107" not in page
    assert house.provider.gate.gate.entries(ann) == before


def test_numbers_and_addresses_of_one_customer_are_one(house: House, desk: Desk) -> None:
    """In one list, several in a line, a phone number among them: each account once."""
    ann, ben = house.customer(phone=PHONE), house.customer("ben@marked.example")
    officer = house.signed_in(desk.officer, "staff")
    names = f"{account_of(house, ann)} {account_of(house, ben)}, ann@marked.example\r\n{PHONE}"
    names += "\nben@marked.example ann@marked.example"
    answer = open_by_page(officer, {**form(house, ann), "accounts": names})
    which = answer.headers["location"].partition("?")[0].rpartition("/")[2]
    assert of_whom(house, desk, which) == {each: account_of(house, each) for each in (ann, ben)}


@pytest.mark.parametrize(
    "name",
    ["eve@marked.example", "+1 555 010 0999", "12", "nobody", "@", "+", "  ", "\u0664\u0662"],
)
def test_what_is_nobodys_is_answered_by_its_place_in_the_list(
    house: House, desk: Desk, name: str
) -> None:
    """Nothing is opened, of the others neither, and the answer repeats no address."""
    house.customer(phone=PHONE)
    error = problem(house, desk, "ann@marked.example", name)
    assert "number 2 in the list is nobody's" in str(error)
    assert "marked" not in f"{error}{error.hint}"
    with house.provider.gate.gate.look() as tables:
        assert desk.instruments.all(tables) == []


def test_a_phone_number_of_several_accounts_names_none_of_them(house: House, desk: Desk) -> None:
    """The page asks for something else, and says of none that they have it."""
    ann = house.customer(phone=PHONE)
    ben = house.customer("ben@marked.example", phone=PHONE)
    officer = house.signed_in(desk.officer, "staff")
    answer = open_by_page(officer, {**form(house, ann), "accounts": PHONE})
    assert answer.status_code == 422
    assert "Number 1 in the list is an address or a phone number of several accounts" in answer.text
    for each in (ann, ben):
        assert account_of(house, each) not in answer.text


def test_whoever_has_no_account_is_nobody_to_the_desk(house: House, desk: Desk) -> None:
    """Such as somebody who was only invited: what is stored of an instrument is a number."""

    def invite(transaction: GateTransaction) -> None:
        person = transaction.enrol()
        transaction.store(
            person, {"birth-date": "1990-02-01"}, source="customer", occasion="registration"
        )
        transaction.store(
            person, {"email": "eve@marked.example"}, source="customer", occasion="registration"
        )

    house.do(invite)
    assert "is nobody's" in str(problem(house, desk, "eve@marked.example"))


def test_nobody_names_an_account_of_their_own_by_its_address(house: House, desk: Desk) -> None:
    """As by its number."""
    ann = house.customer()
    house.do(lambda t: own(t, desk.officer, ann))
    with pytest.raises(LegalError) as caught:
        orders.opened(house, desk, demand(house, accounts=("ann@marked.example",)))
    assert caught.value.code == "legal-own"


def own(transaction: GateTransaction, user: UserId, person: PersonId) -> None:
    """Let an account be that of a member of staff."""
    transaction.tables.insert(desk_own, user_id=user, person_id=person)


def test_a_part_is_released_by_an_address(house: House, desk: Desk) -> None:
    """One whom the order does not name is refused under it, however they are written."""
    ann = house.customer(phone=PHONE)
    house.customer("ben@marked.example")
    order = orders.approved(house, desk, demand(house, ann))
    files = orders.texts(orders.release(house, desk, order, accounts=["Ann@marked.example"]))
    assert account_of(house, ann) in "".join(files.values())
    assert not isinstance(orders.release(house, desk, order, accounts=[PHONE]), Refused)
    assert isinstance(orders.release(house, desk, order, accounts=["ben@marked.example"]), Refused)


def test_who_is_erased_under_a_silent_order_is_found_by_the_account_number_alone(
    house: House, desk: Desk
) -> None:
    """Their addresses are nobody's any more, to the desk too."""
    ann = house.customer(phone=PHONE)
    number, later = account_of(house, ann), house.clock.now() + timedelta(days=90)
    order = demand(house, ann, kind=PRESERVATION, ends=later, silence_end=later)
    orders.approved(house, desk, order)
    erase(house.provider.gate.gate, [ann])
    for name in ("ann@marked.example", PHONE):
        assert "is nobody's" in str(problem(house, desk, name))
    which = orders.opened(house, desk, demand(house, accounts=(number,))).instrument_id
    ((person, account),) = of_whom(house, desk, which).items()
    assert (person != ann, account) == (True, number)
