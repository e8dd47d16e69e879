"""What many people's acts owe, settle and store at once is what each one's would one by one."""

from __future__ import annotations

import pytest

from gate.conftest import customer
from gate.test_faults import problems
from gate.test_items import ALL, requested
from upheld.core.ids import PersonId
from upheld.database.transaction import reading
from upheld.gate import obligations
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.vault.people import VaultError

ANSWER = Act(action="answer-access")


def items(gate: Gate, person: PersonId) -> dict[str, tuple[str, int | None]]:
    """What somebody was or is owed, by the record: its state, and the entry that closed it."""
    with reading(gate.engine) as connection:
        mine = obligations.obligations_in(connection, ALL, person)
    return {each.basis: (each.state, each.closed) for each in mine if each.basis}


@pytest.mark.parametrize("settled", [True, False])
def test_each_act_of_many_settles_what_its_own_record_owes_by_its_own_entry(
    gate: Gate, settled: bool
) -> None:
    """Of somebody without such a record it settles all; what others are owed stays open."""
    people = [customer(gate) for _ in range(4)]
    first = {each: requested(gate, each) for each in people}
    second = {each: requested(gate, each) for each in people}
    settles = {each: first[each] for each in people[:2]} if settled else {}

    with gate.together() as transaction:
        outcomes = transaction.act_each(ANSWER, people[:3], settles=settles)
    entries = {each: outcome.entry for each, outcome in outcomes.items()}
    assert len(set(entries.values())) == len(entries)
    for each in people[:3]:
        done = {first[each]: ("done", entries[each]), second[each]: ("done", entries[each])}
        if each in settles:
            done[second[each]] = ("open", None)
        assert items(gate, each) == done
    last = people[3]
    assert items(gate, last) == {first[last]: ("open", None), second[last]: ("open", None)}
    assert problems(gate) == ()


def state(gate: Gate, person: PersonId) -> list[object]:
    """What is held of somebody in their messages, by which entries, and when it is to be deleted.

    Days alone: people are looked at who came one after the other.
    """
    with gate.together() as transaction:
        result = transaction.act(Act(action="use", data=("messages",), purpose="support"), person)
    assert not isinstance(result, Refused)
    with reading(gate.engine) as connection:
        mine = obligations.obligations_in(connection, ALL, person)
    due = [each for each in mine if each.kind == "delete"]
    stored = [each for each in gate.entries(person) if each.entry.data == ("messages",)]
    return [
        [(each.value, each.origin, each.revision) for each in result.series("messages")],
        [(each.due and each.due.date(), each.clause) for each in due],
        [(each.entry.action, len(each.entry.values), each.entry.clauses) for each in stored],
        {each.entry for each in due} <= {each.number for each in stored},
    ]


def test_rows_of_many_people_come_in_as_those_of_one_and_are_deleted_on_the_same_day(
    gate: Gate,
) -> None:
    """Of somebody who has some already they stand behind those."""
    several, alone = [customer(gate) for _ in range(3)], [customer(gate) for _ in range(3)]
    texts = (["a"], ["b", "c"], ["a", "d"])
    for each in (several[0], alone[0]):
        gate.append(each, "messages", ["first"], source="customer", occasion="service-use")
    with gate.together() as transaction:
        transaction.append_each(
            dict(zip(several, texts, strict=True)),
            "messages",
            source="customer",
            occasion="service-use",
        )
    for each, its in zip(alone, texts, strict=True):
        gate.append(each, "messages", its, source="customer", occasion="service-use")
    assert [state(gate, each) for each in several] == [state(gate, each) for each in alone]
    assert state(gate, several[2])[1]
    assert problems(gate) == ()


def test_rows_of_many_of_whom_one_cannot_have_them_come_in_of_nobody(gate: Gate) -> None:
    """One has a single value where a series would be."""
    people = [customer(gate) for _ in range(2)]
    gate.store(people[1], {"usage": "1"}, source="customer", occasion="service-use")
    with pytest.raises(VaultError), gate.together() as transaction:
        transaction.append_each(
            {each: ["2"] for each in people}, "usage", source="customer", occasion="service-use"
        )
    for each in people:
        with gate.together() as transaction:
            assert ("usage" in transaction.held_fields(each)) == (each == people[1])
    assert problems(gate) == ()
