"""The transfer of what closings cover: each account whole, once, and then its notice.

Some hundred accounts are decided, entered, encrypted to the successor and marked as moved in one
transaction: whatever stops the job, each has one entry and one parcel. Whoever asked to be erased
waits for that and does not go while they wait; whoever was erased does not go at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from functools import partial
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.garbage import no_search
from upheld.core.ids import ClosingId, EntryNumber, PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, placeholders
from upheld.gate.act.execution import Outcome
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.provers import REQUEST, REQUESTED, erased_owners
from upheld.gate.evidence.records import Record
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies, outbox, parties, party_keys
from upheld.practice.message_copies import ADMINISTRATIVE
from upheld.practice.owed_notices import may_write_each
from upheld.practice.own_rows import OwnRows, rows_to_go
from upheld.practices.takeovers.age_child import ENCRYPT
from upheld.practices.takeovers.age_helper import AgeFile, AgeHelper
from upheld.practices.takeovers.closing import (
    DONE_FACT,
    DONE_RECORD,
    MOVING,
    NOTIFY,
    TRANSFER,
    Closing,
)
from upheld.practices.takeovers.closings import COVERED, Closings
from upheld.practices.takeovers.coverage import GONE, MOVED
from upheld.practices.takeovers.parcels import CHOICES, fields_of, parcel_of
from upheld.practices.takeovers.tables import takeover_account, takeover_parcel

BATCH: Final = 200  # people in one transaction
BARRED: Final = "refused"  # the state of an account
OWED, SENT = "owed", "sent"  # of a notice
NEWS: Final = "takeovers/notice"  # the template of the mail
SUBJECT: Final = "Your account was transferred to another company"
_NEXT: Final = "closing_id = ? AND {} = ? AND person_id > ? ORDER BY person_id LIMIT ?"
_MOVING: ContextVar[tuple[frozenset[str], Closing] | None] = ContextVar("moving", default=None)
"""Whose accounts go under which closing in the acts that run now: nobody else's may."""


def is_moving(person_id: PersonId) -> Closing | None:
    """The closing under which somebody's account goes in the act that runs now; None if none.

    It is as it was read and checked in the transaction of that act.
    """
    moving = _MOVING.get()
    return moving[1] if moving is not None and person_id in moving[0] else None


class _Batch(NamedTuple):
    """What is read at once of all whose accounts go in one transaction; they are locked."""

    accounts: dict[str, list[Any]]  # rows of closings, by person
    staying: set[PersonId]  # who was erased, or asked to be
    choices: dict[str, list[Record]]

    @classmethod
    def of(cls, transaction: Transaction, people: Sequence[PersonId]) -> _Batch:
        """Read it."""
        accounts: dict[str, list[Any]] = {}
        where = f"person_id IN ({placeholders(people)})"
        for row in transaction.tables.select(takeover_account, where, *people):
            accounts.setdefault(row.person_id, []).append(row)
        records = transaction.records_of_each(people)
        at = microseconds(transaction.clock.now())
        staying = erased_owners(records)
        choices: dict[str, list[Record]] = {}
        for each in records:
            if each.kind == REQUEST and each.fact == REQUESTED and each.in_force(at):
                staying.add(each.person_id)
            elif each.kind in CHOICES:
                choices.setdefault(each.person_id, []).append(each)
        return cls(accounts, staying, choices)

    def row_of(self, closing: Closing, person_id: PersonId) -> Any | None:
        """The row of an account that waits to go under a closing; None for any other."""
        rows = [
            each
            for each in self.accounts.get(person_id, ())
            if each.closing_id == closing.closing_id and each.state == COVERED
        ]
        return rows[0] if rows and person_id not in self.staying else None

    def has_gone(self, person_id: PersonId) -> bool:
        """Whether somebody's account went to a successor before, under whichever closing."""
        return any(each.state in GONE for each in self.accounts.get(person_id, ()))


class _DecidedAccount(NamedTuple):
    """An account that goes: its row, the entry of its transfer, and its file, being encrypted."""

    row: Any
    entry: EntryNumber
    file: AgeFile


