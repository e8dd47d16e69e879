"""Which versions are asked about somebody is worked out once, and again when anything changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, Engine

from gate.conftest import customer
from gate.test_bound_versions import agree, use
from gate.versions import IMPROVING, NARROWER, WIDER, post, post_version, version
from upheld.core.ids import PersonId
from upheld.database.covers import cover_of, write_cover
from upheld.database.seals import SealedError
from upheld.database.statements import rows, run
from upheld.database.transaction import reading, writing
from upheld.gate.act import asked_versions
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.request import Act
from upheld.gate.editions import bound
from upheld.gate.evidence.records import Record
from upheld.gate.gate import Gate
from upheld.gate.operations.selfcheck import check

READS = asked_versions._records


@pytest.fixture(name="reads")
def _reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many people each reading of records is about."""
    counts: list[int] = []

    def counting(connection: Connection, covers: Mapping[PersonId, Any]) -> Any:
        counts.append(len(covers))
        return READS(connection, covers)

    monkeypatch.setattr(asked_versions, "_records", counting)
    return counts


def of_kind(gate: Gate, person: PersonId) -> list[Record]:
    """Somebody's first uses."""
    with gate.together() as transaction:
        return transaction.records_of([person], [bound.FIRST_USE])[0]


def covers_of(connection: Connection, people: Sequence[PersonId]) -> list[object]:
    """The sealed covers of some people."""
    statement = "SELECT cover FROM person WHERE person_id = ?"
    return [rows(connection, statement, each)[0][0] for each in people]


def asked_besides(gate: Gate, person: PersonId) -> int:
    """Of how many versions besides the one in force an act is asked that rests on no fact."""
    gate.use(person, ["email"], purpose="billing")
    return len(gate.entries(person)[-1].entry.policies)


def test_of_those_who_only_use_our_services_no_record_is_read(gate: Gate, reads: list[int]) -> None:
    """Their covers say when they last used a version; of others records are read once."""
    person = customer(gate)
    post_version(gate, "2", WIDER)
    assert [asked_besides(gate, person) for _ in range(3)] == [1, 1, 1]
    gate.record(person, "invoice", fact="account-unsettled")
    assert asked_besides(gate, person) == 1
    use(gate, person)
    assert [asked_besides(gate, person) for _ in range(3)] == [0, 0, 0]
    assert reads == []
    agree(gate, person, "agreement-needs-approval")
    post_version(
        gate, "3", (IMPROVING, "may use activity, services, interests for service-improvement")
    )
    use(gate, person)
    assert [asked_besides(gate, person) for _ in range(2)] == [1, 1]
    assert reads == [1]


def test_records_of_many_people_are_read_at_once(gate: Gate, reads: list[int]) -> None:
    """One question for all of whom it must be asked and of whom nothing is remembered."""
    people = [customer(gate) for _ in range(6)]
    post_version(gate, "2", WIDER)
    use(gate, people[0])
    for each in people[1:4]:
        agree(gate, each, "agreement-needs-approval")
    for _ in range(2):
        gate.sweep("use", people, ["email"], purpose="billing")
    assert reads == [3]
    counts = [len(gate.entries(each)[-1].entry.policies) for each in people]
    assert counts == [0, 1, 1, 1, 1, 1]


