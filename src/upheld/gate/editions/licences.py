"""Licences: what a party lets be done with the values that it told us, in the policy's language.

A value that was combined is under every licence of its party that ran when it came in, and stays
so when that has ended. Beside the policy each of them is asked of an act on the value: so a licence
can only narrow, whatever it says, and whatever a later version of the policy lets be done.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import UserId
from upheld.database import rows as database
from upheld.database.statements import rows, to_datetime
from upheld.gate.editions import store
from upheld.gate.editions.tables import licence
from upheld.policy.load import Policy

COMBINED: Final = "combined"  # the occasion of a value that came in by combining
REFUSES: Final = "licence "  # before its number: the problem in the entry of what it refused
_STATE: Final = "SELECT number, party, digest, since, until FROM licence ORDER BY number"


class Licence(NamedTuple):
    """What a party lets be done with the values that it told us from `since` until `until`.

    Both are in microseconds since 1970; it still lasts where `until` is None.
    """

    number: int
    party: str
    digest: str
    since: int
    until: int | None
    registered: datetime
    registered_by: UserId

    def covers(self, party: str, at: int) -> bool:
        """Whether what a party told us at a time is under it."""
        return party == self.party and self.since <= at and (self.until is None or at < self.until)

    @property
    def since_day(self) -> datetime:
        """When it began."""
        return to_datetime(self.since)

    @property
    def until_day(self) -> datetime | None:
        """When it ended."""
        return None if self.until is None else to_datetime(self.until)


def licences(connection: Connection) -> tuple[Licence, ...]:
    """All licences, the first one first; SealedError where a row was changed."""
    return tuple(
        Licence(
            each.number,
            each.party,
            each.digest,
            each.since,
            each.until,
            to_datetime(each.registered),
            UserId(each.registered_by),
        )
        for each in sorted(database.select(connection, licence), key=lambda each: each.number)
    )


class LicenceShelf:
    """The licences as a process last read them: they are checked anew as soon as one changes."""

    def __init__(self) -> None:
        self._read: tuple[tuple[Any, ...], tuple[Licence, ...]] | None = None
        self._policies: dict[str, Policy] = {}

    def all(self, connection: Connection) -> tuple[Licence, ...]:
        """All licences; SealedError where a row was changed."""
        state = tuple(tuple(each) for each in rows(connection, _STATE))
        read = self._read
        if read is None or read[0] != state:
            read = self._read = state, licences(connection)
        return read[1]

    def policy_of(self, connection: Connection, its: Licence) -> Policy:
        """The document of a licence; EditionError where its copy is not there or is another's."""
        policy = self._policies.get(its.digest)
        if policy is None:
            policy = self._policies[its.digest] = store.policy_of(connection, its.digest)
        return policy
