"""Retention, erasure and what is owed go by the versions that matter for each person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import ibis
import pyarrow as pa
import pytest
from sqlalchemy import Connection

import upheld
from gate.conftest import Told, customer, later
from gate.test_bound_versions import agree, use
from gate.test_items import of, one, requested
from gate.test_retention import held
from gate.versions import IMPROVING, post, version
from upheld.core.ids import PersonId
from upheld.database.transaction import reading
from upheld.gate import obligations
from upheld.gate.act import reads as reading_of_acts
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.erasure.retention import retire
from upheld.gate.gate import Gate
from upheld.gate.log.receipts import AccountQuery, account
from upheld.gate.operations.bound_people import bound_people
from upheld.gate.public import Edition
from upheld.policy.bulk.versions import screen_versions
from upheld.practices.versions import agreements

SIX_MONTHS = "account-closed and months-since-closure > 6 and not legal-hold"
TWELVE_MONTHS = SIX_MONTHS.replace("6", "12")
LONGER = version("2", (SIX_MONTHS, TWELVE_MONTHS))
UNSETTLED = "may store invoice-data when erased and account-unsettled"
MORE = version(
    "2",
    (UNSETTLED, UNSETTLED.replace("invoice-data", "personal-information")),
    (
        "  except invoice-data when account-closed or account-unsettled",
        "  except personal-information when account-closed or account-unsettled",
    ),
)
SOONER = version("2", ("answer-access within 30 days", "answer-access within 10 days"))
LATER = version("2", ("answer-access within 30 days", "answer-access within 40 days"))
UNOWED = version("2", ("must answer-access within 30 days when", "may answer-access when"))


def with_interests(name: str, condition: str) -> upheld.Policy:
    """A version by which interests may be used for what others may not."""
    return version(
        name, (IMPROVING, f"{IMPROVING}\n  may use interests for service-improvement{condition}")
    )


def closed(gate: Gate) -> PersonId:
    """A customer whose account was closed."""
    person = customer(gate)
    gate.record(person, "account", fact="account-closed")
    return person


def test_a_longer_time_to_keep_waits_for_whoever_has_not_come_back(gate: Gate, clock: Told) -> None:
    """What the version that binds somebody says goes by its own time, and the entry names it."""
    gate.take_first_version()
    first = gate.policy
    waits, comes = closed(gate), closed(gate)
    later(gate, clock, 5)
    posted = post(gate, LONGER)
    assert isinstance(posted, Edition)
    assert posted.widens
    use(gate, comes)
    later(gate, clock, 220)
    retire(gate)
    assert "birth-date" not in held(gate, waits)
    assert "birth-date" in held(gate, comes)
    deleted = [each.entry for each in gate.entries(waits) if each.entry.kind == "retention"]
    assert {(each.policy, each.policies) for each in deleted} == {(LONGER.digest, (first.digest,))}
    later(gate, clock, 200)
    retire(gate)
    assert "birth-date" not in held(gate, comes)
    deleted = [each.entry for each in gate.entries(comes) if each.entry.kind == "retention"]
    assert {each.policies for each in deleted} == {()}


def test_a_shorter_time_to_keep_holds_at_once(gate: Gate, clock: Told) -> None:
    """Nobody has to come back for it, nor is it held back by an agreement that asks for notice."""
    gate.context = gate.context.under(version("1", (SIX_MONTHS, TWELVE_MONTHS)))
    gate.take_first_version()
    person, with_notice = closed(gate), closed(gate)
    agree(gate, with_notice, agreements.NOTICE)
    post(gate, version("2"))
    later(gate, clock, 220)
    retire(gate)
    assert "birth-date" not in held(gate, person)
    assert "birth-date" not in held(gate, with_notice)


def test_what_is_kept_at_an_erasure_is_what_every_version_of_theirs_keeps(gate: Gate) -> None:
    """A version that keeps more keeps no more of somebody whom it does not bind yet."""
    gate.take_first_version()
    first = gate.policy
    waits, comes = customer(gate), customer(gate)
    for each in (waits, comes):
        gate.record(each, "invoice", fact="account-unsettled")
    post(gate, MORE)
    use(gate, comes)
    (erased,) = erase(gate, [waits], now=True)
    assert "birth-date" in erased.erased
    assert any("name" in each.data for each in erased.kept)
    (erased,) = erase(gate, [comes], now=True)
    assert "birth-date" not in erased.erased
    assert any("birth-date" in each.data for each in erased.kept)
    with reading(gate.engine) as connection:
        lines = list(account(connection, gate.policy, AccountQuery()))
    begun = [each.entry for each in lines if each.entry.kind == "erasure.begun"]
    assert [each.policies for each in begun] == [(first.digest,), ()]


def test_what_is_owed_is_owed_by_the_first_day_that_a_version_of_theirs_says(gate: Gate) -> None:
    """A later day waits for the next use, an earlier one holds at once."""
    gate.take_first_version()
    waits, comes = customer(gate), customer(gate)
    post(gate, LATER)
    use(gate, comes)
    for person, days in ((waits, 30), (comes, 40)):
        requested(gate, person)
        due = one(gate, person).due
        assert due is not None
        assert timedelta(days=days - 1) < due - gate.clock.now() <= timedelta(days=days)


def test_an_earlier_day_of_what_is_owed_holds_at_once(gate: Gate, person: PersonId) -> None:
    """Without the person's coming back, and the act closes one item."""
    post(gate, SOONER)
    requested(gate, person)
    due = one(gate, person).due
    assert due is not None
    assert timedelta(days=9) < due - gate.clock.now() <= timedelta(days=10)
    gate.answer_access(person)
    assert of(gate, person) == [("done", "answer-access", "access")]


