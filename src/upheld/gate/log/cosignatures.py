"""Cosignatures of witnesses: verified against the log's own tree, kept, and served with the note.

A witness cosigns a checkpoint (C2SP tlog-cosignature) once it is seen to go on from the one before.
What comes back is believed of nobody: our log must have signed the note, its root must be that of
our tree at that size, and each witness whose cosignature is kept was named by who keeps it. A note
that our own key signed over another root proves that the key signed two histories: it is refused,
and an alarm that stays until a new log is begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from upheld.database.checks import Problem
from upheld.database.statements import row, rows, run
from upheld.database.tables import microseconds
from upheld.database.transaction import snapshot, writing
from upheld.gate import findings
from upheld.gate.findings import CheckedPart
from upheld.gate.log import database_log
from upheld.gate.log.database_log import DatabaseLog, Log, LogError
from upheld.ledger.audit import Finding
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint, open_note
from upheld.ledger.note import WITNESS, Key, Note, NoteError, parse_note
from upheld.ledger.tiles import TileError
from upheld.ledger.tree import EMPTY_ROOT
from upheld.ledger.witness import ForkError

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

KIND: Final = "cosignatures"  # of what is found of them


def keep(gate: Gate, raw: bytes, witnesses: Sequence[Key]) -> tuple[Checkpoint, list[Key]]:
    """Keep the cosignatures of some witnesses; the checkpoint, and whose were not kept before.

    NoteError where the note is none, our log or one of the witnesses did not sign it, or it has a
    size that our log has not; ForkError where its root is another.
    """
    if not witnesses or any(each.kind != WITNESS for each in witnesses):
        raise NoteError("name the public key of each witness whose cosignature is to be kept")
    note = parse_note(raw)
    with snapshot(gate.engine) as connection:
        log = database_log.current(connection)
        covered = database_log.last_covered(connection, log, signed=True) if log else None
        if log is None or covered is None:
            raise LogError(
                "there is no checkpoint yet that a witness could have cosigned",
                hint="name a `log_key` in the settings, and run `upheld jobs`",
            )
        told = open_note(note, log.key, witnesses)
        if told.size > covered.size:
            raise NoteError(f"it has {told.size} entries, and our log has {covered.size} signed")
        root = _root(connection, log, told.size)
    if root != told.root:
        text = (
            f"a note that our log's key signed says another root of {told.size} entries: the key"
            " has signed two histories"
        )
        findings.keep(gate, KIND, CheckedPart(), [Problem(text, "checkpoint")])
        raise ForkError(f"it has another root of {told.size} entries than our log; not kept")
    return told, _keep(gate, log, told, note, witnesses)


def _keep(
    gate: Gate, log: Log, told: Checkpoint, note: Note, witnesses: Sequence[Key]
) -> list[Key]:
    """Keep cosignatures beside those that are kept already; whose are new."""
    mine = {(log.key.name, log.key.id)}
    wanted = {(each.name, each.id): each for each in witnesses}
    statement = "SELECT note FROM cosigned WHERE log = ? AND size = ?"
    with writing(gate.engine) as connection:
        found = row(connection, statement, log.first, told.size)
        before = parse_note(str(found[0]).encode()).signatures if found else ()
        there = {(each.name, each.key_id) for each in before}
        added = [
            each for each in note.signatures if (each.name, each.key_id) in wanted.keys() - there
        ]
        own = [each for each in note.signatures if (each.name, each.key_id) in mine][:1]
        if added:
            made = str(Note(told.text, (*(before or own), *added)))
            parse_note(made.encode())  # never keep what nobody could read
            run(
                connection,
                "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (log, size)"
                " DO UPDATE SET note = excluded.note",
                log.first,
                told.size,
                made,
                microseconds(gate.context.clock.now()),
            )
    return [wanted[each.name, each.key_id] for each in added]


def note_to_serve(connection: Connection, *, cosigned: bool = False) -> str:
    """The latest checkpoint of our log as a signed note, with the cosignatures that are kept of it.

    With `cosigned` the latest of which any is kept. LogError where there is none.
    """
    log, note, told = database_log.signed_checkpoint(connection)
    statement = "SELECT size, note FROM cosigned WHERE log = ? ORDER BY size DESC LIMIT 1"
    found = row(connection, statement, log.first)
    if found is not None and (cosigned or found[0] == told.size):
        open_checkpoint(str(found[1]).encode(), log.key)
        return str(found[1])
    if cosigned:
        raise LogError("no witness's cosignature is kept", hint="upheld ledger cosign keeps one")
    return note


def wrong(connection: Connection, witnesses: Sequence[Key] = ()) -> list[Finding]:
    """What is wrong with the notes that are kept, and which of some witnesses has cosigned none."""
    found, seen = [], set[Key]()
    for log in database_log.logs(connection):
        statement = "SELECT size, note FROM cosigned WHERE log = ? ORDER BY size"
        for size, raw in rows(connection, statement, log.first):
            name = f"cosigned checkpoint of {size} entries"
            try:
                note = parse_note(raw.encode() if isinstance(raw, str) else b"")
                told = open_note(note, log.key)
                if told.size != size or told.root != _root(connection, log, size):
                    found.append(Finding("fork", name, "it is not the tree as it was then"))
                seen.update(key for key, _ in note.verify((log.key, *witnesses)))
            except (NoteError, TileError) as error:
                found.append(Finding("checkpoint", name, str(error)))
    found += [
        Finding("checkpoint", "cosignatures", f"none of {each.name} is kept, or it does not hold")
        for each in witnesses
        if each not in seen
    ]
    return found


def _root(connection: Connection, log: Log, size: int) -> bytes:
    """The root of our tree over the first entries of a log."""
    return DatabaseLog(connection, log, size).subtree(0, size) if size else EMPTY_ROOT
