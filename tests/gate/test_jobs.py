"""Jobs: one leader among several, a failure that costs the others nothing, and kills in between."""

from __future__ import annotations

import logging
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from gate.conftest import customer
from gate.test_covering import checkpoints
from gate.test_items import of
from ledger.logs import SIGNER
from processes import child, wait_until
from sizes import size
from tally import tried
from upheld.core.errors import UpheldError
from upheld.core.settings import Settings
from upheld.database.statements import run
from upheld.database.tables import microseconds
from upheld.database.transaction import writing
from upheld.gate.gate import Gate
from upheld.gate.log import entries, lineage
from upheld.gate.log.entries import damaged, last_of
from upheld.gate.operations.jobs import Job, JobError, Jobs, built_in, start_jobs
from upheld.gate.operations.lease import Lease
from upheld.ledger.signers import FileSigner

KILLS = size("kills of a process that does the jobs, on each database", short=2, long=15)
WORKER = """
import sys, threading, time
from pathlib import Path
from upheld.core.clock import Clock
from upheld.core.settings import Settings
from upheld.database.engines import open_database
from upheld.demo import sample_policy
from upheld.gate.gate import Gate
from upheld.gate.operations.jobs import Job, Jobs, built_in
from upheld.policy.load import load
from upheld.vault.keyring import KeyFile, Keyring
url, home, ahead = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
keyring = Keyring.open(home / "keyring", KeyFile(home / "master"))
clock = Clock(lambda: time.monotonic_ns() + ahead)  # as late as at the gate of the test
gate = Gate(open_database(url), load(sample_policy()), keyring, clock)
told = lambda gate: print("leading", flush=True) or 0
jobs = built_in(Settings(log_key=home / "log.key"))
work = Jobs(gate, [*jobs, Job("told", 0, told)], 1.0)
work.loop(threading.Event())
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that name a log's key."""
    FileSigner.create(tmp_path / "log.key", SIGNER.name)
    return Settings(log_key=tmp_path / "log.key")


