"""Severing: what a struck clause carried stops in the running provider, and comes back."""

from __future__ import annotations

from practices.conftest import House, send
from practices.test_findings import posted
from practices.test_termination import DESK, decide, form, order, plans_of, state_of
from upheld.core.ids import PersonId


def _customer(house: House, name: str) -> PersonId:
    """A customer with a plan."""
    person = house.customer(f"{name}@marked.example")
    assert order(house, person, "dsl-10") == ""
    return person


def _state(house: House, user: str, person: PersonId, name: str) -> str:
    """What a decision to end all services of somebody comes to."""
    staff = house.signed_in(user, "staff")
    answer = send(staff, DESK, form(house, person, email=f"{name}@marked.example"))
    assert answer.status_code == 303
    return state_of(staff, answer.headers["location"].rsplit("/", 1)[-1].partition("?")[0])


def test_what_a_struck_clause_carried_stops_until_another_finding_restores_it(house: House) -> None:
    """Services are ended by it, then no more, and then again of whoever came after that."""
    user = house.staff("terms")
    ann, bo = house.customer(), _customer(house, "bo")
    assert order(house, ann, "dsl-10") == ""
    decide(house, house.signed_in(user, "staff"), ann)
    assert plans_of(house, ann) == []
    posted(house, "termination")
    assert _state(house, user, bo, "bo").startswith("no effect: the policy does not let us")
    assert plans_of(house, bo) == ["dsl-10"]
    posted(house, "termination", "restore")
    cy = _customer(house, "cy")
    assert _state(house, user, cy, "cy").startswith("ended")
    assert plans_of(house, cy) == []
