"""Rows of a file that are broken: each is told by its line, and the others are as without them."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.homes import home_with_partner, partner_day, run
from sizes import size
from upheld.cli import by_customer, csv_rows, row_files
from upheld.cli.csv_rows import NOT_UTF8, NUL, QUOTES, VALUES, BrokenRow
from upheld.core.errors import UpheldError

WORDS: Final = row_files.words_of(None, ("reference", "email", "what"))
COLUMNS: Final = ("email", "reference", "what")
BROKEN: Final = (  # without their ends, and why each is no row
    (b"", VALUES),
    (b"a,b", VALUES),
    (b"a,b,c,d", VALUES),
    (b'"a\nann@marked.example,A9,forged\nb",c', VALUES),
    (b"a,b\0,c", NUL),
    (b'a,"\0\nann@marked.example,A9,forged",c', NUL),
    (b"a,\xff,c", NOT_UTF8),
    (b'a,"\xe9\nann@marked.example,A9,forged",c', NOT_UTF8),
    (b"a,\xed\xb3\xbf,c", NOT_UTF8),  # a surrogate
    (b'a,"b"x,c', QUOTES),
    (b'"a,b,c', QUOTES),
    (b'a,"b,c', QUOTES),
)
# After a quote that is not closed, a value that begins with a line break would close it.
VALUE: Final = st.text(st.sampled_from("aé\n \t'\ufeff\u2028"), max_size=5).map("v".__add__)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few rows are put in order together, and fewer are read at once."""
    monkeypatch.setattr(by_customer, "STRETCH", 5)
    monkeypatch.setattr(by_customer, "_ROWS", 2)


def as_record(values: Sequence[str], ending: str, quoting: Any = csv.QUOTE_ALL) -> bytes:
    """A row as a spreadsheet writes it."""
    out = io.StringIO()
    csv.writer(out, lineterminator=ending, quoting=quoting).writerow(values)
    return out.getvalue().encode()


def faults_of(rows: Iterable[tuple[int, Mapping[str, object]]]) -> list[tuple[int, Any, str]]:
    """Rows with their lines, each with why it is broken, if it is."""
    return [(n, row, row.fault if isinstance(row, BrokenRow) else "") for n, row in rows]


