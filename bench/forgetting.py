"""How fast people are forgotten, and how fast everything is backed up and comes back.

Prints a Markdown table for docs/benchmarks.md. PostgreSQL is one of the tests' own, if installed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import upheld
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.demo import sample_policy
from upheld.gate.erasure.erase import erase, renew
from upheld.gate.gate import Gate
from upheld.gate.operations.backup import backup
from upheld.gate.operations.restore import RestoreOptions, restore
from upheld.vault.archive import read
from upheld.vault.keyring import KeyFile, Keyring

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

ERASED, STAYING = 1_000, 4_000
TOLD = {
    "email": "ann@customer.example",
    "name": "Ann Lee",
    "phone": "+1 555 010 0100",
    "zip": "98101",
    "birth-date": "1990-02-01",
}


def seconds(work: Callable[[], object]) -> float:
    """How long a piece of work takes, once."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def filled(gate: Gate) -> list[upheld.PersonId]:
    """People with five values, a record, and acts together and apart; one in ten owes something."""
    people: list[upheld.PersonId] = []
    for first in range(0, ERASED + STAYING, 500):
        with gate.together() as transaction:
            for number in range(first, first + 500):
                person = transaction.enrol()
                transaction.bring(person, {**TOLD, "email": f"{number}@customer.example"})
                if number % 10 == 0:
                    transaction.record(person, "invoice", fact="account-unsettled")
                people.append(person)
        gate.sweep("use", people[-500:], ["email"], purpose="billing")
    return people


def measure(name: str, url: str, home: Path) -> None:
    """Measure one database and print its lines."""
    policy, master = upheld.load(sample_policy()), KeyFile(home / "master")
    ring = Keyring.create(home / f"{name}.keyring", master)
    engine = open_database(url)
    migrate(engine)
    gate = Gate(engine, policy, ring)
    people = filled(gate)
    path, keys = home / f"{name}.backup", home / f"{name}.escrow"
    backed = seconds(lambda: backup(gate, path, keys=keys, days=30))
    size = path.stat().st_size / 1e6
    opened = seconds(lambda: sum(1 for _ in read(path, ring)))
    print(f"| {name}: back up {len(people):,} people, {size:.1f} MB, tried out | {backed:.1f} s |")
    print(f"| {name}: open all of that file | {size / opened:.0f} MB a second |")
    gone = seconds(lambda: erase(gate, people[:ERASED]))
    renewal = seconds(lambda: renew(gate))
    print(f"| {name}: erase {ERASED:,} people | {gone:.1f} s |")
    print(
        f"| {name}: renew the keys of all others, {STAYING:,} and what was kept | {renewal:.1f} s |"
    )
    place = f"sqlite:///{home}/{name}.restored.db"
    took = seconds(lambda: restore(path, place, policy, ring, master, RestoreOptions(keys)))
    print(f"| {name}: restore it into SQLite and erase them again, looked through | {took:.1f} s |")
    engine.dispose()


def main() -> None:
    """Measure SQLite, and PostgreSQL where it is installed."""
    print(f"Measured on {os.cpu_count()} cores.\n\n| work | measured |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "master").write_bytes(os.urandom(32))
        (home / "master").chmod(0o600)
        measure("SQLite", f"sqlite:///{folder}/upheld.db", home)
        programs = postgres.programs()
        if programs is not None:
            with postgres.server(programs) as address:
                measure("PostgreSQL", address + "postgres", home)


if __name__ == "__main__":
    main()
