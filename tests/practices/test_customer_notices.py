"""Whoever's own agreement asks for it is written to about a version, once, and its days run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gate.versions import NARROWER, WIDER, post_version, version
from practices.conftest import House
from practices.mail import deliver, waiting
from upheld.core.ids import PersonId
from upheld.database.statements import rows
from upheld.gate.act.request import Refused
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.compare import compare
from upheld.practice.outbox import queue
from upheld.practices.messages import bounces
from upheld.practices.messages.bounces import BounceReport
from upheld.practices.rights import closure
from upheld.practices.versions import (
    agreements,
    customer_decisions,
    customer_notices,
    drafts,
)
from upheld.practices.versions.tables import customer_version

NOTICE = "Notice of a change to our privacy policy"
APPROVAL = "Please decide on a change to our privacy policy"
MINE = "/me/versions"


def _run(house: House) -> int:
    return customer_notices.write_about_versions(house.provider.gate.gate)


def _customer(house: House, name: str, *facts: str, days: int = 30) -> PersonId:
    person = house.customer(f"{name}@marked.example")
    for fact in facts:
        house.do(lambda transaction: agreements.agree(transaction, person, fact, days))  # noqa: B023 - done at once
    return person


def _is_bound(house: House, person: PersonId) -> bool:
    return len(house.do(lambda transaction: transaction.binding_versions(person))) == 1


def _states(house: House, person: PersonId) -> list[tuple[str, str]]:
    """What came of the messages to somebody: which kind each is, and its state."""
    there = house.do(
        lambda transaction: transaction.tables.select(
            customer_version, "person_id = ? AND matter <> 'look' ORDER BY matter", person
        )
    )
    return [(each.matter, each.state) for each in there]


def _bounce(house: House, person: PersonId) -> None:
    (message,) = house.do(
        lambda transaction: rows(
            transaction.connection,
            "SELECT message_id FROM outbox WHERE person_id = ? AND state = 'sent'",
            person,
        )
    )[0]
    report = BounceReport((message,), "5.1.1")
    house.do(lambda transaction: bounces.note(transaction, report))


def test_the_days_run_from_the_sending_and_not_from_the_posting(house: House) -> None:
    """Before it is sent nothing runs; by day 29 nothing holds, by day 31 it does."""
    person = _customer(house, "ben", agreements.NOTICE)
    post_version(house.provider.gate.gate, "two", WIDER)
    house.do(lambda transaction: transaction.note_use(person))
    assert _run(house) == 1
    house.clock.moved += timedelta(days=40)
    assert _run(house) == 0
    assert not _is_bound(house, person)
    assert deliver(house) == [NOTICE]
    assert _run(house) == 1
    assert _states(house, person) == [("notice", "sent")]
    assert "It holds from 20 May 2026." in house.signed_in(person).get(MINE).text
    house.clock.moved += timedelta(days=29)
    assert not _is_bound(house, person)
    house.clock.moved += timedelta(days=2)
    assert _is_bound(house, person)


def test_an_agreement_says_how_many_days_a_notice_runs(house: House) -> None:
    """Sixty days are sixty; a number that is agreed on anew counts for the next notice."""
    person = _customer(house, "ben", agreements.NOTICE, days=60)
    post_version(house.provider.gate.gate, "two", WIDER)
    house.do(lambda transaction: transaction.note_use(person))
    _run(house)
    deliver(house)
    _run(house)
    house.clock.moved += timedelta(days=59)
    assert not _is_bound(house, person)
    house.clock.moved += timedelta(days=2)
    assert _is_bound(house, person)


def test_a_notice_that_came_back_is_not_given(house: House) -> None:
    """It binds nobody, although its days are over."""
    person = _customer(house, "ben", agreements.NOTICE)
    post_version(house.provider.gate.gate, "two", WIDER)
    house.do(lambda transaction: transaction.note_use(person))
    _run(house)
    deliver(house)
    _run(house)
    _bounce(house, person)
    assert _run(house) == 1
    assert _states(house, person) == [("notice", "bounced")]
    house.clock.moved += timedelta(days=31)
    assert not _is_bound(house, person)
    assert "which is not given yet" in house.signed_in(person).get(MINE).text
    assert _run(house) == 0


def test_each_is_written_to_once_about_a_version(house: House) -> None:
    """Whoever has no agreement never is; the next version is another message."""
    _customer(house, "ann")
    _customer(house, "ben", agreements.NOTICE)
    _customer(house, "cy", agreements.APPROVAL)
    _customer(house, "di", agreements.NOTICE, agreements.APPROVAL)
    post_version(house.provider.gate.gate, "two", WIDER)
    assert _run(house) == 4
    assert _run(house) == 0
    assert sorted(deliver(house)) == sorted([NOTICE, NOTICE, APPROVAL, APPROVAL])
    post_version(house.provider.gate.gate, "three", NARROWER)
    _run(house)
    assert len(waiting(house)) == 4


def test_a_job_that_is_stopped_goes_on_where_it_was(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its last transaction wrote is undone whole; nobody is written to twice or forgotten."""
    people = [_customer(house, f"p{number}", agreements.NOTICE) for number in range(5)]
    post_version(house.provider.gate.gate, "two", WIDER)
    calls = 0

    def stops(
        transaction: Transaction,
        person: PersonId,
        template: str,
        purpose: str,
        words: dict[str, str],
    ) -> str | Refused:
        nonlocal calls
        calls += 1
        message = queue(transaction, person, template, purpose, words)
        if calls == 4:
            raise KeyboardInterrupt
        return message

    monkeypatch.setattr(customer_notices, "BATCH", 2)
    monkeypatch.setattr(customer_notices, "queue", stops)
    with pytest.raises(KeyboardInterrupt):
        _run(house)
    assert len(waiting(house)) == 2
    _run(house)
    assert sorted(person for person, _ in waiting(house)) == sorted(people)


