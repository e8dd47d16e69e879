"""How often somebody may try: buckets of tokens in the database, the same for every process.

A bucket fills at a steady rate up to its size and each try takes one token. What is kept is one
number, the moment at which it would be full again (the generic cell rate algorithm). Names of
buckets, such as an address, are kept as keyed hashes.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.sql import row, run
from upheld.core.tables import microseconds

SECOND: Final = 1_000_000


_TAKE: Final = (  # in one statement, so that of two at once each is counted
    "INSERT INTO bucket VALUES (?, ?) ON CONFLICT (name_hash) DO UPDATE SET full_at ="
    " CASE WHEN bucket.full_at > ? THEN bucket.full_at ELSE ? END + ?"
    " WHERE CASE WHEN bucket.full_at > ? THEN bucket.full_at ELSE ? END <= ?"
)


class Rate(NamedTuple):
    """`most` tries at once, and one more every `seconds`."""

    most: int
    seconds: float


SIGN_IN_ACCOUNT: Final = Rate(5, 120)
SIGN_IN_DEVICE: Final = Rate(10, 60)  # of a device that was let in before
SIGN_IN_ADDRESS: Final = Rate(30, 20)


def network(address: str) -> str:
    """The network that tries from an address are counted for: of IPv6 the 64 bits of a subscriber.

    What is no address, such as the name of a socket, counts as itself.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ip_network((found, 64), strict=False))
    return str(found)


class Limits:
    """Buckets by name."""

    def __init__(self, key: bytes) -> None:
        """`key` is secret, and the same in every process."""
        self._key = key

    def take(self, connection: Connection, rate: Rate, *name: str, at: datetime) -> float:
        """Take one token of a bucket: 0 where there was one, else the seconds until there is."""
        moment = microseconds(at)
        step, size = int(rate.seconds * SECOND), int(rate.seconds * rate.most * SECOND)
        key = self._hash(*name)
        taken = run(connection, _TAKE, key, moment + step, moment, moment, step,
                    moment, moment, moment + size - step)  # fmt: skip
        if taken:
            return 0
        found = row(connection, "SELECT full_at FROM bucket WHERE name_hash = ?", key)
        full_at = found[0] if found else moment
        return max(full_at + step - moment - size, 1) / SECOND

    def clear(self, connection: Connection, *name: str) -> None:
        """Empty a bucket's count, as a sign-in that succeeded does."""
        run(connection, "DELETE FROM bucket WHERE name_hash = ?", self._hash(*name))

    def _hash(self, *name: str) -> bytes:
        return hmac.digest(self._key, "\x00".join(name).encode(), "sha256")


def sweep(connection: Connection, at: datetime) -> int:
    """Delete buckets that are full again; how many."""
    return run(connection, "DELETE FROM bucket WHERE full_at < ?", microseconds(at))
