"""The transfer of what closings cover: each account whole, once, and then its notice.

An account is decided, entered, encrypted to the successor and marked as moved in one transaction:
whatever stops the job, each has one entry and one parcel. Whoever asked to be erased waits for that
and does not go while they wait; whoever was erased does not go at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any, Final

from upheld.core.company_names import company_name
from upheld.core.ids import ClosingId, PersonId, RecordId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.act.request import Act, ActResult, Refused
from upheld.gate.evidence.provers import REQUEST, REQUESTED
from upheld.gate.gate import Gate
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.practice import message_copies, outbox, parties, party_keys
from upheld.practice.message_copies import ADMINISTRATIVE
from upheld.practices.takeovers.closing import (
    DONE_FACT,
    DONE_RECORD,
    MOVING,
    NOTIFY,
    TRANSFER,
    Closing,
)
from upheld.practices.takeovers.closings import COVERED, Closings
from upheld.practices.takeovers.coverage import MOVED, ONE_ACCOUNT, has_gone
from upheld.practices.takeovers.parcels import fields_of, parcel_of
from upheld.practices.takeovers.tables import takeover_account, takeover_parcel

BATCH: Final = 50  # people in one transaction
MOVING_NOW, BARRED = "moving", "refused"  # states of an account
OWED, SENT = "owed", "sent"  # of a notice
NEWS: Final = "takeovers/notice"  # the template of the mail
SUBJECT: Final = "Your account was transferred to another company"
_NEXT: Final = "closing_id = ? AND {} = ? AND person_id > ? ORDER BY person_id LIMIT ?"


class Transfers:
    """What is transferred under the closings of a running provider."""

    def __init__(self, closings: Closings) -> None:
        self.closings = closings

    def move(self, gate: Gate, closing: Closing) -> int:
        """Transfer every account that a closing covers and that waits; how many."""
        return self.each(gate, closing, "state", COVERED, self._move)

    def notify(self, gate: Gate, closing: Closing) -> int:
        """Tell everybody whose account was transferred and who was not told; how many."""
        return self.each(gate, closing, "notice", OWED, self._notify)

    def each(
        self,
        gate: Gate,
        closing: Closing,
        column: str,
        value: str,
        step: Callable[[Transaction, Closing, PersonId], int],
    ) -> int:
        """Take a step for each account in some state; whose rows are damaged is set aside."""
        done, after, where = 0, "", _NEXT.format(column)

        def some_of(people: Sequence[PersonId]) -> int:
            with gate.together() as transaction:
                now = self.closings.require(transaction.tables, closing.closing_id)
                return sum(step(transaction, now, each) for each in people)

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
                    return done
                people = [PersonId(each) for (each,) in rows]
                after = people[-1]
                done += trial.some(people, some_of)

    def _move(self, transaction: Transaction, closing: Closing, person_id: PersonId) -> int:
        """Transfer one account, unless it has gone, or waits for an erasure."""
        transaction.lock(person_id)
        tables, whose = transaction.tables, (person_id, closing.closing_id)
        row = tables.get(takeover_account, ONE_ACCOUNT, *whose)
        key = party_keys.find(tables, closing.party)
        if (
            row is None
            or (row.state, closing.state) != (COVERED, MOVING)
            or not key
            or transaction.is_erased(person_id)
            or waits_for_erasure(transaction, person_id)
        ):
            return 0
        if has_gone(tables, person_id):
            tables.update(takeover_account, {"state": BARRED}, ONE_ACCOUNT, *whose)
            return 0
        tables.update(takeover_account, {"state": MOVING_NOW}, ONE_ACCOUNT, *whose)
        outcome = transaction.act(
            act_of(closing, fields_of(transaction, person_id)), person_id, entitled=True
        )
        if isinstance(outcome, Refused):
            tables.update(takeover_account, {"state": BARRED}, ONE_ACCOUNT, *whose)
            return 0
        self._put(transaction, closing, row, outcome, key)
        return 1

    @staticmethod
    def _put(
        transaction: Transaction, closing: Closing, row: Any, outcome: ActResult, key: str
    ) -> None:
        """Keep an account for the successor, and what proves that it was transferred."""
        person_id, tables = PersonId(row.person_id), transaction.tables
        line = parcel_of(transaction, person_id, closing.closing_id, outcome)
        encrypted = party_keys.encrypt(key, line)
        tables.insert(
            takeover_parcel,
            person_id=person_id,
            closing_id=closing.closing_id,
            digest=sha256(encrypted).hexdigest(),
            encrypted=encrypted,
        )
        actor = f"staff {closing.settled_by}"
        transaction.withdraw(person_id, row.record_id, ended=True, actor=actor)
        done_id = transaction.record(
            person_id,
            DONE_RECORD,
            fact=DONE_FACT,
            by_whom=closing.settled_by,
            how=closing.closing_id,
            actor=actor,
        )
        changes: dict[str, Any] = {
            "state": MOVED,
            "entry": outcome.entry,
            "moved": microseconds(transaction.clock.now()),
            "done_id": done_id,
            "notice": OWED,
        }
        tables.update(takeover_account, changes, ONE_ACCOUNT, person_id, closing.closing_id)

    def _notify(self, transaction: Transaction, closing: Closing, person_id: PersonId) -> int:
        """Write one notice, if it is owed still and the policy lets us send it."""
        transaction.lock(person_id)
        tables, whose = transaction.tables, (person_id, closing.closing_id)
        row = tables.get(takeover_account, ONE_ACCOUNT, *whose)
        if row is None or row.notice != OWED:
            return 0
        is_written = self._write(transaction, closing, person_id, row.done_id)
        changes = {"notice": SENT if is_written else BARRED}
        tables.update(takeover_account, changes, ONE_ACCOUNT, *whose)
        return int(is_written)

    @staticmethod
    def _write(
        transaction: Transaction, closing: Closing, person_id: PersonId, done_id: RecordId
    ) -> bool:
        if not transaction.peek(person_id, Act(action=NOTIFY)).allowed:
            transaction.act(Act(action=NOTIFY), person_id)  # a refusal, which is an entry
            return False
        contact = Act(action="contact", purpose=ADMINISTRATIVE)
        if not transaction.peek(person_id, contact).allowed:
            return False
        text = notice_text(closing, transaction.clock.day_of(transaction.clock.now()).isoformat())
        letter = message_copies.add_from_staff(transaction, person_id, SUBJECT, text, about="")
        if isinstance(letter, Refused):
            return False
        if isinstance(outbox.queue(transaction, person_id, NEWS, ADMINISTRATIVE), Refused):
            return False
        result = transaction.act(Act(action=NOTIFY, settles=done_id), person_id)
        if isinstance(result, Refused):
            raise result  # with the message that was queued: nothing of it is kept
        return True


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


def waits_for_erasure(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody asked to be erased, and that is neither done nor taken back."""
    records, _ = transaction.records_of([person_id], [REQUEST])
    at = microseconds(transaction.clock.now())
    return any(each.fact == REQUESTED and each.in_force(at) for each in records)


def notice_text(closing: Closing, day: str) -> str:
    """What a customer reads: who has their account now, since when, and what that means."""
    return (
        f"{company_name(closing.party)} takes over your account from us: that is signed and in"
        f" effect. By {day} we transferred your account to them, whole, and encrypted so that they"
        " alone can read it. They got what you allowed and what you forbade with it, and no"
        " password of yours.\n\n"
        "Which kinds of information went, and by which clause of our policy, stands in your"
        " account among what was done with your data. You can write to us about it under Help."
    )
