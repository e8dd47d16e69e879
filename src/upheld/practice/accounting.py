"""The accounting of what was disclosed: who received what, on which clause, on which record.

Every row is an entry of the ledger; what became of it on its way stands in the entries that follow
it. A company reads the same rows of what it received itself, so that both can be compared line by
line. What an order forbids to tell is in none of them, and nothing says that anything is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeVar

from upheld.core.ids import DeliveryId, EntryNumber, PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.inquiries import Inquiries
from upheld.gate.log.entries import StoredEntry
from upheld.gate.log.receipts import AccountQuery
from upheld.gate.log.silence import PURPOSE
from upheld.gate.public import REGISTER, Entry
from upheld.practice import gag_orders
from upheld.practice.deliveries import DELIVERED, KEPT_BACK, WAITING
from upheld.practice.parties import PUBLIC_KINDS
from upheld.practice.tables import delivery, delivery_item

DISCLOSURES: Final = ("share", "rent", "sell", "transfer")
LOOK: Final = "view"
OURSELVES: Final = frozenset({"", "customer", "staff", "guardian", "provider"})
SHARED_COLUMNS: Final = (
    *("entry", "time", "action", "party", "role", "data", "purpose", "occasion", "clauses"),
    *("people", "received", "kept_back", "delivery", "sha256"),
)
"""What both sides read of a disclosure, alike to the byte."""
COLUMNS: Final = (*SHARED_COLUMNS, "records")
_FOLLOWING: Final = (DELIVERED, KEPT_BACK)
_TOGETHER: Final = 500
T = TypeVar("T")


class DisclosureQuery(NamedTuple):
    """Whose disclosures, to which company or role, by which clause, from when until when."""

    person_id: PersonId | None = None
    party: str = ""
    clause: str = ""
    since: datetime | None = None
    until: datetime | None = None
    number: EntryNumber | None = None


class _Following(NamedTuple):
    """What became of an act: how many it reached, how many were kept back, by which delivery."""

    delivered: int = 0
    kept_back: int = 0
    delivery_id: DeliveryId = DeliveryId("")

    def and_then(self, entry: Entry) -> _Following:
        """With a further entry of the delivery."""
        many = _count(entry)
        if entry.kind == DELIVERED:
            return _Following(self.delivered + many, self.kept_back, DeliveryId(entry.id))
        return _Following(self.delivered, self.kept_back + many, DeliveryId(entry.id))


_NOTHING: Final = _Following()
_ARRIVED: Final = _Following(1)


class DisclosureLine(NamedTuple):
    """One entry by which somebody outside received something, or looked at it.

    `people` is how many it is about. Of these `received` is how many reached the recipient, and
    `kept_back` how many did not leave after all; the others wait. `digest` is the SHA-256 of what
    was given out, where it left in a delivery.
    """

    number: EntryNumber
    at: datetime
    person_id: PersonId | None
    entry: Entry
    people: int
    received: int
    kept_back: int
    delivery_id: DeliveryId
    digest: str
    records: tuple[str, ...]

    @property
    def role(self) -> str:
        """What the recipient is to us."""
        return recipient_of(self.entry).partition(" ")[0]

    @property
    def party(self) -> str:
        """The word of the recipient on the register; empty where the entry names none."""
        return recipient_of(self.entry).partition(" ")[2]


def recipient_of(entry: Entry) -> str:
    """Who received something by an entry, or looked at it; empty where nobody outside did."""
    if entry.kind != "act":
        return ""
    if entry.action == LOOK:
        who = entry.actor
    else:
        who = entry.recipient if entry.action in DISCLOSURES else ""
    return "" if who.partition(" ")[0] in OURSELVES else who


def disclosures(transaction: Inquiries, query: DisclosureQuery) -> list[DisclosureLine]:
    """What was disclosed, in order, but for what an order forbids to tell."""
    acts: list[StoredEntry] = []
    following: dict[str, _Following] = {}
    for each in _entries(transaction, query):
        entry = each.entry
        if entry.kind in _FOLLOWING:
            so_far = following.get(entry.after, _NOTHING)
            following[entry.after] = so_far.and_then(entry)
        elif _fits(entry, query):
            acts.append(each)
    acts = _without_silent(transaction, acts)
    waiting = _waiting(transaction, query, [each.number for each in acts])
    whereabouts = [_following(each, following, waiting) for each in acts]
    digests = _digests(transaction, {each.delivery_id for each in whereabouts} - {""})
    return [
        _row(each, its, digests.get(its.delivery_id, ""))
        for each, its in zip(acts, whereabouts, strict=True)
    ]


def _entries(transaction: Inquiries, query: DisclosureQuery) -> Iterator[StoredEntry]:
    """The entries of the time that is asked for, then what followed on them later."""
    wanted = AccountQuery(
        person_id=query.person_id,
        party=query.party,
        since=query.since,
        until=query.until,
        number=query.number,
    )
    yield from transaction.stored_entries(wanted)
    if query.until is not None or query.number is not None:
        later = AccountQuery(
            person_id=query.person_id, party=query.party, since=query.until or query.since
        )
        for each in transaction.stored_entries(later, containing="delivery."):
            if each.entry.kind in _FOLLOWING:
                yield each


def _fits(entry: Entry, query: DisclosureQuery) -> bool:
    recipient = recipient_of(entry)
    return bool(
        recipient
        and query.party in ("", recipient, *recipient.split(" ", 1))
        and (not query.clause or query.clause in entry.clauses)
    )


def _count(entry: Entry) -> int:
    return entry.batch.count if entry.batch else 1


def _without_silent(transaction: Inquiries, acts: Sequence[StoredEntry]) -> list[StoredEntry]:
    """Those that no order forbids to tell now; what cannot be told for sure is not told."""
    people = {
        each.person_id
        for each in acts
        if each.person_id and (each.entry.evidence or each.entry.purpose == PURPOSE)
    }
    filters = gag_orders.filters_of(transaction, sorted(people))

    def may_be_told(each: StoredEntry) -> bool:
        if each.person_id in people:
            gag = filters.get(each.person_id)
            return gag is not None and not gag.entry(each.entry)
        return each.entry.purpose != PURPOSE

    return [each for each in acts if may_be_told(each)]


def _waiting(
    transaction: Inquiries, query: DisclosureQuery, numbers: Sequence[EntryNumber]
) -> dict[EntryNumber, DeliveryId]:
    """In which delivery something waits, by the entry that let it out."""
    wanted: list[tuple[str, Sequence[object]]] = [
        (f"entry IN ({placeholders(some)})", some) for some in _lots(numbers)
    ]
    if query.person_id is not None and len(wanted) > 1:  # all of one person's at once
        wanted = [("person_id = ?", [query.person_id])]
    return {
        EntryNumber(number): delivery_id
        for where, values in wanted
        for number, delivery_id in transaction.tables.select_unchecked(
            delivery_item, ["entry", "delivery_id"], f"state = ? AND {where}", WAITING, *values
        )
    }


def _lots(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    return (ids[first : first + _TOGETHER] for first in range(0, len(ids), _TOGETHER))


def _following(
    act: StoredEntry, following: dict[str, _Following], waiting: dict[EntryNumber, DeliveryId]
) -> _Following:
    """What became of a disclosure: all of it reached the recipient where no delivery was made."""
    its = following.get(str(act.number), _NOTHING) if following else _NOTHING
    delivery_id = its.delivery_id or waiting.get(act.number)
    if not delivery_id:
        return _Following(_count(act.entry)) if act.entry.batch else _ARRIVED
    return its._replace(delivery_id=delivery_id)


def _row(act: StoredEntry, its: _Following, digest: str) -> DisclosureLine:
    entry = act.entry
    return DisclosureLine(
        act.number, act.at, act.person_id, entry, _count(entry), *its, digest, entry.evidence
    )


def _digests(transaction: Inquiries, delivery_ids: set[DeliveryId]) -> dict[str, str]:
    """The digest of what was given out by each of some deliveries."""
    digests: dict[str, str] = {}
    for some in _lots(sorted(delivery_ids)):
        where = f"delivery_id IN ({placeholders(some)})"
        for its in transaction.tables.select(delivery, where, *some):
            digests[its.delivery_id] = its.digest
    return digests


def received_by(
    transaction: Inquiries,
    party: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[DisclosureLine]:
    """What one company received, as it reads it: of records, only what anybody may read."""
    query = DisclosureQuery(party=party, since=since, until=until)
    facts = transaction.policy.program.vocabulary.facts.values()
    kinds = sorted({each.proof for each in facts} & PUBLIC_KINDS.keys())
    records, _ = transaction.records_of([REGISTER], kinds)
    public = {each.record_id for each in records}
    return [
        each._replace(records=tuple(filter(public.__contains__, each.records)))
        for each in disclosures(transaction, query)
        if each.party == party
    ]


def cells(row: DisclosureLine) -> tuple[str, ...]:
    """A disclosure as a row of COLUMNS."""
    entry = row.entry
    return (
        str(row.number),
        row.at.astimezone(UTC).isoformat(timespec="seconds"),
        entry.action,
        row.party,
        row.role,
        " ".join(entry.data),
        entry.purpose,
        entry.occasion,
        " ".join(entry.clauses),
        str(row.people),
        str(row.received),
        str(row.kept_back),
        row.delivery_id,
        row.digest,
        " ".join(row.records),
    )


def table(rows: Iterable[DisclosureLine], *, shared: bool = False) -> Iterator[tuple[str, ...]]:
    """Disclosures as rows of COLUMNS, or of those alone that both sides read."""
    many = len(SHARED_COLUMNS) if shared else len(COLUMNS)
    return (cells(each)[:many] for each in rows)
