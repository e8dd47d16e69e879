"""A household: an adult comes in by an invitation, bills go to the holder, either can end it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from empty import empty_database
from practices.conftest import PASSWORD, House, send
from practices.mail import link
from practices.without import without
from upheld.core.ids import PersonId
from upheld.practices.accounts import domain
from upheld.practices.accounts.domain import MEMBERS_MAX

BO = "bo@marked.example"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """These stories are about pages; one kind of database is enough for them."""
    return empty_database(tmp_path)


def invitation_link(house: House, holder: PersonId) -> str:
    """The link that somebody gets whom a holder invites."""
    answer = send(house.signed_in(holder), "/me/household", {"email": BO})
    assert answer.headers["location"] == "/me/household?said=invited"
    return link(house, "accounts/household")


def holder_of(house: House, person: PersonId) -> str:
    """Who pays for somebody."""
    account = house.do(lambda transaction: domain.account_of(transaction.tables, person))
    assert account is not None
    return account.holder


def household(house: House) -> tuple[PersonId, PersonId]:
    """A holder, and a member who signed up by an invitation."""
    holder = house.customer()
    path = invitation_link(house, holder)
    browser = house.browser()
    assert "Join a household" in browser.get(path).text
    raw = path.rsplit("/", 1)[-1]
    form = browser.post("/sign-up", data={"birth-date": "1990-01-01", "invitation": raw})
    assert raw in form.text
    data = {
        "name": "Bo Marked",
        "email": BO,
        "credentials": PASSWORD,
        "birth-date": "1990-01-01",
        "accept": "yes",
        "invitation": raw,
    }
    assert browser.post("/sign-up/form", data=data).status_code == 303
    browser.post(link(house, "accounts/verify"))
    member = house.do(lambda transaction: domain.person_at_address(transaction, BO))
    assert browser.post("/sign-up/form", data=data).status_code == 410, "an invitation works once"
    assert member
    return holder, member


def test_an_adult_comes_in_with_a_sign_in_of_their_own(house: House) -> None:
    """The holder pays for both, and sees that somebody is there but not who."""
    holder, member = household(house)
    assert holder_of(house, member) == holder
    page = house.signed_in(holder).get("/me/household").text
    assert "Stop paying for them" in page
    assert "Bo Marked" not in page
    assert BO not in page
    mine = house.signed_in(member).get("/me/household").text
    assert "Somebody else pays for your account" in mine
    answer = send(house.signed_in(member), "/me/household", {"email": "x@marked.example"})
    assert answer.status_code == 409


@pytest.mark.parametrize("who", ["holder", "member"])
def test_either_can_end_it(house: House, who: str) -> None:
    """From then on each pays for themselves; a stranger can end nothing."""
    holder, member = household(house)
    eve = house.signed_in(house.customer("eve@marked.example"))
    send(eve, "/me/household/end", {"member": member}, "/me/household")
    assert holder_of(house, member) == holder
    data = {"member": member} if who == "holder" else {}
    browser = house.signed_in(holder if who == "holder" else member)
    assert send(browser, "/me/household/end", data, "/me/household").status_code == 303
    assert holder_of(house, member) == member


def test_a_customer_comes_in_with_the_account_that_they_have(house: House) -> None:
    """By the same link, once; a holder of others cannot, and nobody invites themselves in."""
    holder, other = house.customer(), house.customer("other@marked.example")
    path = invitation_link(house, holder)
    assert send(house.signed_in(holder), path, {}).status_code == 410
    path = invitation_link(house, holder)
    assert send(house.signed_in(other), path, {}).headers["location"] == "/me/household"
    assert holder_of(house, other) == holder
    assert house.signed_in(other).get(path).status_code == 410


def test_a_household_is_no_way_around_a_guardian(house: House) -> None:
    """Whoever is under age is led to ask a guardian, invitation or not."""
    path = invitation_link(house, house.customer())
    data = {"birth-date": "2011-01-01", "invitation": path.rsplit("/", 1)[-1]}
    answer = house.browser().post("/sign-up", data=data)
    assert answer.headers["location"] == "/sign-up/guardian"


def test_a_household_is_no_list_of_everybody(house: House) -> None:
    """There are so many members at most, and an address is written to a few times at most."""
    holder = house.customer()
    browser = house.signed_in(holder)
    statuses = [send(browser, "/me/household", {"email": BO}).status_code for _ in range(4)]
    assert statuses == [303, 303, 303, 409]
    for at in range(MEMBERS_MAX):
        member = house.customer(f"m{at}@marked.example")
        house.do(
            lambda transaction, member=member: domain.set_holder(  # type: ignore[misc] # the loop's own
                house.provider, transaction, member, holder
            )
        )
    assert send(browser, "/me/household", {"email": "x@x.example"}, "/me").status_code == 409
    for bad in ("", "x" * 300 + "@x.example", "<script>", "🚀", "\u202ea@b"):
        assert send(browser, "/me/household", {"email": bad}, "/me").status_code == 422


def _nobody_is_invited(house: House) -> bool:
    """Whether nobody can be invited."""
    answer = send(house.signed_in(house.customer()), "/me/household", {"email": BO})
    return answer.status_code == 403


RESTS_ON: dict[str, Callable[[House], bool]] = {
    "invitations": _nobody_is_invited,
    "service-messages": _nobody_is_invited,
}


@pytest.mark.parametrize("clause", RESTS_ON)
def test_without_its_clause_nobody_is_invited(
    open_house: Callable[..., House], clause: str
) -> None:
    """Take the clause away, and the address is neither kept nor written to."""
    assert RESTS_ON[clause](open_house(without(clause)))
