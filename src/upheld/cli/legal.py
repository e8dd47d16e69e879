"""`upheld legal`: what courts demand: open, check, approve, key, release, review, end, list.

Each step names the member of staff who takes it (`--by`), on trust as in `upheld version`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, provider_of, settings_in
from upheld.cli.desk_options import BY, user_id_of
from upheld.cli.output import JSON, print_json
from upheld.core.errors import UpheldError
from upheld.core.files import new_file, read_file
from upheld.core.ids import InstrumentId, UserId

if TYPE_CHECKING:
    from upheld.core.clock import Clock
    from upheld.gate.act.request import Refused
    from upheld.gate.transaction import Transaction
    from upheld.practices.legal.instrument import Instrument
    from upheld.practices.legal.instruments import Instruments

legal = typer.Typer(
    help="What courts and authorities demand: open, check, approve, release.", no_args_is_help=True
)
NAME = typer.Argument(help="The id of the instrument.")


def _moment(option: str, text: str, clock: Clock, *, last: bool = False) -> datetime | None:
    """A day of the provider's zone, whole where it is a last one; or a moment with its zone."""
    if not text:
        return None
    try:
        if len(text) == len("2027-01-31"):
            day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
            return datetime.combine(day, time(), clock.zone)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _no_moment(option) from None
    if moment.tzinfo is None:
        raise _no_moment(option)
    return moment


def _no_moment(option: str) -> UpheldError:
    return UpheldError(
        f"{option} is no day, and no moment with its zone",
        code="usage",
        hint="write it as 2027-01-31, or as 2027-01-31T09:00:00-05:00",
    )


