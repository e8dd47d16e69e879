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
        found = Finding(kind, file, message, index)
        if found not in self._seen:
            self._seen.add(found)
            self.findings.append(found)

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
        stored = [self._stored(*place) for place in places]
        whole = [row for row in stored if row]
        if len(whole) == len(places) and self._leads(whole):
            return whole
        made = [
            [stored[at], *(self._made(*place, deep=deep) for deep in (False, True))]
            for at, place in enumerate(places)
        ]
        for choice in product(*made):
            whole = [row for row in choice if row]
            if len(whole) == len(places) and self._leads(whole):
                for place, was, row in zip(places, stored, whole, strict=True):
                    self._differences(*place, was, row)
                return whole
        if all(any(rows) for rows in made):
            message = "the tiles do not lead to its root: this log was rewritten, or is another"
            self.find("fork", "checkpoint", message)
        else:
            message = "its root cannot be verified without the tiles that are not there"
            self.find("tile", "checkpoint", message)
        return [next((row for row in each if row), []) for each in made]

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
        stored = self._stored(level, index)
        if stored and root_of(stored) == signed:
            return stored
        for deep in (False, True):
            made = self._made(level, index, deep=deep) or []
            for row in _mixes(stored or made, made):
                if root_of(row) == signed:
                    self._differences(level, index, stored, row)
                    return row
        span, first = WIDTH ** (level + 1), self._reader.first
        self.find(
            "changed",
            self._reader.path(level, index),
            f"it was changed, and so was something below it: entries {first + index * span} to "
            f"{first + (index + 1) * span - 1} cannot be verified",
        )
        return stored or []

    def _stored(self, level: int, index: int) -> Row | None:
        try:
            return self._reader.hashes(level, index)
        except TileError as error:
            self.find("tile", error.path, str(error).removeprefix(f"{error.path} "))
            return None

    def _made(self, level: int, index: int, *, deep: bool) -> Row | None:
        """A tile's hashes out of the tiles just below it, or out of all that lies below."""
        if level == 0:
            return self._hashed(index)
        row = []
        first = index * WIDTH
        for at in range(first, first + width_of(self._size, level, index)):
            below = self._made(level - 1, at, deep=True) if deep else self._stored(level - 1, at)
            if not below:
                return None
            row.append(root_of(below))
        return row

    def _hashed(self, index: int) -> Row | None:
        """The hashes of a bundle's commitments."""
        found = self._commitments(index)
        return found and [leaf_hash(each) for each in found]

    def _commitments(self, index: int) -> Row | None:
        try:
            return self._reader.commitments(index)
        except TileError as error:
            self.find("tile", error.path, str(error).removeprefix(f"{error.path} "))
            return None

    def _compared(self, index: int, row: Row) -> Row | None:
        """A bundle's commitments, if they are those of the settled leaves; else what differs."""
        found = self._commitments(index)
        made = [leaf_hash(each) for each in found or []]
        if made == row:
            return found
        path = self._reader.path(BUNDLES, index)
        start = index * WIDTH + self._reader.first
        for entry, (was, wanted) in enumerate(zip(made, row, strict=False), start):
            if was != wanted:
                self.find("changed", path, f"the commitment of entry {entry} was changed", entry)
        return None

    def _differences(self, level: int, index: int, stored: Row | None, row: Row) -> None:
        """Find the hashes of a stored tile that are not those of the settled one."""
        path = self._reader.path(level, index)
        for at, (was, wanted) in enumerate(zip(stored or [], row, strict=False)):
            if was != wanted:
                first = ((index * WIDTH + at) << HEIGHT * level) + self._reader.first
                last = first + (1 << HEIGHT * level) - 1
                over = f"entry {first}" if first == last else f"entries {first} to {last}"
                self.find("changed", path, f"the hash over {over} was changed", first)


def _mixes(stored: Row, made: Row) -> Iterator[Row]:
    """Rows that take each difference from either side: both may have been changed, elsewhere."""
    differ = [at for at, each in enumerate(made) if stored[at] != each]
    if len(differ) > _MIXED_MAX:
        yield made
        return
    for choice in product((made, stored), repeat=len(differ)):
        row = list(made)
        for at, side in zip(differ, choice, strict=True):
            row[at] = side[at]
        yield row
