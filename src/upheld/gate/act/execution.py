"""One act on some people: prove, decide, record, perform, all in the transaction that is given.

It takes few reads however many people there are: keys, records, values. People whose act has the
same outcome on the same grounds share an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.core import observing
from upheld.core.clock import Clock
from upheld.database.own_tables import Tables
from upheld.database.statements import moment
from upheld.database.tables import microseconds
from upheld.gate.act import places
from upheld.gate.act import reads as fetching
from upheld.gate.act.duties import Carriers, Carrying
from upheld.gate.act.erasure_hooks import Leaving
from upheld.gate.act.request import Act, Given, Refused, planned
from upheld.gate.evidence import records
from upheld.gate.evidence.carry_forward import Carries
from upheld.gate.evidence.derived_fields import Derived, Reader, limited
from upheld.gate.evidence.field_values import Fields
from upheld.gate.evidence.provers import ASKED, ProofError, Question, Registry
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.decide import QuestionPlan
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.policy.vocabulary import Fact
from upheld.vault import people
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER, VaultError

Outcome = Given | Refused
Known = dict[str, object]  # what is known of a person's facts
Proven = tuple[Known, tuple[str, ...], str]  # on which evidence; or what is wrong with it
SHAPES_MAX, OUTCOMES_MAX = 4096, 64
NOTHING_READ = ("collect", "store", "delete")  # actions that hand nothing out


class Shape(Struct):
    """What is the same for every act that asks the same: its question, and what must be read."""

    policy: Policy
    plan: QuestionPlan
    facts: dict[str, Fact]
    kinds: tuple[str, ...]  # of records that prove
    fields: tuple[str, ...]  # stored ones, to prove from or to hand out
    entry: Entry  # what is told of it whatever comes of it
    outcomes: dict[tuple[int, tuple[str, ...], str], tuple[Decision, Entry]]  # told so far
    settled: tuple[tuple[str, ...], Decision, str] | None = None  # decided without any fact


class House(Struct, frozen=True):
    """What every act stands on: the policy in force, the keys, the time, and who does what."""

    policy: Policy
    keyring: Keyring
    clock: Clock
    provers: Registry
    carriers: Carriers
    derived: Derived
    shapes: dict[Any, Shape]  # so far, by what was asked
    carries: Carries  # what stays of a series whose oldest rows go
    leaving: Leaving  # what is done beside an erasure
    fields: Fields  # what values may be
    place: str = ""  # where our data lie, a word of the policy; no act names it if empty

    def by(self, clock: Clock) -> House:
        """The same by another clock."""
        return replace(self, clock=clock)

    def under(self, policy: Policy) -> House:
        """The same under another policy."""
        return replace(self, policy=policy)

    def takes(self, action: str) -> tuple[str, ...]:
        """The dimensions that an action takes in the policy; none for an unknown one."""
        return tuple(self.policy.engine.compiled.takes.get(action, ()))

    def placed(self, act: Act) -> Act:
        """An act with the place where our data lie, if it takes one and goes to nobody else."""
        if not self.place or act.place is not None or act.recipient is not None:
            return act
        return replace(act, place=self.place) if "place" in self.takes(act.action) else act

    def storing(self, data: Sequence[str], purpose: str | None = None) -> Act:
        """The act of storing some fields for a purpose, where that takes one."""
        named = purpose if "purpose" in self.takes("store") else None
        return self.placed(Act(action="store", data=tuple(data), purpose=named))

    def shape(self, act: Act, besides: Sequence[str] = ()) -> Shape:
        """The shape of an act whose facts, and some besides, are to be proven."""
        if act.party:  # which only an entry tells
            act = replace(act, party="")
        key = (act, *besides) if besides else act
        found = self.shapes.get(key)
        if found is None or found.policy is not self.policy:  # acts under the old one may go on
            if len(self.shapes) >= SHAPES_MAX:
                self.shapes.clear()
            found = self.shapes[key] = self._shaped(act, besides)
        return found

    def _shaped(self, act: Act, besides: Sequence[str]) -> Shape:
        plan = planned(self.policy, act)
        vocabulary = self.policy.program.vocabulary.facts
        names = sorted({*plan.values, *(name for name in besides if name in vocabulary)})
        facts = {name: vocabulary[name] for name in names}
        proving = {fact.proof: self.provers.of(fact) for fact in facts.values()}
        named = [
            field
            for fact in facts.values()
            for field in self.provers.reads(fact, act.data)
            if field != ASKED
        ]
        asked = () if act.action in NOTHING_READ else act.data
        return Shape(
            self.policy,
            plan,
            facts,
            tuple(sorted(kind for kind, each in proving.items() if each.records)),
            tuple(sorted(self.derived.stored([*named, *asked]))),
            Entry(kind="act", time="", policy=self.policy.digest, action=act.action, **act.told()),
            {},
        )


def checked_place(policy: Policy, place: str) -> str:
    """A place that the policy knows; RequestError for any other word."""
    if place:
        policy.engine.checker.dimension("place", place)
    return place


class Held(Struct, frozen=True):
    """What the database holds of some people for an act: what reads their rows, records."""

    people: dict[str, Reader]
    records: list[records.Record]
    changed: set[str]  # whose records are not as they were written


class Doing:
    """One act on some people, in a transaction."""

    # Done where a person's act is allowed; gives digests for its entry.
    perform: Callable[[], dict[str, str]] | None = None
    states: tuple[str, ...] = (people.ACTIVE,)
    as_of: datetime | None = None  # a time before, by the records that were in force then
    facts_of: datetime | None = None  # a time before, by whose facts an act of now is decided
    told: int  # the time of the act, in microseconds
    opened: dict[str, people.Person]  # by `proven`

    def __init__(self, house: House, connection: Connection, act: Act, *, entitled: bool) -> None:
        self.house, self.connection, self.entitled = house, connection, entitled
        self.act = house.placed(act)
        if self.act.place is None and act.recipient is not None and act.party:
            there = places.of_recipient(connection, house.keyring, house.policy, house.clock, act)
            self.act = replace(self.act, place=there)
        self.shape = house.shape(self.act)

    @property
    def at(self) -> datetime:
        """The time of the act."""
        return moment(self.told)

    def one(self, person_id: str, held: Held | None = None) -> Outcome:
        """The outcome for one person, by what was read already if that is given."""
        held = held or self._held([person_id])
        read = held.people[person_id]
        now = self.told
        if self.shape.facts:
            if self.facts_of is not None:
                self.told = microseconds(self.facts_of)
            known, evidence, problem = self._proof(person_id, read, held)
            self.told = now
            fields, decision, problem = self._decided(known, problem)
        else:
            evidence = ()
            fields, decision, problem = self.shape.settled or self._settled()
        number, told = self._noted(fields, decision, problem, evidence, person_id)
        return self._outcome(read, fields, decision, problem, number, told)

    def _settled(self) -> tuple[tuple[str, ...], Decision, str]:
        """What is decided on everybody alike, because no fact matters."""
        settled = self._decided({}, "")
        if observing.observer() is None:  # whoever takes notes hears of every question
            self.shape.settled = settled
        return settled

    def all(self, asked: list[str]) -> dict[str, Outcome]:
        """The outcome for each person; what only one of them proved is in no shared entry."""
        if len(asked) == 1:
            return {asked[0]: self.one(asked[0])}
        held = self._held(asked)
        outcomes: dict[str, Outcome] = {}
        alike: dict[tuple[Any, ...], tuple[Decision, list[str]]] = {}
        for person_id in asked:
            known, _, problem = self._proof(person_id, held.people[person_id], held)
            fields, decision, problem = self._decided(known, problem)
            key = (
                fields,
                decision.outcome,
                decision.clauses,
                decision.duties,
                decision.owed,
                problem,
            )
            alike.setdefault(key, (decision, []))[1].append(person_id)
        for (fields, *_, problem), (decision, group) in alike.items():
            whose = group[0] if len(group) == 1 else group
            number, told = self._noted(fields, decision, problem, (), whose)
            for person_id in group:
                outcomes[person_id] = self._outcome(
                    held.people[person_id], fields, decision, problem, number, told
                )
        return {person_id: outcomes[person_id] for person_id in asked}

    def with_another(self, person_id: str, other: Doing) -> Held:
        """What this act and another need of a person, read at once."""
        held = self._held([person_id], other.shape)
        other.told, other.wrong = self.told, self.wrong
        return held

    def peek(self, person_id: str, held: Held | None = None) -> Decision:
        """What the decision on a person would be now, for who is entitled; nothing is noted.

        Where something else stands against the act, the outcome is `error`, and `code` says what.
        """
        decision, (_, _, problem) = self.found(person_id, held)
        if not problem:
            return decision
        return Decision(outcome="error", clauses=decision.clauses, code=problem, why=problem)

    def then(self, person_id: str, moments: Sequence[datetime]) -> list[Decision]:
        """The decision on a person at some moments, by what is held now; nothing is noted."""
        held, found = self._held([person_id]), []
        for each in moments:
            self.told, self.wrong = microseconds(each), ""
            found.append(self.peek(person_id, held))
        return found

    def found(self, person_id: str, held: Held | None = None) -> tuple[Decision, Proven]:
        """The decision on a person, what it rests on and what stands against it; no entry."""
        held = held or self._held([person_id])
        known, evidence, problem = self._proof(person_id, held.people[person_id], held)
        _, decision, problem = self._decided(known, problem)
        return decision, (known, evidence, problem)

    def proven(
        self, asked: list[str], besides: Sequence[str] = ()
    ) -> tuple[dict[str, Proven], list[records.Record]]:
        """What is known of each person by the act's facts and some besides, and their records."""
        self.shape = self.house.shape(self.act, besides)
        held = self._held(asked)
        self.opened = {each: read.person for each, read in held.people.items()}
        proven = {each: self._proof(each, read, held) for each, read in held.people.items()}
        return proven, held.records

    def _held(self, asked: Sequence[str], *others: Shape) -> Held:
        """What the database holds of some people for this act; they are locked from here on."""
        house, connection = self.house, self.connection
        kinds, fields = self.shape.kinds, self.shape.fields
        for other in others:
            kinds = tuple(dict.fromkeys((*kinds, *other.kinds)))
            fields = tuple(dict.fromkeys((*fields, *other.fields)))
        if kinds:
            proving = records.asking([REGISTER, *asked], kinds)
            last, (listed, answer) = fetching.fetch(connection, asked, fields, proving)
            found, changed = fetching.believed(connection, kinds, listed, answer)
        else:
            last, (listed,) = fetching.fetch(connection, asked, fields)
            found, changed = [], set()
        self.told, self.wrong = house.clock.look(last)
        if self.as_of is not None:
            self.told, self.wrong = microseconds(self.as_of), ""
        readers = fetching.told(
            connection, house.keyring, house.derived, listed, self.states, self.told
        )
        if len(readers) < len(asked):
            raise VaultError("there is no such person", code="no-person", hint="see the ids")
        return Held(readers, found, changed)

    def _proof(self, person_id: str, read: Reader, held: Held) -> Proven:
        """What is known of a person, on which evidence; or what is wrong with the records."""
        house, facts = self.house, self.shape.facts
        if not facts:
            return {}, (), ""
        if self.wrong:
            return {}, (), f"clock-{self.wrong}"
        if held.changed and self.shape.kinds and not held.changed.isdisjoint((REGISTER, person_id)):
            return {}, (), "forged-record"
        mine = [each for each in held.records if each.person_id in (REGISTER, person_id)]

        def asked(fact: Fact) -> Question:
            own = [each for each in mine if each.kind == fact.proof]
            reads = house.provers.reads(fact, self.act.data)
            return Question(
                fact,
                self.act.data,
                self.act.party,
                own,
                house.clock.local(self.at),
                house.policy.engine.checker,
                limited(read, reads, f"the prover of `{fact.name}`"),
                Tables(self.connection),
                person_id,
            )

        try:
            return (*house.provers.prove(facts, asked), "")
        except ProofError as error:
            return {}, (), error.code

    def _decided(self, known: Known, problem: str) -> tuple[tuple[str, ...], Decision, str]:
        """The fields that are allowed, the decision on them, and what stands against it."""
        act, house = self.act, self.house
        decision = self.shape.plan.decide(known)
        fields = act.data
        if act.partial and not problem and not decision.allowed:
            fields = tuple(
                field
                for field in act.data
                if planned(house.policy, act, [field]).decide(known).allowed
            )
            if fields:
                decision = planned(house.policy, act, fields).decide(known)
        if not decision.allowed:
            return act.data, decision, problem
        if not problem and decision.duties:
            missing = house.carriers.missing(decision.duties)
            problem = "duty " + ", ".join(missing) if missing else ""
        return fields, decision, problem

    def _noted(
        self,
        fields: tuple[str, ...],
        decision: Decision,
        problem: str,
        evidence: tuple[str, ...],
        whose: str | list[str],
    ) -> tuple[int, int]:
        """Add the entry; its number and time, in microseconds."""
        found = self.shape.outcomes.get((id(decision), fields, problem))
        entry = found[1] if found else self._entry(fields, decision, problem)
        digests = self.perform() if self.perform and entry.kind == "act" else None
        if evidence or digests:
            values = tuple(digests[field] for field in fields) if digests else ()
            entry = replace(entry, evidence=evidence, values=values)
        if self.act.party:
            entry = replace(entry, **self.act.told())
        return entries.add(self.connection, entry, whose, self.told)

    def _entry(self, fields: tuple[str, ...], decision: Decision, problem: str) -> Entry:
        """What an entry tells of an outcome, but for what differs from one act to the next."""
        outcome: Any = "" if decision.outcome == "error" else decision.outcome
        entry = replace(
            self.shape.entry,
            kind="act" if decision.allowed and not problem else "refusal",
            outcome=outcome,
            problem=problem or decision.code,
            clauses=decision.clauses,
            data=fields,
            duties=tuple({duty.duty: 0 for duty in decision.duties}),
        )
        if len(self.shape.outcomes) >= OUTCOMES_MAX:
            self.shape.outcomes.clear()
        # With the decision itself, so that nothing else can have its id.
        self.shape.outcomes[id(decision), fields, problem] = decision, entry
        return entry

    def _outcome(
        self,
        read: Reader,
        fields: tuple[str, ...],
        decision: Decision,
        problem: str,
        number: int,
        told: int,
    ) -> Outcome:
        if problem or not decision.allowed:
            if self.entitled:
                return Refused(number, decision, problem or decision.why)
            return Refused(number)
        if decision.duties or decision.owed:
            person_id = read.person.person_id
            carrying = Carrying(
                self.connection,
                self.act,
                person_id,
                decision,
                number,
                self.house.clock.local(moment(told)),
            )
            self.house.carriers.carry_out(carrying)
        if self.act.action in NOTHING_READ:
            return Given(values={}, decision=decision, entry=number)
        given, rows = {}, {}
        for field in fields:
            if found := read(field):
                given[field] = found[-1]
                if len(found) > 1:
                    rows[field] = found
        left = tuple(f for f in self.act.data if f not in fields) if self.act.partial else ()
        return Given(values=given, decision=decision, entry=number, refused=left, rows=rows)
