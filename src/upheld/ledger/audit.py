"""What exactly is wrong with a log's tiles, given the root that its checkpoint signs.

The tree is settled from its signed root downwards: a tile whose hashes lead to the hash above it is
as it was signed. Where they do not, the tile is made again out of what lies below; if that leads
to the hash above, the tile was changed, and which of its hashes is known. Thus each changed file is
named, the rest stays verified, and every leaf comes out as it was signed wherever that can be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Protocol

import msgspec

from upheld.ledger.tiles import (
    BUNDLES,
    HEIGHT,
    WIDTH,
    TileError,
    partials,
    peaks,
    width_of,
)
from upheld.ledger.tree import fold, leaf_hash, root_of

Row = list[bytes]
Settled = tuple[int, Row, Row | None]
"""A bundle's index, the hashes of its leaves as signed, and its commitments where they fit."""
_MIXED_MAX = 8  # so many differences between two rows, and 2^8 roots, are tried at most


class Tiles(Protocol):
    """A log's tiles and entries for one size, wherever they lie; nothing that it gives is proven.

    `first` is the number by which people call its first entry.
    """

    @property
    def size(self) -> int:
        """How many entries there are."""

    @property
    def first(self) -> int:
        """The number by which people call its first entry."""

    def hashes(self, level: int, index: int) -> Row:
        """The hashes of a tile; TileError where it is not there or has not its length."""

    def commitments(self, index: int) -> Row:
        """The commitments of a bundle; TileError likewise."""

    def lines(self, index: int) -> list[bytes]:
        """The lines of a bundle's entries, as many as there are; TileError if there is none."""

    def path(self, kind: int | str, index: int) -> str:
        """Where a tile, a bundle or its lines lie, for people."""

    def line(self, at: int) -> str:
        """What people call a line of a bundle, by its place there."""


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong: what happened, in which file, to which entry if that is known."""

    kind: str
    file: str
    message: str
    index: int | None = None

    def __str__(self) -> str:
        return f"{self.file}: {self.message}"


class Audit:
    """One walk over the tiles of a log; `findings` fill up while `leaves` is read to its end."""

    def __init__(self, reader: Tiles, root: bytes) -> None:
        self.findings: list[Finding] = []
        self._reader = reader
        self._size = reader.size
        self._root = root
        self._seen: set[Finding] = set()

    def find(self, kind: str, file: str, message: str, index: int | None = None) -> None:
        """Note what is wrong, once."""
        finding = Finding(kind, file, message, index)
        if finding not in self._seen:
            self._seen.add(finding)
            self.findings.append(finding)

    def leaves(self) -> Iterator[Settled]:
        """The leaves as they were signed, a bundle at a time, in order."""
        places = partials(self._size)
        for (level, index), row in zip(places, self._top(places), strict=True):
            if level == 0:
                yield index, row, self._compared(index, row)
            for at, each in enumerate(row if level else []):
                yield from self._below(level - 1, index * WIDTH + at, each)

    def _top(self, places: list[tuple[int, int]]) -> Sequence[Row]:
        """The rightmost tiles, which lead to the root together; what is wrong is made again."""
        stored_rows = [self._stored_row(*place) for place in places]
        whole = [row for row in stored_rows if row]
        if len(whole) == len(places) and self._leads(whole):
            return whole
        computed_rows = [
            [stored_rows[at], *(self._computed_row(*place, deep=deep) for deep in (False, True))]
            for at, place in enumerate(places)
        ]
        for choice in product(*computed_rows):
            whole = [row for row in choice if row]
            if len(whole) == len(places) and self._leads(whole):
                for place, was, row in zip(places, stored_rows, whole, strict=True):
                    self._differences(*place, was, row)
                return whole
        if all(any(rows) for rows in computed_rows):
            message = "the tiles do not lead to its root: this log was rewritten, or is another"
            self.find("fork", "checkpoint", message)
        else:
            message = "its root cannot be verified without the tiles that are not there"
            self.find("tile", "checkpoint", message)
        return [next((row for row in each if row), []) for each in computed_rows]

    def _leads(self, rows: Sequence[Row]) -> bool:
        return fold([peak for row in rows for peak in peaks(row)]) == self._root

    def _below(self, level: int, index: int, signed: bytes) -> Iterator[Settled]:
        """The leaves under one full tile whose root is known."""
        row = self._settled(level, index, signed)
        if level == 0:
            yield index, row, self._compared(index, row)
            return
        for at, each in enumerate(row):
            yield from self._below(level - 1, index * WIDTH + at, each)

    def _settled(self, level: int, index: int, signed: bytes) -> Row:
        """A tile's hashes as they were signed, or as they stand where nobody can tell."""
        stored_row = self._stored_row(level, index)
        if stored_row and root_of(stored_row) == signed:
            return stored_row
        for deep in (False, True):
            computed = self._computed_row(level, index, deep=deep) or []
            for row in _mixes(stored_row or computed, computed):
                if root_of(row) == signed:
                    self._differences(level, index, stored_row, row)
                    return row
        span, first = WIDTH ** (level + 1), self._reader.first
        self.find(
            "changed",
            self._reader.path(level, index),
            f"it was changed, and so was something below it: entries {first + index * span} to "
            f"{first + (index + 1) * span - 1} cannot be verified",
        )
        return stored_row or []

    def _stored_row(self, level: int, index: int) -> Row | None:
        try:
            return self._reader.hashes(level, index)
        except TileError as error:
            self.find("tile", error.path, str(error).removeprefix(f"{error.path} "))
            return None

    def _computed_row(self, level: int, index: int, *, deep: bool) -> Row | None:
        """A tile's hashes out of the tiles just below it, or out of all that lies below."""
        if level == 0:
            return self._hashed(index)
        row = []
        first = index * WIDTH
        for at in range(first, first + width_of(self._size, level, index)):
            below = (
                self._computed_row(level - 1, at, deep=True)
                if deep
                else self._stored_row(level - 1, at)
            )
            if not below:
                return None
            row.append(root_of(below))
        return row

    def _hashed(self, index: int) -> Row | None:
        """The hashes of a bundle's commitments."""
        commitments = self._commitments(index)
        return commitments and [leaf_hash(each) for each in commitments]

    def _commitments(self, index: int) -> Row | None:
        try:
            return self._reader.commitments(index)
        except TileError as error:
            self.find("tile", error.path, str(error).removeprefix(f"{error.path} "))
            return None

    def _compared(self, index: int, row: Row) -> Row | None:
        """A bundle's commitments, if they are those of the settled leaves; else what differs."""
        commitments = self._commitments(index)
        computed = [leaf_hash(each) for each in commitments or []]
        if computed == row:
            return commitments
        path = self._reader.path(BUNDLES, index)
        start = index * WIDTH + self._reader.first
        for entry, (was, expected) in enumerate(zip(computed, row, strict=False), start):
            if was != expected:
                self.find("changed", path, f"the commitment of entry {entry} was changed", entry)
        return None

    def _differences(self, level: int, index: int, stored_row: Row | None, row: Row) -> None:
        """Find the hashes of a stored tile that are not those of the settled one."""
        path = self._reader.path(level, index)
        for at, (was, expected) in enumerate(zip(stored_row or [], row, strict=False)):
            if was != expected:
                first = ((index * WIDTH + at) << HEIGHT * level) + self._reader.first
                last = first + (1 << HEIGHT * level) - 1
                over = f"entry {first}" if first == last else f"entries {first} to {last}"
                self.find("changed", path, f"the hash over {over} was changed", first)


def _mixes(stored_row: Row, computed: Row) -> Iterator[Row]:
    """Rows that take each difference from either side: both may have been changed, elsewhere."""
    differ = [at for at, each in enumerate(computed) if stored_row[at] != each]
    if len(differ) > _MIXED_MAX:
        yield computed
        return
    for choice in product((computed, stored_row), repeat=len(differ)):
        row = list(computed)
        for at, side in zip(differ, choice, strict=True):
            row[at] = side[at]
        yield row
