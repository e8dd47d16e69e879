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

from upheld.core.counts import count_of
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
        checkpoint = open_note(note, log.key, witnesses)
        if checkpoint.size > covered.size:
            raise NoteError(
                f"it has {count_of(checkpoint.size, 'entry')}, and our log has"
                f" {covered.size:,} signed"
            )
        root = _root(connection, log, checkpoint.size)
    if root != checkpoint.root:
        text = (
            "a note that our log's key signed has another root of"
            f" {count_of(checkpoint.size, 'entry')}: the key has signed two histories"
        )
        findings.keep(gate, KIND, CheckedPart(), [Problem(text, "checkpoint")])
        size = count_of(checkpoint.size, "entry")
        raise ForkError(f"it has another root of {size} than our log; not kept")
    return checkpoint, _keep(gate, log, checkpoint, note, witnesses)


def _keep(
    gate: Gate, log: Log, checkpoint: Checkpoint, note: Note, witnesses: Sequence[Key]
) -> list[Key]:
    """Keep cosignatures beside those that are kept already; whose are new."""
    mine = {(log.key.name, log.key.id)}
    witness_by_key = {(each.name, each.id): each for each in witnesses}
    statement = "SELECT note FROM cosigned WHERE log = ? AND size = ?"
    with writing(gate.engine) as connection:
        note_row = row(connection, statement, log.first, checkpoint.size)
        before = parse_note(str(note_row[0]).encode()).signatures if note_row else ()
        there = {(each.name, each.key_id) for each in before}
        added = [
            each
            for each in note.signatures
            if (each.name, each.key_id) in witness_by_key.keys() - there
        ]
        own = [each for each in note.signatures if (each.name, each.key_id) in mine][:1]
        if added:
            cosigned = str(Note(checkpoint.text, (*(before or own), *added)))
            parse_note(cosigned.encode())  # never keep what nobody could read
            run(
                connection,
                "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (log, size)"
                " DO UPDATE SET note = excluded.note",
                log.first,
                checkpoint.size,
                cosigned,
                microseconds(gate.context.clock.now()),
            )
    return [witness_by_key[each.name, each.key_id] for each in added]


def note_to_serve(connection: Connection, *, cosigned: bool = False) -> str:
    """The latest checkpoint of our log as a signed note, with the cosignatures that are kept of it.

    With `cosigned` the latest of which any is kept. LogError where there is none.
    """
    log, note, checkpoint = database_log.signed_checkpoint(connection)
    statement = "SELECT size, note FROM cosigned WHERE log = ? ORDER BY size DESC LIMIT 1"
    note_row = row(connection, statement, log.first)
    if note_row is not None and (cosigned or note_row[0] == checkpoint.size):
        open_checkpoint(str(note_row[1]).encode(), log.key)
        return str(note_row[1])
    if cosigned:
        raise LogError("no witness's cosignature is kept", hint="upheld ledger cosign keeps one")
    return note


def wrong(connection: Connection, witnesses: Sequence[Key] = ()) -> list[Finding]:
    """What is wrong with the notes that are kept, and which of some witnesses has cosigned none."""
    problems, signers = [], set[Key]()
    for log in database_log.logs(connection):
        statement = "SELECT size, note FROM cosigned WHERE log = ? ORDER BY size"
        for size, raw in rows(connection, statement, log.first):
            name = f"cosigned checkpoint of {count_of(size, 'entry')}"
            try:
                note = parse_note(raw.encode() if isinstance(raw, str) else b"")
                checkpoint = open_note(note, log.key)
                if checkpoint.size != size or checkpoint.root != _root(connection, log, size):
                    problems.append(Finding("fork", name, "it is not the tree as it was then"))
                signers.update(key for key, _ in note.verify((log.key, *witnesses)))
            except (NoteError, TileError) as error:
                problems.append(Finding("checkpoint", name, str(error)))
    problems += [
        Finding("checkpoint", "cosignatures", f"none of {each.name} is kept, or it does not hold")
        for each in witnesses
        if each not in signers
    ]
    return problems


def _root(connection: Connection, log: Log, size: int) -> bytes:
    """The root of our tree over the first entries of a log."""
    return DatabaseLog(connection, log, size).subtree(0, size) if size else EMPTY_ROOT