def test_no_more_people_are_remembered_than_a_process_can_bear(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those whose records were read come first, and the others are asked of the same versions."""
    monkeypatch.setattr(asked_versions, "REMEMBERED_MAX", 2)
    people = [customer(gate) for _ in range(5)]
    post_version(gate, "2", WIDER)
    for each in people[:2]:
        use(gate, each)
    agree(gate, people[4], "agreement-needs-notice")
    for _ in range(2):
        gate.sweep("use", people, ["email"], purpose="billing")
        counts = [len(gate.entries(each)[-1].entry.policies) for each in people]
        assert counts == [0, 0, 1, 1, 1]
        assert len(gate.context.outlooks) <= 2
        assert people[4] in gate.context.outlooks


@pytest.mark.parametrize("ended", [True, False])
def test_a_cover_tells_no_use_that_is_over(gate: Gate, reads: list[int], ended: bool) -> None:
    """Once such a record ends, is withdrawn or joined by another, records are read again."""
    person = customer(gate)
    post_version(gate, "2", WIDER)
    use(gate, person)
    assert asked_besides(gate, person) == 0
    assert reads == []
    (record,) = of_kind(gate, person)
    with gate.together() as transaction:
        transaction.withdraw(person, record.record_id, ended=ended)
    assert asked_besides(gate, person) == 1
    assert reads == [1]
    gate.record(person, bound.FIRST_USE, fact=bound.USED)
    assert asked_besides(gate, person) == 0
    assert reads == [1, 1]


def test_a_cover_that_tells_no_use_gives_the_same_answer(gate: Gate, reads: list[int]) -> None:
    """Covers of an earlier upheld say nothing of it: records are read, and the answer is theirs."""
    never, earlier, lately = people = [customer(gate) for _ in range(3)]
    post_version(gate, "2", WIDER)
    for each in (earlier, lately):
        use(gate, each)
    post(gate, version("3", NARROWER), wider=True)
    use(gate, lately)
    counts = [asked_besides(gate, each) for each in people]
    assert (counts, reads) == ([2, 1, 0], [])
    with gate.writing() as connection:
        for each in people:
            cover = cover_of(connection, each)
            cover.latest.clear()
            write_cover(connection, each, cover)
    gate.context.outlooks.clear()
    assert [asked_besides(gate, each) for each in people] == counts
    assert reads == [1, 1]
    use(gate, never)
    assert asked_besides(gate, never) == 0
    assert reads == [1, 1]


def test_what_another_process_records_counts_at_once(gate: Gate, reads: list[int]) -> None:
    """What is remembered is of the records that are there, whoever wrote them."""
    person = customer(gate)
    post_version(gate, "2", WIDER)
    assert asked_besides(gate, person) == 1
    other = Gate(gate.engine, gate.policy, gate.context.keyring, gate.clock)
    use(other, person)
    assert asked_besides(gate, person) == 0
    assert reads == []


def test_a_first_use_that_somebody_takes_away_or_adds_moves_nobody(
    gate: Gate, engine: Engine
) -> None:
    """The sealed cover decides by itself; the self-check names whose rows it no longer tells of."""
    used, other = customer(gate), customer(gate)
    post_version(gate, "2", WIDER)
    use(gate, used)
    (record,) = of_kind(gate, used)
    with writing(engine) as connection:
        run(
            connection,
            "UPDATE record SET person_id = ? WHERE person_id = ? AND kind = ?",
            other,
            used,
            bound.FIRST_USE,
        )
    assert [asked_besides(gate, each) for each in (used, other)] == [0, 1]
    with reading(engine) as connection:
        problems = " ".join(check(connection, gate.context.keyring).problems)
    assert f"{record.record_id} is missing" in problems
    assert f"`record` {other}" in problems
    with pytest.raises(SealedError):
        of_kind(gate, other)


def test_covers_of_two_people_that_are_exchanged_tell_nothing(gate: Gate, engine: Engine) -> None:
    """Each is asked of every version, as whose rows are in doubt."""
    used, other = customer(gate), customer(gate)
    post_version(gate, "2", WIDER)
    use(gate, used)
    with writing(engine) as connection:
        for one, its in zip((used, other), covers_of(connection, (other, used)), strict=True):
            run(connection, "UPDATE person SET cover = ? WHERE person_id = ?", its, one)
    with gate.writing() as connection:
        act = Act(action="use", data=("email",), purpose="billing")
        execution = ActExecution(gate.context, connection, act, entitled=True)
        data = execution.load([used, other])
        waiting = [execution.older_versions(data).waiting(each) for each in (used, other)]
    assert waiting == [gate.context.editions[:-1]] * 2


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
