"""`upheld takeover`: a company takes over: open a closing, approve it, refuse it, end it, list.

Each step names the member of staff who takes it (`--by`), on trust as in `upheld version`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError
from upheld.core.files import read_file
from upheld.core.ids import ClosingId, UserId

if TYPE_CHECKING:
    from upheld.gate.transaction import Transaction
    from upheld.practices.takeovers.closing import Closing
    from upheld.practices.takeovers.closings import Closings

takeover = typer.Typer(
    help="A company takes over: closings, and the accounts that go with them.",
    no_args_is_help=True,
)
NAME = typer.Argument(help="The id of the closing.")


@takeover.command("open")
def open_closing(  # noqa: PLR0913, PLR0917 - what a closing says
    kind: str = typer.Argument(help="merger or sale."),
    successor: str = typer.Argument(help="The successor, as the register calls it."),
    by: str = BY,
    reference: str = typer.Option(..., "--reference", help="What the contract is called."),
    effective: str = typer.Option(..., "--effective", help="The day from which it is in effect."),
    document: Path = typer.Option(..., "--document", help="What was signed: PDF, PNG, JPEG."),
    schedule: Path | None = typer.Option(
        None, "--schedule", help="A file of account numbers, one a line; without one, all accounts."
    ),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Open a closing with what was signed."""
    from upheld.practice.documents import document_at
    from upheld.practices.takeovers.closing import ALL, SCHEDULE, ClosingTerms
    from upheld.practices.takeovers.questions import start_of

    provider = provider_of(settings_in(settings))
    numbers = read_file(schedule)[0].decode(errors="replace").split() if schedule else []
    try:
        starts = start_of(effective, provider.clock.zone)
    except ValueError:
        raise UpheldError(
            "--effective is no day", code="usage", hint="write it as 2027-01-31"
        ) from None
    terms = ClosingTerms(
        kind, successor, reference, starts, SCHEDULE if schedule else ALL, tuple(numbers)
    )
    raw = document_at(document)
    _step(settings, by, lambda model, t, user: model.open(t, terms, raw, user), as_json=as_json)


