"""`upheld feed`: take in what a business partner knows of our customers, and take it out again.

A file is CSV: a column `email` says whose a line is (`phone` beside it must agree), each other one
is a kind of data.
With `--link` a line may also be of the one customer whom its name, birth date and zip are like.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, user_id_of
from upheld.cli.licence import licence
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId

if TYPE_CHECKING:
    from upheld.practices.feeds.feeds import Feed, FeedLine

feed = typer.Typer(help="Take in what partners know of customers.", no_args_is_help=True)
feed.add_typer(licence, name="licence")

SKIP = typer.Option(None, "--skip", help="A column that is not read; several times for several.")
LINK = typer.Option(
    False, "--link", help="Also match by name, birth date and zip, where the policy lets us."
)
CERTAIN = typer.Option(
    0.99, "--certain", help="How probable it must be that two are the same to combine them."
)
LOWEST = typer.Option(0.8, "--ask", help="From which probability somebody at the desk is asked.")
MAP = typer.Option(None, "--map", help="What a column is, such as job=occupation.")


@feed.command("import")
def take_in(  # noqa: PLR0913, PLR0917 - a file, whose it is, and how it is read
    file: Path = typer.Argument(help="The file: CSV with a header, in UTF-8."),
    party: str = typer.Option(..., "--from", help="The company: its name, or its word."),
    by: str = BY,
    columns: list[str] | None = MAP,
    skip: list[str] | None = SKIP,
    left_out: Path | None = typer.Option(
        None, "--left-out", help="Write here which lines were left out, and why."
    ),
    link: bool = LINK,
    certain: float = CERTAIN,
    lowest: float = LOWEST,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Combine a file with what is held, as far as the policy allows; 1 where it allows nothing."""
    from upheld.cli import csv_rows, read_beside, side_file
    from upheld.practice import parties
    from upheld.practices.feeds import feeds, linking

    state = read_beside.state_of(_readable(file))
    names = _names(csv_rows.check_file(file), columns or [], skip or [])

    def read(_: read_beside.Ask) -> Iterator[FeedLine]:
        return _lines(file, names)

    with (
        read_beside.reading(file, read, feeds.FeedLine, worth=not link) as begin,
        side_file.writing(left_out) as tell,
    ):
        gate = gate_of(settings_in(settings))
        if link:
            linking.require_allowed(gate.policy)
        keys = linking.keys_of(gate.policy) if link else ()
        feeds.require_columns(gate.policy, list(names.values()), keys)
        limits = linking.Thresholds(certain, lowest)
        linking.require_thresholds(limits)
        digest = read_beside.digest_of(file, state)
        with gate.together() as transaction:
            user_id = user_id_of(transaction, by)
            word = parties.find(transaction, party)
            its = feeds.start(transaction, word, digest, user_id)
        before = its.lines
        if link:
            every = list(_lines(file, names, keys))
            feeds.exhaust(linking.take_linked(gate, its, every, limits, tell))
        else:
            feeds.exhaust(feeds.take(gate, its, begin(""), tell))
    with gate.look() as tables:
        its = feeds.require(tables, its.feed_id)
    if as_json:
        print_json({**its.plain(), "read_before": before})
    else:
        print(_line(its) + (f"; {count_of(before, 'line')} read before" if before else ""))
    raise typer.Exit(1 if its.refused and not its.people else 0)


@feed.command()
def synthetic(
    folder: Path = typer.Argument(help="An empty folder, or a new one, for the three files."),
    people: int = typer.Option(1_000, "--people", min=2, max=1_000_000, help="On each side."),
    seed: int = typer.Option(1, "--seed", help="The same one gives the same people."),
) -> None:
    """Write two companies' files of people who do not exist, and who of them is who."""
    from upheld.practices.feeds.synthetic import two_files

    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UpheldError(
            f"{folder} is not empty", code="unreadable", hint="name another folder, or a new one"
        )
    files = two_files(people, seed)
    numbers = {each.number: f"c{place}" for place, each in enumerate(files.ours, 1)}
    header = "name,birth-date,zip"
    customers = [f"email,{header}"] + [
        f"{numbers[each.number]}@customers.example,{each.name},{each.born},{each.zip}"
        for each in files.ours
    ]
    partners = [f"{header},occupation"] + [
        f"{each.name},{each.born},{each.zip},{each.occupation}" for each in files.theirs
    ]
    truth = ["line,customer"] + [
        f"{line},{numbers.get(each.number, '')}" for line, each in enumerate(files.theirs, 2)
    ]
    for name, rows in (("customers", customers), ("partner", partners), ("truth", truth)):
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{folder}: {count_of(people, 'person', 'people')} on each side, by seed {seed}")


