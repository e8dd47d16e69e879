"""How often somebody may try: buckets of tokens in the database, the same for every process.

A bucket fills at a steady rate up to its size and each try takes one token. What is kept is one
number, the moment at which it would be full again (the generic cell rate algorithm). Names of
buckets, such as an address, are kept as keyed hashes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple

from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.web.tables import bucket

SECOND: Final = 1_000_000


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
        address_value = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(address_value, IPv6Address):
        if address_value.ipv4_mapped is not None:
            return str(address_value.ipv4_mapped)
        return str(ip_network((address_value, 64), strict=False))
    return str(address_value)


class Limits:
    """Buckets by name."""

    def __init__(self, mark: Callable[[bytes], bytes]) -> None:
        """`mark` gives the MAC of a message, under a key that is the same in every process."""
        self._mark = mark

    def take(self, tables: Tables, rate: Rate, *name: str, at: datetime) -> float:
        """Take one token of a bucket: 0 where there was one, else the seconds until there is."""
        moment = microseconds(at)
        step, size = int(rate.seconds * SECOND), int(rate.seconds * rate.most * SECOND)
        key = self._hash(*name)
        row = tables.get(bucket, "name_hash = ?", key)
        full_at = max(row.full_at, moment) if row is not None else moment
        if full_at > moment + size - step:
            return max(full_at + step - moment - size, 1) / SECOND
        if row is None:
            tables.insert(bucket, name_hash=key, full_at=full_at + step)
        else:
            change = {"full_at": full_at + step}
            tables.update(bucket, change, "name_hash = ?", key)
        return 0

    def clear(self, tables: Tables, *name: str) -> None:
        """Empty a bucket's count, as a sign-in that succeeded does."""
        tables.delete(bucket, "name_hash = ?", self._hash(*name))

    def _hash(self, *name: str) -> bytes:
        return self._mark("\x00".join(name).encode())


def sweep(tables: Tables, at: datetime) -> int:
    """Delete buckets that are full again; how many."""
    return tables.purge(bucket, "full_at < ?", microseconds(at))
