"""A person's values: sealed row by row, each with where it came from, and revised, never changed.

What a row belongs to and what is told beside it (person, field, revision, origin, occasion, clause,
time, public source) is bound to the ciphertext, so that neither can be swapped for another's. The
person's sealed list of holdings names the current revision of each field and the digest of its row:
an old row that was put back, or one that is missing, is found.

A field has one value, or is a series: dated rows, numbered from 1, all of them current. Of a series
the list keeps a chain of digests over all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.database.statements import (
    execute_deferred,
    execute_many,
    placeholders,
    rows,
    run,
    to_bytes,
    to_datetime,
)
from upheld.database.tables import microseconds
from upheld.vault import blind_index
from upheld.vault.envelope import SealError, context, digest, part_of, seal, unseal
from upheld.vault.keyring import Keyring
from upheld.vault.people import Held, Person, VaultError, chained, keep_holdings

BYTES_MAX = 64 * 1024
COLUMNS = (  # of a row, by which it is opened
    "v.field, v.revision, v.sealed, v.origin, v.occasion, v.clause, v.at, v.public_source"
)
_VALUE = part_of("value")
_INSERT = "INSERT INTO value VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Origin(NamedTuple):
    """How a value came in: from whom, on which occasion, by which clause, publicly from where."""

    origin: str
    occasion: str
    clause: str
    public_source: str | None = None


class Value(Struct, frozen=True, gc=False):
    """A value with its origin, the time it came in, and its revision or row number from 1 on.

    The time is kept in microseconds since 1970, and told as a datetime.
    """

    value: str
    origin: Origin
    told: int
    revision: int

    @property
    def at(self) -> datetime:
        """When it came in."""
        return to_datetime(self.told)

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
    for field, value in values.items():
        held = holdings.get(field, Held(0, ""))
        if held.gone is not None:
            raise _wrong_shape(field, "is a series", "append to it")
        revision = held.revision + 1
        made, mark = _sealed(person, field, revision, value, (origin, at))
        if revision > 1:
            execute_deferred(
                connection,
                "UPDATE value SET current = ? WHERE person_id = ? AND field = ? AND current = ?",
                False,
                person.person_id,
                field,
                True,
            )
        execute_deferred(connection, _INSERT, *made)
        holdings[field] = Held(revision, mark)
        if field in blind_index.FIELDS:
            blind_index.put(connection, keyring, person.person_id, field, value)
    keep_holdings(connection, person, holdings)
    return person.holding(holdings)


def append(
    connection: Connection,
    person: Person,
    field: str,
    values: Sequence[str],
    origin: Origin,
    at: datetime,
) -> Person:
    """Add rows to a series, in their order; the person with what is held of them now."""
    held = person.holdings.get(field, Held(0, "", 0))
    if held.gone is None:
        raise _wrong_shape(field, "has one value, and is no series", "store it")
    if field in blind_index.FIELDS:
        raise _wrong_shape(field, "is what people are found by, and cannot be a series", "store it")
    return _added(connection, person, field, held, [(value, origin, at) for value in values])


def write_again(
    connection: Connection,
    keyring: Keyring,
    person: Person,
    field: str,
    kept: Sequence[Value],
    *,
    series: bool,
) -> Person:
    """Write what was kept of a field under a new key, each row with its own origin and time.

    The person, of whom nothing was held of it yet, with what is held of it now.
    """
    if series:
        told = [(each.value, each.origin, each.at) for each in kept]
        return _added(connection, person, field, Held(0, "", 0), told)
    for each in kept:
        person = put(connection, keyring, person, {field: each.value}, each.origin, each.at)
    return person


def _added(
    connection: Connection,
    person: Person,
    field: str,
    held: Held,
    told: Sequence[tuple[str, Origin, datetime]],
) -> Person:
    """Add rows to a series of which this was held before."""
    listed, chain = [], held.digest
    for number, (value, origin, at) in enumerate(told, held.revision + 1):
        made, mark = _sealed(person, field, number, value, (origin, at))
        listed.append(made)
        chain = chained(chain, mark)
    execute_many(connection, _INSERT, listed)
    held = replace(held, revision=held.revision + len(told), digest=chain)
    holdings = {**person.holdings, field: held}
    keep_holdings(connection, person, holdings)
    return person.holding(holdings)


Stay = Callable[[Sequence["Value"], Sequence["Value"]], Sequence["Value"]]


def forget(
    connection: Connection, person: Person, field: str, until: datetime, stay: Stay | None = None
) -> tuple[Person, int]:
    """Delete the oldest rows of a series, up to the first of that moment or later; how many.

    `stay` is told these rows and the others, and says what takes their place: some of them, or rows
    that sum them up, no more than there were. The person with what is held of them now. SealError
    unless the series is whole.
    """
    held = person.holdings.get(field)
    if held is None:
        return person, 0
    if held.gone is None:
        raise _wrong_shape(field, "has one value, and is no series", "only rows of a series age")
    fetched = _fetch(connection, person, [field])
    found = opened(person, field, fetched)
    old = next((n for n, value in enumerate(found) if value.at >= until), len(found))
    left = tuple(stay(found[:old], found[old:])) if stay and old else ()
    if left and left == found[:old]:
        return person, 0
    if len(left) > old:
        raise VaultError(
            f"more is to stay of `{field}` than there was", code="series", hint="sum it up"
        )
    digests = [
        digest(to_bytes(row[2])).hex() for row in sorted(fetched.get(field, ()), key=_number)
    ]
    run(
        connection,
        "DELETE FROM value WHERE person_id = ? AND field = ? AND revision <= ?",
        person.person_id,
        field,
        held.gone + old,
    )
    before, gone = held.before, held.gone + old - len(left)
    for each in digests[: old - len(left)]:
        before = chained(before, each)
    listed, chain = [], before
    for number, value in enumerate(left, gone + 1):
        made, mark = _sealed(person, field, number, value.value, (value.origin, value.at))
        listed.append(made)
        chain = chained(chain, mark)
    if listed:
        execute_many(connection, _INSERT, listed)
        for each in digests[old:]:
            chain = chained(chain, each)
        held = replace(held, digest=chain)
    holdings = {**person.holdings, field: replace(held, gone=gone, before=before)}
    keep_holdings(connection, person, holdings)
    return person.holding(holdings), sum(each not in left for each in found[:old])


def rewrite(
    connection: Connection, person: Person, field: str, change: Callable[[str], str]
) -> tuple[Person, int]:
    """Write a series anew with each of its rows changed, where that changes any; how many.

    The person with what is held of them now. SealError unless the series is whole.
    """
    held = person.holdings.get(field)
    if held is None or held.gone is None:
        return person, 0
    found = opened(person, field, _fetch(connection, person, [field]))
    told = [(change(each.value), each.origin, each.at) for each in found]
    count = sum(new != each.value for (new, *_), each in zip(told, found, strict=True))
    if not count:
        return person, 0
    run(connection, "DELETE FROM value WHERE person_id = ? AND field = ?", person.person_id, field)
    return _added(connection, person, field, Held(0, "", 0), told), count


def _wrong_shape(field: str, said: str, hint: str) -> VaultError:
    return VaultError(f"`{field}` {said}", code="series", hint=hint)


def _sealed(
    person: Person, field: str, revision: int, value: str, told: tuple[Origin, datetime]
) -> tuple[tuple[Any, ...], str]:
    """A row with a value sealed in it, and its digest."""
    origin, when = told[0], microseconds(told[1])
    _, came, rest = _came(*origin)
    belongs = _belongs(person, field, revision, came, when, rest)
    sealed = seal(person.cipher, _raw(field, value), belongs)
    row = (person.person_id, field, revision, sealed, *origin[:3], when, origin[3], True)
    return row, digest(sealed).hex()


def _raw(field: str, value: str) -> bytes:
    """A value as bytes; VaultError, which does not quote it, where it is too long or no text."""
    raw = value.encode(errors="replace")
    if len(raw) > BYTES_MAX:
        raise VaultError(
            f"`{field}` has more than {BYTES_MAX} bytes", code="too-long", hint="shorten it"
        )
    if raw.decode() != value:
        raise VaultError(f"`{field}` is not Unicode", code="encoding", hint="give it as UTF-8")
    return raw


def read(connection: Connection, person: Person, fields: Iterable[str]) -> dict[str, Value]:
    """The current values of some fields; those that are not held are left out.

    SealError names the first that was changed, moved, put back or taken away.
    """
    found, problems = examine(connection, person, fields)
    if problems:
        raise SealError(problems[0])
    return {field: values[-1] for field, values in found.items() if values}


def examine(
    connection: Connection, person: Person, fields: Iterable[str]
) -> tuple[dict[str, tuple[Value, ...]], list[str]]:
    """The current values of each field that is whole, and the names of what is not."""
    wanted = [field for field in fields if field in person.holdings]
    fetched = _fetch(connection, person, wanted)
    found, problems = {}, []
    for field in wanted:
        try:
            found[field] = opened(person, field, fetched)
        except SealError as error:
            problems.append(error.what)
    return found, problems


def besides(connection: Connection, person: Person) -> list[str]:
    """The fields of which a row is called current that is not, or a former one was changed."""
    statement = f"SELECT {COLUMNS} FROM value v WHERE v.person_id = ? AND v.current = ?"  # noqa: S608 - columns alone
    held, problems = person.holdings, []
    for each in rows(connection, statement, person.person_id, True):
        field, revision = each[:2]
        if field not in held or (held[field].gone is None and revision != held[field].revision):
            problems.append(f"`{field}` of person {person.person_id}")
    for each in rows(connection, statement, person.person_id, False):
        what = f"a former `{each[0]}` of person {person.person_id}"
        try:
            _unsealed(person, each, what)
        except SealError:
            problems.append(what)
    return problems


Fetched = dict[str, list[tuple[Any, ...]]]  # rows of a person, still sealed, by field


def _fetch(connection: Connection, person: Person, fields: Sequence[str]) -> Fetched:
    """The current rows of some of a person's fields."""
    fetched: Fetched = {}
    if fields:
        statement = _finding(len(fields))
        for row in rows(connection, statement, person.person_id, True, *fields):
            fetched.setdefault(row[0], []).append(row)
    return fetched


