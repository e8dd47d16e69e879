"""Termination: a member of staff ends services of a customer who broke the terms."""

from __future__ import annotations

from datetime import timedelta

from practices.conftest import House, send
from practices.test_termination import DESK, decide, order, plans_of, run_job, undo


def test_services_end_by_the_decision_of_a_named_member_of_staff(house: House) -> None:
    """On the day that was decided and not before, with a record; the customer orders no more."""
    ann = house.customer()
    order(house, ann, "dsl-10")
    user = house.staff("terms")
    staff = house.signed_in(user, "staff")
    day = (house.clock.now() + timedelta(days=3)).date()
    termination = decide(house, staff, ann, starts=day)
    assert run_job(house) == 0
    assert plans_of(house, ann) == ["dsl-10"]
    house.clock.moved += timedelta(days=4)
    assert run_job(house) == 1
    assert plans_of(house, ann) == []
    entries = house.provider.gate.gate.entries(ann)
    (ended,) = [each.entry for each in entries if each.entry.action == "terminate"]
    assert (ended.kind, ended.clauses) == ("act", ("termination",))
    assert "record" in ended.duties
    path = f"/me/terminations/{termination}"
    answer = send(house.signed_in(ann), f"{path}/reply", {"text": "It was not me."}, path)
    assert answer.status_code == 303
    assert "It was not me." in house.signed_in(user, "staff").get(f"{DESK}/{termination}").text
    assert "We decided to end this" in order(house, ann, "dsl-10")
    undo(house.signed_in(user, "staff"), termination)
    assert order(house, ann, "dsl-10") == ""
    assert plans_of(house, ann) == ["dsl-10"]
