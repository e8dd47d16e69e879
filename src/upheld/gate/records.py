"""Records that prove: a permission given, an opt-out, an order, an invoice, a partner registered.

A record names the kind of proof that the vocabulary asks for, and what it is about: words of the
dimensions for which its facts hold, and a party by name. It is never changed but to end or be
withdrawn, and carries a MAC under the keyring's root, so that a row that was written or changed by
anyone else proves nothing. Registers (of partners, engagements) belong to nobody: their person is
empty.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.sql import Query, blob, is_postgresql, later, many, places, row, rows, run
from upheld.core.tables import microseconds
from upheld.vault.envelope import Key, context, seal, unseal
from upheld.vault.keyring import Keyring

_COLUMNS = (
    "person_id, record_id, kind, party, dims, begins, ends, withdrawn, by_whom, how, text_digest"
)
ERASED = "erased"  # by whom a record was given who is there no more
_DIMS = msgspec.json.Decoder(dict[str, tuple[str, ...]])
DIMS_AT, _MAC_AT = 4, 11  # of a row's columns
_FOREVER = (1 << 63) - 1
_AT_ONCE = (  # on PostgreSQL: one statement for many rows
    "UPDATE record SET ends = new.ends, withdrawn = new.withdrawn, mac = new.mac FROM unnest("
    "CAST(? AS bigint[]), CAST(? AS bigint[]), CAST(? AS bytea[]), CAST(? AS text[]),"
    " CAST(? AS text[])) AS new (ends, withdrawn, mac, person_id, record_id)"
    " WHERE record.person_id = new.person_id AND record.record_id = new.record_id"
)


class RecordError(UpheldError):
    """A record that cannot be kept, found, or believed."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of one record. `about` maps dimensions to words; times are microseconds.

    `fact` names the one fact that it proves where a kind of proof has several; `by_whom`, `how` and
    `text_digest` say who gave it, how, and the SHA-256 of the text that was shown.
    """

    person_id: str
    record_id: str
    kind: str
    party: str = ""
    fact: str = ""
    about: dict[str, tuple[str, ...]] = {}
    begins: int
    ends: int | None = None
    withdrawn: int | None = None
    by_whom: str = ""
    how: str = ""
    text_digest: str = ""

    def in_force(self, at: int) -> bool:
        """Whether it has begun and neither ended nor been withdrawn."""
        if self.begins > at or (self.ends is not None and self.ends <= at):
            return False
        return self.withdrawn is None or self.withdrawn > at

    def columns(self) -> tuple[Any, ...]:
        """The columns that the MAC covers, in their order."""
        dims = {**self.about, **({"fact": (self.fact,)} if self.fact else {})}
        told = msgspec.json.encode(dims, order="deterministic").decode()
        return (self.person_id, self.record_id, self.kind, self.party, told, self.begins,
                self.ends, self.withdrawn, self.by_whom, self.how, self.text_digest)  # fmt: skip


def add(  # noqa: PLR0913 - what belongs to a record
    connection: Connection,
    keyring: Keyring,
    person_id: str,
    kind: str,
    begins: datetime,
    *,
    fact: str = "",
    about: Mapping[str, Sequence[str]] | None = None,
    party: str = "",
    ends: datetime | None = None,
    by_whom: str = "",
    how: str = "",
    text: str = "",
    sealing: Key = b"",
) -> Record:
    """Keep a new record, with the text that was shown to whoever gave it, sealed under a key."""
    made = Record(
        person_id=person_id, record_id=secrets.token_hex(16), kind=kind, fact=fact, party=party,
        about={d: tuple(words) for d, words in (about or {}).items()},
        begins=microseconds(begins), ends=None if ends is None else microseconds(ends),
        by_whom=by_whom, how=how, text_digest=sha256(text.encode()).hexdigest() if text else "",
    )  # fmt: skip
    keep(connection, keyring, made, text, sealing)
    return made


def keep(
    connection: Connection, keyring: Keyring, record: Record, text: str = "", sealing: Key = b""
) -> None:
    """Write a record down with its MAC, whoever it is about now, and its text, sealed."""
    body = seal(sealing, text.encode(), _text_of(record)) if text else None
    statement = (
        f"INSERT INTO record ({_COLUMNS}, body, mac)"  # noqa: S608 - names of columns alone
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    columns = record.columns()
    later(connection, statement, *columns, body, _mac(keyring, columns))


def everything(connection: Connection, keyring: Keyring, person_id: str) -> list[Record]:
    """Every record about a person that is believed."""
    statement = f"SELECT {_COLUMNS}, mac FROM record WHERE person_id = ?"  # noqa: S608 - columns alone
    return told(keyring, rows(connection, statement, person_id))[0]


def shown(connection: Connection, record: Record, sealing: Key) -> str:
    """The text that was shown for a record; RecordError where it is not what was kept."""
    if not record.text_digest:
        return ""
    statement = "SELECT body FROM record WHERE person_id = ? AND record_id = ?"
    found = row(connection, statement, record.person_id, record.record_id)
    what = f"the text of record {record.record_id}"
    return unseal(sealing, found[0] if found else b"", _text_of(record),
                  what=what).decode()  # fmt: skip


def texts(
    connection: Connection, person_id: str, listed: Sequence[Record], sealing: Key
) -> dict[str, str]:
    """The texts that were kept with some records of a person, by the record's id."""
    statement = "SELECT record_id FROM record WHERE person_id = ? AND body IS NOT NULL"
    there = {found for (found,) in rows(connection, statement, person_id)}
    return {each.record_id: shown(connection, each, sealing) for each in listed
            if each.record_id in there}  # fmt: skip


