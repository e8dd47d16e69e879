"""`upheld run --settings` does the provider's jobs beside its pages, unless told not to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.test_admin import _home, run
from processes import PATIENCE, child, free_port, wait_until
from upheld.database.engines import open_database
from upheld.database.statements import rows
from upheld.database.transaction import reading
from upheld.ledger.signers import FileSigner

__all__ = ["_home"]
OWN = {
    "cover",
    "covers",
    "clause-counts",
    "late",
    "owed",
    "retention",
    "unfinished erasures",
    "dropped",
    "keys",
    "escrow",
    "self-check",
    "log-check",
    "uncovered",
    "outbox",
    "copies with links",
    "company mail",
    "invoices",
    "due invoices",
    "interrupted payments",
    "birthdays",
    "reopen-requests",
    "erasures",
    "unconfirmed accounts",
    "invitations",
    "agreements",
    "requests by mail",
    "feeds",
    "likeness questions",
    "partner transactions",
    "incidents",
    "programmes",
    "reports",
    "terminations",
    "legal-notices",
    "legal-productions",
    "takeovers",
    "visits",
    "ad-invoices",
    "ad-sizes",
    "ad-topics",
    "extracts",
    "ad-reports",
    "ad-pages",
    "ad-segments",
    "sessions",
    "post-versions",
    "version-notices",
    "shadow-drafts",
}


@pytest.fixture(autouse=True, scope="module")
def cheap_commands() -> None:
    """What this process makes, another one opens: passphrases are stretched as for real ones."""


@pytest.fixture(name="ready")
def _ready(home: Path) -> Path:
    """A provider with people, a log's key and a folder for keys of backups."""
    FileSigner.create(home / "log.key", "larch.example/acts")
    with (home / "upheld.toml").open("a") as file:
        file.write('log_key = "log.key"\nescrow = "escrow"\n')
    run(home, "admin", "init")
    run(home, "admin", "import", str(home / "people.csv"), "--apply")
    return home


@contextmanager
def served(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A provider that is running, until it was told to stop and has stopped."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "upheld",
        "run",
        "--settings",
        str(home / "upheld.toml"),
        "--port",
        str(port),
        *words,
    ]
    with child(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert process.stdout is not None
        assert any("http://127.0.0.1" in line for line in process.stdout)  # after what it warns of
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


def found(home: Path, query: str) -> list[tuple[object, ...]]:
    """What the database says."""
    engine = open_database(f"sqlite:///{home}/provider.db")
    try:
        with reading(engine) as connection:
            return list(rows(connection, query))
    finally:
        engine.dispose()


def test_a_running_provider_does_its_jobs_and_gives_up_the_lead_when_it_stops(ready: Path) -> None:
    """Its entries are covered by a signed checkpoint, without any other process."""
    with served(ready):
        wait_until(lambda: found(ready, "SELECT 1 FROM checkpoint WHERE note IS NOT NULL"))
    assert found(ready, "SELECT 1 FROM lease") == []


def test_with_no_jobs_it_leaves_them_to_upheld_jobs(ready: Path) -> None:
    """Nobody leads and nothing is covered until somebody runs them."""
    with served(ready, "--no-jobs"):
        time.sleep(1.5)
        assert found(ready, "SELECT 1 FROM lease") == []
        assert found(ready, "SELECT 1 FROM checkpoint") == []
        done = json.loads(run(ready, "jobs", "--once", "--json"))
        assert done["leading"]
        assert {each["name"] for each in done["done"]} == OWN
        assert {each["failed"] for each in done["done"]} == {""}
    assert len(found(ready, "SELECT 1 FROM checkpoint WHERE note IS NOT NULL")) == 1


def test_an_erasure_is_final_after_the_jobs_and_the_ledger_holds(ready: Path) -> None:
    """What was erased by command waits for the keys to be renewed, which the jobs do."""
    who = run(ready, "person", "find", "--email", "ann@example.org").strip()
    run(ready, "admin", "backup", "--out", str(ready / "one.backup"))
    assert "not final yet" in run(ready, "person", "erase", who)
    run(ready, "jobs", "--once")
    assert "final since" in run(ready, "person", "certificate", who)
    assert len(list((ready / "escrow").glob("*.keys"))) == 1  # until its day
    assert "whole" in run(ready, "admin", "selfcheck")
    assert json.loads(run(ready, "ledger", "verify", "--json"))["ok"]
