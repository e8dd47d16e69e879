"""The command that strikes each word of a policy in turn and tells the provider's stories again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.output import JSON, POLICY, loaded, print_json, write_whole
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.mutate.run import Choice, MutantFinding


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(mutate)


def mutate(  # noqa: PLR0913, PLR0917 - an option each
    policy: Path = POLICY,
    stories: str = typer.Option(
        ..., "--stories", help="The command that tells the stories, such as `pytest tests/stories`."
    ),
    keep: Path | None = typer.Option(
        None, "--keep", help="Keep what was found in this folder, and go on from it next time."
    ),
    clause: list[str] = typer.Option(
        [], "--clause", help="Try this clause alone; may be repeated."
    ),
    every_change: bool = typer.Option(
        False, "--all", help="Tell all stories of each mutant, not only up to the first change."
    ),
    at_least: float = typer.Option(
        0.0, "--at-least", help="Exit 1 if less than this many percent change something."
    ),
    known_dead: Path | None = typer.Option(
        None, "--known-dead", help="A list of what may be dead: exit 1 if it is too long or short."
    ),
    html: Path | None = typer.Option(None, "--html", help="Write a page, clause by clause."),
    workers: int = typer.Option(0, "--workers", help="Processes at a time; one a core if 0."),
    as_json: bool = JSON,
) -> None:
    """Strike each clause, rule and word in turn and tell what changes in a provider's stories."""
    from upheld.mutate.report import line, page, summary, unlisted
    from upheld.mutate.run import mutate as tried

    text = loaded(policy, as_json=as_json)
    dead = _listed(known_dead)
    report = tried(
        policy,
        stories,
        keep=keep,
        workers=workers,
        all_changes=every_change,
        choose=_chosen(clause),
        progress=_progress,
    )
    more, fewer = unlisted(report, dead) if known_dead is not None else ([], [])
    if html is not None:
        write_whole(html, page(text, report).encode())
    if as_json:
        changing, all_ = report.count()
        print_json(
            {
                "policy": report.policy,
                "changing": changing,
                "of": all_,
                "percent": round(report.share, 1),
                "stories": report.stories,
                "questions": report.questions,
                "findings": report.findings,
                "newly_dead": more,
                "no_longer_dead": fewer,
            }
        )
    else:
        for each in report.findings:
            print(line(each))
        for name in more:
            print(f"dead, and not in {known_dead}: {name}")
        for name in fewer:
            print(f"not dead, take it out of {known_dead}: {name}")
        print(summary(report))
    raise typer.Exit(1 if report.share < at_least or more or fewer else 0)


def _listed(path: Path | None) -> list[str]:
    """The ids in a list of what may be dead: a line each; `%` begins a comment."""
    if path is None:
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UpheldError(
            f"{path} cannot be read", code="unreadable", hint="name a list of ids, a line each"
        ) from None
    return [each for line in lines if (each := line.split("%")[0].strip())]


def _chosen(clauses: list[str]) -> Choice:
    ids = {name.removeprefix("#") for name in clauses}
    return lambda mutant: not ids or mutant.clause in ids


def _progress(done: int, of: int, finding: MutantFinding) -> None:
    """Say how far it is, to somebody who watches."""
    if sys.stderr.isatty():
        end = "\n" if done == of else ""
        sys.stderr.write(f"\r\x1b[K{done:,} of {of:,}: {finding.id} {finding.came}{end}")
        sys.stderr.flush()
