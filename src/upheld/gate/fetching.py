"""What acts read of people before they decide, in one question: keys, rows, the last entry.

A statement costs more than a row, so that one asks for all of them; of somebody with several rows
the key comes with each. Nothing is opened here but keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from upheld.core.link import Link
from upheld.core.sql import Query, is_postgresql, places
from upheld.gate.entries import latest
from upheld.vault import people, values
from upheld.vault.keyring import Keyring
from upheld.vault.people import Person
from upheld.vault.values import Fetched

_LAST = " LEFT JOIN entry e ON e.number = (SELECT max(number) FROM entry)"


def asking(connection: Connection, asked: Sequence[str], fields: Sequence[str]) -> Query:
    """What asks for some people, locked for share, with the current rows of some of their fields.

    PostgreSQL is asked for the last entry by a statement of its own, in the same trip.
    """
    postgresql = is_postgresql(connection)
    if type(connection) is Link:
        connection.expect()
    statement, whose = people.asking(connection, asked, *_besides(len(fields), postgresql))
    return statement, (True, *fields, *whose) if fields else whose


@lru_cache
def _besides(fields: int, postgresql: bool) -> tuple[str, str]:
    columns, tables = ("", "") if postgresql else (", e.number, e.at", _LAST)
    if fields:
        columns += f", {values.COLUMNS}"
        tables += (" LEFT JOIN value v ON v.person_id = p.person_id AND v.current = ?"
                   f" AND v.field IN ({places(range(fields))})")  # fmt: skip
    return columns, tables


def told(
    connection: Connection, keyring: Keyring, listed: Sequence[tuple[Any, ...]],
    states: Sequence[str],
) -> tuple[dict[str, Person], Fetched, int | None]:  # fmt: skip
    """The people of those rows who are in some states, the rows of their fields, the last entry.

    Of the entry its time in microseconds; None where there is none.
    """
    found: dict[str, Person] = {}
    fetched: Fetched = {}
    own = 5 if is_postgresql(connection) else 7  # the column where those of a value begin
    for row in listed:
        person_id = row[0]
        if person_id not in found:
            if row[1] not in states or not row[4]:
                continue
            found[person_id] = people.unwrapped(keyring, person_id, row[2], row[3], row[4])
        if len(row) > own and row[own] is not None:
            fetched.setdefault((person_id, row[own]), []).append(row[own:])
    number, at = latest(connection, listed[0][5:own] if listed else ())
    return found, fetched, at if number else None
