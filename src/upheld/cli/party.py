"""`upheld party`: the register of companies outside: who is what to us, since when and until when.

What stands on it is public and proves what the policy asks of recipients; nothing personal does.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, actor_of, read_day
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError

if TYPE_CHECKING:
    from upheld.gate.transaction import Transaction
    from upheld.practice.parties import PartyRole
    from upheld.practice.recipient_requests import RecipientRequest

party = typer.Typer(help="Keep the register of companies outside.", no_args_is_help=True)

REQUEST = typer.Argument(help="The id of the request.")
WHICH = typer.Argument(help="The company: its name, or its word on the register.")
COLUMNS = ("party", "name", "role", "kind", "since", "until", "in_force", "place")


@party.command("list")
def everybody(
    every: bool = typer.Option(False, "--all", help="With what ended, or is to begin."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """List the companies on the register, a line for each role."""
    from upheld.practice import parties

    with gate_of(settings_in(settings)).together() as transaction:
        roles = parties.roles(transaction, in_force=not every)
    if as_json:
        print_json([_plain(each) for each in roles])
        return
    for each in roles:
        print(_line(each))


@party.command()
def add(  # noqa: PLR0913, PLR0917 - what is said of a company, each by an option
    name: str = typer.Argument(help="The name, as people read it."),
    role: str = typer.Option(..., "--role", help="What it is to us, such as supplier."),
    by: str = BY,
    since: str = typer.Option("", "--since", help="The first day, such as 2026-11-01; else today."),
    until: str = typer.Option("", "--until", help="The last day; else it is open."),
    proof: str = typer.Option("", "--proof", help="What shows it; needed for an affiliate."),
    place: str = typer.Option("", "--place", help="Where it is, in a word of the vocabulary."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Put a company on the register, or give one that is there a further role."""
    from upheld.practice import parties

    with gate_of(settings_in(settings)).together() as transaction:
        added = parties.add(
            transaction,
            name,
            role,
            since=read_day(since),
            until=read_day(until),
            proof=proof,
            place=place,
            actor=actor_of(transaction, by),
        )
    if as_json:
        print_json(_plain(added))
    else:
        print(_line(added))