class Transfers:
    """What is transferred under the closings of a running provider."""

    def __init__(self, closings: Closings) -> None:
        self.closings = closings

    def move(self, gate: Gate, closing: Closing) -> int:
        """Transfer every account that a closing covers and that waits; how many."""
        with gate.look() as tables:
            key = party_keys.find(tables, closing.party)
            count = account_counts(tables, closing.closing_id).get(COVERED, 0)
        own = partial(party_keys.encrypt, key)
        with AgeHelper(ENCRYPT, key, own, count if key else 0) as helper:
            return self.each(gate, closing, "state", COVERED, partial(self._move, helper))

    def notify(self, gate: Gate, closing: Closing) -> int:
        """Tell everybody whose account was transferred and who was not told; how many."""
        return self.each(gate, closing, "notice", OWED, self._notify)

    def each(
        self,
        gate: Gate,
        closing: Closing,
        column: str,
        value: str,
        step: Callable[[Transaction, Closing, Sequence[PersonId]], int],
    ) -> int:
        """Take a step for all accounts in some state; whose rows are damaged is set aside."""
        count, after, where = 0, "", _NEXT.format(column)

        def some_of(people: Sequence[PersonId]) -> int:
            with no_search(), gate.together() as transaction, transaction.counted_once():
                now = self.closings.require(transaction.tables, closing.closing_id)
                return step(transaction, now, people)

        with trial_of(gate, f"takeover-{column}-{closing.closing_id}") as trial:
            while True:
                with gate.look() as tables:
                    rows = tables.select_unchecked(
                        takeover_account,
                        ["person_id"],
                        where,
                        closing.closing_id,
                        value,
                        after,
                        BATCH,
                    )
                if not rows:
                    return count
                people = [PersonId(each) for (each,) in rows]
                after = people[-1]
                count += trial.some(people, some_of)

    def _move(
        self,
        helper: AgeHelper,
        transaction: Transaction,
        closing: Closing,
        people: Sequence[PersonId],
    ) -> int:
        """Transfer some accounts, but for those that have gone, or wait for an erasure."""
        key = party_keys.find(transaction.tables, closing.party)
        if closing.state != MOVING or not key or key != helper.key:
            return 0  # the next run has the key that is another one now
        present = transaction.lock_present(people)
        if not present:
            return 0
        batch = _Batch.of(transaction, present)
        rows: dict[PersonId, Any] = {}
        barred: list[Any] = []
        for each in present:
            row = batch.row_of(closing, each)
            if row is not None and batch.has_gone(each):
                barred.append(row)
            elif row is not None:
                rows[each] = row
        some: list[_DecidedAccount] = []
        shapes = transaction.held_fields_each(list(rows)) if rows else {}
        practices = self.closings.provider.practices
        own = rows_to_go(practices, transaction, list(rows)) if rows else {}
        for each, outcome in _act_on(transaction, closing, shapes, own).items():
            if isinstance(outcome, Refused):
                barred.append(rows[each])
                continue
            choices = batch.choices.get(each, [])
            its = own.get(each)
            line = parcel_of(transaction, closing.closing_id, outcome, shapes[each], choices, its)
            some.append(_DecidedAccount(rows[each], outcome.entry, helper.ask(line)))
        transaction.tables.rewrite(
            takeover_account, [(each, each._replace(state=BARRED)) for each in barred]
        )
        if some:
            self._prove(transaction, closing, some)
            parcels = [(each.row.person_id, helper.answer(each.file)) for each in some]
            transaction.tables.insert_all(
                takeover_parcel,
                [
                    {
                        "person_id": person_id,
                        "closing_id": closing.closing_id,
                        "digest": sha256(encrypted).hexdigest(),
                        "encrypted": encrypted,
                    }
                    for person_id, encrypted in parcels
                ],
            )
        return len(some)

    @staticmethod
    def _prove(transaction: Transaction, closing: Closing, some: Sequence[_DecidedAccount]) -> None:
        """Keep what proves of each of some accounts that it was transferred, while it is sealed."""
        tables, actor = transaction.tables, f"staff {closing.settled_by}"
        covering = {PersonId(each.row.person_id): each.row.record_id for each in some}
        transaction.withdraw_each(covering, ended=True, actor=actor)
        ids = transaction.record_each(
            list(covering),
            DONE_RECORD,
            fact=DONE_FACT,
            by_whom=closing.settled_by,
            how=closing.closing_id,
            actor=actor,
        )
        now = microseconds(transaction.clock.now())
        tables.rewrite(
            takeover_account,
            [
                (
                    each.row,
                    each.row._replace(
                        state=MOVED,
                        entry=each.entry,
                        moved=now,
                        done_id=ids[PersonId(each.row.person_id)],
                        notice=OWED,
                    ),
                )
                for each in some
            ],
        )

    @staticmethod
    def _notify(transaction: Transaction, closing: Closing, people: Sequence[PersonId]) -> int:
        """Write some people's notices, where they are owed still and the policy lets us."""
        present = transaction.lock_present(people)
        if not present:
            return 0
        accounts = transaction.tables.select(
            takeover_account, f"person_id IN ({placeholders(present)})", *present
        )
        rows = [e for e in accounts if (e.closing_id, e.notice) == (closing.closing_id, OWED)]
        rows.sort(key=lambda each: str(each.person_id))
        whose = [PersonId(each.person_id) for each in rows]
        notice, contact = Act(action=NOTIFY), Act(action="contact", purpose=ADMINISTRATIVE)
        decisions = transaction.peek_acts(whose, [notice, contact])
        forbidden = [each for each, (its, _) in decisions.items() if not its.allowed]
        transaction.act_each(notice, forbidden)  # refusals, which are entries
        reachable = {each for each, its in decisions.items() if all(one.allowed for one in its)}
        others = [each for each in whose if each not in {*forbidden, *reachable}]
        may_write = may_write_each(transaction, others, how=closing.closing_id)
        reachable.update(each for each in others if may_write[each])
        recipients = _write_each(
            transaction, closing, [each for each in rows if each.person_id in reachable]
        )
        transaction.tables.rewrite(
            takeover_account,
            [
                (row, row._replace(notice=SENT if row.person_id in recipients else BARRED))
                for row in rows
            ],
        )
        return len(recipients)


