"""A log as static files, as C2SP specifies them (tlog-tiles), written whole and read back.

    checkpoint              the state of the log, signed
    tile/LEVEL/N[.p/W]      up to 256 hashes of the tree; level 0 has the leaves
    tile/entries/N[.p/W]    up to 256 commitments, each with its length before it
    disclosed/N[.p/W]       for auditors: up to 256 entries with their salts, a line each

Any web server can publish the folder, without `disclosed`, and any verifier of tiled logs can read
it. A file never changes once it is there: it is written beside, synced and renamed, and the
checkpoint comes last, so that a reader never sees a checkpoint whose tiles are not there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from upheld.core.errors import UpheldError
from upheld.ledger.note import Note
from upheld.ledger.tree import HASH_BYTES, fold, leaf_hash, node_hash, root_of, split

WIDTH: Final = 256
HEIGHT: Final = 8
CHECKPOINT: Final = "checkpoint"
BUNDLES: Final = "tile/entries"
DISCLOSED: Final = "disclosed"
_PREFIX: Final = HASH_BYTES.to_bytes(2, "big")
_STEP: Final = len(_PREFIX) + HASH_BYTES
_KEPT: Final = 64
_TOGETHER: Final = 48


class TileError(UpheldError):
    """A file of a log that is not there or has not the length that it must have."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path} {message}", code="tile", hint="fetch the log's files again")
        self.path = path


def tile_path(kind: int | str, index: int, width: int = WIDTH) -> str:
    """Where a tile lies: `tile/0/x001/234`, and `tile/0/x001/234.p/5` while it has five hashes."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03}")
    if width < WIDTH:
        parts[-1] += f".p/{width}"
    return "/".join([f"tile/{kind}" if isinstance(kind, int) else kind, *parts])


def width_of(size: int, level: int, index: int) -> int:
    """How many hashes a tile has in a tree of this size; 0 where there is no such tile."""
    return max(0, min(WIDTH, (size >> HEIGHT * level) - index * WIDTH))


def partials(size: int) -> list[tuple[int, int]]:
    """The partial tiles of a tree of this size, as (level, index), from left to right."""
    levels = range((max(1, size.bit_length()) - 1) // HEIGHT, -1, -1)
    return [(n, size >> HEIGHT * (n + 1)) for n in levels if (size >> HEIGHT * n) % WIDTH]


def peaks(row: list[bytes]) -> list[bytes]:
    """The roots of the whole subtrees over a tile's hashes, from left to right."""
    places, start = [], 0
    while start < len(row):
        count = 1 << (len(row) - start).bit_length() - 1
        places.append(root_of(row[start : start + count]))
        start += count
    return places


def bundle(commitments: list[bytes]) -> bytes:
    """Commitments as an entry bundle."""
    return b"".join([_PREFIX + each for each in commitments])


def parse_bundle(raw: bytes) -> list[bytes] | None:
    """The commitments of an entry bundle; None unless it is one to the last byte."""
    count, rest = divmod(len(raw), _STEP)
    if rest or raw[::_STEP] + raw[1::_STEP] != _PREFIX[:1] * count + _PREFIX[1:] * count:
        return None
    return [raw[i : i + HASH_BYTES] for i in range(len(_PREFIX), len(raw), _STEP)]


def parse_tile(raw: bytes) -> list[bytes]:
    """The hashes of a tile."""
    return [raw[i : i + HASH_BYTES] for i in range(0, len(raw), HASH_BYTES)]


Hashes = Callable[[int, int], list[bytes]]
"""The hashes of a tile, by its level and index."""


