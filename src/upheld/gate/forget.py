"""Take somebody out of the database, but for what must be kept of them.

Every row of every table whose key begins with their id goes, whichever part of the program it is
of, and entries are cut from them. What is kept gets a key of its own and new rows, so that nothing
that was ever written under the old key, in a log of the database or a backup, opens with the new
one. What a law keeps and forbids to speak of goes to a person of its own, of whom no act, no
look-up and no list knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, inspect

from upheld.core.schema import declared
from upheld.core.sql import places, run
from upheld.gate import entries, records, severing
from upheld.gate.keeping import REQUESTED
from upheld.gate.records import Record
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.vault import blind_index, people, values
from upheld.vault.envelope import SealError
from upheld.vault.erasures import Erased
from upheld.vault.keyring import Keyring
from upheld.vault.people import ACTIVE, HELD

OWNER: Final = "person_id"
ERASURE: Final = "erasure"  # how it came to be known that somebody of whom something is kept asked
SEVERED: Final = ("entry_person",)  # whose rows are cut by severing, with a mark
_BECOMES: Final = {  # of a row of somebody else's that names them, as its column says
    "go": "DELETE FROM {table} WHERE {column} IN ({some})",
    "blank": "UPDATE {table} SET {column} = '' WHERE {column} IN ({some})",
    "stands": "UPDATE {table} SET {column} = {by} WHERE {column} IN ({some})",
}


class _Left(NamedTuple):
    """What is taken aside of a person before everything goes."""

    found: dict[str, tuple[values.Value, ...]]
    series: frozenset[str]
    records: list[Record]
    texts: dict[str, str]


def forget(
    connection: Connection, keyring: Keyring, policy: Policy, erased: Mapping[str, Erased],
    at: datetime, groups: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> dict[str, list[int]]:  # fmt: skip
    """Take some people out; for those of whom something is kept, the numbers of its entries.

    `groups` are the fields that are kept alike, each with an entry of its own.
    """
    asked = sorted(erased)
    if not asked:
        return {}
    people.lock_all(connection, asked)
    staying = [each for each in asked if erased[each].kept or erased[each].apart]
    opened = people.whatever(connection, keyring, staying) if staying else {}
    left = {
        person_id: _taken_aside(connection, keyring, opened[person_id], erased[person_id])
        for person_id in staying
    }
    severing.sever(connection, keyring, asked)
    _rows_go(connection, asked, [each for each in asked if not erased[each].kept])
    _given_ends(connection, keyring, policy, asked, at)
    noted = {}
    for person_id in staying:
        what = erased[person_id]
        if what.apart:
            _set_aside(connection, keyring, what, left[person_id], at)
        if what.kept:
            kept = _keep(connection, keyring, policy, (person_id, what), left[person_id], at)
            alike = (groups or {}).get(person_id, [what.kept])
            noted[person_id] = [_entry(connection, policy, kept, each, what.kept_records, at)
                                for each in alike]  # fmt: skip
    return noted


def _taken_aside(
    connection: Connection, keyring: Keyring, person: people.Person, what: Erased
) -> _Left:
    """What is kept of somebody, read before all rows go; SealError where it is not whole."""
    found, problems = values.examine(connection, person, (*what.kept, *what.apart))
    if problems:
        raise SealError(problems[0])
    listed = records.everything(connection, keyring, person.person_id)
    mine = [each for each in listed if each.record_id in {*what.kept_records, *what.apart_records}]
    return _Left(
        found, frozenset(field for field, held in person.holdings.items() if held.gone is not None),
        mine, records.texts(connection, person.person_id, mine, person.cipher),
    )  # fmt: skip


def _rows_go(connection: Connection, asked: Sequence[str], wholly: Sequence[str]) -> None:
    """Delete every row about some people; of those of whom something is kept, some tables stay.

    What names them in rows of others' becomes what its column says.
    """
    tables = declared().tables
    named = [column for table in tables.values() for column in table.columns
             if "erased" in column.info]  # fmt: skip
    for column in named:
        if whom := wholly if column.info.get("stays") else asked:
            statement = _BECOMES[column.info["erased"]].format(
                table=column.table.name, column=column.name, by=column.info.get("by"),
                some=places(whom),
            )  # fmt: skip
            run(connection, statement, *whom)
    for table in _keyed(connection):
        known = tables.get(table)
        stays = known is not None and known.info.get("stays", False)
        if gone := wholly if stays else asked:
            run(connection, f"DELETE FROM {table} WHERE {OWNER} IN ({places(gone)})", *gone)  # noqa: S608 - names and places alone


def _keyed(connection: Connection) -> Iterator[str]:
    """The tables of the database whose key begins with a person's id."""
    inspector = inspect(connection)
    for name in sorted(inspector.get_table_names()):
        key = inspector.get_pk_constraint(name)["constrained_columns"]
        if key[:1] == [OWNER] and name not in SEVERED:
            yield name


