"""A service that a supplier provides: it gets what the order needs, and no more."""

from __future__ import annotations

import json

from msgspec.structs import replace

from practices.conftest import House, send
from practices.suppliers import PLAN, order, supplied_plan
from upheld.gate.act.request import Refused
from upheld.practice import deliveries
from upheld.practices.billing import suppliers


def test_a_supplier_gets_what_the_order_needs_and_no_more(house: House) -> None:
    """One field more is refused, and so is all of it once the order has ended."""
    plan, person = supplied_plan(house), house.customer()
    browser = house.signed_in(person)
    asked = browser.get(f"/me/services/order?plan={PLAN}").text
    assert "Fjord Hosting provides it for us. It gets your name and e-mail address" in asked
    assert order(house, person) == 303
    entries = house.provider.gate.gate.entries(person)
    (share,) = [each.entry for each in entries if each.entry.action == "share"]
    assert share.clauses == ("requested-services",)
    assert {"only-fields-needed", "record"} <= {*share.duties}
    (its,) = house.do(lambda t: deliveries.latest(t.tables, party=plan.supplier))
    content = house.do(lambda t: deliveries.hand_out(t, its.delivery_id))
    line = json.loads(content.lines.splitlines()[1])
    assert line["values"] == {"name": "Ann Marked", "email": "ann@marked.example"}
    act = suppliers.act_of(plan)
    more = replace(act, data=(*act.data, "birth-date"))
    assert isinstance(house.do(lambda t: t.act(more, person)), Refused)
    assert not isinstance(house.do(lambda t: t.act(act, person)), Refused)
    page = "/me/services"
    assert send(browser, f"{page}/end", {"service": plan.service}, page).status_code == 303
    assert isinstance(house.do(lambda t: t.act(act, person)), Refused)
