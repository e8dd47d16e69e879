"""Whom a closing covers, once it is in effect: a record of each proves it to the policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from upheld.core.ids import NO_USER, PersonId
from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import parties
from upheld.practices.takeovers.closing import (
    ALL,
    APPROVED,
    CLOSING,
    CLOSING_RECORD,
    MOVING,
    Closing,
)
from upheld.practices.takeovers.closings import COVERED, NAMED, Closings
from upheld.practices.takeovers.tables import takeover_account

BATCH: Final = 50  # people in one transaction
ONE_ACCOUNT: Final = "person_id = ? AND closing_id = ?"
MOVED, CLOSED = GONE = ("moved", "closed")  # the last states of an account


class Coverage:
    """Says of whom closings are, as a job does it: each person once, whatever stops it."""

    def __init__(self, closings: Closings) -> None:
        self.closings = closings

    def cover(self, gate: Gate, closing: Closing) -> int:
        """Record of each account that a closing covers it, from its day on; how many were new.

        Nobody is covered before, nor while the register has no successor of that name.
        """
        if closing.state != APPROVED or closing.effective > gate.clock.now():
            return 0
        with gate.together() as transaction:
            if closing.party not in parties.in_role(transaction, parties.SUCCESSOR):
                return 0
        done, after = 0, ""
        with trial_of(gate, f"takeover-cover-{closing.closing_id}") as trial:
            while some := self._next(gate, closing, after):
                after = some[-1]
                done += trial.some(some, lambda whom: self._cover_all(gate, closing, whom))
        with gate.together() as transaction:
            tables = transaction.tables
            now = self.closings.require(tables, closing.closing_id)
            if now.state == APPROVED:
                ((count,),) = tables.select_unchecked(
                    takeover_account, ["COUNT(*)"], "closing_id = ?", closing.closing_id
                )
                changes = {"state": MOVING, "accounts": max(int(count), now.accounts)}
                self.closings.change(transaction, now, "takeover.cover", NO_USER, changes)
        return done

    @staticmethod
    def _next(gate: Gate, closing: Closing, after: str) -> list[PersonId]:
        """The next people whom a closing may cover, in the order of their ids."""
        with gate.together() as transaction:
            if closing.covers == ALL:
                return transaction.customers_after(after, BATCH)
            rows = transaction.tables.select_unchecked(
                takeover_account,
                ["person_id"],
                "closing_id = ? AND state = ? AND person_id > ? ORDER BY person_id LIMIT ?",
                closing.closing_id,
                NAMED,
                after,
                BATCH,
            )
            return [PersonId(each) for (each,) in rows]

    def _cover_all(self, gate: Gate, closing: Closing, whom: Sequence[PersonId]) -> int:
        with gate.together() as transaction:
            now = self.closings.require(transaction.tables, closing.closing_id)
            if now.state != APPROVED:
                return 0
            return sum(self._cover(transaction, now, each) for each in whom)

    def _cover(self, transaction: Transaction, closing: Closing, person_id: PersonId) -> int:
        """Record of one person that a closing covers their account, unless that was done."""
        transaction.lock(person_id)
        tables, whose = transaction.tables, (person_id, closing.closing_id)
        row = tables.get(takeover_account, ONE_ACCOUNT, *whose)
        if transaction.is_erased(person_id) or (row is not None and row.state != NAMED):
            return 0
        if row is None:
            if closing.covers != ALL or not transaction.held_fields(person_id):
                return 0
            if has_gone(tables, person_id):
                return 0
            self.closings.insert_account(tables, closing.closing_id, person_id, "")
        record_id = transaction.record(
            person_id,
            CLOSING_RECORD,
            fact=CLOSING,
            party=closing.party,
            about={"recipient": [parties.SUCCESSOR]},
            by_whom=closing.settled_by,
            how=closing.closing_id,
            actor=f"staff {closing.settled_by}",
        )
        changes: dict[str, Any] = {"state": COVERED, "record_id": record_id}
        tables.update(takeover_account, changes, ONE_ACCOUNT, *whose)
        return 1


def has_gone(tables: Tables, person_id: PersonId) -> bool:
    """Whether somebody's account went to a successor before, under whichever closing."""
    where = "person_id = ? AND state IN (?, ?)"
    return tables.get(takeover_account, where, person_id, *GONE) is not None
