"""What a provider's database needs besides acts: to be looked through, and moved on.

`selfcheck` opens everything and names what is not whole. `begin_epoch` moves everybody's
key to a new epoch and destroys the old ones: it may be stopped and begun again at any time, and
nobody is ever without a key.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, Engine

from upheld.core.sql import is_postgresql, rows
from upheld.core.transaction import scrub, snapshot, writing
from upheld.core.trouble import DatabaseError
from upheld.database import checks
from upheld.gate import entries, records, sealing, severing, unlike
from upheld.gate.records import Record
from upheld.ledger.entries import EntryError
from upheld.vault import people, values
from upheld.vault.envelope import SealError
from upheld.vault.keyfile import KeyringError
from upheld.vault.keyring import Keyring
from upheld.vault.people import ACTIVE, HELD, VaultError

INTEGRITY = "PRAGMA integrity_check"
BATCH = 100  # people moved in one transaction


class Checked(NamedTuple):
    """What was looked through, and what is not whole."""

    people: int
    values: int
    records: int
    entries: int
    problems: tuple[str, ...]


def selfcheck(engine: Engine, keyring: Keyring) -> Checked:
    """Open every key and value, believe every record, hash every entry; name what is not whole."""
    people.unlock(engine, keyring)
    with snapshot(engine) as connection:
        return check(connection, keyring)


def check(connection: Connection, keyring: Keyring) -> Checked:
    """The same in a transaction that is given, of a database that was unlocked."""
    problems: list[str] = []
    held = 0
    everybody = [
        found for (found,) in
        rows(connection, "SELECT person_id FROM person WHERE state = ?", ACTIVE)
    ]  # fmt: skip
    for person_id in everybody:
        count, named = looked_through(connection, keyring, person_id)
        held += count
        problems += named
    problems += _apart(connection, keyring)
    problems += unlike.everywhere(connection, keyring)
    problems += checks.everything(connection)
    listed = records.every(connection)
    problems += _unlike(connection, {each.record_id: each for each in listed})
    problems += [
        f"entry {number} is missing or changed"
        for number in entries.damaged(connection, severing.counts(connection))
    ]
    last = entries.last_of(connection)
    if not is_postgresql(connection) and rows(connection, INTEGRITY) != [("ok",)]:
        problems.append("the database file is damaged")
    return Checked(len(everybody), held, len(listed), last[0] if last else 0, tuple(problems))


def some_people(connection: Connection, after: str, most: int) -> list[str]:
    """The people who are there among the next ones by their ids."""
    statement = "SELECT person_id, state FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?"
    found = rows(connection, statement, after, most)
    return [person_id for person_id, state in found if state == ACTIVE]


def looked_through(
    connection: Connection, keyring: Keyring, person_id: str
) -> tuple[int, list[str]]:
    """How many values of somebody are whole, and what is not whole of them."""
    try:
        person = people.opened(connection, keyring, person_id)
        found, problems = values.examine(connection, person, list(person.holdings))
        problems += values.besides(connection, person)
        problems += records.unreadable(connection, person_id, person.cipher)
    except (SealError, VaultError, KeyringError) as error:
        return 0, [str(error)]
    noted: dict[str, str] = {}
    try:
        for kept in entries.of_person(connection, person_id):
            told = list(zip(kept.entry.data, kept.entry.values, strict=bool(kept.entry.values)))
            if kept.entry.kind == "retention" and kept.entry.action == "delete":
                for field, mark in told:
                    if noted.get(field) == mark:  # else a former value of it
                        del noted[field]
            else:  # of a series whose oldest rows went, what is left
                noted.update(told)
    except (EntryError, DatabaseError, ValueError):
        problems.append(f"what an entry says of person {person_id}")
    problems = [f"{name} is changed, moved or missing" for name in problems]
    if noted != {field: held.mark for field, held in person.holdings.items()}:
        problems.append(f"what is held of person {person_id} is not what the entries say")
    return sum(map(len, found.values())), problems


def _apart(connection: Connection, keyring: Keyring) -> list[str]:
    """What is not whole of that which a law keeps apart; nothing else is told of it."""
    problems: list[str] = []
    for (person_id,) in rows(connection, "SELECT person_id FROM person WHERE state = ?", HELD):
        try:
            person = people.whatever(connection, keyring, [person_id])[person_id]
            found = values.examine(connection, person, list(person.holdings))[1]
            problems += [f"{name} is changed, moved or missing" for name in found]
        except (SealError, VaultError, KeyringError, KeyError) as error:
            problems.append(str(error))
    return problems


def _unlike(connection: Connection, listed: dict[str, Record]) -> list[str]:
    """The records that are not as the entries say: gone, or in force though they were ended."""
    said: dict[str, str] = {}
    added: set[str] = set()  # of people who are there; of a batch some may have been erased since
    for entry in entries.of_kind(connection, "record"):
        said.update(dict.fromkeys(entry.evidence, entry.action.partition(" ")[0]))
        if entry.batch is None:
            added.update(entry.evidence)
    problems = []
    for record_id, action in said.items():
        record = listed.get(record_id)
        if record is None and record_id in added:
            problems.append(f"record {record_id} is missing")
        ended = record is None or record.withdrawn is not None or record.ends is not None
        if action != "add" and not ended:
            problems.append(f"record {record_id} is as it was before it ended")
    return problems


def begin_epoch(engine: Engine, keyring: Keyring, *, destroy: bool = True) -> int:
    """Begin an epoch, move everybody to it, and destroy the keys of the epochs before.

    How many people were moved. What was sealed for anyone who was not moved can then be read by
    nobody, in no backup either. Of two processes the second waits, and then begins a further one.
    """
    with keyring.renewing():
        return _renewed(engine, keyring, destroy=destroy)


def _renewed(engine: Engine, keyring: Keyring, *, destroy: bool) -> int:
    with writing(engine) as connection:
        sealing.belong(connection, keyring)
        pending = people.to_move(connection, keyring, 1)
    if not pending:  # nobody is left of a move that was stopped, so that this is a new one
        keyring.begin_epoch()
    with writing(engine) as connection:
        sealing.belong(connection, keyring)
    moved = 0
    while True:
        with writing(engine) as connection:
            some = people.to_move(connection, keyring, BATCH)
            for person_id in some:
                people.move(connection, keyring, person_id, values.indexed)
        if not some:
            break
        moved += len(some)
    if destroy:
        for epoch in [each for each in keyring.epochs if each is not keyring.current]:
            with writing(engine) as connection:
                people.close(connection, epoch.number)
            keyring.destroy_epoch(epoch.number)
        scrub(engine)
    return moved
