"""Keys of partners' pages: made for a company and one host, and revoked, as stolen if they were.

A key is no secret: it stands in the pages that use it. What it is worth, it is worth on its host.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import BeaconKey
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practices.collection.tables import COUNTED, beacon_key, visit_block
from upheld.practices.collection.tellers import ACTIVE, PARTNER, REVOKED, STOLEN, key_of

MADE, ENDED = "beacon.add", "beacon.revoke"  # kinds of entries
HOST_MAX: Final = 253
_HOST: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])", re.ASCII
)


class BeaconError(UpheldError):
    """A key that is not there, or cannot be made or revoked."""


class Beacon(NamedTuple):
    """A key of a partner's pages, and how many visits are kept that came by it."""

    key: BeaconKey
    party: str
    host: str
    state: str
    created_at: datetime
    ended: datetime | None
    visits: int

    @property
    def stolen(self) -> bool:
        """Whether what came by it may not be what it says."""
        return self.state == STOLEN

    @property
    def company(self) -> str:
        """The company's name."""
        return company_name(self.party)


def add(transaction: Transaction, party: str, host: str, *, actor: str) -> Beacon:
    """Make a key for the pages of a business partner on a host; BeaconError where it is none."""
    transaction.lock(REGISTER)
    host = host.strip().casefold().removesuffix(".")
    if len(host) > HOST_MAX or not _HOST.fullmatch(host):
        raise BeaconError(
            "this is no host of pages",
            code="beacon-host",
            hint="write it like shop.example, without https:// and without a path",
        )
    if party not in parties.in_role(transaction, PARTNER):
        raise BeaconError(
            "the register does not have this company as a business partner now",
            code="beacon-party",
            hint="`upheld party add NAME --role business-partner` puts it there",
        )
    key = BeaconKey(secrets.token_hex(16))
    transaction.tables.insert(
        beacon_key,
        key=key,
        party=party,
        host=host,
        state=ACTIVE,
        created_at=microseconds(transaction.clock.now()),
        created_by=actor,
        ended=None,
        ended_by="",
    )
    transaction.note(None, MADE, actor=actor, source=f"{PARTNER} {party}", id=key)
    return _require(transaction.tables, key)


def revoke(transaction: Transaction, key: BeaconKey, *, actor: str, stolen: bool) -> Beacon:
    """Let nothing count by a key any more; BeaconError where it is none, or was revoked already.

    What came by a stolen one before is marked wherever it is shown. One that was revoked can still
    be called stolen.
    """
    transaction.lock(REGISTER)
    its = _require(transaction.tables, key)
    if its.state == STOLEN or (its.state == REVOKED and not stolen):
        raise BeaconError(
            "this key was revoked already", code="beacon-state", hint="nothing is left to do"
        )
    changes: dict[str, object] = {"state": STOLEN if stolen else REVOKED, "ended_by": actor}
    if its.ended is None:
        changes["ended"] = microseconds(transaction.clock.now())
    transaction.tables.update(beacon_key, changes, "key = ?", key)
    transaction.note(None, ENDED, actor=actor, source=f"{PARTNER} {its.party}", id=key)
    return _require(transaction.tables, key)


def beacons(tables: Tables) -> list[Beacon]:
    """Every key, by company, with how many visits are kept that came by it."""
    rows = tables.select(beacon_key, "created_at >= 0 ORDER BY party, created_at")
    counts = _counts(tables) if rows else {}
    return [_beacon(row, counts.get(row.key, 0)) for row in rows]


def hosts(tables: Tables) -> dict[str, list[str]]:
    """The hosts from which each company may tell us of visits, as anybody may read them."""
    every: dict[str, list[str]] = {}
    for row in tables.select(beacon_key, "state = ? ORDER BY host", ACTIVE):
        names = every.setdefault(row.party, [])
        if row.host not in names:
            names.append(row.host)
    return every


def tellers(tables: Tables, sources: Iterable[str]) -> dict[str, Beacon]:
    """The keys by which blocks came, by what those say of who told us; none for pages of ours."""
    rows = ((each, find(tables, key_of(each))) for each in sources if key_of(each))
    return {source: its for source, its in rows if its is not None}


def find(tables: Tables, key: str) -> Beacon | None:
    """A key; None where there is no such one."""
    row = tables.get(beacon_key, "key = ?", key)
    return None if row is None else _beacon(row, _counts(tables).get(key, 0))


def _require(tables: Tables, key: str) -> Beacon:
    its = find(tables, key)
    if its is None:
        raise BeaconError(
            "there is no such key", code="no-beacon", hint="`upheld beacon list` tells them"
        )
    return its


def _counts(tables: Tables) -> dict[str, int]:
    where = f"{COUNTED} AND source LIKE ? GROUP BY source"
    columns = ["source", "SUM(visits)"]
    rows = tables.select_unchecked(visit_block, columns, where, f"{PARTNER} %")
    return {key_of(str(source)): int(visits) for source, visits in rows}


def _beacon(row: Any, visits: int) -> Beacon:
    ended = None if row.ended is None else to_datetime(row.ended)
    return Beacon(
        BeaconKey(row.key),
        row.party,
        row.host,
        row.state,
        to_datetime(row.created_at),
        ended,
        visits,
    )
