"""Tables for `upheld screen`: read as a person who opens them sees them, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from upheld.cli import app
from upheld.core.errors import UpheldError
from upheld.demo import sample_policy

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the engines' own
QUESTION = "contact for offers"
REST = ("--absent", "account-closed,erased")
TABLE = "name,opted_out,age\na,true,30\nb,false,30\nc,,30\n"
COUNTS = {"allow": 2, "deny": 1, "needs-proof": 0, "error": 0}


def counted(rows: object, *words: str, rest: tuple[str, ...] = REST) -> dict[str, Any]:
    """What `screen` prints as JSON about a table of customers."""
    command = ["screen", str(sample_policy()), QUESTION, "--rows", str(rows), *rest, *words]
    done = CliRunner().invoke(app, [*command, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.output)
    return found


def refused(rows: object, *words: str, rest: tuple[str, ...] = REST) -> UpheldError:
    """The error with which `screen` refuses a table."""
    with pytest.raises(UpheldError) as caught:
        counted(rows, *words, rest=rest)
    return caught.value


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def test_what_each_fact_was_read_from_is_printed(path: Path) -> None:
    """A reader sees which column said what, and what no column said."""
    path.write_text(TABLE)
    found = counted(path)
    assert found["outcomes"] == COUNTS
    assert found["binding"] == {
        "account-closed": "absent, so no",
        "erased": "absent, so no",
        "age": "column `age`",
        "opted-out": "column `opted_out`",
    }


@pytest.mark.parametrize("name", ["Opted_Out", "opted out", "OPTED-OUT", "optedout", " opted_out"])
def test_a_column_that_only_looks_like_a_fact_is_an_error(path: Path, name: str) -> None:
    """Whoever opted out is not written to because of how a heading is spelt."""
    path.write_text(TABLE.replace("opted_out", name))
    assert refused(path).code == "wrong-column"
    assert refused(path, "--absent", "opted-out").code == "wrong-column"
    assert counted(path, "--column", f"opted-out={name}")["outcomes"] == COUNTS


def test_a_fact_that_matters_and_has_no_column_is_named_with_the_nearest_column(path: Path) -> None:
    """All that is missing stands in one error, and its hint can be pasted."""
    path.write_text(TABLE.replace("opted_out", "opted_outs"))
    error = refused(path, rest=())
    assert str(error).endswith("account-closed, erased, opted-out")
    assert "`opted_outs`" in error.hint
    assert error.hint.endswith("add --absent account-closed,erased,opted-out")


def test_a_fact_with_a_column_is_not_absent(path: Path) -> None:
    """Two statements that contradict each other are an error."""
    path.write_text(TABLE)
    assert refused(path, "--absent", "opted-out").code == "wrong-column"
    assert refused(path, "--absent", "opted-outs").code == "unknown-fact"


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        (b"name,opted_out,age\na,true\n", 2, "2 values under 3 columns"),
        (b"name,opted_out,age\na,true,30,\n", 2, "4 values"),
        (b"name,opted_out,age\na,true,30\n\nb,true,30\n", 3, "nothing"),
        (b"name,opted_out,age\na,yes,30\n", 2, "opted_out"),
        (b"name,opted_out,age\na,true,30\nb,1,30\n", 3, "opted_out"),
        (b"name,opted_out,age\na,t,30\n", 2, "opted_out"),
        (b'name,opted_out,age\na,"true\n",30\n', 3, "opted_out"),
        (b"name,opted_out,age\na,true,3O\n", 2, "age"),
        (b"name,opted_out,age\na,true,1e1\n", 2, "age"),
        (b"name;opted_out;age\na;true;30\n", 1, "separated"),
        (b"name,,age\na,true,30\n", 1, "no name"),
        (b"name,opted_out,age\na,tr\0ue,30\n", 2, "NUL"),
        (b"name,opted_out,age\n\xff,true,30\n", 2, "UTF-8"),
        (b"name,opted_out,age\r\na,true,30\nb,true,30\r\n", 2, "ends otherwise"),
        (b'name,opted_out,age\n"a"x,true,30\n', 2, "not CSV"),
        (b'name,opted_out,age\na, "true,",30\n', 2, "not CSV"),
        (b'name,opted_out,age\n"a,true,30\n', 2, "not CSV"),
        (b"", 1, "header"),
    ],
)
def test_what_could_be_read_in_two_ways_is_an_error_with_its_line(
    path: Path, text: bytes, line: int, word: str
) -> None:
    """Nothing is guessed about a file, and no value stands in the error."""
    path.write_bytes(text)
    error = refused(path)
    assert f", line {line}: " in str(error)
    assert word in str(error)


def test_columns_of_one_name_are_an_error(path: Path, tmp_path: Path) -> None:
    """An engine would rename the second and read the first alone."""
    path.write_text("name,opted_out,opted_out,age\na,true,false,30\n")
    assert refused(path).code == "wrong-column"
    other = tmp_path / "rows.parquet"
    columns = {"opted_out": [False], "OPTED_OUT": [True], "age": [30.0]}
    pq.write_table(pa.table(columns), other)
    assert refused(other).code == "wrong-column"


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfopted_out,age\ntrue,30\nfalse,30\n,30\n",
        b"opted_out,age\r\nTRUE,30\r\nFalse,30.0\r\n,30\r\n",
        b'note,opted_out,age\r\n"a\nb",true,30\r\n"x, ""y""",false,30\r\n,,30\r\n',
        "größe,opted_out,age\nü,true,30\n,false,30\n,,30".encode(),
    ],
)
def test_what_is_unambiguous_is_read(path: Path, text: bytes) -> None:
    """Marks, case, quotes and line breaks within values are no reason to refuse."""
    path.write_bytes(text)
    assert counted(path)["outcomes"] == COUNTS


