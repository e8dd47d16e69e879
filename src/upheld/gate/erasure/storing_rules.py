"""What may be stored of people and what must be kept, by each version that matters for them.

Stored on is what every one of their versions lets us store. Kept in spite of an erasure is what
each of them says is to be kept, until the first day that one of them names: what widens waits, and
what narrows holds at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.statements import to_datetime
from upheld.database.tables import microseconds
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution, KnownFacts
from upheld.gate.act.licensed import ActLicences
from upheld.gate.act.reads import PersonData
from upheld.gate.editions import bound, store
from upheld.gate.editions.licences import Licence
from upheld.gate.editions.store import Edition, EditionError
from upheld.gate.erasure.must_keep import (
    BESIDES,
    KeptFields,
    Retained,
    known_openly,
    of_any_party,
    storable,
    what_to_keep,
)
from upheld.gate.evidence.reach_of_holds import is_hold, is_narrow, known_of
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.silent_holds import told_of
from upheld.gate.log.entries import after
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.vault.people import ACTIVE, Person


class VersionFacts(NamedTuple):
    """What is known of a person by the facts of one version or licence, and records that say so.

    `problem` is why it cannot be told.
    """

    policy: Policy
    facts: KnownFacts
    problem: str
    records: list[Record]
    fields: tuple[str, ...] | None = None  # of a licence, those under it
    earlier: Mapping[str, datetime] = {}  # when those came in that it was registered after


class StoringRules:
    """What some people's versions say of storing their fields; `persons` are those people."""

    def __init__(
        self,
        context: GateContext,
        connection: Connection,
        person_ids: Sequence[PersonId],
        fields: Sequence[str],
        state: str = ACTIVE,
    ) -> None:
        """`fields` are leaves of the policy in force."""
        newest = ActExecution(context, connection, context.storing(fields), entitled=True)
        newest.states, newest.is_told = (state,), False
        newest.of_held = bool(context.licences.all(connection))
        proven, data = newest.prove(sorted(person_ids), BESIDES)
        self.persons: dict[PersonId, Person] = newest.persons
        self.at: datetime = newest.at
        self._place, self._clock = context.place, context.clock
        self._of: dict[PersonId, list[VersionFacts]] = {
            each: [VersionFacts(context.policy, facts, problem, data.own(each))]
            for each, (facts, _, problem) in proven.items()
        }
        self._licensed: dict[PersonId, list[VersionFacts]] = {}
        self._unread: dict[PersonId, str] = {}  # whose licence cannot be read, and why
        if newest.of_held:
            self._ask_licences(newest, data)
        if len(context.editions) < bound.SECOND:
            return
        versions = newest.older_versions(data)
        older: dict[Edition, list[PersonId]] = {}
        for person_id in proven:
            for edition in versions.waiting(person_id):
                older.setdefault(edition, []).append(person_id)
        for edition, whose in older.items():
            policy = store.policy_of(connection, edition.digest)
            leaves = policy.engine.compiled.leaves["data"].bit
            alone = context.alone(policy, edition.number)
            known_fields = [field for field in fields if field in leaves]
            self._add(alone, connection, whose, known_fields, state)

    def _add(
        self,
        context: GateContext,
        connection: Connection,
        whose: list[PersonId],
        fields: Sequence[str],
        state: str,
    ) -> None:
        """Take in what an older version says of some people; of other fields it says nothing."""
        if not fields:
            for person_id in whose:
                self._of[person_id].append(VersionFacts(context.policy, {}, "", []))
            return
        execution = ActExecution(context, connection, context.storing(fields), entitled=True)
        execution.states, execution.is_told = (state,), False
        proven, data = execution.prove(whose, BESIDES)
        for person_id, (facts, _, problem) in proven.items():
            version = VersionFacts(context.policy, facts, problem, data.own(person_id))
            self._of[person_id].append(version)

    def _ask_licences(self, newest: ActExecution, data: PersonData) -> None:
        """Take in what licences say of storing on the values that are under them."""
        licences, context = newest.act_licences(data), newest.context
        of_fields: dict[tuple[Licence, tuple[str, ...]], list[PersonId]] = {}
        for person_id in data.people:
            for its, fields in licences.under(person_id).items():
                of_fields.setdefault((its, fields), []).append(person_id)
        for (its, fields), whose in of_fields.items():
            try:
                policy = context.licences.policy_of(newest.connection, its)
            except EditionError as error:  # the others' time does not wait for it
                self._unread |= dict.fromkeys(whose, error.code)
                continue
            words = policy.engine.compiled.leaves["data"].bit
            alone = context.alone(policy, -its.number)
            some = [field for field in fields if field in words]
            if not some:
                continue
            execution = newest.beside(alone, alone.storing(some))
            proven, read = execution.prove(whose, BESIDES)
            for person_id, (facts, _, problem) in proven.items():
                if not problem:  # else nothing is deleted on a doubt
                    licence_facts = VersionFacts(
                        policy,
                        facts,
                        "",
                        read.own(person_id),
                        tuple(some),
                        self._earlier(licences, person_id, its),
                    )
                    self._licensed.setdefault(person_id, []).append(licence_facts)

    def _earlier(
        self, licences: ActLicences, person_id: PersonId, its: Licence
    ) -> dict[str, datetime]:
        """When those fields came in that a licence covers from before it was registered.

        Nothing is due of them by it: their time is asked for here.
        """
        return {
            field: self._clock.local(to_datetime(at))
            for field, at in licences.came_in(person_id, its).items()
            if at < microseconds(its.registered)
        }

    def problem(self, person_id: PersonId) -> str:
        """Why it cannot be told of somebody what may be stored; empty where it can."""
        problems = (each.problem for each in self._of[person_id] if each.problem)
        return self._unread.get(person_id) or next(problems, "")

    def has_narrow_hold(self, person_id: PersonId) -> bool:
        """Whether a hold in force of somebody, told or not, keeps some kinds of data alone."""
        now, first = microseconds(self.at), self._of[person_id][0]
        return any(
            is_narrow(each) and is_hold(first.policy, each) and each.in_force(now)
            for each in first.records
        )

    def retained(
        self, person_id: PersonId, fields: Sequence[str], row_kinds: Sequence[str] = ()
    ) -> Retained:
        """The fields, of some, that each version which binds the person says must be kept.

        `row_kinds` are the kinds of data of rows that a hold keeps with them.
        """
        each_retained = [
            what_to_keep(
                each.policy,
                fields,
                each.facts,
                each.records,
                self.at,
                place=self._place,
                row_kinds=row_kinds,
            )
            for each in self._of[person_id]
        ]
        besides = [*self._of[person_id][1:], *self._licensed.get(person_id, ())]
        policies = tuple(dict.fromkeys(each.policy.digest for each in besides))
        return together(each_retained)._replace(policies=policies)

    def denied(
        self, person_id: PersonId, fields: Sequence[str], *, openly: bool = False
    ) -> dict[str, tuple[str, ...]]:
        """The fields that a version of theirs, or a licence, lets nobody store, and by what.

        So it is of what a licence covers from before it was registered, once its time is over.
        With `openly`, holds of which nobody may speak keep none of them.
        """
        clauses: dict[str, dict[str, None]] = {}
        now = microseconds(self.at)
        for each in (*self._of[person_id], *self._licensed.get(person_id, ())):
            leaves = each.policy.engine.compiled.leaves["data"].bit
            mine: Sequence[Record] = each.records
            if openly:
                assumed = known_openly(each.policy, each.facts, mine, self.at)
                mine = told_of(each.policy, mine, now)
            else:
                assumed = {**each.facts, **of_any_party(each.policy, mine, self.at)}
            for field in fields:
                if field not in leaves or not (each.fields is None or field in each.fields):
                    continue
                its = known_of(each.policy, assumed, mine, now, [field])
                decision = storable(each.policy, field, its, self._place)
                if decision.outcome == "deny" or self._is_over(each, field, decision):
                    clauses.setdefault(field, {}).update(dict.fromkeys(decision.clauses))
        return {field: tuple(names) for field, names in clauses.items()}

    def _is_over(self, its: VersionFacts, field: str, decision: Decision) -> bool:
        """Whether the time is over that a licence gives to what came in before it."""
        came_in = its.earlier.get(field)
        if came_in is None or not decision.allowed:
            return False
        ends = [
            after(came_in, duty.amount, duty.unit)
            for duty in decision.duties
            if duty.duty == "delete-after"
        ]
        return any(end is not None and end <= self.at for end in ends)


