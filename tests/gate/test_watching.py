"""Looks through everything in slices: what is changed is found within a round, and nothing else."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from gate.conftest import Told, customer, later
from gate.test_covering import add, cover
from gate.test_gate import OFFERS
from sizes import size
from upheld.core.errors import UpheldError
from upheld.database.statements import row, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import change_counts, findings, rounds
from upheld.gate.erasure import erase, retention
from upheld.gate.findings import StoredFinding
from upheld.gate.gate import Gate
from upheld.gate.operations import log_check, selfcheck_job
from upheld.gate.operations.log_check import LogRereading
from upheld.gate.operations.selfcheck_job import SelfCheckRound

ROUNDS = size("rounds of looks beside writers, on each database", short=3, long=12)
PEOPLE = 8  # who act beside the looks
CHANGES = {  # what is done to the database, and what of it is found
    "an entry says something else": ("UPDATE entry SET body = salt WHERE number = 7", "entry 7"),
    "an entry is gone": ("DELETE FROM entry WHERE number = 7", "entry 7"),
    "an entry is of another time": ("UPDATE entry SET at = at + 1 WHERE number = 7", "entry 7"),
    "an entry is another's": ("UPDATE entry SET person_id = NULL WHERE number = 2", "entry 2"),
    "the last entries are gone": ("DELETE FROM entry WHERE number > 590", "entry 591"),
    "what no checkpoint covers": ("UPDATE entry SET body = salt WHERE number = 605", "entry 605"),
    "a full tile": ("UPDATE tile SET hashes = 'x' WHERE level = 0 AND place = 0", "tile/0/000"),
    "the tile above": ("UPDATE tile SET hashes = 'x' WHERE level = 1", "tile/1/000"),
    "an old checkpoint": ("UPDATE checkpoint SET root = 'x' WHERE size = 300", "of 300 entries"),
    "an old note": ("UPDATE checkpoint SET note = 'x' WHERE size = 300", "of 300 entries"),
    "a value is gone": ("DELETE FROM value WHERE field = 'email'", "email"),
    "an older list of holdings": (
        "UPDATE person SET holdings = NULL WHERE person_id <> ''",
        "holds",
    ),
    "a record is gone": ("DELETE FROM record WHERE person_id <> ''", "record"),
    "somebody's state": ("UPDATE person SET state = 'gone' WHERE person_id <> ''", "key of person"),
    "somebody's key": ("UPDATE person_key SET wrapped_key = 'x'", "key of person"),
    "somebody is gone": ("DELETE FROM person WHERE person_id <> ''", "without an erasure"),
    "whose a batch is": ("DELETE FROM entry_person", "entry"),
}


def found(gate: Gate) -> list[StoredFinding]:
    """What looks have found so far."""
    with reading(gate.engine) as connection:
        return findings.all_findings(connection)


def go_round(gate: Gate, looks: Sequence[Callable[[Gate], int]]) -> None:
    """Let each look come to its end once."""
    for name, look in zip((selfcheck_job.NAME, log_check.NAME), looks, strict=True):
        before = _ended(gate, name)
        gate.context.clock.accept()
        while _ended(gate, name) == before:
            try:
                look(gate)
            except UpheldError:  # a finding, or the moment of a renewal
                time.sleep(0.01)


def _ended(gate: Gate, name: str) -> object:
    with reading(gate.engine) as connection:
        return next(
            (each.ended for each in rounds.round_states(connection) if each.name == name), None
        )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of one person and of one bundle of entries."""
    monkeypatch.setattr(selfcheck_job, "LEAST", 1)
    monkeypatch.setattr(log_check, "LEAST", 256)


