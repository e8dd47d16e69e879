"""What the transparency report counts of incidents: those of which notices were approved.

A practice alarm is none of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from upheld.database.own_tables import Tables
from upheld.gate.operations.misuse import BACKUP, KEY, PARTNER, STAFF, TABLE, TIME
from upheld.practice.transparency import PublicEvent, TransparencySource
from upheld.practices.incidents.incidents import APPROVED, CLOSED, Incidents

_KINDS: Final = {
    STAFF: "incident: misuse by or of a member of staff",
    PARTNER: "incident: misuse by or of a partner",
    KEY: "incident: misuse of a key",
    TABLE: "incident: misuse of a part of our database",
    BACKUP: "incident: misuse of a backup",
    TIME: "incident: misuse by somebody unknown",
}
_OUTCOMES: Final = {APPROVED: "notices approved", CLOSED: "closed"}


def source(incidents: Incidents) -> TransparencySource:
    """What the report counts, by the day of the finding: nothing that is still looked into."""

    def events(tables: Tables, _: datetime) -> Iterator[PublicEvent]:
        for each in incidents.all(tables):
            if each.state in _OUTCOMES and not each.drill:
                kind, outcome = _KINDS[each.misuse.kind], _OUTCOMES[each.state]
                yield PublicEvent(each.discovery, kind, outcome)

    outcomes = tuple(_OUTCOMES.values())
    return TransparencySource(dict.fromkeys(_KINDS.values(), outcomes), events)
