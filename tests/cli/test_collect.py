"""`upheld collect logs`: logs are taken in as the policy lets it; what is left out is counted."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.homes import provider_in, run
from processes import HEARS_CTRL_C, PATIENCE, child
from upheld.cli import app
from upheld.cli.admin import gate_of
from upheld.core.clock import system_time
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.practices.collection.blocks import DayKeys, days_of
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.tables import visit_block

COUNT = 400
KILLED = """
import os, sys
from upheld import cli
from upheld.practices.collection import ingest, intake, log_files
log_files.CHUNK = 4_000
times = 2
targets = {"before": (ingest, "_advance"), "after": (intake.Intake, "keep")}
target, name = targets[sys.argv.pop(1)]
real, calls = getattr(target, name), []
def killing(*arguments):
    result = real(*arguments)
    calls.append(1)
    if len(calls) == times:
        os.kill(os.getpid(), 9)
    return result
setattr(target, name, killing)
cli.main()
"""
KILLED_JOINING = """
import os, sys
from upheld import cli
from upheld.practices.collection import compaction
compaction.WHOLE = 150
name = {"before": "seal_day", "after": "_replace"}[sys.argv.pop(1)]
real, calls = getattr(compaction, name), []
def killing(*arguments):
    result = real(*arguments)
    calls.append(1)
    if len(calls) == 2:
        os.kill(os.getpid(), 9)
    return result
setattr(compaction, name, killing)
cli.main()
"""
YESTERDAY = system_time() - timedelta(days=1)


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A folder with a provider and a log of yesterday and today."""
    home = provider_in(tmp_path)
    moment = f"{system_time():%d/%b/%Y:%H:%M:%S} +0000"
    (home / "access.log").write_text(
        "".join(f'192.0.2.7 - - [{moment}] "GET /p/n{n} HTTP/1.1" 200 9\n' for n in range(COUNT))
    )
    return home


def test_a_log_is_taken_in_and_its_counts_are_told(home: Path) -> None:
    """In words with the clause, and as JSON for programs; the second time nothing is new."""
    log = home / "access.log"
    with log.open("a") as out:
        out.write("nonsense\n")
    text = run(home, "collect", "logs", str(log))
    assert f"{COUNT} visits kept, by #visits" in text
    assert "1 left out: not a line of a log" in text
    (report,) = json.loads(run(home, "collect", "logs", str(log), "--json"))
    assert (report["lines"], report["visits"]) == (0, 0)


def test_a_day_whose_key_was_changed_is_named_and_given_another(tmp_path: Path) -> None:
    """Other logs are read on; then what waited is read, and an odd day or nobody is refused."""
    home = provider_in(tmp_path, maria="manager")
    for name, moment in (("today", system_time()), ("yesterday", YESTERDAY)):
        line = f'192.0.2.7 - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET /p HTTP/1.1" 200 9\n'
        (home / f"{name}.log").write_text(line)
    logs = [str(home / f"{name}.log") for name in ("yesterday", "today")]
    run(home, "collect", "logs", logs[0])
    with sqlite3.connect(home / "provider.db") as connection:
        ((day,),) = connection.execute("SELECT day FROM visit_day").fetchall()
        connection.execute("UPDATE visit_day SET salt = zeroblob(32)")
    with Path(logs[0]).open("a") as out:
        out.write(Path(logs[0]).read_text())
    text = run(home, "collect", "logs", *logs, expect=2)
    assert f"the key of the visits of {day} was changed" in text
    assert "today.log: 1 line; 1 visit kept" in text
    for words, why in (
        ([day, "--by", "nobody"], "nobody by"),
        (["2026-02-30", "--by", "maria"], "a day is written like"),
        (["", "--by", "maria"], "no day is named"),
        (["1999-01-01", "--by", "maria"], "is as it was written"),
    ):
        with pytest.raises(UpheldError, match=why):
            run(home, "collect", "new-key", *words)
    text = run(home, "collect", "new-key", day, "--by", "maria")
    first, second = text.splitlines()
    assert first == f"{day}: a key again; 1 visit given up"
    assert re.fullmatch(
        r"what stands of 1 other day is taken as it stands: SHA-256 [0-9a-f]{64}", second
    )
    assert "1 visit kept" in run(home, "collect", "logs", *logs)


