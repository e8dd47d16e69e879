"""People and their keys: a random id that says nothing, and a data key under the epoch's key.

The data key seals everything of a person and is itself stored sealed under the key of an epoch,
which lies outside the database. To begin an epoch, move the survivors and destroy the old epoch is
what makes erasures final. Moving is resumable: a person is of the old epoch or of the new one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database import covers, tables
from upheld.database import rows as rows_that_decide
from upheld.database import seals as database
from upheld.database.connection import WriteConnection
from upheld.database.seals import Cover
from upheld.database.statements import (
    Query,
    dialect_of,
    execute_deferred,
    execute_many,
    first_rows,
    placeholders,
    row,
    rows,
    run,
)
from upheld.database.tables import microseconds
from upheld.vault import blind_index
from upheld.vault.envelope import SealError, new_key, part_of, seal, unseal
from upheld.vault.keyfile import KeyringError
from upheld.vault.keyring import Epoch, Keyring

ACTIVE = "active"
ERASING = "erasing"  # to be erased: there for the erasure alone, and for no act
HELD = "held"  # what a law keeps and forbids to speak of: there for the legal desk alone
OF_EPOCH = "SELECT 1 FROM person_key WHERE epoch = ? LIMIT 1"
REGISTER: Final = PersonId("")  # the person of registers: partners, engagements

_KEY, _HELD = part_of("person-key"), part_of("holdings")  # before whose they are
_TABLES = "person p LEFT JOIN person_key k ON k.person_id = p.person_id"
_COLUMNS = "p.person_id, p.state, p.holdings, k.epoch, k.wrapped_key, p.cover"
NEXT: Final = (  # who is in a state, after an id, and how many at most
    f"SELECT {_COLUMNS} FROM {_TABLES}"  # noqa: S608 - columns alone
    " WHERE p.state = ? AND p.person_id > ? ORDER BY p.person_id LIMIT ?"
)
KEY_COLUMNS: Final = 5  # of them, that make a person with their key


class VaultError(UpheldError):
    """What the vault cannot do: a person who is not there, a key that is another's."""


def no_person(person_id: PersonId) -> VaultError:
    """The error for an id of nobody; what is not an id, such as an address, is not quoted."""
    is_id = re.fullmatch(r"[0-9a-f]{32}", person_id) is not None
    return VaultError(
        f"no person with id `{person_id}`" if is_id else "no person with this id",
        code="no-person",
        hint="they may have been erased" if is_id else "an id is 32 hexadecimal digits",
    )