def test_approval_is_asked_for_with_a_link_behind_the_sign_in(house: House) -> None:
    """The message has no key to the account; whoever has decided already is not asked."""
    cy, di = (
        _customer(house, "cy", agreements.APPROVAL),
        _customer(house, "di", agreements.APPROVAL),
    )
    posted = post_version(house.provider.gate.gate, "two", WIDER)
    house.do(
        lambda transaction: customer_decisions.decide(transaction, di, posted.digest, "refused")
    )
    _run(house)
    assert waiting(house) == [(cy, "versions/approval")]
    answer = house.browser().get(MINE)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?destination=versions")


def test_whoever_has_left_or_has_no_such_agreement_any_more_is_not_written_to(house: House) -> None:
    """An agreement that has ended asks for nothing, nor does one of a closed account."""
    left, ended = (
        _customer(house, "left", agreements.NOTICE),
        _customer(house, "x", agreements.NOTICE),
    )
    house.do(lambda transaction: closure.close(transaction, house.provider.events, left))
    house.do(lambda transaction: agreements.end_agreements(transaction, ended))
    post_version(house.provider.gate.gate, "two", WIDER)
    _run(house)
    assert [who for who, template in waiting(house) if template == "versions/notice"] == []


def test_a_notice_of_an_announced_version_counts_when_it_is_posted(house: House) -> None:
    """It is written about before its day, on which it binds without a second message."""
    person = _customer(house, "ben", agreements.NOTICE)
    gate = house.provider.gate.gate
    gate.take_first_version()
    one, other = house.staff("manager", sign_in="one"), house.staff("manager", sign_in="other")
    policy = version("two", WIDER, ("version: two", "version: two\neffective: 2026-05-01"))
    with gate.together() as transaction:
        draft = drafts.draft(transaction, policy, compare(gate.policy, policy), one)
    house.do(lambda transaction: drafts.approve(transaction, draft.draft_id, other))
    house.do(lambda transaction: drafts.post(transaction, draft.draft_id, one))
    assert _run(house) == 1
    deliver(house)
    _run(house)
    assert "It takes effect on 1 May 2026." in house.signed_in(person).get(MINE).text
    house.clock.moved += timedelta(days=52)
    assert drafts.post_announced(gate) == 1
    house.do(lambda transaction: transaction.note_use(person))
    _run(house)
    assert waiting(house) == []
    assert _is_bound(house, person)
