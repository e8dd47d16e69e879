"""Take somebody out of the database, but for what must be kept of them.

Rows of values, keys, index, records and items go, and entries are cut from them. What is kept gets
a key of its own and new rows, so that nothing that was ever written under the old key, in a log of
the database or a backup, opens with the new one. What a law keeps and forbids to speak of goes to a
person of its own, of whom no act, no look-up and no list knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

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

TABLES = ("value", "blind_index", "record", "item", "person_key", "person")


class _Rows(NamedTuple):
    """The rows of a field, the oldest first: several where it is a series."""

    listed: tuple[values.Value, ...]
    series: bool


class _Left(NamedTuple):
    """What is taken aside of a person before everything goes."""

    found: dict[str, _Rows]
    records: list[Record]


def forget(
    connection: Connection, keyring: Keyring, policy: Policy, erased: Mapping[str, Erased],
    at: datetime, groups: Mapping[str, Sequence[Sequence[str]]] | None = None,
) -> dict[str, list[int]]:  # fmt: skip
    """Take some people out; for those of whom something is kept, the numbers of its entries.

    `groups` are the fields that are kept alike, each with an entry of its own.
    """
    asked = sorted(erased)
    people.lock_all(connection, asked)
    staying = [each for each in asked if erased[each].kept or erased[each].apart]
    opened = people.whatever(connection, keyring, staying) if staying else {}
    left = {
        person_id: _Left(
            _aside(connection, opened[person_id],
                   (*erased[person_id].kept, *erased[person_id].apart)),
            records.everything(connection, keyring, person_id),
        )
        for person_id in staying
    }  # fmt: skip
    severing.sever(connection, keyring, asked)
    for table in TABLES:
        run(connection, f"DELETE FROM {table} WHERE person_id IN ({places(asked)})", *asked)  # noqa: S608 - names and places alone
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


def _keep(
    connection: Connection, keyring: Keyring, policy: Policy, whose: tuple[str, Erased],
    left: _Left, at: datetime,
) -> people.Person:  # fmt: skip
    """Write what is kept anew, under a new key."""
    person_id, what = whose
    person = people.enrol(connection, keyring, at, state=ACTIVE, person_id=person_id)
    person = _rows(connection, keyring, person, {f: left.found[f] for f in what.kept
                                                 if f in left.found})  # fmt: skip
    for record in left.records:
        if record.record_id in what.kept_records:
            records.keep(connection, keyring, record)
    fact = policy.program.vocabulary.facts.get(REQUESTED)
    if fact is not None:  # so that no clause lets more of it be used or kept than now
        records.add(connection, keyring, person_id, fact.proof, at, fact=REQUESTED,
                    by_whom="customer", how="erasure")  # fmt: skip
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
    _rows(connection, keyring, person, {f: left.found[f] for f in what.apart if f in left.found})
    for field in blind_index.FIELDS:
        blind_index.drop(connection, person.person_id, field)
    for record in left.records:
        if record.record_id in what.apart_records:
            moved = msgspec.structs.replace(record, person_id=person.person_id)
            records.keep(connection, keyring, moved)


def _aside(
    connection: Connection, person: people.Person, fields: Iterable[str]
) -> dict[str, _Rows]:
    """The rows of some fields; SealError names what is not whole."""
    found, problems = values.examine(connection, person, fields)
    if problems:
        raise SealError(problems[0])
    return {
        field: _Rows(listed, person.holdings[field].gone is not None)
        for field, listed in found.items() if listed
    }  # fmt: skip


def _rows(
    connection: Connection, keyring: Keyring, person: people.Person, found: Mapping[str, _Rows]
) -> people.Person:
    for field, told in found.items():
        for row in told.listed:
            if told.series:
                person = values.append(connection, person, field, [row.value], row.origin, row.at)
            else:
                person = values.put(connection, keyring, person, {field: row.value}, row.origin,
                                    row.at)  # fmt: skip
    return person
