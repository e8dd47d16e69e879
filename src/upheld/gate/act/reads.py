"""What acts read of people before they decide, in one question: keys, rows, the last entry.

A statement costs more than a row, so that one asks for all of them; of somebody with several rows
the key comes with each. Nothing is opened here but keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.connection import WriteConnection
from upheld.database.own_tables import Tables
from upheld.database.seals import Cover, SealedError, latest_cover
from upheld.database.statements import Query, dialect_of, placeholders, query_batch
from upheld.gate.evidence import records
from upheld.gate.evidence.derived_fields import FieldReader
from upheld.gate.evidence.records import Record
from upheld.gate.log.entries import latest
from upheld.vault import people, values
from upheld.vault.people import REGISTER

if TYPE_CHECKING:
    from upheld.gate.act.context import GateContext

Row = tuple[Any, ...]
_LAST = (", e.number, e.at", " LEFT JOIN entry e ON e.number = (SELECT max(number) FROM entry)")
# Columns: over whose set of records, the last entry's, if told, what is expected, and a value's.
COVER = 5
_BESIDE, _VALUE = slice(6, 9), slice(9, None)


def fetch(
    connection: Connection, person_ids: Sequence[PersonId], fields: Sequence[str], *more: Query
) -> tuple[int, list[list[Row]]]:
    """The time of the last entry in microseconds, and the rows of some people and of more.

    The people are locked for share; with them come the current rows of some of their fields, and
    where more is asked for, the registers' own row.
    PostgreSQL is asked for the last entry by a statement of its own, in the same trip.
    """
    link, locked, expected = None, False, None
    if type(connection) is WriteConnection:
        link, server = connection, connection.sql.server
        if server:
            locked = True
            link.prefetch_last_entry()
        else:
            expected = link.take_expected()
    else:
        server = dialect_of(connection).server
    if locked or more:
        person_ids = (REGISTER, *person_ids)
    statement = _finding(len(person_ids), len(fields), server, locked, expected)
    values = (True, *fields, *person_ids) if fields else tuple(person_ids)
    answers = query_batch(connection, ((statement, values), *more))
    if link is None or server:
        beside = answers[0][0][_BESIDE][:2] if answers[0] else ()
        return latest(connection, beside)[1], answers
    if answers[0]:
        link.take_beside(*answers[0][0][_BESIDE])
    else:  # nobody of these is there, and no row tells it
        link.ask_expected()
    return (link.last_entry or latest(link))[1], answers


@lru_cache
def _finding(count: int, fields: int, server: bool, locked: bool, expected: str | None) -> str:
    columns, tables = (", NULL, NULL", "") if server else _LAST
    columns += f", ({expected})" if expected else ", NULL"
    if fields:
        columns += f", {values.COLUMNS}"
        tables += (
            " LEFT JOIN value v ON v.person_id = p.person_id AND v.current = ?"
            f" AND v.field IN ({placeholders(range(fields))})"
        )
    return people.people_statement(count, columns, tables, locked=locked)


def verified_records(
    connection: Connection, kinds: Sequence[str], person_rows: Sequence[Row], answer: Sequence[Row]
) -> tuple[list[Record], set[str]]:
    """The records of some kinds out of their rows, and whose are not as they were written.

    `person_rows` are the rows of everybody whose records they are, and of the registers.
    """
    covers: dict[str, Cover] = {}
    changed: set[str] = set()
    for row in person_rows:
        if row[0] not in covers and row[0] not in changed:
            try:
                covers[row[0]] = latest_cover(connection, row[0], row[COVER])
            except SealedError:
                changed.add(row[0])
    verified = records.verify(connection, answer)
    if verified.forged:
        changed |= covers.keys()
    changed.update(records.changed_owners(kinds, covers, verified.tallies))
    return verified.records, changed


def field_readers(
    connection: Connection,
    context: GateContext,
    person_rows: Sequence[tuple[Any, ...]],
    states: Sequence[str],
    at: int,
    tables: Tables,
) -> dict[PersonId, FieldReader]:
    """What reads the fields of the people of those rows who are in some states, at a time.

    What is derived of rows is read from `tables`.
    """
    readers: dict[PersonId, FieldReader] = {}
    cache = people.opened_in(connection)
    for row in person_rows:
        reader = readers.get(row[0])
        if reader is None:
            if row[1] not in states or not row[4]:
                continue
            person = people.person_from_row(context.keyring, row[: people.KEY_COLUMNS], cache)
            reader = readers[row[0]] = FieldReader(person, context.derived, at, tables)
        value = row[_VALUE]
        if value and value[0] is not None:
            reader.fetched.setdefault(value[0], []).append(value)
    return readers
