"""Whose rows of a partner's are: each of the one customer whom an address or a number finds.

A row that has both an e-mail address and a phone number is of whom both find. Of rows that come
together each value is read once, and all are looked for at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.gate.evidence.field_values import canonical
from upheld.gate.transaction import Transaction

KEYS: Final = ("email", "phone")  # by which a row is matched


class Matches(NamedTuple):
    """Of each of some rows whose it is, or None where it is nobody's, or several people's.

    `unreadable` are the places of rows with an address or a number that is none.
    """

    people: list[PersonId | None]
    unreadable: set[int]


def match_each(transaction: Transaction, rows: Sequence[Mapping[str, str]]) -> Matches:
    """Whose each of some rows is."""
    people: list[PersonId | None] = [None] * len(rows)
    unreadable: set[int] = set()
    today = transaction.clock.today()
    several: dict[int, set[PersonId]] = {}
    for key in KEYS:
        values = _values(key, rows, today)
        owners = transaction.find_each(key, list({each for each in values.values() if each}))
        for place, row in enumerate(rows):
            if not (raw := row.get(key)):
                continue
            value = values[raw]
            if value is None:
                unreadable.add(place)
            elif value:
                mine, before, earlier = owners[value], people[place], several.get(place)
                if before is not None and earlier is None:
                    earlier = {before}
                if earlier is None and len(mine) == 1:
                    people[place] = mine[0]
                else:
                    several[place] = {*mine} if earlier is None else earlier & {*mine}
    for place, whose in several.items():
        people[place] = next(iter(whose)) if len(whose) == 1 else None
    for place in unreadable:
        people[place] = None
    return Matches(people, unreadable)


def _values(key: str, rows: Sequence[Mapping[str, str]], today: date) -> dict[str, str | None]:
    """Each value that rows are matched by, as we would keep it; None for what is none."""
    values: dict[str, str | None] = {}
    for row in rows:
        raw = row.get(key)
        if raw and raw not in values:
            values[raw] = _canonical(key, raw.strip(), today)
    return values


def _canonical(key: str, value: str, today: date) -> str | None:
    if key == "email" and value.isascii():  # looked for in small letters
        value = value.lower()
    try:
        return canonical(key, value, today=today) if value else ""
    except ValueError:
        return None