@lru_cache
def _finding(fields: int) -> str:
    return (
        f"SELECT {COLUMNS} FROM value v WHERE v.person_id = ? AND v.current = ?"  # noqa: S608 - columns and places alone
        f" AND v.field IN ({placeholders(range(fields))})"
    )


def opened(person: Person, field: str, fetched: Fetched) -> tuple[Value, ...]:
    """The rows of a field that were fetched, opened, the oldest first; none where none is held.

    One that is no series has one. SealError names what is not whole.
    """
    held = person.holdings.get(field)
    if held is None:
        return ()
    listed = fetched.get(field, ())
    what = f"`{field}` of person {person.person_id}"
    if held.gone is not None:
        return _series(person, held, listed, what)
    for row in listed:
        if row[1] == held.revision:
            value = _unsealed(person, row, what)
            if digest(row[2]).hex() == held.digest:
                return (value,)
    raise SealError(what)


def _series(
    person: Person, held: Held, listed: Sequence[tuple[Any, ...]], what: str
) -> tuple[Value, ...]:
    """Every row of a series: none missing, none besides, each its own, and all in the chain."""
    gone = held.gone or 0
    by_number = {_number(row): row for row in listed}
    if any(type(number) is not int for number in by_number):  # as we never write it
        raise SealError(what)
    found, chain = [], held.before
    for number in sorted({*by_number, *range(gone + 1, held.revision + 1)}):
        named = f"row {number} of {what}"
        row = by_number.get(number)
        if row is None or not gone < number <= held.revision:
            raise SealError(named)
        found.append(_unsealed(person, row, named))
        chain = chained(chain, digest(to_bytes(row[2])).hex())
    if chain != held.digest:
        raise SealError(what)
    return tuple(found)


