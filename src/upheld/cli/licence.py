"""`upheld feed licence`: what partners let be done with what they tell us, which only narrows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, read_day, user_id_of
from upheld.cli.output import JSON, print_json

if TYPE_CHECKING:
    from upheld.gate.public import Licence
    from upheld.policy.load import Policy

licence = typer.Typer(help="Register what partners let be done with it.", no_args_is_help=True)
NUMBER = typer.Argument(help="The number of the licence.")


@licence.command()
def add(
    file: Path = typer.Argument(help="The licence: Markdown, with rules as a policy has them."),
    party: str = typer.Option(..., "--from", help="The company: its name, or its word."),
    since: str = typer.Option("", "--since", help="Also for what came in since a day."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Register a licence, if it allows nothing that the policy in force does not."""
    from upheld.core.files import read_file
    from upheld.practice import parties
    from upheld.practices.feeds import licences

    gate = gate_of(settings_in(settings))
    day, in_force = read_day(since), gate.policy
    document = licences.read(read_file(file)[0], in_force)
    licences.require_narrower(in_force, document)
    with gate.together() as transaction:
        word = parties.find(transaction, party)
        user_id = user_id_of(transaction, by)
        its = licences.register(
            transaction, document, word, user_id, base=in_force.digest, since=day
        )
    _print(its, document, as_json=as_json)


@licence.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List the licences, with whose they are and for what came in when."""
    with gate_of(settings_in(settings)).together() as transaction:
        rows = [(each, transaction.licences.policy(each)) for each in transaction.licences.all()]
    if as_json:
        print_json([_plain(its, document) for its, document in rows])
        return
    for its, document in rows:
        print(_line(its, document))


@licence.command()
def show(number: int = NUMBER, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Print a licence as it was registered, and what it would allow beyond the policy by now."""
    from upheld.practices.feeds import licences

    gate = gate_of(settings_in(settings))
    with gate.together() as transaction:
        its = transaction.licences.require(number)
        document = transaction.licences.policy(its)
    wider = licences.widening(gate.policy, document)
    if as_json:
        print_json({**_plain(its, document), "text": document.program.source, "beyond": wider})
        return
    print(document.program.source, end="")
    for each in wider:
        print(f"beyond the policy in force, which is asked as well: {each}")


@licence.command()
def end(
    number: int = NUMBER,
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """End a licence: what came in under it stays under it."""
    from upheld.practices.feeds import licences

    with gate_of(settings_in(settings)).together() as transaction:
        its = licences.end(transaction, number, user_id_of(transaction, by))
        document = transaction.licences.policy(its)
    _print(its, document, as_json=as_json)


def _print(its: Licence, document: Policy, *, as_json: bool) -> None:
    if as_json:
        print_json(_plain(its, document))
    else:
        print(_line(its, document))


def _plain(its: Licence, document: Policy) -> dict[str, object]:
    until = its.until_day
    return {
        "number": its.number,
        "party": its.party,
        "digest": its.digest,
        "policy": document.front.policy,
        "version": document.front.version,
        "since": its.since_day.isoformat(),
        "until": None if until is None else until.isoformat(),
    }


def _line(its: Licence, document: Policy) -> str:
    until = "" if its.until_day is None else f" until {its.until_day:%Y-%m-%d %H:%M}"
    version = f", version {document.front.version}" if document.front.version else ""
    return (
        f"{its.number} {its.party}: {document.front.policy}{version};"
        f" what came in from {its.since_day:%Y-%m-%d %H:%M}{until}"
    )
