"""The work about an incident that a job does: whom it touched, and the notices, one a person.

Each person is done in a transaction of their own few, so that a job that is killed goes on where it
was: whoever has a row is recorded once, and whoever is notified is notified once. Whoever is erased
in between is passed over, and their row goes with them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from upheld.core.ids import IncidentId, PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.operations.misuse import find_affected, told_besides
from upheld.gate.set_aside import trial_of
from upheld.gate.transaction import Transaction
from upheld.policy.words import Words
from upheld.practice import outbox
from upheld.practice.message_copies import ADMINISTRATIVE
from upheld.practice.owed_notices import may_write_each
from upheld.practices.incidents.incidents import (
    APPROVED,
    CLOSED,
    COUNTING,
    FACT,
    NOTIFIED,
    NOTIFY,
    RECORD,
    REFUSED,
    WAITING,
    Incident,
    Incidents,
)
from upheld.practices.incidents.tables import incident, incident_person

TEMPLATE: Final = "incidents/notice"
BATCH: Final = 50  # people in one transaction
_ROW: Final = "person_id = ? AND incident_id = ?"
_NEXT: Final = "incident_id = ? AND state = ? AND person_id > ? ORDER BY person_id LIMIT ?"


class IncidentWork:
    """What is done about incidents beside the pages."""

    def __init__(self, incidents: Incidents) -> None:
        self.incidents = incidents

    def carry_on(self, gate: Gate) -> int:
        """Count what was opened, and send what was approved; how many. The job of that name."""
        count = 0
        with gate.look() as tables:
            rows, _ = tables.select_intact(incident, "state IN (?, ?)", COUNTING, APPROVED)
        for each in rows:
            if each.state == COUNTING:
                count += self.count(gate, each.incident_id)
            elif each.drill is None:
                count += self.send(gate, each.incident_id)
        return count

    def count(self, gate: Gate, incident_id: IncidentId) -> int:
        """Work out whom an incident touched and record it of each; how many were new.

        Somebody whose rows were changed is set aside, and the others are recorded. Of a practice
        alarm nobody is recorded: they are counted alone.
        """
        with gate.look() as tables:
            there = self.incidents.require(tables, incident_id)
            before = {
                each
                for (each,) in tables.select_unchecked(
                    incident_person, ["person_id"], "incident_id = ?", incident_id
                )
            }
        if there.state == CLOSED:
            return 0
        people = find_affected(gate, there.misuse)
        missing = [] if there.drill else sorted(people.keys() - before)
        done = 0
        with trial_of(gate, f"incident-count-{incident_id}") as trial:
            for some in _batches(missing):
                done += trial.some(
                    some, lambda whom: self._record_all(gate, there, {p: people[p] for p in whom})
                )
        counts = Counter(kind for kinds in people.values() for kind in kinds)
        with gate.together() as transaction:
            now = self.incidents.require(transaction.tables, incident_id)
            if now.state == COUNTING or done or (now.drill and now.people != len(people)):
                self.incidents.finish_count(transaction, now, len(people), counts)
        return done

    def _record_all(
        self, gate: Gate, there: Incident, people: Mapping[PersonId, frozenset[str]]
    ) -> int:
        with gate.together() as transaction:
            return sum(
                self._record(transaction, there, person_id, kinds)
                for person_id, kinds in people.items()
            )

    def _record(
        self, transaction: Transaction, there: Incident, person_id: PersonId, kinds: frozenset[str]
    ) -> int:
        """Record of one person that a breach concerns them, from which time runs."""
        transaction.lock(person_id)
        if transaction.is_erased(person_id) or transaction.tables.get(
            incident_person, _ROW, person_id, there.incident_id
        ):
            return 0
        record_id = transaction.record(
            person_id,
            RECORD,
            fact=FACT,
            valid_from=there.discovery,
            by_whom=there.opened_by,
            how=there.incident_id,
            actor=f"staff {there.opened_by}",
        )
        due = transaction.obligations.due_by_record(person_id, record_id, NOTIFY)
        transaction.tables.insert(
            incident_person,
            person_id=person_id,
            incident_id=there.incident_id,
            data=" ".join(sorted(kinds)),
            record_id=record_id,
            state=WAITING,
            due=None if due is None else microseconds(due),
            notified=None,
        )
        return 1

    def send(self, gate: Gate, incident_id: IncidentId) -> int:
        """Notify everybody who waits; how many were notified."""
        done, after = 0, ""
        with trial_of(gate, f"incident-send-{incident_id}") as trial:
            while True:
                with gate.look() as tables:
                    rows = tables.select_unchecked(
                        incident_person, ["person_id"], _NEXT, incident_id, WAITING, after, BATCH
                    )
                if not rows:
                    return done
                some = [PersonId(each) for (each,) in rows]
                after = some[-1]
                done += trial.some(some, lambda whom: self._notify_all(gate, incident_id, whom))

    def _notify_all(self, gate: Gate, incident_id: IncidentId, people: Sequence[PersonId]) -> int:
        with gate.together() as transaction:
            there = self.incidents.require(transaction.tables, incident_id)
            if there.state != APPROVED or there.drill:
                return 0
            words = Words(transaction.policy.program)
            return sum(self._notify(transaction, words, there, each) for each in people)

    def _notify(
        self, transaction: Transaction, words: Words, there: Incident, person_id: PersonId
    ) -> int:
        """Queue the notice to one person, and do what is owed to them by that."""
        transaction.lock(person_id)
        row = transaction.tables.get(incident_person, _ROW, person_id, there.incident_id)
        if row is None or row.state != WAITING:
            return 0
        state = NOTIFIED if self._write(transaction, words, there, row) else REFUSED
        at = microseconds(transaction.clock.now()) if state == NOTIFIED else None
        changes: dict[str, Any] = {"state": state, "notified": at}
        transaction.tables.update(incident_person, changes, _ROW, person_id, there.incident_id)
        return int(state == NOTIFIED)

    @staticmethod
    def _write(transaction: Transaction, words: Words, there: Incident, row: Any) -> bool:
        """Whether the policy lets us send somebody the notice."""
        person_id = PersonId(row.person_id)
        if not transaction.peek(person_id, Act(action=NOTIFY)).allowed:
            transaction.act(Act(action=NOTIFY), person_id)  # a refusal, which is an entry
            return False
        about = {
            "incident": there.incident_id,
            "notice": there.notice,
            "kinds": kinds_in_words(words, row.data, there),
        }
        may_write_each(transaction, [person_id], how=there.incident_id)
        message = outbox.queue(transaction, person_id, TEMPLATE, ADMINISTRATIVE, about)
        if isinstance(message, Refused):
            return False
        result = transaction.act(Act(action=NOTIFY, settles=row.record_id), person_id)
        if isinstance(result, Refused):
            raise result  # with the message that was queued: nothing of it is kept
        return True


def kinds_in_words(words: Words, data: str, there: Incident) -> str:
    """Kinds of data of somebody, and what else an incident is about, as they are told it."""
    terms = [*(words.term("data", each) for each in data.split()), told_besides(there.misuse)]
    return ", ".join(filter(None, terms))


def _batches(people: Sequence[PersonId]) -> Iterator[Sequence[PersonId]]:
    for first in range(0, len(people), BATCH):
        yield people[first : first + BATCH]