def _number(row: tuple[Any, ...]) -> int:
    number: int = row[1]
    return number


def _unsealed(person: Person, row: tuple[Any, ...], what: str) -> Value:
    field, revision, sealed, who, occasion, clause, at, public = row
    try:
        origin, came, rest = _came(who, occasion, clause, public)
        belongs = _belongs(person, field, revision, came, at, rest)
    except KeyError:  # a kind of thing that we never write
        raise SealError(what) from None
    value = unseal(person.cipher, sealed, belongs, what=what).decode()
    return Value(value, origin, at, revision)


def _belongs(person: Person, field: str, revision: int, came: bytes, at: int, rest: bytes) -> bytes:
    """What a row belongs to: the context of all that is told of it, one part after the other."""
    return b"".join((_VALUE, person.whose, _row(field, revision), came, part_of(at), rest))


@lru_cache(maxsize=1024, typed=True)  # most values came in as many others did
def _came(who: str, occasion: str, clause: str, public: str | None) -> tuple[Origin, bytes, bytes]:
    """An origin, and what a row's context tells of it before and after the time."""
    came, rest = context(who, occasion, clause), context(public or "", public is None)
    return Origin(who, occasion, clause, public), came, rest


@lru_cache(maxsize=1024, typed=True)
def _row(field: str, revision: int) -> bytes:
    """What a row's context tells of the row itself."""
    return context(field, revision)


def indexed(connection: Connection, person: Person) -> dict[str, str]:
    """The values by which a person is found."""
    found = read(connection, person, blind_index.FIELDS)
    return {field: value.value for field, value in found.items()}