def test_values_come_out_as_they_came_in(path: Path, tmp_path: Path) -> None:
    """Dates, decimals, leading zeros and single letters are text, and stay it."""
    path.write_text("zip,date,sum,flag,opted_out,age\n01234,01/02/1990,1.10,t,TRUE,030.50\n")
    out = tmp_path / "out.csv"
    counted(path, "--out", str(out), "--prefix", "may_")
    strings = pc.ConvertOptions(column_types=dict.fromkeys(["zip", "date", "sum"], pa.string()))
    (row,) = pc.read_csv(out, convert_options=strings).to_pylist()
    assert list(row)[-3:] == ["may_outcome", "may_allowed", "may_clause"]
    first = out.read_text().splitlines()[1]
    for value in ("01234", "01/02/1990", "1.10", "t", "TRUE", "030.50"):
        assert f'"{value}"' in first.split(",")


@pytest.mark.parametrize("kind", [pa.int32(), pa.null(), pa.string(), pa.bool_()])
def test_a_column_in_which_nothing_stands_is_unknown(tmp_path: Path, kind: pa.DataType) -> None:
    """Whatever type a file gives to a column without values, it says that nothing is known."""
    rows = tmp_path / "rows.parquet"
    empty, ages = pa.array([None, None], kind), pa.array([30.0, None])
    pq.write_table(pa.table({"opted_out": empty, "age": ages}), rows)
    assert counted(rows)["outcomes"] == {"allow": 1, "deny": 0, "needs-proof": 1, "error": 0}
    pq.write_table(pa.table({"opted_out": pa.array([1, None], pa.int32()), "age": ages}), rows)
    assert refused(rows).code == "wrong-type"


def test_a_path_says_nothing_about_rows(tmp_path: Path) -> None:
    """A folder named like a partition adds no column, and files further down are not left out."""
    folder = tmp_path / "opted_out=false"
    folder.mkdir()
    rows = pa.table({"age": [30.0]})
    pq.write_table(rows, folder / "rows.parquet")
    assert refused(folder / "rows.parquet").code == "missing-column"
    pq.write_table(rows, tmp_path / "more.parquet")
    assert refused(tmp_path).code == "unreadable"
    folder.joinpath("rows.parquet").unlink()
    (tmp_path / "more.parquet").unlink()
    assert refused(tmp_path).code == "unreadable"


def test_a_delta_table_that_keeps_columns_beside_its_files_is_refused(tmp_path: Path) -> None:
    """What a table is partitioned by stands in no file, and would otherwise count as absent."""
    rows = pa.table({"opted_out": [True, False], "age": [30.0, 30.0]})
    write_deltalake(str(tmp_path / "delta"), rows, partition_by=["opted_out"])
    assert refused(tmp_path / "delta").code == "unreadable"


def test_a_table_of_duckdb_has_the_same_rules(tmp_path: Path) -> None:
    """Near names and columns without values are treated alike in a database."""
    with duckdb.connect(tmp_path / "rows.duckdb") as connection:
        connection.execute('CREATE TABLE near AS SELECT true AS "Opted_Out", 30.0 AS age')
        connection.execute("CREATE TABLE empty AS SELECT NULL::INTEGER AS opted_out, 30.0 AS age")
    assert refused(tmp_path / "rows.duckdb", "--table", "near").code == "wrong-column"
    found = counted(tmp_path / "rows.duckdb", "--table", "empty")
    assert found["outcomes"]["allow"] == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_spark_reads_csv_alike(path: Path, spark: Any) -> None:
    """Quotes, line breaks, case and errors are the same on the other engine."""
    assert spark
    path.write_bytes(b'note,opted_out,age\n"a\nb",TRUE,30\n"x, ""y""",false,30\n,,30\n')
    assert counted(path, "--engine", "spark")["outcomes"] == COUNTS
    path.write_text(TABLE.replace("true", "yes"))
    assert ", line 2: " in str(refused(path, "--engine", "spark"))
    path.write_text(TABLE.replace("opted_out", "Opted_Out"))
    assert refused(path, "--engine", "spark").code == "wrong-column"
