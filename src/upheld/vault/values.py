"""A person's values: sealed row by row, each with where it came from, and revised, never changed.

What a row belongs to and what is told beside it (person, field, revision, origin, occasion, clause,
time, public source) is bound to the ciphertext, so that neither can be swapped for another's. The
person's sealed list of holdings names the current revision of each field and the digest of its row:
an old row that was put back, or one that is missing, is found.

A field has one value, or is a series: dated rows, numbered from 1, all of them current. Of a series
the list keeps a chain of digests over all its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.statements import (
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
from upheld.vault.people import (
    Holding,
    Person,
    VaultError,
    chained,
    keep_holdings,
    keep_holdings_each,
)

BYTES_MAX = 64 * 1024
COLUMNS = (  # of a row, by which it is opened
    "v.field, v.revision, v.sealed, v.origin, v.occasion, v.clause, v.at, v.public_source"
)
_VALUE = part_of("value")
_number: Callable[[tuple[Any, ...]], int] = itemgetter(1)  # of a row
_NO_LONGER = "UPDATE value SET current = ? WHERE person_id = ? AND field = ? AND current = ?"
_NewRows = Sequence[tuple[str, "Origin", datetime]]
_INSERT = "INSERT INTO value VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Origin(NamedTuple):
    """How a value came in: from whom, on which occasion, by which clause, publicly from where."""

    origin: str
    occasion: str
    clause: str
    public_source: str | None = None


class Value(Struct, frozen=True, array_like=True, gc=False):
    """A value with its origin, the time it came in, and its revision or row number from 1 on.

    The time is kept in microseconds since 1970, and told as a datetime.
    """

    value: str
    origin: Origin
    stored_at: int
    revision: int

    @property
    def at(self) -> datetime:
        """When it came in."""
        return to_datetime(self.stored_at)

    def __repr__(self) -> str:
        return f"Value(revision {self.revision}, {self.origin})"


def put(
    connection: Connection,
    keyring: Keyring,
    person: Person,
    values: Mapping[str, str],
    origin: Origin,
    at: datetime,
) -> Person:
    """Store values as new revisions; the person with what is held of them now."""
    writer = ValueWriter(connection, keyring)
    person = writer.put(person, values, origin, at)
    writer.write()
    return person


class ValueWriter:
    """Stores values of many people at once: each is sealed when it is put, and written together.

    Of each person there is one `put` between two writings.
    """

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection, self._keyring = connection, keyring
        self._former: list[tuple[Any, ...]] = []  # whose rows are current no more
        self._rows: list[tuple[Any, ...]] = []
        self._people: list[Person] = []
        self._indexed: list[tuple[PersonId, str, str]] = []

    def put(
        self, person: Person, values: Mapping[str, str], origin: Origin, at: datetime
    ) -> Person:
        """Seal values as new revisions; the person with what is held of them once it is written."""
        holdings = dict(person.holdings)
        for field, value in values.items():
            holding = holdings.get(field, Holding(0, ""))
            if holding.gone is not None:
                raise _wrong_shape(field, "is a series", "append to it")
            revision = holding.revision + 1
            value_row, mark = _seal_row(person, field, revision, value, (origin, at))
            if revision > 1:
                self._former.append((False, person.person_id, field, True))
            self._rows.append(value_row)
            holdings[field] = Holding(revision, mark)
            if field in blind_index.FIELDS:
                self._indexed.append((person.person_id, field, value))
        person = person.with_holdings(holdings)
        self._people.append(person)
        return person

    def append(
        self, person: Person, field: str, values: Sequence[str], origin: Origin, at: datetime
    ) -> Person:
        """Seal rows to be added to a series, in their order; the person with them then."""
        holding = person.holdings.get(field, Holding(0, "", 0))
        if holding.gone is None:
            raise _wrong_shape(field, "has one value, and is not a series", "store it")
        if field in blind_index.FIELDS:
            raise _wrong_shape(
                field, "is what people are found by, and cannot be a series", "store it"
            )
        value_rows, person = _appended(person, field, holding, [(v, origin, at) for v in values])
        self._rows += value_rows
        self._people.append(person)
        return person

    def write(self) -> None:
        """Write what was put."""
        connection = self._connection
        if self._former:
            execute_many(connection, _NO_LONGER, self._former)
        if self._rows:
            execute_many(connection, _INSERT, self._rows)
        blind_index.put_each(connection, self._keyring, self._indexed)
        keep_holdings_each(connection, self._people)
        self._former, self._rows, self._people, self._indexed = [], [], [], []


def require_storable(field: str, value: str) -> None:
    """VaultError, which does not quote it, for a value that is too long or no text."""
    _raw(field, value)


def write_again(
    connection: Connection,
    keyring: Keyring,
    person: Person,
    field: str,
    old_values: Sequence[Value],
    *,
    series: bool,
) -> Person:
    """Write what was kept of a field under another key, each row with its own origin and time.

    They follow what is held of it already. The person with what is held of it now.
    """
    holding = person.holdings.get(field, Holding(0, "", 0 if series else None))
    if holding.gone is not None:
        new_rows = [(each.value, each.origin, each.at) for each in old_values]
        return _append_rows(connection, person, field, holding, new_rows)
    for each in old_values:
        person = put(connection, keyring, person, {field: each.value}, each.origin, each.at)
    return person


def _append_rows(
    connection: Connection,
    person: Person,
    field: str,
    holding: Holding,
    new_rows: _NewRows,
) -> Person:
    """Add rows to a series of which this was held before."""
    value_rows, person = _appended(person, field, holding, new_rows)
    execute_many(connection, _INSERT, value_rows)
    keep_holdings(connection, person, person.holdings)
    return person


def _appended(
    person: Person, field: str, holding: Holding, new_rows: _NewRows
) -> tuple[list[tuple[Any, ...]], Person]:
    """Rows to be written to a series of which this was held before, and the person with them."""
    value_rows, chain = [], holding.digest
    for number, (value, origin, at) in enumerate(new_rows, holding.revision + 1):
        value_row, mark = _seal_row(person, field, number, value, (origin, at))
        value_rows.append(value_row)
        chain = chained(chain, mark)
    holding = replace(holding, revision=holding.revision + len(new_rows), digest=chain)
    return value_rows, person.with_holdings({**person.holdings, field: holding})


Stay = Callable[[Sequence["Value"], Sequence["Value"]], Sequence["Value"]]


def delete_oldest(
    connection: Connection, person: Person, field: str, until: datetime, stay: Stay | None = None
) -> tuple[Person, int]:
    """Delete the oldest rows of a series, up to the first of that moment or later; how many.

    `stay` is told these rows and the others, and says what takes their place: some of them, or rows
    that sum them up, no more than there were. The person with what is held of them now. SealError
    unless the series is whole.
    """
    holding = person.holdings.get(field)
    if holding is None:
        return person, 0
    if holding.gone is None:
        raise _wrong_shape(field, "has one value, and is not a series", "only rows of a series age")
    fetched = _fetch(connection, person, [field])
    values = open_rows(person, field, fetched)
    old = next((n for n, value in enumerate(values) if value.at >= until), len(values))
    left = tuple(stay(values[:old], values[old:])) if stay and old else ()
    if left and left == values[:old]:
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
        holding.gone + old,
    )
    before, deleted = holding.before, holding.gone + old - len(left)
    for each in digests[: old - len(left)]:
        before = chained(before, each)
    value_rows, chain = [], before
    for number, value in enumerate(left, deleted + 1):
        value_row, mark = _seal_row(person, field, number, value.value, (value.origin, value.at))
        value_rows.append(value_row)
        chain = chained(chain, mark)
    if value_rows:
        execute_many(connection, _INSERT, value_rows)
        for each in digests[old:]:
            chain = chained(chain, each)
        holding = replace(holding, digest=chain)
    holdings = {**person.holdings, field: replace(holding, gone=deleted, before=before)}
    keep_holdings(connection, person, holdings)
    return person.with_holdings(holdings), sum(each not in left for each in values[:old])


def rewrite(
    connection: Connection, person: Person, field: str, change: Callable[[str], str]
) -> tuple[Person, int]:
    """Write a series anew with each of its rows changed, where that changes any; how many.

    The person with what is held of them now. SealError unless the series is whole.
    """
    holding = person.holdings.get(field)
    if holding is None or holding.gone is None:
        return person, 0
    values = open_rows(person, field, _fetch(connection, person, [field]))
    new_rows = [(change(each.value), each.origin, each.at) for each in values]
    count = sum(new != each.value for (new, *_), each in zip(new_rows, values, strict=True))
    if not count:
        return person, 0
    run(connection, "DELETE FROM value WHERE person_id = ? AND field = ?", person.person_id, field)
    return _append_rows(connection, person, field, Holding(0, "", 0), new_rows), count


def _wrong_shape(field: str, problem: str, hint: str) -> VaultError:
    return VaultError(f"`{field}` {problem}", code="series", hint=hint)


def _seal_row(
    person: Person, field: str, revision: int, value: str, source: tuple[Origin, datetime]
) -> tuple[tuple[Any, ...], str]:
    """A row with a value sealed in it, and its digest."""
    origin, when = source[0], microseconds(source[1])
    _, came, rest = _came(*origin)
    belongs = _belongs(person, field, revision, came, when, rest)
    ciphertext = seal(person.cipher, _raw(field, value), belongs)
    row = (person.person_id, field, revision, ciphertext, *origin[:3], when, origin[3], True)
    return row, digest(ciphertext).hex()


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
    values_by_field, problems = examine(connection, person, fields)
    if problems:
        raise SealError(problems[0])
    return {field: values[-1] for field, values in values_by_field.items() if values}


def examine(
    connection: Connection, person: Person, fields: Iterable[str]
) -> tuple[dict[str, tuple[Value, ...]], list[str]]:
    """The current values of each field that is whole, and the names of what is not."""
    names = [field for field in fields if field in person.holdings]
    fetched = _fetch(connection, person, names)
    values_by_field, problems = {}, []
    for field in names:
        try:
            values_by_field[field] = open_rows(person, field, fetched)
        except SealError as error:
            problems.append(error.what)
    return values_by_field, problems


def examine_former(
    connection: Connection, person: Person, fields: Iterable[str]
) -> tuple[dict[str, tuple[Value, ...]], dict[str, str]]:
    """The former revisions of each field, the oldest first, and the name of what is not whole."""
    where = "v.person_id = ? AND v.current = ? AND v.field = ?"
    statement, revisions = f"SELECT {COLUMNS} FROM value v WHERE {where}", {}  # noqa: S608 - columns alone
    problems: dict[str, str] = {}
    for field in [each for each in fields if each in person.holdings]:
        opened, what = list[Value](), f"a former `{field}` of person {person.person_id}"
        former_rows = rows(connection, statement, person.person_id, False, field)
        for each in sorted(former_rows, key=_number):
            try:
                opened.append(_open_row(person, each, what))
            except SealError:
                problems[field] = what
        if opened:
            revisions[field] = tuple(opened)
    return revisions, problems


def unlisted_rows(connection: Connection, person: Person) -> list[str]:
    """The fields of which a row is called current that is not, or a former one was changed."""
    statement = f"SELECT {COLUMNS} FROM value v WHERE v.person_id = ? AND v.current = ?"  # noqa: S608 - columns alone
    holdings, problems = person.holdings, []
    for each in rows(connection, statement, person.person_id, True):
        field, revision = each[:2]
        if field not in holdings or (
            holdings[field].gone is None and revision != holdings[field].revision
        ):
            problems.append(f"`{field}` of person {person.person_id}")
    for each in rows(connection, statement, person.person_id, False):
        what = f"a former `{each[0]}` of person {person.person_id}"
        try:
            _open_row(person, each, what)
        except SealError:
            problems.append(what)
    return problems


@lru_cache
def finding_each(people: int, fields: int) -> str:
    """The statement for the current rows of some fields of some people, whose id comes last."""
    return (
        f"SELECT {COLUMNS}, v.person_id FROM value v"  # noqa: S608 - columns and places alone
        f" WHERE v.current = ? AND v.field IN ({placeholders(range(fields))})"
        f" AND v.person_id IN ({placeholders(range(people))})"
    )


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


def open_rows(person: Person, field: str, fetched: Fetched) -> tuple[Value, ...]:
    """The rows of a field that were fetched, opened, the oldest first; none where none is held.

    One that is no series has one. SealError names what is not whole.
    """
    holding = person.holdings.get(field)
    if holding is None:
        return ()
    value_rows = fetched.get(field, ())
    if holding.gone is not None:
        return _series(person, holding, value_rows, f"`{field}` of person {person.person_id}")
    try:
        for row in value_rows:
            if row[1] == holding.revision:
                value = _open_row(person, row, field)
                if sha256(row[2]).hexdigest() == holding.digest:
                    return (value,)
    except SealError:
        pass  # told by its whole name, which only who fails needs
    raise SealError(f"`{field}` of person {person.person_id}")


def _series(
    person: Person, holding: Holding, value_rows: Sequence[tuple[Any, ...]], what: str
) -> tuple[Value, ...]:
    """Every row of a series: none missing, none besides, each its own, and all in the chain."""
    deleted = holding.gone or 0
    by_number = {_number(row): row for row in value_rows}
    if any(type(number) is not int for number in by_number):  # as we never write it
        raise SealError(what)
    values, chain = [], holding.before
    for number in sorted({*by_number, *range(deleted + 1, holding.revision + 1)}):
        subject = f"row {number} of {what}"
        row = by_number.get(number)
        if row is None or not deleted < number <= holding.revision:
            raise SealError(subject)
        values.append(_open_row(person, row, subject))
        chain = chained(chain, digest(to_bytes(row[2])).hex())
    if chain != holding.digest:
        raise SealError(what)
    return tuple(values)


def _open_row(person: Person, row: tuple[Any, ...], what: str) -> Value:
    field, revision, ciphertext, who, occasion, clause, at, public = row
    try:
        origin, came, rest = _came(who, occasion, clause, public)
        belongs = _belongs(person, field, revision, came, at, rest)
    except KeyError:  # a kind of thing that we never write
        raise SealError(what) from None
    value = unseal(person.cipher, ciphertext, belongs, what=what).decode()
    return Value(value, origin, at, revision)


def _belongs(person: Person, field: str, revision: int, came: bytes, at: int, rest: bytes) -> bytes:
    """What a row belongs to: the context of all that is told of it, one part after the other."""
    return b"".join((_VALUE, person.whose, _row(field, revision), came, _when(at), rest))


@lru_cache(maxsize=1024, typed=True)  # most values came in as many others did
def _came(who: str, occasion: str, clause: str, public: str | None) -> tuple[Origin, bytes, bytes]:
    """An origin, and what a row's context tells of it before and after the time."""
    came, rest = context(who, occasion, clause), context(public or "", public is None)
    return Origin(who, occasion, clause, public), came, rest


@lru_cache(maxsize=64, typed=True)  # what is held of somebody mostly came in together
def _when(at: int) -> bytes:
    """What a row's context tells of when it came in."""
    return part_of(at)


@lru_cache(maxsize=1024, typed=True)
def _row(field: str, revision: int) -> bytes:
    """What a row's context tells of the row itself."""
    return context(field, revision)


def indexed_values(connection: Connection, person: Person) -> dict[str, str]:
    """The values by which a person is found."""
    values_by_field = read(connection, person, blind_index.FIELDS)
    return {field: value.value for field, value in values_by_field.items()}
