"""`upheld version sever`: a finding about a clause, what it changes, and its draft."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.analysis import tell
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of


def sever(  # noqa: PLR0913, PLR0917 - the words of a command
    clause: str = typer.Argument(help="The id of the clause."),
    court: str = typer.Option(..., "--court", help="The court or authority that found it."),
    day: str = typer.Option(..., "--date", help="The date of the finding, as 2026-03-12."),
    reference: str = typer.Option(..., "--reference", help="The reference of its document."),
    words: str = typer.Option(..., "--words", help="What was found; everybody reads it."),
    by: str = typer.Option(..., "--by", help="The name by which the member of staff signs in."),
    restore: bool = typer.Option(False, "--restore", help="The clause holds after all."),
    accept_widening: bool = typer.Option(
        False, "--accept-widening", help="Strike it although more would be allowed."
    ),
    preview: bool = typer.Option(False, "--preview", help="Only tell what it changes."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make a draft in which a clause is struck, or restored, by a finding; tell what it changes.

    The draft is the version in force with the clause struck and a note behind it. It is approved
    and posted as any other. Each difference is told with how many customers it reaches.
    """
    from upheld.practices.staff import people
    from upheld.practices.versions import drafts, findings
    from upheld.practices.versions.reach import draft_reach

    gate = gate_of(settings_in(settings))
    gate.take_first_version()
    today = gate.clock.today()
    values = {"court": court, "day": day, "reference": reference, "words": words}
    finding = findings.finding_of(clause, values, today, restores=restore)
    with gate.together() as transaction:
        user = drafts.user_of(transaction.tables, people.by_sign_in(transaction, by))
        versions = findings.versions_posted(transaction)
    outlook = findings.preview(gate.policy, finding, versions, today)
    changes = outlook.comparison.changes
    reach = draft_reach(gate, outlook.policy, outlook.comparison, sys.maxsize, len(changes))
    new = None
    if not preview:
        with gate.together() as transaction:
            new = findings.record(
                transaction, outlook, user.user_id, accept_widening=accept_widening
            )
    if as_json:
        counts = [{"change": each.text, "customers": count} for each, count in reach.counts]
        print_json(
            {
                "note": finding.note,
                "customers": reach.customers,
                "changes": counts,
                "examples": outlook.examples,
                "widens": outlook.needs_consent_to_widening,
                "draft": None if new is None else new._asdict(),
            }
        )
        return
    print(finding.note)
    for change, number in reach.counts:
        tell(change)
        print(
            "    about nobody in particular"
            if number is None
            else f"    {count_of(number, 'customer')}"
        )
    print(f"of {count_of(reach.customers, 'customer')}")
    for each in outlook.examples:
        print(f"answered otherwise from now on: {each}")
    if new is None:
        print("nothing was made: this is a preview")
    else:
        print(f"draft {new.draft_id[:8]}: version {new.version}, digest {new.digest[:12]}")
