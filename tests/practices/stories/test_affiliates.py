"""Companies of our own: what may go to one while it is ours, and nothing to it afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.conftest import House, send
from practices.suppliers import order, supplied_plan
from practices.test_parties import OURS, add
from upheld.gate.act.request import Act, ActResult
from upheld.practice import deliveries, parties, recipient_requests

FIELDS = ("name", "email", "interests", "card", "page-request", "services", "messages")
PURPOSES = ("service-provision", "billing", "support", "fraud-detection", "security")


def test_a_company_of_our_own_may_be_told_what_its_work_needs_while_it_is_ours(
    house: House,
) -> None:
    """What it may get is the policy's list, for the policy's purposes, each time with a record."""
    person = house.customer()

    def is_shared(field: str, purpose: str) -> bool:
        act = Act(
            action="share",
            data=(field,),
            recipient="affiliate",
            purpose=purpose,
            occasion="other",
            party="larch-hosting",
        )
        answer = house.do(lambda t: t.act(act, person))
        if not isinstance(answer, ActResult):
            return False
        assert [each.duty for each in answer.decision.duties] == ["record"]
        return True

    assert not is_shared("email", "support")
    until = house.clock.today() + timedelta(days=30)
    add(house, OURS, "affiliate", proof="All shares, deed of 2 May", until=until)
    assert {(f, p) for f in FIELDS for p in PURPOSES if not is_shared(f, p)} == set()
    assert not is_shared("email", "offers")
    house.clock.moved += timedelta(days=31)
    assert not is_shared("email", "support")


def test_a_service_that_a_company_of_our_own_provides_needs_what_its_order_needs(
    house: House,
) -> None:
    """It gets that and is asked to delete it afterwards; once it is not ours, nobody can order."""
    plan, person = supplied_plan(house, ours=True), house.customer()
    assert order(house, person) == 303
    entries = house.provider.gate.gate.entries(person)
    (share,) = [each.entry for each in entries if each.entry.action == "share"]
    assert (share.clauses, share.recipient) == (("affiliates",), f"affiliate {plan.supplier}")
    (its,) = house.do(lambda t: deliveries.latest(t.tables, party=plan.supplier))
    assert house.do(lambda t: deliveries.hand_out(t, its.delivery_id)).people == 1
    page = "/me/services"
    browser = house.signed_in(person)
    assert send(browser, f"{page}/end", {"service": plan.service}, page).status_code == 303
    (asked,) = house.do(lambda t: recipient_requests.of_person(t.tables, person))
    assert (asked.party, asked.why) == (plan.supplier, recipient_requests.ORDER_OVER)
    house.do(lambda t: parties.end(t, plan.supplier))
    assert order(house, house.customer(email="bob@marked.example")) == 403


def test_what_waits_for_a_company_that_is_ours_no_more_does_not_go(house: House) -> None:
    """It was ours when the service was ordered, and is not when it comes for what it needs."""
    plan, person = supplied_plan(house, ours=True), house.customer()
    assert order(house, person) == 303
    (its,) = house.do(lambda t: deliveries.latest(t.tables, party=plan.supplier))
    house.do(lambda t: parties.end(t, plan.supplier))
    with pytest.raises(deliveries.DeliveryError, match="register"):
        house.do(lambda t: deliveries.hand_out(t, its.delivery_id))
