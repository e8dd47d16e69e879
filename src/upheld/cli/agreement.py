"""`upheld agreement`: agreements with trusted partners, from the draft to both signatures.

The partner needs no database: `keygen` makes their key and `sign` signs the statement that we sent.
Each step of ours names the member of staff who takes it (`--by`), on trust as in `upheld version`.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from upheld.cli.admin import SETTINGS, gate_of, provider_of, settings_in
from upheld.cli.analysis import agreement as draft_command
from upheld.cli.desk_options import BY, read_day, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.files import read_file
from upheld.core.ids import AgreementId, ClientId

if TYPE_CHECKING:
    from upheld.practices.agreements.agreements import PartnerAgreement

STATEMENT_MAX = 64 * 1024


class _DraftGroup(TyperGroup):
    """A group whose words are those of `draft` where they name no command of it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words of the command line."""
        if args and args[0] not in {*self.commands, "--help"}:
            args = ["draft", *args]
        return super().parse_args(ctx, args)


agreement = typer.Typer(
    cls=_DraftGroup, help="Agreements with trusted partners.", no_args_is_help=True
)
agreement.command("draft")(draft_command)

WHICH = typer.Argument(help="The agreement's id, or how it begins.")
PARTNER = typer.Argument(help="The partner: its name, or its word on the register.")


@agreement.command()
def keygen(
    out: Path = typer.Argument(help="The new file for the private key."),
    name: str = typer.Option(..., "--name", help="Whose key it is, such as acme.example."),
) -> None:
    """Draw a partner's key, keep it in a new file, and print the public key."""
    from upheld.ledger.signers import FileSigner

    signer = FileSigner.create(out, name)
    print(base64.b64encode(signer.public).decode())


@agreement.command()
def sign(
    statement: Path = typer.Argument(help="The statement, as the provider sent it."),
    key: Path = typer.Option(..., "--key", help="The file of `upheld agreement keygen`."),
) -> None:
    """Sign a statement with a partner's own key, and print the signature."""
    from upheld.ledger.signers import FileSigner
    from upheld.practices.agreements.signatures import TITLE

    raw = read_file(statement, at_most=STATEMENT_MAX)[0]
    if not raw.startswith(f"{TITLE}\n".encode()):
        raise UpheldError(
            "this is no statement of an agreement",
            code="usage",
            hint="`upheld agreement statement` writes it, and it is signed as it is",
        )
    print(base64.b64encode(FileSigner.open(key).sign(raw)).decode())


