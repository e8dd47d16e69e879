"""Rows of a file are read by whose they are: each once, as it stands in the file."""

from __future__ import annotations

import csv
import io
import json
import os
import tracemalloc
from collections.abc import Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sizes import size
from upheld.cli import by_customer, row_files
from upheld.cli.csv_rows import CsvRows
from upheld.cli.row_files import ColumnWords, Row
from upheld.core.errors import UpheldError
from upheld.practice.partner_rows import plain

WORDS = row_files.words_of(None, ("reference", "email", "what"))
EMAILS = ("ann@marked.example", "Ann@Marked.example ", "bo@marked.example", "žluť", "", "two")
TEXTS = st.text(st.sampled_from("aé\"\n,;\u2028 \t'\ufeff[{\\"), max_size=6)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(EMAILS),
        st.sampled_from(("A1", " A1 ", "A2", "e\u0301", "\u00e9", *(f"B{n}" for n in range(9)))),
        TEXTS,
    ),
    max_size=25,
)
COLUMNS = ("email", "reference", "what")
SLOW = settings(
    max_examples=size("files by whose rows they have", short=60, long=2_000),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are put in order together, and fewer are read at once."""
    monkeypatch.setattr(by_customer, "STRETCH", 10)
    monkeypatch.setattr(by_customer, "_ROWS", 3)


def ordered(path: Path, words: ColumnWords = WORDS) -> list[Row]:
    """The rows of a file by whose they are."""
    rows = row_files.rows_in_place(path)
    assert rows is not None
    return list(by_customer.in_order(rows, words))


def as_csv(rows: Sequence[Sequence[str]], ending: str = "\n", *, marked: bool = False) -> bytes:
    """A file of rows with a header."""
    out = io.StringIO()
    csv.writer(out, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows([COLUMNS, *rows])
    return out.getvalue().encode("utf-8-sig" if marked else "utf-8")


def as_json(rows: Sequence[Sequence[str]], ending: str = "\n", *, marked: bool = False) -> bytes:
    """A file of objects, between which other lines are."""
    lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    odd = ("[1]", "", '"', '{"email": 1, "reference": true}', '{"email":"\ud800"}')
    lines = [odd[at // 4 % 5] if at % 4 == 3 else each for at, each in enumerate(lines)]
    text = ending.join(lines).encode(errors="surrogatepass")
    return b"\xef\xbb\xbf" + text if marked else text


@SLOW
@given(
    rows=ROWS, ending=st.sampled_from(("\n", "\r\n")), is_marked=st.booleans(), is_csv=st.booleans()
)
def test_each_row_comes_once_with_its_line_and_those_of_an_address_together(
    tmp_path: Path, rows: list[Any], ending: str, *, is_marked: bool, is_csv: bool
) -> None:
    """Whatever stands in its values; and of those with one reference the first in the file."""
    path = tmp_path / ("rows.csv" if is_csv else "rows.jsonl")
    path.write_bytes((as_csv if is_csv else as_json)(rows, ending, marked=is_marked))
    plainly, there = list(row_files.rows(path)), ordered(path)
    assert sorted(there, key=lambda each: each[0]) == plainly
    assert len(plainly) == len(rows) or not is_csv
    places = {line: place for place, (line, _) in enumerate(plainly)}
    by_reference: dict[str, list[int]] = {}
    for line, row in there:
        reference = plain(WORDS.value("reference", row))
        by_reference.setdefault(reference, []).append(places[line])
    assert all(each == sorted(each) for each in by_reference.values())
    several = {
        reference
        for reference in by_reference
        if len({whose(row) for _, row in there if reference_of(row) == reference}) > 1
    }
    for first in range(0, len(there), 10):
        some = there[first : first + 10]
        assert {places[line] // 10 for line, _ in some} == {first // 10}
        alone = [whose(row) for _, row in some if reference_of(row) not in several]
        assert len([*groupby(alone)]) == len({*alone})


def whose(row: Any) -> str:
    """What one address has in common."""
    return str(WORDS.value("email", row)).strip().lower()


def reference_of(row: Any) -> str:
    """A reference as it is kept."""
    return plain(WORDS.value("reference", row))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"email,reference,what\na,b\n", "2 values under 3"),
        (b"email,reference,what\na,b,c\r\n", "ends otherwise"),
        (b"email,reference,what\na,b,\0\n", "NUL"),
        (b"email,reference,what\na,b,\xff\n", "line 2: this is not UTF-8"),
        (b"", "no header"),
    ],
)
def test_a_file_that_is_no_csv_is_told_with_its_line_before_any_row(
    tmp_path: Path, content: bytes, what: str
) -> None:
    """As it is of one that is read in its own order."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    rows = row_files.rows_in_place(path)
    assert rows is not None
    with pytest.raises(UpheldError, match=what):
        next(by_customer.in_order(rows, WORDS))
    with pytest.raises(UpheldError, match=what):
        next(row_files.rows(path))


def test_long_values_are_read_as_in_the_order_of_the_file(tmp_path: Path) -> None:
    """A value of 1 MB, and a line of JSON that is longer than any row is, of whatever bytes."""
    path = tmp_path / "rows.csv"
    long = "é" * (1 << 20)
    path.write_bytes(as_csv([("bo", "A1", long), ("ann", "A2", "x"), ("bo", "A3", long)]))
    assert sorted(ordered(path), key=lambda each: each[0]) == list(row_files.rows(path))
    path = tmp_path / "rows.jsonl"
    for fill in (b"x", b"\xff", "\U0001f600".encode(), b"\r"):
        odd = b'{"email":"bo","what":"' + fill * 300_000 + b'"}\n'
        path.write_bytes(b'{"email":"ann"}\n' + odd + b'{"email":"bo"}')
        there = ordered(path)
        assert sorted(there, key=lambda each: each[0]) == list(row_files.rows(path))
        assert [row for line, row in there if line == 2] == [{}]


@pytest.mark.parametrize("how", ["longer", "shorter", "other", "replaced"])
def test_a_file_that_changes_while_it_is_read_is_told_and_no_row_of_it_is_made_up(
    tmp_path: Path, how: str
) -> None:
    """Rows that were read before it are those that were there."""
    path = tmp_path / "rows.csv"
    rows = [(f"c{n % 3}", f"A{n}", "x" * 9) for n in range(30)]
    path.write_bytes(content := as_csv(rows))
    before = list(row_files.rows(path))
    file = row_files.rows_in_place(path)
    assert file is not None
    reader = by_customer.in_order(file, WORDS)
    there = list(islice(reader, 12))
    when = path.stat().st_mtime_ns
    if how == "replaced":
        (tmp_path / "new").write_bytes(content.replace(b"x", b"y"))
        (tmp_path / "new").replace(path)
    else:
        news = {"longer": content + b"1,2,3\n", "shorter": content[:-300]}
        path.write_bytes(news.get(how, content.replace(b"x", b"y")))
        os.utime(path, ns=(when + 1, when + 1))
    with pytest.raises(UpheldError, match="changed while it was read"):
        there.extend(reader)
    assert all(each in before for each in there)


def test_memory_does_not_grow_with_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a stretch of rows needs is some thirty bytes each, and it goes with them."""
    many = size("rows that are read by whose they are", short=40_000, long=200_000)
    monkeypatch.setattr(by_customer, "STRETCH", many // 4)
    monkeypatch.setattr(by_customer, "_ROWS", 128)
    path, peaks = tmp_path / "rows.csv", list[int]()
    for count in (many // 4, many):
        rows = [(f"customer{n * 7 % 999}", f"A{n}", "A marked boat") for n in range(count)]
        path.write_bytes(as_csv(rows))
        del rows
        tracemalloc.start()
        file = row_files.rows_in_place(path)
        assert file is not None
        assert sum(1 for _ in by_customer.in_order(file, WORDS)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    one, four = peaks
    assert four < one * 1.2 + 100_000
    assert one < many // 4 * 40 + 1_500_000


def test_an_order_is_another_one_by_another_column_and_tells_no_value() -> None:
    """By what a word is fixed to, or in what form the file is, nothing is told either."""
    csv_file, json_file = CsvRows(Path("a.csv")), row_files.JsonRows(Path("a.json"))
    columns = {"email": "E-mail", "reference": "No"}
    names = [
        by_customer.order_of(csv_file, ColumnWords(columns, {})),
        by_customer.order_of(csv_file, ColumnWords({**columns, "email": "Other"}, {})),
        by_customer.order_of(csv_file, ColumnWords({**columns, "reference": "Other"}, {})),
        by_customer.order_of(
            csv_file, ColumnWords({"reference": "No"}, {"email": "ann@x.example"})
        ),
        by_customer.order_of(json_file, ColumnWords(columns, {})),
    ]
    assert len({*names}) == len(names)
    same = ColumnWords({**columns, "what": "Article"}, {"currency": "USD"})
    assert by_customer.order_of(csv_file, same) == names[0]
    fixed = ColumnWords({"reference": "No"}, {"email": "bo@x.example"})
    assert by_customer.order_of(csv_file, fixed) == names[3]