@feed.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List the feeds with their states and counts; it says nothing of customers."""
    from upheld.practices.feeds.feeds import feeds

    with gate_of(settings_in(settings)).look() as tables:
        rows = feeds(tables)
    if as_json:
        print_json([each.plain() for each in rows])
        return
    for each in rows:
        print(f"{each.feed_id} {each.started:%Y-%m-%d} {_line(each)}")


@feed.command()
def withdraw(
    which: str = typer.Argument(help="The id of the feed."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take a feed out again: what is still there of it, and nothing else."""
    from upheld.practices.feeds.feeds import require
    from upheld.practices.feeds.withdrawal import take_out
    from upheld.practices.feeds.withdrawal import withdraw as begin

    gate = gate_of(settings_in(settings))
    with gate.together() as transaction:
        its = begin(transaction, FeedId(which), user_id_of(transaction, by))
    count = take_out(gate)
    with gate.look() as tables:
        its = require(tables, its.feed_id)
    if as_json:
        print_json({**its.plain(), "deleted": count})
    else:
        print(f"{its.party}: withdrawn; {count_of(count, 'value')} deleted")


def _readable(file: Path) -> Path:
    if not file.is_file():
        raise UpheldError(
            f"{file} is not a file" if file.exists() else f"there is no file {file}",
            code="unreadable",
            hint="name a CSV file; what a pipe brings could not be read on where it was stopped",
        )
    return file


def _names(header: list[str], columns: list[str], skip: list[str]) -> dict[str, str]:
    """The kind of data of each column that is read; UpheldError for an option that names none."""
    pairs = [each.partition("=") for each in columns]
    meanings = {column: field for column, _, field in pairs if field}
    for each in (*meanings, *skip):
        if each not in header:
            raise UpheldError(
                f"the file has no column `{each}`",
                code="wrong-column",
                hint=f"its columns are {', '.join(header)}",
            )
    if len(meanings) < len(columns):
        raise UpheldError(
            "--map says a column and what it is",
            code="usage",
            hint="write it like --map job=occupation",
        )
    names = {each: meanings.get(each, each) for each in header if each not in skip}
    if len({*names.values()}) < len(names):
        raise UpheldError(
            "two columns would be the same kind of data",
            code="wrong-column",
            hint="leave one out by --skip",
        )
    return names


def _lines(file: Path, names: dict[str, str], keys: Sequence[str] = ()) -> Iterator[FeedLine]:
    from upheld.cli import csv_rows
    from upheld.practices.feeds.feeds import FeedLine

    for number, row in csv_rows.read_rows(file):
        if isinstance(row, csv_rows.BrokenRow):
            yield FeedLine(number, {}, fault=row.fault)
            continue
        values = {names[each]: row[each].strip() for each in names}
        yield FeedLine(number, values, {each: values.pop(each) for each in keys if each in values})


def _line(its: Feed) -> str:
    """What came of a feed, in one line."""
    from upheld.practices.feeds.feeds import REASONS
    from upheld.practices.feeds.sales import TRANSACTIONS, WHY

    is_of_sales = its.kind == TRANSACTIONS
    text = f"{its.party}: {its.state}; {count_of(its.lines, 'row' if is_of_sales else 'line')}; "
    if is_of_sales:
        text += f"{count_of(its.people, 'transaction')} kept"
    else:
        text += f"{count_of(its.people, 'customer')} combined"
    if its.linked:
        text += f", {its.linked:,} of them by likeness"
    for reason, why in (WHY if is_of_sales else REASONS).items():
        if count := getattr(its, reason):
            text += f"; {count:,} left out: {why}"
    return text