def test_after_a_restore_the_log_says_what_it_needs(
    gate: Gate, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """Not a code alone: the new log needs a name of its own, and how to make its key is told."""
    customer(gate)
    work = Jobs(gate, built_in(settings))
    work.step()
    with writing(gate.engine) as connection:
        entry = lineage.restore_entry("", "", "a fire")
        number, _ = entries.write(connection, entry, None, gate.context.clock.now())
        lineage.begin(connection, number, "")
    with caplog.at_level(logging.ERROR):
        (cover, *_) = work.step()
    assert "needs a name of its own" in cover.why
    assert "needs a name of its own" in caplog.text
    assert "upheld ledger keygen" in caplog.text


def test_of_two_leaders_one_wins(engine: Engine) -> None:
    """The second waits until the first gives up, and the first keeps what it has."""
    one, two = Lease(engine, "jobs"), Lease(engine, "jobs")
    assert one.hold()
    assert not two.hold()
    assert one.hold()
    assert Lease(engine, "another").hold()
    one.release()
    assert two.hold()
    assert not one.hold()


def _run_out(engine: Engine) -> None:
    with writing(engine) as connection:
        run(connection, "UPDATE lease SET until = 1")


def test_who_reads_a_free_lease_at_the_same_time_as_another_does_not_get_it_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the claim somebody else may have been there."""
    old, one, two = (Lease(engine, "jobs") for _ in range(3))
    assert old.hold()
    _run_out(engine)
    free = Lease._free

    def meanwhile(self: Lease, found: tuple[str, int], now: int) -> bool:
        monkeypatch.setattr(Lease, "_free", free)
        assert one.hold()
        return free(self, found, now)

    monkeypatch.setattr(Lease, "_free", meanwhile)
    assert not two.hold()


def test_a_lease_runs_out_and_is_taken_over(engine: Engine) -> None:
    """A leader that says nothing any more is followed, and finds that out."""
    one, two = Lease(engine, "jobs"), Lease(engine, "jobs")
    assert one.hold()
    _run_out(engine)
    assert two.hold()
    assert not one.hold()


def test_a_lease_of_a_clock_that_was_set_back_since_does_not_last(engine: Engine) -> None:
    """Nobody waits a year for a leader whose clock was a year ahead."""
    one, two = Lease(engine, "jobs"), Lease(engine, "jobs")
    assert one.hold()
    with writing(engine) as connection:
        run(connection, "UPDATE lease SET until = until + ?", 365 * 86_400 * 1_000_000)
    assert two.hold()
    assert not one.hold()


def test_a_job_that_fails_is_told_by_its_name_and_the_others_go_on(
    gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """No value that an error may quote is in the log, and the job is tried again at its time."""
    ran: list[str] = []

    def broken(_: Gate) -> int:
        ran.append("broken")
        raise ValueError("ann@marked.example")

    def refused(_: Gate) -> int:
        raise UpheldError("ann@marked.example", code="refused")

    def fine(_: Gate) -> int:
        ran.append("fine")
        return 3

    work = Jobs(
        gate, [Job("broken", 10, broken), Job("refused", 10, refused), Job("fine", 5, fine)]
    )
    with caplog.at_level(logging.WARNING):
        done = work.step(0.0)
    assert [each[:3] for each in done] == [
        ("broken", 0, "ValueError"),
        ("refused", 0, "refused"),
        ("fine", 3, ""),
    ]
    assert "job broken failed: ValueError" in caplog.text
    assert "marked" not in caplog.text
    assert [each.name for each in work.step(6.0)] == ["fine"]
    assert [each.name for each in work.step(10.5)] == ["broken", "refused"]
    assert ran.count("broken") == 2
    with pytest.raises(JobError):
        work.add(Job("fine", 1, fine))


def test_only_the_leader_does_what_one_does_for_all_and_everybody_covers(
    gate: Gate, settings: Settings
) -> None:
    """A second process covers the ledger too, and leaves the rest to the first."""
    one, two = Jobs(gate, built_in(settings)), Jobs(gate, built_in(settings))
    alone = [
        "late",
        "owed",
        "retention",
        "unfinished erasures",
        "dropped",
        "keys",
        "self-check",
        "log-check",
    ]
    alone.insert(-1, "covers")
    alone.append("clause-counts")
    assert [each.name for each in one.step()] == ["cover", *alone, "uncovered"]
    assert [each.name for each in two.step()] == ["cover", "covers", "uncovered"]
    one.release()
    assert [each.name for each in two.step()] == ["cover", *alone, "uncovered"]


def test_a_running_server_covers_its_entries_within_a_second_or_so(
    gate: Gate, settings: Settings
) -> None:
    """The thread beside the gate keeps the tree up with the acts, and ends when it is told."""
    running = start_jobs(gate, settings)
    try:
        person = customer(gate)
        result = gate.use(person, ["email"], purpose="billing")
        wait_until(lambda: max(_covered(gate.engine), default=0) >= result.entry)
    finally:
        running.stop()
    checkpoints(gate.engine)
    assert Lease(gate.engine, "jobs").hold()


def _covered(engine: Engine) -> list[int]:
    from upheld.database.statements import rows
    from upheld.database.transaction import reading

    with reading(engine) as connection:
        table_rows = rows(connection, "SELECT size FROM checkpoint WHERE note IS NOT NULL")
    return [size for (size,) in table_rows]


def test_whoever_is_killed_over_the_jobs_is_followed(
    gate: Gate, settings: Settings, database_url: str, tmp_path: Path
) -> None:
    """After each kill another process leads, the ledger is whole, and nothing is done twice."""
    ahead = microseconds(gate.context.clock.now()) * 1000 - time.monotonic_ns()
    command = [sys.executable, "-c", WORKER, database_url, str(tmp_path), str(ahead)]
    chance = random.Random(5)  # noqa: S311 - moments to kill at
    person = customer(gate)
    for _ in range(KILLS):
        with child(command, stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "leading\n"
            gate.record(person, "request", fact="access-requested")
            gate.use(person, ["email"], purpose="billing")
            time.sleep(chance.random() * 0.5)
            worker.send_signal(signal.SIGKILL)
        gate.answer_access(person)
    work = Jobs(gate, built_in(settings), 1.0)
    wait_until(lambda: work.leading)
    assert {each.failed for each in work.step()} == {""}
    from upheld.database.transaction import reading

    with reading(gate.engine) as connection:
        assert damaged(connection) == []
        last = last_of(connection)
    assert last is not None
    assert max(checkpoints(gate.engine)) == last[0]
    assert of(gate, person) == [("done", "answer-access", "access")] * KILLS
    tried("kills", "of the process that does the jobs", gate.engine, KILLS)
