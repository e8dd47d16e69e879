"""A database of an earlier upheld: its rows that decide get their MACs, and people their covers.

It is done once, when the database is first opened with its keyring, in one transaction, and is said
in the ledger. Rows that had a mark of their own before get a new one only if that mark was ours.
Whether it was done is told by the marks of the epochs, which are made under the keyring: a database
that was begun or brought over by this upheld has others, so that nobody who can write to it gets
their rows marked by having it done again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection

from upheld.core.clock import system_time
from upheld.core.sql import blob, places, rows, run
from upheld.core.tables import record, severed
from upheld.database.declared import MAC, Declaration, declaration, sealed_tables
from upheld.database.seals import Cover, Seals, Tallies, owner_of, part_of, seals_of
from upheld.gate import entries
from upheld.ledger.entries import Entry
from upheld.vault import people
from upheld.vault.envelope import context
from upheld.vault.keyring import Keyring
from upheld.vault.people import VaultError

KIND = "rows-sealed"  # of the entry that says so
TOGETHER = 500
Ours = Callable[[Sequence[Any], bytes], bool]  # whether a row's mark of an earlier upheld is ours


def belong(connection: Connection, keyring: Keyring) -> None:
    """Open a database with its keyring, and bring over one of an earlier upheld.

    VaultError where the keyring is another's, or rows are to be marked again.
    """
    if not people.belong(connection, keyring):
        return
    if next(entries.of_kind(connection, KIND), None) is not None:
        raise VaultError("the rows of this database are sealed already, and it says they are not",
                         code="sealed-before", hint="restore it from a backup")  # fmt: skip
    seals = seals_of(connection)
    tallies: Tallies = {}
    for table in sealed_tables():
        tallies |= _marked(connection, seals, table, _ours_before(keyring).get(table.name))
    covers: dict[str, Cover] = {}
    for (owner, part), (count, total) in tallies.items():
        covers.setdefault(owner, Cover(0, {})).add(part, count, total)
    last: str | None = None
    while some := _people(connection, last):
        last = some[-1]
        for person_id in some:
            raw = seals.seal_cover(person_id, covers.get(person_id, Cover(0, {})))
            run(connection, "UPDATE person SET cover = ? WHERE person_id = ?", raw, person_id)
        people.seal_states(connection, keyring, some)
    people.mark_epochs(connection, keyring)
    made = Entry(kind=KIND, time="")
    entries.write(connection, made, None, system_time())


def _people(connection: Connection, last: str | None) -> list[str]:
    statement = "SELECT person_id FROM person WHERE person_id > ? ORDER BY person_id LIMIT ?"
    if last is None:
        statement = statement.replace(">", ">=")
    return [found for (found,) in rows(connection, statement, last or "", TOGETHER)]


def _marked(
    connection: Connection, seals: Seals, table: Declaration, ours: Ours | None
) -> Tallies:  # fmt: skip
    """Mark the rows of a table; what they come to."""
    tallies: Tallies = {}
    where = " AND ".join(f"{name} = ?" for name in table.key)
    keys = [table.covered.index(name) for name in table.key]
    update = f"UPDATE {table.name} SET {MAC} = ? WHERE {where}"  # noqa: S608 - names alone
    after = ", ".join(table.key)
    beyond = f"WHERE ({after}) > ({places(keys)})"
    last: tuple[Any, ...] = ()
    while True:
        found = rows(
            connection,
            f"SELECT {table.checked} FROM {table.name} {beyond if last else ''}"  # noqa: S608 - names alone
            f" ORDER BY {after} LIMIT {TOGETHER}", *last,
        )  # fmt: skip
        for *covered, before in found:
            for at in table.truths:
                covered[at] = bool(covered[at])
            if ours is not None and not ours(covered, blob(before)):
                continue  # somebody else's, as before
            mac, element = seals.mark(table.name, covered)
            run(connection, update, mac, *(covered[at] for at in keys))
            whose = owner_of(table, covered), part_of(table, covered)
            count, total = tallies.get(whose, (0, 0))
            tallies[whose] = count + 1, total + element
        if len(found) < TOGETHER:
            return tallies
        last = tuple(found[-1][at] for at in keys)


def _ours_before(keyring: Keyring) -> dict[str, Ours]:
    """How rows were marked that had a mark before."""

    def of_record(covered: Sequence[Any], mac: bytes) -> bool:
        mark = keyring.marks.copy()
        mark.update(msgspec.msgpack.encode(covered))
        return hmac.compare_digest(mark.finalize(), mac)

    def of_severed(covered: Sequence[Any], mac: bytes) -> bool:
        told = hmac.digest(keyring.derived("severed"), context(*covered), "sha256")
        return hmac.compare_digest(told, mac)

    return {declaration(record).name: of_record, declaration(severed).name: of_severed}
