"""Suppliers: a plan says which company provides it and what that needs; the order is the ground."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from practices.conftest import House
from practices.suppliers import DATA, order, supplied_plan
from upheld.gate.act.request import Refused
from upheld.practice import deliveries, parties
from upheld.practice.events import ACCOUNT_CLOSED
from upheld.practices.billing import suppliers
from upheld.practices.billing.plans import PlansError, catalogue


def _not_ordered(house: House) -> bool:
    supplied_plan(house)
    return order(house, house.customer()) != 303


RESTS_ON = {"requested-services": _not_ordered}


def test_what_waits_for_a_supplier_is_kept_back_when_the_order_ends(house: House) -> None:
    """Closing the account ends the order, and nothing more goes."""
    plan, person = supplied_plan(house), house.customer()
    assert order(house, person) == 303
    (its,) = house.do(lambda t: deliveries.latest(t.tables, party=plan.supplier))
    house.do(lambda t: house.provider.events.announce(t, ACCOUNT_CLOSED, person))
    assert house.do(lambda t: deliveries.hand_out(t, its.delivery_id)).people == 0


def test_an_order_is_nothing_for_another_company_or_customer(house: House) -> None:
    """The record names the one, and stands for who ordered alone."""
    plan, ann = supplied_plan(house), house.customer()
    bob = house.customer(email="bob@marked.example")
    assert order(house, ann) == 303
    act = suppliers.act_of(plan)
    other = house.do(lambda t: parties.add(t, "Quay Hosting", "supplier")).party
    elsewhere = replace(act, party=other)
    assert isinstance(house.do(lambda t: t.act(act, bob)), Refused)
    assert isinstance(house.do(lambda t: t.act(elsewhere, ann)), Refused)
    assert not isinstance(house.do(lambda t: t.act(act, ann)), Refused)


def test_a_plan_whose_supplier_cannot_be_reached_cannot_be_ordered(house: House) -> None:
    """Without a key, or off the register, nothing is ordered and nobody is told anything."""
    plan, person = supplied_plan(house, ready=False), house.customer()
    desk = house.signed_in(house.staff("manager", sign_in="mo"), "staff")
    assert "Nobody can order what Fjord Hosting provides" in desk.get("/staff").text
    assert order(house, person) == 403
    house.do(lambda t: parties.end(t, plan.supplier))
    assert order(house, person) == 403
    records = house.do(lambda t: t.records_of([person], ["service-order"])[0])
    assert [each.fact for each in records if each.withdrawn is None] == ["has-service"]
    assert house.do(lambda t: deliveries.latest(t.tables)) == []


@pytest.mark.parametrize("line", ['supplier = "fjord"', f"supplier_data = {[*DATA]}"])
def test_a_supplier_and_its_fields_go_together(tmp_path: Path, line: str) -> None:
    """A plan that names one without the other is a mistake of the file."""
    path = tmp_path / "plans.toml"
    path.write_text(f'[[plan]]\nid = "a"\nservice = "a"\ntitle = "A"\ncents = 1\n{line}\n')
    with pytest.raises(PlansError, match="go together"):
        catalogue(path)
