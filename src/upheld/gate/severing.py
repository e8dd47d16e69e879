"""Entries of somebody who was erased: they stay in the log, and belong to nobody any more.

An entry says whose it is by a salted digest, and its row by the id. At an erasure the id goes: what
was committed to in the tree stays as it was, but only who knows the id already could ask whether an
entry is about it. That a row lacks its id because of an erasure, and not because somebody took it
away, is said by a mark under the keyring.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from sqlalchemy import Connection

from upheld.core.sql import blob, many, places, rows, run
from upheld.vault.envelope import context
from upheld.vault.keyring import Keyring

MOST = 1000  # numbers in one query


def sever(connection: Connection, keyring: Keyring, people: Sequence[str]) -> None:
    """Cut every entry of some people from them."""
    where = f"WHERE person_id IN ({places(people)})"
    alone = [n for (n,) in rows(connection, f"SELECT number FROM entry {where}", *people)]  # noqa: S608 - places alone
    shared: dict[int, int] = {}
    for (number,) in rows(connection, f"SELECT number FROM entry_person {where}", *people):  # noqa: S608 - places alone
        shared[number] = shared.get(number, 0) + 1
    numbers = list(shared)
    before: dict[int, int] = {}
    for first in range(0, len(numbers), MOST):
        before |= counts(connection, keyring, numbers[first : first + MOST])
    many(connection, "DELETE FROM severed WHERE number = ?", [(number,) for number in before])
    told = {number: count + before.get(number, 0) for number, count in shared.items()}
    told |= dict.fromkeys(alone, 1)
    marks = [(number, count, _mark(keyring, number, count)) for number, count in told.items()]
    many(connection, "INSERT INTO severed VALUES (?, ?, ?)", marks)
    run(connection, f"UPDATE entry SET person_id = NULL {where}", *people)  # noqa: S608 - places alone
    run(connection, f"DELETE FROM entry_person {where}", *people)  # noqa: S608 - places alone


def counts(
    connection: Connection, keyring: Keyring, numbers: Sequence[int] | None = None
) -> dict[int, int]:
    """From which entries how many people were cut; marks that are not ours are left out."""
    statement = "SELECT number, people, mac FROM severed"
    if numbers is not None:
        statement += f" WHERE number IN ({places(numbers)})"
    return {
        number: count for number, count, mac in rows(connection, statement, *(numbers or ()))
        if type(number) is type(count) is int
        and hmac.compare_digest(blob(mac), _mark(keyring, number, count))
    }  # fmt: skip


def _mark(keyring: Keyring, number: int, count: int) -> bytes:
    return hmac.digest(keyring.derived("severed"), context(number, count), "sha256")
