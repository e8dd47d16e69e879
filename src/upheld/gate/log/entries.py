"""Entries: what was done or refused, on which grounds, in the act's own transaction; and items.

An entry says time, policy, act, outcome, clauses, what it rested on, and which kinds of data and
which parties it was about: words of the vocabulary and ids, never a value. Its number follows the
one before without a gap, its time never runs back. Items are what is owed or due later.
"""

from __future__ import annotations

import hashlib
import secrets
from calendar import monthrange
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection

from upheld.core import observing
from upheld.core.counts import count_of
from upheld.core.ids import EntryNumber, PersonId
from upheld.database import rows as database
from upheld.database import tables
from upheld.database.connection import LAST_ENTRY, WriteConnection
from upheld.database.errors import database_error
from upheld.database.statements import (
    execute_deferred,
    execute_many,
    row,
    rows,
    to_bytes,
    to_datetime,
)
from upheld.database.tables import microseconds
from upheld.gate.log import lineage
from upheld.gate.log.database_log import stop_message
from upheld.ledger import entries as ledger
from upheld.ledger.entries import Batch, Entry
from upheld.vault.envelope import context, part_of

LISTED = "registered"  # the kind of entries whose batch is of rows, and of no people
ARRIVAL = "arrival"  # the same of what people did whom nobody knows by name
PAGE = 10_000  # entries read at a time
NAMED_MAX = 1_000  # missing entries in a row that are named
_INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?)"
HOURS = {"hours": 1, "days": 24}
MONTHS = {"months": 1, "years": 12}


class StoredEntry(NamedTuple):
    """An entry as it is kept: with its number, its time, and whose it is."""

    number: EntryNumber
    at: datetime
    person_id: PersonId | None
    entry: Entry


def write(
    connection: Connection,
    entry: Entry,
    whose: str | Sequence[str] | None,
    at: datetime,
    *,
    rows_of: Sequence[str] | None = None,
    arrivals: Batch | None = None,
) -> tuple[EntryNumber, datetime]:
    """Add an entry about somebody, some people, or nobody; its number and time.

    One of kind LISTED may be about rows by their ids: it commits to them, and names nobody. One of
    kind ARRIVAL says by `arrivals` how many acts of nobody known it stands for.
    The time is never before that of the entry before, but for the entry that accepts a clock.
    The connection is one of `writing`, so that nobody else adds an entry before the commit.
    """
    number, time = add(
        connection, entry, whose, microseconds(at), rows_of=rows_of, arrivals=arrivals
    )
    return number, to_datetime(time)


def add(
    connection: Connection,
    entry: Entry,
    whose: str | Sequence[str] | None,
    entry_time: int,
    *,
    rows_of: Sequence[str] | None = None,
    arrivals: Batch | None = None,
) -> tuple[EntryNumber, int]:
    """Add an entry as `write` does, with its time in microseconds since 1970; number and time."""
    if type(connection) is not WriteConnection:
        raise TypeError("an entry is written in a transaction of `writing`")
    before, last = connection.last_entry or latest(connection)
    halt = connection.halt
    if halt.why or before < halt.least:
        raise stop_message(
            halt.why or f"the log had {count_of(halt.least, 'entry')}, and has {before:,}"
        )
    number = EntryNumber(before + 1)
    if entry_time < last and entry.kind != "clock":
        entry_time = last
    salt, time = ledger.new_salt(), ledger.stamped(entry_time)
    if isinstance(whose, str):
        person_id, people = whose, []
        person = hashlib.sha256(salt + part_of(whose)).hexdigest()  # the mark of one
        body = ledger.encode_at(entry, time, person=person)
    else:
        # With a decoy, without which a guess of who was there could be tried.
        person_id, people = None, [*whose, secrets.token_hex(16)] if whose is not None else []
        batch = arrivals or _batch(salt, time, people or rows_of, decoys=1 if people else 0)
        body = ledger.encode_at(entry, time, batch=batch)
    connection.defer(
        _INSERT, (number, entry_time, person_id, salt, body, ledger.commitment(salt, body))
    )
    connection.last_entry = number, entry_time
    if (observer := observing.observer()) is not None:
        _notify(observer, entry)
    if people:
        _belongs_to(connection, number, people)
    return number, entry_time


