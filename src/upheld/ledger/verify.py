"""Verify a log from its files and a public key alone: no database, no network, nothing trusted.

An export comes in as a folder, a receipt as one line of JSON. Out comes what was verified and
everything that is wrong. A receipt is the proof of one act for one person: the entry, its salt,
an inclusion proof and a checkpoint; it tells nothing of anyone else's acts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from upheld.core.counts import count_of
from upheld.ledger import entries, tree
from upheld.ledger.audit import Audit, Finding
from upheld.ledger.checkpoint import Checkpoint, open_checkpoint
from upheld.ledger.disclosed import DisclosureComparison, taken_apart
from upheld.ledger.entries import Entry, EntryError
from upheld.ledger.note import Key, NoteError, from_base64, to_base64
from upheld.ledger.strays import look_around
from upheld.ledger.tiles import CHECKPOINT, DISCLOSED, WIDTH, TileError, TileReader, peaks, width_of
from upheld.ledger.tree import ProofError

RECEIPT: Final = "upheld-receipt-1"
RECEIPT_BYTES_MAX: Final = 2 * entries.ENTRY_BYTES_MAX


class Report(msgspec.Struct, frozen=True):
    """What an export was found to be: `ok` only if nothing at all is wrong.

    `beyond` are files for entries that the checkpoint does not cover, such as an export leaves that
    was cut off; they prove nothing, and nothing in them was verified.
    """

    ok: bool
    origin: str
    size: int
    root: str
    disclosed: int
    findings: tuple[Finding, ...]
    beyond: tuple[str, ...] = ()


class Receipt(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"kind": "format"}
):
    """The proof that an entry is in a log, for whoever it is about."""

    kind: str
    checkpoint: str
    entry: Entry
    index: int
    proof: tuple[str, ...]
    salt: str


class Earlier:
    """Finds out whether the log still has all that an earlier checkpoint covers.

    The root at that size comes from the leaves as they were settled, not from the tiles as they
    stand: a damaged tile is no fork.
    """

    def __init__(self, raw: bytes | None, log: Key) -> None:
        self._wrong = ""
        self._checkpoint = Checkpoint(log.name, 0, tree.EMPTY_ROOT)
        self._bundles = tree.Frontier()
        self._rest: list[bytes] = []
        try:
            if raw is not None:
                self._checkpoint = open_checkpoint(raw, log)
        except NoteError as error:
            self._wrong = str(error)

    def add(self, bundle: int, leaves: list[bytes]) -> None:
        """Count in a bundle's leaves, as far as the earlier checkpoint covers them."""
        width = width_of(self._checkpoint.size, 0, bundle)
        if width == WIDTH:
            self._bundles.append(tree.root_of(leaves))
        elif width:
            self._rest = peaks(leaves[:width])

    def conclude(self, audit: Audit, now: Checkpoint) -> None:
        """Find what does not agree."""
        size = self._checkpoint.size
        if self._wrong:
            audit.find("checkpoint", "earlier checkpoint", self._wrong)
        elif size > now.size:
            message = f"the log was cut: it had {count_of(size, 'entry')} and has {now.size:,}"
            audit.find("fork", CHECKPOINT, message)
        elif tree.fold([*self._bundles.peaks, *self._rest]) != self._checkpoint.root:
            message = f"the {count_of(size, 'entry')} of the earlier checkpoint changed"
            audit.find("fork", CHECKPOINT, message)


def verify_export(
    folder: Path, log: Key, *, witnesses: Sequence[Key] = (), since: bytes | None = None
) -> Report:
    """Verify all files of an export; `since` is a checkpoint that the log must still agree with."""
    try:
        checkpoint = read_checkpoint(folder, log, witnesses)
    except (NoteError, TileError) as error:
        return Report(False, log.name, 0, "", 0, (Finding("checkpoint", CHECKPOINT, str(error)),))
    reader = TileReader(folder, checkpoint.size)
    audit = Audit(reader, checkpoint.root)
    comparison = DisclosureComparison(reader, audit)
    earlier = Earlier(since, log)
    has_disclosed = (folder / DISCLOSED).is_dir()
    for bundle, leaves, commitments in audit.leaves():
        earlier.add(bundle, leaves)
        if has_disclosed:
            comparison.add(bundle, leaves, commitments)
    comparison.conclude()
    earlier.conclude(audit, checkpoint)
    beyond = look_around(audit, folder, checkpoint.size)
    return Report(
        ok=not audit.findings,
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        disclosed=comparison.compared,
        findings=tuple(audit.findings),
        beyond=tuple(beyond),
    )


