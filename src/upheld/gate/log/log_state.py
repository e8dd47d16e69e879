"""Whether the log stands as it was signed, and how much no checkpoint covers yet.

When a gate is opened, before each covering and for whoever asks after its health, the last
checkpoint is compared with what it covers: its signature, the tiles that lead to its root, and the
entries under them. What is new is compared at once, and of the rest a part each time, so that a
look costs the same however long the log is. Where anything differs, or entries are gone, no entry
is written any more, and so no act is done, until somebody begins a new log.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import Connection, Engine

from upheld.core.counts import count_of
from upheld.core.ids import EntryNumber
from upheld.database.connection import HALT_OPTION, Halt
from upheld.database.statements import row, rows, run, to_bytes, to_datetime
from upheld.database.transaction import reading, snapshot, writing
from upheld.gate.log import database_log, entries, lineage
from upheld.gate.log.database_log import DatabaseLog, Log, LogError, StoredCheckpoint
from upheld.ledger.checkpoint import open_checkpoint
from upheld.ledger.entries import EntryError, commitment
from upheld.ledger.note import NoteError
from upheld.ledger.tiles import WIDTH, TileError, width_of
from upheld.ledger.tree import leaf_hash, root_of

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

FIRST: Final = 400  # bundles of 256 entries that are compared when a log is opened
PART: Final = 2  # of the older ones, at each look
LATE: Final = timedelta(minutes=1)  # after which the alarm is raised that nothing has covered
_LOG = logging.getLogger("upheld.log")


class Uncovered(NamedTuple):
    """How many entries no signed checkpoint covers, and since when."""

    entries: int
    since: datetime | None

    def late(self, now: datetime) -> bool:
        """Whether that is longer than it may be."""
        return self.since is not None and now - self.since > LATE


class LogState:
    """The log of one database, as far as this process has compared it with what was signed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._halt: Halt = engine.get_execution_options().get(HALT_OPTION) or Halt()
        self._lock = threading.Lock()
        self._log = 0  # the number of its first entry
        self._size = 0  # of the largest checkpoint that held
        self._part = 0  # the bundle that is next to be compared again

    @property
    def why(self) -> str:
        """What is wrong, as of the last look; empty where the log stands."""
        return self._halt.why

    def look(self) -> str:
        """Compare the log with what was signed; what is wrong, or nothing."""
        with self._lock:
            with snapshot(self._engine) as connection:
                why = self._wrong(connection)
            if why and why != self._halt.why:
                _LOG.error("the log is not as it was signed: %s", why)
            self._halt.why = why
        return why

    def require(self) -> None:
        """LogError unless the log stands."""
        if why := self.look():
            raise database_log.stop_message(why)

    def uncovered(self) -> Uncovered | None:
        """What no signed checkpoint covers yet; None where no log was begun."""
        with reading(self._engine) as connection:
            log = database_log.current(connection)
            if log is None:
                return None
            first = max(log.first, lineage.first(connection))
            covered = database_log.last_covered(connection, log, signed=True)
            last = log.first + covered.size - 1 if covered and log.first == first else first - 1
            statement = "SELECT number, at FROM entry WHERE number > ? ORDER BY number LIMIT 1"
            first_row = row(connection, statement, last)
            if first_row is None:
                return Uncovered(0, None)
            (newest,) = row(connection, "SELECT max(number) FROM entry") or (first_row[0],)
        return Uncovered(newest - first_row[0] + 1, to_datetime(first_row[1]))

    def alarms(self, now: datetime) -> list[str]:
        """What is wrong with the log, each in a sentence for who runs the provider."""
        problems = []
        if why := self.look():
            problems.append(
                f"The log is not as it was signed: {why}. Nothing is done until it is brought back,"
                " or a new log is begun with `upheld ledger begin`."
            )
        waiting = self.uncovered()
        if waiting is not None and waiting.late(now):
            last = "entry" if waiting.entries == 1 else f"{waiting.entries:,} entries"
            problems.append(
                f"No checkpoint covers the last {last} of the log, since"
                f" {waiting.since:%d %B %Y, %H:%M} UTC. See why `upheld jobs` does not cover them."
            )
        return problems

    def _wrong(self, connection: Connection) -> str:
        """What is wrong with the log that goes on."""
        log = database_log.current(connection)
        if log is None or log.first < lineage.first(connection):
            if log is None and self._size:
                return "it is not there any more"
            self._log = self._size = self._halt.least = 0
            return ""  # one is begun with the next covering
        if log.first != self._log:
            self._log, self._size, self._part = log.first, 0, 0
        signed = database_log.last_covered(connection, log, signed=True)
        if signed is None:
            gone = f"its checkpoint of {count_of(self._size, 'entry')} is gone"
            return gone if self._size else ""
        if signed.size < self._size:
            size = count_of(self._size, "entry")
            return f"it had {size}, and its last checkpoint has {signed.size:,}"
        try:
            self._compare(connection, log, signed)
        except (TileError, NoteError, LogError) as error:
            return str(error)
        self._size, self._halt.least = signed.size, log.first + signed.size - 1
        return ""

    def _compare(self, connection: Connection, log: Log, signed: StoredCheckpoint) -> None:
        """LogError, TileError or NoteError where something differs from what was signed."""
        note = signed.note if isinstance(signed.note, str) else ""
        checkpoint = open_checkpoint(note.encode(), log.key)
        stored = DatabaseLog(connection, log, signed.size)
        root = stored.subtree(0, signed.size)
        if (checkpoint.size, checkpoint.root) != (
            signed.size,
            signed.root,
        ) or root != checkpoint.root:
            size = count_of(signed.size, "entry")
            raise LogError(f"its tree of {size} is not the one that was signed")
        self._count(connection, log, signed)
        bundles = -(-signed.size // WIDTH)
        before = self._size // WIDTH if self._size else max(0, bundles - FIRST)
        for index in range(before, bundles if signed.size != self._size else before):
            compare_bundle(connection, log, stored, index)
        for _ in range(min(PART, before)):
            self._part %= before
            compare_bundle(connection, log, stored, self._part)
            self._part += 1

    def _count(self, connection: Connection, log: Log, signed: StoredCheckpoint) -> None:
        """LogError where entries are gone: all are counted once, and then the last is looked at."""
        last = log.first + signed.size - 1
        column = "max(number)" if self._size else "count(*)"
        count_row = row(
            connection,
            f"SELECT {column} FROM entry WHERE number BETWEEN ? AND ?",  # noqa: S608 - one of two words
            log.first,
            last,
        )
        if count_row != ((last if self._size else signed.size),):
            size = count_of(signed.size, "entry")
            raise LogError(f"something that its checkpoint of {size} covers is gone")


def compare_bundle(connection: Connection, log: Log, stored: DatabaseLog, index: int) -> None:
    """Compare the entries of a bundle with their leaves, and these with the tree above them."""
    first = log.first + index * WIDTH
    hashes = stored.hashes(0, index)
    statement = (
        "SELECT number, salt, body, leaf FROM entry WHERE number >= ? AND number < ?"
        " ORDER BY number"
    )
    entry_rows = rows(connection, statement, first, first + len(hashes))
    for at, leaf in enumerate(hashes):
        if at >= len(entry_rows) or not _whole(entry_rows[at], EntryNumber(first + at), leaf):
            raise LogError(f"entry {first + at} is gone, or is not the one that was signed")
    level = 0
    while width_of(stored.size, level, index) == WIDTH:
        above = stored.hashes(level + 1, index // WIDTH)
        if root_of(stored.hashes(level, index)) != above[index % WIDTH]:
            raise LogError(f"{stored.path(level, index)} is not the one that was signed")
        level, index = level + 1, index // WIDTH


def _whole(
    entry: tuple[int, bytes, bytes, bytes], number: EntryNumber, expected_leaf: bytes
) -> bool:
    try:
        leaf = commitment(to_bytes(entry[1]), to_bytes(entry[2]))
    except EntryError:
        return False
    return entry[0] == number and leaf == to_bytes(entry[3]) and leaf_hash(leaf) == expected_leaf


def begin_again(gate: Gate, because: str) -> int:
    """Begin a new log, as a restore does; the number of its first entry, which says why.

    What the log before has lost, or what was changed in it, stays so and is still found. LogError
    for a reason that nobody could read.
    """
    reason = lineage.entered_reason(because)
    with writing(gate.engine) as connection:
        previous = lineage.last_known(connection)
        lineage.skip_signed(connection)
        first = lineage.restore_entry(previous, gate.context.policy.digest, reason)
        number, _ = entries.write(connection, first, None, gate.context.clock.now())
        lineage.begin(connection, number, previous)
        run(connection, "DELETE FROM finding WHERE kind IN ('cosignatures', 'put back')")
    gate.log_state.look()
    return number
