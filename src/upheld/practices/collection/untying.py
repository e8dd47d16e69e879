"""Untying a browser from an account, for whoever it is tied to: its visits go.

They go first, and then the tie: who is stopped in between unties it once more.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.kept_days import is_on_hold
from upheld.practices.collection.blocks import COOKIE, PAGE, PURPOSE
from upheld.practices.collection.erasing import delete_visits
from upheld.practices.collection.tables import visit_tie
from upheld.practices.collection.ties import STORE, TIED, is_shared

UNTIED: Final = "visits.untie"  # the kind of an entry
_ONE: Final = f"{TIED} AND cookie_mark = ?"


class Untying(NamedTuple):
    """Which cookie is untied from whom, and the cookie if its visits go: it is nobody else's."""

    person_id: PersonId
    mark: str
    cookie: bytes | None


def prepare(transaction: Transaction, person_id: PersonId, mark: str) -> Untying | None:
    """What is to be done; None where the law keeps us from deleting what we hold of them."""
    if is_on_hold(transaction, person_id, STORE):
        return None
    row = transaction.tables.get(visit_tie, _ONE, person_id, mark)
    if row is None or is_shared(transaction.tables, mark):
        return Untying(person_id, mark, None)
    sealer = transaction.sealer(PURPOSE, "tie")
    return Untying(person_id, mark, sealer.unseal(row.cookie, person_id, mark, what="a cookie"))


def untie(gate: Gate, untying: Untying) -> None:
    """Delete the visits, and untie the cookie, once: what is noted of it has an entry."""
    if untying.cookie is not None:
        delete_visits(gate, {untying.cookie})
    with gate.together() as transaction:
        person_id = untying.person_id
        transaction.lock(person_id)
        changes = {"cookie": b"", "untied": microseconds(transaction.clock.now())}
        if transaction.tables.update(visit_tie, changes, _ONE, person_id, untying.mark):
            transaction.note(
                person_id, UNTIED, actor="customer", action="delete", data=(COOKIE, PAGE)
            )
