"""`upheld incident`: say what was misused, see whom it touched, have the notice approved, close it.

`--drill` opens a practice alarm: it takes the same steps, and nobody is written to.

Each step names the member of staff who takes it (`--by`), on trust as in `upheld version`. What is
written comes from a file or standard input, since other people see a command's words.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, read_text, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError
from upheld.core.ids import IncidentId, UserId

if TYPE_CHECKING:
    from upheld.core.clock import Clock
    from upheld.gate.transaction import Transaction
    from upheld.practice.plugin import Provider
    from upheld.practices.incidents.drills import DrillStep
    from upheld.practices.incidents.incidents import Incident, Incidents

incident = typer.Typer(
    help="What was misused: whom it touched, and the notices that are owed.", no_args_is_help=True
)

NAME = typer.Argument(help="The id of the incident.")
TEXT = typer.Option(..., "--text", help="A file with what is written; - for standard input.")


def _moment(option: str, value: str, clock: Clock) -> datetime:
    from upheld.practices.incidents.questions import read_moment

    try:
        return read_moment(value, clock.zone, is_end=option == "--until")
    except ValueError:
        raise UpheldError(
            f"{option} is no moment", code="usage", hint='write it as "2026-03-11 16:20"'
        ) from None


@incident.command("open")
def open_incident(  # noqa: PLR0913, PLR0917 - what an incident says
    kind: str = typer.Argument(help="staff, partner, key, table, backup or time."),
    subject: str = typer.Argument("", help="Which one, by its name, number or id; none of a time."),
    by: str = BY,
    since: str = typer.Option(..., "--since", help='From when, as "2026-03-11 16:20".'),
    until: str = typer.Option(..., "--until", help="Until when."),
    discovery: str = typer.Option(..., "--discovery", help="When it was found."),
    drill: bool = typer.Option(
        False, "--drill", help="A practice alarm: nobody is written to, and it stays one."
    ),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Open an incident, and work out from the ledger whom it touched."""
    from upheld.gate.operations.misuse import PARTNER, STAFF, Misuse, require_subject
    from upheld.practices.incidents import incidents
    from upheld.practices.incidents.notices import IncidentWork
    from upheld.practices.incidents.questions import through_its_minute

    provider = provider_of(settings_in(settings))
    clock, gate, model = provider.clock, provider.gate.gate, incidents.Incidents(provider)
    end = through_its_minute(_moment("--until", until, clock), clock.now())
    moments = (_moment("--since", since, clock), end)
    at = _moment("--discovery", discovery, clock)
    if kind not in (STAFF, PARTNER):
        require_subject(gate, kind, subject)
    with gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        name = incidents.subject_of(transaction, kind, subject)
        new = model.open(transaction, Misuse(kind, name, *moments), at, user_id, drill=drill)
    IncidentWork(model).count(gate, new.incident_id)
    _show(provider, model, new.incident_id, as_json=as_json)


