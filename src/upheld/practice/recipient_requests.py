"""Requests to companies that received something: correct it or delete it, and say that you did.

When a value is corrected or erased here, or what let it out is withdrawn, the accounting tells
which companies had it, and each is asked in the same transaction. A request names kinds of data,
and the person by the id alone under which that company got them; once they are erased, nothing in
it says whose it was. The company's answer is an entry. What was not answered by its day is late.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId, RecordId, RequestId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.erasure.certificate import Certificate, RecipientAnswer, with_recipients
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import accounting, deliveries, parties
from upheld.practice.accounting import DisclosureLine, DisclosureQuery
from upheld.practice.tables import delivery_item
from upheld.practice.tables import recipient_request as table

ANSWER_WITHIN: Final = timedelta(days=14)  # then it is late
LISTED_MAX: Final = 500  # of one list: those that wait first
DELETE, CORRECT = "delete", "correct"
CORRECTED, ERASED = "corrected", "erased"  # why: what happened here
WITHDRAWN, OPTED_OUT, ORDER_OVER = "withdrawn", "opted-out", "order-over"
PROGRAMME_OVER, AGREEMENT_OVER = "programme-over", "agreement-over"
REASONS: Final = {
    CORRECTED: "it was not right, and has been corrected",
    ERASED: "it was erased",
    WITHDRAWN: "the permission for it was withdrawn",
    OPTED_OUT: "the customer opted out of what it is for",
    ORDER_OVER: "the order that it was for is over",
    PROGRAMME_OVER: "the programme is over",
    AGREEMENT_OVER: "the agreement ends",
}
ASKED: Final = {DELETE: "recipient.delete", CORRECT: "recipient.correct"}  # kinds of entries
ANSWERED: Final = {DELETE: "recipient.deleted", CORRECT: "recipient.corrected"}
SENTENCES: Final = {
    ASKED[DELETE]: "{actor} asked for {data} to be deleted by {party}",
    ASKED[CORRECT]: "{actor} asked for {data} to be corrected by {party}",
    ANSWERED[DELETE]: "{actor} confirmed the deletion of {data} by {party}",
    ANSWERED[CORRECT]: "{actor} confirmed the correction of {data} by {party}",
}
_OPEN_FIRST: Final = "ORDER BY answered IS NOT NULL, due, request_id LIMIT ?"


class RecipientRequest(NamedTuple):
    """What a company is asked: to delete or correct some kinds of data, by which day.

    `name` is the id by which it knows the person, `reference` what it got all of it under; where
    it got something without either, `entries` are the numbers of the rows of its accounting.
    """

    request_id: RequestId
    party: str
    role: str
    what: str
    why: str
    name: str
    reference: str
    purpose: str
    fields: tuple[str, ...]
    entries: tuple[str, ...]
    asked_at: datetime
    due: datetime
    answered_at: datetime | None

    @property
    def company(self) -> str:
        """The company's name as people read it."""
        return company_name(self.party)

    def is_late(self, at: datetime) -> bool:
        """Whether its day has come and the company did not answer."""
        return self.answered_at is None and self.due <= at


def corrected(transaction: Transaction, person_id: PersonId, field: str) -> None:
    """Ask whoever received a kind of data, which is another one now, to correct it."""
    _ask(transaction, person_id, CORRECT, CORRECTED, lambda row: {field} & {*row.entry.data})


def erased_field(transaction: Transaction, person_id: PersonId, field: str) -> None:
    """Ask whoever received a kind of data that its person has had erased to delete it."""
    _ask(transaction, person_id, DELETE, ERASED, lambda row: {field} & {*row.entry.data})


def before_erasure(transaction: Transaction, person_id: PersonId) -> None:
    """Ask whoever received something of somebody who is being erased to delete it.

    What must be kept here because of something proven is not asked for.
    """
    rows = _received(transaction, person_id)
    if rows:
        fields = sorted(transaction.held_fields(person_id))
        kept_fields = {
            field
            for each in transaction.drop_outlook(person_id, fields).kept
            for field in each.data
        }
        token = transaction.token_of(person_id)
        _ask_about(
            transaction,
            person_id,
            _Ask(DELETE, ERASED, token),
            [(each, {*each.entry.data} - kept_fields) for each in rows],
        )


