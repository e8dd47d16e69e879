"""`upheld screen`: the decision as columns over a table of millions of rows.

A table is a CSV or Parquet file, a folder of a Delta table, a DuckDB file or a PostgreSQL address
with `--table`. What comes out is written beside its place and renamed when it is whole.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from upheld.cli.output import JSON, POLICY, loaded, print_json
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.policy.load import Policy

BATCH = 1 << 17  # rows that are in memory at once
OUTCOMES = ("allow", "deny", "needs-proof", "error")
ROWS = typer.Option(..., "--rows", help="A file, a Delta folder, or a database.")
TABLE = typer.Option("", "--table", help="The table of a database.")
COLUMN = typer.Option([], "--column", help="FACT=COLUMN where a column has another name.")
ENGINE = typer.Option("duckdb", "--engine", help="duckdb, or spark (or its address).")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(screen)


def screen(  # noqa: PLR0913, PLR0917 - an option each
    policy: Path = POLICY,
    question: str | None = typer.Argument(
        None, help="A question in words; without it each row says its own."
    ),
    rows: str = ROWS,
    table: str = TABLE,
    column: list[str] = COLUMN,
    out: Path | None = typer.Option(None, "--out", help="Write all rows here: .parquet or .csv."),
    only_allowed: bool = typer.Option(False, "--only-allowed", help="Write allowed rows alone."),
    engine: str = ENGINE,
    as_json: bool = JSON,
) -> None:
    """Decide every row of a table and count by clause; 1 if a row could not be asked."""
    from upheld.cli.asking import question_in_words

    found = loaded(policy, as_json=as_json)
    asked = question_in_words(found, question) if question else {"facts": {}}
    facts = asked.pop("facts")
    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise UpheldError(f"{out} is neither .parquet nor .csv", code="usage", hint="name one")
    with opened(rows, table, engine) as (opened_data, at_rest):
        said = columns_said(column)
        data = typed_where_empty(opened_data, rows, found, said)
        screened = found.screen(data, asked, facts=facts, columns=said)
        if out is None:
            with _waiting():
                counts = _counted(screened)
            at_rest()
        else:
            counts = _written(screened, out, at_rest, only_allowed=only_allowed)
    _tell(counts, as_json=as_json)
    raise typer.Exit(1 if any(outcome == "error" for outcome, _ in counts) else 0)


def columns_said(said: list[str]) -> dict[str, str]:
    """The columns that were named for facts or dimensions."""
    found = {}
    for each in said:
        word, equals, name = each.partition("=")
        if not equals or not word or not name:
            raise UpheldError(f"`{each}` is no FACT=COLUMN", code="usage",
                              hint="as in --column amount-due=owes")  # fmt: skip
        found[word] = name
    return found


@contextmanager
def opened(rows: str, table: str, engine: str) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A table on the engine that was chosen, and what refuses if its file changed since.

    What goes wrong in the engine meanwhile comes out as UpheldError.
    """
    before = _signature(rows)

    def at_rest() -> None:
        if _signature(rows) != before:
            raise UpheldError(f"{rows} changed while it was read", code="rows-changed",
                              hint="ask again when it is at rest")  # fmt: skip

    with _telling():
        yield _table(rows, table, engine), at_rest


def _table(rows: str, table: str, engine: str) -> Any:
    try:
        import ibis
    except ImportError:
        raise UpheldError("screen needs ibis", code="missing-extra",
                          hint="pip install 'upheld[bulk]'") from None  # fmt: skip
    if rows.startswith(("postgresql://", "postgres://")) or rows.endswith((".duckdb", ".db")):
        if not table:
            raise UpheldError("a database needs --table", code="usage", hint="name the table")
        return _database(rows).table(table)
    path = Path(rows)
    if not path.exists():
        raise UpheldError(f"{rows} cannot be read: there is no such file", code="unreadable",
                          hint="name a file of rows")  # fmt: skip
    connection = ibis.duckdb.connect() if engine == "duckdb" else _spark(engine)
    if (path / "_delta_log").is_dir():
        return connection.read_parquet(_delta(path))
    if path.suffix == ".csv":
        return connection.read_csv(rows)
    return connection.read_parquet(rows if path.is_file() else str(path / "*.parquet"))


def typed_where_empty(data: Any, rows: str, policy: Policy, said: dict[str, str]) -> Any:
    """The table, where a column of CSV in which nothing stands has the type that its fact wants."""
    if not rows.endswith(".csv"):
        return data
    kinds = {"boolean": "boolean", "number": "float64"}
    wanted = {}
    for name, fact in policy.program.vocabulary.facts.items():
        for column in {said.get(name, name), name.replace("-", "_")} & set(data.columns):
            if fact.kind in kinds and data[column].type().is_string():
                wanted[column] = kinds[fact.kind]
    if not wanted:
        return data
    counts = data.aggregate(**{column: data[column].count() for column in wanted}).to_pyarrow()
    (filled,) = counts.to_pylist()
    return data.cast({column: kind for column, kind in wanted.items() if not filled[column]})


def _database(address: str) -> Any:
    import ibis

    if address.startswith("postgres"):
        try:
            return ibis.connect(address)
        except ImportError:
            raise UpheldError("PostgreSQL needs its driver", code="missing-extra",
                              hint="pip install 'upheld[postgres]'") from None  # fmt: skip
    if not Path(address).exists():
        raise UpheldError(f"{address} cannot be read: there is no such file", code="unreadable",
                          hint="name a file of rows")  # fmt: skip
    return ibis.duckdb.connect(address, read_only=True)


