"""What customers bought from business partners, as those tell us: taken in, kept, and deleted.

A row is matched by the e-mail address or the phone number of exactly one customer, or it is
dropped; nothing of it is written then. Each is an act, `collect` from the partner, with its entry,
and what the policy lets nobody store is not collected. It stands sealed in a table of its own,
which no bill and no other company reads. A row is known by its reference: it is taken once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

import msgspec

from upheld.core.company_names import company_name
from upheld.core.errors import UpheldError
from upheld.core.ids import FeedId, PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.field_values import canonical
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
    text = " ".join(unicodedata.normalize("NFC", values.get(word, "")).split())
    if not 0 < len(text) <= _LENGTH_MAX or any(unicodedata.category(e)[0] == "C" for e in text):
        raise ValueError(f"`{word}` is a text of at most {_LENGTH_MAX} characters")
    return text


def take(
    transaction: Transaction, party: str, values: Mapping[str, str], feed_id: FeedId = NO_FEED
) -> str:
    """Take a row of a partner's in; why it was left out, or nothing."""
    today = transaction.clock.today()
    try:
        row = read_row(values, today)
        person = _person_of(transaction, values, today)
    except ValueError:
        return UNREADABLE
    if person is None:
        return UNMATCHED
    try:
        return _keep(transaction, party, person, row, feed_id)
    except UpheldError as error:
        if error.code != _ERASED:  # they are being erased
            raise
        return UNMATCHED


def _keep(
    transaction: Transaction,
    party: str,
    person: PersonId,
    row: PartnerTransaction,
    feed_id: FeedId,
) -> str:
    transaction.lock(person)
    mark = transaction.sealer(_PURPOSE, "reference").mark_of(party, row.reference).hex()
    tables = transaction.tables
    if tables.get(table, "party = ? AND mark = ?", party, mark) is not None:
        return TWICE
    store = transaction.peek(person, STORE)
    if not store.allowed or row.day.isoformat() < first_day(transaction.clock, store):
        return REFUSED
    collect = Act(
        action="collect",
        data=("transaction",),
        source=PARTNER,
        occasion="partner-transaction",
        party=party,
    )
    if isinstance(transaction.act(collect, person), Refused):
        return REFUSED
    sealer = transaction.sealer(_PURPOSE, "row")
    written = tables.insert_new(
        table,
        person_id=person,
        party=party,
        mark=mark,
        feed_id=feed_id,
        received=transaction.clock.today().isoformat(),
        sealed=sealer.seal(msgspec.json.encode(row), person, party, mark),
    )
    return "" if written else TWICE


def _person_of(transaction: Transaction, values: Mapping[str, str], today: date) -> PersonId | None:
    """The one customer whom all that a row is matched by finds."""
    matches = [
        {*transaction.find(key, canonical(key, values[key].strip(), today=today))}
        for key in KEYS
        if values.get(key, "").strip()
    ]
    people = set.intersection(*matches) if matches else set()
    return people.pop() if len(people) == 1 else None


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
    """
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
