"""Entries of somebody who was erased: they stay in the log, and belong to nobody any more.

An entry says whose it is by a salted digest, and its row by the id. At an erasure the id goes: what
was committed to in the tree stays as it was, but only who knows the id already could ask whether an
entry is about it. That a row lacks its id because of an erasure, and not because somebody took it
away, is said by a mark under the keyring.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from upheld.core.sql import places, rows, run
from upheld.core.tables import severed
from upheld.database import rows as database

MOST = 1000  # numbers in one query


def sever(connection: Connection, people: Sequence[str]) -> None:
    """Cut every entry of some people from them."""
    where = f"WHERE person_id IN ({places(people)})"
    alone = [n for (n,) in rows(connection, f"SELECT number FROM entry {where}", *people)]  # noqa: S608 - places alone
    shared: dict[int, int] = {}
    for (number,) in rows(connection, f"SELECT number FROM entry_person {where}", *people):  # noqa: S608 - places alone
        shared[number] = shared.get(number, 0) + 1
    numbers = list(shared)
    before: dict[int, int] = {}
    for first in range(0, len(numbers), MOST):
        some = numbers[first : first + MOST]
        before |= counts(connection, some)
        database.delete(connection, severed, f"number IN ({places(some)})", *some)
    told = {number: count + before.get(number, 0) for number, count in shared.items()}
    told |= dict.fromkeys(alone, 1)
    marks = [{"number": number, "people": count} for number, count in told.items()]
    database.insert_all(connection, severed, marks)
    run(connection, f"UPDATE entry SET person_id = NULL {where}", *people)  # noqa: S608 - places alone
    run(connection, f"DELETE FROM entry_person {where}", *people)  # noqa: S608 - places alone


def counts(connection: Connection, numbers: Sequence[int] | None = None) -> dict[int, int]:
    """From which entries how many people were cut; rows that are not ours are left out."""
    where = "" if numbers is None else f"number IN ({places(numbers)})"
    found, _ = database.believed(connection, severed, where, *(numbers or ()))
    return {each.number: each.people for each in found}
