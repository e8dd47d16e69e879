"""Lines of entries to tiles: a log made from what stands in a file, or gone on with.

Each line is a JSON object with an entry, its salt, and its index if it says one. What an earlier
export has signed must come first and be the same: a log that says otherwise is a fork, and is
refused before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from upheld.core.counts import count_of
from upheld.ledger import entries
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from upheld.ledger.entries import Entry, EntryError
from upheld.ledger.note import LOG, Key, NoteError, Signer, from_base64
from upheld.ledger.tiles import CHECKPOINT, TileWriter
from upheld.ledger.tree import Frontier, leaf_hash
from upheld.ledger.verify import read_note
from upheld.ledger.witness import ForkError


class DisclosedLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry with its salt, as a line tells them."""

    entry: Entry
    salt: str
    index: int | None = None


def export_lines(lines: Iterable[bytes], out: Path, origin: str, signer: Signer) -> Checkpoint:
    """Write the lines as a log's files, signed; ForkError if the folder holds another beginning."""
    signed = Checkpoint(origin, 0, Frontier().root())
    if (out / CHECKPOINT).exists():
        signed = open_checkpoint(read_note(out), Key(origin, LOG, signer.public))
    before = Frontier()
    writer = TileWriter(out, signed.size)
    for index, line in enumerate(lines):
        commitment, disclosed = _parse_line(index, line)
        if index < signed.size:
            before.append(leaf_hash(commitment))
            continue
        if index == signed.size:
            _same(before, signed)
        writer.append(commitment, disclosed)
    _same(before, signed)
    if signed.size == writer.size and (out / CHECKPOINT).exists():
        return signed  # nothing is new, and the witnesses' cosignatures stay
    checkpoint = Checkpoint(origin, writer.size, writer.root())
    writer.publish(sign_checkpoint(checkpoint, signer))
    return checkpoint


def _same(before: Frontier, signed: Checkpoint) -> None:
    if before.size < signed.size:
        raise ForkError(
            f"it has {count_of(before.size, 'line')}, and {count_of(signed.size, 'entry')} signed"
        )
    if before.root() != signed.root:
        raise ForkError(f"the lines up to {signed.size:,} are not the entries that are signed")


def _parse_line(index: int, line: bytes) -> tuple[bytes, bytes]:
    """The commitment of a line's entry, and the line as an export has it."""
    try:
        content = msgspec.json.decode(line, type=DisclosedLine)
        raw = entries.encode(content.entry)
        salt = from_base64(content.salt, "the salt")
        commitment = entries.commitment(salt, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, EntryError, NoteError) as error:
        raise EntryError(f"line {index + 1}: {error}") from None
    if content.index not in (None, index):
        raise EntryError(f"line {index + 1}: got index {content.index}, want {index}")
    return commitment, entries.to_line(index, salt, raw)
