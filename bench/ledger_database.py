"""How fast a provider's own ledger grows, is covered, proven and verified, in its database.

Appending a thousand entries in one commit is compared with a commit for each; covering with the
hashing of the leaves alone. Prints Markdown for docs/benchmarks.md. PostgreSQL is one of the tests'
own, if installed.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Engine

from ledger import SIGNER, entry
from upheld.core.clock import system_time
from upheld.core.ids import EntryNumber
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.log import entries
from upheld.gate.log.audit import audit
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.receipts import receipt_of
from upheld.ledger.tree import Frontier, leaf_hash

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

TOGETHER = 1_000


def timed(work: Callable[[], object]) -> float:
    """Seconds of one piece of work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def appends(engine: Engine, name: str) -> None:
    """Entries one a commit, and a thousand a commit, in turns."""

    def write(count: int) -> None:
        with writing(engine) as connection:
            for number in range(count):
                entries.write(connection, entry(number), None, system_time())

    def one_by_one() -> None:
        for _ in range(300):
            write(1)

    single, many = [], []
    for _ in range(5):
        single.append(timed(one_by_one) / 300)
        many.append(timed(lambda: write(TOGETHER)) / TOGETHER)
    ratio = min(single) / min(many)
    print(
        f"| {name}: append, 1,000 a commit | {1 / min(many):,.0f} a second, {ratio:.1f}× one a"
        " commit | 10× |"
    )


def covered(engine: Engine, name: str) -> None:
    """Cover all that is there, against hashing the leaves into a frontier."""
    with reading(engine) as connection:
        leaves = [bytes(leaf) for (leaf,) in rows(connection, "SELECT leaf FROM entry")]
    frontier = Frontier()

    def bare() -> None:
        for leaf in leaves:
            frontier.append(leaf_hash(leaf))

    hashing = timed(bare)
    took = timed(Checkpointer(engine, SIGNER.name, SIGNER).run)
    print(
        f"| {name}: cover, {len(leaves):,} entries | {len(leaves) / took:,.0f} a second,"
        f" {took / hashing:.1f}× hashing alone | |"
    )


def proven(engine: Engine, name: str, count: int) -> None:
    """Receipts, each verified before it is given, and the audit of everything."""
    numbers = random.Random(1).sample(range(1, count), 300)  # noqa: S311 - to choose, not to hide
    with reading(engine) as connection:
        times = [timed(partial(receipt_of, connection, EntryNumber(number))) for number in numbers]
        took = timed(lambda: audit(connection, SIGNER.key))
    print(f"| {name}: a receipt, verified | {statistics.median(times) * 1e3:.2f} ms | |")
    print(f"| {name}: verify the database | {count / took:,.0f} entries a second | |")


def fill(engine: Engine, count: int) -> None:
    """Add so many entries, many a commit."""
    for start in range(0, count, 5_000):
        with writing(engine) as connection:
            for number in range(start, min(start + 5_000, count)):
                entries.write(connection, entry(number), None, system_time())


def measure(url: str, name: str, count: int) -> None:
    """All of it in one database."""
    engine = open_database(url)
    migrate(engine)
    appends(engine, name)
    fill(engine, count)
    covered(engine, name)
    proven(engine, name, count)
    engine.dispose()


def main() -> None:
    """Measure on SQLite, and on PostgreSQL if it is installed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entries", type=int, default=100_000)
    options.add_argument("--folder", type=Path, default=None, help="on which disk")
    chosen = options.parse_args()
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | measured | target |\n|---|---|---|")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        measure(f"sqlite:///{folder}/upheld.db", "SQLite", chosen.entries)
    if programs := postgres.programs():
        import psycopg  # noqa: PLC0415 - only where there is a server

        with postgres.server(programs) as address:
            with psycopg.connect(address + "postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            measure(address + "bench", "PostgreSQL", chosen.entries)


if __name__ == "__main__":
    main()
