"""What the transparency report counts of the legal desk: what was decided and is no secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from upheld.core.ids import PersonId
from upheld.database.own_tables import Tables
from upheld.practice.transparency import PublicEvent, TransparencySource
from upheld.practices.legal.demands import (
    CLAIM,
    DETERMINATION,
    INFORMAL,
    PRESERVATION,
)
from upheld.practices.legal.instrument import APPROVED, ENDED, REFUSED, Instrument
from upheld.practices.legal.instruments import Instruments

ANSWERED, UNANSWERED, TURNED_DOWN = "information disclosed", "nothing disclosed", "refused"
HELD: Final = "information preserved"
DECIDED: Final = (APPROVED, ENDED, REFUSED)
EMERGENCY, INVESTIGATION = "emergency", "investigation"
_KINDS: Final = {
    "subpoena": "subpoena",
    "court-order": "court order",
    "warrant": "warrant",
    "other": "other legal process",
    PRESERVATION: "order to preserve",
    CLAIM: "claim or defence of ours",
    DETERMINATION: INVESTIGATION,
    INFORMAL: "informal request",
}
_ALL: Final = (ANSWERED, UNANSWERED, TURNED_DOWN)
_OUTCOMES: Final = {
    **{kind: _ALL for word, kind in _KINDS.items() if word not in {PRESERVATION, INFORMAL}},
    EMERGENCY: (ANSWERED, UNANSWERED),
    _KINDS[PRESERVATION]: (HELD, TURNED_DOWN),
    _KINDS[INFORMAL]: (TURNED_DOWN,),
}


def source(instruments: Instruments) -> TransparencySource:
    """What the report counts: nothing undecided, nothing of which an order forbids to speak.

    While an order is silent, the others about the same customers are not counted either, as they
    are not shown.
    """

    def events(tables: Tables, now: datetime) -> Iterator[PublicEvent]:
        everything = instruments.all(tables)

        def people(each: Instrument) -> set[PersonId]:
            return {*instruments.reach(tables, each.instrument_id).person_ids}

        silent = {e.instrument_id for e in everything if e.silence_end and e.silence_end > now}
        about = {p for e in everything if e.instrument_id in silent for p in people(e)}
        for each in everything:
            if each.state not in DECIDED or each.instrument_id in silent:
                continue
            if about and about & people(each):
                continue
            kind = EMERGENCY if each.is_emergency else _KINDS[each.kind]
            yield PublicEvent(each.opened, kind, _outcome(each))

    return TransparencySource(_OUTCOMES, events)


def _outcome(instrument: Instrument) -> str:
    if instrument.state == REFUSED:
        return TURNED_DOWN
    if instrument.kind == PRESERVATION:
        return HELD
    return ANSWERED if instrument.releases else UNANSWERED
