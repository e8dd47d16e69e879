"""Checkpoints as C2SP specifies them (tlog-checkpoint): what a log was, signed.

A checkpoint's text is the log's origin, the number of its entries, and the root of the tree over
them. The name of the log's key is its origin. Extension lines are refused: nobody could audit them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from upheld.ledger.note import (
    LOG,
    WITNESS,
    Key,
    Note,
    NoteError,
    Signer,
    checked_name,
    cosign,
    from_base64,
    parse_note,
    sign,
    to_base64,
)
from upheld.ledger.tree import EMPTY_ROOT, HASH_BYTES

SIZE_MAX: Final = 2**63 - 1
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a log: its origin, how many entries it has, the root of their tree."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """The checkpoint as a note that its log has signed."""
    parse_text(checkpoint.text)  # never put our name to what nobody could read
    return Note(checkpoint.text, (sign(checkpoint.text, checkpoint.origin, signer),))


def cosign_checkpoint(note: Note, name: str, signer: Signer, moment: int) -> Note:
    """The note with a witness's cosignature in place of an earlier one by the same key."""
    signature = cosign(note.text, name, signer, moment)
    others = [
        each for each in note.signatures if (each.name, each.key_id) != (name, signature.key_id)
    ]
    return Note(note.text, (*others, signature))


def open_checkpoint(raw: bytes, log: Key, witnesses: Sequence[Key] = ()) -> Checkpoint:
    """The checkpoint in a note that its log signed and every one of these witnesses cosigned."""
    return open_note(parse_note(raw), log, witnesses)


def open_note(note: Note, log: Key, witnesses: Iterable[Key] = ()) -> Checkpoint:
    """The checkpoint of a parsed note, once the log and each witness are seen to vouch for it."""
    witnesses = tuple(witnesses)
    if log.kind != LOG or any(each.kind != WITNESS for each in witnesses):
        raise NoteError("got a witness's key for a log's, or the other way round")
    checkpoint = parse_text(note.text)
    if checkpoint.origin != log.name:
        raise NoteError(f"the checkpoint is of {checkpoint.origin}, want {log.name}")
    signers = {key for key, _ in note.verify((log, *witnesses))}
    for key in (log, *witnesses):
        if key not in signers:
            raise NoteError(f"the checkpoint is not signed by {key.name}")
    return checkpoint


def parse_text(text: str) -> Checkpoint:
    """The checkpoint in a note's text; NoteError unless it is one to the last byte."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3]:
        raise NoteError("a checkpoint has not exactly three lines")
    origin, size, root = lines[0], lines[1], from_base64(lines[2], "a checkpoint's root")
    checked_name(origin)
    if not _SIZE.fullmatch(size) or int(size) > SIZE_MAX:
        raise NoteError("a checkpoint's size is not a number of entries")
    if len(root) != HASH_BYTES:
        raise NoteError(f"a checkpoint's root has {len(root)} bytes, want {HASH_BYTES}")
    if (int(size) == 0) != (root == EMPTY_ROOT):
        # A root of nothing below a size, or the other way round: some verifiers let this pass.
        raise NoteError("a checkpoint's size and root cannot both be right")
    return Checkpoint(origin, int(size), root)
