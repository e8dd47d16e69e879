"""Records that prove: a permission given, an opt-out, an order, an invoice, a partner registered.

A record names the kind of proof that the vocabulary asks for, and what it is about: words of the
dimensions for which its facts hold, and a party by name. It is never changed but to end or be
withdrawn. It is a row that decides (see upheld/database): one that was written or changed by anyone
else proves nothing, and where one is missing or was put back, nothing of its kind proves anything.
Registers (of partners, engagements) belong to nobody: their person is empty.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, RecordId
from upheld.database import rows as database
from upheld.database.covers import note_latest as note_in_cover
from upheld.database.covers import owners_of_rows
from upheld.database.declared import declaration
from upheld.database.seals import Cover, Tallies, seals_of, tally_rows
from upheld.database.statements import Query, placeholders, row, rows
from upheld.database.tables import microseconds
from upheld.database.tables import record as table
from upheld.vault.envelope import Key, SealError, context, seal, unseal
from upheld.vault.keyring import Keyring

ERASED = "erased"  # by whom a record was given who is there no more
_DIMS = msgspec.json.Decoder(dict[str, tuple[str, ...]])
DIMS_AT = 4  # of a row's columns
_FOREVER = (1 << 63) - 1
TOGETHER = 200  # records in one query
_TABLE = declaration(table)


class RecordError(UpheldError):
    """A record that cannot be kept, found, or believed."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one record. `about` maps dimensions to words; times are microseconds.

    `fact` names the one fact that it proves where a kind of proof has several; `by_whom`, `how` and
    `text_digest` say who gave it, how, and the SHA-256 of the text that was shown.
    """

    person_id: PersonId
    record_id: RecordId
    kind: str
    party: str = ""
    fact: str = ""
    about: dict[str, tuple[str, ...]] = {}
    valid_from: int
    ends: int | None = None
    withdrawn: int | None = None
    by_whom: str = ""
    how: str = ""
    text_digest: str = ""

    def in_force(self, at: int) -> bool:
        """Whether it has begun and neither ended nor been withdrawn."""
        if self.valid_from > at or (self.ends is not None and self.ends <= at):
            return False
        return self.withdrawn is None or self.withdrawn > at

    def columns(self) -> tuple[Any, ...]:
        """The columns that the MAC covers, in their order."""
        dims = {**self.about, **({"fact": (self.fact,)} if self.fact else {})}
        verify = msgspec.json.encode(dims, order="deterministic").decode()
        return (
            self.person_id,
            self.record_id,
            self.kind,
            self.party,
            verify,
            self.valid_from,
            self.ends,
            self.withdrawn,
            self.by_whom,
            self.how,
            self.text_digest,
        )


def new(  # noqa: PLR0913 - what belongs to a record
    person_id: PersonId,
    kind: str,
    valid_from: datetime,
    *,
    fact: str = "",
    about: Mapping[str, Sequence[str]] | None = None,
    party: str = "",
    ends: datetime | None = None,
    by_whom: str = "",
    how: str = "",
    text: str = "",
) -> Record:
    """A record that is to be kept, with the digest of the text that was shown to its giver."""
    return Record(
        person_id=person_id,
        record_id=RecordId(secrets.token_hex(16)),
        kind=kind,
        fact=fact,
        party=party,
        about={d: tuple(words) for d, words in (about or {}).items()},
        valid_from=microseconds(valid_from),
        ends=None if ends is None else microseconds(ends),
        by_whom=by_whom,
        how=how,
        text_digest=sha256(text.encode()).hexdigest() if text else "",
    )


def keep(connection: Connection, record: Record, text: str = "", sealing: Key = b"") -> None:
    """Write a record down, whoever it is about now, and its text, sealed."""
    keep_all(connection, [record], text, {record.person_id: sealing})


def keep_all(
    connection: Connection, some: Sequence[Record], text: str, sealing: Mapping[PersonId, Key]
) -> None:
    """Write some records down, and the text of all of them, sealed under the key of each one's."""
    values = []
    for each in some:
        columns = dict(zip(_TABLE.covered, each.columns(), strict=True))
        if text:
            columns["body"] = seal(sealing[each.person_id], text.encode(), _text_of(each))
        values.append(columns)
    database.insert_all(connection, table, values)


