"""The policy itself: which version binds whom, and what is owed by a day."""

from __future__ import annotations

from datetime import timedelta

import pytest

from practices.conftest import House
from upheld.core.ids import PersonId

# What the page of the policy says of somebody with these records: kind, fact and whether it holds.
BINDING: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "used since": (("first-use", "used-since-posting", True),),
    "notice waits": (
        ("first-use", "used-since-posting", True),
        ("customer-agreement", "agreement-needs-notice", True),
        ("notice", "notice-given", False),
    ),
    "notice given": (
        ("first-use", "used-since-posting", True),
        ("customer-agreement", "agreement-needs-notice", True),
        ("notice", "notice-given", True),
    ),
    "approval waits": (
        ("first-use", "used-since-posting", True),
        ("customer-agreement", "agreement-needs-approval", True),
        ("approval", "change-approved", False),
    ),
    "approved": (
        ("first-use", "used-since-posting", True),
        ("customer-agreement", "agreement-needs-approval", True),
        ("approval", "change-approved", True),
    ),
    "narrower": (
        ("first-use", "used-since-posting", False),
        ("comparison", "narrowing", True),
    ),
    "not used": (
        ("first-use", "used-since-posting", False),
        ("comparison", "narrowing", False),
    ),
}
OWED = {
    "breach": ("incident", "breach-found", timedelta(hours=72)),
    "transfer-notice": ("transfer", "transfer-done", timedelta(days=14)),
    "emergency-review": ("determination", "emergency-disclosure", timedelta(days=30)),
}


def record(house: House, person: PersonId, kind: str, fact: str, *, holds: bool) -> None:
    """Record a fact of somebody, or that it was so once and is no more."""
    made = house.do(lambda transaction: transaction.record(person, kind, fact=fact))
    if not holds:
        house.do(lambda transaction: transaction.withdraw(person, made, ended=True))


@pytest.mark.parametrize("case", BINDING)
def test_the_page_of_the_policy_says_whether_and_why_it_binds(house: House, case: str) -> None:
    """By the agreement of whoever looks, what was approved, and whether they used anything."""
    person = house.customer()
    for kind, fact, holds in BINDING[case]:
        record(house, person, kind, fact, holds=holds)
    page = house.signed_in(person).get("/me/privacy/policy")
    assert page.status_code == 200
    assert "/privacy#" in page.text


@pytest.mark.parametrize("clause", OWED)
def test_what_is_owed_stands_at_the_desk_with_its_day(house: House, clause: str) -> None:
    """From the record of what happened the time runs; once it is over, the desk says it is late."""
    kind, fact, within = OWED[clause]
    person = house.customer()
    record(house, person, kind, fact, holds=True)
    user = house.staff("privacy")
    title = clause.replace("-", " ").capitalize()
    assert f"{title}: 1" in house.signed_in(user, "staff").get("/staff").text
    house.clock.moved += within + timedelta(hours=1)
    assert "late" in house.signed_in(user, "staff").get("/staff").text.split("<main", 1)[1]