def read_checkpoint(folder: Path, log: Key, witnesses: Sequence[Key] = ()) -> Checkpoint:
    """The checkpoint of an export, once the log and each witness are seen to vouch for it."""
    return open_checkpoint(read_note(folder), log, witnesses)


def read_note(folder: Path) -> bytes:
    """The bytes of an export's checkpoint."""
    try:
        return (folder / CHECKPOINT).read_bytes()
    except OSError as error:
        raise TileError(CHECKPOINT, f"cannot be read: {error.strerror}") from None


def verify_receipt(raw: bytes, log: Key, witnesses: Sequence[Key] = ()) -> tuple[Entry, Checkpoint]:
    """The entry of a receipt and the checkpoint that covers it, once all of it is verified."""
    receipt = parse_receipt(raw)
    checkpoint = open_checkpoint(receipt.checkpoint.encode(), log, witnesses)
    salt = from_base64(receipt.salt, "the receipt's salt")
    leaf = tree.leaf_hash(entries.commitment(salt, entries.encode(receipt.entry)))
    proof = [from_base64(each, "a hash of the receipt's proof") for each in receipt.proof]
    tree.verify_inclusion(leaf, receipt.index, checkpoint.size, proof, checkpoint.root)
    return receipt.entry, checkpoint


def parse_receipt(raw: bytes) -> Receipt:
    """The receipt in these bytes, unverified; EntryError unless they are one to the last byte."""
    if len(raw) > RECEIPT_BYTES_MAX:
        raise EntryError(f"a receipt has more than {RECEIPT_BYTES_MAX} bytes")
    try:
        receipt = msgspec.json.decode(raw, type=Receipt)
        same = write_receipt(receipt) == raw
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EntryError(f"a receipt cannot be read: {error}") from None
    if receipt.kind != RECEIPT:
        raise EntryError(f"got a receipt of format {receipt.kind}, want {RECEIPT}")
    if not same:
        raise EntryError("a receipt is not in canonical form: it was changed or laid out anew")
    return receipt


def write_receipt(receipt: Receipt) -> bytes:
    """A receipt as its one line."""
    return msgspec.json.encode(receipt, order="sorted") + b"\n"


def prove(folder: Path, index: int, log: Key) -> Receipt:
    """A receipt for a disclosed entry, made out of an export and verified before it is given."""
    note = read_note(folder)
    checkpoint = open_checkpoint(note, log)
    reader = TileReader(folder, checkpoint.size)
    proof = tree.inclusion_proof(index, checkpoint.size, reader.subtree)
    raw, salt = disclosed(reader, index)
    receipt = Receipt(
        kind=RECEIPT,
        checkpoint=note.decode(),
        entry=entries.decode(raw),
        index=index,
        proof=tuple(map(to_base64, proof)),
        salt=to_base64(salt),
    )
    verify_receipt(write_receipt(receipt), log)
    return receipt


def disclosed(reader: TileReader, index: int) -> tuple[bytes, bytes]:
    """The bytes and the salt of an entry that an export discloses; nothing is verified."""
    if not 0 <= index < reader.size:
        raise ProofError(f"got index {index}, want one below the tree's size, {reader.size}")
    lines = reader.lines(index // WIDTH)
    parts = taken_apart(lines[index % WIDTH], index) if index % WIDTH < len(lines) else None
    if parts is None:
        raise EntryError(f"entry {index} is not disclosed, or was changed")
    return parts
