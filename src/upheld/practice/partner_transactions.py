"""What customers bought from business partners, as those tell us: taken in, kept, and deleted.

A row is matched by the e-mail address or the phone number of exactly one customer, or it is
dropped; nothing of it is written then. Rows that come together are one act of each customer,
`collect` from the partner, with its entry, and what the policy lets nobody store is not collected.
It stands sealed in a table of its own, which no bill and no other company reads. A row is known by
its reference: it is taken once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Final, NamedTuple

import msgspec

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import first_day, is_on_hold
from upheld.practice.matching import match_each
from upheld.practice.tables import partner_transaction as table

PARTNER: Final = "business-partner"
WORDS: Final = ("reference", "date", "amount", "currency", "what")
STORE: Final = Act(action="store", data=("transaction",))
UNMATCHED, TWICE, REFUSED = "unmatched", "nothing_new", "refused"
UNREADABLE: Final = "unreadable"
NO_FEED: Final = FeedId("")  # of what a program of the partner's sent
_PURPOSE: Final = "partner-transactions"
_ERASED: Final = "no-person"
_LENGTH_MAX: Final = 200
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,2}))?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_ROW: Final = msgspec.json.Encoder()
_TOGETHER: Final = 1_000  # marks in one query
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)


class PartnerTransaction(msgspec.Struct, frozen=True):
    """A transaction of a customer with a partner."""

    reference: str  # by which the partner knows it
    day: date
    cents: int
    currency: str
    what: str


class OwnTransaction(NamedTuple):
    """A transaction that is kept of somebody: with which company, and when we were told."""

    company: str
    received_on: str  # a day
    row: PartnerTransaction


class RowReader:
    """Reads rows by their words; what many have in common, such as a day, is read once."""

    __slots__ = ("_amounts", "_days", "_texts", "_today")

    def __init__(self, today: date) -> None:
        self._today = today
        self._days: dict[str, date] = {}
        self._amounts: dict[str, int] = {}
        self._texts: dict[str, str] = {}  # what was bought

    def read(self, values: Mapping[str, str]) -> PartnerTransaction:
        """A row by its words; ValueError, which says what is wrong and repeats no value."""
        get = values.get
        reference, raw_what = _text("reference", get("reference", "")), get("what", "")
        what = self._texts.get(raw_what)
        if what is None:
            what = self._texts[raw_what] = _text("what", raw_what)
        raw_day, raw_amount = get("date", ""), get("amount", "")
        when = self._days.get(raw_day)
        if when is None:
            when = self._days[raw_day] = _day(raw_day.strip(), self._today)
        cents = self._amounts.get(raw_amount)
        if cents is None:
            cents = self._amounts[raw_amount] = _cents(raw_amount.strip())
        currency = get("currency", "").strip()
        if not _CURRENCY.fullmatch(currency):
            raise ValueError("`currency` is three letters, such as USD")
        return PartnerTransaction(reference, when, cents, currency, what)


def _day(text: str, today: date) -> date:
    try:
        when = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        when = None
    if when is None or when > today:
        raise ValueError("`date` is a day until today, such as 2026-03-01")
    return when


def _cents(text: str) -> int:
    number = _AMOUNT.fullmatch(text)
    if number is None:
        raise ValueError("`amount` is a number such as 12.50")
    cents = int(number[2]) * 100 + int((number[3] or "").ljust(2, "0"))
    return -cents if number[1] else cents


def _text(word: str, text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.split())
    unseen = not (text.isascii() and text.isprintable()) and any(
        unicodedata.category(each)[0] == "C" for each in text
    )
    if not 0 < len(text) <= _LENGTH_MAX or unseen:
        raise ValueError(f"`{word}` is a text of at most {_LENGTH_MAX} characters")
    return text


class _Row(NamedTuple):
    """A row that can be read, whose it is, and what stands for its reference."""

    number: int  # its place among the rows that came together
    person_id: PersonId
    row: PartnerTransaction
    mark: str


def take(
    transaction: Transaction,
    party: str,
    rows: Sequence[Mapping[str, str]],
    feed_id: FeedId = NO_FEED,
) -> list[str]:
    """Take rows of a partner's in, in their order; of each why it was left out, or nothing.

    What comes of each is as if it had come alone, but each person is decided once for all of
    theirs, and what is collected of many people is entered together.
    """
    matched, reasons = _match(transaction, party, rows)
    present = set(transaction.lock_present(sorted({each.person_id for each in matched})))
    there, mine = _marks_there(transaction, party, matched), []
    for each in matched:
        if each.person_id not in present:  # they are being erased
            reasons[each.number] = UNMATCHED
        elif each.mark in there:
            reasons[each.number] = TWICE
        else:
            mine.append(each)
    allowed = _allowed(transaction, party, mine)
    to_keep = []
    for each in mine:
        if each.mark in there:
            reasons[each.number] = TWICE
        elif each.number not in allowed:
            reasons[each.number] = REFUSED
        else:
            to_keep.append(each)
            there.add(each.mark)
    _keep(transaction, party, to_keep, feed_id)
    return reasons


def _match(
    transaction: Transaction, party: str, rows: Sequence[Mapping[str, str]]
) -> tuple[list[_Row], list[str]]:
    """The rows that can be read and are of exactly one customer; why each other one is left out."""
    reader, sealer = (
        RowReader(transaction.clock.today()),
        transaction.sealer(_PURPOSE, "reference"),
    )
    reasons = [""] * len(rows)
    readable: list[PartnerTransaction | None] = []
    for number, values in enumerate(rows):
        try:
            readable.append(reader.read(values))
        except ValueError:
            reasons[number] = UNREADABLE
            readable.append(None)
    matches = match_each(transaction, rows)
    whose: list[tuple[int, PersonId, PartnerTransaction]] = []
    for number, (row, person_id) in enumerate(zip(readable, matches.people, strict=True)):
        if row is None or number in matches.unreadable:
            reasons[number] = UNREADABLE
        elif person_id is None:
            reasons[number] = UNMATCHED
        else:
            whose.append((number, person_id, row))
    marks = sealer.marks_of(party, [row.reference for *_, row in whose])
    matched = [_Row(*each, mark.hex()) for each, mark in zip(whose, marks, strict=True)]
    return matched, reasons


def _marks_there(transaction: Transaction, party: str, matched: Sequence[_Row]) -> set[str]:
    """Which of some rows were taken in before, by their marks."""
    marks, there = list(dict.fromkeys(each.mark for each in matched)), set[str]()
    for first in range(0, len(marks), _TOGETHER):
        some = marks[first : first + _TOGETHER]
        where = f"party = ? AND mark IN ({placeholders(some)})"
        there |= {each.mark for each in transaction.tables.select(table, where, party, *some)}
    return there


def _allowed(transaction: Transaction, party: str, mine: Sequence[_Row]) -> set[int]:
    """Which rows the policy lets us collect and store, by number; they are entered as collected."""
    if not mine:
        return set()
    latest: dict[PersonId, date] = {}
    for each in mine:
        latest[each.person_id] = max(each.row.day, latest.get(each.person_id, date.min))
    first: dict[PersonId, date] = {}

    def is_in_time(person_id: PersonId, store: Decision) -> bool:
        """Whether the policy lets us store anything of theirs; the first day of it is noted."""
        if not store.allowed:
            return False
        begin = first_day(transaction.clock, store)
        first[person_id] = date.fromisoformat(begin) if begin else date.min
        return latest[person_id] >= first[person_id]

    collect = Act(
        action="collect",
        data=("transaction",),
        source=PARTNER,
        occasion="partner-transaction",
        party=party,
    )
    outcomes = transaction.sweep(collect, list(latest), only_if=STORE, chooses=is_in_time)
    since = {
        each: first[each] for each, outcome in outcomes.items() if not isinstance(outcome, Refused)
    }
    return {each.number for each in mine if each.row.day >= since.get(each.person_id, date.max)}


def _keep(transaction: Transaction, party: str, to_keep: Sequence[_Row], feed_id: FeedId) -> None:
    sealer, received = transaction.sealer(_PURPOSE, "row"), transaction.clock.today().isoformat()
    encode = _ROW.encode
    contents = sealer.seal_each(
        [encode(each.row) for each in to_keep],
        [(each.person_id, party, each.mark) for each in to_keep],
    )
    transaction.tables.insert_all(
        table,
        [
            {
                "person_id": each.person_id,
                "party": party,
                "mark": each.mark,
                "feed_id": feed_id,
                "received": received,
                "sealed": content,
            }
            for each, content in zip(to_keep, contents, strict=True)
        ],
    )


def of_person(transaction: Transaction, person_id: PersonId) -> list[OwnTransaction]:
    """What is kept of somebody's transactions with partners, the latest first."""
    sealer = transaction.sealer(_PURPOSE, "row")
    rows = [
        OwnTransaction(
            company_name(each.party),
            each.received,
            msgspec.json.decode(
                sealer.unseal(each.sealed, person_id, each.party, each.mark, what="a transaction"),
                type=PartnerTransaction,
            ),
        )
        for each in transaction.tables.select(table, "person_id = ?", person_id)
    ]
    return sorted(rows, key=lambda each: (each.row.day, each.row.reference), reverse=True)


