"""How often each person's set of rows was changed, as far as was seen: a file beside the keyring.

A cover counts how often it was changed. Rows and their cover put back together, as both once were,
agree with each other; that they are old is known by who remembers a later count. Each process
remembers those that it has written, and a job puts them down every second, outside the database and
all its backups; self-check compares. Whoever can write to the database alone cannot reach the file.

It names nobody: a keyed digest stands for each person, as in the list of erasures. Counts are of
one log: after a restore, which brings back an older state and begins a new log, they begin anew.
Where the file cannot be written or is gone, less is remembered, and nothing is refused.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, Engine

from upheld.core.files import PRIVATE_MODE
from upheld.core.ids import NOBODY, PersonId
from upheld.database.checks import Problem
from upheld.database.connection import CHANGE_COUNTS_OPTION
from upheld.database.seals import SealedError, seals_of
from upheld.database.statements import placeholders, row, rows
from upheld.database.transaction import reading
from upheld.vault.erasures import token
from upheld.vault.keyring import Keyring

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

SUFFIX: Final = ".covers"
JOB: Final = "covers"
LATEST: Final = 100_000  # counts that a process has in mind
TOGETHER: Final = 500
KEPT_DAYS: Final = 3  # after which whoever no look came to any more is forgotten
_LOG = logging.getLogger("upheld.selfcheck")
_MAKE: Final = (
    "CREATE TABLE IF NOT EXISTS cover (whose TEXT PRIMARY KEY, version INTEGER NOT NULL,"
    " log INTEGER NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID"
)
_KEEP: Final = (
    "INSERT INTO cover VALUES (?, ?, ?, ?) ON CONFLICT (whose) DO UPDATE SET day = excluded.day,"
    " log = excluded.log, version = CASE WHEN log = excluded.log"
    " THEN max(version, excluded.version) ELSE excluded.version END WHERE log <= excluded.log"
)


class ChangeCounts:
    """The counts that this process has seen, and the file of all."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self.path = keyring.path.with_name(keyring.path.name + SUFFIX)
        self._lock = threading.Lock()
        self._waiting: dict[PersonId, int] = {}
        self._latest: dict[PersonId, int] = {}  # of those that this process wrote last

    def least(self, owner: PersonId) -> int:
        """How often an owner's set was changed at least, by what this process has written."""
        return self._latest.get(owner, 0)

    def note(self, versions: Mapping[PersonId, int]) -> None:
        """Remember the counts of some sets that are committed."""
        with self._lock:
            for owner, version in versions.items():
                if version > self._waiting.get(owner, -1):
                    self._waiting[owner] = version
                self._latest[owner] = max(version, self._latest.pop(owner, 0))
            while len(self._latest) > LATEST:
                del self._latest[next(iter(self._latest))]

    def write(self, engine: Engine, day: int) -> int:
        """Put down what waits; how many."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        if not waiting:
            return 0
        with reading(engine) as connection:
            log = _log(connection)
        count_rows = [(self._whose(owner), version, log, day) for owner, version in waiting.items()]
        try:
            with closing(self._open()) as file, file:
                file.executemany(_KEEP, count_rows)
        except (OSError, sqlite3.Error) as error:
            self.note(waiting)
            _LOG.warning("%s cannot be written: %s", self.path, type(error).__name__)
            return 0
        return len(waiting)

    def read(self, engine: Engine, owners: Sequence[PersonId]) -> dict[PersonId, int]:
        """The counts of some people that were seen of the log that goes on."""
        with reading(engine) as connection:
            log = _log(connection)
        by_token = {self._whose(owner): owner for owner in owners}
        names, counts = list(by_token), {}
        try:
            if not self.path.exists():
                return {}
            with closing(self._open()) as file:
                for first in range(0, len(names), TOGETHER):
                    some = names[first : first + TOGETHER]
                    statement = (
                        f"SELECT whose, version FROM cover WHERE log = ? AND whose IN"  # noqa: S608 - places alone
                        f" ({placeholders(some)})"
                    )
                    for whose, version in file.execute(statement, (log, *some)):
                        counts[by_token[whose]] = int(version)
        except (OSError, sqlite3.Error, ValueError) as error:
            _LOG.warning("%s cannot be read: %s", self.path, type(error).__name__)
        return counts

    def forget(self, day: int) -> None:
        """Forget whom no look came to for days: they are gone."""
        try:
            if self.path.exists():
                with closing(self._open()) as file, file:
                    file.execute("DELETE FROM cover WHERE day < ?", (day - KEPT_DAYS,))
        except (OSError, sqlite3.Error) as error:
            _LOG.warning("%s cannot be written: %s", self.path, type(error).__name__)

    def _whose(self, owner: PersonId) -> str:
        return token(self._keyring, owner)

    def _open(self) -> sqlite3.Connection:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE))
        file = sqlite3.connect(self.path, timeout=10)
        file.execute(_MAKE)
        return file


def change_counts_of(engine: Engine, keyring: Keyring) -> ChangeCounts:
    """What was seen of a database by this process; begun with the first who asks."""
    change_counts: ChangeCounts | None = engine.get_execution_options().get(CHANGE_COUNTS_OPTION)
    if change_counts is None:
        change_counts = ChangeCounts(keyring)
        engine.update_execution_options(**{CHANGE_COUNTS_OPTION: change_counts})
    return change_counts


def keep(gate: Gate) -> int:
    """Put down what this process has seen; how many. The job of that name."""
    return gate.change_counts.write(gate.engine, _day(gate))


def _day(gate: Gate) -> int:
    return gate.context.clock.now().toordinal()


def versions(connection: Connection, owners: Iterable[PersonId]) -> dict[PersonId, int]:
    """How often the sets of some owners were changed, by their covers; none where one is bad."""
    counts, seals, owner_ids = {}, seals_of(connection), list(owners)
    for first in range(0, len(owner_ids), TOGETHER):
        some = owner_ids[first : first + TOGETHER]
        statement = f"SELECT person_id, cover FROM person WHERE person_id IN ({placeholders(some)})"  # noqa: S608 - places alone
        for owner, raw in rows(connection, statement, *some):
            try:
                counts[owner] = seals.open_cover(owner, raw).version
            except SealedError:
                continue  # which is found otherwise
    return counts


def older(before: Mapping[PersonId, int], now: Mapping[PersonId, int]) -> list[Problem]:
    """Whose sets are of an earlier state than was seen before."""
    problems = []
    for owner, version in now.items():
        if version < before.get(owner, 0):
            whose = f"of person {owner}" if owner != NOBODY else "that is nobody's"
            text = f"what is kept {whose} is as it was before: rows and their cover were put back"
            problems.append(Problem(text, "person", owner))
    return problems


def all_older(gate: Gate) -> list[str]:
    """What in the whole database is of an earlier state than was seen before, in sentences."""
    keep(gate)
    with reading(gate.engine) as connection:
        everybody = [person_id for (person_id,) in rows(connection, "SELECT person_id FROM person")]
    before = gate.change_counts.read(gate.engine, everybody)
    with reading(gate.engine) as connection:
        return [each.text for each in older(before, versions(connection, everybody))]


def note(gate: Gate, counts: Mapping[PersonId, int]) -> None:
    """Remember what a look has seen, beside what was written."""
    gate.change_counts.note(counts)
    keep(gate)


def end_of_round(gate: Gate) -> None:
    """Forget who is not there any more."""
    gate.change_counts.forget(_day(gate))


def _log(connection: Connection) -> int:
    """The first entry of the log that goes on."""
    first_row = row(connection, "SELECT max(first) FROM restored")
    return int(first_row[0]) if first_row and first_row[0] is not None else 1
