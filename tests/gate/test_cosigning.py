"""Cosignatures of witnesses are verified, kept, served with the checkpoint, and verified again."""

from __future__ import annotations

import threading

import pytest

from gate.test_covering import add, cover
from ledger.logs import COSIGNER, MOMENT, ORIGIN, SIGNER
from upheld.database.statements import row, rows, run
from upheld.database.transaction import reading, writing
from upheld.gate import findings
from upheld.gate.gate import Gate
from upheld.gate.log import cosignatures
from upheld.gate.log.audit import audit
from upheld.gate.log.database_log import LogError, signed_checkpoint
from upheld.gate.log.log_state import begin_again
from upheld.gate.operations.log_check import LogRereading
from upheld.ledger.checkpoint import (
    Checkpoint,
    cosign_checkpoint,
    open_checkpoint,
    sign_checkpoint,
)
from upheld.ledger.note import WITNESS, Note, NoteError, parse_note
from upheld.ledger.signers import FileSigner
from upheld.ledger.witness import ForkError

SECOND = FileSigner("witness.example/w2", WITNESS, bytes(range(5, 37)))


def covered(gate: Gate, entries: int) -> Note:
    """A log of some entries that is covered, and its checkpoint."""
    with reading(gate.engine) as connection:
        (count,) = row(connection, "SELECT count(*) FROM entry") or (0,)
    add(gate.engine, entries - count)
    cover(gate.engine)
    with reading(gate.engine) as connection:
        return parse_note(signed_checkpoint(connection)[1].encode())


def cosigned(note: Note, *witnesses: FileSigner) -> bytes:
    """A note with the cosignatures of some witnesses."""
    for each in witnesses:
        note = cosign_checkpoint(note, each.name, each, MOMENT)
    return str(note).encode()


def served(gate: Gate, *, latest: bool = True) -> bytes:
    """The note that is served: of the latest checkpoint, or of the latest that is cosigned."""
    with reading(gate.engine) as connection:
        return cosignatures.note_to_serve(connection, cosigned=not latest).encode()


def test_cosignatures_are_kept_beside_one_another_and_served(gate: Gate) -> None:
    """Each once, in whatever order they come; a later checkpoint is served without them."""
    note = covered(gate, 300)
    checkpoint, new_names = cosignatures.keep(gate, cosigned(note, COSIGNER), [COSIGNER.key])
    assert (checkpoint.size, [each.name for each in new_names]) == (300, [COSIGNER.name])
    assert cosignatures.keep(gate, cosigned(note, COSIGNER), [COSIGNER.key])[1] == []
    both = cosigned(note, COSIGNER, SECOND)
    assert cosignatures.keep(gate, both, [SECOND.key])[1] == [SECOND.key]
    for latest in (True, False):
        open_checkpoint(served(gate, latest=latest), SIGNER.key, [COSIGNER.key, SECOND.key])
    covered(gate, 310)
    assert open_checkpoint(served(gate), SIGNER.key).size == 310
    result = open_checkpoint(served(gate, latest=False), SIGNER.key, [COSIGNER.key, SECOND.key])
    assert result.size == 300


def test_a_size_between_two_checkpoints_can_be_cosigned(gate: Gate) -> None:
    """An export may have been made of it: its root is that of our tree at that size."""
    note = covered(gate, 300)
    root = open_checkpoint(str(note).encode(), SIGNER.key).root
    covered(gate, 600)
    with writing(gate.engine) as connection:
        run(connection, "DELETE FROM checkpoint WHERE size = 300")
    raw = cosigned(sign_checkpoint(Checkpoint(ORIGIN, 300, root), SIGNER), COSIGNER)
    assert cosignatures.keep(gate, raw, [COSIGNER.key])[0].size == 300


