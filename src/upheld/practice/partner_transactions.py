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
from datetime import date
from typing import Final, NamedTuple

import msgspec

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, PersonId
from upheld.database.own_tables import placeholders
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.field_values import canonical
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.kept_days import first_day, is_on_hold
from upheld.practice.tables import partner_transaction as table

PARTNER: Final = "business-partner"
WORDS: Final = ("reference", "date", "amount", "currency", "what")
KEYS: Final = ("email", "phone")  # by which a row is matched
STORE: Final = Act(action="store", data=("transaction",))
UNMATCHED, TWICE, REFUSED = "unmatched", "nothing_new", "refused"
UNREADABLE: Final = "unreadable"
NO_FEED: Final = FeedId("")  # of what a program of the partner's sent
_PURPOSE: Final = "partner-transactions"
_ERASED: Final = "no-person"
_LENGTH_MAX: Final = 200
_AMOUNT: Final = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,2}))?", re.ASCII)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
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


def read_row(values: Mapping[str, str], today: date) -> PartnerTransaction:
    """A row by its words; ValueError, which says what is wrong and repeats no value."""
    reference, what = (_text(values, word) for word in ("reference", "what"))
    day, amount = (values.get(word, "").strip() for word in ("date", "amount"))
    try:
        when = date.fromisoformat(day) if _DAY.fullmatch(day) else None
    except ValueError:
        when = None
    if when is None or when > today:
        raise ValueError("`date` is a day until today, such as 2026-03-01")
    number = _AMOUNT.fullmatch(amount)
    if number is None:
        raise ValueError("`amount` is a number such as 12.50")
    cents = int(number[2]) * 100 + int((number[3] or "").ljust(2, "0"))
    currency = values.get("currency", "").strip()
    if not _CURRENCY.fullmatch(currency):
        raise ValueError("`currency` is three letters, such as USD")
    return PartnerTransaction(reference, when, -cents if number[1] else cents, currency, what)


def _text(values: Mapping[str, str], word: str) -> str:
    text = values.get(word, "")
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
        elif each not in allowed:
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
    today, sealer = transaction.clock.today(), transaction.sealer(_PURPOSE, "reference")
    readable: list[tuple[int, PartnerTransaction, dict[str, str]]] = []
    reasons = [""] * len(rows)
    for number, values in enumerate(rows):
        try:
            row = read_row(values, today)
            readable.append((number, row, _keys_of(values, today)))
        except ValueError:
            reasons[number] = UNREADABLE
    people = {
        key: transaction.find_each(key, [keys[key] for _, _, keys in readable if key in keys])
        for key in KEYS
    }
    matched = []
    for number, row, keys in readable:
        matches = [{*people[key][value]} for key, value in keys.items()]
        its = set.intersection(*matches) if matches else set()
        if len(its) == 1:
            mark = sealer.mark_of(party, row.reference).hex()
            matched.append(_Row(number, its.pop(), row, mark))
        else:
            reasons[number] = UNMATCHED
    return matched, reasons


def _keys_of(values: Mapping[str, str], today: date) -> dict[str, str]:
    """What a row is matched by, as we would keep it; ValueError for what is none."""
    keys = {}
    for key in KEYS:
        if value := values.get(key, "").strip():
            if key == "email" and value.isascii():  # looked for in small letters
                value = value.lower()
            keys[key] = canonical(key, value, today=today)
    return keys


def _marks_there(transaction: Transaction, party: str, matched: Sequence[_Row]) -> set[str]:
    """Which of some rows were taken in before, by their marks."""
    if not matched:
        return set()
    marks = list(dict.fromkeys(each.mark for each in matched))
    where = f"party = ? AND mark IN ({placeholders(marks)})"
    return {each.mark for each in transaction.tables.select(table, where, party, *marks)}


def _allowed(transaction: Transaction, party: str, mine: Sequence[_Row]) -> set[_Row]:
    """The rows that the policy lets us collect and store, entered as collected."""
    if not mine:
        return set()
    latest: dict[PersonId, str] = {}
    for each in mine:
        latest[each.person_id] = max(each.row.day.isoformat(), latest.get(each.person_id, ""))
    first: dict[PersonId, str] = {}

    def is_in_time(person_id: PersonId, store: Decision) -> bool:
        """Whether the policy lets us store anything of theirs; the first day of it is noted."""
        if not store.allowed:
            return False
        first[person_id] = first_day(transaction.clock, store)
        return latest[person_id] >= first[person_id]

    collect = Act(
        action="collect",
        data=("transaction",),
        source=PARTNER,
        occasion="partner-transaction",
        party=party,
    )
    outcomes = transaction.sweep(collect, list(latest), only_if=STORE, chooses=is_in_time)
    return {
        each
        for each in mine
        if each.person_id in outcomes
        and not isinstance(outcomes[each.person_id], Refused)
        and each.row.day.isoformat() >= first[each.person_id]
    }


def _keep(transaction: Transaction, party: str, to_keep: Sequence[_Row], feed_id: FeedId) -> None:
    sealer, received = transaction.sealer(_PURPOSE, "row"), transaction.clock.today().isoformat()
    transaction.tables.insert_all(
        table,
        [
            {
                "person_id": each.person_id,
                "party": party,
                "mark": each.mark,
                "feed_id": feed_id,
                "received": received,
                "sealed": sealer.seal(
                    msgspec.json.encode(each.row), each.person_id, party, each.mark
                ),
            }
            for each in to_keep
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
