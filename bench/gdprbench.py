"""GDPRbench's four roles through the gate, against plain tables without and with a durable log.

GDPRbench knows records of a key and data with the metadata PUR, TTL, USR, OBJ, DEC, ACL, SHR, SRC
and CAT. Here they are what the gate offers for them:

- USR is a person, CAT a field (a word for data), and the key of a record both together;
- PUR and SHR are what a consent record is about (its purpose and recipient), and a processor's
  read is `share` for that purpose: without the consent it is refused, with an entry;
- SRC is the source with which a value is stored; a customer's own read is `use` for their request;
- metadata by purpose is a sweep over a page of people, who then are given or refused; metadata by
  user, and the log, are the entries of a person, which hold every consent and every act;
- metadata are updated by recording a consent, or withdrawing it;
- TTL and deletion are `erase`, where the gate has it (else the mix goes without them); ACL (a staff
  task), OBJ and DEC are clauses of the policy, and no operation of the mixes asks for them.

The plain tables hold the same, unsealed, ask nothing and prove nothing; the log is one row more in
a transaction for every operation, reads too. Every answer is compared with a model in memory.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import tempfile
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Engine

import upheld
from upheld.core.database import open_database
from upheld.core.schema import migrate
from upheld.core.sql import rows, run
from upheld.core.transaction import reading, writing
from upheld.gate.gate import Gate
from upheld.gate.request import Given
from upheld.vault.keyring import Keyring, Passphrase

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import postgres

FIELDS = ("email", "phone", "zip")
PURPOSES = ("offers", "research", "partner-marketing", "support")
TO = "trusted-partner"
PAGE = 20  # people of one look-up by purpose
POLICY = """---
policy: Benchmark
---
What we do with what you tell us. {#all}

```rule
may collect personal-information from customer
may store personal-information
may use personal-information for rights-request
may share personal-information to trusted-partner when permission
```
"""
# Shares of each operation, and how records are drawn.
ROLES: dict[str, tuple[dict[str, int], str]] = {
    "controller": ({"insert": 25, "delete": 25, "grant by purpose": 25, "grant by user": 25},
                   "uniform"),
    "customer": ({"own read": 20, "by purpose": 10, "by user": 10, "update": 20,
                  "grant by purpose": 10, "grant by user": 10, "delete": 20}, "zipfian"),
    "processor": ({"read": 20, "by purpose": 40, "by user": 40}, "uniform"),
    "regulator": ({"by user": 50, "log": 50}, "zipfian"),
}  # fmt: skip
Told = dict[str, str]


class Model:
    """The truth, in memory."""

    name = "model"

    def __init__(self) -> None:
        self.data: dict[int, Told] = {}
        self.consents: dict[int, set[str]] = {}
        self.acts: Counter[int] = Counter()

    def insert(self, user: int, told: Told, purpose: str) -> None:
        """A new user with values, and their consent for one purpose."""
        self.data[user], self.consents[user] = dict(told), {purpose}
        self.acts[user] += 1

    def delete(self, user: int) -> None:
        """Everything of a user is gone."""
        del self.data[user], self.consents[user]

    def own(self, user: int, field: str) -> str | None:
        """A value for its own user."""
        self.acts[user] += 1
        return self.data[user].get(field)

    def read(self, user: int, field: str, purpose: str) -> str | None:
        """A value for a processor; None without the user's consent."""
        self.acts[user] += 1
        return self.data[user].get(field) if purpose in self.consents[user] else None

    def update(self, user: int, field: str, value: str) -> None:
        """Another value."""
        self.data[user][field] = value
        self.acts[user] += 1

    def by_purpose(self, users: list[int], purpose: str) -> set[int]:
        """Which of these users consent to a purpose."""
        self.acts.update(users)
        return {user for user in users if purpose in self.consents[user]}

    def grant(self, users: list[int], purpose: str) -> None:
        """These users consent to a purpose too."""
        for user in users:
            self.consents[user].add(purpose)

    def by_user(self, user: int) -> set[str]:
        """What a user consents to."""
        return set(self.consents[user])

    def log(self, user: int) -> int:
        """How many acts on a user's data there were."""
        return self.acts[user]


class Plain:
    """Two tables, and with `logged` a third with a row for every operation."""

    def __init__(self, engine: Engine, *, logged: bool) -> None:
        self.engine, self.logged = engine, logged
        self.name = "plain tables with a durable log" if logged else "plain tables"
        with writing(engine) as connection:
            run(connection, "CREATE TABLE plain (usr BIGINT, field TEXT, data TEXT, src TEXT, "
                "PRIMARY KEY (usr, field))")  # fmt: skip
            run(connection, "CREATE TABLE agreed (usr BIGINT, purpose TEXT, shr TEXT, "
                "PRIMARY KEY (usr, purpose))")  # fmt: skip
            run(connection, "CREATE TABLE log (usr BIGINT, at DOUBLE PRECISION, what TEXT)")
            run(connection, "CREATE INDEX log_usr ON log (usr)")

    def _do(self, users: list[int], what: str, work: Callable[[Any], Any], *, write: bool) -> Any:
        opened = writing if write or self.logged else reading
        with opened(self.engine) as connection:
            found = work(connection)
            for user in users if self.logged else ():  # a line an operation, or a person
                run(connection, "INSERT INTO log VALUES (?, ?, ?)", user, time.time(), what)
            return found

    def insert(self, user: int, told: Told, purpose: str) -> None:
        """As the model."""

        def work(connection: Any) -> None:
            for field, value in told.items():
                run(
                    connection, "INSERT INTO plain VALUES (?, ?, ?, 'customer')", user, field, value
                )
            run(connection, "INSERT INTO agreed VALUES (?, ?, ?)", user, purpose, TO)

        self._do([user], "insert", work, write=True)

    def delete(self, user: int) -> None:
        """As the model."""

        def work(connection: Any) -> None:
            for table in ("plain", "agreed", "log"):
                run(connection, f"DELETE FROM {table} WHERE usr = ?", user)

        self._do([-1], "meta", work, write=True)

    def own(self, user: int, field: str) -> str | None:
        """As the model."""
        query = "SELECT data FROM plain WHERE usr = ? AND field = ?"
        found = self._do([user], "own", lambda c: rows(c, query, user, field), write=False)
        return found[0][0] if found else None

    def read(self, user: int, field: str, purpose: str) -> str | None:
        """As the model."""
        query = ("SELECT data FROM plain JOIN agreed USING (usr) "
                 "WHERE usr = ? AND field = ? AND purpose = ?")  # fmt: skip
        found = self._do(
            [user], "read", lambda c: rows(c, query, user, field, purpose), write=False
        )
        return found[0][0] if found else None

    def update(self, user: int, field: str, value: str) -> None:
        """As the model."""
        query = "UPDATE plain SET data = ? WHERE usr = ? AND field = ?"
        self._do([user], "update", lambda c: run(c, query, value, user, field), write=True)

    def by_purpose(self, users: list[int], purpose: str) -> set[int]:
        """As the model."""
        query = (f"SELECT usr FROM agreed WHERE purpose = ? AND usr IN "
                 f"({', '.join('?' * len(users))})")  # fmt: skip
        found = self._do(users, "purpose", lambda c: rows(c, query, purpose, *users), write=False)
        return {user for (user,) in found}

    def grant(self, users: list[int], purpose: str) -> None:
        """As the model."""

        def work(connection: Any) -> None:
            for user in users:
                run(connection, "INSERT INTO agreed VALUES (?, ?, ?) ON CONFLICT DO NOTHING", user,
                    purpose, TO)  # fmt: skip

        self._do(users, "meta", work, write=True)

    def by_user(self, user: int) -> set[str]:
        """As the model."""
        query = "SELECT purpose FROM agreed WHERE usr = ?"
        found = self._do([user], "meta", lambda c: rows(c, query, user), write=False)
        return {purpose for (purpose,) in found}

    def log(self, user: int) -> int:
        """As the model."""
        query = "SELECT count(*) FROM log WHERE usr = ? AND what <> 'meta'"
        return int(self._do([user], "meta", lambda c: rows(c, query, user), write=False)[0][0])


class Gated:
    """The gate; each call is one act or one transaction."""

    name = "gate"

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.person: dict[int, str] = {}
        self.granted: dict[str, str] = {}  # the purpose of each record

    def insert(self, user: int, told: Told, purpose: str) -> None:
        """As the model."""
        with self.gate.together() as joint:
            self.person[user] = joint.enrol()
            joint.store(self.person[user], told, source="customer", occasion="registration")
            self._granted(joint, user, purpose)

    def _granted(self, joint: Any, user: int, purpose: str) -> None:
        about = {"data": FIELDS, "purpose": [purpose], "recipient": [TO]}
        self.granted[joint.record(self.person[user], "consent", about=about)] = purpose

    def delete(self, user: int) -> None:
        """As the model, with the key that everything of the user was sealed under."""
        importlib.import_module("upheld.gate.erasure").erase(self.gate, [self.person.pop(user)])

    def own(self, user: int, field: str) -> str | None:
        """As the model."""
        given = self.gate.act("use", self.person[user], [field], purpose="rights-request")
        return given[field] if field in given.values else None

    def read(self, user: int, field: str, purpose: str) -> str | None:
        """As the model."""
        try:
            return self.gate.act("share", self.person[user], [field], recipient=TO, purpose=purpose,
                                 occasion="other")[field]  # fmt: skip
        except upheld.Refused:
            return None

    def update(self, user: int, field: str, value: str) -> None:
        """As the model."""
        self.gate.store(self.person[user], {field: value}, source="customer",
                        occasion="registration")  # fmt: skip

    def by_purpose(self, users: list[int], purpose: str) -> set[int]:
        """As the model."""
        of = {self.person[user]: user for user in users}
        found = self.gate.sweep("share", list(of), ["email"], recipient=TO, purpose=purpose,
                                occasion="other")  # fmt: skip
        return {of[person] for person, each in found.items() if isinstance(each, Given)}

    def grant(self, users: list[int], purpose: str) -> None:
        """As the model."""
        with self.gate.together() as joint:
            for user in users:
                self._granted(joint, user, purpose)

    def by_user(self, user: int) -> set[str]:
        """As the model: the consents that a person's entries rest on."""
        return {
            self.granted[record] for kept in self.gate.entries(self.person[user])
            if kept.entry.action == "add consent" for record in kept.entry.evidence
        }  # fmt: skip

    def log(self, user: int) -> int:
        """As the model: every act; storing is two entries and one act."""
        return sum(kept.entry.kind in ("act", "refusal") and kept.entry.action != "collect"
                   for kept in self.gate.entries(self.person[user]))  # fmt: skip


Store = Model | Plain | Gated


def filled(stores: Sequence[Store], users: int, random: Random) -> None:
    """The same users in each store, each with a value in every field."""
    for user in range(users):
        told = {field: value(user, field, random) for field in FIELDS}
        purpose = random.choice(PURPOSES)
        for store in stores:
            store.insert(user, told, purpose)


def value(user: int, field: str, random: Random) -> str:
    """A value of a record."""
    return f"{field}-{user}-{random.randrange(10**9)}"


def operations(role: str, count: int, users: int, random: Random, *, erases: bool) -> list[Any]:
    """What is asked, drawn beforehand: the name of a method with its arguments."""
    shares, how = ROLES[role]
    shares = {each: share for each, share in shares.items() if erases or each != "delete"}
    alive, new, made = list(range(users)), users, []
    weights = list(accumulate(1 / (1 + at) for at in range(users)))

    def one() -> int:
        if how == "uniform":
            return alive[random.randrange(len(alive))]
        return alive[bisect(weights, random.random() * weights[-1]) % len(alive)]

    def page() -> list[int]:
        first = random.randrange(max(1, len(alive) - PAGE))
        return alive[first : first + PAGE]

    for kind in random.choices(list(shares), list(shares.values()), k=count):
        field, purpose, user = random.choice(FIELDS), random.choice(PURPOSES), one()
        if kind == "insert":
            told = {each: value(new, each, random) for each in FIELDS}
            made.append(("insert", (new, told, purpose)))
            alive.append(new)
            new += 1
        elif kind == "delete":
            alive.remove(user)
            made.append(("delete", (user,)))
        else:
            made.append({
                "own read": ("own", (user, field)), "read": ("read", (user, field, purpose)),
                "update": ("update", (user, field, value(user, field, random))),
                "by purpose": ("by_purpose", (page(), purpose)),
                "grant by purpose": ("grant", (page(), purpose)),
                "grant by user": ("grant", ([user], purpose)),
                "by user": ("by_user", (user,)), "log": ("log", (user,)),
            }[kind])  # fmt: skip
    return made


def timed(store: Store, asked: list[Any], truth: list[Any]) -> tuple[float, int]:
    """How long it takes, and how many answers are the model's."""
    found = []
    start = time.perf_counter()
    for name, words in asked:
        found.append(getattr(store, name)(*words))
    took = time.perf_counter() - start
    if store.name == "plain tables":  # which keep no log
        truth = [None if name == "log" else each
                 for (name, _), each in zip(asked, truth, strict=True)]  # fmt: skip
        found = [None if name == "log" else each
                 for (name, _), each in zip(asked, found, strict=True)]  # fmt: skip
    return took, sum(one == other for one, other in zip(found, truth, strict=True))


def space(url: str) -> float:
    """What a database takes, in MiB."""
    engine = open_database(url)
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            return float(rows(connection, "SELECT pg_database_size(current_database())")[0][0]) / (
                1 << 20
            )
    path = Path(url.removeprefix("sqlite:///"))
    return sum(each.stat().st_size for each in path.parent.glob(path.name + "*")) / (1 << 20)


def measure(name: str, urls: list[str], keyring: Keyring, options: argparse.Namespace) -> None:
    """Fill three databases alike, ask each role's operations of them, and print the lines."""
    users = options.records // len(FIELDS)
    engines = [open_database(url) for url in urls]
    migrate(engines[2])
    gate = Gate(engines[2], upheld.load_text(POLICY), keyring)
    model, stores = Model(), [Plain(engines[0], logged=False), Plain(engines[1], logged=True),
                              Gated(gate)]  # fmt: skip
    filled([model, *stores], users, Random(1))  # noqa: S311 - draws of a benchmark
    erases = importlib.util.find_spec("upheld.gate.erasure") is not None
    for at, role in enumerate(ROLES):
        random = Random(at)  # noqa: S311 - as above
        asked = operations(role, options.operations, users, random, erases=erases)
        truth = [getattr(model, each)(*words) for each, words in asked]
        times = []
        for store in stores:
            took, right = timed(store, asked, truth)
            times.append(took)
            if right != len(asked):
                print(f"{store.name}: {len(asked) - right} answers are wrong", file=sys.stderr)
        plain, logged, gated = times
        print(f"| {name}: {role} | {plain:.1f} s | {logged:.1f} s | {gated:.1f} s "
              f"| {gated / logged:.1f}× | {right / len(asked):.0%} |")  # fmt: skip
        users = max([users, *(words[0] + 1 for each, words in asked if each == "insert")])
    sizes = [space(url) for url in urls]
    print(f"| {name}: space | {sizes[0]:.0f} MiB | {sizes[1]:.0f} MiB | {sizes[2]:.0f} MiB "
          f"| {sizes[2] / sizes[1]:.1f}× | |")  # fmt: skip


def main() -> None:
    """Measure SQLite, and PostgreSQL where it is installed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--operations", type=int, default=10_000, help="of each role")
    options = parser.parse_args()
    print(f"{options.records:,} records, {options.operations:,} operations a role, "
          f"{os.cpu_count()} cores.\n\n| role | plain tables | with a durable log | gate "
          "| gate / log | answers right |\n|---|---|---|---|---|---|")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        keyring = Keyring.create(Path(folder, "keys"), Passphrase("seven plain words in a row"))
        names = ("plain", "logged", "gate")
        measure("SQLite", [f"sqlite:///{folder}/{each}.db" for each in names], keyring, options)
        programs = postgres.programs()
        if programs is not None:
            with postgres.server(programs) as address:
                urls = [created(address, each) for each in names]
                measure("PostgreSQL", urls, keyring, options)


def created(address: str, name: str) -> str:
    """A new database of a server, and its address."""
    import psycopg  # noqa: PLC0415 - where there is a server

    with psycopg.connect(address + "postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    return address + name


if __name__ == "__main__":
    main()
