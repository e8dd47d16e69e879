"""Tables as CSV for spreadsheets: each cell is text or a number, and none runs as a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def sheet(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table as CSV whose cells are text or numbers to every spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([harmless(each) for each in columns])
    writer.writerows([harmless(each) for each in row] for row in rows)
    return out.getvalue()


def harmless(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula; a number stays one, which can be summed."""
    if _NUMBER.fullmatch(cell):
        return cell
    return "'" + cell if cell.lstrip(" ").startswith(FORMULA) or cell.startswith(FORMULA) else cell
