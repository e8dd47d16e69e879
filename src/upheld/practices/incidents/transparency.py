"""What the transparency report counts of incidents: those of which notices were approved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from upheld.database.own_tables import Tables
from upheld.gate.operations.misuse import KINDS
from upheld.practice.transparency import PublicEvent, TransparencySource
from upheld.practices.incidents.incidents import APPROVED, CLOSED, Incidents

_OUTCOMES: Final = {APPROVED: "notices approved", CLOSED: "closed"}


def source(incidents: Incidents) -> TransparencySource:
    """What the report counts, by the day of the finding: nothing that is still looked into."""

    def events(tables: Tables, _: datetime) -> Iterator[PublicEvent]:
        for each in incidents.all(tables):
            if each.state in _OUTCOMES:
                kind = f"incident: {each.misuse.kind}"
                yield PublicEvent(each.discovery, kind, _OUTCOMES[each.state])

    kinds = (f"incident: {each}" for each in KINDS)
    return TransparencySource(dict.fromkeys(kinds, tuple(_OUTCOMES.values())), events)