def ground_over(
    transaction: Transaction, person_id: PersonId, record_id: RecordId, why: str = WITHDRAWN
) -> None:
    """Ask whoever received something on a record that holds no longer to delete it."""
    _ask(
        transaction,
        person_id,
        DELETE,
        why,
        lambda row: {*row.entry.data} if record_id in row.records else set(),
    )


def reference_over(
    transaction: Transaction, person_id: PersonId, reference: str, why: str = WITHDRAWN
) -> None:
    """Ask whoever received something in deliveries under a reference that is over to delete it."""
    sent = {each.delivery_id for each in deliveries.latest(transaction.tables, reference=reference)}
    _ask(
        transaction,
        person_id,
        DELETE,
        why,
        lambda row: {*row.entry.data} if row.delivery_id in sent else set(),
    )


def opted_out(transaction: Transaction, person_id: PersonId, purpose: str) -> None:
    """Ask whoever received something for a purpose that somebody opted out of to delete it."""
    _ask(
        transaction,
        person_id,
        DELETE,
        OPTED_OUT,
        lambda row: {*row.entry.data} if row.entry.purpose == purpose else set(),
    )


def all_under(
    transaction: Transaction, party: str, role: str, reference: str, fields: Sequence[str]
) -> None:
    """Ask a company once to delete all that it got under something that is over, of anybody."""
    mark = transaction.sealer("recipient-request").mark_of("over", party, reference)
    request_id = RequestId(mark.hex()[:32])
    if transaction.tables.get(table, "request_id = ?", request_id) is None:
        ask = _Ask(DELETE, PROGRAMME_OVER, reference=reference)
        _write(transaction, request_id, (party, role), ask, fields)


class _Ask(NamedTuple):
    """What all requests of one event say."""

    what: str
    why: str
    token: str = ""  # stands for who is erased, in the list of erasures
    reference: str = ""


def _ask(
    transaction: Transaction,
    person_id: PersonId,
    what: str,
    why: str,
    wanted: Callable[[DisclosureLine], set[str]],
) -> None:
    rows = [(each, wanted(each)) for each in _received(transaction, person_id)]
    _ask_about(transaction, person_id, _Ask(what, why), rows)


def _received(transaction: Transaction, person_id: PersonId) -> list[DisclosureLine]:
    """What companies of the register received about somebody, by the accounting.

    An account that was handed over whole is its new provider's: they are asked nothing.
    """
    transaction.lock(person_id)
    rows = accounting.disclosures(transaction, DisclosureQuery(person_id))
    items = {
        each.entry: each
        for each in transaction.tables.select(delivery_item, "person_id = ?", person_id)
    }
    return [
        each
        for each in rows
        if each.party
        and each.role in parties.ROLES
        and each.entry.action not in (accounting.LOOK, "transfer")
        and (items[each.number].handed is not None if each.number in items else each.received > 0)
    ]


def _ask_about(
    transaction: Transaction,
    person_id: PersonId,
    ask: _Ask,
    rows: Iterable[tuple[DisclosureLine, set[str]]],
) -> None:
    """Ask each company about the kinds of data that it had in some rows, unless it was already."""
    by_party: dict[str, list[tuple[DisclosureLine, set[str]]]] = {}
    for row, fields in rows:
        by_party.setdefault(row.party, []).append((row, fields))
    before = of_person(transaction.tables, person_id)
    for party, its in by_party.items():
        mine = [each for each in before if each.party == party]
        left = [(row, fields - _deleted_since(mine, row)) for row, fields in its]
        left = [(row, fields) for row, fields in left if fields]
        wanted = {field for _, fields in left for field in fields}
        waiting = (
            {*each.fields}
            for each in mine
            if each.answered_at is None and (each.what, each.why) == (ask.what, ask.why)
        )
        if not wanted or any(wanted <= each for each in waiting):
            continue
        latest, _ = left[-1]
        name = ""
        if any(row.delivery_id for row, _ in left):
            name = deliveries.name_for(transaction, party, person_id)
        _write(
            transaction,
            RequestId(secrets.token_hex(16)),
            (party, latest.role),
            ask,
            sorted(wanted),
            person_id,
            name=name,
            entries=" ".join(str(row.number) for row, _ in left if not row.delivery_id),
        )


