"""People of whom nothing that an act depends on differs: what is decided on one holds of them all.

Of most people there is no record that proves anything of an act: they neither objected nor opted
out. Where what matters of their fields besides, such as their age, is the same too, the same facts
are proven of them, and the policy is asked once. So are those whose records say the same: of them
the decision is the same, but not the evidence, which is each one's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from upheld.core import observing
from upheld.core.ids import PersonId
from upheld.gate.editions import bound
from upheld.gate.evidence.crowd_tables import CrowdTables
from upheld.gate.evidence.provers import EvidenceError, OwnTable
from upheld.gate.evidence.records import Record
from upheld.policy.request import Decision
from upheld.policy.vocabulary import Fact
from upheld.vault.people import REGISTER
from upheld.vault.values import Value

if TYPE_CHECKING:
    from upheld.gate.act.execution import ActExecution
    from upheld.gate.act.reads import PersonData

Key = tuple[Any, ...]


class AlikePeople:
    """Who of the people that were read for some acts are alike, as far as these acts go."""

    def __init__(self, data: PersonData, executions: Sequence[ActExecution]) -> None:
        self.data, first = data, executions[0]
        self._time, self._today = first.time, first.context.clock.local(first.at).date()
        every = [each.template.matters for each in executions]
        plain = [each for each in every if each is not None]
        self._kinds = {kind for each in executions for kind in each.template.kinds}
        self._nobody = (
            len(plain) < len(every)
            or REGISTER in data.changed
            or observing.observer() is not None  # who takes notes hears of every one
        )
        self._matters = {field: matter for each in plain for field, matter in each.items()}
        provers = first.context.provers
        questions = [
            (e, fact, provers.of(fact)) for e in executions for fact in e.template.facts.values()
        ]
        self._timed = {fact.proof for _, fact, its in questions if its.timed}
        # Kinds of which a prover is given somebody's own records and the registers' in one order.
        self._mixed = {fact.proof for _, fact, its in questions if its.registers}
        self._mixed |= {each.kind for each in data.records.get(REGISTER, ())}
        self._own = [
            OwnAnswer(e, fact, first.context.derived.stored(its.reads), its.own_tables)
            for e, fact, its in questions
            if its.own_tables is not None
        ]
        self._parts: dict[tuple[str, str | None], int | None] = {}  # of values so far
        self._executions = executions
        self._classes: dict[tuple[str, int | None], int] = {}  # of what matters so far
        self._classes_of_values: dict[str, dict[str | None, int]] = {e: {} for e in self._matters}
        self._numbers: dict[Key, int] = {}  # of what is told apart so far

    def key(self, person_id: PersonId) -> Key | None:
        """What somebody has in common with those alike; None where they are looked at alone.

        Whoever has records has nobody alike here.
        """
        data = self.data
        if self._nobody or person_id in data.records or person_id in data.changed:
            return None
        if any(self._has_own(person_id, each) for each in self._own):
            return None
        read = data.people[person_id]
        return tuple([self._part(each, read(each)) for each in self._matters])

    def key_of_decision(self, person_id: PersonId) -> Key | None:
        """What somebody has in common with those on whom the decision is the same.

        Of what matters of their fields it is what the policy tells apart, such as ages below 18.
        Those with records are alike where the records say the same, in the same order; but whoever
        has some of a kind of which the registers have some too is looked at alone. Where something
        else of theirs is proven, they are alike where the same is.
        """
        data = self.data
        if self._nobody or person_id in data.changed:
            return None
        read, mine = data.people[person_id], data.records.get(person_id)
        key: Key = tuple([self._class_of(each, read(each)) for each in self._matters])
        if self._own:
            try:
                key += tuple([self._own_answer(person_id, each) for each in self._own])
            except EvidenceError:
                return None
        if mine is None:
            return key
        if any(each.kind in self._mixed for each in mine):
            return None
        return (*key, *[self._saying(each) for each in mine])

    def shares(self, person_id: PersonId) -> bool:
        """Whether what these acts rest on in somebody is nothing but what others have, too."""
        mine = self.data.records.get(person_id, ())
        return not any(each.kind in self._kinds for each in mine) and not any(
            self._has_own(person_id, each) for each in self._own
        )

    def _has_own(self, person_id: PersonId, own: OwnAnswer) -> bool:
        """Whether somebody has anything that a prover reads besides records."""
        data = self.data
        holdings, tables = data.people[person_id].person.holdings, data.tables
        if not own.fields.isdisjoint(holdings) or not isinstance(tables, CrowdTables):
            return True
        return any(tables.has_rows(table, person_id, parts) for table, parts in own.tables)

    def _own_answer(self, person_id: PersonId, own: OwnAnswer) -> Key:
        """What a prover says of somebody who has something of their own; else nothing."""
        if not self._has_own(person_id, own):
            return ()
        data = self.data
        read, mine = data.people[person_id], data.with_registers(person_id)
        question = own.execution.questions(person_id, read, data, mine)(own.fact)
        proven = own.execution.context.provers.of(own.fact).prover(question).value
        return (msgspec.msgpack.encode(proven),)

    def _saying(self, record: Record) -> Key:
        """What a record says, but for whose it is and when it began and ends."""
        about = tuple([(each, *words) for each, words in record.about.items()])
        has_begun, is_live = record.valid_from <= self._time, record.in_force(self._time)
        beginning = record.valid_from if record.kind in self._timed else None
        return (
            record.kind,
            record.fact,
            record.party,
            record.how,
            about,
            has_begun,
            is_live,
            beginning,
        )

    def _part(self, field: str, rows: Sequence[Value]) -> int | None:
        """What matters of the rows of a field; of each value it is worked out once."""
        value = rows[-1].value if rows else None
        key = field, value
        if key not in self._parts:
            self._parts[key] = self._matters[field](value, self._today)
        return self._parts[key]

    def _class_of(self, field: str, rows: Sequence[Value]) -> int:
        """The number of what each act's question tells apart of the rows of a field."""
        value, classes = rows[-1].value if rows else None, self._classes_of_values[field]
        its = classes.get(value)
        if its is None:
            part = self._matters[field](value, self._today)
            its = self._classes.get((field, part))
            if its is None:
                its = self._classes[field, part] = self._number_of(field, part)
            classes[value] = its
        return its

    def _number_of(self, field: str, part: int | None) -> int:
        """The number of what each act's question tells apart of what matters of a field."""
        tellings = tuple(
            [
                part if each.act.partial else each.template.plan.telling(name, part)
                for each in self._executions
                for name, fact in each.template.facts.items()
                if field in (each.context.provers.of(fact).matters or ())
            ]
        )
        return self._numbers.setdefault(tellings, len(self._numbers))


