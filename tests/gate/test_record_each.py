"""A record of many people at once is what the same records one after the other are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gate.conftest import Told, customer, later
from gate.test_faults import problems
from gate.test_items import ALL
from gate.versions import post, version
from sizes import size
from upheld.core.ids import PersonId, RecordId
from upheld.database.transaction import reading
from upheld.gate import obligations
from upheld.gate.erasure.erase import erase
from upheld.gate.evidence.records import RecordError
from upheld.gate.gate import Gate
from upheld.gate.recording import TOGETHER
from upheld.vault.people import VaultError

SOONER = version("2", ("answer-access within 30 days", "answer-access within 10 days"))
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "request": [{"fact": "access-requested"}, {"fact": "correction-requested", "text": "Why?"}],
    "consent": [
        {"about": {"data": ["email"], "purpose": ["offers"], "recipient": ["business-partner"]}}
    ],
    "service-order": [{"fact": "has-service", "by_whom": "customer"}],
}
STEPS = st.tuples(
    st.sampled_from([(kind, options) for kind, some in OPTIONS.items() for options in some]),
    st.sampled_from([{}, {"actor": "staff max"}, {"by_whom": "browser", "how": "page"}]),
    st.sampled_from([None, 5]),
    st.sampled_from(["keep", "withdraw", "end"]),
    st.lists(st.integers(0, 3), min_size=1, max_size=4, unique=True),
)


def state(gate: Gate, person: PersonId) -> list[Any]:
    """Somebody's records, items and entries, without ids and moments."""
    with gate.together() as transaction:
        mine, _ = transaction.records_of([person], ["request", "consent", "service-order"])
        texts = [transaction.text_shown(person, each.record_id) for each in mine]
    names = {each.record_id: number for number, each in enumerate(mine)}
    with reading(gate.engine) as connection:
        items = obligations.obligations_in(connection, ALL, person)
    now = gate.clock.now()
    told = [
        (
            each.entry.kind,
            each.entry.action,
            each.entry.actor,
            sorted(names[e] for e in map(RecordId, each.entry.evidence) if e in names),
        )
        for each in gate.entries(person)
        if each.entry.kind == "record"
    ]
    return [
        [
            (r.kind, r.fact, r.about, r.by_whom, r.how, r.ends is None, r.withdrawn is None, text)
            for r, text in zip(mine, texts, strict=True)
        ],
        sorted(
            (
                each.state,
                each.action,
                each.clause,
                each.due and round((each.due - now) / timedelta(hours=6)),
                names.get(RecordId(each.basis)),
                each.closed is None,
            )
            for each in items
        ),
        told,
    ]


@pytest.fixture(name="twins")
def _twins(gate: Gate, clock: Told) -> list[tuple[PersonId, PersonId]]:
    """Four pairs, two of whom another version binds than the others."""
    gate.take_first_version()
    before = [(customer(gate), customer(gate)) for _ in range(2)]
    later(gate, clock, 5)
    post(gate, SOONER)
    return [*before, *((customer(gate), customer(gate)) for _ in range(2))]


@settings(
    max_examples=size("lots of records that are kept at once", short=12, long=100),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(step=STEPS)
def test_a_lot_is_what_its_records_are_one_by_one(
    gate: Gate, twins: list[tuple[PersonId, PersonId]], step: Any
) -> None:
    """The same records, texts, entries, and the same is owed by the same day, or lapses."""
    (kind, options), more, days, then, chosen = step
    options = {**options, **more}
    if days is not None:
        options["ends"] = gate.clock.now() + timedelta(days=days)
    ones, others = ([twins[at][which] for at in chosen] for which in (0, 1))
    with gate.together() as transaction:
        mine = {each: transaction.record(each, kind, **options) for each in ones}
        its = transaction.record_each(others, kind, **options)
    assert list(its) == others
    if then != "keep":
        with gate.together() as transaction:
            for person, record in mine.items():
                transaction.withdraw(person, record, ended=then == "end", actor="guardian")
            transaction.withdraw_each(its, ended=then == "end", actor="guardian")
    for one, other in zip(ones, others, strict=True):
        assert state(gate, one) == state(gate, other)


def test_whoever_is_erased_is_left_out_and_the_others_share_entries(gate: Gate) -> None:
    """A hundred in one, whom a copy of the log does not name; one who is alone has their own."""
    people = [gate.enrol() for _ in range(TOGETHER + 2)]
    erase(gate, [people[1]])
    with gate.together() as transaction:
        with pytest.raises(VaultError):
            transaction.record(people[1], "service-order", fact="has-service")
        ids = transaction.record_each([*people, people[0]], "service-order", fact="has-service")
    assert list(ids) == [people[0], *people[2:]]
    assert ids[people[-1]] in gate.entries(people[-1])[-1].entry.evidence
    numbers = {gate.entries(each)[-1].number for each in ids}
    assert len(numbers) == 2
    assert not problems(gate)
    wrong = {people[0]: ids[people[0]], people[2]: RecordId("0" * 32)}
    with gate.together() as transaction:
        with pytest.raises(RecordError, match="no record"):
            transaction.withdraw_each(wrong)
        (record,), _ = transaction.records_of([people[0]], ["service-order"])
        assert record.withdrawn is None
