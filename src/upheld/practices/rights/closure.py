"""Closing an account: who does not agree with a change can stop, at any time, from their own page.

A record says so, and the facts `account-closed` and `months-since-closure` rest on it. What is held
stays as protected as before, and for as long as the policy says.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from upheld.core.ids import PersonId
from upheld.database.columns import BEGINNING, microseconds
from upheld.gate.transaction import Transaction
from upheld.practice.events import ACCOUNT_CLOSED, Events

KIND, FACT = "account", "account-closed"


def close(transaction: Transaction, events: Events, person_id: PersonId) -> str:
    """Close an account, and tell everybody who ends something by that.

    The id of the record that says so; empty where it was closed already.
    """
    if closed_at(transaction, person_id) is not None:
        return ""
    record_id = transaction.record(person_id, KIND, fact=FACT, by_whom="customer", how="portal")
    events.announce(transaction, ACCOUNT_CLOSED, person_id)
    return record_id


def closed_at(transaction: Transaction, person_id: PersonId) -> datetime | None:
    """When an account was closed, if it was."""
    records, _ = transaction.records_of([person_id], [KIND])
    at = microseconds(transaction.clock.now())
    live = [each.valid_from for each in records if each.fact == FACT and each.in_force(at)]
    return BEGINNING + timedelta(microseconds=min(live)) if live else None


def order_bar(transaction: Transaction, person_id: PersonId, _service: str) -> str:
    """Why somebody orders nothing, where their account is closed; empty where it is not."""
    return "Your account is closed." if closed_at(transaction, person_id) is not None else ""