def everything(connection: Connection, person_id: PersonId) -> list[Record]:
    """Every record about a person; SealedError where they are not as they were written."""
    record_rows = database.select(connection, table, "person_id = ?", person_id)
    return in_order(_record(each) for each in record_rows)


def text_shown(connection: Connection, record: Record, sealing: Key) -> str:
    """The text that was shown for a record; RecordError where it is not what was kept."""
    if not record.text_digest:
        return ""
    statement = "SELECT body FROM record WHERE person_id = ? AND record_id = ?"
    text_row = row(connection, statement, record.person_id, record.record_id)
    what = f"the text of record {record.record_id}"
    return unseal(sealing, text_row[0] if text_row else b"", _text_of(record), what=what).decode()


def texts(
    connection: Connection, person_id: PersonId, chosen: Sequence[Record], sealing: Key
) -> dict[str, str]:
    """The texts that were kept with some records of a person, by the record's id."""
    statement = "SELECT record_id FROM record WHERE person_id = ? AND body IS NOT NULL"
    there = {record_id for (record_id,) in rows(connection, statement, person_id)}
    return {
        each.record_id: text_shown(connection, each, sealing)
        for each in chosen
        if each.record_id in there
    }


def end_given_by(connection: Connection, people: Sequence[str], at: datetime) -> list[Record]:
    """End what some people gave for others, and name them in it no more; which records.

    Of a record that its giver can no longer be asked about, nobody can show that it was given.
    """
    where = f"by_whom IN ({placeholders(people)}) AND person_id NOT IN ({placeholders(people)})"
    moment, pairs, changed_message = microseconds(at), [], []
    for each in database.select_authentic(connection, table, where, *people, *people)[0]:
        record = _record(each)
        ends = moment if record.in_force(moment) else record.ends
        pairs.append((each, each._replace(by_whom=ERASED, ends=ends)))
        if ends != record.ends:
            changed_message.append(msgspec.structs.replace(record, by_whom=ERASED, ends=ends))
    database.rewrite(connection, table, pairs)
    return changed_message


def _text_of(record: Record) -> bytes:
    return context("record-text", record.person_id, record.record_id, record.text_digest)


def one(connection: Connection, person_id: PersonId, record_id: RecordId) -> Record:
    """A record by its id; RecordError where there is none.

    SealedError where what is about the person is not as it was written.
    """
    return _record(_row(connection, person_id, record_id))


def _row(connection: Connection, person_id: PersonId, record_id: RecordId) -> Any:
    where = "person_id = ? AND record_id = ?"
    record_row = database.get(connection, table, where, person_id, record_id)
    if record_row is None:
        raise _no_record()
    return record_row


def _no_record() -> RecordError:
    return RecordError(
        "no record with this id", code="no-record", hint="list the records of the person"
    )


def changed_message(record_id: RecordId) -> RecordError:
    """What is told of a record that is not believed."""
    return RecordError(
        f"record {record_id} was changed by somebody else",
        code="forged-record",
        hint="it proves nothing; see who can write to the database",
    )


def end_each(
    connection: Connection,
    which: Mapping[PersonId, RecordId],
    at: datetime,
    *,
    withdrawn: bool,
) -> list[Record]:
    """Let a record of each of some people end or be withdrawn at a moment; as they are then.

    One that was withdrawn stays so. RecordError where there is none, and then none is ended.
    """
    by_owner: dict[str, Any] = {}
    whose = list(which)
    for first in range(0, len(whose), TOGETHER):  # all of theirs, which is looked at anyway
        some = whose[first : first + TOGETHER]
        where = f"person_id IN ({placeholders(some)})"
        for each in database.select(connection, table, where, *some):
            if each.record_id == which[each.person_id]:
                by_owner[each.person_id] = each
    if which.keys() - by_owner:
        raise _no_record()
    change = {"withdrawn" if withdrawn else "ends": microseconds(at)}
    pairs = [
        (each, each if each.withdrawn is not None else each._replace(**change))
        for each in (by_owner[person_id] for person_id in which)
    ]
    database.rewrite(connection, table, pairs)
    return [_record(after) for _, after in pairs]


