"""Commands over many questions at once: `replay`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import typer

from upheld.cli.admin import SETTINGS
from upheld.cli.output import JSON, POLICY, loaded, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upheld.policy.load import Policy
    from upheld.policy.replay import ReplayReport

RECALLED = 1_000  # recorded acts asked at a time
SHOWN_MAX = 20  # changes that are printed; --json has them all


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(replay)


def replay(
    policy: Path = POLICY,
    requests: str = typer.Option(
        "", "--requests", help="Past questions, one JSON a line; - is standard input."
    ),
    against: Path | None = typer.Option(
        None, "--against", help="The draft: what would it decide otherwise?"
    ),
    ledger: bool = typer.Option(
        False, "--ledger", help="POLICY is the draft; ask it of a provider's recorded acts."
    ),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Ask a log of questions again, of a policy or of it and a draft; 1 if anything differs."""
    from upheld.cli.lines import batches, opened, question_in
    from upheld.policy.replay import Replay, plain

    if ledger == bool(requests) or (ledger and against is not None):
        raise UpheldError(
            "name a log of --requests, or --ledger without --against",
            code="usage",
            hint="see `upheld replay --help`",
        )
    if ledger:
        _from_ledger(loaded(policy, as_json=as_json), settings, as_json=as_json)
        return
    rules = loaded(policy, as_json=as_json)
    draft = loaded(against, as_json=as_json) if against is not None else None
    run = Replay(rules, draft, question_in)
    with opened(requests) as source, progress(source) as advance:
        for lines in batches(source):
            run.batch(lines)
            advance()
    report = run.report()
    if as_json:
        changes = [plain(each) for each in report.changes]
        print_json({**msgspec.to_builtins(report), "changes": changes})
    else:
        tell(report, drafted=draft is not None)
    raise typer.Exit(1 if report.otherwise or report.bad else 0)


def _from_ledger(draft: Policy, settings: Path | None, *, as_json: bool) -> None:
    """Ask a draft of the acts in a provider's ledger, on the facts as they were."""
    from itertools import islice

    from upheld.cli.admin import gate_of, settings_in
    from upheld.gate.act.replay import ReplayCounts, questions
    from upheld.policy.replay import Replay, plain

    gate = gate_of(settings_in(settings))
    recall = ReplayCounts()
    decode = msgspec.json.Decoder(dict[str, object]).decode

    def without_facts(question: dict[str, object]) -> object:
        return {
            name: word for name, word in question.items() if name != "facts"
        }  # they are personal

    run = Replay(
        gate.context.policy, draft, lambda line: (decode(line or b""), None), without_facts
    )
    lines = questions(gate, draft, recall)
    while batch := list(islice(lines, RECALLED)):
        run.batch(list(batch))
    report = run.report()
    if as_json:
        changes = [plain(each) for each in report.changes]
        print_json(
            {
                **msgspec.to_builtins(report),
                "changes": changes,
                "ledger": msgspec.to_builtins(recall),
            }
        )
    else:
        print(
            f"{count_of(recall.entries, 'recorded act')}"
            " on the facts as their records prove them for then"
        )
        for count, why in (
            (recall.gone, "of people who are gone: not asked"),
            (recall.unknown, "whose words or records are no longer known: not asked"),
            (recall.otherwise, "that the versions which decided them now decide otherwise"),
        ):
            if count:
                print(f"  {count:,} {why}")
        tell(report, drafted=True)
    raise typer.Exit(1 if report.otherwise or report.bad else 0)


@contextmanager
def progress(source: BufferedIOBase) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, moved by how far a file is read; elsewhere nothing."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    total = None
    if source.seekable():
        total = source.seek(0, 2)
        source.seek(0)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking", total=total)

        def advance() -> None:
            if total is not None:
                bar.update(task, completed=source.tell())

        yield advance


def tell(report: ReplayReport, *, drafted: bool) -> None:
    """Print what came of a replay."""
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in report.outcomes.items())
    print(f"{count_of(report.questions, 'question')}: {counts or 'none'}")
    for each in report.bad_lines:
        print(f"line {each.line}: {each.why} [{each.code}]")
    if report.bad:
        print(f"{count_of(report.bad, 'line')} could not be asked")
    if drafted:
        print(
            f"{report.otherwise:,} decided otherwise: {report.newly_allowed:,} newly allowed,"
            f" {report.no_longer_allowed:,} no longer allowed"
        )
    for change in report.changes[:SHOWN_MAX]:
        print(f"- {change.count:,} {change.kind}: {change.before}, now {change.now}")
        for example in change.examples:
            print(f"    line {example.line}: {_as_json(example.question)}")
            print(f"      before: {example.before}")
            print(f"      now: {example.now}")
    if (more := len(report.changes) - SHOWN_MAX) > 0:
        print(f"and {count_of(more, 'more kind', 'more kinds')} of change; --json has them")
    if report.clauses:
        print("by clause:")
        for clause, count in report.clauses.items():
            print(f"  #{clause} {count:,}")


def _as_json(value: object) -> str:
    return msgspec.json.Encoder(decimal_format="number").encode(value).decode()