def subtree_of(hashes: Hashes, start: int, end: int) -> bytes:
    """The root over leaves `start` to `end`, with few tiles read."""
    count = end - start
    if count & (count - 1) or start % count:
        middle = start + split(count)
        return node_hash(subtree_of(hashes, start, middle), subtree_of(hashes, middle, end))
    level, rest = divmod(count.bit_length() - 1, HEIGHT)
    first = start >> HEIGHT * level
    row = hashes(level, first // WIDTH)
    return root_of(row[first % WIDTH : first % WIDTH + (1 << rest)])


class Growth:
    """A log that grows: its size, and the hashes of its rightmost tiles, level by level."""

    def __init__(self, size: int = 0, hashes: Hashes | None = None) -> None:
        """`hashes` gives the tiles of a log that has so many entries already."""
        self.size = size
        self.rows: list[list[bytes]] = [[]]
        for level, index in partials(size) if hashes else ():
            self.rows += [[] for _ in range(level + 1 - len(self.rows))]
            self.rows[level] = list(hashes(level, index)) if hashes else []

    def append(self, leaf: bytes) -> None:
        """Add the hash of one more leaf; `full` must be asked after every 256th."""
        self.rows[0].append(leaf)
        self.size += 1

    def full(self) -> Iterator[tuple[int, int, list[bytes]]]:
        """The tiles that have just become full, from the leaves up: level, index, hashes."""
        for level, row in enumerate(self.rows):
            if len(row) < WIDTH:
                return
            if level + 1 == len(self.rows):
                self.rows.append([])
            self.rows[level + 1].append(root_of(row))
            self.rows[level] = []
            yield level, (self.size >> HEIGHT * (level + 1)) - 1, row

    def partial(self) -> list[tuple[int, int, list[bytes]]]:
        """The tiles that are not full yet: level, index, hashes."""
        return [(level, index, self.rows[level]) for level, index in partials(self.size)]

    def root(self) -> bytes:
        """The root as the tree stands now."""
        return fold([peak for row in reversed(self.rows) for peak in peaks(row)])


class TileReader:
    """Reads a log's files as they are for a tree of one size; what they say is not yet proven."""

    first = 0

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    def hashes(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile."""
        if row := self._tiles.get((level, index)):
            return row
        width = width_of(self.size, level, index)
        path, raw = self.read(level, index)
        length = HASH_BYTES * (WIDTH if path == tile_path(level, index) else width)
        if len(raw) != length:
            raise TileError(path, f"has {len(raw)} bytes, want {length}")
        row = parse_tile(raw)[:width]
        if len(self._tiles) >= _KEPT:
            del self._tiles[next(iter(self._tiles))]
        self._tiles[level, index] = row
        return row

    def commitments(self, index: int) -> list[bytes]:
        """The commitments of a bundle."""
        path, raw = self.read(BUNDLES, index)
        row, width = parse_bundle(raw), width_of(self.size, 0, index)
        count = WIDTH if path == tile_path(BUNDLES, index) else width
        if row is None or len(row) != count:
            raise TileError(path, f"is not a bundle of {count} commitments")
        return row[:width]

    def lines(self, index: int) -> list[bytes]:
        """The disclosed lines of a bundle, as many as there are."""
        path, raw = self.read(DISCLOSED, index)
        raw = raw.removeprefix(BOM_UTF8)  # some editors write one, and it is no part of an entry
        lines = raw.removesuffix(b"\n").split(b"\n") if raw else []
        may_be_longer = path == tile_path(
            DISCLOSED, index
        )  # it may hold more than there was at this size
        return (
            lines[: width_of(self.size, 0, index)]
            if may_be_longer and len(lines) == WIDTH
            else lines
        )

    def read(self, kind: int | str, index: int) -> tuple[str, bytes]:
        """A tile's path and bytes: of the width for this size, or the full one that came after."""
        width = width_of(self.size, kind if isinstance(kind, int) else 0, index)
        path = tile_path(kind, index, width)
        for each in dict.fromkeys((path, tile_path(kind, index))):
            try:
                return each, (self.folder / each).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise TileError(each, f"cannot be read: {error.strerror}") from None
        raise TileError(path, "is not there")

    def subtree(self, start: int, end: int) -> bytes:
        """The root over leaves `start` to `end`."""
        return subtree_of(self.hashes, start, end)

    def path(self, kind: int | str, index: int) -> str:
        """Where a tile of a tree of this size lies."""
        level = kind if isinstance(kind, int) else 0
        return tile_path(kind, index, width_of(self.size, level, index))

    def line(self, at: int) -> str:
        """What people call a line of a bundle, by its place in its file."""
        return f"line {at + 1}"


class TileWriter:
    """Writes a log's files as commitments come, with a few tiles in memory.

    With `size`, it goes on after that many entries, whose tiles are in the folder already. Tiles
    are nothing without a checkpoint: `publish` writes it, after all else is on the disk.
    """

    def __init__(self, folder: Path, size: int = 0) -> None:
        self.folder = folder
        self._growth = Growth()
        self._commitments: list[bytes] = []
        self._lines: list[bytes] = []
        self._touched: set[Path] = set()
        self._replaced: list[Path] = []
        self._waiting: list[tuple[Path, bytes]] = []
        if size:
            self._go_on(TileReader(folder, size))

    def append(self, commitment: bytes, line: bytes | None = None) -> None:
        """Add an entry: its commitment, and its line if the entry is to be disclosed."""
        self._commitments.append(commitment)
        self._growth.append(leaf_hash(commitment))
        if line is not None:
            self._lines.append(line)
        if len(self._commitments) == WIDTH:
            self._flush()

    @property
    def size(self) -> int:
        """How many entries there are."""
        return self._growth.size

    def root(self) -> bytes:
        """The root as the tree stands now."""
        return self._growth.root()

    def publish(self, note: Note) -> None:
        """Write what is left as partial tiles, and then the checkpoint over all of it."""
        index = self.size // WIDTH
        if self._commitments:
            self._write(
                tile_path(BUNDLES, index, len(self._commitments)), bundle(self._commitments)
            )
            self._disclose(index)
        for level, at, row in self._growth.partial():
            self._write(tile_path(level, at, len(row)), b"".join(row))
        self._place()
        for folder in sorted(self._touched):
            with _writing(folder):
                _sync(folder)
        self._touched.clear()
        self._write(CHECKPOINT, str(note).encode())
        self._place()
        with _writing(self.folder):
            _sync(self.folder)
        for each in self._replaced:  # now that the last checkpoint needs them no more
            shutil.rmtree(each, ignore_errors=True)
        self._replaced.clear()

    def _go_on(self, reader: TileReader) -> None:
        self._growth = Growth(reader.size, reader.hashes)
        if self.size % WIDTH:
            self._commitments = reader.commitments(self.size // WIDTH)
            if (self.folder / DISCLOSED).is_dir():
                self._lines = reader.lines(self.size // WIDTH)[: self.size % WIDTH]

    def _flush(self) -> None:
        """Write the tiles that have just become full, from the leaves up."""
        index = self.size // WIDTH - 1
        self._write(tile_path(BUNDLES, index), bundle(self._commitments))
        self._disclose(index)
        self._commitments = []
        for level, at, row in self._growth.full():
            self._write(tile_path(level, at), b"".join(row))

    def _disclose(self, index: int) -> None:
        if self._lines:
            path = tile_path(DISCLOSED, index, len(self._commitments))
            self._write(path, b"".join([each + b"\n" for each in self._lines]))
        if len(self._commitments) == WIDTH:
            self._lines = []

    def _write(self, path: str, content: bytes) -> None:
        whole = self.folder / path
        self._waiting.append((whole, content))
        if (partial := whole.with_name(whole.name + ".p")).is_dir():
            self._replaced.append(partial)
        if len(self._waiting) >= _TOGETHER:
            self._place()

    def _place(self) -> None:
        """Put the waiting files in place, synced together, which waits for the disk less."""
        ready: list[tuple[Path, Path]] = []
        try:
            for path, content in self._waiting:
                with _writing(path):
                    if not path.exists() or path.read_bytes() != content:
                        ready.append((self._beside(path), path))
                        ready[-1][0].write_bytes(content)
            for beside, path in ready:
                with _writing(path):
                    _sync(beside)
            for beside, path in ready:
                with _writing(path):
                    beside.replace(path)
        finally:
            self._waiting.clear()
            for beside, _ in ready:
                beside.unlink(missing_ok=True)

    def _beside(self, path: Path) -> Path:
        """A new file in the folder where another is to be."""
        if path.parent not in self._touched:
            path.parent.mkdir(parents=True, exist_ok=True)
            within = [each for each in path.parents if each.is_relative_to(self.folder)]
            self._touched.update([*within, self.folder.parent])
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        if not path.is_relative_to(self.folder / DISCLOSED):  # entries are their owner's alone
            os.fchmod(handle, 0o644)
        os.close(handle)
        return Path(name)


def _sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UpheldError(
            f"{path} cannot be written: {error.strerror}",
            code="unwritable",
            hint="make room or choose another folder, and export again",
        ) from None
