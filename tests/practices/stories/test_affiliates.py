"""Companies of our own: what may go to one while it is ours, and nothing to it afterwards."""

from __future__ import annotations

from datetime import timedelta

from practices.conftest import House
from practices.test_parties import OURS, add
from upheld.gate.act.request import Act, ActResult

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