def rows_of(transaction: Transaction, person_id: PersonId) -> list[tuple[datetime, str]]:
    """What is kept of them, each as a line with the beginning of the day when we were told."""
    zone = transaction.clock.zone
    return [
        (
            datetime.combine(date.fromisoformat(each.received_on), time.min, zone),
            _line(each),
        )
        for each in of_person(transaction, person_id)
    ]


def _line(its: OwnTransaction) -> str:
    row = its.row
    amount = f"{row.cents / 100:.2f} {row.currency}"
    return f"{row.day} {its.company}: {row.what}, {amount}, reference {row.reference}"


def texts_since(transaction: Transaction, person_id: PersonId, day: date) -> list[str]:
    """What somebody bought from partners on a day or later, in the words of those."""
    return [each.row.what for each in of_person(transaction, person_id) if each.row.day >= day]


def mark_of(transaction: Transaction, person_id: PersonId) -> tuple[object, ...]:
    """What is another when rows of somebody came or went."""
    columns = ("COUNT(*)", "MAX(received)")
    return tuple(transaction.tables.select_unchecked(table, columns, "person_id = ?", person_id))


def erase(transaction: Transaction, person_id: PersonId) -> None:
    """Delete what partners told of somebody who is erased, unless the law keeps us from it."""
    if not is_on_hold(transaction, person_id, STORE):
        transaction.tables.delete(table, "person_id = ?", person_id)