@incident.command()
def count(name: str = NAME, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Work out again whom an incident touched, such as whoever was set aside before."""
    from upheld.practices.incidents.incidents import Incidents
    from upheld.practices.incidents.notices import IncidentWork

    provider = provider_of(settings_in(settings))
    model = Incidents(provider)
    IncidentWork(model).count(provider.gate.gate, IncidentId(name))
    _show(provider, model, name, as_json=as_json)


@incident.command()
def draft(
    name: str = NAME,
    by: str = BY,
    text: str = TEXT,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Write the notice, or write it anew."""
    from upheld.practices.incidents.incidents import TEXT_MAX

    notice = read_text(text, TEXT_MAX)
    _step(
        settings,
        by,
        name,
        lambda m, t, user: m.draft(t, IncidentId(name), notice, user),
        as_json=as_json,
    )


@incident.command()
def approve(
    name: str = NAME,
    by: str = BY,
    turn: int = typer.Option(..., "--turn", help="The turn of the incident as you read it."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Approve the notice as the second person; `upheld jobs` sends it."""
    _step(
        settings,
        by,
        name,
        lambda m, t, user: m.approve(t, IncidentId(name), turn, user),
        as_json=as_json,
    )


@incident.command()
def note(
    name: str = NAME,
    by: str = BY,
    text: str = TEXT,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Write down what was done."""
    from upheld.practices.incidents.incidents import TEXT_MAX

    remark = read_text(text, TEXT_MAX)
    _step(
        settings,
        by,
        name,
        lambda m, t, user: m.note(t, IncidentId(name), remark, user),
        as_json=as_json,
    )


@incident.command()
def close(
    name: str = NAME,
    by: str = BY,
    text: str = TEXT,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Close an incident with what was done, once no notice is owed any more."""
    from upheld.practices.incidents.incidents import TEXT_MAX

    remark = read_text(text, TEXT_MAX)
    _step(
        settings,
        by,
        name,
        lambda m, t, user: m.close(t, IncidentId(name), remark, user),
        as_json=as_json,
    )


@incident.command()
def show(name: str = NAME, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Show how an incident stands, with its notice; it says nothing of who was touched."""
    from upheld.practices.incidents.incidents import Incidents

    provider = provider_of(settings_in(settings))
    _show(provider, Incidents(provider), name, as_json=as_json)


@incident.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List every incident with its state."""
    from upheld.practices.incidents.incidents import Incidents

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.look() as tables:
        rows = Incidents(provider).all(tables)
    if as_json:
        print_json([_row(each) for each in rows])
        return
    for each in rows:
        print(_line(each))


def _step(
    settings: Path | None,
    by: str,
    name: str,
    step: Callable[[Incidents, Transaction, UserId], Incident],
    *,
    as_json: bool,
) -> None:
    """Take a step in a transaction of its own, and show how the incident stands then."""
    from upheld.practices.incidents.incidents import Incidents

    provider = provider_of(settings_in(settings))
    model = Incidents(provider)
    with provider.gate.gate.together() as transaction:
        step(model, transaction, user_id_of(transaction, by))
    _show(provider, model, name, as_json=as_json)


def _row(there: Incident) -> dict[str, object]:
    return {
        "id": there.incident_id,
        "state": there.state,
        "turn": there.turn,
        "kind": there.misuse.kind,
        "discovery": there.discovery,
        "drill": there.drill,
        "people": there.people,
        "counts": dict(there.counts),
    }


def _spans(step: DrillStep) -> dict[str, object]:
    """A step of a practice alarm, its spans in seconds."""
    left = None if step.left is None else step.left.total_seconds()
    return {
        "step": step.step,
        "at": step.at,
        "took": step.took.total_seconds(),
        "after_finding": step.since.total_seconds(),
        "before_deadline": left,
    }


def _line(there: Incident) -> str:
    return (
        f"{there.incident_id}: {'PRACTICE ALARM, ' if there.drill else ''}{there.state},"
        f" {there.misuse.kind},"
        f" found {there.discovery:%Y-%m-%d %H:%M %Z}, touched {there.people}"
    )


def _show(provider: Provider, model: Incidents, name: str, *, as_json: bool) -> None:
    from upheld.gate.operations.misuse import told_besides
    from upheld.practices.incidents.drills import (
        drill_outcome,
        drill_record,
        in_words,
        left_in_words,
    )
    from upheld.practices.incidents.incidents import notice_counts

    with provider.gate.gate.look() as tables:
        there = model.require(tables, IncidentId(name))
        counts = notice_counts(tables, there, provider.now())
        record = drill_record(there, model.steps(tables, there.incident_id))
    if as_json:
        more: dict[str, object] = {"notice": there.notice, "notices": counts._asdict()}
        if there.drill:
            more |= {"deadline": there.deadline, "record": [_spans(each) for each in record]}
        print_json({**_row(there), **more})
        return
    print(_line(there))
    for kind, count in sorted(there.counts.items()):
        print(f"  {kind}: {count}")
    if there.people and (besides := told_besides(there.misuse)):
        print(f"  also among it: {besides}")
    if there.drill:
        print(f"turn {there.turn}; a practice alarm: nobody is written to")
        for each in record:
            print(
                f"  {each.step}: took {in_words(each.took)}, {in_words(each.since)} after the"
                f" finding, {left_in_words(each.left)}"
            )
        if outcome := drill_outcome(there):
            print(outcome)
    else:
        print(
            f"turn {there.turn}; notices: {counts.notified} sent, {counts.waiting} waiting,"
            f" {counts.refused} refused, {counts.late} late"
        )
    if there.notice:
        print(there.notice)
