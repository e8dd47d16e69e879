"""Verify a provider's whole ledger in its database: entries, tiles, checkpoints, signatures.

The largest checkpoint's signature is believed; the tiles are settled from its root downwards, every
entry is compared with the leaf that was signed, every earlier checkpoint with the tree as it was
then, and each entry's time and person with what it commits to. Everything that is wrong is named by
the entry's number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection

from upheld.core.counts import count_of
from upheld.database.statements import rows, to_bytes
from upheld.gate.log import cosignatures, database_log, entries
from upheld.gate.log.database_log import DatabaseLog, Log, StoredCheckpoint
from upheld.ledger.audit import Audit, Finding
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint
from upheld.ledger.disclosed import DisclosureComparison
from upheld.ledger.note import Key, NoteError
from upheld.ledger.tiles import WIDTH, peaks
from upheld.ledger.tree import Frontier, fold, root_of
from upheld.ledger.verify import Earlier

CHECKPOINT = "checkpoint"


class AuditReport(msgspec.Struct, frozen=True):
    """What the ledger was found to be; `covered` are the entries that a checkpoint covers."""

    ok: bool
    entries: int
    covered: int
    checkpoints: int
    findings: tuple[Finding, ...]


def audit(
    connection: Connection,
    key: Key | None = None,
    since: bytes | None = None,
    severed: Mapping[int, int] | None = None,
    witnesses: Sequence[Key] = (),
) -> AuditReport:
    """Verify all logs of a database; with `key`, the latest must be signed by that key.

    `since` is a checkpoint that the latest log must still agree with; `severed` says from which
    entries how many people were cut by an erasure, as `severing.counts` tells. A cosignature of
    each of the `witnesses` must be kept.
    """
    findings: list[Finding] = []
    covered = checkpoints = 0
    stored_logs = database_log.logs(connection)
    for log in stored_logs:
        last = log is stored_logs[-1]
        if last and key is not None and log.public_key != str(key):
            message = f"the log is {log.public_key}, not {key}"
            findings.append(Finding(CHECKPOINT, log.origin, message))
        log_checkpoints = _stored_checkpoints(connection, log)
        signed = _last_signed(log, log_checkpoints, findings)
        checkpoints += len(log_checkpoints)
        if signed is not None:
            findings += _audit_log(
                connection, log, signed, log_checkpoints, since if last else None
            )
            covered = log.first + signed.size - 1
    if since is not None and not covered:
        findings.append(Finding("fork", CHECKPOINT, "there is no checkpoint that covers anything"))
    findings += cosignatures.wrong(connection, witnesses)
    faulty = {each.index for each in findings}
    findings += [
        Finding(
            "changed",
            "entry",
            f"entry {number} is missing, or is not as it was written: what"
            " it says, its time, or whose it is",
            number,
        )
        for number in entries.damaged(connection, severed)
        if number not in faulty
    ]
    last_entry = entries.last_of(connection)
    count = last_entry[0] if last_entry else 0
    if covered > count:
        message = f"entries {count + 1} to {covered} were removed"
        findings.append(Finding("removed", "entry", message, count + 1))
    return AuditReport(not findings, count, covered, checkpoints, tuple(findings))


def _stored_checkpoints(connection: Connection, log: Log) -> list[StoredCheckpoint]:
    statement = "SELECT size, root, at, note FROM checkpoint WHERE log = ? ORDER BY size"
    return [
        # SQLite keeps whatever it is given; what is no text is no note.
        StoredCheckpoint(
            size, to_bytes(root), at, note if note is None or isinstance(note, str) else ""
        )
        for size, root, at, note in rows(connection, statement, log.first)
    ]


def _last_signed(
    log: Log, checkpoints: Sequence[StoredCheckpoint], findings: list[Finding]
) -> Checkpoint | None:
    """The largest checkpoint whose signature holds; those whose signature does not are found."""
    largest = None
    for each in checkpoints:
        if each.note is None:
            continue
        name = f"checkpoint of {count_of(each.size, 'entry')}"
        try:
            checkpoint = open_checkpoint(each.note.encode(), log.key)
        except NoteError as error:
            findings.append(Finding(CHECKPOINT, name, str(error)))
            continue
        if (checkpoint.size, checkpoint.root) != (each.size, each.root):
            findings.append(Finding(CHECKPOINT, name, "its row is not what was signed"))
        largest = checkpoint
    return largest


def _audit_log(
    connection: Connection,
    log: Log,
    signed: Checkpoint,
    checkpoints: Sequence[StoredCheckpoint],
    since: bytes | None,
) -> list[Finding]:
    """What is wrong with a log, given the largest checkpoint that it signed."""
    stored = DatabaseLog(connection, log, signed.size)
    tree_audit = Audit(stored, signed.root)
    comparison = DisclosureComparison(stored, tree_audit)
    earlier = Earlier(since, log.key)
    whole = Frontier()
    waiting = [each for each in checkpoints if each.size < signed.size]
    for bundle, leaves, commitments in tree_audit.leaves():
        earlier.add(bundle, leaves)
        comparison.add(bundle, leaves, commitments)
        while waiting and waiting[0].size <= bundle * WIDTH + len(leaves):
            each = waiting.pop(0)
            root = fold([*whole.peaks, *peaks(leaves[: each.size - bundle * WIDTH])])
            if root != each.root:
                message = "it is not the tree as it was then: it is another history, or changed"
                tree_audit.find("fork", f"checkpoint of {count_of(each.size, 'entry')}", message)
        whole.append(root_of(leaves))
    comparison.conclude()
    earlier.conclude(tree_audit, signed)
    return tree_audit.findings
