"""`upheld delivery`: what waits to leave the house for a company, and its files, encrypted to it.

A file is written first and confirmed after, so that a command which is killed in between leaves a
delivery that waits: run again, it writes the same delivery once more, under the same name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, actor_of
from upheld.cli.output import JSON, print_json, write_whole
from upheld.core.ids import DeliveryId

if TYPE_CHECKING:
    from upheld.practice.deliveries import PartyDelivery

delivery = typer.Typer(help="Deliver what leaves for companies outside.", no_args_is_help=True)

WHICH = typer.Argument(help="The id of the delivery.")


@delivery.command("list")
def everything(
    party: str = typer.Option("", "--party", help="Of one company: its word on the register."),
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """List the latest deliveries with their states; it says nothing of customers."""
    from upheld.practice import deliveries

    with gate_of(settings_in(settings)).look() as tables:
        latest = deliveries.latest(tables, party=party)
        counts = deliveries.counts(tables, [each.delivery_id for each in latest])
    if as_json:
        print_json([{**_plain(each), "people": counts[each.delivery_id]} for each in latest])
        return
    for each in latest:
        print(_line(each, sum(counts[each.delivery_id].values())))


@delivery.command()
def fetch(
    which: str = WHICH,
    to: Path = typer.Option(..., "--to", help="The folder for the file, DELIVERY.age."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Write a delivery as an encrypted file, and confirm it; 1 where nobody is left in it."""
    from upheld.practice import deliveries, party_keys

    gate = gate_of(settings_in(settings))
    with gate.together() as transaction:
        actor = actor_of(transaction, by)
        content = deliveries.hand_out(transaction, DeliveryId(which))
        key = party_keys.find(transaction.tables, content.delivery.party)
    its = content.delivery
    path = to / f"{its.delivery_id}{party_keys.SUFFIX}"
    if content.people:
        write_whole(path, party_keys.encrypt(key, content.lines))
        with gate.together() as transaction:
            its = deliveries.confirm(transaction, DeliveryId(which), actor=actor)
    if as_json:
        file = str(path) if content.people else None
        print_json({**_plain(its), "people": content.people, "file": file})
    elif content.people:
        print(f"{path}: {content.people} for {its.party}, SHA-256 {its.digest} once decrypted")
    else:
        print("nobody is left in it: nothing was written")
    raise typer.Exit(0 if content.people else 1)


@delivery.command()
def recall(
    which: str = WHICH, by: str = BY, settings: Path | None = SETTINGS, as_json: bool = JSON
) -> None:
    """Keep back all of a delivery that has not gone yet."""
    from upheld.practice import deliveries

    with gate_of(settings_in(settings)).together() as transaction:
        its = deliveries.recall_delivery(
            transaction, DeliveryId(which), actor=actor_of(transaction, by)
        )
    if as_json:
        print_json(_plain(its))
    else:
        print(f"{its.delivery_id}: {its.state}")


def _plain(each: PartyDelivery) -> dict[str, object]:
    """A delivery as plain data."""
    moments = {"created_at": each.created_at, "handed": each.handed, "ended": each.ended}
    return {
        "id": each.delivery_id,
        "party": each.party,
        "role": each.recipient,
        "purpose": each.purpose,
        "fields": each.fields,
        "under": each.reference,
        "clauses": each.clauses,
        "channel": each.channel,
        "state": each.state,
        "digest": each.digest,
        **{name: at.isoformat() if at else None for name, at in moments.items()},
    }


def _line(each: PartyDelivery, people: int) -> str:
    return (
        f"{each.delivery_id}: {each.state}, {people} for {each.party}, {each.purpose},"
        f" made {each.created_at:%Y-%m-%d}"
    )
