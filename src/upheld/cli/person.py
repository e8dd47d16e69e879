"""`upheld person`: find somebody, see what is held of them without its values, erase them.

Whose it is is told by an id that says nothing; what is found by an e-mail address is the id. The
address comes from standard input where it is left out, so that it need not stand in a history.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, provider_of, settings_in
from upheld.cli.desk_options import BY, actor_of
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId

if TYPE_CHECKING:
    from upheld.gate.erasure.certificate import Certificate
    from upheld.gate.gate import Gate

person = typer.Typer(help="Find, show and erase a person.", no_args_is_help=True)

WHO = typer.Argument(help="The person's id.")


@person.command()
def find(
    email: str = typer.Option("", "--email", help="An e-mail address, or - to read one."),
    phone: str = typer.Option("", "--phone", help="A phone number, or - to read one."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Tell the ids of the people with an e-mail address or phone number; 1 if there is nobody."""
    from upheld.practice.form_values import find_people

    if bool(email) == bool(phone):
        raise UpheldError("give an e-mail address or a phone number", code="usage", hint="one")
    field, value = ("email", email) if email else ("phone", phone)
    value = typer.get_text_stream("stdin").readline().rstrip("\n") if value == "-" else value
    provider = provider_of(settings_in(settings))
    with provider.gate.gate.together() as transaction:
        ids = find_people(provider, transaction, field, value)
    if as_json:
        print_json({"people": ids})
    else:
        print("\n".join(ids) or "nobody")
    raise typer.Exit(0 if ids else 1)


@person.command()
def show(who: str = WHO, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Tell what is held of a person, by category, and their entries; never a value."""
    from upheld.database.transaction import reading
    from upheld.gate.erasure.holdings import holdings
    from upheld.gate.inquiries import Inquiries
    from upheld.practice.gag_orders import GagFilter

    gate = gate_of(settings_in(settings))
    whose = PersonId(who)
    inventory = holdings(gate, whose)
    with reading(gate.engine) as connection:
        inquiries = Inquiries(gate.context, connection)
        gag = GagFilter(inquiries, whose)
        some = [each for each in inquiries.entries(whose) if not gag.entry(each.entry)]
    numbers = [each.number for each in some]
    if as_json:
        print_json({"person": who, "held": inventory, "entries": numbers})
        return
    for each in inventory:
        print(
            f"{each.field}: revision {each.revision}, from {each.origin} at {each.occasion}, "
            f"{each.at:%Y-%m-%d}" + (f", by #{each.clause}" if each.clause else "")
        )
    print(f"{count_of(len(inventory), 'field')}, {count_of(len(numbers), 'entry')}")


@person.command()
def erase(
    who: list[str] = typer.Argument(help="The ids of one or more people."),
    now: bool = typer.Option(False, "--now", help="Renew the keys at once, so that it is final."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Erase people, but for what the policy obliges to keep; print the certificates."""
    from upheld.gate.erasure.erase import erase as erased

    # With its practices: they prove what is owed, and what must be kept rests on that.
    gate = provider_of(settings_in(settings)).gate.gate
    ids = list(dict.fromkeys(PersonId(each) for each in who))
    certificates = erased(gate, ids, now=now)
    whole = [
        _with_answers(gate, each, [last])[0] for each, last in zip(ids, certificates, strict=True)
    ]
    _tell(whole, as_json=as_json)


@person.command()
def certificate(who: str = WHO, settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """Print the certificates of a person's erasures again; 1 if there is none."""
    from upheld.gate.erasure.erase import certificates

    gate, whose = gate_of(settings_in(settings)), PersonId(who)
    list_of_certificates = _with_answers(gate, whose, certificates(gate, whose))
    _tell(list_of_certificates, as_json=as_json)
    raise typer.Exit(0 if list_of_certificates else 1)


@person.command()
def public(  # noqa: PLR0913, PLR0917 - whose, what, and by which source
    who: str = WHO,
    field: str = typer.Argument(help="The kind of data, such as phone."),
    source: str = typer.Option("", "--source", help="Where the value is public, and since when."),
    end: bool = typer.Option(False, "--end", help="It is not public any more."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Record that a value of a person is public by a lawful source, or that it is not any more."""
    from upheld.practices.rights import public_values

    if bool(source) == end:
        raise UpheldError("give a source, or --end", code="usage", hint="one of the two")
    with gate_of(settings_in(settings)).together() as transaction:
        actor, whose = actor_of(transaction, by), PersonId(who)
        if end:
            public_values.end_public(transaction, whose, field, actor=actor)
        else:
            public_values.note_public(transaction, whose, field, source, actor=actor)
    if as_json:
        print_json({"person": who, "field": field, "public": not end})
    else:
        print(f"{field}: " + ("not public any more" if end else "public"))


def _with_answers(
    gate: Gate, whose: PersonId, list_of_certificates: list[Certificate]
) -> list[Certificate]:
    """Certificates with what companies that had something answered up to now."""
    from upheld.practice import recipient_requests

    with gate.together() as transaction:
        token, now = transaction.token_of(whose), transaction.clock.now()
        return recipient_requests.answers_of(transaction.tables, list_of_certificates, token, now)


def _tell(list_of_certificates: list[Certificate], *, as_json: bool) -> None:
    if as_json:
        print_json(list_of_certificates)
    else:
        print(
            "\n\n".join(each.text() for each in list_of_certificates) or "there is no certificate"
        )