def together(each_retained: Sequence[Retained]) -> Retained:
    """What several versions keep: a field that all of them keep, until the first of their days.

    What is kept apart by one of them, and kept by the others in whatever way, is kept apart.
    """
    if len(each_retained) == 1:
        return each_retained[0]
    by_field = [
        {field: group for group in retained.kept for field in group.data}
        for retained in each_retained
    ]
    by_kind = [
        {kind: group for group in retained.kept for kind in group.rows}
        for retained in each_retained
    ]
    alike, in_rows = _kept_by_all(by_field), _kept_by_all(by_kind)
    kept_fields = tuple(
        replace(group, data=tuple(alike.get(group, ())), rows=tuple(in_rows.get(group, ())))
        for group in {**alike, **in_rows}
    )
    apart = tuple(
        field
        for field in dict.fromkeys(f for retained in each_retained for f in retained.apart)
        if all(
            field in each or field in retained.apart
            for each, retained in zip(by_field, each_retained, strict=True)
        )
    )
    return Retained(
        kept_fields,
        apart,
        _united(each.kept_records for each in each_retained) if kept_fields else (),
        _united(each.apart_records for each in each_retained),
    )


def _kept_by_all(each_kept: Sequence[Mapping[str, KeptFields]]) -> dict[KeptFields, list[str]]:
    """What all versions keep, alike together; of each version, what it keeps and with which."""
    alike: dict[KeptFields, list[str]] = {}
    for word in each_kept[0]:
        if all(word in each for each in each_kept):
            alike.setdefault(_strictest([each[word] for each in each_kept]), []).append(word)
    return alike


def _strictest(several: Sequence[KeptFields]) -> KeptFields:
    """By which clauses of all versions a field is kept, and until the first day of any."""
    return KeptFields(
        (),
        _united(each.clauses for each in several),
        _united(each.grounds for each in several),
        min((each.until for each in several if each.until), default=""),
    )


def _united(several: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for each in several for one in each))
