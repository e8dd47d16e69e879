"""What is owed is opened once, closed by the act, lapses with its condition, and is said late."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gate.conftest import Told, customer, later
from upheld.core.clock import ClockError
from upheld.core.ids import EntryNumber, PersonId, RecordId
from upheld.database.transaction import reading
from upheld.gate import obligations
from upheld.gate.act.duties import DutyError
from upheld.gate.act.request import Act
from upheld.gate.gate import Gate
from upheld.gate.obligations import Obligation
from upheld.gate.public import REGISTER
from upheld.gate.transaction import GateTransaction
from upheld.ledger.entries import Entry
from upheld.policy.load import load_text

ALL = ("open", "late", "done", "lapsed")


def of(gate: Gate, person: PersonId) -> list[tuple[str, str, str]]:
    """State, action and clause of a person's items."""
    with reading(gate.engine) as connection:
        item = obligations.obligations_in(connection, ALL, person)
    return [(each.state, each.action, each.clause) for each in item]


def one(gate: Gate, person: PersonId) -> Obligation:
    """The only item of a person."""
    with reading(gate.engine) as connection:
        (item,) = obligations.obligations_in(connection, ALL, person)
    return item


def requested(gate: Gate, person: PersonId, fact: str = "access-requested") -> RecordId:
    """A request by a person: the record of it."""
    kind = gate.context.policy.program.vocabulary.facts[fact].proof
    facts = gate.context.policy.program.vocabulary.facts
    several = sum(each.proof == kind for each in facts.values()) > 1
    return gate.record(person, kind, fact=fact if several else "")


def test_a_request_opens_what_is_owed_and_the_act_closes_it(gate: Gate) -> None:
    """The item says by which clause, until when, and by which entries it was opened and closed."""
    person = customer(gate)
    assert of(gate, person) == []
    record = requested(gate, person)
    opened = one(gate, person)
    assert (opened.state, opened.action, opened.clause) == ("open", "answer-access", "access")
    assert opened.basis == record
    assert opened.due is not None
    assert timedelta(days=29) < opened.due - gate.context.clock.now() <= timedelta(days=30)
    assert gate.entries(person)[-1].number == opened.entry
    result = gate.answer_access(person)
    closed = one(gate, person)
    assert (closed.state, closed.closed) == ("done", result.entry)


def test_each_request_is_owed_once_and_the_next_one_anew(gate: Gate) -> None:
    """What was answered stays answered, however often its record is looked at."""
    person = customer(gate)
    requested(gate, person)
    requested(gate, person, "correction-requested")
    gate.answer_access(person)
    assert obligations.open_due_obligations(gate) == 0
    requested(gate, person)
    assert sorted(of(gate, person)) == [
        ("done", "answer-access", "access"),
        ("open", "answer-access", "access"),
        ("open", "answer-correction", "correction"),
    ]


def test_a_refused_or_another_act_closes_nothing(gate: Gate) -> None:
    """Only an allowed act of the kind discharges what is owed."""
    person, other = customer(gate), customer(gate)
    requested(gate, person)
    requested(gate, other)
    gate.use(person, ["email"], purpose="billing")
    gate.answer_access(other)
    assert of(gate, person) == [("open", "answer-access", "access")]


def test_what_is_no_longer_asked_for_lapses(gate: Gate) -> None:
    """A request that was withdrawn is owed no more."""
    person = customer(gate)
    record = requested(gate, person)
    gate.withdraw(person, record)
    assert of(gate, person) == [("lapsed", "answer-access", "access")]
    assert obligations.mark_overdue(gate) == 0


def test_what_was_not_done_in_time_is_late_with_an_entry(gate: Gate, clock: Told) -> None:
    """The job says so once, and doing it later closes it all the same."""
    person = customer(gate)
    requested(gate, person)
    assert obligations.mark_overdue(gate) == 0
    later(gate, clock, 31)
    assert obligations.mark_overdue(gate) == 1
    assert obligations.mark_overdue(gate) == 0
    last = gate.entries(person)[-1].entry
    assert (last.kind, last.action, last.clauses) == ("late", "answer-access", ("access",))
    assert of(gate, person) == [("late", "answer-access", "access")]
    gate.answer_access(person)
    assert of(gate, person) == [("done", "answer-access", "access")]


