"""`upheld staff`: who works at the provider's desks, and for engaged companies.

Whoever is added enrols by a link that works once and is printed once: they choose a password and
set up one-time passwords there, and nobody else ever sees either.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.output import JSON, print_json

if TYPE_CHECKING:
    from upheld.practices.staff.people import Enrolment

staff = typer.Typer(help="Add, list and end those who work at a desk.", no_args_is_help=True)

NAME = typer.Argument(help="The name, as colleagues read it.")
SIGN_IN = typer.Option(..., "--sign-in", help="The name to sign in with.")


@staff.command()
def add(
    name: str = NAME,
    sign_in: str = SIGN_IN,
    role: list[str] = typer.Option([], "--role", help="A role; may be given again."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Add a member of staff, and show the link at which they enrol, once."""
    from upheld.practices.staff import people
    from upheld.practices.staff.roles import read_roles

    configuration = settings_in(settings)
    gate = gate_of(configuration)
    roles = read_roles(configuration.roles, gate.context.policy.program).require(role)
    with gate.together() as transaction:
        user = people.add(transaction, "staff", name, sign_in, roles=roles)
        invitation = people.invite(transaction, user)
    _show(invitation, configuration.url, as_json=as_json)


@staff.command()
def agent(
    company: str = typer.Argument(help="The company, by its name on the register."),
    name: str = NAME,
    sign_in: str = SIGN_IN,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Add somebody who works for a company of the register, and show their link to enrol."""
    from upheld.practices.staff import people

    configuration = settings_in(settings)
    with gate_of(configuration).together() as transaction:
        invitation = people.invite(
            transaction, people.add(transaction, "agent", name, sign_in, party=company)
        )
    _show(invitation, configuration.url, as_json=as_json)


@staff.command()
def renew(
    sign_in: str = typer.Argument(help="The name that somebody signs in with."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let somebody enrol anew who lost their password or authenticator; until then they are out."""
    from upheld.practices.staff import people

    configuration = settings_in(settings)
    with gate_of(configuration).together() as transaction:
        invitation = people.invite_anew(transaction, people.by_sign_in(transaction, sign_in))
    _show(invitation, configuration.url, as_json=as_json)


@staff.command()
def end(
    sign_in: str = typer.Argument(help="The name that somebody signs in with."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let somebody go: signed out at once, their tasks back in the queue."""
    from upheld.practices.staff import people

    with gate_of(settings_in(settings)).together() as transaction:
        user = people.end(transaction, people.by_sign_in(transaction, sign_in))
    if as_json:
        print_json({"ended": user.sign_in})
    else:
        print(f"{user.name} works here no longer")


@staff.command("list")
def everybody(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List everybody who works or worked at a desk."""
    from upheld.core.company_names import company_name
    from upheld.practice.operators import all_users
    from upheld.practice.parties import load_names

    with gate_of(settings_in(settings)).look() as tables:
        users = all_users(tables)
        load_names(tables)
    if as_json:
        print_json([user._asdict() for user in users])
        return
    for user in users:
        roles = ", ".join(user.roles) or "no role"
        works = f"for {company_name(user.party)}" if user.kind == "agent" else roles
        print(
            f"{user.sign_in}: {user.name}, {works}"
            + ("" if user.state == "active" else f", {user.state}")
        )


def _show(invitation: Enrolment, url: str, *, as_json: bool) -> None:
    address = url.rstrip("/") + invitation.path
    if as_json:
        print_json({"sign_in": invitation.user.sign_in, "enrol": address})
        return
    print(f"{invitation.user.name} signs in as {invitation.user.sign_in}, once they have enrolled:")
    print(address)
    print("Shown once, for them alone; it works once, within three days.")
    if not url:
        print("It stands below the address at which people reach you: the settings name no `url`.")