def end_given_by(
    connection: Connection, keyring: Keyring, people: Sequence[str], at: datetime
) -> list[Record]:
    """End what some people gave for others, and name them in it no more; which records.

    Of a record that its giver can no longer be asked about, nobody can show that it was given.
    """
    statement = (
        f"SELECT {_COLUMNS}, mac FROM record WHERE by_whom IN ({places(people)})"  # noqa: S608 - columns and places alone
        f" AND person_id NOT IN ({places(people)})"
    )
    changed, moment = [], microseconds(at)
    for record in told(keyring, rows(connection, statement, *people, *people))[0]:
        ends = moment if record.in_force(moment) else record.ends
        new = msgspec.structs.replace(record, by_whom=ERASED, ends=ends)
        run(connection, "UPDATE record SET by_whom = ?, ends = ?, mac = ? WHERE person_id = ? AND"
            " record_id = ?", new.by_whom, new.ends, _mac(keyring, new.columns()),
            new.person_id, new.record_id)  # fmt: skip
        changed += [new] if ends != record.ends else []
    return changed


def _text_of(record: Record) -> bytes:
    return context("record-text", record.person_id, record.record_id, record.text_digest)


def one(connection: Connection, keyring: Keyring, person_id: str, record_id: str) -> Record:
    """A record by its id; RecordError where there is none, or it is not believed."""
    statement = f"SELECT {_COLUMNS}, mac FROM record WHERE person_id = ? AND record_id = ?"  # noqa: S608 - columns alone
    found = row(connection, statement, person_id, record_id)
    if found is None:
        raise RecordError("there is no such record", code="no-record", hint="see its id")
    record = _believed(keyring, found)
    if record is None:
        raise changed(record_id)
    return record


def changed(record_id: str) -> RecordError:
    """What is told of a record that is not believed."""
    return RecordError(f"record {record_id} was changed by somebody else", code="forged-record",
                       hint="it proves nothing; see who can write to the database")  # fmt: skip


def end(
    connection: Connection, keyring: Keyring, person_id: str, record_id: str, at: datetime,
    *, withdrawn: bool,
) -> Record:  # fmt: skip
    """Let a record end or be withdrawn at a moment; RecordError where there is none in force."""
    record = one(connection, keyring, person_id, record_id)
    moment = microseconds(at)
    if record.withdrawn is not None:
        return record
    change = {"withdrawn": moment} if withdrawn else {"ends": moment}
    ended = msgspec.structs.replace(record, **change)
    keep_ends(connection, keyring, [ended])
    return ended


def every(connection: Connection, keyring: Keyring) -> tuple[list[Record], list[str]]:
    """Every record there is, and the ids of those not believed."""
    return told(keyring, rows(connection, f"SELECT {_COLUMNS}, mac FROM record"))  # noqa: S608 - names of columns alone


