"""Whom a closing covers, once it is in effect: a record of each proves it to the policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from upheld.core.garbage import no_search
from upheld.core.ids import NO_USER, PersonId
from upheld.database.own_tables import placeholders
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

BATCH: Final = 200  # people in one transaction
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
        count, after = 0, ""
        with trial_of(gate, f"takeover-cover-{closing.closing_id}") as trial:
            while some := self._next(gate, closing, after):
                after = some[-1]
                count += trial.some(some, lambda whom: self._cover_all(gate, closing, whom))
        with gate.together() as transaction:
            tables = transaction.tables
            now = self.closings.require(tables, closing.closing_id)
            if now.state == APPROVED:
                ((count,),) = tables.select_unchecked(
                    takeover_account, ["COUNT(*)"], "closing_id = ?", closing.closing_id
                )
                changes = {"state": MOVING, "accounts": max(int(count), now.accounts)}
                self.closings.change(transaction, now, "takeover.cover", NO_USER, changes)
        return count

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
        with no_search(), gate.together() as transaction:
            now = self.closings.require(transaction.tables, closing.closing_id)
            if now.state != APPROVED:
                return 0
            with transaction.counted_once():
                return self._cover(transaction, now, whom)

    def _cover(self, transaction: Transaction, closing: Closing, whom: Sequence[PersonId]) -> int:
        """Record of some people that a closing covers their accounts, unless that was done."""
        tables, present = transaction.tables, transaction.lock_present(whom)
        if not present:
            return 0
        erased, elsewhere = transaction.erased_among(present), set[str]()
        mine: dict[str, Any] = {}
        where = f"person_id IN ({placeholders(present)})"
        for each in tables.select(takeover_account, where, *present):
            if each.closing_id == closing.closing_id:
                mine[each.person_id] = each
            elif each.state in GONE:  # to a successor before, under whichever closing
                elsewhere.add(each.person_id)
        there = [each for each in present if each not in erased]
        by_name = [mine[each] for each in there if each in mine and mine[each].state == NAMED]
        new: list[PersonId] = []
        if closing.covers == ALL:
            new = [each for each in there if each not in mine and each not in elsewhere]
            shapes = transaction.held_fields_each(new) if new else {}
            new = [each for each in new if shapes[each]]
        ids = transaction.record_each(
            [*(PersonId(each.person_id) for each in by_name), *new],
            CLOSING_RECORD,
            fact=CLOSING,
            party=closing.party,
            about={"recipient": [parties.SUCCESSOR]},
            by_whom=closing.settled_by,
            how=closing.closing_id,
            actor=f"staff {closing.settled_by}",
        )

        def proven(person_id: PersonId) -> dict[str, Any]:
            return {"state": COVERED, "record_id": ids[person_id]}

        tables.rewrite(
            takeover_account, [(each, each._replace(**proven(each.person_id))) for each in by_name]
        )
        tables.insert_all(
            takeover_account,
            [
                {**self.closings.new_account(closing.closing_id, each), **proven(each)}
                for each in new
            ],
        )
        return len(ids)
