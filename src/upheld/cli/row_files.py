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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from upheld.cli import csv_rows
from upheld.core.errors import UpheldError, nearest
from upheld.core.files import read_file

LINE_MAX = 1 << 16  # characters of a line of JSON
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
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                values[word] = str(value)
        return values


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


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each row by column, with its line; UpheldError for a file that cannot be read."""
    if not path.is_file():
        raise UpheldError(f"{path} is not a file", code="unreadable", hint="name a file of rows")
    kind = path.suffix.casefold()
    if kind == ".parquet":
        return _parquet(path)
    if kind in {".jsonl", ".ndjson", ".json"}:
        return _json(path)
    return csv_rows.read_rows(path)


def _json(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of JSON; what is no object is a row of nothing, which is left out with its line."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        number = 0
        while line := file.readline(LINE_MAX):
            number += 1
            whole = line.endswith("\n")
            while not whole and (more := file.readline(LINE_MAX)):
                line, whole = "?", more.endswith("\n")  # longer than any row is
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            yield number, row if isinstance(row, dict) else {}


def _parquet(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
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
