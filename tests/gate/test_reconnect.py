"""PostgreSQL closes connections: who had begun nothing is not refused, and nobody acts by halves.

A server that is restarted, or an administrator, ends every connection at once; each place that
takes one is tried after that. A test that ends connections between two acts ends all that the gate
has, at rest or kept for who writes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner

import postgres
from gate.conftest import TOLD
from gate.test_faults import problems
from ledger.logs import SIGNER
from practices.conftest import PAGE
from processes import PATIENCE, free_port, wait_for_port
from sizes import size
from tally import tried
from upheld.app.health import LASTS
from upheld.cli import app
from upheld.core.ids import PersonId
from upheld.core.settings import Settings
from upheld.database.errors import DatabaseError
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.demo import sample_policy
from upheld.gate.act.request import Act, ActResult
from upheld.gate.gate import Gate
from upheld.gate.operations.backup import backup
from upheld.gate.operations.jobs import Jobs, built_in
from upheld.ledger.signers import FileSigner

ENDS = size("ends of every connection, in each place", short=2, long=60)
RESTARTS = size("restarts of a server, of each kind", short=1, long=20)
USE = Act(action="use", data=("email",), purpose="billing")


@pytest.fixture
def database_url(postgres_tables_url: str) -> str:
    """A server of its own is PostgreSQL's alone."""
    return postgres_tables_url


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings that name a log's key."""
    FileSigner.create(tmp_path / "log.key", SIGNER.name)
    return Settings(log_key=tmp_path / "log.key")


def places(gate: Gate, settings: Settings, home: Path) -> dict[str, Callable[[PersonId], object]]:
    """What takes a connection, each by its name: for who writes, who reads, and jobs."""
    jobs = Jobs(gate, built_in(settings))

    def step(_: PersonId) -> None:
        assert [each for each in jobs.step() if each.failed] == []

    return {
        "act": lambda person: gate.use(person, ["email"], purpose="billing"),
        "store": lambda person: gate.store(
            person, {"zip": "98101"}, source="customer", occasion="registration"
        ),
        "record": lambda person: gate.record(
            person, "opt-out", fact="opted-out", about={"purpose": ["offers"]}
        ),
        "batch": lambda person: gate.batch([lambda transaction: transaction.held_fields(person)]),
        "look-up": lambda _: gate.find("email", TOLD["email"]),
        "accounting": gate.entries,
        "health": lambda _: gate.log_state.alarms(gate.context.clock.now()),
        "jobs": step,
        "backup": lambda _: backup(gate, home, keys=None, days=1).path.unlink(),
    }


def test_between_two_acts_nobody_notices_that_every_connection_was_ended(
    gate: Gate, person: PersonId, settings: Settings, tmp_path: Path, database_url: str
) -> None:
    """Whoever writes, reads, looks up or does jobs takes another connection and goes on."""
    listed = places(gate, settings, tmp_path)
    for do in listed.values():
        do(person)
    for _ in range(ENDS):
        for do in listed.values():
            postgres.end_all(database_url)
            do(person)
    assert problems(gate) == ()
    tried("restarts", "every connection ended between two acts", gate.engine, ENDS * len(listed))


def test_a_crash_and_a_restart_of_the_server_lose_nothing(
    gate: Gate, person: PersonId, postgres_server: str
) -> None:
    """What was told is there when the server is back, and the first act after it goes through."""
    for mode in ["fast", "immediate"] * RESTARTS:
        number = gate.store(
            person, {"zip": "98101"}, source="customer", occasion="registration"
        ).entry
        postgres.restart(postgres_server, mode=mode)
        assert gate.use(person, ["zip"], purpose="fraud-detection")["zip"] == "98101"
        assert number in {stored.number for stored in gate.entries(person)}
    assert problems(gate) == ()
    tried(
        "restarts",
        "the server restarted, each other time as after a crash",
        gate.engine,
        2 * RESTARTS,
    )


@pytest.mark.parametrize("reads", [False, True])
def test_in_the_middle_it_fails_whole_and_says_so(
    gate: Gate, person: PersonId, database_url: str, reads: bool
) -> None:
    """Nobody can tell what would be done twice: it is undone, and can be asked for again."""
    for _ in range(ENDS):
        before = len(gate.entries(person))
        with pytest.raises(DatabaseError) as caught:
            if reads:
                with reading(gate.engine) as connection:
                    rows(connection, "SELECT 1 FROM entry")
                    postgres.end_all(database_url)
                    rows(connection, "SELECT 1 FROM entry")
            else:
                with gate.together() as transaction:
                    transaction.store(
                        person, {"zip": "98101"}, source="customer", occasion="registration"
                    )
                    assert isinstance(transaction.act(USE, person), ActResult)
                    postgres.end_all(database_url)
                    transaction.act(USE, person)
        assert caught.value.code == "database-gone"
        assert len(gate.entries(person)) == before
        gate.act("serve", person)
    assert problems(gate) == ()
    what = "a page that reads" if reads else "an act"
    tried("restarts", f"every connection ended in the middle of {what}", gate.engine, ENDS)


def test_a_running_server_answers_the_first_request_after_a_restart(
    postgres_server: str, database_url: str, tmp_path: Path
) -> None:
    """Pages that read and forms that write, of `upheld run`, without being started again."""
    (tmp_path / "terms.md").write_text("# Terms\n\nBe kind.\n")
    settings = tmp_path / "upheld.toml"
    port = free_port()
    settings.write_text(
        f'database = "{database_url}"\nkeyring = "keyring"\nkey_file = "master"\n'
        f'policy = "{sample_policy()}"\nagreement = "terms.md"\nurl = "http://127.0.0.1:{port}"\n'
        'phone = "+1 555 010 0100"\ncontact = "help@larch.example"\n'
    )
    settings.chmod(0o600)
    (tmp_path / "master").write_bytes(os.urandom(32))
    (tmp_path / "master").chmod(0o600)
    named = ["--settings", str(settings)]
    run = CliRunner().invoke(app, ["admin", "init", *named])
    assert run.exit_code == 0, run.output
    command = [sys.executable, "-m", "upheld", "run", *named, "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE)
    try:
        wait_for_port(port)
        before = asked(client)
        assert "not right" in before[0].text
        assert before[1].json()["status"] == "ok"
        for _ in range(RESTARTS):
            asked(client)
            postgres.restart(postgres_server)
            after = asked(client)
            assert after[0].status_code in {403, 429}  # it is counted, so that in time it is slowed
            assert after[1].status_code == 200
    finally:
        client.close()
        server.terminate()
        server.wait(PATIENCE)
    tried(
        "restarts",
        "the server restarted under `upheld run`, then a form and a page",
        database_url,
        RESTARTS,
    )


def asked(client: httpx2.Client) -> list[httpx2.Response]:
    """A form by which nobody can sign in, which is counted; then a page that looks at the log."""
    field_values = {"email": "nobody@marked.example", "password": "four plain words here"}
    time.sleep(LASTS)  # an answer about its health serves everybody for that long
    return [client.post("/sign-in", data=field_values, headers=PAGE), client.get("/healthz")]
