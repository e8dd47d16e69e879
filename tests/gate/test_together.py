"""Acts at once: one sync for many, locks that hold, and several processes on one database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import upheld
from gate.conftest import customer
from gate.test_gate import OFFERS, TO_PARTNER
from gate.test_proofs import may_share
from processes import PATIENCE
from sizes import size
from tally import tried
from upheld.core.ids import PersonId
from upheld.database import connection as link
from upheld.database import covers
from upheld.database.connection import WriteConnection
from upheld.database.errors import DatabaseError
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate import recording
from upheld.gate.act import reads
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.async_gate import AsyncGate, open_gate
from upheld.gate.gate import Gate
from upheld.gate.log.entries import damaged, last_of
from upheld.gate.transaction import GateTransaction
from upheld.vault import people
from upheld.vault.keyring import Keyring

ACTS = size("acts of each process on one database", short=15, long=100)
SHARE = Act(
    action="share",
    data=("email",),
    recipient="business-partner",
    purpose="offers",
    occasion="other",
)
ONE = """
import sys
from pathlib import Path
from upheld.database.engines import open_database
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.policy.load import load
from upheld.vault.keyring import KeyFile, Keyring
url, home, person, count = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
keyring = Keyring.open(home / "keyring", KeyFile(home / "master"))
gate = Gate(open_database(url), load(sample_policy()), keyring)
for _ in range(count):
    print(gate.use(person, ["email"], purpose="billing").entry, flush=True)
"""


def test_any_number_of_people_is_locked_some_at_a_time(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many a statement takes; whoever is not there is left out, and the order stays."""
    monkeypatch.setattr(covers, "OWNERS_MAX", 2)
    persons = [customer(gate) for _ in range(5)]
    ids = [*persons, PersonId("0" * 32)]
    with gate.together() as transaction:
        assert transaction.lock_present(ids) == persons
        transaction.lock(*persons)


def test_who_chooses_for_a_sweep_says_by_what(gate: Gate) -> None:
    """Else everybody would be chosen."""
    person = customer(gate)
    with gate.together() as transaction, pytest.raises(TypeError, match="only_if"):
        transaction.sweep(SHARE, [person], chooses=lambda *_: False)


def test_what_is_asked_of_many_at_once_is_answered_as_of_each(gate: Gate) -> None:
    """One who consented, one who did not, and one who took it back; of nobody, nothing."""
    consenting, silent, sorry = [customer(gate) for _ in range(3)]
    gate.record(consenting, "consent", about=OFFERS)
    gate.withdraw(sorry, gate.record(sorry, "consent", about=OFFERS))
    with gate.together() as transaction:
        answers = transaction.peek_each([consenting, silent, sorry], SHARE)
        alone = {each: transaction.peek(each, SHARE) for each in answers}
        assert transaction.peek_each([], SHARE) == {}
    assert answers == alone
    assert len({each.outcome for each in answers.values()}) > 1


def test_what_several_acts_are_answered_at_once_is_what_each_is_answered(gate: Gate) -> None:
    """Of people who differ, whichever act comes first; of nobody, and of no act, nothing."""
    consenting, silent = customer(gate), customer(gate)
    gate.record(consenting, "consent", about=OFFERS)
    use = Act(action="use", data=("email",), purpose="billing")
    with gate.together() as transaction:
        for acts in ([SHARE, use], [use, SHARE], [SHARE], []):
            answers = transaction.peek_acts([consenting, silent], acts)
            assert answers == {
                each: [transaction.peek(each, act) for act in acts] for each in (consenting, silent)
            }
        assert transaction.peek_acts([], [SHARE]) == {}


def withdrawn_meanwhile(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch, wait: float
) -> tuple[list[str], Any]:
    """An act between whose proof and entry somebody withdraws; the order of what was confirmed."""
    record = gate.record(person, "consent", about=OFFERS)
    order: list[str] = []
    proven = threading.Event()
    inner = ActExecution._decide

    def withdraw() -> None:
        proven.wait()
        gate.withdraw(person, record)
        order.append("withdrawn")

    thread = threading.Thread(target=withdraw)
    thread.start()

    def decided(*words: Any) -> Any:
        proven.set()
        thread.join(timeout=wait)
        return inner(*words)

    result: Any = None
    with monkeypatch.context() as patch:
        patch.setattr(ActExecution, "_decide", decided)
        try:
            with gate.together() as transaction:
                result = transaction.act(SHARE, person)
            order.append("shared")
        except DatabaseError as error:
            order.append(error.code)
    thread.join()
    return order, result