def retire(gate: Gate) -> int:
    """Delete what may be kept no longer; how many rows.

    Whoever alone may not be stored any more, such as who asked for an erasure, is left to that.
    ClockError while the clock is in doubt.
    """
    trusted_time(gate)
    with gate.look() as tables:
        people = sorted({str(who) for (who,) in tables.select_unchecked(table, ["person_id"])})
    return sum(_retire(gate, PersonId(each)) for each in people)


def _retire(gate: Gate, person_id: PersonId) -> int:
    with gate.together() as transaction:
        if is_on_hold(transaction, person_id, STORE):
            return 0
        decision = _storing(transaction, person_id)
        oldest = first_day(transaction.clock, decision) if decision.allowed else ""
        where, more = (
            ("person_id = ? AND received < ?", (oldest,))
            if oldest
            else (
                "person_id = ?",
                (),
            )
        )
        count = transaction.tables.delete(table, where, person_id, *more)
        if count:
            transaction.note(
                person_id,
                "retention",
                action="delete",
                data=STORE.data,
                clauses=decision.clauses,
            )
    return count


def _storing(transaction: Transaction, person_id: PersonId) -> Decision:
    """The decision on storing it: of this person, or of anybody where it is theirs alone."""
    general = transaction.arrivals.decide(STORE)
    try:
        own = transaction.peek(person_id, STORE)
    except UpheldError as error:
        if error.code != _ERASED:
            raise
        return general
    return own if own.allowed or not general.allowed else general
