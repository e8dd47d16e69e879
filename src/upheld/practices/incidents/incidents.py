"""Incidents: opened by a member of staff, counted by the ledger, drafted, approved, closed.

Whoever writes the notice does not approve it. What is approved is the text that was read: another
one is another turn of the incident, and of several who change it at once one does. Each step is an
entry. Nobody is told of anything before two people said so; from the finding on, time runs.

A practice alarm is declared as one when it is opened, and stays one. It takes the same steps; of
nobody is anything recorded, so that nobody can be owed, sent or shown anything by it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.ids import NO_USER, IncidentId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.obligations import would_be_due
from upheld.gate.operations.misuse import KINDS, PARTNER, STAFF, Misuse
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import operators, parties
from upheld.practice.operators import User
from upheld.practice.plugin import Provider
from upheld.practices.incidents.tables import incident, incident_person, incident_step
from upheld.web import once

COUNTING, COUNTED, DRAFTED, APPROVED, CLOSED = (
    "counting",
    "counted",
    "drafted",
    "approved",
    "closed",
)
WAITING, NOTIFIED, REFUSED = "waiting", "notified", "refused"  # states of a person's row
NOTIFY: Final = "notify-breach"  # what the policy owes
FACT: Final = "breach-found"
RECORD: Final = "incident"  # the kind of record that proves it
ROLES: Final = ("privacy", "manager")
TEXT_MAX: Final = 5_000
OPENING, COUNT, DRAFT, APPROVAL, NOTE, CLOSING = (
    "open",
    "count",
    "draft",
    "approve",
    "note",
    "close",
)
_MARK_LASTS: Final = timedelta(days=1)  # longer than two who change it at once can take
_ONE: Final = "incident_id = ?"
_OWED: Final = f"{_ONE} AND state <> ? AND due IS NOT NULL"
_UNTRIED: Final = f"{_ONE} AND state = ? AND due IS NOT NULL"
_COUNTS: Final = msgspec.json.Decoder(dict[str, int])


class IncidentError(UpheldError):
    """An incident that cannot be opened, or a step that cannot be taken.

    `field` is what of the form it is about.
    """

    def __init__(self, message: str, *, code: str, hint: str = "", field: str = "subject") -> None:
        super().__init__(message, code=code, hint=hint)
        self.field = field


class Incident(NamedTuple):
    """What was misused, and how far the work about it has come."""

    incident_id: IncidentId
    turn: int
    state: str
    misuse: Misuse
    discovery: datetime
    opened_at: datetime
    opened_by: UserId
    drafted_by: UserId
    approved_by: UserId
    approved_at: datetime | None
    closed_at: datetime | None
    people: int
    counts: Mapping[str, int]  # by kind of data
    notice: str
    drill: bool  # whether it is a practice alarm
    deadline: datetime | None  # of a practice alarm: until when the notices would be owed


class IncidentStep(NamedTuple):
    """What was done about an incident."""

    at: datetime
    step: str
    staff_id: UserId
    note: str


class NoticeCounts(NamedTuple):
    """How the notices stand: how many wait, were sent, were refused, and by when they are owed."""

    waiting: int
    notified: int
    refused: int
    owed: int  # how many the policy owes one
    late: int  # how many of those that wait should have had it by now
    due: datetime | None  # the first time of any that waits


class Incidents:
    """The incidents of a running provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._sealer = provider.sealer("incident")

    def all(self, tables: Tables) -> list[Incident]:
        """Every incident, the latest first; those whose rows were changed are left out."""
        rows, _ = tables.select_intact(incident, "ORDER BY opened DESC, incident_id")
        return [self._from_row(each) for each in rows]

    def find(self, tables: Tables, incident_id: IncidentId) -> Incident | None:
        """The incident with an id; None where there is none."""
        row = tables.get(incident, _ONE, incident_id)
        return None if row is None else self._from_row(row)

    def require(self, tables: Tables, incident_id: IncidentId) -> Incident:
        """The incident with an id; IncidentError where there is none."""
        there = self.find(tables, incident_id)
        if there is None:
            raise IncidentError(
                "there is no incident with this id",
                code="incident",
                hint="`upheld incident list` tells the id of each",
            )
        return there

    def steps(self, tables: Tables, incident_id: IncidentId) -> list[IncidentStep]:
        """What was done about an incident, the oldest first."""
        rows = tables.select(incident_step, f"{_ONE} ORDER BY number", incident_id)
        return [
            IncidentStep(
                to_datetime(each.at),
                each.step,
                each.staff_id,
                self._sealer.unseal(each.note, "step", each.incident_id).decode(),
            )
            for each in rows
        ]

    def open(
        self,
        transaction: Transaction,
        misuse: Misuse,
        discovery: datetime,
        by: UserId,
        *,
        drill: bool = False,
    ) -> Incident:
        """Open an incident, or a practice alarm; a job then works out whom it touched.

        IncidentError where the policy does not speak of breaches, or for times that cannot be.
        """
        user = require_role(transaction.tables, by)
        _require_policy(transaction.policy)
        now = transaction.clock.now()
        _require_times(misuse, discovery, now)
        since, policy = transaction.clock.local(discovery), transaction.policy
        new = Incident(
            IncidentId(secrets.token_hex(16)),
            0,
            COUNTING,
            misuse,
            discovery,
            now,
            user.user_id,
            NO_USER,
            NO_USER,
            None,
            None,
            0,
            {},
            "",
            drill,
            would_be_due(policy, NOTIFY, FACT, since) if drill else None,
        )
        transaction.tables.insert(incident, **self._columns(new))
        self._add_step(transaction, new, OPENING, user.user_id)
        return new

    def finish_count(
        self, transaction: Transaction, there: Incident, people: int, counts: Mapping[str, int]
    ) -> Incident:
        """Keep how many people an incident touched, once each of them has their row."""
        state = COUNTED if there.state == COUNTING else there.state
        return self._change(
            transaction, there, COUNT, NO_USER, state=state, people=people, counts=counts
        )

    def draft(
        self, transaction: Transaction, incident_id: IncidentId, text: str, by: UserId
    ) -> Incident:
        """Write the notice, or write it anew as long as nobody has approved it."""
        user = require_role(transaction.tables, by)
        there = self._require_state(transaction, incident_id, COUNTED, DRAFTED)
        return self._change(
            transaction,
            there,
            DRAFT,
            user.user_id,
            state=DRAFTED,
            notice=text,
            drafted_by=user.user_id,
        )

    def approve(
        self, transaction: Transaction, incident_id: IncidentId, turn: int, by: UserId
    ) -> Incident:
        """Approve the notice that was read, as the second person: from then on it is sent.

        `turn` is that of the incident as it was read; IncidentError where it is another one now.
        """
        user = require_role(transaction.tables, by)
        there = self._require_state(transaction, incident_id, DRAFTED)
        if user.user_id == there.drafted_by:
            raise IncidentError(
                "whoever writes a notice does not approve it",
                code="incident-second-person",
                hint="let somebody else do it",
            )
        if there.turn != turn:
            raise IncidentError(
                "the notice was changed since you read it",
                code="incident-state",
                hint="read it again",
            )
        return self._change(
            transaction,
            there,
            APPROVAL,
            user.user_id,
            state=APPROVED,
            approved_by=user.user_id,
            approved_at=transaction.clock.now(),
        )

    def note(
        self, transaction: Transaction, incident_id: IncidentId, text: str, by: UserId
    ) -> Incident:
        """Write down what was done about an incident."""
        user = require_role(transaction.tables, by)
        there = self._require_state(transaction, incident_id, COUNTING, COUNTED, DRAFTED, APPROVED)
        return self._change(transaction, there, NOTE, user.user_id, text=text)

    def close(
        self, transaction: Transaction, incident_id: IncidentId, text: str, by: UserId
    ) -> Incident:
        """Close an incident with what was done, once nobody waits for a notice that is owed.

        What the policy did not let us send stays owed to them, and is counted.
        """
        user = require_role(transaction.tables, by)
        there = self._require_state(transaction, incident_id, COUNTED, DRAFTED, APPROVED)
        rows, changed = transaction.tables.select_intact(
            incident_person, f"{_UNTRIED} LIMIT 1", incident_id, WAITING
        )
        if rows or changed or (there.drill and _drill_counts(there, there.discovery).owed):
            raise IncidentError(
                "notices that the policy owes were not sent yet",
                code="incident-owed",
                hint="have the notice approved; it is sent then",
            )
        return self._change(
            transaction,
            there,
            CLOSING,
            user.user_id,
            text=text,
            state=CLOSED,
            closed_at=transaction.clock.now(),
        )

    def _require_state(
        self, transaction: Transaction, incident_id: IncidentId, *states: str
    ) -> Incident:
        there = self.require(transaction.tables, incident_id)
        if there.state not in states:
            raise IncidentError(
                f"this incident is {there.state}",
                code="incident-state",
                hint="see how it stands now",
            )
        return there

    def _change(
        self,
        transaction: Transaction,
        there: Incident,
        step: str,
        staff_id: UserId,
        *,
        text: str = "",
        **changes: Any,
    ) -> Incident:
        """Take the next turn of an incident: of several who try it at once, one does."""
        until = transaction.clock.now() + _MARK_LASTS
        turn = f"{there.incident_id} {there.turn}"
        if not once.spend(transaction.tables, "incident", turn, until):
            raise IncidentError(
                "somebody else has just changed this incident",
                code="incident-state",
                hint="see how it stands now",
            )
        after = there._replace(turn=there.turn + 1, **changes)
        columns = self._columns(after)
        del columns["incident_id"]
        transaction.tables.update(incident, columns, _ONE, there.incident_id)
        self._add_step(transaction, after, step, staff_id, text)
        return after

    def _add_step(
        self, transaction: Transaction, there: Incident, step: str, staff_id: UserId, text: str = ""
    ) -> None:
        transaction.tables.insert(
            incident_step,
            incident_id=there.incident_id,
            number=there.turn,
            at=microseconds(transaction.clock.now()),
            step=step,
            staff_id=staff_id,
            note=self._sealer.seal(text.encode(), "step", there.incident_id),
        )
        transaction.note(
            None,
            f"incident.drill-{step}" if there.drill else f"incident.{step}",
            actor=f"staff {staff_id}" if staff_id else "provider",
            evidence=(there.incident_id,),
        )

    def _columns(self, there: Incident) -> dict[str, Any]:
        return {
            "incident_id": there.incident_id,
            "turn": there.turn,
            "state": there.state,
            "kind": there.misuse.kind,
            "subject": there.misuse.name,
            "since": microseconds(there.misuse.since),
            "until": microseconds(there.misuse.until),
            "discovery": microseconds(there.discovery),
            "opened": microseconds(there.opened_at),
            "opened_by": there.opened_by,
            "drafted_by": there.drafted_by,
            "approved_by": there.approved_by,
            "approved": None if there.approved_at is None else microseconds(there.approved_at),
            "closed": None if there.closed_at is None else microseconds(there.closed_at),
            "people": there.people,
            "counts": msgspec.json.encode(dict(there.counts), order="sorted").decode(),
            "notice": self._sealer.seal(there.notice.encode(), "notice", there.incident_id),
            "drill": 1 if there.drill else None,
            "deadline": None if there.deadline is None else microseconds(there.deadline),
        }

    def _from_row(self, row: Any) -> Incident:
        notice = self._sealer.unseal(row.notice, "notice", row.incident_id).decode()
        return Incident(
            row.incident_id,
            row.turn,
            row.state,
            Misuse(row.kind, row.subject, to_datetime(row.since), to_datetime(row.until)),
            to_datetime(row.discovery),
            to_datetime(row.opened),
            row.opened_by,
            row.drafted_by,
            row.approved_by,
            None if row.approved is None else to_datetime(row.approved),
            None if row.closed is None else to_datetime(row.closed),
            row.people,
            _COUNTS.decode(row.counts),
            notice,
            row.drill is not None,
            None if row.deadline is None else to_datetime(row.deadline),
        )