def test_a_withdrawal_that_was_confirmed_stops_an_act_that_is_not_committed(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told that a permission is withdrawn has no act after it: the act came first."""
    order, result = withdrawn_meanwhile(gate, person, monkeypatch, wait=0.5)
    assert isinstance(result, ActResult)
    assert sorted(order) == ["shared", "withdrawn"]  # which thread says so first is chance
    with reading(gate.engine) as connection:
        last = last_of(connection)
    assert last is not None
    assert last[0] == result.entry + 1
    assert may_share(gate, person) != "allow"


def test_without_the_locks_a_confirmed_withdrawal_would_come_in_between(
    gate: Gate, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: on PostgreSQL the act goes through all the same, on SQLite it fails late."""
    monkeypatch.setattr(link, "IMMEDIATE", "BEGIN")
    monkeypatch.setattr(link, "ADVISORY_LOCK", ("SELECT 1", ()))
    monkeypatch.setattr(people, "lock", lambda *_: None)
    finding = reads._finding.__wrapped__
    monkeypatch.setattr(reads, "_finding", lambda *words: finding(*words).split(" ORDER BY ")[0])
    monkeypatch.setattr(recording, "_enter", lambda *_, **__: 0)  # two of one number would collide
    order, result = withdrawn_meanwhile(gate, person, monkeypatch, wait=PATIENCE)
    on_sqlite = gate.engine.dialect.name == "sqlite"
    assert order == ["withdrawn", "locked" if on_sqlite else "shared"]
    assert on_sqlite or isinstance(result, ActResult)


def test_two_who_store_for_one_person_at_once_wait_for_one_another(
    gate: Gate, person: PersonId
) -> None:
    """Neither is told that the other holds the database, and no revision is lost."""

    def store(turn: int) -> int:
        field_values = {"zip": str(turn)}
        return gate.store(person, field_values, source="customer", occasion="registration").entry

    with ThreadPoolExecutor(4) as threads:
        numbers = list(threads.map(store, range(12)))
    assert len(set(numbers)) == 12
    result = gate.use(person, ["zip"], purpose="fraud-detection")
    assert result.values["zip"].revision == 12


def test_processes_at_once_lose_no_entry(
    database_url: str, engine: Engine, policy: upheld.Policy, keyring: Keyring, tmp_path: Path
) -> None:
    """Four processes write; numbers follow one another, and each was told its own."""
    gate = Gate(engine, policy, keyring)
    person = customer(gate)
    with reading(engine) as connection:
        started = last_of(connection)
    command = [sys.executable, "-c", ONE, database_url, str(tmp_path), person, str(ACTS)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    numbers = [int(line) for each in running for line in each.communicate()[0].split()]
    assert [each.returncode for each in running] == [0] * 4
    assert started is not None
    assert sorted(numbers) == list(range(started[0] + 1, started[0] + 4 * ACTS + 1))
    with reading(engine) as connection:
        assert damaged(connection) == []
    tried("races", "acts of four processes at once, an entry each", engine, 4 * ACTS)


async def opened(url: str, keyring: Keyring) -> tuple[AsyncGate, PersonId]:
    """An open gate with a customer."""
    gate = open_gate(url, policy=sample_policy(), keys=keyring)
    return gate, customer(gate.gate)


def run(work: Any) -> None:
    """Run a coroutine, in a thread: the browser of other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def test_callers_at_once_share_commits_and_each_gets_their_own(
    database_url: str, keyring: Keyring
) -> None:
    """Sixty-four callers need far fewer transactions, and every entry is there."""

    async def work() -> None:
        gate, person = await opened(database_url, keyring)
        batches: list[int] = []
        inner = gate.gate.batch

        def counted(works: Any) -> Any:
            batches.append(len(works))
            return inner(works)

        gate.gate.batch = counted  # type: ignore[method-assign] # counts what it passes on
        async with gate:
            result = await asyncio.gather(
                *(gate.use(person, ["email"], purpose="billing") for _ in range(64))
            )
        assert sum(batches) == 64
        assert len(batches) < 10
        assert [each.entry for each in result] == sorted({each.entry for each in result})

    run(work())


def test_a_neighbour_that_fails_costs_nobody_else(database_url: str, keyring: Keyring) -> None:
    """Errors and refusals go to whoever asked; what the failing one did is undone."""

    async def work() -> None:
        gate, person = await opened(database_url, keyring)

        def broken(transaction: GateTransaction) -> None:
            transaction.enrol()
            rows(transaction.connection, "SELECT 1 FROM nowhere")

        def raising(transaction: GateTransaction) -> None:
            transaction.enrol()
            raise KeyError

        async with gate:
            result = await asyncio.gather(
                gate.use(person, ["email"], purpose="billing"),
                gate.do(broken),
                gate.do(raising),
                gate.share(person, ["email"], **TO_PARTNER),
                gate.enrol(),
                return_exceptions=True,
            )
            kinds = [type(each) for each in result]
            assert kinds == [ActResult, DatabaseError, KeyError, Refused, str]
            with reading(gate.gate.engine) as connection:
                everybody = rows(connection, "SELECT person_id FROM person WHERE state = 'active'")
            assert {each for (each,) in everybody} == {person, result[-1]}

    run(work())


def test_where_the_commit_fails_nobody_gets_values(
    database_url: str, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of a group are told, and nothing of it is there."""

    async def work() -> None:
        gate, person = await opened(database_url, keyring)
        before = len(gate.gate.entries(person))
        dialect = gate.gate.engine.dialect

        def failing(*_: Any) -> None:
            raise dialect.loaded_dbapi.OperationalError("no more")

        async with gate:
            with monkeypatch.context() as patch:
                patch.setattr(WriteConnection, "commit_all", failing)
                result = await asyncio.gather(
                    *(gate.use(person, ["email"], purpose="billing") for _ in range(8)),
                    return_exceptions=True,
                )
            assert [type(each) for each in result] == [DatabaseError] * 8
            assert len(gate.gate.entries(person)) == before
            assert (await gate.use(person, ["email"], purpose="billing"))["email"]

    run(work())


def test_a_closed_gate_takes_nothing_and_what_was_asked_is_finished(
    database_url: str, keyring: Keyring
) -> None:
    """Closing waits for the acts that were asked for; one that was given up is left out."""

    async def work() -> None:
        gate, person = await opened(database_url, keyring)
        words = [
            asyncio.create_task(gate.use(person, ["email"], purpose="billing")) for _ in range(20)
        ]
        await asyncio.sleep(0)
        words[-1].cancel()
        await gate.close()
        assert all(task.done() for task in words)
        with pytest.raises(RuntimeError):
            await gate.enrol()

    run(work())


def test_a_gate_has_a_call_for_each_action_and_no_other(gate: Gate, person: PersonId) -> None:
    """The vocabulary's actions are the calls."""
    assert gate.serve(person).decision.allowed
    with pytest.raises(AttributeError):
        gate.nonsense  # noqa: B018 - that it is asked for is the test
    with pytest.raises(AttributeError):
        AsyncGate(gate).nonsense  # noqa: B018 - as above


def test_a_sweep_leaves_out_whom_another_act_is_not_allowed_on(gate: Gate) -> None:
    """As if they had been asked about first: nothing is noted of them."""
    served, other = [customer(gate) for _ in range(2)], gate.enrol()
    service = Act(action="use", data=("email",), purpose="service-provision")
    act = Act(action="view", data=("email",))
    with gate.together() as transaction:
        people = [other, *served]
        assert [d.allowed for d in transaction.peek_each(people, service).values()] == [
            False,
            True,
            True,
        ]
        before = len(transaction.entries(other))
        outcomes = transaction.sweep(act, people, only_if=service)
        assert list(outcomes) == served
        assert outcomes.keys() == transaction.sweep(act, served).keys()
        alone = transaction.sweep(act, [other, served[0]], only_if=service)
        assert list(alone) == [served[0]]
        assert type(alone[served[0]]) is type(outcomes[served[0]])
        assert transaction.sweep(act, [other], only_if=service) == {}
        assert len(transaction.entries(other)) == before
