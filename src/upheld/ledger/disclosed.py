"""Compare disclosed entries with the leaves that were signed: changed, removed, moved, inserted.

A line is `{"entry":…,"index":N,"salt":"…"}`, or `{"commitment":"…","index":N}` where the entry is
withheld. Lines are compared byte for byte, so that nothing in them can change without being found;
only where a bundle does not fit are its lines taken apart.
"""

from __future__ import annotations

import binascii
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from hashlib import sha256

import msgspec

from upheld.ledger.audit import Audit, Tiles
from upheld.ledger.entries import SALT_BYTES
from upheld.ledger.tiles import DISCLOSED, WIDTH, TileError
from upheld.ledger.tree import HASH_BYTES, leaf_hash

_HEAD = b'{"entry":'
_WITHHELD = b'{"commitment":"'
_SALT_CHARS = SALT_BYTES * 4 // 3
_HASH_CHARS = 44
_CLOSE = 2  # the quotation mark and the brace at the end of a line


class Line(msgspec.Struct, frozen=True):
    """A line that is no longer where it was, or never was there."""

    file: str
    place: int
    name: str
    leaf: bytes | None
    index: int | None


def taken_apart(line: bytes, index: int) -> tuple[bytes, bytes] | None:
    """The entry's bytes and its salt in a line that says this index; None for any other line."""
    middle = b',"index":%d,"salt":"' % index
    start = len(line) - _CLOSE - _SALT_CHARS
    if not line.startswith(_HEAD) or not line.endswith(b'"}'):
        return None
    if start - len(middle) < len(_HEAD) or line[start - len(middle) : start] != middle:
        return None
    try:
        salt = binascii.a2b_base64(line[start:-_CLOSE], strict_mode=True)
    except binascii.Error:
        return None
    return (line[len(_HEAD) : start - len(middle)], salt) if len(salt) == SALT_BYTES else None


def commitment_of(line: bytes, index: int) -> bytes | None:
    """The commitment that a line stands for, if it says this index."""
    if parts := taken_apart(line, index):
        return sha256(parts[1] + parts[0]).digest()
    tail = b'","index":%d}' % index
    start, end = len(_WITHHELD), len(line) - len(tail)
    if not line.startswith(_WITHHELD) or line[end:] != tail or end - start != _HASH_CHARS:
        return None
    try:
        commitment = binascii.a2b_base64(line[start:end], strict_mode=True)
    except binascii.Error:
        return None
    if binascii.b2a_base64(commitment, newline=False) != line[start:end]:
        return None
    return commitment if len(commitment) == HASH_BYTES else None


def leaf_of(line: bytes, index: int) -> bytes | None:
    """The leaf's hash that a line stands for, if it says this index."""
    commitment = commitment_of(line, index)
    return commitment and leaf_hash(commitment)


class DisclosureComparison:
    """Takes each bundle's settled leaves in turn; `conclude` tells what became of the others."""

    def __init__(self, reader: Tiles, audit: Audit) -> None:
        self.compared = 0
        self._reader = reader
        self._audit = audit
        self._lines: list[Line] = []
        self._leaves: dict[bytes, int] = {}

    def add(
        self, bundle: int, leaves: Sequence[bytes], commitments: Sequence[bytes] | None
    ) -> None:
        """Compare the lines of a bundle with its leaves, and remember them where they differ.

        Where the bundle's commitments are those of the leaves, comparing with them saves a hash.
        """
        if not leaves:  # nobody can tell what was signed, which was found before
            return
        first = bundle * WIDTH
        try:
            lines = self._reader.lines(bundle)
        except TileError as error:
            self._audit.find("removed", error.path, str(error).removeprefix(f"{error.path} "))
            return
        read = leaf_of if commitments is None else commitment_of
        entries = [read(line, index) for index, line in enumerate(lines, first)]
        self.compared += len(lines)
        if entries != (leaves if commitments is None else commitments):
            file = self._reader.path(DISCLOSED, bundle)
            line_of = self._reader.line
            self._lines += [
                _line(file, first + at, line_of(at), each) for at, each in enumerate(lines)
            ]
            self._leaves |= {leaf: index for index, leaf in enumerate(leaves, first)}

    def conclude(self) -> None:
        """Find what was changed, removed, moved and inserted among the lines that differ."""
        placed: list[tuple[int, Line]] = []
        foreign: list[Line] = []
        missing = {index: leaf for leaf, index in self._leaves.items()}
        for line in self._lines:
            at = self._leaves.get(line.leaf) if line.leaf else None
            if at is None or at not in missing:
                foreign.append(line)
                continue
            del missing[at]
            placed.append((at, line))
        self._foreign(foreign, missing)
        self._removed(sorted(missing))
        self._moved(placed)

    def _foreign(self, lines: list[Line], missing: dict[int, bytes]) -> None:
        """Lines that are no entry of this log: one that changed, or one too many."""
        for line in lines:
            index = line.place if line.index is None else line.index
            if missing.pop(index, None):
                number = index + self._reader.first
                self._audit.find("changed", line.file, f"entry {number} was changed", number)
            else:
                message = f"{line.name} was inserted: it is not an entry of this log"
                self._audit.find("inserted", line.file, message)

    def _removed(self, indices: list[int]) -> None:
        for first, last in _runs(indices):
            start, end = first + self._reader.first, last + self._reader.first
            many = f"entries {start} to {end} were" if end > start else f"entry {start} was"
            path = self._reader.path(DISCLOSED, first // WIDTH)
            self._audit.find("removed", path, f"{many} removed", start)

    def _moved(self, placed: list[tuple[int, Line]]) -> None:
        """Lines that stand out of order, the fewest that can be said to have been moved."""
        stay = _longest_rising([at for at, _ in placed])
        for at, line in placed:
            number = at + self._reader.first
            if at not in stay:
                message = f"entry {number} was moved to {line.name}"
                self._audit.find("moved", line.file, message, number)
            elif line.index != at:
                says = None if line.index is None else line.index + self._reader.first
                message = f"entry {number} says index {says}"
                self._audit.find("changed", line.file, message, number)


def _line(file: str, place: int, name: str, line: bytes) -> Line:
    """A line by itself: what it says of its index, and the leaf that it stands for."""
    rest = line.rpartition(b'"index":')[2]
    digits = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
    if not digits or len(digits) > 19:
        return Line(file, place, name, None, None)
    return Line(file, place, name, leaf_of(line, int(digits)), int(digits))


def _runs(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Neighbours that lie in one bundle, as (first, last)."""
    start = 0
    for at in range(1, len(indices) + 1):
        last = indices[at - 1]
        if at == len(indices) or indices[at] != last + 1 or indices[at] % WIDTH == 0:
            yield indices[start], last
            start = at


def _longest_rising(numbers: list[int]) -> set[int]:
    """The numbers of a longest rising subsequence."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        length = bisect_left(ends, number)
        before.append(at[length - 1] if length else -1)
        ends[length:] = [number, *ends[length + 1 :]]
        at[length:] = [place, *at[length + 1 :]]
    members, place = set(), at[-1] if at else -1
    while place >= 0:
        members.add(numbers[place])
        place = before[place]
    return members