def test_a_record_that_ran_out_lapses_when_its_item_falls_due(gate: Gate, clock: Told) -> None:
    """Nobody is told late of what is no longer owed."""
    person = customer(gate)
    kind = gate.context.policy.program.vocabulary.facts["access-requested"].proof
    gate.record(person, kind, fact="access-requested", ends=clock.now() + timedelta(days=5))
    later(gate, clock, 31)
    assert obligations.mark_overdue(gate) == 1
    assert of(gate, person) == [("lapsed", "answer-access", "access")]
    assert gate.entries(person)[-1].entry.kind == "lapsed"


def test_a_request_that_begins_later_is_owed_from_then_on(gate: Gate, clock: Told) -> None:
    """Time runs from when the record says that it came to hold."""
    person = customer(gate)
    kind = gate.context.policy.program.vocabulary.facts["access-requested"].proof
    valid_from = clock.now() + timedelta(days=3)
    gate.record(person, kind, fact="access-requested", valid_from=valid_from)
    assert obligations.open_due_obligations(gate) == 0
    assert of(gate, person) == []
    later(gate, clock, 5)
    assert obligations.open_due_obligations(gate) == 1
    assert obligations.open_due_obligations(gate) == 0
    result = one(gate, person)
    assert result.due is not None
    assert abs(result.due - valid_from - timedelta(days=30)) < timedelta(seconds=1)


def test_a_clock_that_was_set_makes_nothing_late(gate: Gate, clock: Told) -> None:
    """Until somebody takes the time as it is, what is due waits."""
    person = customer(gate)
    requested(gate, person)
    obligations.mark_overdue(gate)
    clock.ahead = timedelta(days=31)
    for job in (obligations.mark_overdue, obligations.open_due_obligations):
        with pytest.raises(ClockError):
            job(gate)
    assert of(gate, person) == [("open", "answer-access", "access")]


def test_what_is_to_be_deleted_is_done_by_its_handler_and_is_late_without_one(
    gate: Gate, clock: Told
) -> None:
    """A handler that fails is tried again, costs the others nothing, and is asked in time only."""
    person = customer(gate)
    for number in range(3):
        field_values = {"balance": f"{number}"}
        gate.store(person, field_values, source="customer", occasion="service-use")
    later(gate, clock, 1000)
    words: list[int] = []

    def delete(transaction: GateTransaction, item: Obligation) -> EntryNumber:
        words.append(item.entry)
        if len(words) == 2:
            raise DutyError("not now", code="duty")
        return transaction._note(item.person_id, transaction.context.clock.now(), kind="deleted")

    gate.context.duty_handlers.add_due("delete", delete)
    with pytest.raises(DutyError):
        gate.context.duty_handlers.add_due("delete", delete)
    assert obligations.mark_overdue(gate) == 2
    assert obligations.mark_overdue(gate) == 1
    assert len(words) == 4
    assert {state for state, *_ in of(gate, person)} == {"done"}


def test_without_a_handler_what_is_due_is_late_until_there_is_one(gate: Gate, clock: Told) -> None:
    """Nothing that the policy promised is forgotten for want of a part that does it."""
    person = customer(gate)
    gate.store(person, {"balance": "1"}, source="customer", occasion="service-use")
    later(gate, clock, 1000)
    assert obligations.mark_overdue(gate) == 1
    assert [state for state, *_ in of(gate, person)] == ["late"]
    gate.context.duty_handlers.add_due("delete", lambda _, item: item.entry)
    assert obligations.mark_overdue(gate) == 1
    assert [state for state, *_ in of(gate, person)] == ["done"]


def test_a_register_opens_nothing_and_a_policy_without_musts_owes_nothing(gate: Gate) -> None:
    """Only a record of a person's own brings about what is owed to that person."""
    person = customer(gate)
    about = {"source": ["business-partner"]}
    gate.record(REGISTER, "partner-register", party="acme", about=about)
    assert of(gate, person) == []
    text = "---\npolicy: A\n---\n\nWe serve. {#a}\n\n```rule\nmay serve\n```\n"
    assert obligations.obligation_rules(load_text(text)) == ()


def test_many_people_close_what_is_owed_in_one_sweep(gate: Gate) -> None:
    """A batch discharges each person's own item."""
    everybody = [customer(gate) for _ in range(3)]
    for person in everybody:
        requested(gate, person)
    with gate.together() as transaction:
        transaction.sweep(Act(action="answer-access"), everybody)
    assert [of(gate, person)[0][0] for person in everybody] == ["done"] * 3
    assert isinstance(gate.entries(everybody[0])[-1].entry, Entry)
