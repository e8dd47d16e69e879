"""What accounts do by themselves: addresses that were never confirmed go after a week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.operations.jobs import Job
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import invitations
from upheld.practices.accounts import domain
from upheld.web import limits, sessions

CONFIRM_WITHIN: Final = timedelta(days=7)
BATCH: Final = 100


def erase_unconfirmed(gate: Gate) -> int:
    """Erase everybody who never confirmed their address; the number of people erased."""
    before = trusted_time(gate) - CONFIRM_WITHIN
    count, last = 0, ""
    with trial_of(gate, "unconfirmed accounts") as trial:
        while True:
            with gate.together() as transaction:
                people = domain.unconfirmed_people(transaction.tables, before, BATCH, last)
            if not people:
                return count
            last = people[-1]
            count += trial.some(people, partial(_erase, gate))


def _erase(gate: Gate, whom: Sequence[PersonId]) -> int:
    return len(erase(gate, whom))


def sweep(gate: Gate) -> int:
    """Delete sessions and links that are over, and counts of tries that are full again."""
    at = trusted_time(gate)
    with gate.together() as transaction:
        return sessions.sweep(transaction.tables, at) + limits.sweep(transaction.tables, at)


def on_coming_of_age(transaction: Transaction, person_id: PersonId, about: str) -> None:
    """Somebody came of age: they answer for themselves, and accept the terms anew."""
    del about
    domain.require_acceptance(transaction, person_id)


JOBS: Final = (
    Job("unconfirmed accounts", 3600, erase_unconfirmed),
    Job("invitations", 3600, invitations.sweep),
    Job("sessions", 900, sweep),
)
