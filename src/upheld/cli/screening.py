"""`upheld screen`: the decision as columns over a table of millions of rows.

Each fact and dimension that matters has its column or is said to be absent, and what was bound to
what is printed. What comes out has every value as it came in; it is written beside its place and
renamed when it is whole.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from upheld.cli.output import JSON, POLICY, loaded, print_json
from upheld.cli.tables import opened, typed
from upheld.core.counts import count_of
from upheld.core.errors import MissingColumnsError, UpheldError

if TYPE_CHECKING:
    from upheld.policy.load import Policy

BATCH = 1 << 17  # rows that are in memory at once
OUTCOMES = ("allow", "deny", "needs-proof", "error")
ROWS = typer.Option(..., "--rows", help="A file, a Delta folder, or a database.")
TABLE = typer.Option("", "--table", help="The table of a database.")
COLUMN = typer.Option([], "--column", help="FACT=COLUMN where a column has another name.")
ABSENT = typer.Option(
    [], "--absent", help="FACT,… of which no row has a record: unknown or, as declared, no."
)
EARLIER = typer.Option(
    [], "--earlier", help="A version before POLICY, the oldest first; may be repeated."
)
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
    absent: list[str] = ABSENT,
    prefix: str = typer.Option("", "--prefix", help="Stands before the names of new columns."),
    out: Path | None = typer.Option(None, "--out", help="Write all rows here: .parquet or .csv."),
    only_allowed: bool = typer.Option(False, "--only-allowed", help="Write allowed rows alone."),
    bound: str = typer.Option(
        "", "--bound", help="The column that says which version binds each row."
    ),
    earlier: list[Path] = EARLIER,
    engine: str = ENGINE,
    as_json: bool = JSON,
) -> None:
    """Decide every row of a table and count by clause; 1 if a row could not be asked."""
    from upheld.cli.asking import question_in_words
    from upheld.policy.bulk.versions import bindings_of_versions, screen_versions

    if bool(bound) != bool(earlier):
        raise UpheldError(
            "--bound and --earlier go together",
            code="usage",
            hint="name the versions before POLICY, and the column that says which one binds a row",
        )
    versions = [loaded(each, as_json=as_json) for each in (*earlier, policy)]
    rules = versions[-1]
    request = question_in_words(rules, question) if question else {"facts": {}}
    facts = request.pop("facts")
    if out is not None and out.suffix not in (".parquet", ".csv"):
        raise UpheldError(f"{out} is neither .parquet nor .csv", code="usage", hint="name one")
    missing = parse_words(absent)
    with opened(rows, table, engine) as data:
        columns = parse_columns(column)
        people = typed(data, versions, columns)
        with binding_hints():
            places = bindings_of_versions(
                versions, people.table, request, facts, columns=columns, absent=missing
            )
            more = {"facts": facts, "columns": columns, "absent": missing, "prefix": prefix}
            screened = (
                screen_versions(versions, people.table, request, bound=bound, **more)
                if bound
                else rules.screen(people.table, request, **more)
            )
        screened = people.restored(screened)
        if out is None:
            with _waiting():
                counts = _counted(screened, prefix)
            data.at_rest()
        else:
            counts = _written(screened, out, prefix, data.at_rest, only_allowed=only_allowed)
    binding = binding_in_words(versions, places)
    _print_counts(counts, binding, as_json=as_json)
    raise typer.Exit(1 if any(outcome == "error" for outcome, _ in counts) else 0)


def parse_words(absent: list[str]) -> list[str]:
    """The facts that were said to be absent, with commas or an option each."""
    return [word.strip() for each in absent for word in each.split(",") if word.strip()]


@contextmanager
def binding_hints() -> Iterator[None]:
    """Say what to do about a column in the words of the command line."""
    try:
        yield
    except MissingColumnsError as error:
        raise UpheldError(
            str(error),
            code=error.code,
            hint=error.hint.replace("say that it is absent:", "add --absent").replace(
                "name a column for each", "add --column FACT=COLUMN for each"
            ),
        ) from None


def binding_in_words(versions: Sequence[Policy], bound: dict[str, str | None]) -> dict[str, str]:
    """What each fact and dimension that matters was read from."""
    facts = {
        name: fact for each in versions for name, fact in each.program.vocabulary.facts.items()
    }
    words = {}
    for word, column in sorted(bound.items()):
        if column is not None:
            words[word] = f"column `{column}`"
        elif word in facts:
            words[word] = "absent, so no" if facts[word].absent else "absent, so unknown"
        else:
            words[word] = "absent, so any"
    return words


def parse_columns(pairs: list[str]) -> dict[str, str]:
    """The columns that were named for facts or dimensions."""
    names = {}
    for each in pairs:
        word, equals, name = each.partition("=")
        if not equals or not word or not name:
            raise UpheldError(
                f"`{each}` is no FACT=COLUMN", code="usage", hint="as in --column amount-due=owes"
            )
        names[word] = name
    return names


def _counted(screened: Any, prefix: str) -> dict[tuple[str, str], int]:
    """How many rows have which answer, counted by the engine."""
    outcome, clause = prefix + "outcome", prefix + "clause"
    groups = screened.group_by([outcome, clause]).aggregate(rows=screened.count())
    return {(each[outcome], each[clause]): each["rows"] for each in groups.to_pyarrow().to_pylist()}


def _written(
    screened: Any, out: Path, prefix: str, at_rest: Callable[[], None], *, only_allowed: bool
) -> dict[tuple[str, str], int]:
    """Write the rows batch by batch, whole or not at all, and count them."""
    import pyarrow as pa

    counts: dict[tuple[str, str], int] = {}
    try:
        handle, name = tempfile.mkstemp(dir=out.resolve().parent, prefix=f".{out.name}.")
        os.close(handle)
    except OSError as error:
        raise UpheldError(
            f"{out} cannot be written: {error.strerror}",
            code="unwritable",
            hint="choose another path",
        ) from None
    try:
        schema = screened.schema().to_pyarrow()
        with _writer(name, schema, out.suffix) as writer, _progress() as advance:
            for batch in screened.to_pyarrow_batches(chunk_size=BATCH):
                part = pa.Table.from_batches([batch]).cast(schema)
                names = [prefix + "outcome", prefix + "clause"]
                groups = part.group_by(names).aggregate([([], "count_all")])
                for each in groups.to_pylist():
                    key = each[names[0]], each[names[1]]
                    counts[key] = counts.get(key, 0) + each["count_all"]
                writer.write_table(part.filter(part[prefix + "allowed"]) if only_allowed else part)
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


def _print_counts(
    counts: dict[tuple[str, str], int], binding: dict[str, str], *, as_json: bool
) -> None:
    outcomes = {o: sum(n for (own, _), n in counts.items() if own == o) for o in OUTCOMES}
    clauses: dict[str, dict[str, int]] = {}
    for (outcome, cited), number in counts.items():
        for clause in cited.split(", ") if cited else [""]:
            outcomes_of_clause = clauses.setdefault(clause, {})
            outcomes_of_clause[outcome] = outcomes_of_clause.get(outcome, 0) + number
    if as_json:
        print_json(
            {
                "rows": sum(counts.values()),
                "outcomes": outcomes,
                "clauses": clauses,
                "binding": binding,
            }
        )
        return
    for word, source in binding.items():
        print(f"{word}: {source}")
    text = ", ".join(f"{number:,} {outcome}" for outcome, number in outcomes.items() if number)
    print(f"{count_of(sum(counts.values()), 'row')}: {text or 'none'}")
    for clause, by in sorted(clauses.items(), key=lambda each: (-sum(each[1].values()), each[0])):
        name = f"#{clause}" if clause else "no clause"
        print(f"  {name}: " + ", ".join(f"{n:,} {o}" for o, n in by.items()))