def _given_ends(
    connection: Connection, keyring: Keyring, policy: Policy, asked: Sequence[str], at: datetime
) -> None:
    """End what people who go gave for others, such as a guardian's permission, with an entry."""
    for record in records.end_given_by(connection, keyring, asked, at):
        entry = Entry(kind="record", time="", policy=policy.digest, action=f"end {record.kind}",
                      evidence=(record.record_id,))  # fmt: skip
        entries.write(connection, entry, record.person_id or None, at)


def set_aside(
    connection: Connection, keyring: Keyring, what: Erased, person: people.Person, at: datetime
) -> None:
    """Write what a law keeps of somebody who stays to a person of its own, before it is deleted."""
    _set_aside(connection, keyring, what, _taken_aside(connection, keyring, person, what), at)


def _keep(
    connection: Connection, keyring: Keyring, policy: Policy, whose: tuple[str, Erased],
    left: _Left, at: datetime,
) -> people.Person:  # fmt: skip
    """Write what is kept anew, under a new key."""
    person_id, what = whose
    person = people.enrol(connection, keyring, at, state=ACTIVE, person_id=person_id)
    person = _rows(connection, keyring, person, what.kept, left)
    for record in left.records:
        if record.record_id in what.kept_records:
            text = left.texts.get(record.record_id, "")
            records.keep(connection, keyring, record, text, person.cipher)
    fact = policy.program.vocabulary.facts.get(REQUESTED)
    if fact is not None:  # so that no clause lets more of it be used or kept than now
        records.add(connection, keyring, person_id, fact.proof, at, fact=REQUESTED,
                    by_whom="customer", how=ERASURE)  # fmt: skip
    return person


def _entry(
    connection: Connection, policy: Policy, person: people.Person, fields: Sequence[str],
    evidence: tuple[str, ...], at: datetime,
) -> int:  # fmt: skip
    """Note what is kept of somebody; the number of the entry."""
    held = tuple(field for field in fields if field in person.holdings)
    entry = Entry(
        kind="erasure.kept", time="", policy=policy.digest, data=held,
        values=tuple(person.holdings[field].mark for field in held), evidence=evidence,
    )  # fmt: skip
    return entries.write(connection, entry, person.person_id, at)[0]


def _set_aside(
    connection: Connection, keyring: Keyring, what: Erased, left: _Left, at: datetime
) -> None:
    """Write what a law keeps to a person of its own, with the records that say so."""
    person = people.enrol(connection, keyring, at, state=HELD)
    _rows(connection, keyring, person, what.apart, left)
    for field in blind_index.FIELDS:
        blind_index.drop(connection, person.person_id, field)
    for record in left.records:
        if record.record_id in what.apart_records:
            by = records.ERASED if record.by_whom == record.person_id else record.by_whom
            moved = msgspec.structs.replace(record, person_id=person.person_id, by_whom=by)
            text = left.texts.get(record.record_id, "")
            records.keep(connection, keyring, moved, text, person.cipher)


def _rows(
    connection: Connection, keyring: Keyring, person: people.Person, fields: Sequence[str],
    left: _Left,
) -> people.Person:  # fmt: skip
    """Write some fields anew, of a series every row."""
    for field in fields:
        if found := left.found.get(field):
            person = values.write_again(connection, keyring, person, field, found,
                                        series=field in left.series)  # fmt: skip
    return person
