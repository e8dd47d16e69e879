"""Whose rows of a partner's are: each of the one customer whom an e-mail address finds.

Whoever has not confirmed theirs is found by none, since it may be another's. Nobody confirms a
phone number: a row is nobody's by that alone, and one that has both is of whom both find. Of rows
that come together each value is read once, and all are looked for at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.gate.evidence.field_values import canonical
from upheld.gate.transaction import Transaction

KEYS: Final = ("email", "phone")  # by which a row is matched
_VALUES_MAX: Final = 20_000  # that a reader has in mind
RowKeys = tuple[str, str]  # an e-mail address and a phone number; empty where a row has none


class KeyReader:
    """Reads what rows are matched by, in the form in which we would keep it."""

    def __init__(self, today: date) -> None:
        self._today = today
        self._values: dict[tuple[str, str], str | None] = {}  # None for what is none

    def read(self, row: Mapping[str, str]) -> RowKeys:
        """The keys of a row; ValueError, which repeats no value, for an address that is none."""
        return self._read("email", row.get("email")), self._read("phone", row.get("phone"))

    def _read(self, key: str, raw: str | None) -> str:
        if not raw:
            return ""
        try:
            value = self._values[key, raw]
        except KeyError:
            if len(self._values) >= _VALUES_MAX:
                self._values.clear()
            value = self._values[key, raw] = _canonical(key, raw.strip(), self._today)
        if value is None:
            raise ValueError(f"`{key}` is none")
        return value


def _canonical(key: str, value: str, today: date) -> str | None:
    if key == "email" and value.isascii():  # looked for in small letters
        value = value.lower()
    try:
        return canonical(key, value, today=today) if value else ""
    except ValueError:
        return None


class Matches(NamedTuple):
    """Of each of some rows whose it is, or None where it is nobody's, or several people's.

    `unreadable` are the places of rows with an address or a number that is none.
    """

    people: list[PersonId | None]
    unreadable: set[int]


def match_each(transaction: Transaction, rows: Sequence[Mapping[str, str]]) -> Matches:
    """Whose each of some rows is."""
    reader, keys, unreadable = KeyReader(transaction.clock.today()), list[RowKeys](), set[int]()
    for place, row in enumerate(rows):
        try:
            keys.append(reader.read(row))
        except ValueError:
            keys.append(("", ""))
            unreadable.add(place)
    return Matches(people_of(transaction, keys), unreadable)


def confirmed_by(transaction: Transaction, emails: Collection[str]) -> dict[str, list[PersonId]]:
    """Of each of some e-mail addresses, as we keep them, the customers who have confirmed it."""
    people = transaction.find_each("email", list(emails))
    unconfirmed = transaction.unconfirmed_among(
        sorted({p for some in people.values() for p in some})
    )
    return {
        email: [each for each in some if each not in unconfirmed] for email, some in people.items()
    }


def people_of(transaction: Transaction, keys: Sequence[RowKeys]) -> list[PersonId | None]:
    """Whose rows of some keys are; None for those of nobody, or of several people."""
    owners = transaction.find_pairs(keys)
    unconfirmed = transaction.unconfirmed_among(
        sorted({each for some in owners.values() for each in some})
    )
    whose: dict[RowKeys, PersonId | None] = {}
    for pair, some in owners.items():
        mine = [each for each in some if each not in unconfirmed]
        whose[pair] = mine[0] if len(mine) == 1 else None
    return [whose[each] for each in keys]
