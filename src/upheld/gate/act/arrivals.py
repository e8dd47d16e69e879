"""What comes in of people whom nobody knows by name, such as the visits of pages.

The policy is asked as for anybody's act, once for each kind of arrival, and one entry tells of many
acts with one decision. There is no person: so no record of theirs proves anything, a duty must be
one that whoever takes the arrivals in carries out, and a refusal has no entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from upheld.core.clock import Clock
from upheld.core.errors import RequestError
from upheld.core.ids import EntryNumber
from upheld.gate.act.context import GateContext
from upheld.gate.act.request import Act, planned
from upheld.gate.log import entries
from upheld.ledger.entries import Batch, Entry, stamp
from upheld.policy.load import Policy
from upheld.policy.request import Decision, error_decision


class ArrivalBatch(NamedTuple):
    """Many arrivals: how many, from when to when, and the SHA-256 of what is kept of them."""

    size: int
    first: datetime
    last: datetime
    digest: str


class ArrivalQuestions:
    """What the policy says of arrivals; nothing is read or written."""

    def __init__(self, context: GateContext) -> None:
        self._context = context

    @property
    def policy(self) -> Policy:
        """The policy that is asked."""
        return self._context.policy

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self._context.clock

    def decide(self, act: Act, facts: Mapping[str, object] | None = None) -> Decision:
        """What the policy says of an act about somebody who is not known; nothing is noted.

        Of the `facts` of whoever it is, those are told that the policy knows. An act that it lacks
        the words for, or with a duty that nobody carries out, is not allowed.
        """
        words = self._context.policy.program.vocabulary.facts
        try:
            plan = planned(self._context.policy, self._context.placed(act))
        except RequestError as error:
            return error_decision(error)
        decision = plan.decide(
            {name: each for name, each in (facts or {}).items() if name in words}
        )
        missing = self._context.duty_handlers.missing_of_arrivals(decision.duties)
        if not decision.allowed or not missing:
            return decision
        why = f"nothing carries out {', '.join(missing)}"
        return Decision(outcome="error", clauses=decision.clauses, code="duty", why=why)

    def letting_in(
        self,
        kinds: Mapping[str, str],
        *,
        source: str,
        occasion: str,
        facts: Mapping[str, object] | None = None,
    ) -> tuple[tuple[str, ...], Decision, Decision]:
        """Which kinds of data may be kept, and the decisions on collecting and storing them.

        `kinds` has for each kind that is stored the one out of which it comes, such as a network
        of an address; what may not be collected, or not be stored, is left out.
        """
        context = self._context

        def collecting(data: Sequence[str]) -> Decision:
            act = Act(action="collect", data=tuple(data), source=source, occasion=occasion)
            return self.decide(act, facts)

        stored = tuple(
            each
            for each, origin in kinds.items()
            if collecting([origin]).allowed and self.decide(context.storing([each]), facts).allowed
        )
        if not stored:
            every = list(kinds)
            return (), collecting(list(kinds.values())), self.decide(context.storing(every), facts)
        collect = collecting([kinds[each] for each in stored])
        return stored, collect, self.decide(context.storing(stored), facts)


class Arrivals(ArrivalQuestions):
    """The questions and entries of arrivals, in one transaction."""

    def __init__(self, context: GateContext, connection: Connection) -> None:
        super().__init__(context)
        self._connection = connection

    def enter(self, act: Act, decisions: Sequence[Decision], batch: ArrivalBatch) -> EntryNumber:
        """Add the one entry of a batch, with the clauses and duties of the decisions on it."""
        clauses = dict.fromkeys(each for decision in decisions for each in decision.clauses)
        duties = {duty.duty: None for decision in decisions for duty in decision.duties}
        entry = Entry(
            kind=entries.ARRIVAL,
            time="",
            policy=self._context.policy.digest,
            action=act.action,
            outcome="allow",
            clauses=tuple(clauses),
            data=act.data,
            duties=tuple(duties),
            **act.entry_fields(),
        )
        arrivals = Batch(
            count=batch.size, first=stamp(batch.first), last=stamp(batch.last), rows=batch.digest
        )
        at = self._context.clock.now()
        return entries.write(self._connection, entry, None, at, arrivals=arrivals)[0]
