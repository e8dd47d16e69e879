"""Which log the entries of a database are: where it begins, and which log was before it.

A restored database lacks what was done after the backup, though it may have been published. It
must not go on with the old log, or two different entries would bear one number: it begins a new
one, whose first entry names the last known checkpoint of the log before.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, inspect

from upheld.core.ids import EntryNumber
from upheld.core.reason_text import require_reason
from upheld.database.connection import LAST_ENTRY, WriteConnection
from upheld.database.statements import row, rows, run, to_bytes
from upheld.gate.log.database_log import LogError
from upheld.ledger.entries import Entry
from upheld.ledger.note import to_base64
from upheld.ledger.tree import Frontier, leaf_hash

PAGE = 10_000
REASON_MAX = 300  # characters


def first(connection: Connection) -> int:
    """The number of the first entry of the log that is gone on with."""
    if not inspect(connection).has_table("restored"):
        return 1  # of an earlier upheld
    first_row = row(connection, "SELECT max(first) FROM restored")
    return int(first_row[0]) if first_row and first_row[0] is not None else 1


def state(connection: Connection, size: int | None = None) -> tuple[int, bytes]:
    """How many entries the log has, and the root of the tree over them; or over its first ones."""
    frontier = Frontier()
    for commitment in _commitments(connection):
        if frontier.size == size:
            break
        frontier.append(leaf_hash(commitment))
    return frontier.size, frontier.root()


def _commitments(connection: Connection) -> Iterator[bytes]:
    last_number = first(connection) - 1
    statement = "SELECT number, leaf FROM entry WHERE number > ? ORDER BY number LIMIT ?"
    while leaf_rows := rows(connection, statement, last_number, PAGE):
        for number, leaf in leaf_rows:
            yield to_bytes(leaf)
            last_number = number


def last_known(connection: Connection) -> str:
    """The last checkpoint of this log: the signed one, or else its size and root."""
    if inspect(connection).has_table("checkpoint"):
        statement = "SELECT note FROM checkpoint WHERE log = ? AND note IS NOT NULL"
        checkpoint_row = row(
            connection, f"{statement} ORDER BY size DESC LIMIT 1", first(connection)
        )
        if checkpoint_row:
            return str(checkpoint_row[0])
    size, root = state(connection)
    return f"{size}\n{to_base64(root)}\n"


def begin(connection: Connection, number: EntryNumber, previous: str) -> None:
    """Begin a new log at the entry of this number."""
    run(connection, "INSERT INTO restored VALUES (?, ?)", number, previous)


def skip_signed(connection: Connection) -> None:
    """Let the next entry have a number above all that were signed, though they may be gone.

    So no number is ever that of two entries.
    """
    if type(connection) is not WriteConnection:
        raise TypeError("a log begins in a transaction of `writing`")
    (signed,) = row(connection, "SELECT max(log + size) - 1 FROM checkpoint") or (None,)
    number, at = row(connection, LAST_ENTRY[0]) or (0, 0)
    connection.halt.why, connection.halt.least = "", 0
    connection.last_entry = max(number, signed or 0), at


def restore_entry(previous: str, policy: str, reason: str) -> Entry:
    """The first entry of a log that goes on from a backup."""
    return Entry(kind="restore", time="", policy=policy, previous=previous, problem=reason)


def entered_reason(because: str) -> str:
    """Why somebody goes on without what was lost, as the log says it for good.

    LogError for a reason that nobody could read, or of too many characters.
    """
    return require_reason(because, REASON_MAX, _reason_error, "the log says for good why")


def _reason_error(sentence: str, hint: str) -> LogError:
    return LogError(sentence, code="log-reason", hint=hint)