def listed(
    connection: Connection, keyring: Keyring, people: Sequence[str], kinds: Sequence[str]
) -> tuple[list[Record], list[str]]:
    """The records of some people and kinds, the oldest first, and the ids of those not believed."""
    query = asking(people, kinds)
    return told(keyring, rows(connection, query[0], *query[1]) if kinds else [])


def asking(people: Sequence[str], kinds: Sequence[str]) -> Query:
    """What asks for the records of some people and kinds."""
    return _finding(len(people), len(kinds)), (*people, *kinds)


@lru_cache
def _finding(people: int, kinds: int) -> str:
    return (
        f"SELECT {_COLUMNS}, mac FROM record"  # noqa: S608 - names of columns and places alone
        f" WHERE person_id IN ({places(range(people))}) AND kind IN ({places(range(kinds))})"
    )


def of_kind(  # noqa: PLR0913 - by what records are asked for
    connection: Connection, kind: str, parties: Sequence[str], person_id: str | None, state: str,
    at: int, *, begun: bool, besides: Sequence[str],
) -> list[tuple[Any, ...]]:  # fmt: skip
    """The rows of records in force of a kind, and their MACs, of people in a state.

    Of some parties alone if any are named, and of one person alone; with `begun` without those that
    begin later. Those that are about exactly what one of `besides` says are left out. Nothing of
    what is given is believed yet: see `told`.
    """
    where, values = "kind = ?", [kind]
    if person_id is not None:
        where, values = "person_id = ? AND kind = ?", [person_id, kind]
    if parties:
        where += f" AND party IN ({places(parties)})"
    if besides:
        where += f" AND dims NOT IN ({places(besides)})"
    statement = (
        f"SELECT {_COLUMNS}, mac FROM record WHERE {where} AND begins <= ?"  # noqa: S608 - columns and places
        " AND (ends IS NULL OR ends > ?) AND (withdrawn IS NULL OR withdrawn > ?) AND EXISTS"
        " (SELECT 1 FROM person p WHERE p.person_id = record.person_id AND p.state = ?)"
    )
    return rows(
        connection, statement, *values, *parties, *besides, at if begun else _FOREVER, at, at, state
    )


def keep_ends(connection: Connection, keyring: Keyring, ended: Sequence[Record]) -> None:
    """Write down when some records end or were withdrawn."""
    told = [(each.ends, each.withdrawn, _mac(keyring, each.columns()), each.person_id,
             each.record_id) for each in ended]  # fmt: skip
    if is_postgresql(connection) and len(told) > 1:
        columns = [list(column) for column in zip(*told, strict=True)]
        run(connection, _AT_ONCE, *columns)
        return
    many(connection, "UPDATE record SET ends = ?, withdrawn = ?, mac = ? WHERE person_id = ? AND"
         " record_id = ?", told)  # fmt: skip


def told(keyring: Keyring, found: Sequence[tuple[Any, ...]]) -> tuple[list[Record], list[str]]:
    """The records of the rows that `asking` asks for, and the ids of those not believed."""
    believed, forged = [], []
    for each in found:
        record = _believed(keyring, each)
        if record is None:
            forged.append(each[1])
        else:
            believed.append(record)
    return sorted(believed, key=lambda record: (record.begins, record.record_id)), forged


def _believed(keyring: Keyring, found: tuple[Any, ...]) -> Record | None:
    """A row as a record; None where its MAC is not ours."""
    try:
        if not hmac.compare_digest(_mac(keyring, found[:_MAC_AT]), blob(found[_MAC_AT])):
            return None
    except (TypeError, OverflowError, ValueError):  # of a kind of thing that we never write
        return None
    fact, about = about_of(found[DIMS_AT])
    return Record(
        person_id=found[0], record_id=found[1], kind=found[2], party=found[3], about=about,
        fact=fact, begins=found[5], ends=found[6], withdrawn=found[7], by_whom=found[8],
        how=found[9], text_digest=found[10],
    )  # fmt: skip


@lru_cache(maxsize=1024)
def about_of(dims: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    """The fact that a record names, and what it is about, as its column says; not to be changed."""
    about = _DIMS.decode(dims)
    return about.pop("fact", ("",))[0], about


def _mac(keyring: Keyring, columns: Sequence[Any]) -> bytes:
    mark = keyring.marks.copy()
    # No two lists of texts, numbers and nothings are the same in MessagePack.
    mark.update(msgspec.msgpack.encode(columns))
    return mark.finalize()
