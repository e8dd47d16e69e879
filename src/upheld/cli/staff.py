"""`upheld staff`: who works at the provider's desks, and for engaged companies.

A password is asked for, or read from a file that its owner alone may read. The secret of the
one-time passwords is shown once, as an address and as a picture that an authenticator reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.output import JSON, print_json

if TYPE_CHECKING:
    from upheld.gate.gate import Gate
    from upheld.practices.staff.people import Added

staff = typer.Typer(help="Add, list and end those who work at a desk.", no_args_is_help=True)

PASSWORD_FILE = typer.Option(
    None, "--password-file", help="A file with the password; it is asked for if left out."
)
NAME = typer.Argument(help="The name, as colleagues read it.")
SIGN_IN = typer.Option(..., "--sign-in", help="The name to sign in with.")


@staff.command()
def add(
    name: str = NAME,
    sign_in: str = SIGN_IN,
    role: list[str] = typer.Option([], "--role", help="A role; may be given again."),
    password_file: Path | None = PASSWORD_FILE,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Add a member of staff, and show their one-time secret, once."""
    from upheld.practices.staff.people import add as added
    from upheld.practices.staff.roles import read_roles

    told = settings_in(settings)
    gate = gate_of(told)
    roles = read_roles(told.roles, gate.house.policy.program).require(role)
    password = _password(password_file)
    with gate.together() as joint:
        made = added(joint, "staff", name, sign_in, password, roles=roles, issuer=_issuer(gate))
    _show(made, as_json=as_json)


@staff.command()
def agent(
    company: str = typer.Argument(help="The company, by its name on the register."),
    name: str = NAME,
    sign_in: str = SIGN_IN,
    password_file: Path | None = PASSWORD_FILE,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Add somebody who works for an engaged company, and show their one-time secret, once."""
    from upheld.practices.staff.people import add as added

    gate = gate_of(settings_in(settings))
    password = _password(password_file)
    with gate.together() as joint:
        made = added(joint, "agent", name, sign_in, password, party=company, issuer=_issuer(gate))
    _show(made, as_json=as_json)


@staff.command()
def end(
    sign_in: str = typer.Argument(help="The name that somebody signs in with."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let somebody go: signed out at once, their tasks back in the queue."""
    from upheld.practices.staff import people

    with gate_of(settings_in(settings)).together() as joint:
        user = people.end(joint, people.by_sign_in(joint, sign_in))
    if as_json:
        print_json({"ended": user.sign_in})
    else:
        print(f"{user.name} works here no longer")


@staff.command("list")
def everybody(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List everybody who works or worked at a desk."""
    from upheld.core.transaction import reading
    from upheld.practice.desks import listed

    with reading(gate_of(settings_in(settings)).engine) as connection:
        found = listed(connection)
    if as_json:
        print_json([user._asdict() for user in found])
        return
    for user in found:
        works = f"for {user.party}" if user.kind == "agent" else ", ".join(user.roles) or "no role"
        print(f"{user.sign_in}: {user.name}, {works}"
              + (", ended" if user.state != "active" else ""))  # fmt: skip


def _issuer(gate: Gate) -> str:
    front = gate.house.policy.program.front
    return front.provider or front.policy


def _password(path: Path | None) -> str:
    from upheld.core.files import read_private

    if path is not None:
        return read_private(path).decode(errors="replace").rstrip("\r\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked


def _show(made: Added, *, as_json: bool) -> None:
    import segno

    if as_json:
        print_json({"sign_in": made.user.sign_in, "otpauth": made.address})
        return
    print(f"{made.user.name} signs in as {made.user.sign_in}. Shown once, for an authenticator:")
    print(made.address)
    segno.make(made.address, error="m").terminal(compact=True)
