"""Joining and leaving: each a record, given by whoever may give it, and taken back at any time.

For a minor it is their guardian's to say: what they ask for waits for that. Whoever leaves is sent
nowhere any more, and what was held ready is kept back in the same transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.ids import DeliveryId, PersonId, ProgrammeId, RecordId, RequestId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.provers import years
from upheld.gate.transaction import Transaction
from upheld.practice import deliveries, recipient_requests
from upheld.practice.admission import admission
from upheld.practice.ages import is_minor
from upheld.practice.invitations import comparison_code
from upheld.practice.plugin import Provider
from upheld.practices.programmes import programmes
from upheld.practices.programmes.programmes import Programme, ProgrammeError
from upheld.practices.programmes.tables import programme_member as table

WAITING, JOINED, LEFT, REFUSED = "waiting", "joined", "left", "refused"  # states
STATES: Final = (WAITING, JOINED, LEFT, REFUSED)
CUSTOMER, GUARDIAN = "customer", "guardian"
ASKED: Final = "programme.asked"  # kinds of entries
DECLINED: Final = "programme.declined"
_ONE: Final = "person_id = ? AND programme_id = ?"


class Membership(NamedTuple):
    """Where somebody stands with a programme."""

    person_id: PersonId
    programme_id: ProgrammeId
    request_id: RequestId
    state: str
    at: datetime
    record_id: RecordId
    by_whom: str
    delivery_id: DeliveryId | None

    @property
    def code(self) -> str:
        """What who asks and their guardian both see."""
        return comparison_code(self.request_id)


def digest(wording: str) -> str:
    """The SHA-256 of a text."""
    return sha256(wording.encode()).hexdigest()


def of_person(tables: Tables, person_id: PersonId) -> dict[str, Membership]:
    """Where somebody stands with each programme that they had to do with, by its id."""
    rows = tables.select(table, "person_id = ?", person_id)
    return {each.programme_id: _membership(each) for each in rows}


def of_wards(provider: Provider, tables: Tables, guardian_id: PersonId) -> list[Membership]:
    """Where those in somebody's care stand with programmes, what waits for a yes first."""
    wards = provider.wards_of(tables, guardian_id)
    every = [each for ward in wards for each in of_person(tables, ward).values()]
    return sorted(every, key=lambda each: (each.state != WAITING, each.at))


def by_request(tables: Tables, request_id: RequestId) -> Membership | None:
    """What a guardian is asked about; None where there is nothing."""
    row = tables.get(table, "request_id = ?", request_id)
    return None if row is None else _membership(row)


def counts(tables: Tables, programme_id: ProgrammeId) -> dict[str, int]:
    """How many people stand how with a programme, and to how many of these it was `sent`."""
    states = tables.select_unchecked(
        table, ["state", "COUNT(*)"], "programme_id = ? GROUP BY state", programme_id
    )
    ((sent_count,),) = tables.select_unchecked(
        table, ["COUNT(*)"], "programme_id = ? AND delivery_id IS NOT NULL", programme_id
    )
    return {**dict.fromkeys(STATES, 0), **dict(states), "sent": sent_count}


def join(
    provider: Provider,
    transaction: Transaction,
    person_id: PersonId,
    its: Programme,
    agreement: str,
) -> Membership:
    """Join, or for a minor ask their guardian; `agreement` is the digest of what they were shown.

    ProgrammeError where it cannot be joined now, or something else was shown.
    """
    transaction.lock(person_id)
    _require_open(transaction, its, agreement)
    mine = of_person(transaction.tables, person_id).get(its.programme_id)
    if mine is not None and mine.state == JOINED:
        return mine
    if is_of_age(transaction, person_id):
        return _give(transaction, person_id, its, CUSTOMER, CUSTOMER)
    if provider.guardian_of(transaction.tables, person_id) is None:
        raise ProgrammeError(
            "until you are of age your parent or guardian has to say yes",
            code="programme-guardian",
            hint="nobody is there as your guardian",
        )
    if mine is None or mine.state != WAITING:
        transaction.note(person_id, ASKED, id=its.programme_id, actor=CUSTOMER)
        return _put(
            transaction, person_id, its, WAITING, request_id=RequestId(secrets.token_hex(16))
        )
    return mine


