"""In a family: what a guardian sees, and what ends when they take something back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.bills import history, job, later, order, used
from practices.conftest import House, send
from practices.test_guardians import born, family, sign_in


def test_a_guardian_sees_an_account_with_services_charges_use_and_messages(house: House) -> None:
    """All of it stands on one page while both permission and supervision are given."""
    guardian, minor, _ = family(house)
    order(house, minor, "dsl-10")
    later(house, 32)
    assert job(house, "invoices") >= 1
    used(house, minor, {"2026-03": 2.5})
    mum = house.signed_in(guardian)
    page = mum.get(f"/me/family/{minor}").text
    for shown in ("Kim Marked", "2.5"):
        assert shown in page
    assert history(house, guardian).balance > 0
    assert mum.get("/me/balance").status_code == 200


@pytest.mark.parametrize("what", ["permission", "supervision"])
def test_a_minor_is_out_when_a_guardian_takes_something_back(house: House, what: str) -> None:
    """The minor needs both permission and supervision to come in, and the guardian to see."""
    guardian, minor, browser = family(house)
    mum, page = house.signed_in(guardian), f"/me/family/{minor}"
    send(mum, page, {"what": what, "how": "withdraw"})
    assert sign_in(browser) == 403
    assert "You see nothing at the moment" in mum.get(page).text
    send(mum, page, {"what": what, "how": "give"})
    assert sign_in(browser) == 303


def test_nothing_is_charged_to_whom_the_costs_are_no_longer_accepted(house: House) -> None:
    """What a minor uses after the costs were taken back is on no invoice."""
    guardian, minor, _ = family(house)
    order(house, minor, "dsl-10")
    send(house.signed_in(guardian), f"/me/family/{minor}", {"what": "costs", "how": "withdraw"})
    later(house, 32)
    job(house, "invoices")
    assert history(house, guardian).balance < 100, "the one day on which they were accepted"


def test_a_guardian_sees_nothing_of_whoever_came_of_age(house: House) -> None:
    """On the eighteenth birthday the page is there no more, and the records prove nothing."""
    guardian, minor, _ = family(house)
    mum, page = house.signed_in(guardian), f"/me/family/{minor}"
    assert "Kim Marked" in mum.get(page).text
    house.clock.moved += timedelta(days=2 * 366)
    house.do(lambda transaction: transaction.accept_clock(house.clock.now()))
    mum = house.signed_in(guardian)
    assert "Kim Marked" not in mum.get(page).text


def test_a_child_is_not_let_in_and_nothing_of_them_is_kept(house: House) -> None:
    """Whoever says that they are twelve is told why by the clause, and asked nothing more."""
    answer = house.browser().post("/sign-up", data={"birth-date": born(12)})
    assert answer.status_code == 403
    assert "/privacy#children" in answer.text