@pytest.fixture
def full(gate: Gate) -> Gate:
    """Two customers, a batch, and a log with two checkpoints and some entries that none covers."""
    person, other = customer(gate), customer(gate)
    gate.withdraw(person, gate.record(person, "consent", about=OFFERS, text="You may."))
    gate.sweep("use", [person, other], ["email"], purpose="billing")
    for until in (300, 600):
        with reading(gate.engine) as connection:
            (count,) = row(connection, "SELECT count(*) FROM entry") or (0,)
        add(gate.engine, until - count)
        cover(gate.engine)
    add(gate.engine, 10)
    return gate


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("what", CHANGES)
def test_whatever_is_changed_is_found_within_one_round(full: Gate, what: str) -> None:
    """Each kind of change is kept with what it is about, and is off the list once mended."""
    looks = [SelfCheckRound().look, LogRereading().read]
    go_round(full, looks)
    assert found(full) == []
    statement, named = CHANGES[what]
    table = statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    with writing(full.engine) as connection:
        others = " WHERE person_id <> ''" if table == "person" else ""  # its covers go on meanwhile
        before = rows(connection, f"SELECT * FROM {table}{others}")
        if full.engine.dialect.name == "postgresql" and "note" not in statement:
            statement = statement.replace("'x'", "'x'::bytea")
        assert run(connection, statement)
    go_round(full, looks)
    assert any(named in each.text for each in found(full)), found(full)
    with writing(full.engine) as connection:
        run(connection, f"DELETE FROM {table}{others}")
        for each in before:
            run(connection, f"INSERT INTO {table} VALUES ({', '.join('?' * len(each))})", *each)
    go_round(full, looks)
    assert found(full) == []


@pytest.mark.usefixtures("small")
def test_a_look_goes_on_where_it_was_in_another_process(full: Gate) -> None:
    """A process that begins does not begin the round anew; one with a row not ours does."""
    first = LogRereading()
    assert first.read(full) == 256
    assert LogRereading().read(full) == 256
    with writing(full.engine) as connection:
        run(connection, "UPDATE look SET place = '600'")
    assert LogRereading().read(full) == 256
    assert [each.subject for each in found(full)] == []
    with pytest.raises(UpheldError):
        SelfCheckRound().look(full)
    assert [each.subject for each in found(full)] == ["look", "look"] or "look" in str(found(full))


def test_a_finding_is_told_in_the_log_and_fails_the_job(
    full: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever watches the log or the jobs sees it; no value of anybody stands in it."""
    with writing(full.engine) as connection:
        run(connection, "DELETE FROM value WHERE field = 'email'")
    with caplog.at_level(logging.ERROR), pytest.raises(UpheldError) as caught:
        SelfCheckRound().look(full)
    assert caught.value.code == "not-whole"
    assert "not whole: " in caplog.text
    assert "marked" not in caplog.text


def test_whoever_is_erased_in_the_middle_of_a_look_is_no_finding(
    full: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that read somebody's id before their erasure finds nothing amiss after it."""
    leaving = [customer(full)]

    def after_the_ids_were_read(gate: Gate) -> None:
        if leaving:
            erase.erase(gate, [leaving.pop()])

    monkeypatch.setattr(change_counts, "keep", after_the_ids_were_read)
    SelfCheckRound().look(full)
    assert found(full) == []


@pytest.mark.usefixtures("small")
def test_looks_raise_no_false_alarm_while_others_write(full: Gate, clock: Told) -> None:
    """Acts, erasures, renewals, retention and covering run beside them, and nothing is found."""
    stop, failed = threading.Event(), list[str]()
    people = [customer(full) for _ in range(PEOPLE)]
    turn = itertools.cycle(people)

    def repeat(work: Callable[[], object]) -> None:
        while not stop.is_set():
            try:
                work()
            except UpheldError as error:
                if error.code not in {"locked", "epoch"}:  # in the moment of a renewal
                    failed.append(f"{error.code}: {error}")
                    return
            time.sleep(0.01)

    def act() -> None:
        person = next(turn)
        full.withdraw(person, full.record(person, "consent", about=OFFERS, text="You may."))
        full.append(person, "transaction", ["1"], source="customer", occasion="service-use")

    def go() -> None:
        erase.erase(full, [customer(full)])

    works = (
        act,
        go,
        lambda: erase.renew(full),
        lambda: retention.retire(full),
        lambda: cover(full.engine),
    )
    threads = [threading.Thread(target=repeat, args=(each,)) for each in works]
    for each in threads:
        each.start()
    try:
        looks = [SelfCheckRound().look, LogRereading().read]
        for _ in range(ROUNDS):
            go_round(full, looks)
            assert found(full) == []
    finally:
        stop.set()
        for each in threads:
            each.join()
    assert failed == []
    later(full, clock, 1)
