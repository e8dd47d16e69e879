"""Tables for `upheld screen` and `findings --rows`, read exactly as a person who opens them would.

A table is a CSV or Parquet file, a folder of Parquet files or of a Delta table, a DuckDB file or a
PostgreSQL address with `--table`. Values of CSV stay the text that they are; what a fact or
dimension rests on is read from them into columns of its own, which never come out. Whatever could
be read in two ways is an error, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from upheld.cli import csv_rows
from upheld.core.errors import UpheldError
from upheld.core.extras import install_hint
from upheld.policy.fact_types import FactType, fact_type

if TYPE_CHECKING:
    from upheld.policy.load import Policy

SOURCE = "upheld source "  # before the name of a column from whose text another was read
UNREAD_DELTA = {"deletionVectors", "columnMapping"}  # rows or names that stand beside the files


class Opened(NamedTuple):
    """A table that was opened; `csv` is its file where its values are text."""

    table: Any
    csv: Path | None
    at_rest: Callable[[], None]  # UpheldError if the file has changed since it was opened


class Typed(NamedTuple):
    """A table with columns of the types that facts have, and the names that it had before."""

    table: Any
    names: tuple[str, ...]

    def restored(self, table: Any) -> Any:
        """A table made of this one with its columns as they came in, and those that were added."""
        came = {name: SOURCE + name for name in self.names if SOURCE + name in self.table.columns}
        added = [name for name in table.columns if name not in self.table.columns]
        return table.select(
            *(table[came.get(name, name)].name(name) for name in self.names), *added
        )


@contextmanager
def opened(rows: str, table: str, engine: str) -> Iterator[Opened]:
    """A table on the engine that was chosen.

    What goes wrong in the engine meanwhile comes out as UpheldError.
    """
    before = _signature(rows)

    def at_rest() -> None:
        if _signature(rows) != before:
            raise UpheldError(
                f"{rows} changed while it was read",
                code="rows-changed",
                hint="ask again when it is at rest",
            )

    with _engine_errors(), ExitStack() as closing:
        yield _table(rows, table, engine, closing)._replace(at_rest=at_rest)


def typed(data: Opened, policies: Sequence[Policy], columns: dict[str, str]) -> Typed:
    """The table with what its columns say of facts, of the types that these have in a policy.

    Text of CSV is read; a column without any value says what is not known, whatever its type.
    UpheldError names the line of a value that is not of its fact's type.
    """
    types: dict[str, FactType] = {}
    empty: dict[str, FactType] = {}
    facts = [each for one in policies for each in one.program.vocabulary.facts.items()]
    for name, fact in facts:
        for column in set() if fact.derived else _columns_of(name, data.table.columns, columns):
            kind = fact_type(fact)
            if data.csv is not None and kind.text_pattern:
                types[column] = kind
            elif not kind.fits_column(data.table[column].type()):
                empty[column] = kind
    if empty:
        counts = {column: data.table[column].count() for column in empty}
        (values,) = data.table.aggregate(**counts).to_pyarrow().to_pylist()
        empty = {column: kind for column, kind in empty.items() if not values[column]}
    if types and data.csv is not None:
        csv_rows.check_values(data.csv, data.table, types)
    table = data.table.rename({SOURCE + column: column for column in (*types, *empty)})
    empty_columns = {column: _empty(kind) for column, kind in empty.items()}
    empty_columns |= {c: kind.from_text(table[SOURCE + c]) for c, kind in types.items()}
    return Typed(
        table.mutate(**empty_columns) if empty_columns else table, tuple(data.table.columns)
    )


def _columns_of(name: str, there: tuple[str, ...], columns: dict[str, str]) -> set[str]:
    if name in columns:
        return {columns[name]} & set(there)
    return {name, name.replace("-", "_")} & set(there)


def _empty(kind: FactType) -> Any:
    import ibis

    return ibis.null(kind.column_type)


def _table(rows: str, table: str, engine: str, closing: ExitStack) -> Opened:
    try:
        import ibis
    except ImportError:
        raise UpheldError(
            "screen needs ibis", code="missing-extra", hint=install_hint("bulk")
        ) from None
    if rows.startswith(("postgresql://", "postgres://")) or rows.endswith((".duckdb", ".db")):
        if not table:
            raise UpheldError("a database needs --table", code="usage", hint="name the table")
        connection = _database(rows)
        closing.callback(connection.disconnect)
        return _as_is(connection.table(table))
    path = Path(rows)
    if not path.exists():
        raise _no_file(rows)
    connection = ibis.duckdb.connect() if engine == "duckdb" else _spark(engine)
    if (path / "_delta_log").is_dir():
        return _as_is(_parquet(connection, _delta(path)))
    if path.suffix.lower() == ".csv":
        return Opened(csv_rows.text(connection, path), path, lambda: None)
    return _as_is(_parquet(connection, _files(path)))


def _as_is(table: Any) -> Opened:
    folded: dict[str, str] = {}
    for name in table.columns:
        other = folded.setdefault(name.casefold(), name)
        if other != name:
            raise csv_rows.two_columns(other, name)
    return Opened(table, None, lambda: None)


def _parquet(connection: Any, files: list[str]) -> Any:
    """Parquet files without what an engine would add to their columns out of their paths."""
    if connection.name == "duckdb":
        _distinct_names(files)
        return connection.read_parquet(files, hive_partitioning=False)
    session = connection._session  # noqa: SLF001 - Ibis has no way to name several files
    session.read.parquet(*files).createOrReplaceTempView("upheld_rows")
    return connection.table("upheld_rows")


def _distinct_names(files: list[str]) -> None:
    """UpheldError for names of columns that only case tells apart: engines rename the second."""
    from pyarrow.parquet import read_schema

    for file in files:
        folded: dict[str, str] = {}
        for name in read_schema(file.removeprefix("file://")).names:
            if (other := folded.setdefault(name.casefold(), name)) != name:
                raise csv_rows.two_columns(other, name)


def _files(path: Path) -> list[str]:
    if path.is_file():
        return [str(path)]
    files = sorted(str(each) for each in path.glob("*.parquet"))
    if nested := sorted(path.glob("*/**/*.parquet")):
        raise UpheldError(
            f"{path} has files in folders of its own, such as {nested[0]}",
            code="unreadable",
            hint="name one folder of Parquet files: those in further folders would be left out",
        )
    if not files:
        raise UpheldError(
            f"{path} has no Parquet file", code="unreadable", hint="name a file or folder of rows"
        )
    return files


def _no_file(rows: str) -> UpheldError:
    return UpheldError(
        f"{rows} cannot be read: there is no such file",
        code="unreadable",
        hint="name a file of rows",
    )


def _database(address: str) -> Any:
    import ibis

    if address.startswith("postgres"):
        try:
            return ibis.connect(address)
        except ImportError:
            raise UpheldError(
                "PostgreSQL needs its driver",
                code="missing-extra",
                hint=install_hint("postgres"),
            ) from None
    if not Path(address).exists():
        raise _no_file(address)
    return ibis.duckdb.connect(address, read_only=True)


def _spark(master: str) -> Any:
    """A Spark session, on this machine or on the cluster whose address is given."""
    import ibis

    if not re.fullmatch(r"spark|local(\[.+\])?|yarn|(spark|k8s)://.+", master):
        raise UpheldError(
            f"there is no engine `{master}`",
            code="usage",
            hint="duckdb, spark, or a cluster's spark://HOST:PORT",
        )
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UpheldError(
            "this engine needs PySpark", code="missing-extra", hint=install_hint("spark")
        ) from None
    address = "local[2]" if master == "spark" else master
    session = SparkSession.builder.master(address).config("spark.ui.enabled", value=False)
    return ibis.pyspark.connect(session.getOrCreate())


def _delta(path: Path) -> list[str]:
    """The files of a Delta table as it is now; UpheldError where they do not hold all of it."""
    try:
        from deltalake import DeltaTable
    except ImportError:
        raise UpheldError(
            "a Delta table needs deltalake",
            code="missing-extra",
            hint=install_hint("bulk"),
        ) from None
    table = DeltaTable(str(path))
    needs = sorted(UNREAD_DELTA & set(table.protocol().reader_features or ()))
    if "delta.columnMapping.mode" in table.metadata().configuration:
        needs.append("columnMapping")
    if table.metadata().partition_columns:
        needs.append("partitions by " + ", ".join(table.metadata().partition_columns))
    if needs:
        raise UpheldError(
            f"the Delta table {path} keeps a part of its rows beside its files: {needs[0]}",
            code="unreadable",
            hint="write it as one table without that, or as Parquet",
        )
    return table.file_uris()


@contextmanager
def _engine_errors() -> Iterator[None]:
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


def _signature(rows: str) -> object:
    """What changes when a file does."""
    path = Path(rows)
    if "://" in rows or not path.exists():
        return None
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [(str(each), each.stat().st_mtime_ns, each.stat().st_size) for each in files]
