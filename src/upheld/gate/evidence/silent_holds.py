"""Holds of which an order forbids to speak: to whoever it is about all is as if there were none.

An order forbids to speak of itself alone: a hold of another instrument, which its person knows of,
stays told, since one that vanished would tell that something else had come. One that names no
instrument forbids to speak of every hold.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from upheld.gate.evidence.provers import GAG, HOLD
from upheld.gate.evidence.records import Record
from upheld.policy.load import Policy


def silent_holds(policy: Policy, mine: Sequence[Record], at: int) -> frozenset[str]:
    """The ids of the holds, in force or over, of which nobody may speak at a time in microseconds.

    `mine` are the records of one person, those of orders and holds among them.
    """
    orders = _orders(policy, mine, at)
    if not orders:
        return frozenset()
    instruments = {each.how for each in orders}
    fact = policy.program.vocabulary.facts.get(HOLD)
    kind = "" if fact is None else fact.proof
    return frozenset(
        each.record_id
        for each in mine
        if each.kind == kind
        and each.fact in ("", HOLD)
        and (each.how in instruments or "" in instruments)
    )


def silent_records(
    policy: Policy, mine: Sequence[Record], at: int
) -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """The holds in force of which nobody may speak, and the orders that forbid it."""
    hidden = silent_holds(policy, mine, at)
    holds = tuple(each for each in mine if each.record_id in hidden and each.in_force(at))
    instruments = {each.how for each in holds}
    orders = tuple(
        each
        for each in _orders(policy, mine, at)
        if holds and (not each.how or each.how in instruments)
    )
    return holds, orders


def told_of(policy: Policy, mine: Sequence[Record], at: int) -> Sequence[Record]:
    """The records of a person but for holds of which nobody may speak, as what is told goes by."""
    hidden = silent_holds(policy, mine, at)
    return without(mine, hidden) if hidden else mine


def without(mine: Sequence[Record], hidden: Collection[str]) -> list[Record]:
    """Some records but those with these ids."""
    return [each for each in mine if each.record_id not in hidden]


def _orders(policy: Policy, mine: Sequence[Record], at: int) -> list[Record]:
    fact = policy.program.vocabulary.facts.get(GAG)
    kind = "" if fact is None else fact.proof
    return [e for e in mine if e.kind == kind and e.fact in ("", GAG) and e.in_force(at)]
