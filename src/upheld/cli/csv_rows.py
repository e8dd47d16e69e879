"""CSV as a person who opens it sees it: every value the text that it is, every row as long as all.

The format is that of RFC 4180 in UTF-8, with a header and commas; a byte order mark is no part of
the first name. What spreadsheets, engines and people would read in different ways (a row that is
too short, two columns of one name, another separator, `yes` for true) is an error with its line.

Of a file of many people's rows, which are taken in one by one, a row that is broken is told with
its line and is nobody's. It reaches to where its quotes are closed; where they are not, it is the
line in which it begins, and the next one begins another row.
"""

from __future__ import annotations

import csv
import re
import sys
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.policy.fact_types import FactType

PlacedRow = tuple[int, int, int, Mapping[str, object]]
"""The byte with which a row begins, the one after it, its line, and its values by column."""
GZIP = b"\x1f\x8b"  # with which such a file begins
FIELD_MAX = 1 << 20  # characters of one value
ROW_MAX: Final = 4 * FIELD_MAX  # characters of one row: no more of a file is in memory
NOT_UTF8, NUL, QUOTES, VALUES = "not-utf-8", "nul", "quotes", "values"
FAULTS: Final = (NOT_UTF8, NUL, QUOTES, VALUES)
"""Why a row is broken: its bytes, a character, a quote that is not closed, how many values."""
DUCKDB = {
    "header": True,
    "delim": ",",
    "quote": '"',
    "escape": '"',
    "comment": "",
    "auto_detect": False,
    "strict_mode": True,
}
SPARK = {
    "header": True,
    "sep": ",",
    "quote": '"',
    "escape": '"',
    "multiLine": True,
    "encoding": "UTF-8",
    "mode": "FAILFAST",
    "inferSchema": False,
    "enforceSchema": True,
}


def text(connection: Any, path: Path) -> Any:
    """The table of a file, each column text, an empty value NULL; UpheldError names a bad line."""
    header = check_rows(path)
    if connection.name == "duckdb":
        columns = dict.fromkeys(header, "VARCHAR")
        return connection.read_csv(str(path), columns=columns, **DUCKDB)
    schema = ", ".join(f"`{name.replace('`', '``')}` STRING" for name in header)
    return connection.read_csv(str(path), schema=schema, **SPARK)


class BrokenRow(dict[str, object]):
    """A row that cannot be read: it has no values, and a fault, one of `FAULTS`."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault


class _Fault(NamedTuple):
    """Why a row is broken, for a program and for a person, and what to do about it."""

    word: str
    what: str
    hint: str


_Record = tuple[int, int, list[str], _Fault | None]
"""The line on which a row ends, the byte after it, its values, and why these are none."""
_BYTES: Final = _Fault(NOT_UTF8, "this is not UTF-8", "save the file as UTF-8")
_CHARACTER: Final = _Fault(NUL, "there is a NUL character", "save the file as text")
_ESCAPED: Final = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as they are decoded


def header_of(path: Path) -> list[str]:
    """The names of the columns of a file; UpheldError where it has none, or two alike."""
    return _header(path, _records(path))


def _header(path: Path, records: Iterator[_Record]) -> list[str]:
    first = next(records, None)
    if first is None or not (first[2] or first[3]):
        raise _wrong(path, 1, "there is no header", "write the columns' names in the first line")
    line, _, header, fault = first
    if fault is not None:
        with path.open("rb") as file:
            if file.read(len(GZIP)) == GZIP:
                raise _wrong(path, 1, "this is compressed", "unpack it first, as by gunzip")
        raise _wrong(path, line, fault.what, fault.hint)
    _check_header(path, line, header)
    return header


def check_rows(path: Path) -> list[str]:
    """The names of the columns of a file none of whose rows is broken; UpheldError for another."""
    records = _records(path)
    header = _header(path, records)
    for line, _, _, fault in records:
        if fault is not None:
            raise _wrong(path, line, fault.what, fault.hint)
    return header


def check_file(path: Path) -> list[str]:
    """The names of the columns of a file that may have broken rows.

    UpheldError where none of its rows is whole, or where it is hopeless: by its header, by lines
    that end otherwise than the first, or by a value or row that is too long.
    """
    records = _records(path)
    header = _header(path, records)
    first, is_hopeless = None, True
    for line, _, _, fault in records:
        if fault is None:
            is_hopeless = False
        elif first is None:
            first = line, fault
    if first is not None and is_hopeless:
        line, fault = first
        raise _wrong(path, line, fault.what, fault.hint)
    return header


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str] | BrokenRow]]:
    """Each row by column, with its line; UpheldError as `check_file` raises it."""
    records = _records(path)
    header = _header(path, records)
    for line, _, values, fault in records:
        yield line, _row(header, values) if fault is None else BrokenRow(fault.word)


def _row(header: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    return dict(zip(header, values, strict=True))


class CsvRows:
    """The rows of a file, of which each can be read again from where it lies."""

    longest = sys.maxsize

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header: list[str] = []

    def placed(self) -> Iterator[PlacedRow]:
        """Each row as `read_rows` gives it, with its place."""
        check_file(self.path)
        records = _records(self.path)
        (_, start, header, _) = next(records)
        self._header = header
        for line, end, values, fault in records:
            row = _row(header, values) if fault is None else BrokenRow(fault.word)
            yield start, end, line, row
            start = end

    def again(self, pieces: Iterable[bytes]) -> Iterator[dict[str, str]]:
        """The rows that some bytes are, once it was read where they lie; ValueError for others.

        None of them may be broken.
        """
        header = self._header
        try:
            for row in csv.reader((each.decode() for each in pieces), strict=True):
                yield _row(header, row)
        except csv.Error:
            raise ValueError("these bytes are no row") from None


def _has_mark(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(BOM_UTF8)) == BOM_UTF8


def _check_header(path: Path, line: int, header: list[str]) -> None:
    if len(header) == 1 and (other := re.search(r"[;\t|]", header[0])):
        raise _wrong(path, line, f"the columns are separated by {other[0]!r}", "separate by commas")
    folded: dict[str, str] = {}
    for name in header:
        if not name.strip():
            raise _wrong(path, line, "a column has no name", "name each column")
        if name.casefold() in folded:
            raise two_columns(folded[name.casefold()], name)
        folded[name.casefold()] = name


def two_columns(one: str, other: str) -> UpheldError:
    """The error for two columns whose names only case tells apart, or nothing."""
    return UpheldError(
        f"the columns `{one}` and `{other}` have one name",
        code="wrong-column",
        hint="rename one of them",
    )


def check_values(path: Path, table: Any, kinds: Mapping[str, FactType]) -> None:
    """UpheldError with the line where a value is none that its column's fact can have."""
    bad = {
        column: (~table[column].re_search(rf"^(?:{kind.text_pattern})\z")).sum()
        for column, kind in kinds.items()
    }
    (counts,) = table.aggregate(**bad).to_pyarrow().to_pylist()
    if not any(counts.values()):
        return
    for line, row in read_rows(path):
        for column, kind in kinds.items():
            value = str(row[column])
            if value and not re.fullmatch(kind.text_pattern, value):
                raise UpheldError(
                    f"{path}, line {line}: `{column}` holds another word than its fact can have",
                    code="wrong-type",
                    hint=f"expected {kind.text_words}",
                )


