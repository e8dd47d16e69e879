"""How often each clause decided in a month, and what was disclosed in a year: ranges, signed.

A table of counts is JSON in canonical form. Its digest stands in an entry of the log, so that it
is signed by the log's own key with everything else, and cannot be told to one in this way and to
another in that. Whoever has the table, the entry's receipt and the log's public key can verify it.

No exact count stands in it. Fewer than twenty is all that is told of a small one; of others a range
that holds the count, moved by a noise that is drawn once for each number and month.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, TypeVar

import msgspec

from upheld.ledger.checkpoint import Checkpoint
from upheld.ledger.entries import EntryError
from upheld.ledger.note import Key
from upheld.ledger.verify import Receipt, verify_receipt, write_receipt

FORMAT: Final = "upheld-counts-1"
KIND: Final = "counts"  # of the entry that names a table's digest
SMALL: Final = 20  # below which nothing more is told
BOUND: Final = 10  # the noise is between this many less and this many more
BYTES_MAX: Final = 4 * 1024 * 1024


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range that a count lies in, with both its ends."""

    least: int
    most: int

    @property
    def small(self) -> bool:
        """Whether nothing more is told than that it is small."""
        return self.most < SMALL

    def __str__(self) -> str:
        if self.small:
            return f"fewer than {SMALL}"
        return f"between {self.least:,} and {self.most:,}"


class Deciding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a clause decided in the month, and how often it refused."""

    clause: str
    decided: Range
    refused: Range


class Disclosure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often a category of information was disclosed to a category of recipient in the year."""

    information: str
    recipient: str
    times: Range


class Counts(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"kind": "format"}
):
    """The table of one month: `since` is the first day of the twelve months of `disclosures`."""

    kind: str = FORMAT
    provider: str
    policy: str
    month: str
    since: str
    clauses: tuple[Deciding, ...]
    disclosures: tuple[Disclosure, ...]


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table with the receipt of the entry that names it; without one where no log is signed."""

    counts: Counts
    receipt: Receipt | None = None


T = TypeVar("T", Counts, Signed)


def ranged(count: int, noise: int) -> Range:
    """The range that is told of a count; ValueError for a noise beyond its bound."""
    if abs(noise) > BOUND:
        raise ValueError(f"a noise of {noise}, want at most {BOUND}")
    if count < SMALL:
        return Range(0, SMALL - 1)
    middle = count + noise
    step = max(10, 10 ** (len(str(middle)) - 2))
    low, high = (middle - BOUND) // step * step, -(-(middle + BOUND) // step) * step
    return Range(max(low, SMALL), max(high, SMALL + 2 * BOUND))


def encode(counts: Counts) -> bytes:
    """The canonical bytes of a table."""
    return msgspec.json.encode(counts, order="sorted")


def digest(counts: Counts) -> str:
    """The digest by which an entry names a table."""
    return sha256(encode(counts)).hexdigest()


def decode(raw: bytes) -> Counts:
    """The table in canonical bytes; EntryError for any other bytes."""
    return _of_format(_read(raw, Counts))


def write_signed(signed: Signed) -> bytes:
    """A table with its receipt, as a file."""
    return msgspec.json.encode(signed, order="sorted") + b"\n"


def verify_counts(
    raw: bytes, log: Key, witnesses: Sequence[Key] = ()
) -> tuple[Counts, Checkpoint, int]:
    """The table of a file, the checkpoint that covers its entry, and that entry's place.

    EntryError, NoteError or ProofError unless the log of that key has signed just this table.
    """
    signed = _read(raw.removesuffix(b"\n"), Signed)
    if signed.receipt is None:
        raise EntryError("the table has no receipt: its provider's log was not signed yet")
    entry, covered = verify_receipt(write_receipt(signed.receipt), log, witnesses)
    if entry.kind != KIND or entry.values != (digest(signed.counts),):
        raise EntryError("the entry of the receipt names another table, or none")
    return _of_format(signed.counts), covered, signed.receipt.index


def _read(raw: bytes, wanted: type[T]) -> T:
    if len(raw) > BYTES_MAX:
        raise EntryError(f"a table of counts has more than {BYTES_MAX} bytes")
    try:
        decoded = msgspec.json.decode(raw, type=wanted)
        same = msgspec.json.encode(decoded, order="sorted") == raw
    except (msgspec.DecodeError, UnicodeError) as error:
        raise EntryError(f"a table of counts cannot be read: {error}") from None
    if not same:
        raise EntryError(
            "a table of counts is not in canonical form: it was changed or laid out anew"
        )
    return decoded


def _of_format(counts: Counts) -> Counts:
    if counts.kind != FORMAT:
        raise EntryError(f"got a table of format {counts.kind}, want {FORMAT}")
    return counts
