"""`upheld collect`: take in what servers recorded of visits, as far as the policy lets it in.

A log may hold what no clause lets in: that is counted, and written nowhere.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of

if TYPE_CHECKING:
    from upheld.practices.collection.ingest import LogReport

collect = typer.Typer(help="Take in what servers recorded of visits.", no_args_is_help=True)
FOLLOW_SECONDS = 1.0


@collect.callback()
def _group() -> None:
    """Take in what servers recorded of visits."""


@collect.command()
def logs(
    files: list[str] = typer.Argument(help="Access logs, compressed or not; - for stdin."),
    follow: bool = typer.Option(False, "--follow", help="Read on as lines are added."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in access logs (common, combined, or JSON); 1 where the policy lets nothing in."""
    from upheld.practices.collection.ingest import LogIngest

    provider = provider_of(settings_in(settings))
    ingest = LogIngest(provider.gate.gate, _tell if sys.stderr.isatty() else None)
    reports: list[LogReport] = []
    try:
        while True:
            reports = [ingest.read(name) for name in files]
            if not as_json:
                for each in reports:
                    if each.lines or not follow:
                        print(_line(each), flush=True)
            if not follow:
                break
            time.sleep(FOLLOW_SECONDS)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    if as_json:
        print_json([{**each._asdict(), "left_out": dict(each.left_out)} for each in reports])
    raise typer.Exit(1 if all(each.refused_by_policy for each in reports) else 0)


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