class _Lines:
    """The lines of a file as its rows are read; those of a broken row can be read once more."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self.number = 0  # of the lines before the row that is read
        self.row: list[str] = []  # its lines
        self._path, self._file = path, file
        self._again: deque[str] = deque()

    def read(self) -> Iterator[str]:
        """Each line, which is of the row that is read; UpheldError once that is too long.

        Whoever came to the end of the file in a broken row begins this anew.
        """
        row, again, size = self.row, self._again, 0
        rest = iter(partial(self._file.readline, ROW_MAX + 1), "")
        while line := again.popleft() if again else next(rest, ""):
            size = size + len(line) if row else len(line)
            row.append(line)
            if size > ROW_MAX:
                raise self.too_long(f"a row is longer than {ROW_MAX:,} characters")
            yield line

    def too_long(self, what: str) -> UpheldError:
        """The error of a value or a row that is too long, with its first line."""
        hint = "close each quote, and end each row; or leave that row out of the file"
        return _wrong(self._path, self.number + 1, what, hint)

    def leave_first(self) -> None:
        """Let the row that is read be its first line alone: the others are read once more."""
        self._again.extendleft(reversed(self.row[1:]))
        del self.row[1:]

    def end_row(self) -> None:
        """What comes next is of another row."""
        self.number += len(self.row)
        self.row.clear()


def _records(path: Path) -> Iterator[_Record]:
    """Each row of a file, also the header; UpheldError where it is hopeless."""
    csv.field_size_limit(FIELD_MAX)
    ending, end, columns = "", len(BOM_UTF8) if _has_mark(path) else 0, 0
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        lines = _Lines(path, file)
        row, reader = lines.row, csv.reader(lines.read(), strict=True)
        while True:
            fault = None
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                if str(FIELD_MAX) in str(error):
                    raise lines.too_long(f"this is not CSV ({error})") from None
                values, fault = [], _not_csv(error)
                lines.leave_first()
                reader = csv.reader(lines.read(), strict=True)
            columns = columns or len(values)
            for line in row:
                if line.isascii():
                    end += len(line)
                else:
                    end += len(line.encode(errors="surrogateescape"))
                    fault = _BYTES if _ESCAPED.search(line) else fault
                if "\0" in line and fault is not _BYTES:
                    fault = _CHARACTER
            if fault is None and len(values) != columns:
                fault = _other_number(values, columns)
            own = line[len(line.rstrip("\r\n")) :]
            lines.end_row()
            ending = ending or own
            if own and own != ending:
                what = "this line ends otherwise than the first"
                raise _wrong(path, lines.number, what, "let all lines end alike")
            yield lines.number, end, values, fault


def _not_csv(error: csv.Error) -> _Fault:
    hint = "put values with line breaks in quotes, and double quotes inside"
    return _Fault(QUOTES, f"this is not CSV ({error})", hint)


def _other_number(values: Sequence[str], columns: int) -> _Fault:
    there = count_of(len(values), "value") if values else "nothing"
    return _Fault(
        VALUES,
        f"the line has {there} under {count_of(columns, 'column')}",
        "give each row a value for each column, or nothing between commas",
    )


def _wrong(path: Path, line: int, what: str, hint: str) -> UpheldError:
    return UpheldError(f"{path}, line {line}: {what}", code="bad-line", hint=hint)
