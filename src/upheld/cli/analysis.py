"""Commands for whoever answers for a policy: everything that it can ever do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.output import JSON, POLICY, loaded, print_json, write_whole
from upheld.cli.screening import (
    ABSENT,
    COLUMN,
    ENGINE,
    TABLE,
    binding_hints,
    parse_columns,
    parse_words,
)
from upheld.cli.tables import opened, typed

if TYPE_CHECKING:
    from upheld.policy.analyse.compare import Change


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(compare)
    app.command()(query)
    app.command()(findings)
    app.command()(contains)
    app.command()(sever)


def compare(
    old: Path = typer.Argument(help="The old version."),
    new: Path = typer.Argument(help="The new version."),
    html: Path | None = typer.Option(None, "--html", help="Write a page with both versions."),
    as_json: bool = JSON,
) -> None:
    """Tell each difference in effect between two versions; 1 if anything is newly allowed."""
    from upheld.policy.analyse.compare import compare as compared
    from upheld.policy.analyse.page import page

    policies = loaded(old, as_json=as_json), loaded(new, as_json=as_json)
    comparison = compared(*policies)
    if html is not None:
        write_whole(html, page(*policies, comparison).encode())
    if as_json:
        print_json(
            {
                "same": comparison.same,
                "newly_allowed": len(comparison.newly_allowed),
                **fields(comparison),
            }
        )
    else:
        for note in comparison.notes:
            print(note)
        for change in comparison.changes:
            tell(change)
        if comparison.same:
            print(comparison)
            if comparison.reworded:
                print("reworded: " + ", ".join(f"#{name}" for name in comparison.reworded))
    raise typer.Exit(1 if comparison.newly_allowed else 0)


def fields(value: object) -> dict[str, object]:
    """The fields of a result."""
    import msgspec

    contents: dict[str, object] = msgspec.to_builtins(value)
    return contents


def tell(change: Change) -> None:
    """Print a change and its example."""
    print(f"- {change.text}")
    witness = change.witness
    print(f"    for example: {witness.text}")
    for when, answer in (("before", witness.old), ("now", witness.new)):
        print(f"      {when}: {answer.why if answer is not None else 'there is no such action'}")


def query(
    policy: Path = POLICY,
    question: str = typer.Argument(
        help="share payment to advertiser; share email to ?; who can ever receive birth-date?"
    ),
    as_json: bool = JSON,
) -> None:
    """Tell whether something can ever be allowed, and when; 1 for never."""
    from upheld.policy.analyse.query import query as run_query

    answer = run_query(loaded(policy, as_json=as_json), question)
    if as_json:
        print_json(answer)
    else:
        print(answer)
        for dimension, words in answer.open.items():
            print(f"{dimension}: {', '.join(words) or 'none'}")
    raise typer.Exit(1 if answer.verdict == "never" else 0)


def findings(  # noqa: PLR0913, PLR0917 - an option each
    policy: Path = POLICY,
    rows: str = typer.Option("", "--rows", help="Count the people of a table: a file, a database."),
    table: str = TABLE,
    column: list[str] = COLUMN,
    absent: list[str] = ABSENT,
    engine: str = ENGINE,
    as_json: bool = JSON,
) -> None:
    """Tell who can receive what for which purpose, on which proof, and what is surprising."""
    from upheld.policy.analyse.findings import findings as found_in

    policy_found = loaded(policy, as_json=as_json)
    report = found_in(policy_found)
    counts: list[dict[str, int]] = []
    if rows:
        from upheld.policy.bulk.screen import tally

        questions = [{"action": r.region.action, **r.region.dimensions} for r in report.rows]
        with opened(rows, table, engine) as data, binding_hints():
            columns = parse_columns(column)
            people = typed(data, [policy_found], columns)
            counts = tally(
                policy_found,
                people.table,
                questions,
                columns=columns,
                absent=parse_words(absent),
            )
            data.at_rest()
    if as_json:
        print_json({**fields(report), **({"counts": counts} if rows else {})})
        return
    from rich.console import Console
    from rich.table import Table

    findings_table = Table("what", "on which proof", "how", "by", title="Who can receive what")
    for outcome in ("allow", "needs-proof") if rows else ():
        findings_table.add_column(outcome, justify="right")
    for number, row in enumerate(report.rows):
        ways = "; or ".join(" and ".join(way) for way in row.when if way) or "nothing to prove"
        numbers = [f"{counts[number][o]:,}" for o in ("allow", "needs-proof")] if rows else []
        clauses = " ".join(f"#{c}" for c in row.clauses)
        findings_table.add_row(row.region.text, ways, ", ".join(row.duties), clauses, *numbers)
    Console().print(findings_table)
    for surprise in report.surprises:
        print(f"- {surprise.text}")


def sever(
    policy: Path = POLICY,
    clause: str = typer.Option(..., "--clause", help="The id of the clause to strike."),
    finding: str = typer.Option(..., "--finding", help="Who found what, and when."),
    accept_widening: bool = typer.Option(
        False, "--accept-widening", help="Strike it although more would be allowed."
    ),
    out: Path | None = typer.Option(None, "--out", help="Write the new version here."),
    as_json: bool = JSON,
) -> None:
    """Strike a clause and tell what changes; 1 where that is refused because it widens."""
    from upheld.policy.analyse.sever import sever as severed

    severance = severed(
        loaded(policy, as_json=as_json),
        clause.removeprefix("#"),
        finding,
        accept_widening=accept_widening,
    )
    if out is not None and not severance.refused:
        write_whole(out, severance.text.encode())
    if as_json:
        print_json(severance)
    else:
        print(severance)
        for example in severance.examples:
            print(f"answered otherwise from now on: {example}")
        if severance.refused:
            print("to strike it all the same, add --accept-widening")
        else:
            print(f"written to {out}" if out else "nothing written; name a file with --out")
    raise typer.Exit(1 if severance.refused else 0)


def contains(
    agreement: Path = typer.Argument(help="The agreement: what the partner may do."),
    policy: Path = POLICY,
    as_json: bool = JSON,
) -> None:
    """Tell whether an agreement lets a partner do no more than the policy; 1 if it does."""
    from upheld.policy.analyse.contains import contains as compared

    comparison = compared(loaded(agreement, as_json=as_json), loaded(policy, as_json=as_json))
    if as_json:
        print_json(comparison)
    else:
        print(comparison)
    raise typer.Exit(0 if comparison.contained else 1)


def agreement(
    policy: Path = POLICY,
    partner: str = typer.Option(..., "--partner", help="The partner's name."),
    out: Path | None = typer.Option(None, "--out", help="Write the draft here."),
    as_json: bool = JSON,
) -> None:
    """Draft an agreement with a trusted partner, in terms identical with the policy's."""
    from upheld.policy.analyse.draft import agreement as drafted

    text = drafted(loaded(policy, as_json=as_json), partner)
    if out is not None:
        write_whole(out, text.encode())
    if as_json:
        print_json({"partner": partner, "text": text})
    else:
        print(f"written to {out}" if out else text)
