"""What the transparency report counts of takeovers: those that are in effect, or were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from upheld.database.own_tables import Tables
from upheld.practice.transparency import PublicEvent, TransparencySource
from upheld.practices.takeovers.closing import APPROVED, DONE, ENDED, MERGER, MOVING, SALE
from upheld.practices.takeovers.closings import Closings

_KINDS: Final = {MERGER: "merger or acquisition", SALE: "sale of accounts"}
_GOING_ON: Final = "accounts are being transferred"
_OUTCOMES: Final = {
    APPROVED: _GOING_ON,
    MOVING: _GOING_ON,
    DONE: "accounts transferred",
    ENDED: "ended before all accounts were transferred",
}


def source(closings: Closings) -> TransparencySource:
    """What the report counts: no negotiation, and nothing before its day."""

    def events(tables: Tables, now: datetime) -> Iterator[PublicEvent]:
        for each in closings.all(tables):
            if each.state in _OUTCOMES and each.effective <= now:
                yield PublicEvent(each.effective, _KINDS[each.kind], _OUTCOMES[each.state])

    outcomes = tuple(dict.fromkeys(_OUTCOMES.values()))
    return TransparencySource(dict.fromkeys(_KINDS.values(), outcomes), events)
