"""Who tells us of a visit: the browser that opens a page of ours, or a partner's page.

A partner's page tells us by a key of its company, for one host. It counts while the register has
the company as a business partner; nothing else is said of whoever visits it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from upheld.core.ids import BeaconKey
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practices.collection.tables import beacon_key

PARTNER: Final = "business-partner"
REGISTERED: Final = "registered-partner"  # the fact that the register proves
ACTIVE, REVOKED, STOLEN = "active", "revoked", "stolen"


class Teller(NamedTuple):
    """Who tells us of visits, on which occasion; of a partner the company, the key and the host."""

    source: str
    occasion: str
    party: str = ""
    key: str = ""
    host: str = ""

    @property
    def stands_as(self) -> str:
        """What a block says of it: with the key, so that what came by a stolen one is known."""
        return f"{self.source} {self.key}" if self.key else self.source

    @property
    def facts(self) -> dict[str, bool]:
        """What is proven of it."""
        return {REGISTERED: True} if self.party else {}


FindTeller = Callable[[Transaction], Teller | None]
OWN: Final = Teller("browser", "visit")


def own(_: Transaction) -> Teller | None:
    """Our own pages."""
    return OWN


def partners_page(key: BeaconKey, host: str) -> FindTeller:
    """Whoever tells us by a key from a page of a host; None where that counts for nothing now."""

    def find(transaction: Transaction) -> Teller | None:
        row = transaction.tables.get(beacon_key, "key = ?", key)
        if row is None or row.state != ACTIVE or row.host != host:
            return None
        if row.party not in parties.in_role(transaction, PARTNER):
            return None
        return Teller(PARTNER, "partner-visit", row.party, key, row.host)

    return find


def key_of(source: str) -> str:
    """The key by which a block came, as it stands there; empty for one of our own pages."""
    return source.partition(" ")[2]
