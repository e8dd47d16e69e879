"""Rows of a file in the order of whose they are: those of a customer one after the other.

So each customer is looked for, decided and entered once for many rows, or twice where the edge of a
lot lies between them. Nothing of the file is written anywhere or held in memory for it: of each of
a million rows at a time, some twenty bytes say where it lies and which of the others are of the
same address or reference, and it is read again from there. Rows with a reference that also a row of
another address has come last, in the order of the file, so that the first one is taken there too:
what comes of each row is the same in both orders. The order is that of the content alone, and so
the same whenever a reading goes on.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final
from zlib import crc32

from upheld.cli.csv_rows import FAULTS, BrokenRow, PlacedRow
from upheld.cli.read_beside import changed_file, state_as, state_of
from upheld.cli.row_files import (
    ColumnWords,
    JsonRows,
    Row,
    RowsInPlace,
    rows,
    rows_in_place,
)
from upheld.practice.partner_rows import plain

STRETCH: Final = 1 << 20  # rows that are put in order together
_VERSION: Final = "1"  # of the order: what was begun in another one cannot go on in this
_PARTS: Final = 256  # of a stretch, of which one at a time is sorted
_ROWS, _BYTES = 128, 1 << 20  # that are read again at once


def order_of(file: RowsInPlace, words: ColumnWords) -> str:
    """What names the order of a file's rows: it is another one by another column."""
    columns = [words.columns.get(each, "") for each in ("email", "reference")]
    name = "\0".join([str(isinstance(file, JsonRows)), *columns])
    return f"{_VERSION}-{sha256(name.encode()).hexdigest()[:16]}"


def rows_as_asked(path: Path, words: ColumnWords, ask: Callable[[], str]) -> Iterator[Row]:
    """The rows of a file in the order that is asked for: by whose they are, or that of the file."""
    in_place = rows_in_place(path)
    if in_place is not None:
        ordered = in_order(in_place, words)
        first = list(islice(ordered, 1))  # until then all is read once, while others begin
        if ask() == order_of(in_place, words):
            yield from chain(first, ordered)
            return
        ordered.close()
    yield from rows(path)


def in_order(file: RowsInPlace, words: ColumnWords) -> Generator[Row, None, None]:
    """The rows of a file by whose they are; UpheldError where it cannot be read, or changes."""
    with file.path.open("rb", buffering=0) as raw:
        state, every = state_as(os.fstat(raw.fileno())), file.placed()
        while places := _Places(islice(every, STRETCH), words):
            if state_of(file.path) != state:  # another one stands there
                raise changed_file(file.path)
            for some in _lots(places):
                whole = [each for each in some if not places.faults[each]]
                try:
                    again = list(file.again(_pieces(raw, file, places, whole)))
                except ValueError:
                    raise changed_file(file.path) from None
                if state_as(os.fstat(raw.fileno())) != state or len(again) != len(whole):
                    raise changed_file(file.path)
                yield from _with_broken(places, some, again)
            del places  # before the next ones are read


def _with_broken(
    places: _Places, some: Sequence[int], whole: Iterable[Mapping[str, object]]
) -> Iterator[Row]:
    """Rows with their lines, of which those that are whole were read again, in this order."""
    rest = iter(whole)
    for each in some:
        fault = places.faults[each]
        yield places.lines[each], BrokenRow(FAULTS[fault - 1]) if fault else next(rest)


class _Places:
    """Where rows lie, which of them are broken, and which belong together."""

    def __init__(self, rows: Iterable[PlacedRow], words: ColumnWords) -> None:
        self.starts, self.lines = array("Q"), array("Q")
        self.faults = (
            bytearray()
        )  # of each row, from 1 on as `FAULTS` has them; 0 of one that is whole
        self._whose, self._references = array("I"), array("I")
        end = 0
        for start, after, line, row in rows:
            end = after
            self.starts.append(start)
            self.lines.append(line)
            fault = row.fault if isinstance(row, BrokenRow) else None
            self.faults.append(0 if fault is None else FAULTS.index(fault) + 1)
            self._whose.append(_number(words.value("email", row)))
            self._references.append(crc32(_bytes(plain(words.value("reference", row)))))
        self.starts.append(end)

    def __len__(self) -> int:
        return len(self.lines)

    def order(self) -> Iterator[int]:
        """The rows by whose they are; those of which the order matters to others at the end."""
        late = self._late()
        for part in _parts(self._whose):
            for number in sorted(part, key=self._whose.__getitem__):
                if not late[number]:
                    yield number
        yield from (number for number, is_late in enumerate(late) if is_late)

    def _late(self) -> bytearray:
        """Of each row whether another one, of another address, may have the same reference."""
        late, whose, reference_of = bytearray(len(self)), self._whose, self._references.__getitem__
        for part in _parts(self._references):
            if len(set(map(reference_of, part))) == len(part):
                continue
            owners: dict[int, int | None] = {}
            for number in part:
                reference, owner = reference_of(number), whose[number]
                owners[reference] = owner if owners.get(reference, owner) == owner else None
            for number in part:
                late[number] = owners[reference_of(number)] is None
        return late


def _number(email: str) -> int:
    """A number that is the same for what is one address, whatever else it may be the same for."""
    return crc32(_bytes(email).strip().lower())


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _parts(numbers: Sequence[int]) -> list[Sequence[int]]:
    """The places of numbers, those that are alike together, in parts that are soon sorted."""
    parts = [array("I") for _ in range(_PARTS)]
    shift = 32 - _PARTS.bit_length() + 1
    for place, number in enumerate(numbers):
        parts[number >> shift].append(place)
    return list(parts)


def _lots(places: _Places) -> Iterator[list[int]]:
    """The rows in their order, as many as are read at once: few where they are long."""
    lot, size, starts = list[int](), 0, places.starts
    for number in places.order():
        lot.append(number)
        size += starts[number + 1] - starts[number]
        if len(lot) == _ROWS or size >= _BYTES:
            yield lot
            lot, size = [], 0
    if lot:
        yield lot


def _pieces(
    raw: BinaryIO, file: RowsInPlace, places: _Places, some: Sequence[int]
) -> Iterator[bytes]:
    """The bytes of some rows; a ValueError where there are fewer."""
    descriptor, starts, longest = raw.fileno(), places.starts, file.longest
    for number in some:
        start = starts[number]
        size = min(starts[number + 1] - start, longest)
        piece = os.pread(descriptor, size, start)
        if len(piece) != size:
            raise ValueError("the file is shorter than it was")
        yield piece
