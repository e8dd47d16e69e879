"""How much the gate costs, against the same database's bare commit in the same run.

Prints a Markdown table for docs/benchmarks.md. PostgreSQL is one of the tests' own, if installed.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

import upheld
from upheld.database import engines
from upheld.database.connection import POOL_OPTION
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.database.statements import run
from upheld.database.transaction import writing
from upheld.demo import sample_policy
from upheld.gate.async_gate import AsyncGate
from upheld.gate.gate import Gate
from upheld.vault.keyring import Keyring, Passphrase

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

BYTES = 400  # of a bare commit's row, as large as an entry
WAIT_SECONDS = 4e-5  # and about as much again, which a process sleeps at least


def each(work: Callable[[], object], count: int = 400, repeat: int = 5) -> float:
    """The least mean time of one piece of work, in microseconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(count):
            work()
        times.append((time.perf_counter() - start) / count)
    return min(times) * 1e6


def customer(gate: Gate) -> upheld.PersonId:
    """Somebody who has a service."""
    person = gate.enrol()
    gate.store(person, {"birth-date": "1990-02-01"}, source="customer", occasion="registration")
    gate.store(
        person,
        {"email": f"{person[:8]}@example.org", "name": "Ann"},
        source="customer",
        occasion="registration",
    )
    gate.record(person, "service-order", fact="has-service")
    return person


def bare(engine: Engine) -> Callable[[], None]:
    """One row, one commit, by the driver alone."""
    with writing(engine) as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS bare (number INTEGER PRIMARY KEY, body TEXT)")
    driver: Any = engine.raw_connection().driver_connection
    mark = "%s" if engine.dialect.name == "postgresql" else "?"
    begin = [] if engine.dialect.name == "postgresql" else ["BEGIN IMMEDIATE"]
    last = driver.execute("SELECT coalesce(max(number), 0) FROM bare").fetchone()[0]
    driver.rollback()
    numbers = iter(range(last + 1, last + 1_000_000))
    body = "x" * BYTES

    def commit() -> None:
        for statement in begin:
            driver.execute(statement)
        driver.execute(f"INSERT INTO bare VALUES ({mark}, {mark})", (next(numbers), body))
        driver.commit()

    return commit


def by_turns(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """How much of the second's time the first takes, and the first's.

    Done in turn, and the median of the rounds: a disk has its moods.
    """
    pairs = [(each(one, 25, 1), each(other, 25, 1)) for _ in range(80)]
    return statistics.median(a / b for a, b in pairs), statistics.median(a for a, _ in pairs)


def waiting(work: Callable[[], object]) -> Callable[[], object]:
    """Work on a disk whose sync takes about a tenth of a millisecond longer."""

    def both() -> None:
        work()
        time.sleep(WAIT_SECONDS)

    return both


def statements(engine: Engine, work: Callable[[], object]) -> int:
    """How many reads an act on SQLite sends; the last entry's is that of every transaction."""
    seen: list[str] = []
    work()
    driver: Any = engine.get_execution_options()[POOL_OPTION][0].driver
    driver.set_trace_callback(seen.append)
    work()
    driver.set_trace_callback(None)
    return sum(
        statement.startswith("SELECT") and " FROM entry " not in statement for statement in seen
    )


def callers(gate: Gate, person: str, count: int, acts: int = 2048) -> float:
    """Gated reads a second with so many callers at once."""

    async def work() -> float:
        door = AsyncGate(gate)

        async def one() -> None:
            for _ in range(acts // count):
                await door.use(person, ["email"], purpose="billing")

        start = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return acts / (time.perf_counter() - start)

    return max(asyncio.run(work()) for _ in range(3))


def unsynced(url: str) -> Engine:
    """The database at an address with syncing off, for comparison alone."""
    if url.startswith("sqlite"):
        synced = engines.PRAGMAS["synchronous"]
        engines.PRAGMAS["synchronous"] = ("OFF", 0)
        try:
            engine = open_database(url)
            with engine.connect():
                return engine
        finally:
            engines.PRAGMAS["synchronous"] = synced
    engine = open_database(url)

    @event.listens_for(engine, "checkout")
    def _off(raw: object, *_: object) -> None:
        raw.execute("SET synchronous_commit = off")  # type: ignore[attr-defined] # psycopg's
        raw.commit()  # type: ignore[attr-defined] # it began a transaction

    return engine


def measure(name: str, url: str, keyring: Keyring) -> None:
    """Measure one database and print its lines."""
    policy = upheld.load(sample_policy())
    engine = open_database(url)
    migrate(engine)
    gate = Gate(engine, policy, keyring)
    person = customer(gate)

    def read() -> object:
        return gate.use(person, ["email"], purpose="billing")

    commit = bare(engine)
    turns: list[tuple[Callable[[], object], Callable[[], object]]] = [(commit, read)]
    if engine.dialect.name == "sqlite":  # where a sync is most of it, so that the disk counts
        turns.append((waiting(commit), waiting(read)))
    for one, other in turns:
        ratio, least = by_turns(one, other)
        print(
            f"| {name}: gated read with its own entry, beside a commit of {least:.0f} µs "
            f"| {ratio:.2f} of a bare commit's rate |"
        )
    people = [customer(gate) for _ in range(100)]
    single = each(lambda: [gate.use(p, ["email"], purpose="billing") for p in people], 3)
    swept = each(lambda: gate.sweep("use", people, ["email"], purpose="billing"), 3)
    print(f"| {name}: 100 people in one sweep | {single / swept:.1f}× one by one |")
    options = {"recipient": "collection-agent", "purpose": "debt-collection", "occasion": "other"}

    def share() -> None:
        try:
            gate.share(person, ["name"], party="acme", **options)
        except upheld.Refused:
            return

    if engine.dialect.name == "sqlite":  # the others are the same, sent together
        print(f"| {name}: reads of an act with its proofs | {statements(engine, share)} |")
    loose = Gate(unsynced(url), policy, keyring)
    for count in (64, 256):
        with_sync, without = callers(gate, person, count), callers(loose, person, count)
        print(
            f"| {name}: {count} callers, {with_sync:,.0f} a second "
            f"| {with_sync / without:.2f} of the rate with syncing off |"
        )


def main() -> None:
    """Measure SQLite, and PostgreSQL where it is installed."""
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | ratio |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        keyring = Keyring.create(Path(folder, "keys"), Passphrase("seven plain words in a row"))
        measure("SQLite", f"sqlite:///{folder}/upheld.db", keyring)
        programs = postgres.programs()
        if programs is not None:
            with postgres.server(programs) as address:
                measure("PostgreSQL", address + "postgres", keyring)


if __name__ == "__main__":
    main()
