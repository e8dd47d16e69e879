"""A database of an earlier upheld: its rows that decide get their MACs, and people their covers.

It is done when the database is first opened with its keyring by an upheld that seals more tables
than the one before, in one transaction, and is said in the ledger. The cover over the registers
names the tables whose rows are sealed, so that a table joins by being declared sealed. A database
in which nothing was sealed is told by the marks of its epochs, which are made under the keyring:
rows that had a mark of their own then get a new one only if that mark was ours. Both, together with
the entry, keep whoever can write to the database from having it done again for their own rows.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from upheld.core.clock import system_time
from upheld.core.ids import NOBODY, PersonId
from upheld.database import covers
from upheld.database.declared import MAC, Declaration, declaration, sealed_tables
from upheld.database.seals import (
    Cover,
    SealedError,
    Seals,
    Tallies,
    owner_of,
    part_of,
    seals_of,
)
from upheld.database.statements import execute_deferred, placeholders, rows, to_bytes
from upheld.database.tables import record, severed
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.vault import belonging, people
from upheld.vault.envelope import context
from upheld.vault.keyring import Keyring
from upheld.vault.people import VaultError

KIND = "rows-sealed"  # of the entry that says so
TOGETHER = 500
FIRST: Final = frozenset(
    {
        "backup",
        "blind_index",
        "care",
        "desk_own",
        "desk_request",
        "desk_user",
        "dropped",
        "erasure",
        "identity_check",
        "item",
        "link",
        "passkey",
        "record",
        "session",
        "severed",
        "spent",
    }
)
"""The tables that the first upheld with sealed rows had: where nothing is named, it is these."""
Ours = Callable[[Sequence[Any], bytes], bool]  # whether a row's mark of an earlier upheld is ours


def belong(connection: Connection, keyring: Keyring) -> None:
    """Open a database with its keyring, and bring over what an earlier upheld did not seal.

    VaultError where the keyring is another's, or rows are to be marked again.
    """
    unsealed = belonging.belong(connection, keyring)
    try:
        before = frozenset[str]() if unsealed else _sealed_before(connection)
    except SealedError:
        return  # whatever rests on the registers is refused, and self-check says why
    new = [table for table in sealed_tables() if table.name not in before]
    if not new:
        return
    names = tuple(table.name for table in new)
    for entry in entries.of_kind(connection, KIND):
        if not {*(entry.evidence or FIRST)}.isdisjoint(names):
            raise VaultError(
                "the rows of this database are sealed already, and it says they are not",
                code="sealed-before",
                hint="restore it from a backup",
            )
    ours = _ours_before(keyring) if unsealed else {}
    tallies: Tallies = {}
    for table in new:
        tallies |= _marked(connection, seals_of(connection), table, ours.get(table.name))
    if unsealed:
        _cover_everybody(connection, keyring)
    _count(connection, tallies)
    registers = covers.cover_of(connection, NOBODY)
    registers.tables = tuple(sorted({*before, *names}))
    covers.write_cover(connection, NOBODY, registers)
    if unsealed:
        belonging.mark_epochs(connection, keyring)
    entries.write(connection, Entry(kind=KIND, time="", evidence=names), None, system_time())


def _sealed_before(connection: Connection) -> frozenset[str]:
    """The tables whose rows are sealed; SealedError where the registers' cover is not ours."""
    return frozenset(covers.cover_of(connection, NOBODY).tables) or FIRST


def _cover_everybody(connection: Connection, keyring: Keyring) -> None:
    """Give everybody a cover over nothing yet, and seal what state they are in."""
    seals = seals_of(connection)
    last: str | None = None
    while some := _people(connection, last):
        last = some[-1]
        for person_id in some:
            raw = seals.seal_cover(person_id, Cover(0, {}))
            execute_deferred(
                connection, "UPDATE person SET cover = ? WHERE person_id = ?", raw, person_id
            )
        people.seal_states(connection, keyring, some)


def _count(connection: Connection, tallies: Tallies) -> None:
    """Count rows into the covers of their owners; whose cover is not ours is left as they are."""
    by_owner: dict[str, list[tuple[str, str, int, int]]] = {}
    for (owner, part), (count, total) in tallies.items():
        by_owner.setdefault(owner, []).append((owner, part, count, total))
    owners = list(by_owner)
    for first in range(0, len(owners), TOGETHER):
        some = owners[first : first + TOGETHER]
        try:
            covers.update_covers(connection, [each for owner in some for each in by_owner[owner]])
        except SealedError:  # before anything was counted: each alone
            for owner in some:
                _count_one(connection, by_owner[owner])


def _count_one(connection: Connection, counted: Sequence[tuple[str, str, int, int]]) -> None:
    try:
        covers.update_covers(connection, counted)
    except SealedError:
        return  # what is theirs is refused, and self-check names them


def _people(connection: Connection, last: str | None) -> list[PersonId]:
    statement = "SELECT person_id FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?"
    if last is None:
        statement = statement.replace(">", ">=")
    return [person_id for (person_id,) in rows(connection, statement, last or "", TOGETHER)]


def _marked(connection: Connection, seals: Seals, table: Declaration, ours: Ours | None) -> Tallies:
    """Mark the rows of a table; what they come to."""
    tallies: Tallies = {}
    where = " AND ".join(f"{name} = ?" for name in table.key)
    keys = [table.covered.index(name) for name in table.key]
    update = f"UPDATE {table.name} SET {MAC} = ? WHERE {where}"  # noqa: S608 - names alone
    after = ", ".join(table.key)
    beyond = f"WHERE ({after}) > ({placeholders(keys)})"
    last: tuple[Any, ...] = ()
    while True:
        table_rows = rows(
            connection,
            f"SELECT {table.checked} FROM {table.name} {beyond if last else ''}"  # noqa: S608 - names alone
            f" ORDER BY {after} LIMIT {TOGETHER}",
            *last,
        )
        for *covered, before in table_rows:
            for at in table.truths:
                covered[at] = bool(covered[at])
            if ours is not None and not ours(covered, to_bytes(before)):
                continue  # somebody else's, as before
            mac, element = seals.mark(table.name, covered)
            execute_deferred(connection, update, mac, *(covered[at] for at in keys))
            whose = owner_of(table, covered), part_of(table, covered)
            count, total = tallies.get(whose, (0, 0))
            tallies[whose] = count + 1, total + element
        if len(table_rows) < TOGETHER:
            return tallies
        last = tuple(table_rows[-1][at] for at in keys)


def _ours_before(keyring: Keyring) -> dict[str, Ours]:
    """How rows were marked that had a mark before."""

    def of_record(covered: Sequence[Any], mac: bytes) -> bool:
        mark = keyring.marks.copy()
        mark.update(msgspec.msgpack.encode(covered))
        return hmac.compare_digest(mark.finalize(), mac)

    def of_severed(covered: Sequence[Any], mac: bytes) -> bool:
        digest = hmac.digest(keyring.derived("severed"), context(*covered[:2]), "sha256")
        return hmac.compare_digest(digest, mac)

    return {declaration(record).name: of_record, declaration(severed).name: of_severed}
