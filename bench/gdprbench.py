"""GDPRbench's four roles through the gate, against plain tables without and with a durable log.

GDPRbench knows records of a key and data with the metadata PUR, TTL, USR, OBJ, DEC, ACL, SHR, SRC
and CAT. Here they are what the gate has for them:

- a record is one value: USR is a person, CAT a field, the key both; SRC is its origin, and TTL the
  item on which it will be deleted, by the policy's `delete-after`;
- PUR and SHR are a consent: a person agreed that a partner, by name, gets their data for a purpose.
  OBJ is a consent that is over; DEC and ACL are clauses of the policy, and no mix asks for them;
- data are read by an act: `use` by their own person, `share` by a processor for a purpose, which is
  refused without consent;
- metadata are read by `registered`, by purpose and partner (some twenty people) or by person, and
  changed by `withdraw_all`, which brings their end forward, or by one more consent;
- a record is inserted and updated by `store`, and deleted by `drop`; the log is a person's entries.

Each is one transaction with an entry, the reading of the log too. The plain tables hold the same,
unsealed, with the indexes that the questions need; they ask nothing and prove nothing. Their log is
one line an operation in a file, synced, for reading too; or one row in the operation's transaction,
which costs least of all: no sync of its own. Every answer is compared with a model in memory. The
stores take turns, some operations each.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Engine

import upheld
from upheld.database.engines import open_database
from upheld.database.schema import migrate
from upheld.database.statements import rows, run
from upheld.database.tables import BEGINNING
from upheld.database.transaction import writing
from upheld.gate.gate import Gate
from upheld.vault.keyring import Keyring, Passphrase

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from gdpr_stores import FIELDS, Agreed, FieldValues, Gated, Lines, Model, Plain

import postgres

HELD = 3  # fields of a new person
PURPOSES = ("offers", "research", "partner-marketing", "support")
ALIKE = 20  # people of one purpose and partner
TOGETHER = 500  # people in one transaction when the stores are filled
TURN = 50  # operations in a row on one store
FAR = datetime(2100, 1, 1, tzinfo=UTC)  # when consents end at the latest that end at all
POLICY = """---
policy: Benchmark
---
What we do with what you tell us. {#all}

```rule
may collect personal-information from customer
may store personal-information with delete-after 24 months
may use personal-information for rights-request
may share personal-information to trusted-partner when permission
```
"""
# Shares of each operation, and how records are drawn.
ROLES: dict[str, tuple[dict[str, int], str]] = {
    "controller": (
        {"insert": 25, "delete": 25, "end by purpose": 25, "end by user": 25},
        "uniform",
    ),
    "customer": (
        {
            "own read": 20,
            "by purpose": 10,
            "by user": 10,
            "update": 20,
            "end by purpose": 10,
            "agree": 10,
            "delete": 20,
        },
        "zipfian",
    ),
    "processor": ({"read": 20, "by purpose": 40, "by user": 40}, "uniform"),
    "regulator": ({"by user": 50, "log": 50}, "zipfian"),
}


class Operation(NamedTuple):
    """An operation: its name, the method of a store, and what it is given."""

    name: str
    method: str
    words: tuple[Any, ...]


Store = Plain | Gated


class Drawing:
    """What is asked, drawn with the model at hand, so that each operation makes sense."""

    def __init__(self, users: int, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - draws of a benchmark
        self.users = users
        self.partners = max(1, users // ALIKE // len(PURPOSES))
        self.weights = list(accumulate(1 / (1 + at) for at in range(users)))
        self.last = (FAR - BEGINNING).days  # each end is a day before the one drawn before

    def people(self) -> Iterator[tuple[int, FieldValues, Agreed]]:
        """The users that there are from the beginning."""
        for user in range(self.users):
            fields = [FIELDS[(user + at) % len(FIELDS)] for at in range(HELD)]
            yield user, {field: self.value(user, field) for field in fields}, self.agreed()

    def agreed(self) -> Agreed:
        """Something that can be agreed to."""
        return self.random.choice(PURPOSES), f"partner-{self.random.randrange(self.partners)}"

    def value(self, user: int, field: str) -> str:
        """A value of a record, as the gate keeps it."""
        number = self.random.randrange(10**9)
        if field == "phone":
            return f"+1425{5_550_000 + number % 10_000}"
        text = f"{field}-{user}x{number}"
        return f"{text}@customer.example" if field == "email" else text

    def operation(self, kind: str, how: str, model: Model) -> Operation | None:
        """One operation of a kind; None where a user was drawn of whom it cannot be asked."""
        if how == "uniform":
            user = self.random.randrange(self.users)
        else:
            user = bisect(self.weights, self.random.random() * self.weights[-1])
        self.last -= 1
        agreed = self.agreed()
        words: dict[str, tuple[str, tuple[Any, ...]]] = {
            "end by purpose": ("end", (None, agreed, self.last)),
            "end by user": ("end", (user, None, self.last)),
            "by purpose": ("by_purpose", (agreed,)),
            "by user": ("by_user", (user,)),
            "log": ("log", (user,)),
        }
        if kind in words:
            return Operation(kind, *words[kind])
        if kind == "agree":
            agreed_already = agreed in model.agreed[user]
            return None if agreed_already else Operation(kind, "agree", (user, agreed))
        return self.on_data(kind, user, agreed, model)

    def on_data(self, kind: str, user: int, agreed: Agreed, model: Model) -> Operation | None:
        """One operation on a value; None where the user has none, or for an insertion all."""
        fields_there = sorted(model.data[user])
        fields = sorted({*FIELDS} - {*fields_there}) if kind == "insert" else fields_there
        if not fields:
            return None
        field = self.random.choice(fields)
        if kind in ("insert", "update"):
            return Operation(kind, "put", (user, field, self.value(user, field)))
        if kind == "read":  # one in ten for what nobody may have agreed to
            mine = self.random.choice(sorted(model.agreed[user]))
            purpose_and_partner = agreed if self.random.random() < 1 / 10 else mine
            return Operation(kind, "read", (user, field, purpose_and_partner))
        return Operation(kind, "own" if kind == "own read" else kind, (user, field))

    def operations(self, role: str, count: int, model: Model) -> list[tuple[Operation, Any]]:
        """The operations of a role, and the right answers."""
        shares, how = ROLES[role]
        drawn: list[tuple[Operation, Any]] = []
        while len(drawn) < count:
            (kind,) = self.random.choices(list(shares), list(shares.values()))
            while (operation := self.operation(kind, how, model)) is None:
                pass
            drawn.append((operation, getattr(model, operation.method)(*operation.words)))
        return drawn


class Timed(NamedTuple):
    """What a role took on each store, turn by turn, and each operation; how many were right."""

    turns: list[list[float]]
    by_name: list[defaultdict[str, float]]  # seconds
    right: list[int]


def timed(stores: Sequence[Store], operations: Sequence[tuple[Operation, Any]]) -> Timed:
    """Ask the same of each store, some operations at a time, in changing order."""
    results = Timed([[] for _ in stores], [defaultdict(float) for _ in stores], [0] * len(stores))
    for first in range(0, len(operations), TURN):
        turn = operations[first : first + TURN]
        for at in range(len(stores)):
            number = (at + first // TURN) % len(stores)
            store = stores[number]
            turn_start = time.perf_counter()
            for each, truth in turn:
                start = time.perf_counter()
                answer = getattr(store, each.method)(*each.words)
                results.by_name[number][each.name] += time.perf_counter() - start
                logless = each.method == "log" and store is stores[0]
                results.right[number] += logless or answer == truth
            results.turns[number].append(time.perf_counter() - turn_start)
    return results


def space(engine: Engine) -> float:
    """What a database takes, in MiB."""
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            statement = "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r'"
            sums = rows(connection, f"{statement} AND relnamespace = 'public'::regnamespace")
            return float(sums[0][0]) / (1 << 20)
        ((pages,),), ((size,),) = (
            rows(connection, "PRAGMA page_count"),
            rows(connection, "PRAGMA page_size"),
        )
        return float(pages * size) / (1 << 20)


def measure(name: str, urls: list[str], keyring: Keyring, options: argparse.Namespace) -> bool:
    """Fill four databases alike, ask each role's operations of them, and print the lines.

    Whether every answer was right.
    """
    drawing = Drawing(max(1, options.records // HELD), 1)
    engines = [open_database(url) for url in urls]
    migrate(engines[3])
    gate = Gate(engines[3], upheld.load_text(POLICY), keyring)
    model = Model()
    lines = Lines(keyring.path.parent / f"{name}.log")
    stores: list[Store] = [
        Plain(engines[0]),
        Plain(engines[1], lines=lines),
        Plain(engines[2], logged=True),
        Gated(gate),
    ]
    everybody = list(drawing.people())
    start = time.perf_counter()
    for first in range(0, len(everybody), TOGETHER):
        for store in (model, *stores):
            store.fill(everybody[first : first + TOGETHER])
    for engine in engines if name == "PostgreSQL" else ():
        with writing(engine) as connection:
            run(connection, "ANALYZE")
    print(f"{name}: filled in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    sizes = [space(engine) for engine in engines]
    whole = True
    details = []
    for role in ROLES:
        operations = drawing.operations(role, options.operations, model)
        results = timed(stores, operations)
        times = " | ".join(f"{sum(turns):.2f} s" for turns in results.turns)
        by_line, by_row = (
            statistics.median(
                g / p for g, p in zip(results.turns[3], results.turns[at], strict=True)
            )
            for at in (1, 2)
        )
        share = min(results.right) / len(operations)
        whole &= share == 1
        print(
            f"| {name}: {role} | {times} | {by_line:.1f}× | {by_row:.1f}× | {share:.0%} |",
            flush=True,
        )
        counts = Counter(each.name for each, _ in operations)
        for each, count in sorted(counts.items()):
            took = [results.by_name[at][each] / count * 1e6 for at in range(4)]
            details.append(
                f"{name}: {role}: {each}: {count} of {took[1]:.0f} µs by a line, "
                f"{took[2]:.0f} µs by a row, gate {took[3]:.0f} µs, "
                f"{took[3] / took[1]:.1f}×, {took[3] / took[2]:.1f}×"
            )
    space_of = " | ".join(f"{size:.0f} MiB" for size in sizes)
    print(f"| {name}: space | {space_of} | | {sizes[3] / sizes[2]:.1f}× | |", flush=True)
    print("\n".join(details), file=sys.stderr)
    return whole


def main() -> None:
    """Measure SQLite, and PostgreSQL where it is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--operations", type=int, default=2_000, help="of each role")
    parser.add_argument("--only", choices=("SQLite", "PostgreSQL"))
    options = parser.parse_args()
    print(
        f"{options.records:,} records, {options.operations:,} operations a role, "
        f"{os.cpu_count()} cores.\n\n| role | plain tables | with a line in a file, synced "
        "| with a row in the transaction | gate | gate / line | gate / row | answers right "
        "|\n|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    right = True
    with tempfile.TemporaryDirectory() as folder:
        keyring = Keyring.create(Path(folder, "keys"), Passphrase("seven plain words in a row"))
        names = ("plain", "line", "row", "gate")
        if options.only != "PostgreSQL":
            urls = [f"sqlite:///{folder}/{each}.db" for each in names]
            right &= measure("SQLite", urls, keyring, options)
        programs = postgres.programs()
        if programs is not None and options.only != "SQLite":
            with postgres.server(programs) as address:
                urls = [created(address, each) for each in names]
                right &= measure("PostgreSQL", urls, keyring, options)
    if not right:
        sys.exit("some answers are wrong")


def created(address: str, name: str) -> str:
    """A new database of a server, and its address."""
    import psycopg  # noqa: PLC0415 - where there is a server

    with psycopg.connect(address + "postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return address + name


if __name__ == "__main__":
    main()
