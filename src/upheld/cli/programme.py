"""`upheld programme`: make programmes that customers join by choice, run them, and end them.

Each change names the member of staff who makes it (`--by`), on trust as in `upheld version`. What
customers read comes from a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, actor_of, read_day
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.files import read_file

if TYPE_CHECKING:
    from upheld.practices.programmes.programmes import Programme

programme = typer.Typer(
    help="Keep programmes that share with a company whom joins them.", no_args_is_help=True
)

WHICH = typer.Argument(help="The programme: its name, or its id.")


@programme.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List all programmes with how many joined; it says nothing of customers."""
    from upheld.practices.programmes import members, programmes

    with provider_of(settings_in(settings)).gate.gate.look() as tables:
        rows = [
            (each, members.counts(tables, each.programme_id)) for each in programmes.every(tables)
        ]
    if as_json:
        print_json([{**_plain(each), "people": counts} for each, counts in rows])
        return
    for each, counts in rows:
        print(f"{_line(each)}; {counts['joined']} joined, {counts['sent']} sent")


@programme.command()
def add(  # noqa: PLR0913, PLR0917 - what is said of a programme, each by an option
    title: str = typer.Argument(help="Its name, as customers read it."),
    party: str = typer.Option(..., "--party", help="The company: its name, or its word."),
    fields: str = typer.Option(..., "--fields", help="What goes there: email,interests"),
    purpose: str = typer.Option(..., "--purpose", help="What the company does with it."),
    text: Path = typer.Option(..., "--text", help="A file with what customers read."),
    by: str = BY,
    since: str = typer.Option("", "--since", help="The first day, such as 2026-11-01; else today."),
    until: str = typer.Option("", "--until", help="The last day; else it is open."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make a programme; it cannot be changed later, since customers agree to it as it stands."""
    from upheld.practice import parties
    from upheld.practices.programmes import programmes
    from upheld.practices.programmes.programmes import ProgrammeDraft

    words = tuple(dict.fromkeys(each.strip() for each in fields.split(",") if each.strip()))
    wording = read_file(text)[0].decode(errors="replace")
    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        draft = ProgrammeDraft(
            title,
            parties.find(transaction, party),
            words,
            purpose,
            wording,
            read_day(since),
            read_day(until),
        )
        new_programme = programmes.make(transaction, draft, actor=actor_of(transaction, by))
    if as_json:
        print_json(_plain(new_programme))
    else:
        print(_line(new_programme))


@programme.command()
def run(
    which: str = WHICH, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Send whoever joined since the last run, each once."""
    from upheld.practices.programmes import programmes, runs

    gate = provider_of(settings_in(settings)).gate.gate
    with gate.together() as transaction:
        actor_of(transaction, by)
        its = programmes.find(transaction.tables, which)
    result = runs.run(gate, its.programme_id)
    if as_json:
        print_json(result._asdict())
    else:
        people = count_of(result.people, "person", "people")
        packed = count_of(result.deliveries, "delivery", "deliveries")
        print(f"{people} in {packed}, {result.refused:,} refused")


@programme.command()
def end(
    which: str = WHICH, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """End a programme now: nobody joins it any more, and nothing more goes."""
    from upheld.practices.programmes import programmes

    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        its = programmes.find(transaction.tables, which)
        its = programmes.end(transaction, its.programme_id, actor=actor_of(transaction, by))
    if as_json:
        print_json(_plain(its))
    else:
        print(_line(its))


def _plain(its: Programme) -> dict[str, object]:
    """A programme as plain data."""
    return {
        "id": its.programme_id,
        "title": its.title,
        "party": its.party,
        "fields": its.fields,
        "purpose": its.purpose,
        "begins": its.begins.isoformat(),
        "ends": its.ends.isoformat() if its.ends else None,
    }


def _line(its: Programme) -> str:
    days = f"from {its.begins:%Y-%m-%d}" + (f" until {its.ends:%Y-%m-%d}" if its.ends else "")
    return f"{its.programme_id}: {its.title}, with {its.party}, {days}"
