"""`upheld screen` and `upheld findings --rows`: tables of every kind in, whole files out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner, Result

import upheld
from gate.versions import WIDER, version
from upheld.cli import app, screening
from upheld.core.errors import MissingColumnsError, UpheldError
from upheld.demo import sample_policy
from upheld.policy.bulk.screen import bindings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the engines' own
QUESTION = "share email to trusted-partner for offers at other"
ABSENT = ("--absent", "permission,publicly-available")
ROWS = pa.table(
    {
        "name": ["a", "b", "c", "d"],
        "confidentiality_agreement": pa.array([True, False, None, True], pa.bool_()),
    }
)
COUNTS = {"allow": 2, "deny": 0, "needs-proof": 2, "error": 0}


def screen(*words: object, expect: int = 0) -> Result:
    """Run the command on the sample policy."""
    said = ["screen", sample_policy(), *words]
    done = CliRunner().invoke(app, [str(word) for word in said])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == expect, done.output
    return done


def refused(*words: object) -> str:
    """The code with which the command refuses."""
    said = [str(word) for word in ("screen", sample_policy(), QUESTION, *ABSENT, *words)]
    with pytest.raises(UpheldError) as caught:
        CliRunner().invoke(app, said, catch_exceptions=False)
    return caught.value.code


def counted(*words: object) -> dict[str, int]:
    """The counts by outcome."""
    found: dict[str, int] = json.loads(screen(QUESTION, *ABSENT, *words, "--json").output)[
        "outcomes"
    ]
    return found


@pytest.fixture(name="rows")
def _rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    pq.write_table(ROWS, path)
    return path


def test_each_kind_of_table_is_read(rows: Path, tmp_path: Path) -> None:
    """CSV, Parquet, a folder of Parquet, a Delta table, a DuckDB file: the same counts."""
    pc.write_csv(ROWS, tmp_path / "rows.csv")
    write_deltalake(str(tmp_path / "delta"), ROWS)
    write_deltalake(str(tmp_path / "delta"), ROWS, mode="overwrite")
    (tmp_path / "folder").mkdir()
    pq.write_table(ROWS, tmp_path / "folder" / "one.parquet")
    with duckdb.connect(tmp_path / "rows.duckdb") as connection:
        connection.register("given", ROWS)
        connection.execute("CREATE TABLE people AS SELECT * FROM given")
    for source in (rows, "rows.csv", "delta", "folder"):
        assert counted("--rows", tmp_path / source) == COUNTS, source
    assert counted("--rows", tmp_path / "rows.duckdb", "--table", "people") == COUNTS


def test_a_table_of_postgresql_is_screened_where_it_is(postgres_url: str) -> None:
    """The address of a database and the name of a table."""
    connection = ibis.connect(postgres_url)
    connection.create_table("people", ROWS)
    connection.disconnect()
    assert counted("--rows", postgres_url, "--table", "people") == COUNTS


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_reads_the_same_file(rows: Path, spark: Any) -> None:
    """The engine is one option."""
    assert spark
    assert counted("--rows", rows, "--engine", "spark") == COUNTS


def test_each_row_is_decided_under_the_version_that_binds_it(tmp_path: Path) -> None:
    """What a later version allows waits for whom an earlier one binds, and for whom none does."""
    policy = {"one": version("one"), "two": version("two", WIDER)}
    for name, each in policy.items():
        (tmp_path / f"{name}.md").write_text(each.program.source)
    (tmp_path / "people.csv").write_text("name,bound by\na,one\nb,two\nc,\nd,three\n")
    question = "use interests for service-improvement"
    absent = "erased,objected"
    words = ["screen", str(tmp_path / "two.md"), question, "--rows", str(tmp_path / "people.csv")]
    words += ["--absent", absent, "--earlier", str(tmp_path / "one.md"), "--bound", "bound by"]
    out = tmp_path / "out.csv"
    done = CliRunner().invoke(app, [*words, "--out", str(out)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    table = pc.read_csv(out)
    assert table["allowed"].to_pylist() == [False, True, False, False]
    assert table.column_names == ["name", "bound by", "outcome", "allowed", "clause"]
    with pytest.raises(UpheldError) as caught:
        CliRunner().invoke(app, words[:-2], catch_exceptions=False)
    assert caught.value.code == "usage"
    with pytest.raises(UpheldError) as caught:
        CliRunner().invoke(app, [*words[:-1], "bound"], catch_exceptions=False)
    assert caught.value.code == "missing-column"


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_what_is_written_holds_the_rows_and_the_answer(
    rows: Path, tmp_path: Path, suffix: str
) -> None:
    """All rows with three columns more, or the allowed ones alone."""
    out = tmp_path / f"out.{suffix}"
    read = pq.read_table if suffix == "parquet" else pc.read_csv
    screen(QUESTION, *ABSENT, "--rows", rows, "--out", out)
    found = {row["name"]: row for row in read(out).to_pylist()}
    assert [found[name]["allowed"] for name in "abcd"] == [True, False, False, True]
    assert found["b"]["outcome"] == "needs-proof"
    assert found["a"]["clause"] == "trusted-partners"
    screen(QUESTION, *ABSENT, "--rows", rows, "--out", out, "--only-allowed")
    assert sorted(row["name"] for row in read(out).to_pylist()) == ["a", "d"]


def test_a_row_that_cannot_be_asked_is_refused_and_counted(tmp_path: Path) -> None:
    """An unknown word costs its own row alone, and the exit code says so."""
    path = tmp_path / "rows.csv"
    path.write_text("action,age\nserve,30\nsevre,30\n")
    with pytest.raises(MissingColumnsError) as caught:
        policy = upheld.load(sample_policy())
        bindings(policy, ibis.memtable(pa.table({"action": ["serve"], "age": [30.0]})), [{}])
    told = screen("--rows", path, "--absent", ",".join(caught.value.words), expect=1).output
    assert "1 allow" in told
    assert "1 error" in told


def test_a_file_of_no_rows_is_screened(tmp_path: Path) -> None:
    """Nothing in, nothing out, with the columns."""
    empty, out = tmp_path / "rows.parquet", tmp_path / "out.parquet"
    pq.write_table(ROWS.slice(0, 0), empty)
    assert "0 rows: none" in screen(QUESTION, *ABSENT, "--rows", empty, "--out", out).output
    assert pq.read_table(out).column_names[-3:] == ["outcome", "allowed", "clause"]


def test_a_file_of_csv_in_which_nothing_stands_is_screened(tmp_path: Path) -> None:
    """A header alone, or a column without a value, says what is not known and is no wrong type."""
    path = tmp_path / "rows.csv"
    path.write_text("name,confidentiality_agreement\n")
    assert "0 rows: none" in screen(QUESTION, *ABSENT, "--rows", path).output
    path.write_text("name,confidentiality_agreement\na,\nb,\n")
    assert counted("--rows", path) == {**COUNTS, "allow": 0}
    path.write_text("name,confidentiality_agreement\na,perhaps\nb,\n")
    assert refused("--rows", path) == "wrong-type"


def test_rows_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of any length passes in batches, and memory holds one."""
    monkeypatch.setattr(screening, "BATCH", 1_000)
    pq.write_table(pa.table({"confidentiality_agreement": [True] * 10_500}), tmp_path / "r.parquet")
    sizes: list[int] = []

    class Noted(pq.ParquetWriter):  # type: ignore[misc] # pyarrow has no types
        """A writer that notes how many rows it is given."""

        def write_table(self, table: Any, **more: Any) -> None:
            """Write and note."""
            sizes.append(table.num_rows)
            super().write_table(table, **more)

    monkeypatch.setattr(pq, "ParquetWriter", Noted)
    screen(QUESTION, *ABSENT, "--rows", tmp_path / "r.parquet", "--out", tmp_path / "out.parquet")
    assert sum(sizes) == 10_500
    assert max(sizes) <= 2_048  # the engine's own vector, where that is larger


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--rows", "{tmp}/rows.parquet", "--engine", "sparc"], "usage"),
        (["--rows", "{tmp}/none.parquet"], "unreadable"),
        (["--rows", "{tmp}/torn.parquet"], "unreadable"),
        (["--rows", "{tmp}/rows.parquet", "--out", "{tmp}/out.txt"], "usage"),
        (["--rows", "{tmp}/rows.parquet", "--out", "{tmp}/none/out.csv"], "unwritable"),
        (["--rows", "{tmp}/rows.parquet", "--column", "age"], "usage"),
        (["--rows", "{tmp}/rows.parquet", "--column", "age=old"], "missing-column"),
        (
            ["--rows", "{tmp}/rows.parquet", "--column", "confidentiality-agreement=name"],
            "wrong-type",
        ),
        (["--rows", "{tmp}/none.duckdb", "--table", "x"], "unreadable"),
        (["--rows", "{tmp}/none.duckdb"], "usage"),
        (["--rows", "postgresql://127.0.0.1:1/none", "--table", "x"], "unreadable"),
    ],
)
def test_what_cannot_be_screened_is_told_with_a_code(
    rows: Path, tmp_path: Path, words: list[str], code: str
) -> None:
    """No traceback, and nothing left behind."""
    (tmp_path / "torn.parquet").write_bytes(rows.read_bytes()[:-20])
    before = sorted(tmp_path.iterdir())
    said = [word.format(tmp=tmp_path) for word in words]
    assert refused(*said) == code
    assert sorted(tmp_path.iterdir()) == before