class Holding(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is held of one field: its current revision, and the digest of that row.

    Of a series, whose rows are all current: the number of its last row, the chain of digests over
    all rows that it ever had, how many of the oldest were deleted, and the chain over those.
    """

    revision: int
    digest: str
    gone: int | None = None  # None where the field is no series
    before: str = ""

    @property
    def mark(self) -> str:
        """What an entry says of it, so that an old state that was put back is found."""
        return chained(self.before, self.digest) if self.gone else self.digest


Holdings = dict[str, Holding]
_HOLDINGS = msgspec.json.Decoder(Holdings)


def chained(before: str, digest: str) -> str:
    """The chain of digests one further."""
    return sha256(f"{before}{digest}".encode()).hexdigest()


class Person(msgspec.Struct, frozen=True, gc=False):
    """A person whose key is open for one act."""

    person_id: PersonId
    key: bytes
    holdings: Holdings
    cipher: AESGCM  # what seals and opens what is theirs
    whose: bytes  # their part of the context of what is theirs
    state: str = ACTIVE

    def with_holdings(self, holdings: Holdings) -> Person:
        """A copy of this person of whom `holdings` are held."""
        return msgspec.structs.replace(self, holdings=holdings)

    def __repr__(self) -> str:
        return f"Person({self.person_id!r})"


def enrol(
    connection: Connection,
    keyring: Keyring,
    at: datetime,
    *,
    state: str = ACTIVE,
    person_id: PersonId = REGISTER,
    cover: Cover | None = None,
) -> Person:
    """A new person with a key of their own and nothing held yet; `cover` is over rows that stay."""
    epoch = _current(connection, keyring)
    person_id, key = person_id or PersonId(secrets.token_hex(16)), new_key()
    person = Person(person_id, key, {}, AESGCM(key), part_of(person_id), state)
    sealed_cover = covers.first_cover(connection, person_id, cover or Cover(0, {}))
    execute_deferred(
        connection,
        "INSERT INTO person VALUES (?, ?, ?, ?, ?)",
        person.person_id,
        state,
        microseconds(at),
        _sealed_holdings(person, {}),
        sealed_cover,
    )
    execute_deferred(
        connection,
        "INSERT INTO person_key VALUES (?, ?, ?)",
        person.person_id,
        epoch.number,
        _wrapped(epoch, person),
    )
    return person


def _current(connection: Connection, keyring: Keyring) -> Epoch:
    """The epoch for a new key: one that another process closed meanwhile is not taken.

    On PostgreSQL nobody can close it before this transaction ends.
    """
    columns, rest = "closed", f"FROM epoch WHERE number = ?{dialect_of(connection).for_share}"
    answer = first_rows(connection, columns, rest, (keyring.current.number,))
    if not answer or answer[0][0]:
        keyring.refresh()
        answer = first_rows(connection, columns, rest, (keyring.current.number,))
        if not answer or answer[0][0]:
            raise VaultError(
                "the keyring's epoch is not one of the database's",
                code="epoch",
                hint="upheld keys epoch",
            )
    return keyring.current


def _wrapped(epoch: Epoch, person: Person) -> bytes:
    return seal(epoch.cipher, person.key, _KEY + person.whose + epoch.part)


def lock(connection: Connection, person_id: PersonId) -> None:
    """Lock a person's row to change what proves, or what is held: acts on them wait.

    On SQLite a writer has the whole database to itself from its first moment on.
    """
    if dialect_of(connection).server:
        execute_deferred(
            connection, "SELECT 1 FROM person WHERE person_id = ? FOR UPDATE", person_id
        )


def lock_active(connection: Connection, person_ids: Sequence[PersonId]) -> list[PersonId]:
    """Lock the rows of some people, in the order of their ids; those of them who are active.

    The registers' person always is.
    """
    states: dict[str, str] = {}
    for some in _lots(person_ids):
        answer = first_rows(connection, "person_id, state", *_locking(connection, some))
        states |= {person_id: state for person_id, state, *_ in answer}
    return [each for each in person_ids if each == REGISTER or states.get(each) == ACTIVE]


def lock_to_cover(
    connection: Connection, person_ids: Sequence[PersonId], states: Sequence[str] = (ACTIVE,)
) -> list[PersonId]:
    """Lock some people as `lock_active` does, for whoever then writes rows of theirs that decide.

    SealedError where the cover over the rows of one is not theirs.
    """
    answer = first_rows(connection, "person_id, state, cover", *_locking(connection, person_ids))
    active = {each[0]: each for each in answer if each[0] == REGISTER or each[1] in states}
    covers.take_covers(connection, active.values())
    return [each for each in person_ids if each == REGISTER or each in active]


def _locking(
    connection: Connection, person_ids: Sequence[PersonId]
) -> tuple[str, Sequence[PersonId]]:
    """What follows the columns of a query that locks some people, and its values."""
    rest = f"FROM person WHERE person_id IN ({placeholders(person_ids)}) ORDER BY person_id"
    return rest + dialect_of(connection).for_update, person_ids


def lock_all(connection: Connection, person_ids: Sequence[PersonId]) -> None:
    """Lock the rows of some people, in the order of their ids, so that two callers never cross."""
    for some in _lots(person_ids) if dialect_of(connection).server else ():
        rest, values = _locking(connection, some)
        execute_deferred(connection, f"SELECT 1 {rest}", *values)


def _lots(person_ids: Sequence[PersonId]) -> list[list[PersonId]]:
    """Some people in the order of their ids, as many together as PostgreSQL takes in a list."""
    ids, most = sorted({*person_ids}), covers.OWNERS_MAX
    return [ids[first : first + most] for first in range(0, len(ids), most)]


def open_person(connection: Connection, keyring: Keyring, person_id: PersonId) -> Person:
    """A person with their key; VaultError for one who is not there, SealError for a wrong key."""
    people = open_people(connection, keyring, [person_id])
    if person_id not in people:
        raise no_person(person_id)
    return people[person_id]


def open_people(
    connection: Connection, keyring: Keyring, people: Sequence[str]
) -> dict[PersonId, Person]:
    """Some people with their keys, locked for share; those who are not there are left out."""
    person_rows = rows(connection, *_flat(people_query(connection, people)))
    return people_from_rows(keyring, person_rows, cache=opened_in(connection))


def opened_in(connection: Connection) -> dict[str, Any] | None:
    """The people whom a transaction that writes has opened; None for one that reads."""
    return connection.opened if type(connection) is WriteConnection else None


def _flat(query: Query) -> tuple[Any, ...]:
    return query[0], *query[1]


def people_query(connection: Connection, people: Sequence[str]) -> Query:
    """What asks for some people and locks them for share, with the registers, in order of ids.

    On SQLite a writer has the database to itself anyway.
    """
    if (
        type(connection) is not WriteConnection or not connection.sql.server
    ):  # who only reads has a snapshot
        return people_statement(len(people), locked=False), tuple(people)
    return people_statement(len(people) + 1, locked=True), (REGISTER, *people)


@lru_cache
def people_statement(count: int, columns: str = "", tables: str = "", *, locked: bool) -> str:
    """The statement for so many people; `columns` and `tables` are asked for besides.

    Each has what goes before it.
    """
    end = " ORDER BY p.person_id FOR SHARE OF p" if locked else ""
    return (
        f"SELECT {_COLUMNS}{columns} FROM {_TABLES}{tables}"  # noqa: S608 - columns and places
        f" WHERE p.person_id IN ({placeholders(range(count))}){end}"
    )


def people_from_rows(
    keyring: Keyring,
    person_rows: Sequence[tuple[Any, ...]],
    states: Sequence[str] = (ACTIVE,),
    *,
    cache: dict[str, Any] | None = None,
) -> dict[PersonId, Person]:
    """The people of the rows that `asking` asks for; those in other states are not there."""
    return {
        row[0]: person_from_row(keyring, row[:KEY_COLUMNS], cache)
        for row in person_rows
        if row[1] in states and row[KEY_COLUMNS - 1]
    }


def open_people_in_any_state(
    connection: Connection, keyring: Keyring, people: Sequence[str]
) -> dict[PersonId, Person]:
    """Some people in whatever state, for the vault's own upkeep."""
    person_rows = rows(connection, *_flat(people_query(connection, people)))
    return people_from_rows(
        keyring, person_rows, (ACTIVE, ERASING, HELD), cache=opened_in(connection)
    )


def person_from_row(
    keyring: Keyring, columns: tuple[Any, ...], cache: dict[str, Any] | None = None
) -> Person:
    """A person with their key, out of the columns of both; SealError where one does not open.

    `cache` has those of its transaction: the same bytes are opened once.
    """
    person_id, state, holdings, number, wrapped = columns
    if cache is not None and (there := cache.get(person_id)) and there[0] == columns:
        mine: Person = there[1]
        return mine
    try:
        epoch = keyring.epoch(number)
    except KeyringError:  # another process may have begun it
        keyring.refresh()
        epoch = keyring.epoch(number)
    whose = part_of(person_id)
    key = unseal(
        epoch.cipher, wrapped, _KEY + whose + epoch.part, what=f"the key of person {person_id}"
    )
    if holdings is None:
        raise VaultError(
            f"what person {person_id} holds is missing",
            code="holdings",
            hint="restore it from a backup",
        )
    ready = AESGCM(key)
    raw = unseal(
        ready,
        holdings,
        _HELD + whose + _state(state),
        what=f"the list of what is held of person {person_id}",
    )
    person = Person(person_id, key, _HOLDINGS.decode(raw), ready, whose, state)
    if cache is not None:
        cache[person_id] = columns, person
    return person


@lru_cache(maxsize=16)
def _state(state: str) -> bytes:
    """What the context of what is held of a person tells of their state."""
    return part_of(state)


def change_state(connection: Connection, person: Person, state: str) -> None:
    """Let a person be in another state, which is sealed with what is held of them."""
    other = msgspec.structs.replace(person, state=state)
    run(
        connection,
        "UPDATE person SET state = ?, holdings = ? WHERE person_id = ?",
        state,
        _sealed_holdings(other, other.holdings),
        other.person_id,
    )


def seal_states(connection: Connection, keyring: Keyring, person_ids: Sequence[PersonId]) -> None:
    """Seal with what is held of some people what state they are in, as an earlier upheld did not.

    Whose key is gone is left as they are: nobody can open what is theirs.
    """
    for person_id, state, holdings, number, wrapped, _ in rows(
        connection, people_statement(len(person_ids), locked=False), *person_ids
    ):
        if wrapped is None or holdings is None or number not in {e.number for e in keyring.epochs}:
            continue
        epoch, whose = keyring.epoch(number), part_of(person_id)
        try:
            key = unseal(epoch.cipher, wrapped, _KEY + whose + epoch.part)
            raw = unseal(key, holdings, _HELD + whose)
        except SealError:
            continue  # not whole before either, and found when it is opened
        person = Person(person_id, key, _HOLDINGS.decode(raw), AESGCM(key), whose, state)
        keep_holdings(connection, person, person.holdings)


def keep_holdings(connection: Connection, person: Person, holdings: Holdings) -> None:
    """Keep the list of a person's current rows, so that an old one put back is found."""
    keep_holdings_each(connection, [person.with_holdings(holdings)])


def keep_holdings_each(connection: Connection, some: Sequence[Person]) -> None:
    """Keep of each of some people the list that they have."""
    statement = "UPDATE person SET holdings = ? WHERE person_id = ?"
    values = [(_sealed_holdings(each, each.holdings), each.person_id) for each in some]
    if values:
        execute_many(connection, statement, values)


def _sealed_holdings(person: Person, holdings: Holdings) -> bytes:
    raw = msgspec.json.encode(holdings)
    return seal(person.cipher, raw, _HELD + person.whose + _state(person.state))


def to_move(connection: Connection, keyring: Keyring, most: int, after: str = "") -> list[PersonId]:
    """Some people whose keys are not of the current epoch, which nobody closes meanwhile."""
    current = _current(connection, keyring)
    statement = (
        "SELECT person_id FROM person_key WHERE epoch <> ? AND person_id > ?"
        " ORDER BY person_id LIMIT ?"
    )
    return [person_id for (person_id,) in rows(connection, statement, current.number, after, most)]


def move(connection: Connection, keyring: Keyring, person_id: PersonId, indexed: Any) -> None:
    """Move a person's key to the current epoch, and renew what they are found by.

    `indexed` gives the values of a person that are found by, by field.
    """
    lock(connection, person_id)
    person = open_people_in_any_state(connection, keyring, [person_id]).get(person_id)
    if person is None:
        return  # erased meanwhile
    epoch = keyring.current
    run(
        connection,
        "UPDATE person_key SET epoch = ?, wrapped_key = ? WHERE person_id = ?",
        epoch.number,
        _wrapped(epoch, person),
        person_id,
    )
    rows_that_decide.purge(connection, tables.blind_index, "person_id = ?", person_id)
    if row(connection, "SELECT 1 FROM person WHERE person_id = ? AND state = ?", person_id, ACTIVE):
        # Whose cover is not ours is found by nothing until somebody has looked, and stops nobody.
        with suppress(database.SealedError):
            covers.cover_of(connection, person_id)
            for field, value in indexed(connection, person).items():
                blind_index.put(connection, keyring, person_id, field, value)


def close(connection: Connection, number: int) -> None:
    """Note that an epoch's key is destroyed; VaultError while somebody's key is still under it."""
    # Closed first, so that whoever would seal a new key under it waits, and then finds it closed.
    run(connection, "UPDATE epoch SET closed = ? WHERE number = ?", True, number)
    if row(connection, OF_EPOCH, number):
        raise VaultError(
            f"somebody's key is still of epoch {number}", code="epoch", hint="move everybody first"
        )
