"""A provider's log in its own database: which log it is, its tiles, its checkpoints.

Entries are numbered from 1 as long as the database lives; a log has those from its first one on,
and is followed by another only where a database was restored. Whoever reads must not believe what
stands here: signed checkpoints are proof, and the auditor settles everything below them.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import EntryNumber
from upheld.database.statements import row, rows, run, to_bytes
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint
from upheld.ledger.entries import to_line
from upheld.ledger.note import Key, parse_key
from upheld.ledger.tiles import (
    BUNDLES,
    WIDTH,
    TileError,
    parse_tile,
    subtree_of,
    tile_path,
    width_of,
)
from upheld.ledger.tree import HASH_BYTES

_KEPT: Final = 64


class LogError(UpheldError):
    """A log that is not there yet, is another's, or is not as it was when it was covered."""

    def __init__(self, message: str, *, code: str = "log", hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint or "see `upheld ledger verify --settings`")


def stop_message(why: str) -> LogError:
    """What is told of a log that is not as it was signed: nothing is done any more but looking."""
    return LogError(
        f"the log is not as it was signed, and nothing is done any more but looking: {why}",
        code="log-changed",
        hint="`upheld ledger verify --settings` names what was changed; restore a backup, or start"
        " a new log by `upheld ledger begin`",
    )


class Log(NamedTuple):
    """One log of a database: the number of its first entry, its name and its key."""

    first: int
    origin: str
    public_key: str

    @property
    def key(self) -> Key:
        """The public key by which its checkpoints are verified."""
        return parse_key(self.public_key)


class StoredCheckpoint(NamedTuple):
    """A checkpoint as it is kept: size and root, when it was made, and the note once signed."""

    size: int
    root: bytes
    at: int
    note: str | None


def logs(connection: Connection) -> list[Log]:
    """Every log of a database, the first one first."""
    statement = "SELECT first, origin, public_key FROM log_name ORDER BY first"
    return [Log(*each) for each in rows(connection, statement)]


def current(connection: Connection) -> Log | None:
    """The log that goes on, if one was begun."""
    all_logs = logs(connection)
    return all_logs[-1] if all_logs else None


def next_log(connection: Connection, key: Key, first: int) -> Log:
    """The log that would begin with the entry of a number; LogError where its name is taken."""
    before = current(connection)
    log = Log(first, key.name, str(key))
    if before and before.origin == log.origin:
        raise LogError(
            f"a new log begins with entry {first}, and needs a name of its own",
            hint="make a key for it with `upheld ledger keygen`, and name it as `log_key`",
        )
    return log


def begin(connection: Connection, key: Key, first: int) -> Log:
    """Begin a log with the entry of a number; the ones before are never covered again."""
    log = next_log(connection, key, first)
    run(connection, "INSERT INTO log_name VALUES (?, ?, ?)", *log)
    return log


def last_covered(
    connection: Connection, log: Log, *, signed: bool = False
) -> StoredCheckpoint | None:
    """The largest checkpoint of a log; with `signed`, the largest that has its note."""
    statement = "SELECT size, root, at, note FROM checkpoint WHERE log = ?"
    if signed:
        statement += " AND note IS NOT NULL"
    checkpoint_row = row(connection, statement + " ORDER BY size DESC LIMIT 1", log.first)
    return (
        StoredCheckpoint(
            checkpoint_row[0], to_bytes(checkpoint_row[1]), checkpoint_row[2], checkpoint_row[3]
        )
        if checkpoint_row
        else None
    )


def signed_checkpoint(
    connection: Connection, number: EntryNumber | None = None
) -> tuple[Log, str, Checkpoint]:
    """The log that goes on, its latest note, and the checkpoint in it; LogError if there is none.

    With `number`, the log which that entry is in. The note is verified; one that another key signed
    is refused.
    """
    log = current(connection)
    if number is not None:
        log = next((each for each in reversed(logs(connection)) if each.first <= number), log)
    covered = last_covered(connection, log, signed=True) if log else None
    if log is None or covered is None or covered.note is None:
        raise LogError(
            "there is no checkpoint yet",
            hint="name a `log_key` in the settings, and run `upheld jobs`",
        )
    return log, covered.note, open_checkpoint(covered.note.encode(), log.key)