def unreadable(connection: Connection, person_id: PersonId, sealing: Key) -> list[str]:
    """The records of somebody, or of the registers, whose kept texts are not as they were."""
    record_rows, _ = database.select_authentic(
        connection, table, "person_id = ? AND body IS NOT NULL", person_id
    )
    problems = []
    for each in map(_record, record_rows):
        try:
            whole = bool(text_shown(connection, each, sealing))
        except SealError:
            whole = False
        if not whole:
            problems.append(f"the text of record {each.record_id}")
    return problems


def every(connection: Connection) -> list[Record]:
    """Every record there is that is ours."""
    return in_order(_record(each) for each in database.select_authentic(connection, table)[0])


def of_owner(connection: Connection, person_id: PersonId) -> list[Record]:
    """Every record about a person, or of the registers, that is ours."""
    record_rows, _ = database.select_authentic(connection, table, "person_id = ?", person_id)
    return in_order(_record(each) for each in record_rows)


def records_of(
    connection: Connection, keyring: Keyring, people: Sequence[str], kinds: Sequence[str]
) -> tuple[list[Record], list[str]]:
    """The records of some people and kinds, the oldest first, and none that is not believed.

    SealedError where those of somebody and these kinds are not as they were written.
    """
    del keyring  # which the connection knows
    if not kinds:
        return [], []
    record_rows: list[Any] = []
    for first in range(0, len(people), TOGETHER):  # of whom whole parts are looked at
        some = people[first : first + TOGETHER]
        where = f"person_id IN ({placeholders(some)}) AND kind IN ({placeholders(kinds)})"
        record_rows += database.select(connection, table, where, *some, *kinds, parts=kinds)
    return in_order(_record(each) for each in record_rows), []


def owners_of_kind(connection: Connection, people: Sequence[PersonId], kind: str) -> set[PersonId]:
    """Who of some people has records of a kind, by the rows or by what covers them."""
    return {PersonId(each) for each in owners_of_rows(connection, _TABLE, people, [kind])}


def of_each(connection: Connection, people: Sequence[PersonId]) -> list[Record]:
    """Every record of some people; SealedError where those of one are not as they were written."""
    record_rows: list[Any] = []
    for first in range(0, len(people), TOGETHER):
        some = people[first : first + TOGETHER]
        where = f"person_id IN ({placeholders(some)})"
        record_rows += database.select(connection, table, where, *some)
    return in_order(map(_record, record_rows))


def note_latest(
    connection: Connection, person_id: PersonId, kind: str, earlier: Sequence[Record], begin: int
) -> None:
    """Let a person's cover tell when the last of their records of a kind began.

    `earlier` are those that were read before the one that began at `begin` was written. One that
    ends or was withdrawn is looked at each time: then nothing is told.
    """
    if all(each.ends is None and each.withdrawn is None for each in earlier):
        latest = max((begin, *(each.valid_from for each in earlier)))
        note_in_cover(connection, person_id, part_of(kind), latest)


def part_of(kind: str) -> str:
    """The part of somebody's set of rows that their records of a kind are."""
    return f"{_TABLE.name}/{kind}"


def select_query(people: Sequence[str], kinds: Sequence[str]) -> Query:
    """What asks for the records of some people and kinds, to be told by `verify`."""
    return _finding(len(people), len(kinds)), (*people, *kinds)


def changed_owners(
    kinds: Sequence[str], covers: Mapping[Any, Cover], tallies: Tallies
) -> Iterator[str]:
    """The people whose records of some kinds are not all those that their covers tell of."""
    parts, owners = _parts(tuple(kinds)), {owner for owner, _ in tallies}
    for person_id, cover in covers.items():
        if person_id not in owners and cover.parts.keys().isdisjoint(parts):
            continue
        for part in parts:
            there = tallies.get((person_id, part))
            if there is None and part not in cover.parts:  # as of most kinds
                continue
            if cover.tally(part) != (there or (0, 0)):
                yield person_id
                break


