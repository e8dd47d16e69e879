"""Birthdays: whoever turns eighteen answers for themselves from that day on."""

from __future__ import annotations

from collections.abc import Callable

from upheld.gate.gate import Gate
from upheld.gate.request import Refused
from upheld.practice import outbox
from upheld.practice.brings import Provider
from upheld.practice.events import CAME_OF_AGE, PAYER_CHANGES
from upheld.practices.guardians import domain

AT_ONCE = 100


def birthdays(provider: Provider) -> Callable[[Gate], int]:
    """What ends the care of guardians for whoever came of age."""

    def run(gate: Gate) -> int:
        after, count = "", 0
        while True:
            with gate.together() as joint:
                some = domain.some_cares(joint.connection, after, AT_ONCE)
                for each in some:
                    age = domain.age(joint, each.person_id)
                    if isinstance(age, Refused) or age < domain.MAJORITY:
                        continue
                    provider.events.announce(joint, PAYER_CHANGES, each.person_id)
                    domain.end(joint, each)
                    provider.events.announce(joint, CAME_OF_AGE, each.person_id)
                    outbox.queue(joint, each.person_id, "guardians/of-age",
                                 "administrative-message")  # fmt: skip
                    count += 1
            if len(some) < AT_ONCE:
                return count
            after = some[-1].person_id

    return run
