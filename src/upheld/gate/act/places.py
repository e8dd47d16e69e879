"""Where a recipient is: the register says it, with what else it says of a party by name.

A record of the registers about a party, such as that it is engaged, may name its place beside what
it proves. An act that goes to that party by name takes place there. Where no record in force says
it, or several say otherwise, the place stays unsaid, which stands for every place.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import Connection

from upheld.core import observing
from upheld.core.clock import Clock
from upheld.database.tables import microseconds
from upheld.gate.act.request import Act
from upheld.gate.evidence import records
from upheld.policy.load import Policy
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER

PLACE = "place"


@observing.reading
@lru_cache(maxsize=256)
def asked_for(policy: Policy, action: str) -> bool:
    """Whether the rules on an action tell places apart; else nobody need look one up."""
    compiled = policy.engine.compiled
    if PLACE not in compiled.takes.get(action, ()):
        return False
    mine = compiled.action[action]
    return len({copies & mine for copies in compiled.classes[PLACE].copies}) > 1


def of_recipient(
    connection: Connection, keyring: Keyring, policy: Policy, clock: Clock, act: Act
) -> str | None:
    """The place of the party to whom an act goes, by the register; None where it is not said."""
    if act.place is not None or not act.party or act.recipient is None:
        return act.place
    if not asked_for(policy, act.action):
        return None
    facts = policy.program.vocabulary.facts.values()
    kinds = sorted({fact.proof for fact in facts if "recipient" in fact.per and fact.proof})
    engagements, _ = records.records_of(connection, keyring, [REGISTER], kinds)
    at = microseconds(clock.now())
    places = {
        each.about[PLACE]
        for each in engagements
        if each.party == act.party and each.in_force(at) and each.about.get(PLACE)
    }
    place_words = policy.engine.checker.masks[PLACE]
    words = places.pop() if len(places) == 1 else ()
    return words[0] if len(words) == 1 and words[0] in place_words else None
