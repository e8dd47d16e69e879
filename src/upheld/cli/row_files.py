"""Files of rows as `upheld collect transactions` reads them, one row at a time.

CSV with a header, JSON with an object a line, and Parquet with the extra `bulk`. A TOML file says
which column has which word, and what stands for all rows:

    [columns]
    reference = "Order no"
    [fixed]
    currency = "USD"
"""

from __future__ import annotations

import json
import tomllib
from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from upheld.cli import csv_rows
from upheld.cli.csv_rows import CsvRows, PlacedRow
from upheld.core.errors import UpheldError, nearest
from upheld.core.files import read_file

Row = tuple[int, Mapping[str, object]]
"""The line of a row, and its values by column."""
LINE_MAX = 1 << 16  # characters of a line of JSON
_BYTES_MAX: Final = 4 * (LINE_MAX + 1)  # of a line that is read: there are as many characters
PARQUET_ROWS = 5_000  # that are in memory at once


class ColumnWords(NamedTuple):
    """Which column has which word, and which words are the same for all rows."""

    columns: Mapping[str, str]
    fixed: Mapping[str, str]

    def values(self, row: Mapping[str, object]) -> dict[str, str]:
        """The words of a row; what is no text or number is left out."""
        values = dict(self.fixed)
        for word, column in self.columns.items():
            value = row.get(column)
            if type(value) is str:
                values[word] = value
            elif isinstance(value, int | float) and not isinstance(value, bool):
                values[word] = str(value)
        return values

    def value(self, word: str, row: Mapping[str, object]) -> str:
        """What a row has for a word; empty where it has nothing."""
        column = self.columns.get(word)
        value = self.fixed.get(word) if column is None else row.get(column)
        if type(value) is str:
            return value
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return str(value) if is_number else ""


def words_of(path: Path | None, words: tuple[str, ...]) -> ColumnWords:
    """What a TOML file says of the columns; without one each word has the column of its name."""
    every = {each: each for each in words}
    if path is None:
        return ColumnWords(every, {})
    try:
        parts = tomllib.loads(read_file(path)[0].decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        raise _wrong_mapping(
            f"{path} is not TOML", 'write [columns] and lines like date = "Day"'
        ) from None
    for name, part in parts.items():
        if name not in {"columns", "fixed"} or not isinstance(part, dict):
            raise _wrong_mapping(f"{path} says something of `{name}`", "say [columns] and [fixed]")
        for word, value in part.items():
            if word not in words or not isinstance(value, str):
                raise _wrong_mapping(
                    f"`{word}` is no word of a transaction, or what is said of it is no text",
                    f"did you mean {nearest(word, words) or ', '.join(words)}?",
                )
    fixed = parts.get("fixed", {})
    columns = {**every, **parts.get("columns", {})}
    return ColumnWords({w: c for w, c in columns.items() if w not in fixed}, fixed)


class RowsInPlace(Protocol):
    """The rows of a file, of which each can be read again from where it lies."""

    path: Path
    longest: int  # bytes of a row of which it is read

    def placed(self) -> Iterator[PlacedRow]:
        """Each row, with its place; UpheldError for a file that cannot be read."""

    def again(self, pieces: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
        """The rows that some bytes are, once it was read where they lie; ValueError for others."""


def check_columns(rows: RowsInPlace | None, words: ColumnWords, required: Collection[str]) -> None:
    """UpheldError where a file of CSV has no column for a word that is required, or was named.

    No row of it would be read. Names of its columns are not told: where a file has none, they are
    somebody's row. An object of JSON may have one that others have not.
    """
    if not isinstance(rows, CsvRows):
        return
    header = csv_rows.header_of(rows.path)
    for word, column in words.columns.items():
        if column in header or (column == word and word not in required):
            continue
        if any(each.casefold() == column.casefold() for each in header):
            hint = f"it has one in other letters: say under [columns] which one is `{word}`"
        else:
            hint = "look at its first line, and say under [columns] what each column is called"
        raise _wrong_mapping(f"the file has no column `{column}`", hint)


def rows(path: Path) -> Iterator[Row]:
    """The rows in the order of the file; UpheldError for a file that cannot be read."""
    in_place = rows_in_place(path)
    if in_place is None:
        yield from _parquet(path)
    else:
        for _, _, line, row in in_place.placed():
            yield line, row


def rows_in_place(path: Path) -> RowsInPlace | None:
    """The rows of a file; None where they lie in columns, as those of Parquet do."""
    if not path.is_file():
        raise UpheldError(f"{path} is not a file", code="unreadable", hint="name a file of rows")
    kind = path.suffix.casefold()
    if kind == ".parquet":
        return None
    return JsonRows(path) if kind in {".jsonl", ".ndjson", ".json"} else CsvRows(path)


class JsonRows:
    """Rows of JSON, one a line; what is no object is a row of nothing."""

    longest = _BYTES_MAX

    def __init__(self, path: Path) -> None:
        self.path = path

    def placed(self) -> Iterator[PlacedRow]:
        """Each row, with its place."""
        with self.path.open("rb") as file:
            start = file.tell() if file.read(len(BOM_UTF8)) == BOM_UTF8 else file.seek(0)
            number = 0
            while raw := file.readline(_BYTES_MAX):
                number += 1
                row = _row_of(raw)
                while not raw.endswith(b"\n") and (raw := file.readline(_BYTES_MAX)):
                    pass  # longer than any row is
                end = file.tell()
                yield start, end, number, row
                start = end

    def again(self, pieces: Iterable[bytes]) -> Iterator[Mapping[str, object]]:
        """The rows that some bytes are."""
        return map(_row_of, pieces)


def _row_of(raw: bytes) -> Mapping[str, object]:
    text = raw.decode(errors="replace")
    try:
        row = json.loads(text if len(text) <= LINE_MAX else "?")
    except (ValueError, RecursionError):
        row = None
    return row if isinstance(row, dict) else {}


def _parquet(path: Path) -> Iterator[Row]:
    from pyarrow import ArrowException, parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                for row in batch.to_pylist():
                    number += 1
                    yield number, {name: _plain(value) for name, value in row.items()}
    except (ArrowException, OSError):
        raise UpheldError(
            f"{path} is not Parquet", code="unreadable", hint="name a whole file of Parquet"
        ) from None


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)


def _wrong_mapping(what: str, hint: str) -> UpheldError:
    return UpheldError(what, code="wrong-column", hint=hint)
