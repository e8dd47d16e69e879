"""Closing an account: who does not agree with a change can stop, at any time, from their own page.

What is held stays as protected as before, and for as long as the policy says. The facts
`account-closed` and `months-since-closure` are proven from here.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from upheld.core.sql import row, run
from upheld.core.tables import BEGINNING, microseconds
from upheld.gate import entries
from upheld.gate.joint import Joint
from upheld.gate.proofs import Proof, Question
from upheld.practice.events import ACCOUNT_CLOSED, Events

MONTHS_MAX = 1_200


def close(joint: Joint, events: Events, person_id: str) -> bool:
    """Close an account, and tell everybody who ends something by that; whether it was open."""
    if closed_at(joint.connection, person_id) is not None:
        return False
    at = microseconds(joint.house.clock.now())
    run(joint.connection, "INSERT INTO closure VALUES (?, ?)", person_id, at)
    joint.note(person_id, "account.closed")
    events.announce(joint, ACCOUNT_CLOSED, person_id)
    return True


def closed_at(connection: Connection, person_id: str) -> datetime | None:
    """When an account was closed, if it was."""
    found = row(connection, "SELECT closed FROM closure WHERE person_id = ?", person_id)
    return None if found is None else BEGINNING + timedelta(microseconds=found[0])


def by_closure(question: Question) -> Proof:
    """The prover of what is told by whether and when an account was closed."""
    closed = closed_at(question.connection, question.person_id)
    if question.fact.name == "months-since-closure":
        return Proof(None if closed is None else months_begun(closed, question.at))
    return Proof(closed is not None)


def months_begun(since: datetime, at: datetime) -> int:
    """The months that have begun since a moment, so that “no longer than six” is kept to the day.

    None has begun at the moment itself; a moment after six months the seventh has.
    """
    for months in range(MONTHS_MAX):
        end = entries.after(since, months, "months")
        if end is None or end >= at:
            return months
    return MONTHS_MAX
