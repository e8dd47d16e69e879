"""Registering what a party lets be done with the values that it tells us, and ending it.

A licence can only narrow: one that would allow more than the policy in force is not registered.
What a later policy lets be done is no matter: both are asked, and what either forbids is not done.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from upheld.core.ids import UserId
from upheld.database import rows as database
from upheld.database.tables import microseconds
from upheld.gate.act.context import GateContext
from upheld.gate.editions import licences, store
from upheld.gate.editions.licences import COMBINED, Licence
from upheld.gate.editions.store import EditionError
from upheld.gate.editions.tables import licence
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.vault.values import Value

STARTED: Final = "licence.start"  # kinds of entries
ENDED: Final = "licence.end"


class Licences:
    """The licences, in one transaction."""

    __slots__ = ("_connection", "_context")

    def __init__(self, context: GateContext, connection: Connection) -> None:
        self._context, self._connection = context, connection

    def all(self) -> tuple[Licence, ...]:
        """All licences, the first one first."""
        return licences.licences(self._connection)

    def require(self, number: int) -> Licence:
        """A licence by its number; EditionError where there is none."""
        for each in self.all():
            if each.number == number:
                return each
        raise EditionError(
            "there is no such licence",
            code="no-licence",
            hint="`upheld feed licence list` tells their numbers",
        )

    def policy(self, its: Licence) -> Policy:
        """The document of a licence; EditionError where its copy is not there or is another's."""
        return self._context.licences.policy_of(self._connection, its)

    def of_value(self, value: Value) -> list[Licence]:
        """The licences that a value is under."""
        origin = value.origin
        if origin.occasion != COMBINED:
            return []
        return [each for each in self.all() if each.covers(origin.origin, value.stored_at)]

    def register(
        self,
        policy: Policy,
        *,
        party: str,
        source: str,
        by: UserId,
        base: str,
        since: datetime | None = None,
    ) -> Licence:
        """Let a document be the licence of a party, the kind of which is `source`.

        It covers what the party tells us from now on, and what it told us `since` a time. What the
        last one covered stays under that one too. `base` is the digest of the policy with which it
        was compared, so that it allows no more: EditionError where another one is in force.
        """
        connection, context = self._connection, self._context
        if context.policy.digest != base:
            raise EditionError(
                "another version of the policy is in force than the one it was compared with",
                code="licence-base",
                hint="register it again: it is compared with the one in force now",
            )
        now, earlier = context.clock.now(), self.all()
        if since is not None and since > now:
            raise EditionError(
                "a licence does not begin in the future",
                code="licence-day",
                hint="register it when it begins, or leave the day out",
            )
        for each in earlier:
            if each.party == party and each.until is None:
                self._end(each, now)
        store.keep_copy(connection, policy)
        number = max((each.number for each in earlier), default=0) + 1
        database.insert(
            connection,
            licence,
            number=number,
            party=party,
            digest=policy.digest,
            since=microseconds(since or now),
            until=None,
            registered=microseconds(now),
            registered_by=by,
        )
        self._enter(STARTED, policy.digest, f"{source} {party}", by, now)
        return self.require(number)

    def end(self, number: int, *, source: str, by: UserId) -> Licence:
        """Let what a party tells us from now on be under no licence; EditionError if it ended.

        What came in under it stays under it.
        """
        its, now = self.require(number), self._context.clock.now()
        if its.until is not None:
            raise EditionError(
                "this licence has ended already", code="licence-ended", hint="nothing is left to do"
            )
        self._end(its, now)
        self._enter(ENDED, its.digest, f"{source} {its.party}", by, now)
        return self.require(number)

    def _end(self, its: Licence, now: datetime) -> None:
        until = max(microseconds(now), its.since)
        database.update(self._connection, licence, {"until": until}, "number = ?", its.number)

    def _enter(self, kind: str, digest: str, source: str, by: UserId, now: datetime) -> None:
        entry = Entry(
            kind=kind,
            time="",
            policy=self._context.policy.digest,
            actor=f"staff {by}",
            source=source,
            evidence=(digest,),
        )
        entries.write(self._connection, entry, None, now)
