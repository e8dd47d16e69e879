"""A CSV file of customers, read as its author sees it, or refused with the line of what is wrong.

A column is a field. What a spreadsheet hides is read rightly (a byte order mark, spaces around a
cell, letters in two parts), or refused: characters that nobody sees, formulas, two columns of one
name, a quote that is not closed. No value is ever repeated in an error.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from upheld.core.errors import UpheldError, nearest
from upheld.gate.evidence.field_values import WRITTEN_BY_PROGRAM

_FORMULA: Final = re.compile(r"=|#(?:N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|##)")
_ANOTHER_ROW: Final = re.compile(r"@|[0-9]{4}-[0-9]{2}-[0-9]{2}")  # which no address holds
_ZIP_DIGITS: Final = 5
Canonical = Callable[[str, str], str]  # a field and a value; the value as it is kept


class ImportFileError(UpheldError):
    """A file of customers that cannot be taken in; its line is given, never a value."""


class CustomerRow(NamedTuple):
    """One customer of a file: the line on which they begin, and their values by field."""

    line: int
    values: dict[str, str]


def read_customers(
    path: Path, fields: Collection[str], canonical: Canonical, *, country: str
) -> list[CustomerRow]:
    """The customers of a file; ImportFileError names the line of the first mistake.

    `fields` are those of the policy's vocabulary. Empty cells and empty rows are left out.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_columns(path, names, fields)
        rows = list(_rows(path, reader, names))
    except csv.Error:
        raise ImportFileError(
            f"{path}, line {reader.line_num}: it is not CSV in UTF-8",
            code="import",
            hint="check the commas and quotes of this line",
        ) from None
    customers = [_check_row(path, row, canonical, country) for row in rows]
    _refuse_twins(path, customers)
    return customers


def _text(path: Path) -> str:
    """What a file says, without the byte order mark that a spreadsheet writes first."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ImportFileError(
            f"{path} cannot be read: {error.strerror}",
            code="unreadable",
            hint="name a CSV file that can be read",
        ) from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ImportFileError(
            f"{path}, line {line}: it is not CSV in UTF-8",
            code="import",
            hint="save the file as CSV UTF-8",
        ) from None


def _check_columns(path: Path, names: Sequence[str], fields: Collection[str]) -> None:
    """ImportFileError unless each column is another field that may come from a file."""
    for at, name in enumerate(names):
        if name in WRITTEN_BY_PROGRAM:
            wrong, hint = "is never taken from a file", WRITTEN_BY_PROGRAM[name]
        elif name not in fields:
            near = nearest(name, fields)
            wrong = "is not a field"
            hint = f"did you mean `{near}`?" if near else "remove the column"
            if ";" in name or "\t" in name:
                hint = "separate the columns by commas"
        elif name in names[:at]:
            wrong, hint = "is there twice", "leave one of the two out"
        else:
            continue
        printable = name.encode("ascii", "backslashreplace").decode()
        raise ImportFileError(f"{path}, line 1: `{printable}` {wrong}", code="import", hint=hint)


def _rows(path: Path, reader: Iterator[list[str]], names: Sequence[str]) -> Iterator[CustomerRow]:
    """The rows as they stand, each with the line on which it begins."""
    line = reader.line_num + 1  # type: ignore[attr-defined] # a csv.reader, which has no public type
    for cells in reader:
        if len(cells) != len(names) and any(cells):
            raise ImportFileError(
                f"{path}, line {line}: it does not have as many cells as the first line",
                code="import",
                hint="check the commas and quotes of this line",
            )
        values = {name: cell for name, cell in zip(names, cells, strict=False) if cell.strip()}
        if values:
            yield CustomerRow(line, values)
        line = reader.line_num + 1  # type: ignore[attr-defined] # as above


def _check_row(path: Path, row: CustomerRow, canonical: Canonical, country: str) -> CustomerRow:
    """A row whose values are as they are kept; ImportFileError where one is none."""
    values = {}
    for field, value in row.values.items():
        where = f"{path}, line {row.line}: `{field}`"
        if _FORMULA.match(value.strip()):
            raise ImportFileError(
                f"{where} is a formula", code="import", hint="save what the spreadsheet shows"
            )
        if any(_ANOTHER_ROW.search(part) for part in value.splitlines()[1:]):
            raise ImportFileError(
                f"{where} goes on over other rows", code="import", hint="close its quotes"
            )
        try:
            values[field] = canonical(field, value)
        except ValueError as error:
            raise ImportFileError(
                f"{where} cannot be taken in", code="import", hint=str(error)
            ) from None
        if field == "zip" and country == "US" and _lost_zero(values[field]):
            raise ImportFileError(
                f"{where} has lost the zero at its front",
                code="import",
                hint="save the column as text",
            )
    return CustomerRow(row.line, values)


def _lost_zero(code: str) -> bool:
    return code.isdecimal() and len(code) < _ZIP_DIGITS


def _refuse_twins(path: Path, rows: Sequence[CustomerRow]) -> None:
    """ImportFileError where two rows have one address: one of them would be left out unseen."""
    lines: dict[str, int] = {}
    for row in rows:
        email = row.values.get("email", "").casefold()
        if email and (first := lines.setdefault(email, row.line)) != row.line:
            raise ImportFileError(
                f"{path}, line {row.line}: it has the e-mail address of line {first}",
                code="import",
                hint="each customer signs in with an address of their own",
            )
