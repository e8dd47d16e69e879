"""What acts read of people before they decide, in one question: keys, rows, the last entry.

A statement costs more than a row, so that one asks for all of them; of somebody with several rows
the key comes with each. Of a crowd the rows of values cost more, and have a statement of their own.
Nothing is opened here but keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct
from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.connection import WriteConnection
from upheld.database.own_tables import Tables
from upheld.database.seals import Cover, SealedError, latest_cover
from upheld.database.statements import Query, dialect_of, placeholders, query_batch
from upheld.gate.editions.licences import COMBINED
from upheld.gate.evidence import records
from upheld.gate.evidence.derived_fields import FieldReader
from upheld.gate.evidence.records import Record
from upheld.gate.log.entries import latest
from upheld.vault import people, values
from upheld.vault.keyring import Keyring
from upheld.vault.opened_ahead import OpenedAhead, OpenedPerson
from upheld.vault.people import REGISTER

if TYPE_CHECKING:
    from upheld.gate.act.context import GateContext

Row = tuple[Any, ...]
_LAST = (", e.number, e.at", " LEFT JOIN entry e ON e.number = (SELECT max(number) FROM entry)")
# Columns: over whose set of records, the last entry's, if told, what is expected, and a value's.
COVER = 5
_BESIDE, _VALUE = slice(6, 9), slice(9, None)
_OCCASION = 4  # of a value's columns
CROWD = 100  # people whose values are asked for apart


class PersonData(Struct, frozen=True):
    """Everything that an act needs of some people, read in one round trip.

    `people` has a reader of fields for each person id, `records` those that may prove the facts of
    the act by whose they are, `changed` the ids of those whose records somebody changed without the
    keys, `covers` what says which records there are.
    """

    people: dict[PersonId, FieldReader]
    records: dict[str, list[Record]]
    changed: set[str]  # whose records are not as they were written
    covers: dict[PersonId, object]  # of each, as bytes, where several versions were posted
    tables: Tables  # as they were before anything of the act is written

    def own(self, person_id: PersonId) -> list[Record]:
        """Somebody's own records."""
        return self.records.get(person_id, [])

    def with_registers(self, person_id: PersonId) -> list[Record]:
        """Somebody's own records and those of the registers, the oldest first."""
        own, others = self.own(person_id), self.records.get(REGISTER)
        return records.in_order([*others, *own]) if others else own


class PersonRows(NamedTuple):
    """The rows of some people, with those of their fields beside them or, of a crowd, apart.

    A row of a field that stands apart has at its end whose it is. Whoever was opened ahead has no
    rows of fields, and is there as they were opened.
    """

    people: list[Row]
    values: list[Row]
    opened: Mapping[str, OpenedPerson] = {}


def fetch(
    connection: Connection, person_ids: Sequence[PersonId], fields: Sequence[str], *more: Query
) -> tuple[int, PersonRows, list[list[Row]]]:
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
    apart = bool(fields) and len(person_ids) > CROWD
    beside_fields = 0 if apart else len(fields)
    statement = _finding(len(person_ids), beside_fields, server, locked, expected)
    parameters = (True, *fields, *person_ids) if beside_fields else tuple(person_ids)
    queries = [(statement, parameters), *more]
    if apart:
        queries.append(
            (values.finding_each(len(person_ids), len(fields)), (True, *fields, *person_ids))
        )
    person_rows, *answers = query_batch(connection, queries)
    their_rows = PersonRows(person_rows, answers.pop() if apart else [])
    if link is None or server:
        beside = person_rows[0][_BESIDE][:2] if person_rows else ()
        return latest(connection, beside)[1], their_rows, answers
    if person_rows:
        link.take_beside(*person_rows[0][_BESIDE])
    else:  # nobody of these is there, and no row tells it
        link.ask_expected()
    return (link.last_entry or latest(link))[1], their_rows, answers


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


def with_opened(
    connection: Connection,
    their_rows: PersonRows,
    fields: Sequence[str],
    ahead: OpenedAhead | None,
    keyring: Keyring,
) -> PersonRows:
    """The rows of some people with whom of them was opened ahead, and the others' fields.

    Whoever has a value that somebody else told us is among the others, and not opened ahead: it may
    be under a licence, which is known by its row.
    """
    if ahead is None:
        return their_rows
    opened = ahead.among(their_rows.people, keyring)
    their_rows = their_rows._replace(opened=opened)
    others = [row[0] for row in their_rows.people if row[0] not in opened]
    if not others or not fields:
        return their_rows
    finding = values.finding_each(len(others), len(fields)), (True, *fields, *others)
    return their_rows._replace(values=query_batch(connection, [finding])[0])


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
    their_rows: PersonRows,
    states: Sequence[str],
    at: int,
    tables: Tables,
) -> dict[PersonId, FieldReader]:
    """What reads the fields of the people of those rows who are in some states, at a time.

    What is derived of rows is read from `tables`. Of whoever was opened ahead nothing is opened.
    """
    readers: dict[PersonId, FieldReader] = {}
    cache, keyring = people.opened_in(connection), context.keyring
    for row in their_rows.people:
        reader = readers.get(row[0])
        if reader is None:
            if row[1] not in states or not row[4]:
                continue
            if its := their_rows.opened.get(row[0]):
                opening = partial(people.person_from_row, keyring, its.columns)
                readers[row[0]] = FieldReader(
                    row[0], opening, context.derived, at, tables, {}, its.series
                )
                continue
            person = people.person_from_row(keyring, row[: people.KEY_COLUMNS], cache)
            reader = readers[row[0]] = FieldReader(row[0], person, context.derived, at, tables)
        value = row[_VALUE]
        if value and value[0] is not None:
            reader.fetched.setdefault(value[0], []).append(value)
            if value[_OCCASION] == COMBINED:
                reader.combined = True
    for row in their_rows.values:
        if reader := readers.get(row[-1]):
            reader.fetched.setdefault(row[0], []).append(row[:-1])
            if row[_OCCASION] == COMBINED:
                reader.combined = True
    return readers