@settings(
    max_examples=size("files with broken rows", short=100, long=3_000),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
)
@given(
    rows=st.lists(st.tuples(VALUE, VALUE, VALUE), min_size=1, max_size=12),
    broken=st.lists(st.tuples(st.integers(0, 12), st.sampled_from(BROKEN)), max_size=8),
    ending=st.sampled_from(("\n", "\r\n")),
    how=st.tuples(
        st.booleans(), st.booleans(), st.sampled_from((csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
    ),
)
def test_a_file_with_broken_lines_is_the_file_without_them_and_so_many_refusals(
    tmp_path: Path,
    rows: list[Any],
    broken: list[tuple[int, tuple[bytes, str]]],
    ending: str,
    how: tuple[bool, bool, int],
) -> None:
    """Wherever they stand, and though text in one of their values looks like a row."""
    is_marked, is_cut, quoting = how
    path, end = tmp_path / "rows.csv", ending.encode()
    content = b"\xef\xbb\xbf" if is_marked else b""
    line, expected = content.count(b"\n") + 1, list[tuple[int, dict[str, str], str]]()
    content += as_record(COLUMNS, ending)
    for place in range(len(rows) + 1):
        for _, (text, fault) in (each for each in broken if min(each[0], len(rows)) == place):
            content += text.replace(b"\n", end) + end
            line += text.count(b"\n") + 1
            expected.append((line, {}, fault))
        if place < len(rows):
            content += (record := as_record(rows[place], ending, quoting))
            line += record.count(b"\n")
            expected.append((line, dict(zip(COLUMNS, rows[place], strict=True)), ""))
    is_last_whole = not expected[-1][2]
    path.write_bytes(content.removesuffix(end) if is_cut and is_last_whole else content)
    assert faults_of(csv_rows.read_rows(path)) == expected
    assert faults_of(row_files.rows(path)) == expected
    file = row_files.rows_in_place(path)
    assert file is not None
    ordered = faults_of(by_customer.in_order(file, WORDS))
    assert sorted(ordered, key=lambda each: each[0]) == expected


def test_a_row_whose_quote_is_never_closed_is_one_line(tmp_path: Path) -> None:
    """The lines after it are rows of their own, also those that have line breaks in a value."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b'email,what\na,1\n"b,2\nc,3\nd,"4\n4"\ne,"5\n')
    rows = list(csv_rows.read_rows(path))
    assert rows == [
        (2, {"email": "a", "what": "1"}),
        (3, {}),
        (4, {"email": "c", "what": "3"}),
        (6, {"email": "d", "what": "4\n4"}),
        (7, {}),
    ]
    assert [row.fault for _, row in rows if isinstance(row, BrokenRow)] == [QUOTES, QUOTES]


def test_after_a_quote_that_nothing_closes_the_rest_of_the_file_is_read(tmp_path: Path) -> None:
    """To its end, though the end was reached before in search of the other quote."""
    path = tmp_path / "rows.csv"
    path.write_bytes(b'email,what\n"a,1\n' + b"b,2\n" * 1_000)
    rows = list(csv_rows.read_rows(path))
    assert [line for line, row in rows if isinstance(row, BrokenRow)] == [2]
    assert len(rows) == 1_001


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"email\0,what\na,b\n", "line 1: there is a NUL"),
        (b"email,what\xff\na,b\n", "line 1: this is not UTF-8"),
        (b'email,"what\na,b\n', "line 1: this is not CSV"),
        (b"\nemail,what\na,b\n", "line 1: there is no header"),
        (b"email,what\na,b\na,b\r\n", "line 3: this line ends otherwise"),
        (b"email,what\na,b\nc,d,e\na,\rb\n", "line 4: this line ends otherwise"),
        (b"email,what\na,b\na," + b"x" * (csv_rows.FIELD_MAX + 1), "line 3: this is not CSV"),
        (b"email,what\na,b\n" + b"x," * 3_000_000, "line 3: a row is longer"),
        (b'email,what\na,b\n"' + b'""\n' * 3_000_000, "line 3: this is not CSV"),
        (b"email,what\na\n\nb,c,d\n", "line 2: the line has 1 value under 2 columns"),
    ],
)
def test_a_file_that_is_hopeless_is_told_before_any_row_of_it(
    tmp_path: Path, content: bytes, what: str
) -> None:
    """By its header, by ends of lines, by what is too long, or as none of its rows is whole."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(UpheldError, match=what) as caught:
        csv_rows.check_file(path)
    assert caught.value.code == "bad-line"
    with pytest.raises(UpheldError, match=what):
        next(row_files.rows(path))


@pytest.mark.parametrize("fill", [b"x", b'"', b"\0", b"\xff", b","])
def test_of_a_line_without_an_end_no_more_is_in_memory_than_a_row_may_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill: bytes
) -> None:
    """Whatever is in it: the file is told as hopeless by its line."""
    monkeypatch.setattr(csv_rows, "ROW_MAX", 1 << 16)
    path = tmp_path / "rows.csv"
    with path.open("wb") as file:
        file.write(b"email,what\na,b\n")
        for _ in range(64):
            file.write(fill * (1 << 18))
    tracemalloc.start()
    with pytest.raises(UpheldError, match="line 3: a row is longer"):
        csv_rows.check_file(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("command", ["feed", "collect"])
def test_a_broken_line_is_left_out_with_its_number_and_reason_and_the_rest_is_taken_in(
    tmp_path: Path, command: str
) -> None:
    """Each of them; what stands in the file beside says nothing else of it."""
    home = home_with_partner(tmp_path)
    why = home / "why.csv"
    if command == "feed":
        header, rest = "email,occupation", "joiner"
        words: tuple[str, ...] = ("feed", "import", str(home / "odd.csv"))
    else:
        header, rest = (
            "email,reference,date,amount,currency,what",
            f"A1,{partner_day(home)},1,USD,A boat",
        )
        words = ("collect", "transactions", str(home / "odd.csv"))
    odd = (b"x\0,y", b"\xe9,y", b"x,y,z,1,2,3,4", b'"x"y,z', b"")
    lines = [header.encode(), *odd, f"ann@marked.example,{rest}".encode(), b'"x']
    (home / "odd.csv").write_bytes(b"\n".join(lines) + b"\n")
    words += ("--from", "Spruce Point", "--by", "max", "--left-out", str(why))
    its = json.loads(run(home, *words, "--json"))
    assert (its["state"], its["lines"], its["people"], its["unreadable"]) == ("done", 7, 1, 6)
    faults = ("2,nul", "3,not-utf-8", "4,values", "5,quotes", "6,values", "8,quotes")
    assert {*why.read_text().splitlines()} == {"line,why", *faults}
    assert "6 left out: no row, or a value that its" in run(home, *words)
