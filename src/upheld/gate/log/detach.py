"""Entries of somebody who was erased: they stay in the log, and belong to nobody any more.

An entry says whose it is by a salted digest, and its row by the id. At an erasure the id goes: what
was committed to in the tree stays as it was, but only who knows the id already could ask whether an
entry is about it. That a row lacks its id because of an erasure, and not because somebody took it
away, is said by a mark under the keyring.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection

from upheld.database import rows as database
from upheld.database.statements import placeholders, rows, run
from upheld.database.tables import severed
from upheld.vault.envelope import context

MOST = 1000  # numbers in one query


def detach(connection: Connection, people: Sequence[str]) -> None:
    """Cut every entry of some people from them."""
    where = f"WHERE person_id IN ({placeholders(people)})"
    alone = [n for (n,) in rows(connection, f"SELECT number FROM entry {where}", *people)]  # noqa: S608 - places alone
    shared: dict[int, int] = {}
    for (number,) in rows(connection, f"SELECT number FROM entry_person {where}", *people):  # noqa: S608 - places alone
        shared[number] = shared.get(number, 0) + 1
    numbers = list(shared)
    before: dict[int, int] = {}
    for first in range(0, len(numbers), MOST):
        some = numbers[first : first + MOST]
        before |= counts(connection, some)
        database.delete(connection, severed, f"number IN ({placeholders(some)})", *some)
    run(connection, f"UPDATE entry SET person_id = NULL {where}", *people)  # noqa: S608 - places alone
    run(connection, f"DELETE FROM entry_person {where}", *people)  # noqa: S608 - places alone
    left = _remaining(connection, numbers)
    marks: list[dict[str, Any]] = [{"number": number, "people": 1} for number in alone]
    marks += [
        {"number": number, "people": count + before.get(number, 0), "rest": left[number]}
        for number, count in shared.items()
    ]
    database.insert_all(connection, severed, marks)


def _remaining(connection: Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    """Digests of who finds some entries of batches among their own."""
    whose: dict[int, list[str]] = {number: [] for number in numbers}
    for first in range(0, len(numbers), MOST):
        some = numbers[first : first + MOST]
        statement = (
            f"SELECT number, person_id FROM entry_person WHERE number IN ({placeholders(some)})"  # noqa: S608 - places alone
        )
        for number, person_id in rows(connection, statement, *some):
            whose[number].append(str(person_id))
    return {number: sha256(context(*sorted(ids))).digest() for number, ids in whose.items()}


def exchanged_batches(connection: Connection) -> list[int]:
    """The batches from which people were cut, and which are no more about those who were left."""
    severed_rows, _ = database.select_authentic(connection, severed, "rest IS NOT NULL")
    left = _remaining(connection, [each.number for each in severed_rows])
    return [each.number for each in severed_rows if left[each.number] != each.rest]


def counts(connection: Connection, numbers: Sequence[int] | None = None) -> dict[int, int]:
    """From which entries how many people were cut; rows that are not ours are left out."""
    where = "" if numbers is None else f"number IN ({placeholders(numbers)})"
    severed_rows, _ = database.select_authentic(connection, severed, where, *(numbers or ()))
    return {each.number: each.people for each in severed_rows}


def counts_within(connection: Connection, first: int, last: int) -> dict[int, int]:
    """From which entries between two numbers (inclusive) how many people were cut."""
    where = "number >= ? AND number <= ?"
    severed_rows, _ = database.select_authentic(connection, severed, where, first, last)
    return {each.number: each.people for each in severed_rows}
