"""Whose data were touched by a misuse, and of which kinds: worked out from the ledger's entries.

What a member of staff, a company or anybody did in a span of time stands in the entries, each with
its kinds of data and its people. Whoever has a key, a table or a backup has what had been stored
until then, and entries say that too. No value is read. What legal process had us do is passed over,
since an order may forbid us to speak of it: its entries, what a table has for it alone, and whoever
is there for what is kept apart alone. No other act rests on a hold of which nobody may speak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, LargeBinary, Text

from upheld.core.errors import UpheldError
from upheld.core.ids import BackupId, PersonId
from upheld.database import rows as database
from upheld.database import tables
from upheld.database.columns import Telling
from upheld.database.schema import declared_tables
from upheld.database.statements import placeholders, rows, to_bytes
from upheld.database.tables import microseconds
from upheld.database.transaction import reading
from upheld.gate.log.entries import PAGE
from upheld.gate.log.silence import PURPOSE
from upheld.vault.people import ACTIVE

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

STAFF, PARTNER, KEY, TABLE, BACKUP, TIME = "staff", "partner", "key", "table", "backup", "time"
KINDS: Final = (STAFF, PARTNER, KEY, TABLE, BACKUP, TIME)
TOLD: Final = "told"  # of a table: where something may be told of a row, "" where never
VALUES: Final = "value"  # the one table in which values of people lie
_TOGETHER: Final = 500  # entries in one query
_STORING: Final = b'"action":"store"'
_DONE_BY_KIND: Final = ("import", "look-up")  # entries that say nothing of an outcome
_LARGEST: Final = (1 << 63) - 1


class MisuseError(UpheldError):
    """Something misused that is not there, or a span of time that cannot be looked at."""


class Misuse(NamedTuple):
    """What was misused, and from when until when.

    `name` is the id of a member of staff, the word of a company, the number of an epoch of keys,
    the name of a table, or the id of a backup; empty where it is not known who did what in a time.
    """

    kind: str
    name: str
    since: datetime
    until: datetime


class _Body(msgspec.Struct):
    """The part of an entry that is looked at."""

    kind: str
    action: str = ""
    outcome: str = ""
    purpose: str = ""
    actor: str = ""
    recipient: str = ""
    source: str = ""
    data: tuple[str, ...] = ()


class _Touch(NamedTuple):
    number: int
    person_id: PersonId | None
    data: tuple[str, ...]


_BODY: Final = msgspec.json.Decoder(_Body)
_Test = Callable[[_Body], bool]


def require_subject(gate: Gate, kind: str, name: str) -> None:
    """MisuseError unless there is an epoch of keys, a table or a backup by this name.

    All that was done in a time has none.
    """
    if kind == TIME and name:
        raise MisuseError(
            "a span of time has no name",
            code="incident-subject",
            hint="say from when until when, and leave out which one",
        )
    with reading(gate.engine) as connection:
        if kind == KEY:
            there = name.isdecimal() and len(name) < len(str(1 << 31))
            there = there and bool(
                rows(connection, "SELECT 1 FROM epoch WHERE number = ?", int(name))
            )
        elif kind == BACKUP:
            there = _backup_time(connection, BackupId(name)) is not None
        elif kind == TABLE:
            there = name in tables_of_people()
        else:
            there = kind in KINDS
    if not there:
        raise MisuseError(
            f"there is no such {kind}",
            code="incident-subject",
            hint="name an epoch by its number, a backup by its id, a table as the database does",
        )


def tables_of_people() -> dict[str, str]:
    """The tables whose rows are somebody's: by name, the column with the id of whose they are.

    But for those in which nobody but the legal desk may know that somebody is.
    """
    owned = {
        name: str(table.info.get("sealed", {}).get("owner", ""))
        for name, table in declared_tables().tables.items()
        if table.info.get(TOLD) != ""
    }
    return {
        VALUES: "person_id",
        tables.person.name: "person_id",
        tables.person_key.name: "person_id",
        **{name: column for name, column in owned.items() if column},
    }


def find_affected(gate: Gate, misuse: Misuse) -> dict[PersonId, frozenset[str]]:
    """Whose data were touched, each with the kinds; of those who are not erased."""
    with reading(gate.engine) as connection:
        people = _affected(connection, misuse)
        there = {each for (each,) in rows(connection, _THERE, ACTIVE)} if people else set()
    return {PersonId(each): frozenset(kinds) for each, kinds in people.items() if each in there}


_THERE: Final = "SELECT person_id FROM person WHERE state = ?"


def _affected(connection: Connection, misuse: Misuse) -> dict[str, set[str]]:
    since, until = microseconds(misuse.since), microseconds(misuse.until)
    if misuse.kind == STAFF:
        actor = f"staff {misuse.name}"
        return _gather(
            connection, _entries(connection, since, until, _quoted(actor), _done_by(actor))
        )
    if misuse.kind == PARTNER:
        needle = _quoted(f" {misuse.name}")[1:]
        return _gather(
            connection, _entries(connection, since, until, needle, _concerns(misuse.name))
        )
    if misuse.kind == TIME:
        return _gather(connection, _entries(connection, since, until, b"", _by_anybody))
    if misuse.kind == BACKUP:
        until = _backup_time(connection, BackupId(misuse.name)) or until
    among: set[str] | None = None
    if misuse.kind == KEY:
        among = _people(connection, "SELECT person_id FROM person_key WHERE epoch = ?", misuse.name)
    elif misuse.kind == TABLE and misuse.name != VALUES:
        kinds = _telling(misuse).kinds
        return {each: {*kinds} for each in _in_table(connection, misuse.name)}
    stored = _gather(connection, _entries(connection, 0, until, _STORING, _is_storing))
    return {each: kinds for each, kinds in stored.items() if among is None or each in among}


def told_besides(misuse: Misuse) -> str:
    """What a table tells of people that is no kind of data, in words; empty where there is none."""
    return _telling(misuse).besides


def _telling(misuse: Misuse) -> Telling:
    table = declared_tables().tables.get(misuse.name) if misuse.kind == TABLE else None
    if table is None:
        return Telling((), "")
    telling: Telling | None = table.info.get("tells")
    if telling is None:  # a practice's own may declare nothing, and have a value sealed
        texts = [each for each in table.columns if isinstance(each.type, (LargeBinary, Text))]
        is_bare = all(each.name == "mac" for each in texts)
        telling = Telling((), "" if is_bare else "what is encrypted or written there")
    return telling


def _in_table(connection: Connection, name: str) -> set[str]:
    """Whoever has a row of which something may be told; nobody where it is no table of people.

    An incident may have been opened about one that has become one of the legal desk's alone.
    """
    column = tables_of_people().get(name)
    if column is None:
        return set()
    condition = declared_tables().tables[name].info.get(TOLD, "")
    where = f" WHERE {condition}" if condition else ""
    statement = f"SELECT DISTINCT {column} FROM {name}{where}"  # noqa: S608 - what is declared alone
    return _people(connection, statement)


def _quoted(text: str) -> bytes:
    """A text as an entry has it, with its quotation marks."""
    return msgspec.json.encode(text)


def _done_by(actor: str) -> _Test:
    return lambda body: body.actor == actor


def _concerns(company: str) -> _Test:
    ending = f" {company}"
    return lambda body: any(
        party.partition(" ")[1:] == (" ", company)
        for party in (body.actor, body.recipient, body.source)
        if party.endswith(ending)
    )


def _by_anybody(_: _Body) -> bool:
    return True


def _is_storing(body: _Body) -> bool:
    return body.action == "store"


def _entries(
    connection: Connection, since: int, until: int, needle: bytes, test: _Test
) -> Iterator[_Touch]:
    """The entries of what was done with data in a span of time, and passes a test.

    One that has not the bytes of `needle` is not read at all, which is what makes it quick.
    """
    statement = (
        "SELECT number, person_id, body FROM entry WHERE number > ? AND number <= ?"
        " AND at >= ? AND at < ? ORDER BY number LIMIT ?"
    )
    last = -(1 << 63) + 1
    while page := rows(connection, statement, last, _LARGEST, since, until, PAGE):
        last = page[-1][0]
        for number, person_id, raw in page:
            if needle not in (text := to_bytes(raw)):
                continue
            try:
                body = _BODY.decode(text)
            except msgspec.DecodeError:
                continue  # one that was changed: the ledger's own check says so
            if body.data and _was_done(body) and test(body):
                yield _Touch(number, person_id, body.data)


def _was_done(body: _Body) -> bool:
    is_done = body.outcome == "allow" or body.kind in _DONE_BY_KIND
    return is_done and body.purpose != PURPOSE


def _gather(connection: Connection, touches: Iterable[_Touch]) -> dict[str, set[str]]:
    """By person, the kinds of data of some entries; those of many people have their list."""
    people: dict[str, set[str]] = {}
    shared: dict[int, tuple[str, ...]] = {}
    for each in touches:
        if each.person_id is not None:
            people.setdefault(each.person_id, set()).update(each.data)
            continue
        shared[each.number] = each.data
        if len(shared) == _TOGETHER:
            _add_shared(connection, shared, people)
            shared = {}
    _add_shared(connection, shared, people)
    return people


def _add_shared(
    connection: Connection, shared: Mapping[int, tuple[str, ...]], people: dict[str, set[str]]
) -> None:
    if not shared:
        return
    numbers = list(shared)
    statement = (
        f"SELECT number, person_id FROM entry_person WHERE number IN ({placeholders(numbers)})"  # noqa: S608 - placeholders alone
    )
    for number, person_id in rows(connection, statement, *numbers):
        people.setdefault(person_id, set()).update(shared[number])


def _people(connection: Connection, statement: str, *values: object) -> set[str]:
    return {each for (each,) in rows(connection, statement, *values) if each}


def _backup_time(connection: Connection, backup_id: BackupId) -> int | None:
    """The moment of a backup; None where there is none by this id."""
    backup = database.get(connection, tables.backup, "backup_id = ?", backup_id)
    return None if backup is None else int(backup.at)
