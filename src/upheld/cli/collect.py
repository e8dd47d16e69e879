"""`upheld collect`: take in what servers recorded of visits, and what partners sold to customers.

What no clause lets in is counted, and written nowhere.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, provider_of, settings_in
from upheld.cli.desk_options import BY, actor_of, read_day, user_id_of
from upheld.cli.output import JSON, complain, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.cli.row_files import ColumnWords, Row
    from upheld.practices.collection.ingest import LogIngest, LogReport
    from upheld.practices.feeds.feeds import Feed, FeedLine

collect = typer.Typer(help="Take in visits, and partners' transactions.", no_args_is_help=True)
FOLLOW_SECONDS = 1.0


@collect.callback()
def _group() -> None:
    """Take in visits, and partners' transactions."""


@collect.command()
def logs(
    files: list[str] = typer.Argument(help="Access logs, compressed or not; - for stdin."),
    follow: bool = typer.Option(False, "--follow", help="Read on as lines are added."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in access logs (common, combined, or JSON); 1 where the policy lets nothing in.

    One that cannot be read keeps no other from it: 2 then, after all of them.
    """
    from upheld.practices.collection.blocks import DayKeyError
    from upheld.practices.collection.ingest import LogIngest
    from upheld.practices.collection.log_files import LogFileError

    provider = provider_of(settings_in(settings))
    ingest = LogIngest(provider.gate.gate, _tell if sys.stderr.isatty() else None)
    if follow:
        _follow(ingest, files, as_json=as_json)
        return
    reports: list[LogReport] = []
    errors: list[LogFileError | DayKeyError] = []
    for name in files:
        try:
            reports.append(ingest.read(name))
        except (LogFileError, DayKeyError) as error:
            errors.append(error)
    if as_json:
        wrong = [{"code": e.code, "message": str(e), "hint": e.hint} for e in errors]
        print_json([_plain(each) for each in reports] + wrong)
    else:
        for each in reports:
            print(_line(each))
        for wrong_log in errors:
            complain(wrong_log, as_json=False)
    if errors:
        raise typer.Exit(2)
    raise typer.Exit(1 if all(each.refused_by_policy for each in reports) else 0)


def _follow(ingest: LogIngest, files: list[str], *, as_json: bool) -> None:
    """Read on until somebody stops it, and print what was read each time, as JSON a line each.

    What goes wrong once it has begun, such as a disk that is full, is told once of each log, and
    tried again.
    """
    from upheld.practices.collection.following import Follower

    follower, before = Follower(ingest, files), dict[str, str]()
    has_begun, stopped = False, Event()

    def stop(*_: object) -> None:
        stopped.set()  # an interruption that comes while an object goes is lost by itself
        raise KeyboardInterrupt

    earlier = signal.getsignal(signal.SIGINT)
    if earlier is not signal.SIG_IGN:  # as where a script began it beside itself
        signal.signal(signal.SIGINT, stop)
    try:
        while not stopped.is_set():
            for each in follower.read_on():
                if each.lines:
                    print(json.dumps(_plain(each)) if as_json else _line(each), flush=True)
            for name, error in follower.troubles.items():
                if not has_begun:
                    raise error
                if before.get(name) != error.code:
                    complain(error, as_json=False)
            before = {name: error.code for name, error in follower.troubles.items()}
            has_begun = True
            stopped.wait(FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return
    finally:
        signal.signal(signal.SIGINT, earlier)
        follower.close()


def _plain(report: LogReport) -> dict[str, object]:
    return {**report._asdict(), "left_out": dict(report.left_out)}


@collect.command("new-key")
def new_key(
    day: str = typer.Argument(help="The day, such as 2026-11-29."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Give a day whose key was changed or taken away another; what opens with none is given up."""
    from upheld.practices.collection.new_keys import renew

    its_day = read_day(day)
    if its_day is None:
        raise UpheldError("no day is named", code="usage", hint="name one, such as 2026-11-29")
    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        its = renew(transaction, its_day, actor_of(transaction, by))
    if as_json:
        print_json(its._asdict())
    else:
        print(f"{its.day}: a key again; {count_of(its.lost, 'visit')} given up")
        others = count_of(its.others, "other day")
        print(f"what stands of {others} is taken as it stands: SHA-256 {its.digest}")


@collect.command()
def synthetic(
    many: int = typer.Option(200, "--visits", min=1, max=10_000_000, help="A day, about."),
    days: int = typer.Option(60, "--days", min=1, max=3_650, help="Until yesterday."),
    seed: int = typer.Option(1, "--seed", help="The same one gives the same visits."),
) -> None:
    """Write an access log of visits of people who do not exist, to try things on."""
    from upheld.core.clock import Clock
    from upheld.practices.collection.synthetic import Traffic, log_line, visits

    first = Clock().now().date() - timedelta(days=days)
    out = sys.stdout.buffer
    for each in visits(Traffic(first, days, many, seed)):
        out.write(log_line(each) + b"\n")
    out.flush()


@collect.command()
def transactions(  # noqa: PLR0913, PLR0917 - a file, whose it is, and how it is read
    file: Path = typer.Argument(help="CSV, JSON with an object a line, or Parquet."),
    party: str = typer.Option(..., "--from", help="The partner: its name, or its word."),
    by: str = BY,
    columns: Path | None = typer.Option(
        None, "--columns", help="TOML that says which column has which word."
    ),
    left_out: Path | None = typer.Option(
        None, "--left-out", help="Write here which rows were left out, and why."
    ),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in what customers bought from a partner; 1 where the policy lets nothing in."""
    from upheld.cli import by_customer, read_beside, row_files, side_file
    from upheld.practice import matching, parties, partner_rows
    from upheld.practices.feeds import feeds, sales

    state = read_beside.state_of(file)
    words = row_files.words_of(columns, (*partner_rows.WORDS, *matching.KEYS))
    rows = row_files.rows_in_place(file)
    row_files.check_columns(rows, words, (*partner_rows.WORDS, "email"))
    order = by_customer.order_of(rows, words) if rows else ""

    def read(ask: read_beside.Ask) -> Iterator[sales.SaleLine]:
        return sales.read_lines(_rows(by_customer.rows_as_asked(file, words, ask), words))

    with (
        read_beside.reading(file, read, sales.SaleLine) as begin,
        side_file.writing(left_out) as tell,
    ):
        gate = gate_of(settings_in(settings))
        with gate.together() as transaction:
            user_id = user_id_of(transaction, by)
            word = parties.find(transaction, party)
            its_file = sales.SalesFile(word, read_beside.digest_of(file, state), user_id, order)
            before = sales.find_for(transaction, its_file)
        lines = begin(before.order if before else order)
        first = list(islice(lines, 1))  # of a file that cannot be read nothing is begun
        with gate.together() as transaction:
            its = sales.start(transaction, its_file, before)
        feeds.exhaust(sales.take_transactions(gate, its, chain(first, lines), tell))
    with gate.look() as tables:
        after = feeds.require(tables, its.feed_id)
    if as_json:
        print_json({**after.plain(), "read_before": its.lines})
    else:
        print(_sales_line(after, its.lines))
    raise typer.Exit(1 if after.refused and not after.people else 0)


def _rows(rows: Iterator[Row], words: ColumnWords) -> Iterator[FeedLine]:
    from upheld.cli.csv_rows import BrokenRow
    from upheld.practices.feeds.feeds import FeedLine

    for number, row in rows:
        fault = row.fault if isinstance(row, BrokenRow) else ""
        yield FeedLine(number, words.values(row), fault=fault)


def _sales_line(its: Feed, before: int) -> str:
    """What came of a file of transactions, in one line."""
    from upheld.practices.feeds.sales import WHY

    text = f"{its.party}: {count_of(its.lines, 'row')}; {count_of(its.people, 'transaction')} kept"
    for reason, why in WHY.items():
        if count := getattr(its, reason):
            text += f"; {count:,} left out: {why}"
    return text + (f"; {count_of(before, 'row')} read before" if before else "")


def _tell(report: LogReport) -> None:
    sys.stderr.write(f"\r{report.name}: {count_of(report.lines, 'line')}, {report.visits:,} kept")
    sys.stderr.flush()


def _line(report: LogReport) -> str:
    """What came of a log, in one line."""
    clauses = ", ".join(f"#{each}" for each in report.clauses)
    text = f"{report.name}: {count_of(report.lines, 'line')}"
    text += f"; {count_of(report.visits, 'visit')} kept" + (f", by {clauses}" if clauses else "")
    for why, count in report.left_out:
        text += f"; {count:,} left out: {why}"
    if report.read_before:
        text += f"; {count_of(report.read_before, 'byte')} read before"
    return text + ("; the last line is not finished" if report.unfinished else "")
