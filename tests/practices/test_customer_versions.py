"""Which version binds a customer, since when and why, and what they decide on its page."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from gate.versions import NARROWER, WIDER, post_version
from practices.conftest import TOKEN, House, send
from practices.test_findings import posted as sever
from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.practices.rights import closure
from upheld.practices.versions import agreements, customer_decisions
from upheld.practices.versions.bound_report import bound_lines, is_overdue
from upheld.practices.versions.customer_decisions import APPROVED, REFUSED
from upheld.practices.versions.drafts import DraftError

MINE = "/me/versions"
FIRST = 'For you it is <a href="/privacy/versions/1">version 2026-11-01</a>'
SECOND = 'For you it is <a href="/privacy/versions/2">version two</a>'


def _agree(house: House, person: PersonId, fact: str) -> None:
    house.do(lambda transaction: agreements.agree(transaction, person, fact))


def _page(house: House, person: PersonId) -> str:
    return house.signed_in(person).get(MINE).text


def test_a_version_that_allows_more_waits_for_the_next_use(house: House) -> None:
    """The page names the one that binds, the one that waits and why; then both change places."""
    person = house.customer()
    house.provider.gate.gate.take_first_version()
    assert "version 2026-11-01" in _page(house, person)
    assert "Nothing. It is the version in force." in _page(house, person)
    post_version(house.provider.gate.gate, "two", WIDER)
    page = _page(house, person)
    assert FIRST in page
    assert "You have not used our services since it was posted." in page
    assert "/privacy#continued-use" in page
    assert 'href="/me/close"' in page
    assert "It is still" not in house.signed_in(person).get("/me/privacy/policy").text
    assert "does not bind you yet" in house.signed_in(person).get("/me/privacy/policy").text
    house.clock.moved += timedelta(days=3)
    house.do(lambda transaction: transaction.note_use(person))
    page = _page(house, person)
    assert f"{SECOND}, since 14 March 2026." in page
    assert "You have used our services since it was posted." in page


def test_a_version_that_only_narrows_binds_from_its_posting(house: House) -> None:
    """Whoever has not come back is bound by it all the same, since the day it was posted."""
    person = house.customer()
    house.clock.moved += timedelta(days=1)
    post_version(house.provider.gate.gate, "two", NARROWER)
    house.clock.moved += timedelta(days=5)
    page = _page(house, person)
    assert f"{SECOND}, since 12 March 2026." in page
    assert "It gives us no further rights" in page


def test_the_days_of_a_notice_stand_on_the_page(house: House) -> None:
    """Not given, then from when it holds, then over; taken back, it is not given any more."""
    person = house.customer()
    _agree(house, person, agreements.NOTICE)
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    house.do(lambda transaction: transaction.note_use(person))
    assert "which is not given yet" in _page(house, person)
    house.do(
        lambda transaction: agreements.give_notice(
            transaction, person, posted, house.clock.now(), 30
        )
    )
    assert "It holds from 10 April 2026." in _page(house, person)
    house.clock.moved += timedelta(days=31)
    page = _page(house, person)
    assert f"{SECOND}, since 10 April 2026." in page
    assert "the days of that notice are over" in page
    house.do(lambda transaction: agreements.take_back_notice(transaction, person, posted))
    assert FIRST in _page(house, person)


@pytest.mark.parametrize(("word", "state"), [("approve", APPROVED), ("refuse", REFUSED)])
def test_a_customer_decides_once_and_for_good(house: House, word: str, state: str) -> None:
    """It is confirmed first; the other answer comes too late, and staff read what was decided."""
    person = house.customer()
    _agree(house, person, agreements.APPROVAL)
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    house.do(lambda transaction: transaction.note_use(person))
    browser = house.signed_in(person)
    assert "Read and decide" in browser.get("/me").text
    token = TOKEN.search(browser.get(MINE).text)
    assert token
    data = {"digest": posted.digest}
    asked_first = browser.post(f"{MINE}/{word}", data={"_token": token[1], **data})
    assert asked_first.status_code == 200
    assert not house.do(lambda transaction: customer_decisions.decisions(transaction, person))
    assert send(browser, f"{MINE}/{word}", data, MINE).status_code == 303
    page = browser.get(MINE).text
    assert (SECOND if state == APPROVED else FIRST) in page
    assert ("You approved it on" if state == APPROVED else "You refused it on") in page
    for other in ("approve", "refuse"):
        assert send(browser, f"{MINE}/{other}", data, MINE).headers["location"] == MINE
    (decision,) = house.do(lambda transaction: customer_decisions.decisions(transaction, person))
    assert (decision.digest, decision.state) == (posted.digest, state)
    assert "Read and decide" not in browser.get("/me").text


def test_of_twenty_decisions_at_once_one_counts(house: House) -> None:
    """Whichever comes first; an approval that comes too late binds nobody."""
    person = house.customer()
    _agree(house, person, agreements.APPROVAL)
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    house.do(lambda transaction: transaction.note_use(person))

    def decide(number: int) -> bool:
        state = REFUSED if number % 2 else APPROVED
        return house.do(
            lambda transaction: customer_decisions.decide(transaction, person, posted.digest, state)
        )

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(decide, range(20))) == 1
    (decision,) = house.do(lambda transaction: customer_decisions.decisions(transaction, person))
    records, _ = house.do(lambda transaction: transaction.records_of([person], ["approval"]))
    assert len(records) == (decision.state == APPROVED)


def test_a_refusal_outlives_an_approval_by_staff(house: House) -> None:
    """What the customer refused cannot be recorded as approved; a later version can be."""
    person = house.customer()
    _agree(house, person, agreements.APPROVAL)
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    house.do(
        lambda transaction: customer_decisions.decide(transaction, person, posted.digest, REFUSED)
    )
    with pytest.raises(DraftError, match="refused"):
        house.do(
            lambda transaction: customer_decisions.approve_change(
                transaction, person, posted.digest
            )
        )
    later = post_version(house.provider.gate.gate, "three", NARROWER)
    house.do(
        lambda transaction: customer_decisions.approve_change(transaction, person, later.digest)
    )
    house.do(lambda transaction: transaction.note_use(person))
    assert len(house.do(lambda transaction: transaction.binding_versions(person))) == 1


def test_only_what_waits_for_a_customer_is_theirs_to_decide(house: House) -> None:
    """Whoever has no such agreement decides nothing, nor does anybody about what was not posted."""
    ann, ben = house.customer(), house.customer("ben@marked.example")
    _agree(house, ben, agreements.APPROVAL)
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    for person, digest in ((ann, posted.digest), (ben, "0" * 64), (ben, ""), (ben, "two")):
        browser = house.signed_in(person)
        answer = send(browser, f"{MINE}/approve", {"digest": digest}, MINE)
        assert answer.headers["location"] == MINE
        assert not house.do(lambda transaction: customer_decisions.decisions(transaction, person))  # noqa: B023 - done at once
    browser = house.signed_in(ben)
    foreign = {"origin": "https://other.example", "sec-fetch-site": "cross-site"}
    token = TOKEN.search(browser.get(MINE).text)
    assert token
    answer = browser.post(
        f"{MINE}/approve", data={"_token": token[1], "digest": posted.digest}, headers=foreign
    )
    assert answer.status_code == 403


def test_who_closes_their_account_meanwhile_is_asked_nothing_more(house: House) -> None:
    """What they had open decides nothing and is no use; nobody waits for them either."""
    person = house.customer()
    _agree(house, person, agreements.APPROVAL)
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    browser = house.signed_in(person)
    token = TOKEN.search(browser.get("/me/changes").text)
    assert token
    question = browser.post(f"{MINE}/approve", data={"_token": token[1], "digest": posted.digest})
    assert "Approve version two" in question.text
    house.do(lambda transaction: closure.close(transaction, house.provider.events, person))
    for word in ("approve", "refuse"):
        assert send(browser, f"{MINE}/{word}", {"digest": posted.digest}, MINE).status_code == 303
    go_on = browser.post("/me/changes", data={"_token": token[1], "number": "2"})
    assert go_on.headers["location"] == "/me"
    assert "Read and decide" not in browser.get("/me").text
    assert not house.do(lambda transaction: customer_decisions.decisions(transaction, person))
    records, _ = house.do(lambda transaction: transaction.records_of([person], ["first-use"]))
    assert records == []
    house.clock.moved += timedelta(days=31)
    house.provider.gate.gate.accept_clock()
    (line,) = bound_lines(house.provider.gate.gate)
    assert (line.reasons, is_overdue(line, house.clock.now())) == (("has-left",), False)


def test_a_refusal_outlives_a_severing(house: House) -> None:
    """What the struck clause carried stops at once, and what was refused is still not allowed."""
    person, gate = house.customer(), house.provider.gate.gate
    _agree(house, person, agreements.APPROVAL)
    two = post_version(gate, "two", WIDER)
    house.do(
        lambda transaction: customer_decisions.decide(transaction, person, two.digest, REFUSED)
    )
    gate.use(person, ["email"], purpose="support")
    sever(house, "support-use")
    for fields, purpose in ((["email"], "support"), (["interests"], "service-improvement")):
        with pytest.raises(Refused):
            gate.use(person, fields, purpose=purpose)
    page = _page(house, person)
    assert FIRST in page
    assert "You refused it on" in page
    with house.provider.gate.gate.together() as transaction:
        (waiting,) = customer_decisions.open_versions(transaction, person)
    assert waiting == gate.policy.digest
