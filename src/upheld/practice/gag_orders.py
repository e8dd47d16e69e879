"""What an order forbids us to tell: while one is in force, neither it nor what rests on it is told.

That is so of its own instrument: what is known of another one, such as a hold, stays told.

It appears in no list, count or copy that a person gets, and nothing says that anything is missing.
Once the order ends it appears like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from upheld.core.ids import EntryNumber, PersonId
from upheld.database.columns import microseconds
from upheld.gate.evidence.records import Record
from upheld.gate.inquiries import Inquiries
from upheld.gate.log.receipts import AccountLine, AccountQuery
from upheld.gate.log.silence import KINDS, PURPOSE, TASK, TOGETHER
from upheld.gate.public import Entry, SealedError
from upheld.gate.transaction import Transaction


class GagFilter:
    """Says which entries and records of a person a gag order forbids us to show now."""

    def __init__(
        self, transaction: Inquiries, person_id: PersonId, mine: Sequence[Record] | None = None
    ) -> None:
        """`mine` are the person's records of KINDS, where they were read already."""
        forged: Sequence[str] = ()
        if mine is None:
            mine, forged = transaction.records_of([person_id], KINDS)
        at = microseconds(transaction.clock.now())
        orders = [each for each in mine if each.fact == "gag-order" and each.in_force(at)]
        self.gagged = bool(orders or forged)
        instruments = {each.how for each in orders}
        is_of_all = bool(forged) or "" in instruments
        hidden = [
            each
            for each in mine
            if self.gagged and _of_process(each)
            if is_of_all or each.kind == TASK or each.how in instruments
        ]
        self.ids = {each.record_id for each in hidden}
        self._open_parties = {each.party for each in mine if each.record_id not in self.ids}

    def entry(self, entry: Entry) -> bool:
        """Whether an entry may not be told."""
        if not self.gagged:
            return False
        if not self.ids.isdisjoint(entry.evidence):
            return True
        _, _, party = entry.recipient.partition(" ")
        return entry.purpose == PURPOSE and (not party or party not in self._open_parties)

    def record(self, record: Record) -> bool:
        """Whether a record may not be told."""
        return record.record_id in self.ids


def filters_of(transaction: Inquiries, person_ids: Sequence[PersonId]) -> dict[PersonId, GagFilter]:
    """What may not be told of each of some people; whose records are not whole is left out."""
    filters: dict[PersonId, GagFilter] = {}
    for first in range(0, len(person_ids), TOGETHER):
        some = person_ids[first : first + TOGETHER]
        try:
            records, _ = transaction.records_of(some, KINDS)
        except SealedError:
            filters |= _one_by_one(transaction, some)
            continue
        mine: dict[PersonId, list[Record]] = {each: [] for each in some}
        for record in records:
            mine[PersonId(record.person_id)].append(record)
        filters |= {each: GagFilter(transaction, each, those) for each, those in mine.items()}
    return filters


def _one_by_one(
    transaction: Inquiries, person_ids: Sequence[PersonId]
) -> dict[PersonId, GagFilter]:
    filters = {}
    for each in person_ids:
        with suppress(SealedError):
            filters[each] = GagFilter(transaction, each)
    return filters


def visible_entries(
    transaction: Transaction,
    person_id: PersonId,
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    number: EntryNumber | None = None,
) -> list[AccountLine]:
    """The entries about a person, without those that a gag order forbids us to show.

    Of some time, or the one of a number. Their texts are empty: pages word what they show.
    """
    gag = GagFilter(transaction, person_id)
    query = AccountQuery(person_id=person_id, since=since, until=until, number=number)
    lines = transaction.account(query, words=False)
    return [each for each in lines if not gag.entry(each.entry)]


def _of_process(record: Record) -> bool:
    return record.kind != TASK or PURPOSE in record.about.get("purpose", ())