def _spark(master: str) -> Any:
    """A Spark session, on this machine or on the cluster whose address is given."""
    import ibis

    if not re.fullmatch(r"spark|local(\[.+\])?|yarn|(spark|k8s)://.+", master):
        raise UpheldError(f"there is no engine `{master}`", code="usage",
                          hint="duckdb, spark, or a cluster's spark://HOST:PORT")  # fmt: skip

    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UpheldError("this engine needs PySpark", code="missing-extra",
                          hint="pip install 'upheld[spark]'") from None  # fmt: skip
    address = "local[2]" if master == "spark" else master
    session = SparkSession.builder.master(address).config("spark.ui.enabled", value=False)
    return ibis.pyspark.connect(session.getOrCreate())


def _delta(path: Path) -> list[str]:
    """The files of a Delta table as it is now."""
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise UpheldError("a Delta table needs deltalake", code="missing-extra",
                          hint="pip install 'upheld[bulk]'") from None  # fmt: skip
    return DeltaTable(str(path)).file_uris()


@contextmanager
def _telling() -> Iterator[None]:
    """Turn what an engine says into an answer."""
    try:
        yield
    except (UpheldError, typer.Exit):
        raise
    except Exception as error:  # noqa: BLE001 - each engine has errors of its own
        text = str(error).strip().splitlines()
        full = "no space" in str(error).lower()
        raise UpheldError(
            f"the rows cannot be screened: {text[0] if text else type(error).__name__}",
            code="unwritable" if full else "unreadable",
            hint="make room" if full else "see whether the file is whole and has these columns",
        ) from None


def _counted(screened: Any) -> dict[tuple[str, str], int]:
    """How many rows have which answer, counted by the engine."""
    grouped = screened.group_by(["outcome", "clause"]).aggregate(rows=screened.count())
    return {
        (each["outcome"], each["clause"]): each["rows"] for each in grouped.to_pyarrow().to_pylist()
    }


def _written(
    screened: Any, out: Path, at_rest: Callable[[], None], *, only_allowed: bool
) -> dict[tuple[str, str], int]:
    """Write the rows batch by batch, whole or not at all, and count them."""
    import pyarrow as pa

    counts: dict[tuple[str, str], int] = {}
    try:
        handle, name = tempfile.mkstemp(dir=out.resolve().parent, prefix=f".{out.name}.")
        os.close(handle)
    except OSError as error:
        raise UpheldError(f"{out} cannot be written: {error.strerror}", code="unwritable",
                          hint="choose another path") from None  # fmt: skip
    try:
        schema = screened.schema().to_pyarrow()
        with _writer(name, schema, out.suffix) as writer, _progress() as advance:
            for batch in screened.to_pyarrow_batches(chunk_size=BATCH):
                part = pa.Table.from_batches([batch]).cast(schema)
                grouped = part.group_by(["outcome", "clause"]).aggregate([([], "count_all")])
                for each in grouped.to_pylist():
                    key = each["outcome"], each["clause"]
                    counts[key] = counts.get(key, 0) + each["count_all"]
                writer.write_table(part.filter(part["allowed"]) if only_allowed else part)
                advance(part.num_rows)
        with Path(name).open("rb") as whole:
            os.fsync(whole.fileno())
        at_rest()
        Path(name).replace(out)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()
    return counts


def _writer(name: str, schema: Any, suffix: str) -> Any:
    if suffix == ".csv":
        from pyarrow.csv import CSVWriter

        return CSVWriter(name, schema)
    from pyarrow.parquet import ParquetWriter

    return ParquetWriter(name, schema)


@contextmanager
def _progress() -> Iterator[Any]:
    """Rows written so far, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("rows", total=None)
        yield lambda count: bar.update(task, advance=count)


@contextmanager
def _waiting() -> Iterator[None]:
    """A sign of life on a terminal while an engine counts."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status("deciding row by row"):
        yield


def _signature(rows: str) -> object:
    """What changes when a file does."""
    path = Path(rows)
    if "://" in rows or not path.exists():
        return None
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [(str(each), each.stat().st_mtime_ns, each.stat().st_size) for each in files]


def _tell(counts: dict[tuple[str, str], int], *, as_json: bool) -> None:
    outcomes = {o: sum(n for (own, _), n in counts.items() if own == o) for o in OUTCOMES}
    clauses: dict[str, dict[str, int]] = {}
    for (outcome, cited), number in counts.items():
        for clause in cited.split(", ") if cited else [""]:
            found = clauses.setdefault(clause, {})
            found[outcome] = found.get(outcome, 0) + number
    if as_json:
        print_json({"rows": sum(counts.values()), "outcomes": outcomes, "clauses": clauses})
        return
    said = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.items() if number)
    print(f"{sum(counts.values()):,} rows: {said or 'none'}")
    for clause, by in sorted(clauses.items(), key=lambda each: (-sum(each[1].values()), each[0])):
        name = f"#{clause}" if clause else "no clause"
        print(f"  {name}: " + ", ".join(f"{n:,} {o}" for o, n in by.items()))