def _require_open(transaction: Transaction, its: Programme, agreement: str) -> None:
    """ProgrammeError unless a programme can be joined as it was shown."""
    policy = transaction.policy
    decision = programmes.decision_on(policy, its.fields)
    if not its.in_force(transaction.clock.now()) or decision is None or not decision.allowed:
        raise ProgrammeError(
            "this programme cannot be joined now", code="programme-closed", hint="look again later"
        )
    if programmes.must_warn(policy, its.fields) and programmes.warning(policy) is None:
        raise ProgrammeError(
            "the policy wants a warning to be shown and has no words for it",
            code="programme-warning",
            hint=f"add a clause #{programmes.WARNING} to the policy",
        )
    if agreement != digest(programmes.wording(policy, its)):
        raise ProgrammeError(
            "the text has changed since it was shown",
            code="programme-text",
            hint="read it again",
        )


def approve(
    provider: Provider,
    transaction: Transaction,
    guardian_id: PersonId,
    request_id: RequestId,
    agreement: str,
) -> Membership:
    """Let a guardian say yes to what somebody in their care asks for."""
    mine = require_ward(provider, transaction, guardian_id, request_id)
    if mine.state != WAITING:
        return mine
    if not transaction.peek(mine.person_id, Act(action="serve")).allowed:
        raise ProgrammeError(
            "nobody in your care can join anything while you do not let them use our services",
            code="programme-guardian",
            hint="your permission and supervision are under Family",
        )
    its = programmes.find(transaction.tables, mine.programme_id)
    _require_open(transaction, its, agreement)
    return _give(transaction, mine.person_id, its, str(guardian_id), GUARDIAN)


def decline(
    provider: Provider, transaction: Transaction, guardian_id: PersonId, request_id: RequestId
) -> Membership:
    """Let a guardian say no, or take back what they said yes to."""
    mine = require_ward(provider, transaction, guardian_id, request_id)
    if mine.state == JOINED:
        return leave(transaction, mine.person_id, mine.programme_id, actor=GUARDIAN)
    if mine.state != WAITING:
        return mine
    its = programmes.find(transaction.tables, mine.programme_id)
    transaction.note(mine.person_id, DECLINED, id=its.programme_id, actor=GUARDIAN)
    return _put(transaction, mine.person_id, its, REFUSED, request_id=request_id)


def require_ward(
    provider: Provider, transaction: Transaction, guardian_id: PersonId, request_id: RequestId
) -> Membership:
    """The membership of somebody in a guardian's care; ProgrammeError for anybody else's."""
    mine = by_request(transaction.tables, request_id)
    if mine is not None:
        transaction.lock(mine.person_id)
        mine = by_request(transaction.tables, request_id)
    if mine is None or provider.guardian_of(transaction.tables, mine.person_id) != guardian_id:
        raise ProgrammeError(
            "there is nothing to say yes to", code="no-programme", hint="look at your list again"
        )
    return mine


def leave(
    transaction: Transaction, person_id: PersonId, programme_id: ProgrammeId, *, actor: str
) -> Membership:
    """Leave a programme, or take back that one asked to join: from now on nothing more goes."""
    transaction.lock(person_id)
    mine = of_person(transaction.tables, person_id).get(programme_id)
    if mine is None:
        raise ProgrammeError(
            "you are not in this programme", code="no-programme", hint="there is nothing to leave"
        )
    if mine.state == JOINED and _is_in_force(transaction, mine):
        transaction.withdraw(person_id, mine.record_id, actor=actor)
    if mine.state in (WAITING, JOINED):
        deliveries.recall(transaction, person_id, programme_id, actor=actor)
        if mine.record_id:
            recipient_requests.ground_over(transaction, person_id, mine.record_id)
        its = programmes.find(transaction.tables, programme_id)
        return _put(transaction, person_id, its, LEFT, request_id=mine.request_id)
    return mine


def leave_all(
    transaction: Transaction, person_id: PersonId, *, actor: str, only_by: str = ""
) -> None:
    """Leave every programme, or those alone that a guardian joined for somebody."""
    for each in of_person(transaction.tables, person_id).values():
        if each.state in (WAITING, JOINED) and only_by in ("", each.by_whom):
            leave(transaction, person_id, each.programme_id, actor=actor)


def note_withdrawal(transaction: Transaction, person_id: PersonId, record: str) -> None:
    """Hear that somebody withdrew a record: if it is of a programme, they left it."""
    for each in of_person(transaction.tables, person_id).values():
        if each.state == JOINED and each.record_id == record:
            leave(transaction, person_id, each.programme_id, actor=CUSTOMER)