@takeover.command()
def approve(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Approve a closing as the second person; `upheld jobs` carries it out from its day on."""
    _step(
        settings,
        by,
        lambda model, t, user: model.approve(t, ClosingId(name), user),
        as_json=as_json,
    )


@takeover.command()
def refuse(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Refuse a closing that nobody has approved."""
    _step(
        settings, by, lambda model, t, user: model.refuse(t, ClosingId(name), user), as_json=as_json
    )


@takeover.command()
def end(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """End an approved closing: what has not gone does not go."""
    _step(settings, by, lambda model, t, user: model.end(t, ClosingId(name), user), as_json=as_json)


@takeover.command()
def archive(
    name: str = NAME,
    by: str = BY,
    to: Path = typer.Option(..., "--to", help="Where the archive is written; it must not exist."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Write the archive for the successor, which it alone can read; its count and digest."""
    from upheld.practices.takeovers.closings import Closings
    from upheld.practices.takeovers.handover import Handover

    provider = provider_of(settings_in(settings))
    gate = provider.gate.gate
    with gate.together() as transaction:
        user_id = user_id_of(transaction, by)
    closing = Handover(Closings(provider)).write(gate, ClosingId(name), to, user_id)
    if as_json:
        print_json(_row(closing))
    else:
        print(f"accounts: {closing.handed}")
        print(f"digest of the manifest: {closing.digest}")


@takeover.command()
def confirm(
    name: str = NAME,
    by: str = BY,
    accounts: int = typer.Option(..., "--accounts", help="How many the successor says it has."),
    digest: str = typer.Option(..., "--digest", help="The digest that the successor says."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Note that the successor has all of it; `upheld jobs` closes the accounts here."""
    from upheld.practices.takeovers.handover import Handover

    _step(
        settings,
        by,
        lambda model, t, user: Handover(model).confirm(t, ClosingId(name), accounts, digest, user),
        as_json=as_json,
    )


@takeover.command()
def check(
    archive: Path = typer.Argument(help="The archive that the other provider handed over."),
    digest: str = typer.Option(..., "--digest", help="Of its manifest, as they told you apart."),
    identity: Path | None = typer.Option(
        None, "--identity", help="Your key, as `age-keygen` wrote it: each account is opened too."
    ),
    as_json: bool = JSON,
) -> None:
    """Check, as the successor, that all of an archive arrived as it was handed over."""
    from upheld.practices.takeovers.arrival import check_archive

    manifest = check_archive(archive, digest, identity)
    if as_json:
        row = {"closing": manifest.closing, "accounts": manifest.accounts}
        print_json({**row, "policy": manifest.policy, "opened": identity is not None})
        return
    print(f"accounts: {manifest.accounts}")
    print("each is as the manifest says" + (", and this key opens it" if identity else ""))


@takeover.command("import")
def bring_in(  # noqa: PLR0913, PLR0917 - what an archive is checked and decided by
    archive: Path = typer.Argument(help="The archive that the other provider handed over."),
    digest: str = typer.Option(..., "--digest", help="Of its manifest, as they told you apart."),
    identity: Path = typer.Option(..., "--identity", help="Your key, as `age-keygen` wrote it."),
    company: str = typer.Option(..., "--from", help="Who hands it over, as the register says."),
    by: str = BY,
    leave_out: list[str] = typer.Option(
        [], "--leave-out", help="A field that is not to come in; again for others."
    ),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Take in, as the successor, each account that the policy lets in; 1 if any stays out."""
    from upheld.practices.takeovers.imports import ArchiveImport

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.together() as transaction:
        user_id = user_id_of(transaction, by)
    done = ArchiveImport(provider, company, user_id, leave_out).run(archive, digest, identity)
    if as_json:
        print_json({**done._asdict(), "refused": [each._asdict() for each in done.refused]})
    else:
        for each in done.refused:
            words = "".join(f", {field}" for field in each.fields)
            cited = "".join(f" #{clause}" for clause in each.clauses)
            print(f"{each.file} stays out: {each.why}{words}{cited}")
        print(f"accounts: {done.accounts}" + (f" of {done.of}" if done.refused else ""))
        print(f"digest of the manifest: {done.digest}")
    raise typer.Exit(1 if done.refused else 0)


@takeover.command()
def proof(
    who: str = typer.Argument(help="The person's id."),
    by: str = BY,
    settings: Path | None = SETTINGS,
) -> None:
    """Print what came along with somebody's account, but for its values, as JSON."""
    from upheld.core.ids import PersonId
    from upheld.practices.takeovers.proofs import proofs

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.together() as transaction:
        user_id = user_id_of(transaction, by)
        print_json(proofs(transaction, PersonId(who), user_id))


@takeover.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List every closing with its state; it says nothing of customers."""
    from upheld.practices.takeovers.closings import Closings

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.look() as tables:
        closings = Closings(provider).all(tables)
    if as_json:
        print_json([_row(each) for each in closings])
        return
    for each in closings:
        print(_line(each))


def _step(
    settings: Path | None,
    by: str,
    step: Callable[[Closings, Transaction, UserId], Closing],
    *,
    as_json: bool,
) -> None:
    """Take a step in a transaction of its own, and show how the closing stands then."""
    from upheld.practices.takeovers.closings import Closings

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.together() as transaction:
        closing = step(Closings(provider), transaction, user_id_of(transaction, by))
    if as_json:
        print_json(_row(closing))
    else:
        print(_line(closing))


def _row(closing: Closing) -> dict[str, object]:
    return {
        "id": closing.closing_id,
        "kind": closing.kind,
        "successor": closing.party,
        "state": closing.state,
        "covers": closing.covers,
        "effective": closing.effective,
        "accounts": closing.accounts,
        "handed": closing.handed,
        "digest": closing.digest,
    }


def _line(closing: Closing) -> str:
    return (
        f"{closing.closing_id}: {closing.kind}, {closing.state}, to {closing.party},"
        f" from {closing.effective:%Y-%m-%d}, {closing.covers}"
    )