def test_a_log_that_cannot_be_read_keeps_no_other_from_it(home: Path) -> None:
    """A folder, one that is not there or has no name: each is told, after what was read."""
    odd = [str(home / "none.log"), str(home), ""]
    text = run(home, "collect", "logs", *odd[:1], str(home / "access.log"), *odd[1:], expect=2)
    assert f"{COUNT} visits kept, by #visits" in text
    for words in ("none.log cannot be read: No such", f"{home} cannot be", "a log without a name"):
        assert words in text
    answers = json.loads(run(home, "collect", "logs", *odd, "--json", expect=2))
    assert [each["code"] for each in answers] == ["unreadable"] * len(odd)


def test_a_log_is_followed_until_somebody_stops_it(home: Path) -> None:
    """Each time that lines came a line is printed; to stop it is no failure."""
    log, words = home / "access.log", ["--settings", str(home / "upheld.toml")]
    command = [*HEARS_CTRL_C, "collect", "logs", str(log), "--follow", *words]
    with child(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert f"{COUNT} visits kept" in process.stdout.readline()
        with log.open("a") as out:
            out.write(log.read_text().splitlines(keepends=True)[0].replace("/n0", "/later"))
        assert "1 visit kept" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    assert blocks_in(home)[1] == COUNT + 1


def test_where_the_policy_lets_nothing_in_the_command_says_no(home: Path) -> None:
    """Exit code 1, and how many lines no clause lets in."""
    policy = home / "policy.md"
    policy.write_text(policy.read_text().replace("{#visits}", "{#visits .severed}"))
    (home / "provider.db").unlink()
    run(home, "admin", "init")
    text = run(home, "collect", "logs", str(home / "access.log"), expect=1)
    assert f"{COUNT} left out: no clause lets us keep it" in text


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reader_that_is_killed_has_kept_whole_parts_once(home: Path, when: str) -> None:
    """Killed before a part is durable or right after it, the next reader adds what is missing."""
    words = ["collect", "logs", str(home / "access.log"), "--settings", str(home / "upheld.toml")]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, when, *words], check=False, env={**os.environ}
    )
    assert done.returncode == -signal.SIGKILL
    with gate_of(read_settings(home / "upheld.toml")).look() as tables:
        kept_visits = sum(row.visits for row in tables.select(visit_block))
    assert 0 < kept_visits < COUNT
    (report,) = json.loads(run(home, "collect", "logs", str(home / "access.log"), "--json"))
    assert report["visits"] == COUNT - kept_visits
    run(home, "admin", "selfcheck")


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_is_killed_while_joining_blocks_has_lost_no_visit(home: Path, when: str) -> None:
    """Killed before blocks are joined for good or right after, each visit is there once."""
    log = home / "access.log"
    log.write_text(log.read_text().replace(f"{system_time():%d/%b}", f"{YESTERDAY:%d/%b}"))
    words = ["--settings", str(home / "upheld.toml")]
    many = KILLED.replace("times = 2", "times = 10**9")
    command = [sys.executable, "-c", many, "after", "collect", "logs", str(log), *words]
    subprocess.run(command, check=True, env={**os.environ}, capture_output=True)
    assert blocks_in(home)[0] > 3
    done = subprocess.run(
        [sys.executable, "-c", KILLED_JOINING, when, "jobs", "--once", *words],
        check=False,
        env={**os.environ},
    )
    assert done.returncode == -signal.SIGKILL
    assert blocks_in(home)[1] == COUNT
    compact(gate_of(read_settings(home / "upheld.toml")))  # the killed one's lease still runs
    assert blocks_in(home) == (1, COUNT)
    run(home, "admin", "selfcheck")


def blocks_in(home: Path) -> tuple[int, int]:
    """How many blocks there are, and how many different visits are in them."""
    gate = gate_of(read_settings(home / "upheld.toml"))
    with gate.look() as tables:
        rows = tables.select(visit_block)
        keys = DayKeys(gate, days_of(tables, {row.day for row in rows}))
        routes = [visit.route for row in rows for visit in keys.open(row)]
    assert len(routes) == len(set(routes)) == sum(row.visits for row in rows)
    return len(rows), len(routes)


def test_a_synthetic_log_is_taken_in_as_any_other(home: Path) -> None:
    """Its visits are of the last days, and all of them are let in."""
    log = home / "synthetic.log"
    written = CliRunner().invoke(app, ["collect", "synthetic", "--visits", "30", "--days", "2"])
    log.write_bytes(written.stdout_bytes)
    count = len(log.read_text().splitlines())
    assert count >= 60
    assert f"{count} visits kept, by #visits" in run(home, "collect", "logs", str(log))