@party.command()
def show(which: str = WHICH, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Show what a company is and was to us, with the proof, and what it may receive at most."""
    from upheld.practice import parties

    with gate_of(settings_in(settings)).together() as transaction:
        mine = parties.of_party(transaction, parties.find(transaction, which))
        proofs = [parties.proof_text(transaction, each) for each in mine]
        limits = [parties.receiving(transaction.policy, each.role) for each in mine]
    if as_json:
        print_json(
            [
                {
                    **_plain(each),
                    "proof": proof,
                    "may_receive": limit.data,
                    "clauses": limit.clauses,
                }
                for each, proof, limit in zip(mine, proofs, limits, strict=True)
            ]
        )
        return
    for each, proof, limit in zip(mine, proofs, limits, strict=True):
        print(_line(each))
        if proof:
            print(f"  proof: {proof}")
        clauses = ", ".join(f"#{clause}" for clause in limit.clauses)
        print(f"  may receive at most: {', '.join(limit.data) or 'nothing'}; by {clauses}")


@party.command()
def end(
    which: str = WHICH,
    role: str = typer.Option("", "--role", help="The role that ends; else all of them."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """End a role of a company now, or all that it has; nothing more goes to it by them."""
    from upheld.practice import parties

    with gate_of(settings_in(settings)).together() as transaction:
        actor = actor_of(transaction, by)
        which = parties.find(transaction, which)
        over = parties.end(transaction, which, role, actor=actor)
    if as_json:
        print_json({"ended": [[each.party, each.role] for each in over]})
    else:
        for each in over:
            print(f"{each.name}: {each.role} ended")


@party.command()
def rename(
    which: str = WHICH,
    name: str = typer.Argument(help="The name from now on."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Call a company by another name; its roles and accounts stay."""
    from upheld.practice import parties

    with gate_of(settings_in(settings)).together() as transaction:
        actor = actor_of(transaction, by)
        which = parties.find(transaction, which)
        until_now = parties.rename(transaction, which, name, actor=actor)
    if as_json:
        print_json({"party": which, "name": name, "until_now": until_now})
    else:
        print(f"{until_now} is called {name} now")


@party.command()
def key(
    which: str = WHICH,
    public: str = typer.Argument(help="Its public key of age: age1…"),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let files for a company be encrypted to a public key of its own."""
    from upheld.practice import parties, party_keys

    with gate_of(settings_in(settings)).together() as transaction:
        actor = actor_of(transaction, by)
        which = parties.find(transaction, which)
        party_keys.put(transaction, which, public, actor=actor)
    if as_json:
        print_json({"party": which, "key": public.strip()})
    else:
        print(f"files for {which} are encrypted to {public.strip()} now")


@party.command("program-key")
def program_key(
    which: str = WHICH,
    public: str = typer.Argument(help="Its public key, as PEM or Base64; an empty text for none."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let programs of a company prove by a key of its own who they are, in place of secrets."""
    from upheld.practice import parties, program_keys

    with gate_of(settings_in(settings)).together() as transaction:
        actor = actor_of(transaction, by)
        which = parties.find(transaction, which)
        program_keys.put(transaction, which, public, actor=actor)
        pem = program_keys.find(transaction.tables, which)
    if as_json:
        print_json({"party": which, "program_key": pem})
    else:
        print(f"programs of {which} prove by {'this key' if pem else 'secrets'} who they are now")


@party.command()
def mail(
    which: str = WHICH,
    address: str = typer.Argument(help="Its address, or an empty text for none."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Write to a company at an address that it gave us, about its agreements and requests."""
    from upheld.practice import parties, party_mail

    with gate_of(settings_in(settings)).together() as transaction:
        actor = actor_of(transaction, by)
        which = parties.find(transaction, which)
        party_mail.put(transaction, which, address, actor=actor)
        has_one = bool(party_mail.find(transaction.tables, which))
    if as_json:
        print_json({"party": which, "mail": has_one})
    else:
        print(f"mail to {which} goes to its new address" if has_one else f"{which} gets no mail")


@party.command()
def requests(
    which: str = typer.Argument("", help="Of one company: its name or word; else of all."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """List what companies have to delete or correct and have not confirmed, the late ones first."""
    from upheld.practice import parties
    from upheld.practices.agreements import recipients

    with gate_of(settings_in(settings)).together() as transaction:
        party = parties.find(transaction, which) if which else ""
        every = recipients.open_ones(transaction)
        mine = [each for each in every if party in ("", each.party)]
        signed, now = recipients.signed(transaction, mine), transaction.clock.now()
    if as_json:
        print_json([{"party": each.request.party, **each.as_data(now)} for each in signed])
        return
    for its in mine:
        late = "late since" if its.is_late(now) else "due"
        about = its.name or its.reference or f"entry {', '.join(its.entries)}"
        print(
            f"{its.request_id} {its.company}: {its.what} {', '.join(its.fields)} of {about},"
            f" {late} {its.due:%Y-%m-%d}"
        )


@party.command()
def request(which: str = REQUEST, settings: Path | None = SETTINGS) -> None:
    """Print one request as its company gets it, with our signature, to be sent to it."""
    from upheld.practices.agreements import recipients

    with gate_of(settings_in(settings)).together() as transaction:
        (one,) = recipients.signed(transaction, [_open_request(transaction, which)])
    print(f"{one.statement}signature: {one.signature}\nkey: {one.key}")


@party.command()
def answered(
    which: str = REQUEST, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Note that a company told us that it did what it was asked."""
    from upheld.practices.agreements import recipients

    with gate_of(settings_in(settings)).together() as transaction:
        actor, its = actor_of(transaction, by), _open_request(transaction, which)
        recipients.acknowledge(transaction, its.party, its.request_id, actor=actor)
    if as_json:
        print_json({"request": its.request_id, "party": its.party})
    else:
        print(f"{its.company} did it: {its.what} {', '.join(its.fields)}")


def _open_request(transaction: Transaction, which: str) -> RecipientRequest:
    """The request that waits under an id; UpheldError where none does."""
    from upheld.practices.agreements import recipients

    its = recipients.find_open(transaction, which)
    if its is None:
        raise UpheldError(
            "no such request waits for an answer",
            code="no-request",
            hint="`upheld party requests` lists those that do",
        )
    return its


@party.command("csv")
def export(settings: Path | None = SETTINGS) -> None:
    """Print the whole register as CSV, with what ended."""
    from upheld.practice import parties
    from upheld.practice.sheets import sheet

    with gate_of(settings_in(settings)).together() as transaction:
        roles = parties.roles(transaction)
    rows = [[_cell(_plain(each)[column]) for column in COLUMNS] for each in roles]
    print(sheet(COLUMNS, rows), end="")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _plain(role: PartyRole) -> dict[str, object]:
    """A role as plain data."""
    return {
        "party": role.party,
        "name": role.name,
        "role": role.role,
        "kind": role.kind,
        "since": _moment(role.since),
        "until": _moment(role.until),
        "in_force": role.in_force,
        "place": role.place,
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _line(role: PartyRole) -> str:
    days = f"since {role.since:%Y-%m-%d}" + (f", until {role.until:%Y-%m-%d}" if role.until else "")
    named = role.name if role.name == role.party else f"{role.name} ({role.party})"
    return f"{named}: {role.role}, {days}" + ("" if role.in_force else ", not in force")
