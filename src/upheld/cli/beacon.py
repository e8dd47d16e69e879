"""`upheld beacon`: let pages of a business partner tell us of visits, by a key for one host.

A key is no secret: it stands in the pages. It counts while the register has the company.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upheld.cli.admin import SETTINGS, gate_of, settings_in
from upheld.cli.desk_options import BY, actor_of
from upheld.cli.output import JSON, print_json
from upheld.core.counts import count_of
from upheld.core.ids import BeaconKey

if TYPE_CHECKING:
    from upheld.practices.collection.beacon_keys import Beacon

beacon = typer.Typer(help="Let partners' pages tell us of visits.", no_args_is_help=True)


@beacon.command()
def add(
    which: str = typer.Argument(help="The company: its name, or its word on the register."),
    host: str = typer.Option(..., "--host", help="Whose pages they are, such as shop.example."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Make a key for pages of a host, and print what the company puts into them."""
    from upheld.practice import parties
    from upheld.practices.collection import beacon_keys

    house = settings_in(settings)
    with gate_of(house).together() as transaction:
        party = parties.find(transaction, which)
        actor = actor_of(transaction, by)
        its = beacon_keys.add(transaction, party, host, actor=actor)
    address = f"{house.url}/beacon/{its.key}"
    script = f'<script src="{address}.js" referrerpolicy="origin" async></script>'
    image = f'<noscript><img src="{address}.gif" alt="" referrerpolicy="origin"></noscript>'
    if as_json:
        print_json({**_plain(its), "script": script, "image": image})
    else:
        print(f"{_line(its)}\n{script}\n{image}")


@beacon.command("list")
def everything(settings: Path | None = SETTINGS, as_json: bool = JSON) -> None:
    """List the keys with their states, and how many visits are kept that came by each."""
    from upheld.practices.collection.beacon_keys import beacons

    with gate_of(settings_in(settings)).look() as tables:
        rows = beacons(tables)
    if as_json:
        print_json([_plain(each) for each in rows])
        return
    for each in rows:
        print(_line(each))


@beacon.command()
def revoke(
    key: str = typer.Argument(help="The key, as it stands in the pages."),
    stolen: bool = typer.Option(False, "--stolen", help="Mark what came by it before."),
    by: str = BY,
    settings: Path | None = SETTINGS,
    as_json: bool = JSON,
) -> None:
    """Let nothing count by a key any more."""
    from upheld.practices.collection import beacon_keys

    with gate_of(settings_in(settings)).together() as transaction:
        actor = actor_of(transaction, by)
        its = beacon_keys.revoke(transaction, BeaconKey(key), actor=actor, stolen=stolen)
    if as_json:
        print_json(_plain(its))
    else:
        print(_line(its))


def _plain(its: Beacon) -> dict[str, object]:
    ended = None if its.ended is None else its.ended.isoformat()
    return {**its._asdict(), "created_at": its.created_at.isoformat(), "ended": ended}


def _line(its: Beacon) -> str:
    visits = count_of(its.visits, "visit")
    return f"{its.key} {its.party}: pages of {its.host}, {its.state}; {visits} kept"