def _write_each(
    transaction: Transaction, closing: Closing, some: Sequence[Any]
) -> Collection[PersonId]:
    """Write to those of some rows that their account was transferred; whom the policy lets us."""
    settles = {PersonId(each.person_id): each.done_id for each in some}
    text = notice_text(closing, transaction.clock.today().isoformat())
    letters = message_copies.add_from_staff_each(transaction, settles, SUBJECT, text)
    whose = _allowed(letters)
    whose = _allowed(outbox.queue_each(transaction, whose, NEWS, ADMINISTRATIVE))
    results = transaction.act_each(Act(action=NOTIFY), whose, settles=settles)
    for each in results.values():
        if isinstance(each, Refused):
            raise each  # with the messages that were queued: nothing of them is kept
    return results


def _allowed(outcomes: Mapping[PersonId, object]) -> list[PersonId]:
    """Whose outcomes are no refusals."""
    return [each for each, outcome in outcomes.items() if not isinstance(outcome, Refused)]


def _act_on(
    transaction: Transaction,
    closing: Closing,
    shapes: Mapping[PersonId, Mapping[str, str]],
    own: Mapping[PersonId, OwnRows],
) -> dict[PersonId, Outcome]:
    """Decide and enter the transfer of some accounts, of which this is held; those alike at once.

    The outcome of each, in the order of their ids.
    """
    alike: dict[tuple[str, ...], list[PersonId]] = {}
    for person_id in sorted(shapes):
        rows = own[person_id].rows if person_id in own else ()
        fields = fields_of(transaction, [*shapes[person_id], *rows])
        alike.setdefault(fields, []).append(person_id)
    outcomes: dict[PersonId, Outcome] = {}
    mark = _MOVING.set((frozenset(shapes), closing))
    try:
        for fields, whose in alike.items():
            outcomes |= transaction.act_each(act_of(closing, fields), whose, entitled=True)
    finally:
        _MOVING.reset(mark)
    return {each: outcomes[each] for each in sorted(outcomes)}


def account_counts(tables: Tables, closing_id: ClosingId) -> dict[str, int]:
    """How many accounts of a closing are in which state, and how many were told."""
    where = "closing_id = ? GROUP BY state"
    rows = tables.select_unchecked(takeover_account, ["state", "COUNT(*)"], where, closing_id)
    counts = {state: int(count) for state, count in rows}
    ((sent,),) = tables.select_unchecked(
        takeover_account, ["COUNT(*)"], "closing_id = ? AND notice = ?", closing_id, SENT
    )
    return {**counts, "notified": int(sent)}


def act_of(closing: Closing, fields: tuple[str, ...]) -> Act:
    """The transfer of an account under a closing: all of it that the policy lets go."""
    return Act(
        action=TRANSFER,
        data=fields,
        recipient=parties.SUCCESSOR,
        party=closing.party,
        purpose="account-transfer",
        occasion="other",
        partial=True,
    )


def notice_text(closing: Closing, day: str) -> str:
    """What a customer reads: who has their account now, since when, and what that means."""
    return (
        f"{company_name(closing.party)} takes over your account from us: that is signed and in"
        f" effect. By {day} we transferred your account to them, once, and encrypted so that they"
        " alone can read it. They got what you allowed and what you forbade with it, and no"
        " password of yours. Of visits to our pages they got those alone that are known to be"
        " yours, with browsers in which nobody else signed in.\n\n"
        "Which kinds of information went, and by which clause of our policy, stands in your"
        " account among what was done with your data. You can write to us about it under Help."
    )
