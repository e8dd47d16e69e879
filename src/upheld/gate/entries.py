"""Entries: what was done or refused, on which grounds, in the act's own transaction; and items.

An entry says time, policy, act, outcome, clauses, what it rested on, and which kinds of data and
which parties it was about: words of the vocabulary and ids, never a value. Its number follows the
one before without a gap, its time never runs back. Items are what is owed or due later.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.sql import is_postgresql, many, row, rows, run
from upheld.core.tables import BEGINNING, microseconds

LOCK = 0x65_6E_74_72_79  # “entry”: the number of the advisory lock on PostgreSQL
SALT_BYTES = 16
AHEAD = timedelta(hours=1)
BACK = timedelta(minutes=1)  # what a clock may be set back by without anybody minding
HOURS = {"hours": 1, "days": 24}
MONTHS = {"months": 1, "years": 12}


_ADD = (
    "INSERT INTO entry (number, at, person_id, salt, body, leaf)"
    " SELECT coalesce(last.number, 0) + 1,"
    " CASE WHEN last.at > ? AND ? >= 0 THEN last.at ELSE ? END, ?, ?, ?, ?"
    " FROM (SELECT 1 AS one) AS one LEFT JOIN"
    " (SELECT number, at FROM entry ORDER BY number DESC LIMIT 1) AS last ON true"
    " RETURNING number, at"
)


class ClockError(UpheldError):
    """A clock that was set back, or jumped ahead: nothing that depends on dates is done."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry. `parties` maps source, recipient or actor to a kind and, if known, a name."""

    kind: str  # act | refusal | record | import | person | clock
    policy: str
    action: str = ""
    outcome: str = ""
    clauses: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    purpose: tuple[str, ...] = ()
    occasion: tuple[str, ...] = ()
    parties: dict[str, tuple[str, ...]] = {}
    evidence: tuple[str, ...] = ()
    digests: dict[str, str] = {}  # of the rows that were written
    count: int = 0  # of the people of a sweep
    violation: bool = False


class Kept(msgspec.Struct, frozen=True):
    """An entry as it is kept: with its number, its time, and whose it is."""

    number: int
    at: datetime
    person_id: str | None
    entry: Entry


def write(
    connection: Connection, entry: Entry, person_id: str | None, at: datetime
) -> tuple[int, datetime]:
    """Add an entry; its number and time. On PostgreSQL nobody else adds one before the commit.

    The entry of a clock that was accepted alone may lie before the last one.
    """
    if is_postgresql(connection):
        rows(connection, "SELECT pg_advisory_xact_lock(?)", LOCK)
    salt, body = os.urandom(SALT_BYTES), msgspec.json.encode(entry, order="deterministic")
    leaf = hashlib.sha256(b"\x00" + hashlib.sha256(salt + body).digest()).digest()
    moment = microseconds(at)
    kept = -1 if entry.kind == "clock" else 1
    made = row(connection, _ADD, moment, kept, moment, person_id, salt, body, leaf)
    if made is None:
        raise RuntimeError("an entry was not added")  # a database that lies; nothing is committed
    return made[0], BEGINNING + timedelta(microseconds=made[1])


def last_of(connection: Connection) -> tuple[int, datetime] | None:
    """The number and time of the last entry."""
    found = row(connection, "SELECT number, at FROM entry ORDER BY number DESC LIMIT 1")
    return None if found is None else (found[0], BEGINNING + timedelta(microseconds=found[1]))


def of_person(connection: Connection, person_id: str) -> list[Kept]:
    """Everything that was done or refused about a person, in its order."""
    statement = (
        "SELECT number, at, person_id, body FROM entry WHERE person_id = ? OR number IN"
        " (SELECT number FROM entry_person WHERE person_id = ?) ORDER BY number"
    )
    return [_kept(each) for each in rows(connection, statement, person_id, person_id)]


def concern(connection: Connection, number: int, people: Sequence[str]) -> None:
    """Note that an entry is about these people."""
    many(connection, "INSERT INTO entry_person VALUES (?, ?)", [(each, number) for each in people])


def _kept(found: tuple[Any, ...]) -> Kept:
    body = msgspec.json.decode(bytes(found[3]), type=Entry)
    return Kept(found[0], BEGINNING + timedelta(microseconds=found[1]), found[2], body)


def damaged(connection: Connection) -> list[int]:
    """The numbers of entries that are missing or do not hash to their leaf."""
    wrong: list[int] = []
    wanted = 1
    statement = "SELECT number, salt, body, leaf FROM entry ORDER BY number"
    for number, salt, body, leaf in rows(connection, statement):
        wrong += range(wanted, number)
        wanted = number + 1
        inner = hashlib.sha256(bytes(salt) + bytes(body)).digest()
        if hashlib.sha256(b"\x00" + inner).digest() != bytes(leaf):
            wrong.append(number)
    return wrong


def due(
    connection: Connection, person_id: str, kind: str, clause: str, at: datetime | None, entry: int
) -> str:
    """Add an item: something owed or due later; its id."""
    item = secrets.token_hex(16)
    run(connection, "INSERT INTO item VALUES (?, ?, ?, ?, ?, 'open', ?)", person_id, item, kind,
        clause, None if at is None else microseconds(at), entry)  # fmt: skip
    return item


def after(at: datetime, amount: float | None, unit: str) -> datetime | None:
    """The moment by which something is due; None where no time was said.

    Months are those of the calendar; a day that a month lacks is its last.
    """
    if amount is None:
        return None
    if unit in HOURS:
        return at + timedelta(hours=float(amount) * HOURS[unit])
    months = at.year * 12 + at.month - 1 + int(amount * MONTHS[unit])
    year, month = divmod(months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


class Clock:
    """The time, watched: set back, or ahead of what has passed since this process last looked."""

    def __init__(self) -> None:
        self._seen: tuple[datetime, float] | None = None
        self.accepted: datetime | None = None

    def now(self) -> datetime:
        """The time of day; to be replaced in tests."""
        return datetime.now(UTC)

    def passed(self) -> float:
        """Seconds that have passed, whatever the time of day was set to."""
        return time.monotonic()

    def look(self, last: datetime | None) -> tuple[datetime, str]:
        """The time, and what is wrong with it: `back`, `ahead`, or nothing."""
        now, passed = self.now(), self.passed()
        wrong = ""
        if last is not None and now < last - BACK:
            wrong = "back"
        elif self._seen is not None:
            expected = self._seen[0] + timedelta(seconds=passed - self._seen[1])
            if now > expected + AHEAD:
                return now, "ahead"  # and the next look says so again
        if not wrong:
            self._seen = now, passed
        return now, wrong

    def accept(self) -> datetime:
        """Take the time of day as it is from now on."""
        self._seen = self.now(), self.passed()
        return self._seen[0]
