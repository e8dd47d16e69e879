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
from upheld.gate.derived import Derived, Reader
from upheld.gate.entries import latest
from upheld.vault import people, values
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER
from upheld.vault.values import Fetched

_LAST = (", e.number, e.at", " LEFT JOIN entry e ON e.number = (SELECT max(number) FROM entry)")
_ENTRY, _VALUE = slice(5, 7), slice(7, None)  # the columns after those of a person


def asking(connection: Connection, asked: Sequence[str], fields: Sequence[str]) -> Query:
    """What asks for some people, locked for share, with the current rows of some of their fields.

    PostgreSQL is asked for the last entry by a statement of its own, in the same trip.
    """
    postgresql = is_postgresql(connection)
    if postgresql:
        if type(connection) is Link:
            connection.expect()
        asked = (REGISTER, *asked)
    statement = _finding(len(asked), len(fields), postgresql)
    return statement, (True, *fields, *asked) if fields else tuple(asked)


@lru_cache
def _finding(count: int, fields: int, postgresql: bool) -> str:
    columns, tables = (", NULL, NULL", "") if postgresql else _LAST
    if fields:
        columns += f", {values.COLUMNS}"
        tables += (" LEFT JOIN value v ON v.person_id = p.person_id AND v.current = ?"
                   f" AND v.field IN ({places(range(fields))})")  # fmt: skip
    return people.finding(count, columns, tables, locked=postgresql)


def last(connection: Connection, listed: Sequence[tuple[Any, ...]]) -> int | None:
    """The time of the last entry in microseconds, by those rows; None where there is none."""
    beside = () if is_postgresql(connection) or not listed else listed[0][_ENTRY]
    number, at = latest(connection, beside)
    return at if number else None


def told(
    connection: Connection, keyring: Keyring, derived: Derived, listed: Sequence[tuple[Any, ...]],
    states: Sequence[str], at: int,
) -> dict[str, Reader]:  # fmt: skip
    """What reads the fields of the people of those rows who are in some states, at a time."""
    found: dict[str, Reader] = {}
    fetched: Fetched = {}
    for row in listed:
        person_id = row[0]
        if person_id not in found:
            if row[1] not in states or not row[4]:
                continue
            person = people.unwrapped(keyring, person_id, row[2], row[3], row[4])
            found[person_id] = Reader(person, fetched, derived, at, connection)
        value = row[_VALUE]
        if value and value[0] is not None:
            fetched.setdefault((person_id, value[0]), []).append(value)
    return found
