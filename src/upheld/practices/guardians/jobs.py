"""Birthdays: whoever turns eighteen answers for themselves from that day on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from upheld.database.own_tables import Place
from upheld.gate.act.request import Refused
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.practice import outbox
from upheld.practice.ages import is_minor
from upheld.practice.events import CAME_OF_AGE, PAYER_CHANGES
from upheld.practice.plugin import Provider
from upheld.practices.guardians import domain, purchases

BATCH = 100


def birthdays(provider: Provider) -> Callable[[Gate], int]:
    """The job that ends the care of guardians for whoever came of age."""

    def run(gate: Gate) -> int:
        count = 0
        last: Place | None = {"person_id": ""}
        with trial_of(gate, "birthdays") as trial:
            while last is not None:
                with gate.together() as transaction:
                    some, last = domain.some_cares(transaction.tables, last, BATCH)
                for each in some:
                    work = partial(_end_care, provider, gate, each)
                    count += trial.one(work, each.person_id) or 0
        return count

    return run


def _end_care(provider: Provider, gate: Gate, care: domain.Care) -> int:
    """End the care for somebody if they came of age; 0 if not."""
    with gate.together() as transaction:
        age = domain.age(transaction, care.person_id)
        if isinstance(age, Refused) or is_minor(gate.policy, age):
            return 0
        provider.events.announce(transaction, PAYER_CHANGES, care.person_id)
        domain.end(transaction, care)
        purchases.end(transaction, care.person_id)
        provider.events.announce(transaction, CAME_OF_AGE, care.person_id)
        outbox.queue(transaction, care.person_id, "guardians/of-age", "administrative-message")
    return 1
