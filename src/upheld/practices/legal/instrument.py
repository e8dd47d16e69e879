"""An instrument as it stands, and the records by which it proves once it is approved."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.ids import EntryNumber, InstrumentId, PersonId, RecordId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.public import SealedError
from upheld.gate.transaction import Transaction
from upheld.practice.operators import User
from upheld.practices.legal.demands import (
    CLAIM,
    DETERMINATION,
    EMERGENCY,
    OUR_OWN,
    PRESERVATION,
    PROCESS,
)
from upheld.practices.legal.tables import legal_reach

OPEN, CHECKED, APPROVED, REFUSED, ENDED = "open", "checked", "approved", "refused", "ended"
NAMED, READY, RELEASING, RELEASED = "named", "approved", "releasing", "released"
INSTRUMENT, HOLD = "instrument", "hold"  # kinds of records
DEMANDED, SILENT, KEPT_BY_LAW = "legal-instrument", "gag-order", "legal-hold"  # facts
BELIEF, CLAIMED_KIND = "determination", "claim"  # and of these
BELIEVED, IN_EMERGENCY, CLAIMED = "determination", "emergency-disclosure", "claim-recorded"
_DIGITS: Final = 10  # of an id, by which the ledger names an instrument


class Review(msgspec.Struct, frozen=True):
    """What somebody else found of what was released in an emergency."""

    at: datetime
    by: UserId
    finding: str


class Instrument(NamedTuple):
    """An instrument as it stands; whom it names are rows of their own."""

    instrument_id: InstrumentId
    kind: str
    state: str
    recipient: str
    persons: int
    starts: datetime | None
    ends: datetime | None
    period_start: datetime | None
    period_end: datetime | None
    deadline: datetime | None
    silence_end: datetime | None
    opened: datetime
    opened_by: UserId
    checked: datetime | None
    checked_by: UserId
    settled: datetime | None
    settled_by: UserId
    ended: datetime | None
    ended_by: UserId
    releases: int
    released: datetime | None
    digest: str
    issuer: str
    reference: str
    fields: tuple[str, ...]
    document: str
    ground: str
    belief: str
    key: str
    finding: str
    unreadable: tuple[str, ...]  # kinds of data of which the last release lacks something
    keeps: tuple[str, ...]  # kinds of data that an order to preserve keeps; every one if empty
    earlier_reviews: tuple[Review, ...]  # of what was released before it was released once more
    preserved_by: InstrumentId | None  # the order to preserve that was opened beside it
    released_by: tuple[UserId, ...]  # who released under it since the last review
    missing: tuple[str, ...]  # accounts of which it has nothing, as their rows were changed
    reviewed: datetime | None
    reviewed_by: UserId | None

    @property
    def party(self) -> str:
        """The word by which records and entries name it, and no other instrument."""
        return f"order-{int(self.instrument_id[:_DIGITS], 16)}"

    @property
    def is_released(self) -> bool:
        """Whether something is released under it, which a hold or a mere request does not do."""
        return self.kind in (*PROCESS, *OUR_OWN)

    @property
    def is_emergency(self) -> bool:
        """Whether nobody waits for a second officer, and somebody else reviews it afterwards."""
        return self.kind == DETERMINATION and self.ground == EMERGENCY

    def is_silent(self, at: datetime) -> bool:
        """Whether it forbids to tell at a moment."""
        return self.silence_end is not None and self.silence_end > at

    @property
    def purpose(self) -> str:
        """For which purpose something is released under it."""
        own = {CLAIM: "legal-claims", DETERMINATION: self.ground}
        return own.get(self.kind, "legal-process")

    @property
    def state_before_approval(self) -> str:
        """The state in which a second person approves: what counsel checked, or a belief."""
        return OPEN if self.kind == DETERMINATION else CHECKED

    def may_be_approved_by(self, user_id: UserId) -> bool:
        """Whether somebody has neither opened nor checked it."""
        return user_id not in (self.opened_by, self.checked_by)

    def may_be_reviewed_by(self, user_id: UserId) -> bool:
        """Whether somebody has neither made the determination nor released under it since."""
        return user_id not in (self.opened_by, *self.released_by)

    def has_lapsed(self, at: datetime) -> bool:
        """Whether its term is over at a moment."""
        return self.ends is not None and self.ends <= at

    @property
    def waits_for_review(self) -> bool:
        """Whether something was released in an emergency, and nobody has reviewed that."""
        return self.is_emergency and self.releases > 0 and self.reviewed is None

    @property
    def reviews(self) -> tuple[Review, ...]:
        """Every review of what was released in an emergency, the earliest first."""
        if self.reviewed is None or self.reviewed_by is None:
            return self.earlier_reviews
        return (*self.earlier_reviews, Review(self.reviewed, self.reviewed_by, self.finding))


class NamedPerson(NamedTuple):
    """Somebody whom an instrument names, by which account, and what has become of it."""

    person_id: PersonId
    account: str
    state: str
    record_id: RecordId | None
    silence_id: RecordId | None
    entry: EntryNumber | None


def prove(
    transaction: Transaction, instrument: Instrument, whom: NamedPerson, user: User, now: datetime
) -> None:
    """Keep the records of an approved instrument about one person: the silence first."""
    person_id, transaction = whom.person_id, transaction.reaching_apart()
    common: Any = {
        "by_whom": user.user_id,
        "how": instrument.instrument_id,
        "actor": actor_of(user),
    }
    silence_id = None
    if instrument.is_silent(now):
        silence_id = transaction.record(
            person_id,
            INSTRUMENT,
            fact=SILENT,
            party=instrument.party,
            ends=instrument.silence_end,
            **common,
        )
    common |= {"valid_from": max(instrument.starts or now, now), "ends": instrument.ends}
    reach = {"data": instrument.fields, "recipient": [instrument.recipient]}
    if instrument.kind == PRESERVATION:
        about = {"data": instrument.keeps} if instrument.keeps else None
        record_id = transaction.record(person_id, HOLD, fact=KEPT_BY_LAW, about=about, **common)
    elif instrument.kind == DETERMINATION:
        record_id = transaction.record(
            person_id,
            BELIEF,
            fact=BELIEVED,
            party=instrument.party,
            about={**reach, "purpose": [instrument.ground]},
            **common,
        )
    else:
        kind, fact = (CLAIMED_KIND, CLAIMED) if instrument.kind == CLAIM else (INSTRUMENT, DEMANDED)
        record_id = transaction.record(
            person_id, kind, fact=fact, party=instrument.party, about=reach, **common
        )
    changes = {"state": READY, "record_id": record_id, "silence_id": silence_id}
    change_person(transaction.tables, person_id, instrument.instrument_id, changes)


def records_by(
    transaction: Transaction, person_id: PersonId, instrument_id: InstrumentId
) -> list[tuple[PersonId, RecordId | None]]:
    """The records in force of somebody by which an instrument proves, whatever its own row says.

    None where their records are not as they were written; that it forbids to tell is not among
    them.
    """
    kinds, now = [INSTRUMENT, HOLD, BELIEF, CLAIMED_KIND], microseconds(transaction.clock.now())
    with suppress(SealedError), transaction.savepoint():
        return [
            (person_id, each.record_id)
            for each in transaction.records_of([person_id], kinds)[0]
            if each.how == instrument_id
            and each.fact not in (SILENT, IN_EMERGENCY)
            and (each.ends is None or each.ends > now)
            and each.withdrawn is None
        ]
    return []


def change_person(
    tables: Tables, person_id: PersonId, instrument_id: InstrumentId, changes: dict[str, Any]
) -> None:
    """Change what has become of an instrument for one person."""
    where = "person_id = ? AND instrument_id = ?"
    tables.update(legal_reach, changes, where, person_id, instrument_id)


def actor_of(user: User) -> str:
    """A member of staff as an entry names them."""
    return f"staff {user.user_id}"
