"""A version that allows more: it binds each customer when their own agreement lets it."""

from __future__ import annotations

import re
from datetime import timedelta

from gate.versions import WIDER, post
from practices.conftest import PASSWORD, TOKEN, House
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.editions.store import Edition
from upheld.policy.load import load_text
from upheld.practices.versions import agreements, customer_decisions

NUMBER = re.compile(r'name="number" value="([0-9]+)"')


def _post(house: House, name: str, *changes: tuple[str, str]) -> Edition | Refused:
    """Post a version of the policy under test, with some words in place of others."""
    text = house.policy.program.source.replace("effective: 2026-11-01\n", "")
    for old, new in (("version: 2026-11-01", f"version: {name}"), *changes):
        text = text.replace(old, new)
    return post(house.provider.gate.gate, load_text(text), wider=True)


def _go_on(house: House, email: str) -> None:
    """Sign somebody in, who goes on from the page of what changed, and so uses our services."""
    browser = house.browser()
    answer = browser.post("/sign-in", data={"email": email, "password": PASSWORD})
    assert answer.status_code == 303
    page = browser.get(browser.get("/me").headers["location"]).text
    token, number = TOKEN.search(page), NUMBER.search(page)
    assert token
    assert number
    browser.post("/me/changes", data={"_token": token[1], "number": number[1]})
    assert browser.get("/me").status_code == 200


def _may_improve(house: House, person: PersonId) -> bool:
    """Whether the interests of somebody may be used for what the version before did not allow."""
    try:
        house.provider.gate.gate.use(person, ["interests"], purpose="service-improvement")
    except Refused:
        return False
    return True


def test_three_customers_come_to_a_version_that_allows_more(house: House) -> None:
    """One by going on, one after thirty days of notice, one once they have approved it."""
    emails = ("ann@marked.example", "ben@marked.example", "cy@marked.example")
    _, ben, cy = people = [house.customer(email=each) for each in emails]
    house.do(lambda transaction: agreements.agree(transaction, ben, agreements.NOTICE))
    house.do(lambda transaction: agreements.agree(transaction, cy, agreements.APPROVAL))
    posted = _post(house, "two", WIDER)
    assert isinstance(posted, Edition)
    assert [_may_improve(house, each) for each in people] == [False, False, False]
    for each in emails:
        _go_on(house, each)
    assert [_may_improve(house, each) for each in people] == [True, False, False]
    sent = house.clock.now()
    house.do(lambda transaction: agreements.give_notice(transaction, ben, posted, sent, 30))
    house.clock.moved += timedelta(days=29)
    assert not _may_improve(house, ben)
    house.clock.moved += timedelta(days=2)
    assert _may_improve(house, ben)
    assert not _may_improve(house, cy)
    house.do(lambda transaction: customer_decisions.approve_change(transaction, cy, posted.digest))
    assert [_may_improve(house, each) for each in people] == [True, True, True]
