"""The browser's privacy signal: `Sec-GPC: 1` counts as an opt-out at once, and stays one.

It is noted once for each session that sends it, tied to the account, and obeyed by the policy's own
clause. It holds until its person ends it themselves, in a browser that does not send it any more:
no clause lets a choice stand above a signal that is being sent.
"""

from __future__ import annotations

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act
from upheld.gate.evidence.records import Record
from upheld.gate.transaction import Transaction
from upheld.practices.rights.tables import signal

KIND, FACT = "signal", "privacy-signal"


def note_signal(transaction: Transaction, person_id: PersonId, session: str) -> None:
    """Note that a session sends the signal, and do what is owed by that; once a session."""
    at = microseconds(transaction.clock.now())
    mark = bytes.fromhex(session)
    if not transaction.tables.insert_new(signal, person_id=person_id, session=mark, at=at):
        return
    if not in_force(transaction, person_id):
        transaction.record(person_id, KIND, fact=FACT, by_whom="browser", how="Sec-GPC")
    transaction.act(Act(action="apply-privacy-signal"), person_id)


def in_force(transaction: Transaction, person_id: PersonId) -> list[Record]:
    """The signals that hold."""
    records, _ = transaction.records_of([person_id], [KIND])
    at = microseconds(transaction.clock.now())
    return [each for each in records if each.in_force(at)]


def end(transaction: Transaction, person_id: PersonId) -> None:
    """Let the signals of earlier visits hold no longer, as their person asks."""
    for each in in_force(transaction, person_id):
        transaction.withdraw(person_id, each.record_id, actor="browser")