class OwnAnswer(NamedTuple):
    """What a fact rests on besides records: who has nothing of it is as all who have nothing."""

    execution: ActExecution
    fact: Fact
    fields: set[str]
    tables: Sequence[OwnTable]


class AlikeAnswer(NamedTuple):
    """What some acts would come to on somebody, and by what they are alike in another act, too."""

    decisions: tuple[Decision, ...]
    key: Key | None  # None where another act looks at them alone


def decide_each(
    executions: Sequence[ActExecution],
    person_ids: Sequence[PersonId],
    data: PersonData,
    *besides: ActExecution,
) -> Iterator[tuple[PersonId, AlikeAnswer]]:
    """What some acts would come to on each of some people, who were read for all of them.

    Those alike share one answer, also as far as acts `besides` go. Where several versions are
    asked, or licences, each is looked at alone, as it is a matter of each which of them count.
    """
    alike = AlikePeople(data, [*executions, *besides])
    other = AlikePeople(data, besides or executions)
    several = any(len(each.context.editions) >= bound.SECOND for each in (*executions, *besides))
    first, answers = executions[0], dict[Key, AlikeAnswer]()
    licensed = any(each.combined for each in data.people.values()) and bool(
        first.context.licences.all(first.connection)
    )
    for person_id in person_ids:
        alone = several or (licensed and data.people[person_id].combined)
        key = None if alone else alike.key_of_decision(person_id)
        answer = None if key is None else answers.get(key)
        if answer is None:
            decisions = tuple([each.peek(person_id, data) for each in executions])
            answer = AlikeAnswer(decisions, key if other.shares(person_id) else None)
            if key is not None:
                answers[key] = answer
        yield person_id, answer
