"""Every table of a provider: whatever is done to its rows without the keys is found, or harmless.

A provider with a history is changed row by row, as somebody would who has the database and no keys,
and each time the self-check and the verification of its log, which are jobs, are asked. What they
do not find is listed below, with the reason why nobody gains or loses anything by it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from sqlalchemy import Boolean, Connection, LargeBinary, String, Table, Text

import postgres
import upheld
from database.test_sealed import made
from gate.test_licences import CHOOSING, licence, register
from ledger.logs import SIGNER
from practices.conftest import House, houses
from practices.routes import THINGS, World
from practices.test_erased import busy
from sizes import CHOSEN, size
from tally import tried as tried_so
from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.connection import WriteConnection
from upheld.database.errors import DatabaseError
from upheld.database.schema import declared_tables
from upheld.database.statements import placeholders, rows, run
from upheld.database.transaction import reading, writing
from upheld.demo import sample_policy
from upheld.gate.erasure.erase import erase
from upheld.gate.gate import Gate
from upheld.gate.log import detach
from upheld.gate.log.audit import audit
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.log_state import begin_again
from upheld.gate.operations.backup import backup
from upheld.gate.operations.lease import Lease
from upheld.gate.operations.selfcheck import check
from upheld.ledger.note import LOG
from upheld.ledger.signers import FileSigner
from upheld.practices.rights import choices, corrections

AGAIN: Final = FileSigner("larch.example/again", LOG, bytes(range(3, 35)))
EACH: Final = size("rows of each table that are changed", short=1, long=40)
# Of so many changes one is made at each size, on SQLite and on PostgreSQL.
PARTS: Final = {"short": (4, 12), "middle": (2, 6), "long": (1, 4)}[CHOSEN]
Row = dict[str, Any]
Told = dict[str, dict[tuple[Any, ...], Row]]  # the rows of each table by their keys
HARMLESS: Final = {
    "checkpoint.at": "it is shown beside what is signed, which says nothing of when it was",
    "checkpoint.note": "it is signed again, over the same root, by whoever covers next",
    "checkpoint: delete": "the next one covers the same, and whoever saw it takes no shorter log",
    "cosigned": "all of it is signed: one that is changed is found, and one that is gone is missed"
    " by whoever asks for it",
    "entry: insert": "beyond what is signed it is an entry too many: nobody may do anything by it,"
    " and what is said in it of records is compared with them",
    "epoch.closed": "no key is left of a closed one, and whoever closes the open one is found",
    "epoch: delete": "no key is taken under it until it is there again, as the next start makes it",
    "epoch: old": "no key is left of a closed one",
    "finding": "nothing rests on it, and the next look finds again what is not whole",
    "lease": "what two leaders do at once is done once, and a false one keeps it for a minute",
    "person.created": "nothing rests on when somebody's row was made",
    "set_aside": "nothing rests on it, and a job tries everybody each time, listed or not",
    "value (former): delete": "nothing rests on a value that another took the place of",
    "tile: insert": "what lies beyond the tree is written over once the tree gets there",
}


class _Back(Exception):  # noqa: N818 - no error: the end of a trial
    """What was tried is undone."""


class Provider(NamedTuple):
    """A provider with a history: its gate, and its rows as they were in the middle of it."""

    gate: Gate
    earlier: Told
    every: int  # of how many trials one is done


def everything(gate: Gate) -> Told:
    """Every row of every table."""
    found: Told = {}
    with reading(gate.engine) as connection:
        for name, table in declared_tables().tables.items():
            columns = [str(column.name) for column in table.columns]
            key = [columns.index(str(column.name)) for column in table.primary_key]
            found[name] = {
                tuple(told[at] for at in key): dict(zip(columns, told, strict=True))
                for told in rows(connection, f"SELECT {', '.join(columns)} FROM {name}")
            }
    return found


def first_half(house: House, gate: Gate, home: Path) -> World:
    """Let much happen: people sign up, order, owe and ask; the log is covered and backed up."""
    world = World(house)
    for name in ("task", "message", "record", "request", "link"):
        THINGS[name](world)
    for person in (world.ann, world.child):
        busy(house, person)
    bo = PersonId(world.visitors["bo"][1])
    gate.sweep("use", [world.ann, bo], ["email"], purpose="billing")
    register(gate, licence(CHOOSING))
    with house.browser() as browser:
        browser.post("/sign-in", data={"email": "ann@marked.example", "credentials": "not it"})
    gate.take_first_version()
    assert Lease(gate.engine, "jobs").hold()
    (home / "escrow").mkdir(exist_ok=True)
    backup(gate, home, keys=home / "escrow", days=30)
    with writing(gate.engine) as connection:  # what this history has no rows of
        for name, table in declared_tables().tables.items():
            empty = not rows(connection, f"SELECT 1 FROM {name} LIMIT 1")
            if empty and "sealed" in table.info and name != "severed":
                database.insert(connection, table, **made(table, bo, 1))
    Checkpointer(gate.engine, SIGNER.name, SIGNER).run()
    return world


def second_half(house: House, gate: Gate, world: World) -> None:
    """Let more happen, so that rows change and go: a pledge taken back, an erasure, a new epoch."""
    ann, bo = world.ann, PersonId(world.visitors["bo"][1])
    house.do(lambda transaction: corrections.correct(transaction, ann, "phone", "+1 425 555 0142"))
    house.do(
        lambda transaction: transaction.withdraw(
            ann, choices.choice_records(transaction, ann)[0].record_id
        )
    )
    gate.drop(ann, ["address"])
    erase(gate, [world.child], now=True)
    leaver = house.customer("leaver@marked.example")
    gate.sweep("use", [leaver, bo], ["email"], purpose="billing")
    erase(gate, [leaver])
    Checkpointer(gate.engine, SIGNER.name, SIGNER).run()
    begin_again(gate, "a test")
    Checkpointer(gate.engine, AGAIN.name, AGAIN).run()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def provider(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """A provider on each kind of database, built once."""
    home = tmp_path_factory.mktemp("sweep")
    url = f"sqlite:///{home}/upheld.db"
    if request.param == "postgresql":
        url = postgres.another(request.getfixturevalue("postgres_server") + "sweep", "all")
    opening = houses(url, home)
    house = next(opening)(upheld.load(sample_policy()))
    gate = house.provider.gate.gate
    world = first_half(house, gate, home)
    earlier = everything(gate)
    second_half(house, gate, world)
    yield Provider(gate, earlier, PARTS[request.param == "postgresql"])
    next(opening, None)


@contextmanager
def tried(gate: Gate) -> Iterator[Connection]:
    """A transaction that is undone."""
    with suppress(_Back), writing(gate.engine) as connection:
        yield connection
        raise _Back


def problems(gate: Gate, connection: Connection) -> list[str]:
    """What the jobs find that look through everything."""
    if isinstance(connection, WriteConnection):
        connection.memory.clear()
    found = check(connection, gate.context.keyring).problems
    return [*found, *map(str, audit(connection, severed=detach.counts(connection)).findings)]


def other(table: Table, name: str, value: Any, there: Told) -> Any:
    """Something else of a column's kind; of an id of somebody, another person's."""
    kind = table.columns[name].type
    if isinstance(kind, Boolean):
        return not value
    if isinstance(kind, LargeBinary):
        return (value or b"") + b"x"
    if isinstance(kind, String | Text):
        people = [key[0] for key in there["person"] if key[0] and key[0] != value]
        return people[0] if name == "person_id" else f"{(value or '')[:30]}x"
    return (value or 0) + 1


class Trial(NamedTuple):
    """One thing that is done to a row: what it is called, and the statements that do it."""

    what: str
    does: tuple[tuple[str, tuple[Any, ...]], ...]


def trials(name: str, provider: Provider, there: Told) -> Iterator[Trial]:
    """All that is done to some rows of a table: changed, added, deleted, and put back."""
    table, now, before = declared_tables().tables[name], there[name], provider.earlier[name]
    keys = [str(column.name) for column in table.primary_key]
    where = " AND ".join(f"{key} = ?" for key in keys)

    def insert(row: Row) -> tuple[str, tuple[Any, ...]]:
        return f"INSERT INTO {name} ({', '.join(row)}) VALUES ({placeholders([*row])})", (
            *row.values(),
        )

    for key, row in spread(now):
        what = name if row.get("current", True) else f"{name} (former)"
        for column in row:
            changed = other(table, column, row[column], there)
            statement = f"UPDATE {name} SET {column} = ? WHERE {where}"
            yield Trial(f"{what}.{column}", ((statement, (changed, *key)),))
            if table.columns[column].nullable and row[column] is not None:
                emptied = f"UPDATE {name} SET {column} = NULL WHERE {where}"
                yield Trial(f"{what}.{column}", ((emptied, key),))
        yield Trial(f"{what}: delete", ((f"DELETE FROM {name} WHERE {where}", key),))
        last = keys[-1]
        yield Trial(
            f"{name}: insert", (insert(row | {last: other(table, last, row[last], there)}),)
        )
    changed_since = {key: row for key, row in before.items() if now.get(key, row) != row}
    for key, row in spread(changed_since):
        yield Trial(f"{name}: old", ((f"DELETE FROM {name} WHERE {where}", key), insert(row)))
    for _, row in spread({key: row for key, row in before.items() if key not in now}):
        yield Trial(f"{name}: back", (insert(row),))


def spread(found: dict[tuple[Any, ...], Row]) -> list[tuple[tuple[Any, ...], Row]]:
    """Some rows, from the beginning to the end."""
    listed = sorted(found.items(), key=repr)
    step = max(1, len(listed) // EACH)
    return listed[::step][:EACH]


def test_no_table_is_left_out_of_the_trials(provider: Provider) -> None:
    """Each has rows here, but for those whose rows are harmless anyway."""
    there = everything(provider.gate)
    assert {
        name for name, found in there.items() if not (found or provider.earlier[name])
    } <= HARMLESS.keys()


def test_whatever_is_done_to_a_row_without_the_keys_is_found_or_is_harmless(
    provider: Provider,
) -> None:
    """Each column changed or emptied, a row besides, gone, and an old one put back, everywhere."""
    gate, there = provider.gate, everything(provider.gate)
    with tried(gate) as connection:
        assert problems(gate, connection) == []
    harmless = reasons()
    unfound: dict[str, Trial] = {}
    tables = [
        name
        for name, table in declared_tables().tables.items()
        if "sealed" in table.info or table.info.get("bare")
    ]
    for name in sorted(set(tables) - harmless.keys()):
        done = [
            each
            for each in [*trials(name, provider, there)][:: provider.every]
            if each.what not in harmless
        ]
        missed = {each.what: each for each in done if not found(gate, each)}
        unfound |= missed
        tried_so("tampering", f"rows of `{name}`", gate.engine, len(done), len(missed))
    assert unfound == {}


def reasons() -> dict[str, str]:
    """Whatever may be done and is not found, each with the reason why it is harmless."""
    return HARMLESS | {
        f"{name}.{column}": why
        for name, table in declared_tables().tables.items()
        for column, why in table.info.get("sealed", {}).get("free", {}).items()
    }


def found(gate: Gate, trial: Trial) -> bool:
    """Whether what is done is found, or the database itself refuses it."""
    with tried(gate) as connection:
        try:
            for statement, values in trial.does:
                run(connection, statement, *values)
        except DatabaseError:  # there is a row of that key already
            return True
        return problems(gate, connection) != []
    raise AssertionError