def test_a_table_that_changes_meanwhile_is_refused_and_nothing_written(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts over two states of a file would be neither's."""
    inner = screening._counted

    def meanwhile(screened: Any, prefix: str) -> Any:
        os.utime(rows, ns=(1, 1))
        return inner(screened, prefix)

    monkeypatch.setattr(screening, "_counted", meanwhile)
    assert refused("--rows", rows) == "rows-changed"
    writer = screening._writer

    def writing(*words: Any) -> Any:
        os.utime(rows, ns=(2, 2))
        return writer(*words)

    monkeypatch.setattr(screening, "_writer", writing)
    assert refused("--rows", rows, "--out", tmp_path / "out.csv") == "rows-changed"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.parquet"]


def test_a_full_disk_leaves_what_was_there(rows: Path, tmp_path: Path) -> None:
    """What was written before stays until the new file is whole."""
    out = tmp_path / "out.csv"
    out.write_text("before")
    handle = tmp_path / "full"
    handle.symlink_to("/dev/full")

    class Full:
        """A writer on a disk without room."""

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def write_table(self, _: Any) -> None:
            """Find no room."""
            with handle.open("wb", buffering=0) as disk:
                disk.write(b"x")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(screening, "_writer", lambda *_: Full())
        assert refused("--rows", rows, "--out", out) == "unwritable"
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "out.csv", "rows.parquet"]


def test_findings_count_the_people_of_a_table(rows: Path) -> None:
    """How many each finding lets go, or would once more is proven, in words and as data."""
    words = ["findings", str(sample_policy()), "--rows", str(rows)]
    with pytest.raises(UpheldError) as caught:
        CliRunner().invoke(app, words, catch_exceptions=False)
    words += caught.value.hint.split("add ")[-1].split()  # all of them at once
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    by = {row["text"]: count for row, count in zip(told["rows"], told["counts"], strict=True)}
    assert {sum(each.values()) for each in by.values()} == {ROWS.num_rows}
    partners = [count for text, count in by.items() if "#trusted-partners" in text]
    assert COUNTS in partners
    assert re.search(r"allow.*needs-proof", CliRunner().invoke(app, words).output)
