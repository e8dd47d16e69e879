"""A person's values: sealed row by row, each with where it came from, and revised, never changed.

What a row belongs to and what is told beside it (person, field, revision, origin, occasion, clause,
time, public source) is bound to the ciphertext, so that neither can be swapped for another's. The
person's sealed list of holdings names the current revision of each field and the digest of its row:
an old row that was put back, or one that is missing, is found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from upheld.core.sql import Query, places, rows, run
from upheld.core.tables import BEGINNING, microseconds
from upheld.vault import blind_index
from upheld.vault.envelope import SealError, context, digest, seal, unseal
from upheld.vault.keyring import Keyring
from upheld.vault.people import Person, VaultError, keep_holdings

BYTES_MAX = 64 * 1024
_COLUMNS = "field, revision, sealed, origin, occasion, clause, at, public_source"


class Origin(NamedTuple):
    """How a value came in: from whom, on which occasion, by which clause, publicly from where."""

    origin: str
    occasion: str
    clause: str
    public_source: str | None = None


class Value(NamedTuple):
    """A value with its origin, the time it came in, and its revision from 1 on."""

    value: str
    origin: Origin
    at: datetime
    revision: int

    def __repr__(self) -> str:
        return f"Value(revision {self.revision}, {self.origin})"


def put(
    connection: Connection,
    keyring: Keyring,
    person: Person,
    values: dict[str, str],
    origin: Origin,
    at: datetime,
) -> Person:
    """Store values as new revisions; the person with what is held of them now."""
    holdings = dict(person.holdings)
    moment = microseconds(at)
    for field, value in values.items():
        raw = value.encode()
        if len(raw) > BYTES_MAX:
            raise VaultError(f"`{field}` has more than {BYTES_MAX} bytes", code="too-long",
                             hint="shorten it")  # fmt: skip
        revision = holdings[field][0] + 1 if field in holdings else 1
        belongs = _belongs(person.person_id, field, revision, *origin[:3], moment, origin[3])
        sealed = seal(person.key, raw, belongs)
        run(connection, "UPDATE value SET current = ? WHERE person_id = ? AND field = ?"
            " AND current = ?", False, person.person_id, field, True)  # fmt: skip
        run(connection, "INSERT INTO value VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            person.person_id, field, revision, sealed, *origin[:3], moment, origin[3],
            True)  # fmt: skip
        holdings[field] = (revision, digest(sealed).hex())
        if field in blind_index.FIELDS:
            blind_index.put(connection, keyring, person.person_id, field, value)
    keep_holdings(connection, person, holdings)
    return person._replace(holdings=holdings)


def read(connection: Connection, person: Person, fields: Iterable[str]) -> dict[str, Value]:
    """The current values of some fields; those that are not held are left out.

    SealError names the first that was changed, moved, put back or taken away.
    """
    found, problems = examine(connection, person, fields)
    if problems:
        raise SealError(problems[0])
    return found


def examine(
    connection: Connection, person: Person, fields: Iterable[str]
) -> tuple[dict[str, Value], list[str]]:
    """The current values that are whole, and the names of those that are not."""
    wanted = [field for field in fields if field in person.holdings]
    fetched = fetch(connection, [person.person_id], wanted)
    found, problems = {}, []
    for field in wanted:
        try:
            found[field] = open_value(person, field, fetched)
        except SealError:
            problems.append(_named(person, field))
    return found, problems


Fetched = dict[tuple[str, str], tuple[Any, ...]]


def fetch(connection: Connection, people: Sequence[str], fields: Sequence[str]) -> Fetched:
    """The current rows of some people's fields, still sealed, by person and field."""
    query = asking(people, fields)
    return told(rows(connection, query[0], *query[1])) if fields else {}


def asking(people: Sequence[str], fields: Sequence[str]) -> Query:
    """What asks for the current rows of some people's fields."""
    statement = (
        f"SELECT person_id, {_COLUMNS} FROM value"  # noqa: S608 - columns and places alone
        f" WHERE person_id IN ({places(people)}) AND current = ?"
        f" AND field IN ({places(fields)})"
    )
    return statement, (*people, True, *fields)


def told(listed: Sequence[tuple[Any, ...]]) -> Fetched:
    """The rows that `asking` asks for, by person and field."""
    return {(row[0], row[1]): row[1:] for row in listed}


def open_value(person: Person, field: str, fetched: Fetched) -> Value:
    """One of the rows that were fetched, opened; SealError, with its name, if it is not whole."""
    return _opened(person, field, fetched.get((person.person_id, field)), _named(person, field))


def _named(person: Person, field: str) -> str:
    return f"`{field}` of person {person.person_id}"


def _opened(person: Person, field: str, row: tuple[Any, ...] | None, what: str) -> Value:
    revision, wanted = person.holdings[field]
    if row is None or row[1] != revision or digest(bytes(row[2])).hex() != wanted:
        raise SealError(what)
    _, _, sealed, origin, occasion, clause, at, public = row
    belongs = _belongs(person.person_id, field, revision, origin, occasion, clause, at, public)
    value = unseal(person.key, bytes(sealed), belongs, what=what).decode()
    return Value(value, Origin(origin, occasion, clause, public),
                 BEGINNING + timedelta(microseconds=at), revision)  # fmt: skip


def _belongs(*parts: str | int | None) -> bytes:
    return context("value", *("" if part is None else part for part in parts), parts[-1] is None)


def indexed(connection: Connection, person: Person) -> dict[str, str]:
    """The values by which a person is found."""
    found = read(connection, person, blind_index.FIELDS)
    return {field: value.value for field, value in found.items()}
