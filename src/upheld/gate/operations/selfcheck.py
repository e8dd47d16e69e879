"""Open everything that a provider's database holds, and name what is not whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from upheld.core.ids import PersonId, RecordId
from upheld.database import checks
from upheld.database.checks import Problem
from upheld.database.errors import DatabaseError
from upheld.database.statements import dialect_of, rows
from upheld.database.transaction import snapshot
from upheld.gate.evidence import records
from upheld.gate.evidence.records import Record
from upheld.gate.log import detach, entries
from upheld.gate.log.entries import StoredEntry
from upheld.gate.operations import cross_checks
from upheld.ledger.entries import Entry, EntryError
from upheld.vault import belonging, people, values
from upheld.vault.envelope import SealError
from upheld.vault.keyfile import KeyringError
from upheld.vault.keyring import Keyring
from upheld.vault.people import ACTIVE, REGISTER, VaultError


class SelfCheckReport(NamedTuple):
    """What was looked through, and what is not whole.

    What a law keeps apart is looked through with the rest, and not counted.
    """

    people: int
    values: int
    records: int
    entries: int
    problems: tuple[str, ...]


def selfcheck(engine: Engine, keyring: Keyring) -> SelfCheckReport:
    """Open every key and value, believe every record, hash every entry; name what is not whole.

    What is not whole at one moment is looked at again at another before it is named: a key may be
    renewed, between the moment that is seen and the moment in which its keyring is read.
    """
    first = _check_all(engine, keyring)
    if not first.problems:
        return first
    again = _check_all(engine, keyring)
    both = tuple(each for each in again.problems if each in set(first.problems))
    return again._replace(problems=both)


def _check_all(engine: Engine, keyring: Keyring) -> SelfCheckReport:
    belonging.unlock(engine, keyring)
    with snapshot(engine) as connection:
        return check(connection, keyring)


def check(connection: Connection, keyring: Keyring) -> SelfCheckReport:
    """Check a whole database, already unlocked with its keyring, within a transaction."""
    problems: list[Problem] = []
    value_count = 0
    statement = "SELECT person_id, state FROM person WHERE person_id <> ?"
    states = {PersonId(str(owner)): state for owner, state in rows(connection, statement, REGISTER)}
    for person_id, state in states.items():
        count, person_problems = check_person(connection, keyring, person_id)
        value_count += count if state != people.HELD else 0
        problems += person_problems
    problems += cross_checks.everywhere(connection, keyring)
    problems += checks.find_problems(connection)
    all_records = records.every(connection)
    problems += _unlike(connection, {each.record_id: each for each in all_records})
    texts = [each.text for each in problems]
    texts += [
        f"entry {number} is missing or changed"
        for number in entries.damaged(connection, detach.counts(connection))
    ]
    last = entries.last_of(connection)
    statement = dialect_of(connection).integrity_check
    if statement and rows(connection, statement) != [("ok",)]:
        texts.append("the database file is damaged")
    active = sum(state == ACTIVE for state in states.values())
    record_count = sum(states.get(each.person_id) != people.HELD for each in all_records)
    return SelfCheckReport(
        active, value_count, record_count, last[0] if last else 0, tuple(dict.fromkeys(texts))
    )


class SomePeople(NamedTuple):
    """Some people who follow one another, how many may be told of, and whether more follow."""

    people: list[PersonId]
    number: int
    is_last: bool


def some_people(connection: Connection, after: str, most: int) -> SomePeople:
    """The next people by their ids, whatever state they are said to be in.

    As many as `most` of whom may be told, and whoever is kept apart between and after them.
    """
    ours = "SELECT person_id FROM person WHERE person_id > ? AND state <> ? ORDER BY person_id"
    (beyond,) = rows(connection, f"{ours} LIMIT 1 OFFSET ?", after, people.HELD, most) or (None,)
    end, values = ("", ()) if beyond is None else (" AND person_id < ?", (beyond[0],))
    statement = f"SELECT person_id, state FROM person WHERE person_id > ?{end} ORDER BY person_id"  # noqa: S608 - our own words
    some = rows(connection, statement, after, *values)
    number = sum(state != people.HELD for _, state in some)
    return SomePeople([person_id for person_id, _ in some], number, beyond is None)


def check_person(
    connection: Connection, keyring: Keyring, person_id: PersonId
) -> tuple[int, list[Problem]]:
    """How many values of somebody are whole, and what is not whole of them.

    Of what a law keeps apart nothing else is told. Whoever was erased since their id was read has
    nothing that could be amiss: that nobody goes without an erasure is what the log is checked for.
    """
    try:
        person = people.open_people_in_any_state(connection, keyring, [person_id])[person_id]
        series_by_field, wrong = values.examine(connection, person, list(person.holdings))
        wrong += values.unlisted_rows(connection, person)
        wrong += records.unreadable(connection, person_id, person.cipher)
    except KeyError:
        if not rows(connection, "SELECT 1 FROM person WHERE person_id = ?", person_id):
            return 0, []
        return 0, [Problem(f"the key of person {person_id} is missing", "person", person_id)]
    except (SealError, VaultError, KeyringError) as error:
        return 0, [Problem(str(error), "person", person_id)]
    count = sum(map(len, series_by_field.values()))
    problems = [
        Problem(f"{name} is changed, moved or missing", "value", person_id) for name in wrong
    ]
    statement = "SELECT 1 FROM person WHERE person_id = ? AND state = ?"
    if not rows(connection, statement, person_id, ACTIVE):
        return count, problems
    try:
        stored_entries = entries.of_person(connection, person_id)
        noted = _noted_marks(stored_entries)
    except (EntryError, DatabaseError, ValueError):
        text = f"what an entry says of person {person_id} is changed, moved or missing"
        return count, [*problems, Problem(text, "entry", person_id)]
    if noted != {field: holding.mark for field, holding in person.holdings.items()}:
        text = f"what is held of person {person_id} is not what the entries say"
        problems.append(Problem(text, "person", person_id))
    mine = {each.record_id: each for each in records.of_owner(connection, person_id)}
    problems += _unlike_entries([each.entry for each in stored_entries], mine, person_id)
    return count, problems


def _noted_marks(stored_entries: Sequence[StoredEntry]) -> dict[str, str]:
    """What the entries of somebody say that is held: by field, the mark of its value."""
    noted: dict[str, str] = {}
    for each in stored_entries:
        entry = each.entry
        marked_fields = list(zip(entry.data, entry.values, strict=bool(entry.values)))
        if entry.kind == "retention" and entry.action == "delete":
            for field, mark in marked_fields:
                if noted.get(field) == mark:  # else a former value of it
                    del noted[field]
        else:  # of a series whose oldest rows went, what is left
            noted.update(marked_fields)
    return noted


def _unlike(connection: Connection, records_by_id: Mapping[RecordId, Record]) -> list[Problem]:
    """The records that differ from what the entries say: gone, or in force after their end."""
    return _unlike_entries(entries.of_kind(connection, "record"), records_by_id, REGISTER)


def unlike_of_registers(connection: Connection, some: Iterable[Entry]) -> list[Problem]:
    """The register records that differ from what some entries about nobody say."""
    record_entries = [each for each in some if each.kind == "record" and each.batch is None]
    if not record_entries:
        return []
    records_by_id = {each.record_id: each for each in records.of_owner(connection, REGISTER)}
    return _unlike_entries(record_entries, records_by_id, REGISTER)


def _unlike_entries(
    some: Iterable[Entry], records_by_id: Mapping[RecordId, Record], whose: PersonId
) -> list[Problem]:
    """The records that are not as some entries say, of those who are listed.

    A batch's entry may be about records of others, or of people who were erased since.
    """
    actions: dict[str, str] = {}
    added: set[str] = set()
    for entry in some:
        if entry.kind == "record":
            mine = entry.batch is None
            actions.update(
                dict.fromkeys(
                    [each for each in entry.evidence if mine or each in records_by_id],
                    entry.action.partition(" ")[0],
                )
            )
            if mine:
                added.update(entry.evidence)
    problems = []
    for record_id, action in actions.items():
        record = records_by_id.get(RecordId(record_id))
        if record is None and record_id in added:
            problems.append(Problem(f"record {record_id} is missing", "record", whose))
        ended = record is None or record.withdrawn is not None or record.ends is not None
        if action != "add" and not ended:
            text = f"record {record_id} is as it was before it ended"
            problems.append(Problem(text, "record", whose))
    return problems