def _notify(observer: observing.Observer, entry: Entry) -> None:
    """Note an entry for whoever tries what the policy's words do: its kinds, and what it cites."""
    parties = [getattr(entry, role).split(" ")[0] for role in ("source", "recipient", "actor")]
    act = " ".join(
        each for each in (entry.kind, entry.action, *parties, entry.purpose, entry.occasion) if each
    )
    came = [entry.outcome, entry.problem, *entry.data, *sorted(entry.duties)]
    observer.note("entry", act, " ".join(came))
    observer.note("citation", act, " ".join((entry.outcome, *entry.data, "by", *entry.clauses)))


def _batch(salt: bytes, time: str, ids: Sequence[str] | None, *, decoys: int) -> Batch | None:
    """What an entry tells of some people or rows by their ids; nothing where it is about none."""
    if ids is None:
        return None
    mark = _mark(salt, *sorted(ids))
    return Batch(count=len(ids) - decoys, first=time, last=time, rows=mark)


def _belongs_to(connection: WriteConnection, number: EntryNumber, people: list[str]) -> None:
    """Let some people find an entry among their own."""
    if connection.sql.server:
        execute_deferred(
            connection,
            "INSERT INTO entry_person SELECT unnest(CAST(? AS text[])), CAST(? AS bigint)",
            people,
            number,
        )
        return
    pairs = [(each, number) for each in people]
    execute_many(connection, "INSERT INTO entry_person VALUES (?, ?)", pairs)


def _mark(salt: bytes, *people: str) -> str:
    """What says in an entry whose it is, to whoever has its salt and the ids."""
    return hashlib.sha256(salt + context(*people)).hexdigest()


def latest(connection: Connection, beside: Sequence[Any] = ()) -> tuple[EntryNumber, int]:
    """The last entry's number, and its time in microseconds; where there is none, 0, long ago.

    Kept in mind until the transaction ends. `beside` has both if they were read with something
    else, or nothing; DatabaseError where they are something that we never write.
    """
    link = connection if isinstance(connection, WriteConnection) else None
    if link is not None:
        if link.last_entry is None and link.sql.server:
            link.prefetch_last_entry()
            link.flush()
        if link.last_entry is not None:
            return link.last_entry
    number, at = beside or (None, None)
    if number is None:
        number, at = row(connection, LAST_ENTRY[0]) or (0, 0)
    if type(number) is not int or type(at) is not int:
        raise database_error("damaged")
    if link is not None:
        link.last_entry = EntryNumber(number), at
    return EntryNumber(number), at


def last_of(connection: Connection) -> tuple[EntryNumber, datetime] | None:
    """The number and time of the last entry."""
    last_rows = rows(connection, LAST_ENTRY[0])
    return (last_rows[0][0], to_datetime(last_rows[0][1])) if last_rows else None


def lines(connection: Connection, first: int = 0, most: int = PAGE) -> Iterator[bytes]:
    """Every entry of a log with its salt, in order, as the lines of an export.

    `first` is its first entry's number, where it is not the log that goes on. EntryError where a
    body is not what its leaf commits to.
    """
    statement = (
        "SELECT number, salt, body, leaf FROM entry WHERE number >= ? ORDER BY number LIMIT ?"
    )
    first = first or lineage.first(connection)
    number_wanted = first
    while entry_rows := rows(connection, statement, number_wanted, most):
        for number, salt, body, leaf in entry_rows:
            whole = number == number_wanted and ledger.commitment(
                to_bytes(salt), to_bytes(body)
            ) == to_bytes(leaf)
            if not whole:
                raise ledger.EntryError(f"entry {number_wanted} is missing or was changed")
            yield ledger.to_line(number_wanted - first, to_bytes(salt), to_bytes(body))
            number_wanted += 1


