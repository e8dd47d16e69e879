"""`upheld collect transactions`: files of a partner's, in three forms, each row once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from cli.homes import home_with_partner, partner_day, run
from upheld.cli import by_customer, read_beside
from upheld.cli.admin import gate_of
from upheld.core.errors import UpheldError
from upheld.core.settings import read_settings
from upheld.practice.partner_transactions import of_person

MAPPING = '[columns]\nreference = "Order no"\n[fixed]\ncurrency = "USD"\n'
COLUMNS = ("Order no", "date", "amount", "what", "email")
DIES = """
import os, signal, sys
from upheld.cli import app, by_customer, read_beside
from upheld.practice import partner_transactions
from upheld.practices.feeds import sales
keep, lots = partner_transactions.keep_contents, []
sales.LOT = 2
by_customer.STRETCH = {stretch}
read_beside.LARGE = 1  # bytes: it is read by a process beside the one that dies

def dying(*rest):
    keep(*rest)
    lots.append(rest)
    if len(lots) == {which}:
        os.kill(os.getpid(), signal.SIGKILL)

partner_transactions.keep_contents = dying
app(sys.argv[1:])
"""
ROWS = [
    ("A1", "2026-03-02", "12.50", "A boat", "ann@marked.example"),
    ("A2", "2026-03-02", "3", "A paddle", "nobody@marked.example"),
    ("A3", "soon", "3", "A paddle", "ann@marked.example"),
]


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Path:
    """A provider with a customer and a business partner, who sends files."""
    home = home_with_partner(tmp_path)
    (home / "columns.toml").write_text(MAPPING)
    return home


def test_a_file_in_each_form_gives_the_same_rows_once(home: Path) -> None:
    """What was left out stands in a file of its own, by its line, without a value."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    today = partner_day(home)
    rows = [(each[0], today if each[1] != "soon" else "soon", *each[2:]) for each in ROWS]
    dicts = [dict(zip(COLUMNS, each, strict=True)) for each in rows]
    lines = [",".join(each) for each in (COLUMNS, *rows)]
    (home / "sales.csv").write_text("\n".join(lines) + "\n")
    (home / "sales.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in dicts) + "x")
    parquet.write_table(pyarrow.Table.from_pylist(dicts), home / "sales.parquet")
    words = ("--from", "Spruce Point", "--by", "max", "--columns", str(home / "columns.toml"))
    why = home / "why.csv"
    what = ("collect", "transactions", str(home / "sales.csv"), *words, "--left-out", str(why))
    assert run(home, *what) == (
        "spruce-point: 3 rows; 1 transaction kept; 1 left out: no customer, or several;"
        " 1 left out: no row, or a value that its word cannot have\n"
    )
    assert why.read_text() == "line,why\n3,unmatched\n4,unreadable\n"
    assert "3 rows read before" in run(home, *what)
    for name, count in (("sales.jsonl", 4), ("sales.parquet", 3)):
        text = run(home, "collect", "transactions", str(home / name), *words)
        assert f"{count} rows; 0 transactions kept" in text
        assert "1 left out: taken in before" in text


@pytest.mark.parametrize(
    "odd",
    [
        b"[" * 100_000,
        b'{"reference":"\xff"}',
        b'{"reference":"B1","what":"a',
        b'{"reference":"B1","date":"2026-02-30","amount":"1"}',
        b'{"reference":"B1","date":"2026-02-02","amount":"1e400"}',
        b'{"reference":"' + b"x" * 1_000_000 + b'"}',
        b"\x00",
    ],
)
def test_a_line_that_is_no_row_is_left_out_and_those_around_it_are_kept(
    home: Path, odd: bytes
) -> None:
    """Nested too deep, of another encoding, cut, too long, or with what a word cannot have."""
    today = partner_day(home)
    fixed = {"date": today, "amount": "1", "currency": "USD", "what": "x"}
    rows = [
        json.dumps({"reference": each, "email": "ann@marked.example", **fixed}).encode()
        for each in ("A1", "A2")
    ]
    file = home / "odd.jsonl"
    file.write_bytes(b"\n".join((rows[0], odd, rows[1], b"")))
    words = ("collect", "transactions", str(file), "--from", "Spruce Point", "--by", "max")
    assert "3 rows; 2 transactions kept; 1 left out: no row, or a value that its word" in run(
        home, *words
    )


def test_a_wrong_mapping_is_named_before_anything_is_taken_in(home: Path) -> None:
    """Nothing is begun by it."""
    (home / "sales.csv").write_text("reference\nA1\n")
    words = ("collect", "transactions", str(home / "sales.csv"), "--from", "Spruce Point")
    for mapping in ("x", '[columns]\nprice = "x"\n', "a = 1\n", '[columns]\nwhat = "Article"\n'):
        (home / "columns.toml").write_text(mapping)
        with pytest.raises(UpheldError) as caught:
            run(home, *words, "--by", "max", "--columns", str(home / "columns.toml"))
        assert caught.value.code == "wrong-column"
    assert json.loads(run(home, "feed", "list", "--json")) == []


HEADER = "reference,date,amount,currency,what,email\n"
NOT_TAKEN = {
    "without a header": (f"{ROWS[0][0]},{ROWS[0][1]},1,USD,A boat,ann@marked.example\n", ""),
    "without what was bought": (
        f"{ROWS[0][0]},{ROWS[0][1]},1,USD,A boat,a@marked.example\n",
        'what = "x"',
    ),
    "in capitals": (f"{HEADER.title()}A1,2026-03-02,1,USD,A boat,ann@marked.example\n", ""),
    "with semicolons": (HEADER.replace(",", ";"), 'what = "Article"'),
    "with two of a name": (HEADER.replace("what", "email"), 'what = "Article"'),
    "of nothing": ("", 'what = "Article"'),
    "with a short row": (f"{HEADER}A1\n", ""),
}


@pytest.mark.parametrize("which", NOT_TAKEN)
def test_nothing_is_begun_of_a_file_that_cannot_be_read_and_no_value_of_it_is_told(
    home: Path, which: str
) -> None:
    """So that it can be taken in once it is put right, or its columns are named."""
    text, mapping = NOT_TAKEN[which]
    (home / "sales.csv").write_text(text)
    (home / "columns.toml").write_text(f"[columns]\n{mapping}\n")
    words = ("collect", "transactions", str(home / "sales.csv"), "--from", "Spruce Point")
    with pytest.raises(UpheldError) as caught:
        run(home, *words, "--by", "max", "--columns", str(home / "columns.toml"))
    said = f"{caught.value} {caught.value.hint}"
    assert not [each for each in ("marked", "A1", "boat") if each in said]
    expected = {"with semicolons": "separated by ';'", "with two of a name": "have one name"}
    assert expected.get(which, "") in said
    assert json.loads(run(home, "feed", "list", "--json")) == []


@pytest.mark.parametrize("command", [("collect", "transactions"), ("feed", "import")])
def test_a_file_in_whose_place_another_comes_before_its_digest_is_told(
    home: Path, command: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the rows of the one that was open would count as those of the other, which are lost."""
    path, new = home / "sales.csv", home / "new.csv"
    path.write_text(f"{HEADER}A1,2026-03-02,1,USD,A boat,ann@marked.example\n")
    new.write_text(path.read_text().replace("A1", "B1"))
    digest_of = read_beside.digest_of
    monkeypatch.setattr(read_beside, "LARGE", 1)

    def late(*rest: Any) -> str:
        new.replace(path)
        return digest_of(*rest)

    monkeypatch.setattr(read_beside, "digest_of", late)
    skip = [("--skip", each) for each in HEADER.strip().split(",") if each != "email"]
    words = (*command, str(path), "--from", "Spruce Point", "--by", "max")
    with pytest.raises(UpheldError, match="changed while it was read"):
        run(home, *words, *(chain.from_iterable(skip) if command[0] == "feed" else ()))
    assert json.loads(run(home, "feed", "list", "--json")) == []


def test_a_file_whose_columns_are_named_at_last_is_taken_in(home: Path) -> None:
    """And the list of feeds says what was kept of it."""
    today = partner_day(home)
    (home / "sales.csv").write_text(f"{HEADER.title()}A1,{today},1,USD,A boat,ann@marked.example\n")
    words = ("collect", "transactions", str(home / "sales.csv"), "--from", "Spruce Point")
    with pytest.raises(UpheldError, match="no column `reference`"):
        run(home, *words, "--by", "max")
    columns = [f'{each} = "{each.title()}"' for each in HEADER.strip().split(",")]
    (home / "columns.toml").write_text("\n".join(["[columns]", *columns]))
    text = run(home, *words, "--by", "max", "--columns", str(home / "columns.toml"))
    assert "1 row; 1 transaction kept" in text
    assert "done; 1 row; 1 transaction kept" in run(home, "feed", "list")


@pytest.mark.parametrize(("which", "stretch"), [(1, 9), (3, 9), (3, 4)])
@pytest.mark.parametrize("form", ["csv", "broken.csv", "jsonl"])
def test_a_file_whose_import_is_killed_gives_each_row_once_when_it_is_read_again(
    home: Path, which: int, stretch: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in a lot of two rows, it leaves those before whole, and loses or doubles none."""
    (home / "people.csv").write_text("name,email,birth-date\nBo,bo@marked.example,1990-02-01\n")
    run(home, "admin", "import", str(home / "people.csv"), "--apply")
    monkeypatch.setattr(by_customer, "STRETCH", stretch)
    today = partner_day(home)
    names = ("ann", "bo")
    rows = [
        (f"A{at}", today, "12.50", "A boat", f"{names[at % 2]}@marked.example") for at in range(9)
    ]
    rows.insert(1, ("B1", today, "1e3", "A boat", "ann@marked.example"))
    lines = [",".join(COLUMNS), *(",".join(each) for each in rows)]
    if form == "broken.csv":
        lines[3:3], lines[7:7] = ['"x'], ["A\0"]
    if form == "jsonl":
        lines = ["{}", *(json.dumps(dict(zip(COLUMNS, each, strict=True))) for each in rows)]
    (home / f"sales.{form}").write_text("\n".join(lines) + "\n")
    words = ["collect", "transactions", str(home / f"sales.{form}"), "--from", "Spruce Point"]
    words += ["--by", "max", "--columns", str(home / "columns.toml")]
    words += ["--left-out", str(home / "out.csv")]
    script = DIES.format(which=which, stretch=stretch)
    settings = ["--settings", str(home / "upheld.toml")]
    killed = subprocess.run(
        [sys.executable, "-c", script, *words, *settings], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL
    lines_before = json.loads(run(home, "feed", "list", "--json"))[0]["lines"]
    expected = {2 * (which - 1)} | ({2 * which} if form == "broken.csv" else set())
    assert lines_before in expected  # a lot of broken lines alone keeps nothing, and kills nobody
    run(home, *words)
    more = {"jsonl": {"1,unreadable"}, "broken.csv": {"4,quotes", "8,nul"}}
    omitted = {"line,why", "3,unreadable"} | more.get(form, set())
    assert {*(home / "out.csv").read_text().splitlines()} == omitted
    with gate_of(read_settings(home / "upheld.toml")).together() as transaction:
        references = [
            each.row.reference
            for name in names
            for person in transaction.find("email", f"{name}@marked.example")
            for each in of_person(transaction, person)
        ]
    assert sorted(references) == [f"A{at}" for at in range(9)]
