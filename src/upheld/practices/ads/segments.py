"""Who is in which band, as bitmaps over people without ids: what the size of a group is taken from.

Somebody is in the bitmap of a band only where the gate let us use that of them for advertisements.
Bitmaps are made while a campaign waits for its review, of the fields that such campaigns name,
and are kept sealed for an hour. They go at once when somebody is erased, and are of no use under
another policy or on another day. Before anything is counted by them, whoever changed is looked for,
lot by lot: a lot with somebody who opted out since, or has another birth date, is read anew.

One process makes them at a time. Their row is empty until then, and says after each lot that
somebody is at it: whoever comes meanwhile waits, and begins anew once it has said nothing for long.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
from pyroaring import BitMap

from upheld.core.garbage import no_search
from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import bands
from upheld.practices.ads import audience, campaigns
from upheld.practices.ads.audience import MaskMaker
from upheld.practices.ads.campaigns import AdError
from upheld.practices.ads.matching import Mask
from upheld.practices.ads.tables import ad_segment

LASTS: Final = timedelta(hours=1)
BATCH: Final = 4_000  # people in one transaction, so that many of them are alike
FEW: Final = 4  # lots at most that are read in the transaction that counts
SILENT: Final = timedelta(minutes=2)  # after which whoever was making bitmaps is taken as gone
PAUSES: Final = (0.0, 0.2, 0.6, 1.8)  # seconds before each try to have them ready
PURPOSE: Final = "ad-segments"
WORD: Final = "segments"  # the one row there is


class _Lot(msgspec.Struct, frozen=True):
    """People who follow one another by their ids: after one of them, up to another or to the end.

    `mark` is another once something of one of them is; their places are from one up to another.
    """

    after: str
    last: str
    mark: bytes
    first_place: int
    end_place: int


class _Packed(msgspec.Struct, frozen=True):
    """Bitmaps as they are kept, and what they were made under."""

    policy: str
    day: str
    people: int
    lots: list[_Lot]
    fields: dict[str, bytes]
    bands: dict[str, dict[str, bytes]]


def _places() -> defaultdict[str, list[int]]:
    return defaultdict(list)


class Segments:
    """Bitmaps of people, who are numbered in the order in which they are added."""

    def __init__(self, fields: Iterable[str]) -> None:
        self.people = 0
        self.lots: list[_Lot] = []
        self._fields = {field: BitMap() for field in fields}  # by which somebody may be chosen
        self._bands: dict[str, dict[str, BitMap]] = {}

    def add(self, people: Iterable[tuple[Sequence[str], Mask]]) -> None:
        """Add people, each with the fields by which they may be chosen and their bands by these."""
        by_fields: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        by_band: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(_places)
        at = self.people
        for fields, mask in people:
            by_fields[tuple(fields)].append(at)
            for dimension, names in mask.items():
                its = by_band[dimension]
                for band in names:
                    its[band].append(at)
            at += 1
        self.people = at
        for fields, places in by_fields.items():
            for field in fields:
                self._fields[field].update(places)
        for dimension, its in by_band.items():
            bitmaps = self._bands.setdefault(dimension, {})
            for band, places in its.items():
                bitmaps.setdefault(band, BitMap()).update(places)

    def remove(self, first: int, end: int) -> None:
        """Let the people of some places go; nobody else comes to these places."""
        for bitmap in (
            *self._fields.values(),
            *(b for e in self._bands.values() for b in e.values()),
        ):
            bitmap.remove_range(first, end)

    @property
    def fields(self) -> list[str]:
        """The fields that these are made of."""
        return sorted(self._fields)

    def has(self, fields: Iterable[str]) -> bool:
        """Whether these are made of some fields."""
        return self._fields.keys() >= {*fields}

    def count(self, criteria: bands.Criteria) -> int:
        """How many people meet criteria and may be chosen by all that these are checked by."""
        parts = [self._fields[field] for field in bands.fields_of(criteria)]
        for dimension, names in criteria.items():
            its = self._bands.get(dimension, {})
            parts.append(BitMap.union(BitMap(), *(its[band] for band in names if band in its)))
        return len(BitMap.intersection(*parts))

    def pack(self, policy: str, day: str) -> bytes:
        """The bitmaps as bytes, with the policy and the day they were made under."""
        packed = {
            dimension: {band: bitmap.serialize() for band, bitmap in its.items()}
            for dimension, its in self._bands.items()
        }
        fields = {field: bitmap.serialize() for field, bitmap in self._fields.items()}
        return msgspec.msgpack.encode(_Packed(policy, day, self.people, self.lots, fields, packed))

    @classmethod
    def unpack(cls, packed: bytes, policy: str, day: str) -> Segments | None:
        """The bitmaps out of bytes; None where they were made under another policy or day."""
        its = msgspec.msgpack.decode(packed, type=_Packed)
        if (its.policy, its.day) != (policy, day):
            return None
        result = cls(())
        result.people, result.lots = its.people, its.lots
        result._fields = {field: BitMap.deserialize(raw) for field, raw in its.fields.items()}
        result._bands = {
            dimension: {band: BitMap.deserialize(raw) for band, raw in raws.items()}
            for dimension, raws in its.bands.items()
        }
        return result


class _Place(NamedTuple):
    """How far people were added."""

    after: str
    is_last: bool


class _Brought(NamedTuple):
    """People who are being brought into bitmaps, lot by lot, all under one policy and on a day."""

    segments: Segments
    fields: list[str]
    masks: MaskMaker
    made_under: tuple[str, str]


def _bring(transaction: Transaction, segments: Segments) -> _Brought:
    masks = MaskMaker(transaction.policy, transaction.clock.today())
    return _Brought(segments, segments.fields, masks, _made_under(transaction))


def _add(brought: _Brought, transaction: Transaction, after: str) -> _Place:
    """Add the next people, each with an entry of the use."""
    if _made_under(transaction) != brought.made_under:
        return _Place(after, is_last=True)
    people = transaction.customers_after(after, BATCH)
    last = people[-1] if len(people) == BATCH else ""
    brought.segments.lots.append(_read_lot(brought, transaction, after, last))
    return _Place(last, is_last=not last)


def _read_lot(brought: _Brought, transaction: Transaction, after: str, last: str) -> _Lot:
    """Read people into bitmaps; their mark is from before they are read."""
    first = brought.segments.people
    with no_search():
        people, mark = _crowd(brought, transaction, after, last)
        brought.segments.add(
            audience.read_crowd(transaction, people, brought.fields, brought.masks)
        )
    return _Lot(after, last, mark, first, brought.segments.people)


def _crowd(
    brought: _Brought, transaction: Transaction, after: str, last: str
) -> tuple[list[PersonId], bytes]:
    """People who follow one another, and their mark with that of what they did."""
    people, mark = transaction.crowd_between(after, last)
    did = audience.activity_mark_between(transaction, after, last, brought.fields)
    return people, sha256(mark + repr(did).encode()).digest()


def _is_changed(brought: _Brought, transaction: Transaction, lot: _Lot) -> bool:
    """Whether anything of anybody in a lot is another since it was read."""
    return _crowd(brought, transaction, lot.after, lot.last)[1] != lot.mark


def _read_anew(brought: _Brought, transaction: Transaction, lot: _Lot) -> _Lot:
    """Read the people of a lot once more; those it had before are in no bitmap then."""
    brought.segments.remove(lot.first_place, lot.end_place)
    return _read_lot(brought, transaction, lot.after, lot.last)


def _changed_lots(brought: _Brought, transaction: Transaction) -> list[int]:
    """In which lots somebody changed since they were read, by their places."""
    lots = enumerate(brought.segments.lots)
    return [at for at, lot in lots if _is_changed(brought, transaction, lot)]


def current(transaction: Transaction, criteria: bands.Criteria) -> Segments:
    """The bitmaps by which a group is counted: those that are kept, or made and kept now.

    AdError where more than a few lots would have to be read: nobody else can write meanwhile, and
    `make_ready` reads them before.
    """
    own = bands.fields_of(criteria)
    standing = _standing(transaction)
    if standing is not None and standing[0].has(own):
        segments, made_at = standing
        brought = _bring(transaction, segments)
        changed = _changed_lots(brought, transaction)
        if len(changed) > FEW:
            raise _being_counted()
        for at in changed:
            segments.lots[at] = _read_anew(brought, transaction, segments.lots[at])
        if changed:
            _keep(transaction, brought, made_at)
        return segments
    if len(transaction.customers_after("", FEW * BATCH + 1)) > FEW * BATCH:
        raise _being_counted()
    fields = sorted({*own, *_waiting(transaction.tables)})
    brought, place = _bring(transaction, Segments(fields)), _Place("", is_last=False)
    while not place.is_last:
        place = _add(brought, transaction, place.after)
    _keep(transaction, brought, _begin(transaction))
    return brought.segments


def _being_counted() -> AdError:
    return AdError(
        "the people whom it may be meant for are still being counted",
        code="ad",
        hint="answer again in some minutes",
    )


def make(gate: Gate, criteria: bands.Criteria | None = None) -> int:
    """Make bitmaps ahead of reviews, some people at a time; of how many people.

    None are made where no campaign for a group waits and no group is named, and those of before go
    then; nor where somebody else is making them.
    """
    with gate.together() as transaction:
        own = bands.fields_of(criteria) if criteria else ()
        fields = sorted({*own, *_waiting(transaction.tables)})
        if not fields:
            if not _is_being_made(transaction):
                transaction.tables.delete(ad_segment, "word = ?", WORD)
            return 0
        transaction.lock(REGISTER)  # before it is looked for: of two at once one begins
        before = _standing(transaction)
        if _is_being_made(transaction) or (before is not None and before[0].has(fields)):
            return 0
        began_at, brought = _begin(transaction), _bring(transaction, Segments(fields))
    place, said_at = _Place("", is_last=False), began_at
    with gate.opening_ahead(audience.reading(fields)) as ahead:
        while not place.is_last:
            ahead.wait(place.after, BATCH)
            with gate.together(ahead) as transaction:
                place = _add(brought, transaction, place.after)
                now = microseconds(transaction.clock.now())
                if not _say(transaction, said_at, now):
                    return 0  # somebody was erased, or began anew: next time all is made anew
                said_at = now
    with gate.together() as transaction:
        if _keep(transaction, brought, said_at, began_at):
            return brought.segments.people
        transaction.tables.delete(ad_segment, "word = ? AND made_at = ?", WORD, said_at)
        return 0


def make_ready(gate: Gate, criteria: bands.Criteria) -> None:
    """Make bitmaps by which a group can be counted at once, or wait while somebody else does.

    AdError where they are not ready after some tries.
    """
    for each in PAUSES:
        time.sleep(each)
        number = refresh(gate, criteria)
        if number is not None and number <= FEW:
            return
    raise _being_counted()


def refresh(gate: Gate, criteria: bands.Criteria) -> int | None:
    """Make bitmaps by which a group can be counted, or read anew what changed in those there are.

    A lot in each transaction, so that others write meanwhile; how many lots were read anew, or None
    where there are no such bitmaps yet. Who changes after that is left to `current`.
    """
    make(gate, criteria)
    with gate.consult() as transaction:
        standing = _standing(transaction)
        if standing is None or not standing[0].has(bands.fields_of(criteria)):
            return None
        segments, made_at = standing
        brought = _bring(transaction, segments)
        changed = _changed_lots(brought, transaction)
    for at in changed:
        with gate.together() as transaction:
            if _made_under(transaction) != brought.made_under:
                return None
            segments.lots[at] = _read_anew(brought, transaction, segments.lots[at])
    if not changed:
        return 0
    with gate.together() as transaction:
        return len(changed) if _keep(transaction, brought, made_at) else None


def forget(transaction: Transaction, person_id: PersonId) -> None:
    """Let the bitmaps go: somebody who may be in them is erased."""
    del person_id
    transaction.tables.delete(ad_segment, "word = ?", WORD)


def _waiting(tables: Tables) -> list[str]:
    """The fields of which campaigns for a group that wait for their review are."""
    waiting = (each for each in campaigns.every(tables) if each.state == campaigns.WAITING)
    return sorted({f for each in waiting if each.criteria for f in bands.fields_of(each.criteria)})


def _made_under(transaction: Transaction) -> tuple[str, str]:
    return transaction.policy.digest, transaction.clock.today().isoformat()


def _standing(transaction: Transaction) -> tuple[Segments, int] | None:
    """The bitmaps that are kept, where they are whole, of today, of this policy and no hour old.

    With the moment by which their row is known.
    """
    row: Any = transaction.tables.get(ad_segment, "word = ?", WORD)
    if row is None or not row.sealed:
        return None
    if not timedelta() <= transaction.clock.now() - to_datetime(row.made_at) < LASTS:
        return None
    packed = transaction.sealer(PURPOSE).unseal(row.sealed, WORD, what="bitmaps of people")
    segments = Segments.unpack(packed, *_made_under(transaction))
    return None if segments is None else (segments, row.made_at)


def _is_being_made(transaction: Transaction) -> bool:
    """Whether somebody is making bitmaps: an empty row of today, which is no old one.

    A process that was killed says nothing any more, and leaves one that grows old.
    """
    row = transaction.tables.get(ad_segment, "word = ?", WORD)
    if row is None or row.sealed:
        return False
    clock, said_at = transaction.clock, to_datetime(row.made_at)
    is_of_today = clock.day_of(said_at) == clock.today()
    return is_of_today and timedelta() <= clock.now() - said_at < SILENT


def _begin(transaction: Transaction) -> int:
    """Make room for new bitmaps; the moment by which their row is known, in microseconds."""
    transaction.tables.delete(ad_segment, "word = ?", WORD)
    began_at = microseconds(transaction.clock.now())
    transaction.tables.insert(ad_segment, word=WORD, made_at=began_at, sealed=b"")
    return began_at


def _say(transaction: Transaction, before: int, now: int) -> bool:
    """Say that bitmaps are still being made; whether their row is still that of whoever does.

    It is known by the moment when it was said before, in microseconds.
    """
    where = "word = ? AND made_at = ?"
    return bool(transaction.tables.update(ad_segment, {"made_at": now}, where, WORD, before))


def _keep(
    transaction: Transaction, brought: _Brought, known_by: int, made_at: int | None = None
) -> bool:
    """Keep bitmaps, unless another policy is in force since, or another day; whether they are.

    Their row is known by a moment, and then by when they were made, if that is another.
    """
    if _made_under(transaction) != brought.made_under:
        return False
    packed = brought.segments.pack(*brought.made_under)
    sealed = transaction.sealer(PURPOSE).seal(packed, WORD)
    changes = {"sealed": sealed, "made_at": known_by if made_at is None else made_at}
    where = "word = ? AND made_at = ?"
    return bool(transaction.tables.update(ad_segment, changes, where, WORD, known_by))