def of_person(connection: Connection, person_id: PersonId) -> list[StoredEntry]:
    """Everything that was done or refused about a person, in its order."""
    statement = (  # as two queries: PostgreSQL reads every entry for an OR
        "SELECT number, at, person_id, body FROM entry WHERE person_id = ? UNION ALL"
        " SELECT e.number, e.at, e.person_id, e.body FROM entry_person p JOIN entry e"
        " ON e.number = p.number WHERE p.person_id = ? ORDER BY number"
    )
    return [_stored_entry(each) for each in rows(connection, statement, person_id, person_id)]


def of_kind(connection: Connection, kind: str) -> Iterator[Entry]:
    """Every entry of a kind that can be read and is about people or registers that are there."""
    for person_id, entry in within(connection, -(1 << 63) + 1, (1 << 63) - 1):
        if entry.kind == kind and (person_id is not None or not entry.person):
            yield entry


def _pages(
    connection: Connection, columns: str, first: int = -(1 << 63) + 1, until: int = (1 << 63) - 1
) -> Iterator[list[tuple[Any, ...]]]:
    """Every entry there is by its number, with some columns, a page at a time."""
    statement = (
        f"SELECT number, {columns} FROM entry WHERE number > ? AND number <= ?"  # noqa: S608 - columns alone
        " ORDER BY number LIMIT ?"
    )
    last = first - 1
    while page := rows(connection, statement, last, until, PAGE):
        if page[-1][0] <= last:  # a damaged file would give the same ones for ever
            raise database_error("damaged")
        yield page
        last = page[-1][0]


def _stored_entry(entry_row: tuple[Any, ...]) -> StoredEntry:
    body = ledger.decode(to_bytes(entry_row[3]))
    return StoredEntry(entry_row[0], to_datetime(entry_row[1]), entry_row[2], body)


def damaged(
    connection: Connection,
    severed: Mapping[int, int] | None = None,
    part: tuple[int, int] | None = None,
) -> list[int]:
    """The numbers of entries that are missing, changed, or told of another time or person.

    `severed` says from which of them how many people were cut by an erasure; `part` are the first
    and the last one that are to be looked at, both of which must be there.
    """
    cut = severed or {}
    wrong: list[int] = []
    log_starts = {first for (first,) in rows(connection, "SELECT first FROM restored")}
    expected = part[0] if part else 1
    for page in _pages(connection, "at, person_id, salt, body, leaf", *(part or ())):
        people = _people(connection, page[0][0], page[-1][0])
        for number, *rest in page:
            if number in log_starts:  # what a log before it has lost is that log's
                expected = max(expected, number)
            wrong += range(expected, min(number, expected + NAMED_MAX))
            twice, expected = number < expected, number + 1  # which a key of the table forbids
            if twice or not _whole(people.get(number, []), cut.get(number, 0), *rest):
                wrong.append(number)
    if part and not _begins_after(connection, part[1], log_starts):
        wrong += range(expected, min(part[1] + 1, expected + NAMED_MAX))
    return wrong


def _begins_after(connection: Connection, last: int, log_starts: set[int]) -> bool:
    """Whether the next entry begins a log, so that what is missing before it was another's."""
    next_row = row(connection, "SELECT min(number) FROM entry WHERE number > ?", last)
    return next_row is not None and next_row[0] in log_starts


def within(connection: Connection, first: int, last: int) -> Iterator[tuple[str | None, Entry]]:
    """Some entries by their numbers, each with whose it is; those that cannot be read are not."""
    for page in _pages(connection, "person_id, body", first, last):
        for _, person_id, body in page:
            try:
                yield person_id, ledger.decode(to_bytes(body))
            except ledger.EntryError:
                continue


