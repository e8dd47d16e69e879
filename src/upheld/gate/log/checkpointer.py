"""The tree over a provider's entries, grown every second, and its checkpoints, signed.

Acts write leaves and wait for nobody; this comes after them. What was not covered yet is read, as
of one moment, and hashed without a lock; a short transaction then writes the tiles, and the size
with its root as a checkpoint without a signature; only when that is durable is it signed. Size and
root are a key of the table: however many processes cover at once, and wherever one of them is
killed, no two roots of one size are ever signed. What was left unsigned is signed by whoever comes
next.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, Engine

from upheld.core.clock import system_time
from upheld.core.counts import count_of
from upheld.database.statements import dialect_of, rows, run, to_bytes
from upheld.database.tables import microseconds
from upheld.database.transaction import snapshot, writing
from upheld.gate.log import database_log, lineage
from upheld.gate.log.database_log import DatabaseLog, Log, LogError, StoredCheckpoint
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from upheld.ledger.note import LOG, Key, NoteError, Signer
from upheld.ledger.tiles import WIDTH, Growth, TileError
from upheld.ledger.tree import HASH_BYTES, leaf_hash

LOCK: Final = 0x74_72_65_65  # “tree”: the number of the advisory lock on PostgreSQL
MOST: Final = 10_000  # entries covered by one checkpoint
_CHANGED: Final = "was changed since it was covered: nothing more is signed over it"


class _Extension(NamedTuple):
    """What a transaction is to write: the log as it was read, and what it has become."""

    log: Log
    before: int
    size: int
    root: bytes
    tiles: list[tuple[int, int, bytes]]


class Checkpointer:
    """Covers the entries of one database by a tree, and signs its checkpoints with one key."""

    def __init__(self, engine: Engine, origin: str, signer: Signer) -> None:
        self._engine = engine
        self._key = Key(origin, LOG, signer.public)
        self._signer = signer

    def run(self) -> int:
        """Cover every entry that is there, and sign; how many were not covered before.

        LogError where an entry or the tree was changed, or the log has another name or key.
        """
        count = 0
        while (newly_covered := self._cover_some()) is not None:
            count += newly_covered
            self._sign_all()
        self._sign_all()  # what somebody else was killed over
        return count

    def _cover_some(self) -> int | None:
        """Cover up to so many entries; how many, and None where nothing is left."""
        with snapshot(self._engine) as connection:
            grown = self._extend(connection)
        if grown is None:
            return None
        with writing(self._engine) as connection:
            _lock(connection)
            log = self._log(connection)
            before = database_log.last_covered(connection, log)
            if log != grown.log or (before.size if before else 0) != grown.before:
                return 0  # somebody else was faster
            for level, place, hashes in grown.tiles:
                database_log.keep_tile(connection, log, level, place, hashes)
            at = max(microseconds(system_time()), before.at if before else 0)
            database_log.keep_checkpoint(connection, log, grown.size, grown.root, at)
        return grown.size - grown.before

    def _log(self, connection: Connection) -> Log:
        """The log that goes on; begun here if there is none yet, or after a restore."""
        return self._going_on(connection) or database_log.begin(
            connection, self._key, lineage.first(connection)
        )

    def _going_on(self, connection: Connection) -> Log | None:
        """The log that goes on; None if it has to be begun."""
        log = database_log.current(connection)
        if log is not None and log.first < lineage.first(connection):
            return None  # the database was restored: what was done since is another log
        return self._own(log)

    def _own(self, log: Log | None) -> Log | None:
        """The log, if there is one; LogError if its name or key is not ours."""
        if log and log.public_key != str(self._key):
            raise LogError(
                f"the log is {log.public_key}, and the signer is {self._key}",
                code="other-log-key",
                hint="name the log's own key",
            )
        return log

    def _extend(self, connection: Connection) -> _Extension | None:
        """The tree with what is not covered yet; None where all is."""
        log = self._going_on(connection) or database_log.next_log(
            connection, self._key, lineage.first(connection)
        )
        last = database_log.last_covered(connection, log)
        size = last.size if last else 0
        statement = "SELECT number, leaf FROM entry WHERE number >= ? ORDER BY number LIMIT ?"
        entry_rows = rows(connection, statement, log.first + size, MOST)
        if not entry_rows:
            return None
        growth = _load_tree(connection, log, last)
        tiles: list[tuple[int, int, list[bytes]]] = []
        for number, leaf in entry_rows:
            if number != log.first + growth.size or len(to_bytes(leaf)) != HASH_BYTES:
                raise LogError(f"entry {log.first + growth.size} is missing or has no leaf")
            growth.append(leaf_hash(to_bytes(leaf)))
            if growth.size % WIDTH == 0:
                tiles += growth.full()
        tiles += growth.partial()
        tile_rows = [(level, place, b"".join(row)) for level, place, row in tiles]
        return _Extension(log, size, growth.size, growth.root(), tile_rows)

    def _sign_all(self) -> None:
        """Sign what is written down and has no signature yet."""
        with snapshot(self._engine) as connection:
            log = database_log.current(connection)
            if log is None:
                return
            statement = "SELECT size, root FROM checkpoint WHERE log = ? AND note IS NULL"
            waiting = rows(connection, f"{statement} ORDER BY size", log.first)
            if waiting:
                self._own(log)
                _load_tree(connection, log, database_log.last_covered(connection, log))
            for size, root in waiting:
                if DatabaseLog(connection, log, size).subtree(0, size) != to_bytes(root):
                    raise LogError(f"the checkpoint of size {size} {_CHANGED}")
        for size, root in waiting:
            note = str(sign_checkpoint(Checkpoint(log.origin, size, to_bytes(root)), self._signer))
            with writing(self._engine) as connection:
                run(
                    connection,
                    "UPDATE checkpoint SET note = ? WHERE log = ? AND size = ?"
                    " AND root = ? AND note IS NULL",
                    note,
                    log.first,
                    size,
                    root,
                )


def _load_tree(connection: Connection, log: Log, last: StoredCheckpoint | None) -> Growth:
    """The tree as it stands; LogError unless tiles, rows and the last signature agree on it."""
    if last is None:
        return Growth()
    stored = DatabaseLog(connection, log, last.size)
    signed = database_log.last_covered(connection, log, signed=True)
    try:
        growth = Growth(last.size, stored.hashes)
        if growth.root() != last.root:
            raise LogError(f"the tree of {count_of(last.size, 'entry')} {_CHANGED}")
        if signed and signed.note:
            checkpoint = open_checkpoint(signed.note.encode(), log.key)
            root = stored.subtree(0, signed.size)
            if (checkpoint.size, checkpoint.root) != (signed.size, root) or root != signed.root:
                raise LogError(f"the checkpoint of size {signed.size} {_CHANGED}")
    except (TileError, NoteError) as error:
        raise LogError(f"{error}: nothing more is signed over it") from None
    return growth


def _lock(connection: Connection) -> None:
    """One writer of the tree at a time; on SQLite a writer has the database to itself anyway."""
    if statement := dialect_of(connection).advisory_lock:
        rows(connection, statement, LOCK)