def notice_counts(tables: Tables, there: Incident, at: datetime) -> NoticeCounts:
    """How the notices of an incident stand; rows are counted, and not checked.

    Of a practice alarm they are those that would be owed, and would be sent once it is approved.
    """
    if there.drill:
        return _drill_counts(there, at)
    incident_id = there.incident_id
    states = dict.fromkeys((WAITING, NOTIFIED, REFUSED), 0)
    for state, count in tables.select_unchecked(
        incident_person, ["state", "COUNT(*)"], f"{_ONE} GROUP BY state", incident_id
    ):
        states[state] = int(count)
    ((owed, first),) = tables.select_unchecked(
        incident_person, ["COUNT(*)", "MIN(due)"], _OWED, incident_id, NOTIFIED
    )
    ((late,),) = tables.select_unchecked(
        incident_person,
        ["COUNT(*)"],
        f"{_OWED} AND due < ?",
        incident_id,
        NOTIFIED,
        microseconds(at),
    )
    due = None if first is None else to_datetime(first)
    return NoticeCounts(
        states[WAITING], states[NOTIFIED], states[REFUSED], int(owed), int(late), due
    )


def _drill_counts(there: Incident, at: datetime) -> NoticeCounts:
    if there.approved_at is not None:
        return NoticeCounts(0, there.people, 0, 0, 0, None)
    owed = there.people if there.deadline is not None else 0
    late = owed if there.deadline is not None and there.deadline < at else 0
    return NoticeCounts(there.people, 0, 0, owed, late, there.deadline if owed else None)


