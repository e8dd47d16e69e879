"""`upheld extract`: rows under pseudonyms are asked for, decided on and ended; none is printed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.ids import ExtractId

if TYPE_CHECKING:
    from upheld.practices.extracts.extracts import Extract

extract = typer.Typer(
    help="Extracts under pseudonyms, which are read at the desk alone.", no_args_is_help=True
)
WHICH = typer.Argument(help="The id of the extract.")


@extract.command()
def ask(  # noqa: PLR0913, PLR0917 - what an extract is of, and who asks for it
    columns: str = typer.Argument(help="What rows say, such as usage,transaction or age-range."),
    reason: str = typer.Option(..., "--reason", help="What you want to find out."),
    purpose: str = typer.Option("service-improvement", "--for", help="Or research."),
    month: str = typer.Option("", "--month", help="The first month of usage or transaction."),
    months: int = typer.Option(1, "--months", help="How many: 1, 3 or 6."),
    one_in: int = typer.Option(10, "--one-in", help="One person in so many: 100, 10 or 1."),
    days: int = typer.Option(30, "--days", help="For how long: 7, 30 or 90."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Ask for an extract, which waits for the yes of somebody else, and print its id."""
    from upheld.practices.extracts import extracts
    from upheld.practices.extracts.extracts import ExtractWish

    words = tuple(each.strip() for each in columns.split(","))
    wish = ExtractWish(purpose, words, month, months, one_in, days, reason)
    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        print(extracts.ask(transaction, wish, user_id_of(transaction, by)).extract_id)


@extract.command()
def approve(which: str = WHICH, by: str = BY, settings: Path | None = SETTINGS) -> None:
    """Say yes to what somebody else asked for, and gather its people."""
    from upheld.practices.extracts import extracts

    gate = provider_of(settings_in(settings)).gate.gate
    with gate.together() as transaction:
        extracts.approve(transaction, ExtractId(which), user_id_of(transaction, by))
    _print(extracts.gather(gate, ExtractId(which)))


@extract.command()
def refuse(
    which: str = WHICH,
    reason: str = typer.Option(..., "--reason", help="Why; whoever asked reads it."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Say no to what somebody else asked for."""
    from upheld.practices.extracts import extracts

    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        _print(extracts.refuse(transaction, ExtractId(which), user_id, reason=reason))


@extract.command()
def end(which: str = WHICH, by: str = BY, settings: Path | None = SETTINGS) -> None:
    """End one before its time: nobody can tell then whose a pseudonym was."""
    from upheld.practices.extracts import extracts

    with provider_of(settings_in(settings)).gate.gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        _print(extracts.end(transaction, ExtractId(which), "It was ended by command.", user_id))


@extract.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List all extracts, the latest first, and until when each is open."""
    from upheld.practices.extracts import extracts

    with provider_of(settings_in(settings)).gate.gate.look() as tables:
        rows = extracts.every(tables)
    if as_json:
        print_json(
            [
                {
                    "id": each.extract_id,
                    "for": each.wish.purpose,
                    "columns": each.wish.columns,
                    "state": each.state,
                    "why": each.why,
                    "ends": each.ends_at.isoformat() if each.ends_at else None,
                }
                for each in rows
            ]
        )
        return
    for each in rows:
        _print(each)


def _print(its: Extract) -> None:
    until = f" until {its.ends_at:%Y-%m-%d}" if its.ends_at and its.state == "open" else ""
    why = f" ({its.why})" if its.why else ""
    columns = ", ".join(its.wish.columns)
    print(f"{its.extract_id} {its.wish.purpose}, {columns}: {its.state}{until}{why}")