def test_what_is_no_cosignature_of_ours_is_refused_and_nothing_is_kept(gate: Gate) -> None:
    """Unknown witnesses, other sizes and logs, garbage: each says why, and raises no alarm."""
    with pytest.raises(LogError, match="no checkpoint yet"):
        cosignatures.keep(
            gate,
            cosigned(sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), SIGNER), COSIGNER),
            [COSIGNER.key],
        )
    note = covered(gate, 300)
    good = cosigned(note, COSIGNER)
    other = FileSigner(COSIGNER.name, WITNESS, bytes(range(6, 38)))
    forged = FileSigner(ORIGIN, SIGNER.key.kind, bytes(range(7, 39)))
    later = cosigned(sign_checkpoint(Checkpoint(ORIGIN, 900, bytes(32)), SIGNER), COSIGNER)
    elsewhere = cosigned(
        sign_checkpoint(Checkpoint("other.example/log", 300, bytes(32)), SIGNER), COSIGNER
    )
    rewritten = cosigned(sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(32)), forged), COSIGNER)
    trials = [
        (good, []),
        (good, [SIGNER.key]),
        (good, [SECOND.key]),
        (good, [COSIGNER.key, SECOND.key]),
        (good, [other.key]),
        (str(note).encode(), [COSIGNER.key]),
        (later, [COSIGNER.key]),
        (elsewhere, [COSIGNER.key]),
        (rewritten, [COSIGNER.key]),
        (b"", [COSIGNER.key]),
        (b"\xff\x00", [COSIGNER.key]),
        (good[:-3], [COSIGNER.key]),
        (good + b"x", [COSIGNER.key]),
        (good.replace(b"300", b"299"), [COSIGNER.key]),
        (b"x" * 70_000, [COSIGNER.key]),
    ]
    for raw, witnesses in trials:
        with pytest.raises(NoteError):
            cosignatures.keep(gate, raw, witnesses)
    with reading(gate.engine) as connection:
        assert rows(connection, "SELECT 1 FROM cosigned") == []
        assert findings.all_findings(connection) == []
    with pytest.raises(LogError, match="no witness's"):
        served(gate, latest=False)


def test_another_root_that_our_own_key_signed_is_an_alarm_until_a_new_log(gate: Gate) -> None:
    """It proves to anyone that the key signed two histories; staff see it, and it is not kept."""
    covered(gate, 300)
    raw = cosigned(sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(31) + b"x"), SIGNER), COSIGNER)
    for _ in range(2):
        with pytest.raises(ForkError, match="another root"):
            cosignatures.keep(gate, raw, [COSIGNER.key])
    LogRereading().read(gate)
    with reading(gate.engine) as connection:
        (alarm,) = findings.all_findings(connection)
        assert "signed two histories" in alarm.text
        assert rows(connection, "SELECT 1 FROM cosigned") == []
    begin_again(gate, "the key was lost")
    with reading(gate.engine) as connection:
        assert findings.all_findings(connection) == []


def test_kept_cosignatures_that_were_changed_are_found(gate: Gate) -> None:
    """By `verify` with a witness's key, and where the note is another's by every look."""
    note = covered(gate, 300)
    with reading(gate.engine) as connection:
        assert audit(connection, witnesses=[COSIGNER.key]).ok is False
    cosignatures.keep(gate, cosigned(note, COSIGNER), [COSIGNER.key])
    with reading(gate.engine) as connection:
        assert audit(connection, witnesses=[COSIGNER.key]).ok
        assert not audit(connection, witnesses=[COSIGNER.key, SECOND.key]).ok
    for raw, plainly in (
        (cosigned(note, FileSigner(COSIGNER.name, WITNESS, bytes(range(8, 40)))), False),
        (str(sign_checkpoint(Checkpoint(ORIGIN, 300, bytes(31) + b"x"), SIGNER)).encode(), True),
        (b"garbage", True),
    ):
        with writing(gate.engine) as connection:
            run(connection, "UPDATE cosigned SET note = ?", raw.decode())
        with reading(gate.engine) as connection:
            assert not audit(connection, witnesses=[COSIGNER.key]).ok
            assert audit(connection).ok is not plainly
        if plainly:
            with pytest.raises(LogError):
                LogRereading().read(gate)


def test_cosignatures_that_come_at_once_are_all_kept(gate: Gate) -> None:
    """None takes another's place."""
    note = covered(gate, 300)
    many = [FileSigner(f"w{n}.example/w", WITNESS, bytes([n]) * 32) for n in range(1, 9)]
    threads = [
        threading.Thread(target=cosignatures.keep, args=(gate, cosigned(note, each), [each.key]))
        for each in many
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    open_checkpoint(served(gate), SIGNER.key, [each.key for each in many])