def subject_of(transaction: Transaction, kind: str, name: str) -> str:
    """What stands for something misused: of a member of staff their id, of a company its word.

    IncidentError for a kind of thing that none is, and for somebody who never worked here.
    """
    if kind not in KINDS:
        raise IncidentError(
            "nothing of this kind can be misused",
            code="incident-subject",
            hint="it is one of " + ", ".join(KINDS),
        )
    if kind == STAFF:
        users = operators.all_users(transaction.tables)
        mine = [e for e in users if (e.kind, e.sign_in) == ("staff", name.casefold())]
        if not mine:
            raise IncidentError(
                "nobody works or worked here by this name",
                code="incident-subject",
                hint="give the name by which they sign in; of an agent, the company",
            )
        return mine[0].user_id
    if kind == PARTNER:
        word = parties.word_of(transaction, name)
        if all(each.party != word for each in parties.roles(transaction)):
            raise IncidentError(
                "no company of the register is called so",
                code="incident-subject",
                hint="see the register for its name",
            )
        return word
    return name


def require_role(tables: Tables, user_id: UserId) -> User:
    """Whoever does it; IncidentError unless they work here and their role lets them."""
    user = operators.find_active_user(tables, user_id)
    if user is None or user.kind != "staff" or not {*ROLES} & {*user.roles}:
        raise IncidentError(
            f"incidents are for the roles {' and '.join(ROLES)}",
            code="incident-role",
            hint="ask somebody who has one of them",
        )
    return user


def speaks_of_it(policy: Policy) -> bool:
    """Whether a policy has the words for a breach that was found."""
    fact = policy.program.vocabulary.facts.get(FACT)
    actions = policy.program.vocabulary.tree("action")
    return fact is not None and fact.proof == RECORD and NOTIFY in actions


def _require_policy(policy: Policy) -> None:
    if not speaks_of_it(policy):
        raise IncidentError(
            "the policy in force has no words for a breach",
            code="incident-policy",
            hint=f"its vocabulary needs the fact {FACT} and the action {NOTIFY}",
        )


def _require_times(misuse: Misuse, discovery: datetime, now: datetime) -> None:
    hint, field = "", ""
    if misuse.since >= misuse.until:
        hint, field = "it has to begin before it ends", "until"
    elif misuse.until > now:
        hint, field = "it cannot end later than now", "until"
    elif discovery > now:
        hint, field = "it cannot be found later than now", "discovery"
    elif discovery < misuse.since:
        hint, field = "it cannot be found before it began", "discovery"
    if hint:
        raise IncidentError("these times cannot be", code="incident-times", hint=hint, field=field)
