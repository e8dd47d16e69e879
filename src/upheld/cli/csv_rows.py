"""CSV as a person who opens it sees it: every value the text that it is, every row as long as all.

The format is that of RFC 4180 in UTF-8, with a header and commas; a byte order mark is no part of
the first name. What spreadsheets, engines and people would read in different ways (a row that is
too short, two columns of one name, another separator, `yes` for true) is an error with its line.
"""

from __future__ import annotations

import csv
import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.policy.fact_types import FactType

PlacedRow = tuple[int, int, int, Mapping[str, object]]
"""The byte with which a row begins, the one after it, its line, and its values by column."""
GZIP = b"\x1f\x8b"  # with which such a file begins
FIELD_MAX = 1 << 20  # characters of one value
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


def header_of(path: Path) -> list[str]:
    """The names of the columns of a file; UpheldError where it has none, or two alike."""
    return _header(path, _rows(path))


def _header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> list[str]:
    first = next(rows, None)
    if first is None:
        raise _wrong(path, 1, "there is no header", "write the columns' names in the first line")
    line, header = first
    _check_header(path, line, header)
    return header


def check_rows(path: Path) -> list[str]:
    """The names of the columns of a file all of whose rows are as long as its header."""
    reader = _rows(path)
    header = _header(path, reader)
    for line, row in reader:
        if len(row) != len(header):
            columns = count_of(len(header), "column")
            values = count_of(len(row), "value") if row else "nothing"
            raise _wrong(
                path,
                line,
                f"the line has {values} under {columns}",
                "give each row a value for each column, or nothing between commas",
            )
    return header


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by column, with its line; UpheldError for a file whose rows are not all as long."""
    header = check_rows(path)
    rows = _rows(path)
    next(rows)
    for line, row in rows:
        yield line, dict(zip(header, row, strict=True))


class CsvRows:
    """The rows of a file, of which each can be read again from where it lies."""

    longest = sys.maxsize

    def __init__(self, path: Path) -> None:
        self.path = path
        self._header: list[str] = []

    def placed(self) -> Iterator[PlacedRow]:
        """Each row as `read_rows` gives it, with its place."""
        self._header = header = check_rows(self.path)
        reach = [len(BOM_UTF8) if _has_mark(self.path) else 0]
        rows = _rows(self.path, reach)
        next(rows)
        (start,) = reach
        for line, row in rows:
            yield start, reach[0], line, dict(zip(header, row, strict=True))
            (start,) = reach

    def again(self, pieces: Iterable[bytes]) -> Iterator[dict[str, str]]:
        """The rows that some bytes are, once it was read where they lie; ValueError for others."""
        header = self._header
        try:
            for row in csv.reader((each.decode() for each in pieces), strict=True):
                yield dict(zip(header, row, strict=True))
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
    reader = _rows(path)
    header = next(reader)[1]
    for line, row in reader:
        for column, kind in kinds.items():
            value = row[header.index(column)]
            if value and not re.fullmatch(kind.text_pattern, value):
                raise UpheldError(
                    f"{path}, line {line}: `{column}` holds another word than its fact can have",
                    code="wrong-type",
                    hint=f"expected {kind.text_words}",
                )


def _rows(path: Path, reach: list[int] | None = None) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line on which it ends; UpheldError for what is not CSV.

    To `reach`, if there is one, the bytes that were read are added.
    """
    csv.field_size_limit(FIELD_MAX)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _lines(path, file if reach is None else _measured(file, reach))
        reader = csv.reader(lines, strict=True)
        try:
            for row in reader:
                yield reader.line_num, row
        except csv.Error as error:
            raise _wrong(
                path,
                reader.line_num,
                f"this is not CSV ({error})",
                "put values with line breaks in quotes, and double quotes inside",
            ) from None
        except UnicodeDecodeError:
            raise _not_utf8(path) from None


def _not_utf8(path: Path) -> UpheldError:
    """The error of a file that is not UTF-8: it names the first line that is not."""
    with path.open("rb") as file:
        if file.read(len(GZIP)) == GZIP:
            return _wrong(path, 1, "this is compressed", "unpack it first, as by gunzip")
    return _wrong(path, _undecodable(path), "this is not UTF-8", "save the file as UTF-8")


def _undecodable(path: Path) -> int:
    """The number of the first line that is not UTF-8."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def _measured(file: Iterator[str], reach: list[int]) -> Iterator[str]:
    """The lines of a file, whose bytes are added as they are asked for: a row takes no more."""
    for line in file:
        reach[0] += len(line) if line.isascii() else len(line.encode())
        yield line


def _lines(path: Path, file: Iterator[str]) -> Iterator[str]:
    """The lines of a file that all end alike, without NUL."""
    ending, quoted = "", False
    for number, line in enumerate(file, 1):
        quoted ^= line.count('"') % 2 == 1
        own = "" if quoted else line[len(line.rstrip("\r\n")) :]  # inside a value any may stand
        ending = ending or own
        if own and own != ending:
            raise _wrong(
                path, number, "this line ends otherwise than the first", "let all lines end alike"
            )
        if "\0" in line:
            raise _wrong(path, number, "there is a NUL character", "save the file as text")
        yield line


def _wrong(path: Path, line: int, what: str, hint: str) -> UpheldError:
    return UpheldError(f"{path}, line {line}: {what}", code="bad-line", hint=hint)