def test_what_a_version_no_longer_owes_stays_owed_to_whom_the_one_before_binds(
    gate: Gate, clock: Told
) -> None:
    """It is late for them, and lapses for whom the new version binds."""
    gate.take_first_version()
    waits, comes = customer(gate), customer(gate)
    for each in (waits, comes):
        requested(gate, each)
    post(gate, UNOWED)
    use(gate, comes)
    later(gate, clock, 31)
    obligations.mark_overdue(gate)
    assert of(gate, waits) == [("late", "answer-access", "access")]
    assert of(gate, comes) == [("lapsed", "answer-access", "access")]
    requested(gate, waits)
    assert len(of(gate, waits)) == 2
    requested(gate, comes)
    assert len(of(gate, comes)) == 1


def test_what_began_to_be_owed_by_time_is_opened_by_an_older_version_too(
    gate: Gate, clock: Told
) -> None:
    """The record began later, when the version in force owed nothing for it any more."""
    gate.take_first_version()
    person = customer(gate)
    gate.record(
        person,
        "request",
        fact="access-requested",
        valid_from=gate.clock.now() + timedelta(days=2),
    )
    assert of(gate, person) == []
    post(gate, UNOWED)
    later(gate, clock, 3)
    assert obligations.open_due_obligations(gate) == 1
    assert of(gate, person) == [("open", "answer-access", "access")]


def test_an_act_on_many_reads_what_an_older_version_needs_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many reads for eighteen people under three versions as for six; an entry each set."""
    gate.context = gate.context.under(with_interests("1", " when has-service"))
    gate.take_first_version()
    few = [customer(gate) for _ in range(6)]
    many = [customer(gate) for _ in range(18)]
    post(gate, with_interests("2", " when has-service or account-closed"))
    for each in (*few[:2], *many[:6]):
        use(gate, each)
    post(gate, with_interests("3", ""))
    for each in (*few[2:4], *many[6:12]):
        use(gate, each)
    reads: list[int] = []
    fetch = reading_of_acts.fetch

    def counted(connection: Connection, people: Sequence[PersonId], *more: Any) -> Any:
        reads.append(len(people))
        return fetch(connection, people, *more)

    monkeypatch.setattr(reading_of_acts, "fetch", counted)
    for whom in (few, many):
        reads.clear()
        outcomes = gate.sweep("use", whom, ["interests"], purpose="service-improvement")
        assert not any(isinstance(each, Refused) for each in outcomes.values())
        third = len(whom) // 3
        assert reads == [3 * third, 2 * third, third]
        assert len({gate.entries(each)[-1].number for each in whom}) == 3


def test_a_table_of_people_is_screened_as_acts_on_each_of_them_are_decided(gate: Gate) -> None:
    """By the versions that the report says bind them, row by row and one by one."""
    versions = [version("1"), with_interests("2", " when has-service"), with_interests("3", "")]
    gate.context = gate.context.under(versions[0])
    gate.take_first_version()
    people = [customer(gate) for _ in range(4)]
    for each, number in ((versions[1], 1), (versions[2], 2)):
        post(gate, each)
        for person in people[number:3]:
            use(gate, person)
    lines = {each.person_id: each.edition.version for each in bound_people(gate)}
    assert sorted(lines.values()) == ["1", "1", "2", "3"]
    question = {"action": "use", "data": "interests", "purpose": "service-improvement"}
    table = ibis.memtable(pa.table({"person": list(lines), "bound": list(lines.values())}))
    facts = {"has-service": True, "erased": False, "objected": False}
    screened = screen_versions(versions, table, question, facts, bound="bound")
    rows = screened.to_pyarrow().to_pylist()
    one_by_one = gate.sweep("use", people, ["interests"], purpose="service-improvement")
    assert {each["person"]: each["allowed"] for each in rows} == {
        person: not isinstance(each, Refused) for person, each in one_by_one.items()
    }
    assert sorted(lines[each["person"]] for each in rows if each["allowed"]) == ["2", "3"]
