"""Fields that are made in the act out of others: a balance, a payment history. Never stored.

Whether one may be handed out is decided on its own word; what it is made of is read in the same
act, and nothing else of it comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from msgspec import Struct

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.vault.people import Person
from upheld.vault.values import Fetched, Origin, Value, open_rows

ReadRows = Callable[[str], tuple[Value, ...]]  # the rows of a field, the oldest first


class SourceFields:
    """What a derived field is made of: call it for the rows of a field that was named.

    Whose it is, and the tables in the act's transaction, are for what a practice keeps in its own.
    """

    def __init__(self, read: ReadRows, person_id: PersonId, tables: Tables) -> None:
        self._read, self.person_id, self.tables = read, person_id, tables

    def __call__(self, field: str) -> tuple[Value, ...]:
        """The rows of a field, the oldest first."""
        return self._read(field)


Derivation = Callable[[SourceFields], str | None]
ORIGIN = Origin("derived", "", "")


class DerivedError(UpheldError):
    """A derived field that is stored or made twice, or code that reads what it did not name."""


class DerivedField(NamedTuple):
    """How a derived field is made: out of which stored fields, and by what."""

    reads: tuple[str, ...]
    make: Derivation


class DerivedFields:
    """The derived fields, by name."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """`changed` is called when one is added."""
        self._changed = changed
        self._by: dict[str, DerivedField] = {}
        self.get = self._by.get  # how a field is made; None for a stored one

    def add(self, field: str, reads: tuple[str, ...], make: Derivation) -> None:
        """Let a field be made from now on; `make` gives None where there is nothing to tell.

        It is called in the act with what reads the stored fields that are named, and no others.
        """
        if field in self._by:
            raise DerivedError(
                f"two practices derive `{field}`", code="derived", hint="remove one of the two"
            )
        if field in self.stored(self._by) or self.stored(reads) != set(reads) or field in reads:
            raise DerivedError(
                f"`{field}` is made of a derived field, or one of it",
                code="derived",
                hint="make each of stored ones",
            )
        self._by[field] = DerivedField(reads, make)
        self._changed()

    def refuse(self, fields: Iterable[str]) -> None:
        """DerivedError where one of some fields is derived, so that it cannot be stored."""
        for field in fields:
            if field in self._by:
                raise DerivedError(
                    f"`{field}` is derived, and cannot be stored",
                    code="derived",
                    hint="store " + ", ".join(self._by[field].reads),
                )

    def stored(self, fields: Iterable[str]) -> set[str]:
        """The stored fields out of which some fields come."""
        stored_fields: set[str] = set()
        for field in fields:
            stored_fields.update(self._by[field].reads if field in self._by else (field,))
        return stored_fields

    def out_of(self, held_fields: Collection[str]) -> tuple[str, ...]:
        """The derived fields that are made of some fields that are held."""
        return tuple(
            name
            for name, derived in self._by.items()
            if any(f in held_fields for f in derived.reads)
        )


class FieldReader(Struct):
    """A person's fields within one act: stored ones are opened once, derived ones made of them."""

    person_id: PersonId
    opened: Person | Callable[[], Person]  # or what opens them, where nobody may need their key
    derived: DerivedFields
    time: int  # the time of the act, in microseconds since 1970
    tables: Tables  # as they were before anything of the act is written
    fetched: Fetched = {}
    cache: dict[str, tuple[Value, ...]] = {}
    combined: bool = False  # whether any of what was fetched is what somebody else told us

    @property
    def person(self) -> Person:
        """The person with their key."""
        if not isinstance(self.opened, Person):
            self.opened = self.opened()
        return self.opened

    def __call__(self, field: str) -> tuple[Value, ...]:
        """The rows of a field, the oldest first; none where nothing is held."""
        series = self.cache.get(field)
        if series is None:
            if derived_field := self.derived.get(field):
                read = restrict_reads(self, derived_field.reads, f"`{field}`")
                value = derived_field.make(SourceFields(read, self.person_id, self.tables))
                series = () if value is None else (Value(value, ORIGIN, self.time, 0),)
            else:
                series = open_rows(self.person, field, self.fetched)
            self.cache[field] = series
        return series


def restrict_reads(read: ReadRows, reads: tuple[str, ...], who: str) -> ReadRows:
    """What reads the fields that somebody said they read, and raises DerivedError for others."""

    def only(field: str) -> tuple[Value, ...]:
        if field not in reads:
            raise DerivedError(
                f"{who} reads `{field}` without having said so",
                code="derived",
                hint="name it in `reads`",
            )
        return read(field)

    return only