@agreement.command()
def key(
    which: str = PARTNER,
    public: str = typer.Argument(help="Their public key, as `keygen` prints it."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Keep the public key by which a partner signs from now on."""
    from upheld.practices.agreements import agreements

    with gate_of(settings_in(settings)).together() as transaction:
        user_id = user_id_of(transaction, by)
        party = agreements.keep_key(transaction, which, public, by=user_id)
    print(f"the key of {party} is kept")


@agreement.command()
def add(  # noqa: PLR0913, PLR0917 - what belongs to an agreement
    which: str = PARTNER,
    text: Path = typer.Argument(help="The agreement, a document in the language of policies."),
    until: str = typer.Option(..., "--until", help="The last day, such as 2027-10-31."),
    since: str = typer.Option("", "--since", help="The first day; today if left out."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Keep a draft that fits the policy; a wider one is refused with an example."""
    from upheld.practices.agreements import agreements, checks, terms

    gate = gate_of(settings_in(settings))
    raw = read_file(text, at_most=terms.BYTES_MAX + 1)[0]
    document = terms.read_terms(raw, gate.policy)
    checks.examine(gate, document)
    with gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        last = read_day(until) or transaction.clock.today()
        new = agreements.add(
            transaction, which, document, by=user_id, since=read_day(since), until=last
        )
    _tell(new, as_json=as_json)


@agreement.command()
def statement(which: str = WHICH, settings: Path | None = SETTINGS) -> None:
    """Print what both sides sign."""
    from upheld.practices.agreements import agreements

    with gate_of(settings_in(settings)).look() as tables:
        print(agreements.require(tables, which).statement, end="")


@agreement.command()
def approve(
    which: str = WHICH, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Sign for the provider, by a named manager and under the provider's own key."""
    from upheld.practices.agreements import agreements, checks, terms

    gate = gate_of(settings_in(settings))
    with gate.look() as tables:
        text = terms.load(tables, agreements.require(tables, which).digest)
    checks.examine(gate, text)
    with gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        one = agreements.require(transaction.tables, which)
        done = agreements.sign(transaction, one.agreement_id, by=user_id)
    _tell(done, as_json=as_json)


@agreement.command()
def accept(
    which: str = WHICH,
    signature: str = typer.Argument(help="The partner's signature, as `sign` prints it."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in the partner's signature; it must be by the key that was kept."""
    from upheld.practices.agreements import agreements

    with gate_of(settings_in(settings)).together() as transaction:
        user = agreements.require_manager(transaction.tables, user_id_of(transaction, by))
        one = agreements.require(transaction.tables, which)
        actor = f"staff {user.user_id}"
        done = agreements.accept(transaction, one.agreement_id, signature, actor=actor)
    _tell(done, as_json=as_json)


@agreement.command()
def withdraw(
    which: str = WHICH,
    reason: str = typer.Option(..., "--why", help="Why; both sides read it."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Withdraw an agreement: it proves nothing from now on."""
    from upheld.practices.agreements import agreements

    with gate_of(settings_in(settings)).together() as transaction:
        user_id = user_id_of(transaction, by)
        done = agreements.withdraw(transaction, AgreementId(which), reason, by=user_id)
    _tell(done, as_json=as_json)


@agreement.command()
def client(which: str = PARTNER, by: str = BY, settings: Path | None = SETTINGS) -> None:
    """Let a program of a partner ask: its id and secret, which nobody is shown again.

    There is no secret where its company has registered a key of its programs.
    """
    from upheld.practices.agreements import clients

    with gate_of(settings_in(settings)).together() as transaction:
        user_id = user_id_of(transaction, by)
        new, secret = clients.add(transaction, which, by=user_id)
    print(f"client_id={new.client_id}")
    if secret:
        print(f"client_secret={secret}")


@agreement.command()
def revoke(
    which: str = typer.Argument(help="The id of the program."),
    stolen: bool = typer.Option(False, "--stolen", help="Mark what it told us before."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Let a program of a partner ask no longer; its tokens end at once."""
    from upheld.practices.agreements import clients

    with gate_of(settings_in(settings)).together() as transaction:
        user_id = user_id_of(transaction, by)
        ended = clients.revoke(transaction, ClientId(which), by=user_id, stolen=stolen)
    print(f"{ended.client_id} of {ended.party} may ask no longer")


@agreement.command()
def offer(
    which: str = PARTNER,
    text: Path = typer.Argument(help="A file with what is written, in plain paragraphs."),
    subject: str = typer.Option(..., "--subject", help="The subject of the message."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Write a partner's offer to customers, so that no address leaves; nobody gets it twice."""
    from upheld.practices.agreements import offers

    provider = provider_of(settings_in(settings))
    gate = provider.gate.gate
    raw = read_file(text, at_most=4 * offers.TEXT_MAX)[0]
    try:
        words = raw.decode()
    except UnicodeDecodeError:
        raise UpheldError(f"{text} is no text", code="usage", hint="save it as UTF-8") from None
    with gate.together() as transaction:
        user_id = user_id_of(transaction, by)
    done = offers.write(gate, which, subject, words, by=user_id)
    print(f"written to {count_of(done.people, 'person', 'people')}; nothing about them leaves")
    if done.fields:
        print(f"what the partner's own program would get of each: {', '.join(done.fields)}")


@agreement.command("clients")
def all_clients(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List the programs of partners that may ask, and those that were revoked."""
    from upheld.practices.agreements import clients

    with provider_of(settings_in(settings)).gate.gate.look() as tables:
        every = clients.clients(tables)
    if as_json:
        print_json([each._asdict() for each in every])
        return
    for each in every:
        print(f"{each.client_id} {each.party}, {each.state}")


@agreement.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List all agreements with their states, the latest first."""
    from upheld.practices.agreements import agreements

    with provider_of(settings_in(settings)).gate.gate.look() as tables:
        every = agreements.agreements(tables)
    if as_json:
        print_json(agreements.without_text(every))
        return
    for each in every:
        print(_line(each))


def _tell(one: PartnerAgreement, *, as_json: bool) -> None:
    from upheld.practices.agreements import agreements

    if as_json:
        print_json(agreements.without_text([one])[0])
    else:
        print(_line(one))


def _line(one: PartnerAgreement) -> str:
    missing = [
        name
        for name, signature in (("us", one.our_signature), (one.partner, one.their_signature))
        if not signature
    ]
    waits = f", not signed by {' or '.join(missing)}" if one.state == "draft" and missing else ""
    days = f"{one.starts:%Y-%m-%d} until {one.ends:%Y-%m-%d}"
    reason = f": {one.reason}" if one.reason else ""
    return f"{one.agreement_id[:8]} {one.partner}, {one.state}{waits}, {days}{reason}"