def after_number(
    connection: Connection, number: EntryNumber, most: int
) -> tuple[list[StoredEntry], int]:
    """The entries after a number that can be read, of the next so many; the number of the last."""
    statement = (
        "SELECT number, at, person_id, body FROM entry WHERE number > ? ORDER BY number LIMIT ?"
    )
    stored: list[StoredEntry] = []
    last = number
    for each in rows(connection, statement, number, most):
        last = each[0]
        try:
            stored.append(_stored_entry(each))
        except ledger.EntryError:
            continue
    return stored, last


def _people(connection: Connection, first: int, last: int) -> dict[int, list[str]]:
    """Who finds some entries among their own, by the entry's number."""
    people_by_entry: dict[int, list[str]] = {}
    statement = "SELECT number, person_id FROM entry_person WHERE number BETWEEN ? AND ?"
    for number, person_id in rows(connection, statement, first, last):
        people_by_entry.setdefault(number, []).append(str(person_id))
    return people_by_entry


def _whole(  # noqa: PLR0913, PLR0917 - the columns of an entry
    people: list[str],
    cut: int,
    at: int,
    person_id: PersonId | None,
    salt: bytes,
    body: bytes,
    leaf: bytes,
) -> bool:
    """Whether an entry is as it was written, with the people who find it among their own."""
    salt, body = to_bytes(salt), to_bytes(body)
    try:
        entry = ledger.decode(body)
        if ledger.commitment(salt, body) != to_bytes(leaf):
            return False
    except ledger.EntryError:
        return False
    if type(at) is not int or entry.time != ledger.stamp(to_datetime(at)):
        return False
    if entry.person and person_id is None:
        return cut == 1 and not people
    if person_id is not None or entry.person:
        whose = person_id is not None and entry.person == _mark(salt, person_id)
        return whose and not cut and not people
    if entry.batch is None or entry.kind in {LISTED, ARRIVAL}:
        return not people
    if cut:  # of those who are left, nobody can tell any more than how many they are
        return entry.batch.count + 1 == len(people) + cut
    return entry.batch.count + 1 == len(people) and entry.batch.rows == _mark(salt, *sorted(people))


class NewItem(NamedTuple):
    """Something owed or due later: to whom, when, if ever, since which entry, by which record."""

    person_id: PersonId
    at: datetime | None
    entry: EntryNumber
    basis: str = ""


def due(
    connection: Connection,
    person_id: PersonId,
    kind: str,
    clause: str,
    at: datetime | None,
    entry: EntryNumber,
) -> None:
    """Add an item: something owed or due later."""
    due_each(connection, kind, clause, [NewItem(person_id, at, entry)])


def due_each(
    connection: Connection,
    kind: str,
    clause: str,
    items: Sequence[NewItem],
    *,
    action: str = "",
) -> None:
    """Add items by one clause."""
    if (observer := observing.observer()) is not None:
        last = connection.last_entry if isinstance(connection, WriteConnection) else None
        for each in items:
            at = None if each.at is None else microseconds(each.at)
            hours = round((at - last[1]) / 3.6e9) if at is not None and last else "?"
            observer.note("entry", f"due: {kind} {action} #{clause}", f"in {hours} hours")
    database.insert_all(
        connection,
        tables.item,
        [
            {
                "person_id": each.person_id,
                "item_id": secrets.token_hex(16),
                "kind": kind,
                "clause": clause,
                "due": None if each.at is None else microseconds(each.at),
                "state": "open",
                "entry": each.entry,
                "action": action,
                "basis": each.basis,
            }
            for each in items
        ],
    )


def after(at: datetime, amount: float | None, unit: str) -> datetime | None:
    """The moment by which something is due; None where no time was said.

    Months are those of the calendar of the moment's own zone; a day that a month lacks is its last.
    """
    if amount is None:
        return None
    if unit in HOURS:
        return (at.astimezone(UTC) + timedelta(hours=float(amount) * HOURS[unit])).astimezone(
            at.tzinfo
        )
    months = at.year * 12 + at.month - 1 + int(amount * MONTHS[unit])
    year, month = divmod(months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)