@legal.command("open")
def open_one(  # noqa: PLR0913, PLR0917 - what an instrument says
    kind: str = typer.Argument(
        help="subpoena, court-order, warrant, other, preservation, claim, determination, informal."
    ),
    by: str = BY,
    issuer: str = typer.Option(..., "--issuer", help="The court, authority or office."),
    reference: str = typer.Option(..., "--reference", help="How they call the case."),
    recipient: str = typer.Option("", "--recipient", help="To whom, in a word of the policy."),
    account: list[str] = typer.Option(
        [], "--account", help="Its number, or an e-mail address or phone number; again for others."
    ),
    field: list[str] = typer.Option(
        [], "--field", help="A kind of data; again for others; none for an order to preserve all."
    ),
    starts: str = typer.Option("", "--starts", help="From when it is in force."),
    ends: str = typer.Option("", "--ends", help="The last day before it lapses."),
    period_start: str = typer.Option("", "--period-start", help="Of rows: the first day."),
    period_end: str = typer.Option("", "--period-end", help="Of rows: the last day."),
    deadline: str = typer.Option("", "--deadline", help="The day by which it is to be answered."),
    silence_end: str = typer.Option("", "--silence-end", help="The last day of its silence."),
    ground: str = typer.Option("", "--ground", help="Of a determination: a purpose."),
    belief: Path | None = typer.Option(None, "--belief", help="A file with what is believed."),
    preserves: bool = typer.Option(
        False, "--preserve", help="Open an order to preserve what it names beside it."
    ),
    document: Path | None = typer.Option(None, "--document", help="The document: PDF, PNG, JPEG."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Open an instrument that came in; an informal request is recorded and refused."""
    from upheld.practice.documents import document_at
    from upheld.practices.legal.demands import Demand

    provider = provider_of(settings_in(settings))
    clock = provider.clock
    demand = Demand(
        kind,
        issuer,
        reference,
        recipient,
        tuple(account),
        tuple(field),
        _moment("--starts", starts, clock),
        _moment("--ends", ends, clock, last=True),
        _moment("--period-start", period_start, clock),
        _moment("--period-end", period_end, clock, last=True),
        _moment("--deadline", deadline, clock, last=True),
        _moment("--silence-end", silence_end, clock, last=True),
        ground,
        read_file(belief)[0].decode(errors="replace").strip() if belief else "",
        preserves,
    )
    raw = document_at(document) if document else b""
    _step(
        settings, by, lambda desk, t, user_id: desk.open(t, demand, raw, user_id), as_json=as_json
    )


@legal.command()
def check(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Counsel finds an instrument valid, and its reach as it is written down."""
    _step(
        settings,
        by,
        lambda desk, t, user_id: desk.check(t, InstrumentId(name), user_id),
        as_json=as_json,
    )


@legal.command()
def approve(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Approve it as a second person, who neither opened nor checked it."""
    _step(
        settings,
        by,
        lambda desk, t, user_id: desk.approve(t, InstrumentId(name), user_id),
        as_json=as_json,
    )


@legal.command()
def key(
    name: str = NAME,
    public: str = typer.Argument(help="The public key of whoever receives it: age1…"),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let what is released be encrypted to a public key of age; counsel enters it."""
    _step(
        settings,
        by,
        lambda desk, t, user_id: desk.set_key(t, InstrumentId(name), public, user_id),
        as_json=as_json,
    )


@legal.command()
def refuse(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Refuse an instrument that nobody has approved."""
    _step(
        settings,
        by,
        lambda desk, t, user_id: desk.refuse(t, InstrumentId(name), user_id),
        as_json=as_json,
    )


@legal.command()
def review(
    name: str = NAME,
    by: str = BY,
    finding: Path = typer.Option(..., "--finding", help="A file: whether it had to be, and why."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Review, as somebody else, what was released in an emergency."""
    text = read_file(finding)[0].decode(errors="replace").strip()
    _step(
        settings,
        by,
        lambda desk, t, user_id: desk.review(t, InstrumentId(name), text, user_id),
        as_json=as_json,
    )


@legal.command()
def end(
    name: str = NAME, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """End an approved instrument before it lapses."""
    _step(
        settings,
        by,
        lambda desk, t, user_id: desk.end(t, InstrumentId(name), user_id),
        as_json=as_json,
    )


@legal.command()
def release(
    name: str = NAME,
    by: str = BY,
    to: Path = typer.Option(..., "--to", help="Where the age file is written; it must not exist."),
    account: list[str] = typer.Option([], "--account", help="Of this account alone; again."),
    field: list[str] = typer.Option([], "--field", help="This kind of data alone; again."),
    settings: Path | None = SETTINGS,
) -> None:
    """Release what an instrument demands, or a part; 1 where the policy does not let us.

    Killed before the file was written, it gives the same file when it is called again.
    """
    from upheld.gate.act.request import Refused
    from upheld.practices.legal.instruments import Instruments
    from upheld.practices.legal.release import Releases

    provider = provider_of(settings_in(settings))
    releases = Releases(Instruments(provider))
    gate, which = provider.gate.gate, InstrumentId(name)
    with new_file(to) as out:
        with gate.together() as transaction:
            user_id = user_id_of(transaction, by)
            if releases.custody.waits(transaction.tables, which) and not (account or field):
                result = releases.release_again(transaction, which, user_id)
            else:
                result = releases.release(
                    transaction, which, user_id, accounts=account, fields=field
                )
        if isinstance(result, Refused):
            raise result
        out.write(result.content)
    with gate.together() as transaction:
        releases.custody.confirm(transaction, which, result.release, user_id)
    print(f"{name}: released to {to}, SHA-256 {result.digest} once decrypted")
    if result.missing:
        print(f"of accounts whose rows were changed it has nothing: {', '.join(result.missing)}")
    if result.unreadable:
        print(f"earlier values that do not open are missing: {', '.join(result.unreadable)}")


@legal.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List every instrument with its state; it says nothing of customers."""
    from upheld.practices.legal.custody import Custody
    from upheld.practices.legal.instruments import Instruments

    provider = provider_of(settings_in(settings))
    model = Instruments(provider)
    with provider.gate.gate.look() as tables:
        instruments, waiting = model.all(tables), Custody(model).waiting(tables)
    if as_json:
        print_json(
            [{**_row(each), "undelivered": each.instrument_id in waiting} for each in instruments]
        )
        return
    for each in instruments:
        is_kept = each.instrument_id in waiting
        print(_line(each) + (", released and not delivered" if is_kept else ""))


def _step(
    settings: Path | None,
    by: str,
    step: Callable[[Instruments, Transaction, UserId], Instrument | Refused],
    *,
    as_json: bool,
) -> None:
    from upheld.gate.act.request import Refused
    from upheld.practices.legal.instruments import Instruments

    provider = provider_of(settings_in(settings))
    with provider.gate.gate.together() as transaction:
        instrument = step(Instruments(provider), transaction, user_id_of(transaction, by))
    if isinstance(instrument, Refused):
        raise instrument
    if as_json:
        print_json(_row(instrument))
    else:
        print(_line(instrument))


def _row(instrument: Instrument) -> dict[str, object]:
    """An instrument without whom it names, and who issued it."""
    return {
        "id": instrument.instrument_id,
        "name": instrument.party,
        "kind": instrument.kind,
        "state": instrument.state,
        "starts": instrument.starts,
        "ends": instrument.ends,
        "deadline": instrument.deadline,
        "releases": instrument.releases,
    }


def _line(instrument: Instrument) -> str:
    return f"{instrument.instrument_id}: {instrument.kind}, {instrument.state}"