def keep_tile(connection: Connection, log: Log, level: int, place: int, hashes: bytes) -> None:
    """Write a tile, or the longer one that it has become."""
    run(
        connection,
        "INSERT INTO tile VALUES (?, ?, ?, ?) ON CONFLICT (log, level, place)"
        " DO UPDATE SET hashes = excluded.hashes",
        log.first,
        level,
        place,
        hashes,
    )


def keep_checkpoint(connection: Connection, log: Log, size: int, root: bytes, at: int) -> None:
    """Write down what is to be signed: two roots of one size can never both be."""
    run(connection, "INSERT INTO checkpoint VALUES (?, ?, ?, ?, NULL)", log.first, size, root, at)


class DatabaseLog:
    """The tiles and entries of a log in a database, for one size, as the auditor reads them."""

    def __init__(self, connection: Connection, log: Log, size: int) -> None:
        self.size = size
        self.first = log.first
        self._connection = connection
        self._log = log
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def hashes(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile."""
        if tile := self._tiles.get((level, index)):
            return tile
        statement = "SELECT hashes FROM tile WHERE log = ? AND level = ? AND place = ?"
        stored = row(self._connection, statement, self._log.first, level, index)
        width = width_of(self.size, level, index)
        if stored is None:
            raise TileError(self.path(level, index), "is not there")
        raw = to_bytes(stored[0])
        if len(raw) < width * HASH_BYTES or len(raw) % HASH_BYTES:
            message = f"has {len(raw)} bytes, want {width * HASH_BYTES}"
            raise TileError(self.path(level, index), message)
        if len(self._tiles) >= _KEPT:
            del self._tiles[next(iter(self._tiles))]
        self._tiles[level, index] = parse_tile(raw[: width * HASH_BYTES])
        return self._tiles[level, index]

    def commitments(self, index: int) -> list[bytes]:
        """The leaves of a bundle, as the entries have them."""
        leaves = [(number, to_bytes(leaf)) for number, leaf in self._rows(index, "leaf")]
        start = self.first + index * WIDTH
        numbers = range(start, start + width_of(self.size, 0, index))
        if [number for number, _ in leaves] != list(numbers) or any(
            len(leaf) != HASH_BYTES for _, leaf in leaves
        ):
            raise TileError(self.path(BUNDLES, index), "are not all there, or have no leaf")
        return [leaf for _, leaf in leaves]

    def lines(self, index: int) -> list[bytes]:
        """The entries of a bundle, as lines of an export."""
        return [
            to_line(number - self.first, to_bytes(salt), to_bytes(body))
            for number, salt, body in self._rows(index, "salt, body")
        ]

    def _rows(self, index: int, columns: str) -> list[tuple[Any, ...]]:
        start = self.first + index * WIDTH
        statement = (
            f"SELECT number, {columns} FROM entry"  # noqa: S608 - names of columns alone
            " WHERE number >= ? AND number < ? ORDER BY number"
        )
        return rows(self._connection, statement, start, start + width_of(self.size, 0, index))

    def subtree(self, start: int, end: int) -> bytes:
        """The root over leaves `start` to `end`."""
        return subtree_of(self.hashes, start, end)

    def path(self, kind: int | str, index: int) -> str:
        """Where it lies, for people."""
        if isinstance(kind, int):
            return tile_path(kind, index)
        start = self.first + index * WIDTH
        return f"entries {start} to {start + width_of(self.size, 0, index) - 1}"

    def line(self, at: int) -> str:
        """What people call an entry of a bundle, by its place there."""
        return f"row {at + 1}"