@lru_cache
def _parts(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of a person's set in which records of some kinds count."""
    return tuple(map(part_of, kinds))


@lru_cache
def _finding(people: int, kinds: int) -> str:
    return (
        f"SELECT {_TABLE.checked} FROM record"  # noqa: S608 - names of columns and places alone
        f" WHERE person_id IN ({placeholders(range(people))})"
        f" AND kind IN ({placeholders(range(kinds))})"
    )


def of_kind(  # noqa: PLR0913 - by what records are asked for
    connection: Connection,
    kind: str,
    parties: Sequence[str],
    person_id: PersonId | None,
    state: str,
    at: int,
    *,
    has_begun: bool,
    besides: Sequence[str],
) -> list[tuple[Any, ...]]:
    """The rows of records in force of a kind, and their MACs, of people in a state.

    Of some parties alone if any are named, and of one person alone; with `has_begun` without those
    that begin later. `besides` holds JSON of dimensions to exclude exactly. The MACs are not
    verified yet: pass the rows to `verify`.
    """
    where, values = "kind = ?", [kind]
    if person_id is not None:
        where, values = "person_id = ? AND kind = ?", [person_id, kind]
    if parties:
        where += f" AND party IN ({placeholders(parties)})"
    if besides:
        where += f" AND dims NOT IN ({placeholders(besides)})"
    statement = (
        f"SELECT {_TABLE.checked} FROM record WHERE {where} AND valid_from <= ?"  # noqa: S608 - columns and places
        " AND (ends IS NULL OR ends > ?) AND (withdrawn IS NULL OR withdrawn > ?) AND EXISTS"
        " (SELECT 1 FROM person p WHERE p.person_id = record.person_id AND p.state = ?)"
    )
    return rows(
        connection,
        statement,
        *values,
        *parties,
        *besides,
        at if has_begun else _FOREVER,
        at,
        at,
        state,
    )


def keep_ends(connection: Connection, ended: Sequence[Record]) -> None:
    """Write down when some records end or were withdrawn."""
    now = {each.record_id: each for each in ended}
    pairs = []
    for first in range(0, len(ended), TOGETHER):
        some = ended[first : first + TOGETHER]
        where = f"person_id IN ({placeholders(some)}) AND record_id IN ({placeholders(some)})"
        keys = (*(each.person_id for each in some), *(each.record_id for each in some))
        for each in database.select(connection, table, where, *keys):
            to = now[each.record_id]
            pairs.append((each, each._replace(ends=to.ends, withdrawn=to.withdrawn)))
    database.rewrite(connection, table, pairs)


class VerifiedRecords(NamedTuple):
    """The records of some rows, the oldest first; what is not ours; and what the rows come to."""

    records: list[Record]
    forged: list[RecordId]
    tallies: Tallies


def verify(connection: Connection, record_rows: Sequence[tuple[Any, ...]]) -> VerifiedRecords:
    """The records of the rows that `select_query` asks for."""
    seals = seals_of(connection)
    ours, forged, elements = [], [], []
    for each in record_rows:
        covered = each[:-1]
        element = seals.element("record", covered, each[-1])
        if element is None:
            forged.append(RecordId(each[1]))
        else:
            ours.append(_record(covered))
            elements.append((covered, element))
    return VerifiedRecords(in_order(ours), forged, tally_rows(_TABLE, elements))


def in_order(some_records: Iterable[Record]) -> list[Record]:
    """Some records, the oldest first."""
    return sorted(some_records, key=lambda record: (record.valid_from, record.record_id))


def _record(record_row: Sequence[Any]) -> Record:
    """A row that was checked, as a record."""
    fact, about = about_of(record_row[DIMS_AT])
    return Record(
        person_id=record_row[0],
        record_id=record_row[1],
        kind=record_row[2],
        party=record_row[3],
        about=about,
        fact=fact,
        valid_from=record_row[5],
        ends=record_row[6],
        withdrawn=record_row[7],
        by_whom=record_row[8],
        how=record_row[9],
        text_digest=record_row[10],
    )


@lru_cache(maxsize=1024)
def about_of(dims: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The fact that a record names, and what it is about, as its column says; not to be changed."""
    about = _DIMS.decode(dims)
    return about.pop("fact", ("",))[0], about