def _is_in_force(transaction: Transaction, mine: Membership) -> bool:
    records, _ = transaction.records_of([mine.person_id], [programmes.KIND])
    at = microseconds(transaction.clock.now())
    return any(each.record_id == mine.record_id and each.in_force(at) for each in records)


def _give(
    transaction: Transaction, person_id: PersonId, its: Programme, by_whom: str, actor: str
) -> Membership:
    """Keep the record that proves that somebody joined, with the text that was shown."""
    policy = transaction.policy
    record_id = transaction.record(
        person_id,
        programmes.KIND,
        fact=programmes.JOINED_FACT,
        about={"data": its.fields, "recipient": (programmes.PARTNER,)},
        party=its.party,
        ends=its.ends,
        by_whom=by_whom,
        how=programmes.joined_under(its.programme_id),
        actor=actor,
        text=programmes.wording(policy, its),
    )
    warned = programmes.WARNING if programmes.warning(policy) else ""
    mine = of_person(transaction.tables, person_id).get(its.programme_id)
    request_id = mine.request_id if mine else secrets.token_hex(16)
    return _put(
        transaction,
        person_id,
        its,
        JOINED,
        request_id=request_id,
        record_id=record_id,
        warned=warned,
        by_whom=actor,
    )


def _put(
    transaction: Transaction, person_id: PersonId, its: Programme, state: str, **more: str
) -> Membership:
    """Write down where somebody stands with a programme from now on."""
    values = {"record_id": "", "warned": "", "by_whom": CUSTOMER, **more}
    transaction.tables.delete(table, _ONE, person_id, its.programme_id)
    transaction.tables.insert(
        table,
        person_id=person_id,
        programme_id=its.programme_id,
        state=state,
        at=microseconds(transaction.clock.now()),
        **values,
    )
    return of_person(transaction.tables, person_id)[its.programme_id]


def is_of_age(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody joins by their own word: for a minor it is for the guardian to say."""
    act = Act(action="use", data=("birth-date",), purpose="age-check")
    result = transaction.act(act, person_id)
    if isinstance(result, Refused) or "birth-date" not in result.values:
        return admission(transaction.policy).any_age.allowed  # nobody was asked how old they are
    try:
        age = years(date.fromisoformat(result["birth-date"]), transaction.clock.today())
    except ValueError:
        return False
    return not is_minor(transaction.policy, age)


def to_send(
    transaction: Transaction, its: Programme, person_ids: Sequence[PersonId]
) -> list[PersonId]:
    """Those of some people, who are locked, who joined and to whose joining nothing was sent."""
    marks = ", ".join("?" * len(person_ids))
    where = f"programme_id = ? AND state = ? AND delivery_id IS NULL AND person_id IN ({marks})"
    rows, _ = transaction.tables.select_intact(
        table, where, its.programme_id, JOINED, *person_ids, parts=[JOINED]
    )
    warn = programmes.must_warn(transaction.policy, its.fields)
    return [PersonId(each.person_id) for each in rows if each.warned or not warn]


def note_lapsed(transaction: Transaction, its: Programme, person_ids: Iterable[PersonId]) -> None:
    """Let whoever's record does not hold any more be out, so that they are not decided again."""
    for each in sorted(person_ids):
        mine = of_person(transaction.tables, each)[its.programme_id]
        if not _is_in_force(transaction, mine):
            _put(transaction, each, its, LEFT, request_id=mine.request_id)


def note_sent(
    transaction: Transaction,
    its: Programme,
    person_ids: Sequence[PersonId],
    delivery_id: DeliveryId,
) -> None:
    """Write down by which delivery something of some people was sent."""
    marks = ", ".join("?" * len(person_ids))
    where = f"programme_id = ? AND person_id IN ({marks})"
    transaction.tables.update(
        table,
        {"delivery_id": delivery_id},
        where,
        its.programme_id,
        *person_ids,
        parts=[JOINED],
    )


def _membership(row: Any) -> Membership:
    return Membership(
        PersonId(row.person_id),
        row.programme_id,
        row.request_id,
        row.state,
        to_datetime(row.at),
        RecordId(row.record_id),
        row.by_whom,
        row.delivery_id,
    )
