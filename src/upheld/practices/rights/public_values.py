"""Values that are public by a lawful source: recorded value by value, each with its source.

A record is about the value that was held when it was made: another value in its place is not
public by it.
"""

from __future__ import annotations

from typing import Final

from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction

KIND, FACT = "public-source", "publicly-available"
SOURCE_MAX: Final = 300  # characters


class PublicValueError(UpheldError):
    """A value that cannot be said to be public, or is not."""


def note_public(
    transaction: Transaction, person_id: PersonId, field: str, source: str, *, actor: str
) -> RecordId:
    """Record that what is held of a field is public by a source; its record.

    PublicValueError where nothing is held of it, or the source is empty or too long.
    """
    transaction.lock(person_id)
    source = " ".join(source.split())
    if transaction.held_fields(person_id).get(field) != "value":
        raise PublicValueError(
            f"nothing is held that could be public as `{field}`",
            code="public-value",
            hint="name a kind of data of which one value is held: `upheld person show` tells them",
        )
    if not 0 < len(source) <= SOURCE_MAX:
        raise PublicValueError(
            "the source is empty or too long",
            code="public-value",
            hint=f"say where it is public, and since when, in at most {SOURCE_MAX} characters",
        )
    _end(transaction, person_id, field, actor=actor)
    return transaction.record(
        person_id, KIND, fact=FACT, about={"data": [field]}, text=source, actor=actor
    )


def end_public(transaction: Transaction, person_id: PersonId, field: str, *, actor: str) -> None:
    """Record that a value is not public any more; PublicValueError where it was not."""
    transaction.lock(person_id)
    if not _end(transaction, person_id, field, actor=actor):
        raise PublicValueError(
            f"no record says that `{field}` is public",
            code="public-value",
            hint="nothing is left to do",
        )


def sources(transaction: Transaction, person_id: PersonId) -> dict[str, tuple[str, int]]:
    """By which source which fields are public, and since when it says so, in microseconds."""
    return {
        field: (transaction.text_shown(person_id, each.record_id), each.valid_from)
        for each in _in_force(transaction, person_id)
        for field in each.about.get("data", ())
    }


def _end(transaction: Transaction, person_id: PersonId, field: str, *, actor: str) -> int:
    mine = [
        each for each in _in_force(transaction, person_id) if field in each.about.get("data", ())
    ]
    for each in mine:
        transaction.withdraw(person_id, each.record_id, ended=True, actor=actor)
    return len(mine)


def _in_force(transaction: Transaction, person_id: PersonId) -> list[Record]:
    records, _ = transaction.records_of([person_id], [KIND])
    at = microseconds(transaction.clock.now())
    return [each for each in records if each.in_force(at)]
