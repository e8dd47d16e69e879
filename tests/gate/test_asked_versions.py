"""Which versions are asked about somebody is worked out once, and again when anything changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from gate.conftest import customer
from gate.test_bound_versions import agree, use
from gate.versions import IMPROVING, NARROWER, WIDER, post_version
from upheld.core.ids import PersonId
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.gate.act import asked_versions
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.request import Act
from upheld.gate.gate import Gate

READS = asked_versions._records


@pytest.fixture(name="reads")
def _reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many people each reading of records is about."""
    counts: list[int] = []

    def counting(connection: Connection, covers: Mapping[str, Any]) -> Any:
        counts.append(len(covers))
        return READS(connection, covers)

    monkeypatch.setattr(asked_versions, "_records", counting)
    return counts


def asked_besides(gate: Gate, person: PersonId) -> int:
    """Of how many versions besides the one in force an act is asked that rests on no fact."""
    gate.use(person, ["email"], purpose="billing")
    return len(gate.entries(person)[-1].entry.policies)


def test_an_act_that_rests_on_no_fact_reads_records_once(gate: Gate, reads: list[int]) -> None:
    """Until a record that counts for it changes; whatever else is recorded changes nothing."""
    person = customer(gate)
    post_version(gate, "2", WIDER)
    assert [asked_besides(gate, person) for _ in range(3)] == [1, 1, 1]
    assert reads == [1]
    gate.record(person, "invoice", fact="account-unsettled")
    assert asked_besides(gate, person) == 1
    assert reads == [1]
    use(gate, person)
    assert [asked_besides(gate, person) for _ in range(3)] == [0, 0, 0]
    assert reads == [1, 1]
    agree(gate, person, "agreement-needs-approval")
    post_version(
        gate, "3", (IMPROVING, "may use activity, services, interests for service-improvement")
    )
    use(gate, person)
    assert [asked_besides(gate, person) for _ in range(2)] == [1, 1]
    assert reads == [1, 1, 1]


def test_many_people_are_read_at_once(gate: Gate, reads: list[int]) -> None:
    """One question for all of them of whom nothing is remembered."""
    people = [customer(gate) for _ in range(6)]
    post_version(gate, "2", WIDER)
    use(gate, people[0])
    for _ in range(2):
        gate.sweep("use", people, ["email"], purpose="billing")
    assert reads == [6]
    counts = [len(gate.entries(each)[-1].entry.policies) for each in people]
    assert counts == [0, 1, 1, 1, 1, 1]


def test_what_another_process_records_counts_at_once(gate: Gate, reads: list[int]) -> None:
    """What is remembered is of the records that are there, whoever wrote them."""
    person = customer(gate)
    post_version(gate, "2", WIDER)
    assert asked_besides(gate, person) == 1
    other = Gate(gate.engine, gate.policy, gate.context.keyring, gate.clock)
    use(other, person)
    assert asked_besides(gate, person) == 0
    assert reads == [1, 1]


def test_whose_cover_was_changed_is_asked_of_every_version(
    gate: Gate, engine: Engine, person: PersonId
) -> None:
    """What is remembered of somebody holds for nothing that we did not write."""
    post_version(gate, "2", NARROWER)
    use(gate, person)
    assert asked_besides(gate, person) == 0
    with writing(engine) as connection:
        run(connection, "UPDATE person SET cover = ? WHERE person_id = ?", b"x" * 60, person)
    with gate.writing() as connection:
        act = Act(action="use", data=("email",), purpose="billing")
        execution = ActExecution(gate.context, connection, act, entitled=True)
        data = execution.load([person])
        waiting = execution.older_versions(data).waiting(person)
    assert waiting == gate.context.editions[:-1]
