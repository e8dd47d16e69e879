"""`upheld termination`: decide that services of a customer end, undo that, list what was decided.

Each step names the member of staff who takes it (`--by`), on trust as in `upheld version`. What the
customer reads comes from a file or standard input, since other people see a command's words.
"""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, read_text, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId, TaskId

if TYPE_CHECKING:
    from upheld.core.clock import Clock
    from upheld.practices.terminations.decisions import Termination

termination = typer.Typer(
    help="End services of a customer who broke the terms, and undo that.", no_args_is_help=True
)


def _start(day: str, clock: Clock) -> datetime:
    """When a decision takes effect: now, or as a day begins."""
    from upheld.practices.terminations.questions import AHEAD_MAX

    if not day:
        return clock.now()
    try:
        starts = date.fromisoformat(day)
    except ValueError:
        starts = date.min
    if not clock.today() <= starts <= clock.today() + AHEAD_MAX:
        raise UpheldError(
            "--starts is no day of the next year", code="usage", hint="write it as 2027-01-31"
        )
    return datetime.combine(starts, time(), clock.zone)


@termination.command()
def decide(  # noqa: PLR0913, PLR0917 - what a decision says
    who: str = typer.Argument(help="The customer's id."),
    by: str = BY,
    term: str = typer.Option(..., "--term", help="The term that was broken, as the terms say it."),
    events: str = typer.Option(..., "--events", help="A file with what happened; - for stdin."),
    service: str = typer.Option("", "--service", help="The service that ends; all if left out."),
    starts: str = typer.Option("", "--starts", help="The day from which on; today if left out."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Decide to end services; 1 where the policy in force does not let us."""
    from upheld.gate.act.request import Refused
    from upheld.practices.terminations.decisions import TEXT_MAX, Grounds, Terminations

    provider = provider_of(settings_in(settings))
    grounds = Grounds(
        service,
        _start(starts, provider.clock),
        term,
        read_text(events, TEXT_MAX, reader="the customer"),
    )
    with provider.gate.gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        decision = Terminations(provider).decide(transaction, PersonId(who), grounds, user_id)
    if isinstance(decision, Refused):
        raise decision
    _show(decision, as_json=as_json)
    raise typer.Exit(1 if decision.state == "refused" else 0)


@termination.command()
def undo(
    name: str = typer.Argument(help="The id of the decision."),
    by: str = BY,
    why: str = typer.Option(..., "--why", help="A file that says why; - for stdin."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Undo a decision by another one."""
    from upheld.practices.terminations.decisions import TEXT_MAX, Terminations

    provider, text = (
        provider_of(settings_in(settings)),
        read_text(why, TEXT_MAX, reader="the customer"),
    )
    with provider.gate.gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        decision = Terminations(provider).undo(transaction, TaskId(name), text, user_id)
    _show(decision, as_json=as_json)


@termination.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List every decision with its state; it says nothing of customers."""
    from upheld.practices.terminations.decisions import Terminations

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.look() as tables:
        decisions = Terminations(provider).all(tables)
    if as_json:
        print_json([_row(each) for each in decisions])
        return
    for each in decisions:
        print(_line(each))


def _row(decision: Termination) -> dict[str, object]:
    """A decision without whom it is about."""
    return {
        "id": decision.termination_id,
        "state": decision.state,
        "starts": decision.starts,
        "decided": decision.decided_at,
        "by": decision.decided_by,
    }


def _line(decision: Termination) -> str:
    return (
        f"{decision.termination_id}: {decision.state}, from {decision.starts:%Y-%m-%d},"
        f" decided {decision.decided_at:%Y-%m-%d}"
    )


def _show(decision: Termination, *, as_json: bool) -> None:
    if as_json:
        print_json(_row(decision))
    else:
        print(_line(decision))