def _deleted_since(before: Sequence[RecipientRequest], row: DisclosureLine) -> set[str]:
    """What a company has deleted since a row, as it says."""
    return {
        field
        for each in before
        if each.what == DELETE and each.answered_at is not None and each.asked_at >= row.at
        for field in each.fields
    }


def _write(  # noqa: PLR0913, PLR0917 - the columns of a row
    transaction: Transaction,
    request_id: RequestId,
    recipient: tuple[str, str],
    ask: _Ask,
    fields: Sequence[str],
    person_id: PersonId | None = None,
    name: str = "",
    entries: str = "",
) -> None:
    """Write a request down, with its entry."""
    party, role = recipient
    now = transaction.clock.now()
    transaction.tables.insert(
        table,
        request_id=request_id,
        party=party,
        role=role,
        what=ask.what,
        why=ask.why,
        name=name,
        reference=ask.reference,
        fields=" ".join(fields),
        entries=entries,
        person_id=person_id or "",
        token=ask.token,
        asked=microseconds(now),
        due=microseconds(now + ANSWER_WITHIN),
    )
    transaction.note(
        person_id,
        ASKED[ask.what],
        id=request_id,
        data=tuple(fields),
        recipient=f"{role} {party}",
    )


def acknowledge(
    transaction: Transaction, party: str, request_id: RequestId, *, actor: str
) -> RecipientRequest | None:
    """Note that a company did what it was asked; None where it was asked no such thing.

    Done again it changes nothing.
    """
    transaction.lock(REGISTER)
    row = transaction.tables.get(table, "request_id = ? AND party = ?", request_id, party)
    if row is None or row.answered is not None:
        return None if row is None else _from_row(row)
    at = transaction.clock.now()
    changes = {"answered": microseconds(at), "answered_by": actor}
    transaction.tables.update(table, changes, "request_id = ?", request_id)
    its = _from_row(row)
    transaction.note(
        PersonId(row.person_id) if row.person_id else None,
        ANSWERED[its.what],
        actor=actor,
        id=request_id,
        data=its.fields,
        recipient=f"{its.role} {party}",
    )
    return its._replace(answered_at=at)


def of_party(tables: Tables, party: str) -> list[RecipientRequest]:
    """What a company is asked, what waits first."""
    return _select(tables, f"party = ? {_OPEN_FIRST}", party, LISTED_MAX)


def of_person(tables: Tables, person_id: PersonId) -> list[RecipientRequest]:
    """What companies were asked about somebody, what waits first."""
    return _select(tables, f"person_id = ? {_OPEN_FIRST}", person_id, LISTED_MAX)


def open_ones(tables: Tables) -> list[RecipientRequest]:
    """What no company has answered, the earliest due first."""
    return _select(tables, f"answered IS NULL {_OPEN_FIRST}", LISTED_MAX)


def count_late(tables: Tables, at: datetime) -> int:
    """How many requests are late."""
    where = "answered IS NULL AND due <= ?"
    ((many,),) = tables.select_unchecked(table, ["COUNT(*)"], where, microseconds(at))
    return int(many)


def answers_of(
    tables: Tables, certificates: Sequence[Certificate], token: str, at: datetime
) -> list[Certificate]:
    """The certificates of an erased person's token, the last one with what companies answered."""
    parties.load_names(tables)
    answers = tuple(
        RecipientAnswer(
            company=each.company,
            data=each.fields,
            asked_at=each.asked_at.isoformat(),
            due=each.due.isoformat(),
            confirmed_at=each.answered_at.isoformat() if each.answered_at else "",
            late=each.is_late(at),
        )
        for each in _select(tables, "token = ? ORDER BY party, asked", token)
    )
    return with_recipients(certificates, answers)


def _select(tables: Tables, where: str, *values: object) -> list[RecipientRequest]:
    return [_from_row(each) for each in tables.select(table, where, *values)]


def _from_row(row: Any) -> RecipientRequest:
    return RecipientRequest(
        RequestId(row.request_id),
        row.party,
        row.role,
        row.what,
        row.why,
        row.name,
        row.reference,
        "",
        tuple(row.fields.split()),
        tuple(row.entries.split()),
        to_datetime(row.asked),
        to_datetime(row.due),
        None if row.answered is None else to_datetime(row.answered),
    )
