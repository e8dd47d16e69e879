"""Programmes that customers join by choice: what goes to whom, and nothing after they left."""

from __future__ import annotations

import pytest

from practices.conftest import House
from practices.programmes import deliver, draft, join, leave, partner, programme, run
from upheld.practices.programmes import programmes
from upheld.practices.programmes.programmes import ProgrammeError


def test_what_somebody_joined_goes_to_its_company_and_nothing_after_they_left(
    house: House,
) -> None:
    """They were shown the warning, and each time something goes it is entered."""
    party = partner(house)
    said = draft(party, fields=("name", "email", "interests"))
    its = house.do(lambda t: programmes.make(t, said, actor="staff mo"))
    ann = house.customer(interests="gardening")
    bob = house.customer(email="bob@marked.example")
    browser = house.signed_in(ann)
    page = browser.get(f"/me/programmes/{its.programme_id}").text
    assert "We cannot warrant that the other company has a privacy policy" in page
    assert join(browser, its) == 303
    assert run(house, its).people == 1
    assert deliver(house, its) == [
        {"name": "Ann Marked", "email": "ann@marked.example", "interests": "gardening"}
    ]
    entries = house.provider.gate.gate.entries(ann)
    (share,) = [each.entry for each in entries if each.entry.action == "share"]
    assert share.recipient == f"programme-partner {party}"
    assert share.clauses == ("programmes",)
    assert {"show-warning", "record"} <= {*share.duties}
    assert leave(browser, its) == 303
    assert run(house, its).people == 0
    assert house.provider.gate.gate.entries(bob)[-1].entry.action != "share"


def test_a_programme_is_offered_what_the_policy_lets_it_share(house: House) -> None:
    """Who somebody is, how to reach them and what they told of themselves; never a card."""
    party = partner(house)
    offered = programmes.offered_fields(house.policy)
    assert {"name", "email", "phone", "interests", "occupation"} <= {*offered}
    assert not {"card", "balance", "usage", "credentials", "mail-content"} & {*offered}
    with pytest.raises(ProgrammeError):
        house.do(lambda t: programmes.make(t, draft(party, fields=("card",)), actor="staff mo"))


def test_nothing_goes_to_the_company_of_a_programme_that_nobody_joined(house: House) -> None:
    """Being a customer is no joining: a run finds nobody."""
    its = programme(house)
    house.customer()
    assert run(house, its).people == 0
    assert deliver(house, its) == []
