"""Untying a browser from an account, for whoever it is tied to: its visits go.

They go first, and then the tie: who is stopped in between unties it once more.
"""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.gag_orders import GagFilter
from upheld.practice.kept_days import is_on_hold
from upheld.practices.collection.blocks import COOKIE, PAGE, PURPOSE
from upheld.practices.collection.erasing import delete_visits
from upheld.practices.collection.tables import visit_tie
from upheld.practices.collection.ties import STORE, TIED, is_shared

UNTIED: Final = "visits.untie"  # the kind of an entry
_ONE: Final = f"{TIED} AND cookie_mark = ?"


class Untying(NamedTuple):
    """Which cookie is untied from whom, and the cookie if its visits go: it is nobody else's.

    It `stays` where an order keeps the visits and forbids to speak of it.
    """

    person_id: PersonId
    mark: str
    cookie: bytes | None
    shared: bool = False
    stays: bool = False


def prepare(transaction: Transaction, person_id: PersonId, mark: str) -> Untying | None:
    """What is to be done; None where the law keeps us from deleting what we hold of them."""
    if is_on_hold(transaction, person_id, STORE):
        silent = GagFilter(transaction, person_id).gagged
        shared = is_shared(transaction.tables, mark)
        return Untying(person_id, mark, None, shared, stays=True) if silent else None
    row = transaction.tables.get(visit_tie, _ONE, person_id, mark)
    if row is None or is_shared(transaction.tables, mark):
        return Untying(person_id, mark, None, shared=True)
    sealer = transaction.sealer(PURPOSE, "tie")
    return Untying(person_id, mark, sealer.unseal(row.cookie, person_id, mark, what="a cookie"))


def untie(gate: Gate, untying: Untying | None) -> bool:
    """Delete the visits, and untie the cookie, once: what is noted of it has an entry.

    False where the law keeps us from it, also where it does so since `prepare`.
    """
    while untying is not None:
        if untying.cookie is not None:
            delete_visits(gate, {untying.cookie}, partial(_cookie_that_goes, untying))
        with gate.together() as transaction:
            transaction.lock(untying.person_id)
            now = prepare(transaction, untying.person_id, untying.mark)
            if now == untying:
                _untie(transaction, untying)
                return True
        untying = now  # a hold or another sign-in came meanwhile
    return False


def _cookie_that_goes(untying: Untying, transaction: Transaction) -> set[bytes]:
    """The cookie whose visits go, while nothing came that keeps them."""
    now = prepare(transaction, untying.person_id, untying.mark)
    return set() if now is None or now.cookie is None else {now.cookie}


def _untie(transaction: Transaction, untying: Untying) -> None:
    changes: dict[str, object] = {"untied": microseconds(transaction.clock.now())}
    if not untying.stays:
        changes["cookie"] = b""
    if transaction.tables.update(visit_tie, changes, _ONE, untying.person_id, untying.mark):
        data = (COOKIE,) if untying.shared else (COOKIE, PAGE)
        transaction.note(untying.person_id, UNTIED, actor="customer", action="delete", data=data)
