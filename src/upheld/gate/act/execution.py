"""One act on some people: prove, decide, record, perform, all in the transaction that is given.

It takes few reads however many people there are: keys, records, values. People whose act has the
same outcome on the same grounds share an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.core import observing
from upheld.core.ids import EntryNumber, PersonId
from upheld.database.own_tables import Tables
from upheld.database.statements import to_datetime
from upheld.database.tables import microseconds
from upheld.gate.act import places
from upheld.gate.act import reads as fetching
from upheld.gate.act.alike import AlikePeople, Key, decide_each
from upheld.gate.act.context import GateContext
from upheld.gate.act.duties import DutiesAtOnce, DutyQuestion
from upheld.gate.act.explained import explained, not_met
from upheld.gate.act.judgement import Judgement
from upheld.gate.act.licensed import COMBINE, ActLicences
from upheld.gate.act.older_versions import OlderVersions
from upheld.gate.act.outcomes import outcomes_of
from upheld.gate.act.reads import PersonData
from upheld.gate.act.request import Act, ActResult, Refused, planned
from upheld.gate.editions import bound
from upheld.gate.evidence import records
from upheld.gate.evidence.crowd_tables import CrowdTables
from upheld.gate.evidence.derived_fields import FieldReader, restrict_reads
from upheld.gate.evidence.provers import HOLD, EvidenceError, ProofQuestion, Shared
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.silent_holds import told_of
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.request import Decision, Duty
from upheld.policy.vocabulary import Fact
from upheld.vault import people
from upheld.vault.opened_ahead import OpenedAhead
from upheld.vault.people import REGISTER, no_person

Outcome = ActResult | Refused
KnownFacts = dict[str, object]  # what is known of a person's facts
ProofResult = tuple[KnownFacts, tuple[str, ...], str]  # on which evidence; or what is wrong with it
Judged = tuple[ProofResult, Judgement]  # what is proven, and what the version in force makes of it
Chooses = Callable[[PersonId, tuple[Decision, ...]], bool]  # by what is decided, act by act
OUTCOMES_MAX = 64


class ActExecution:
    """One act on some people, in a transaction."""

    # Done where a person's act is allowed; gives digests for its entry.
    perform: Callable[[], dict[str, str]] | None = None
    states: tuple[str, ...] = (people.ACTIVE,)
    is_told = True  # whether anybody learns what comes of it, who may not learn of a silent hold
    as_of: datetime | None = None  # a time before, by the records that were in force then
    facts_of: datetime | None = None  # a time before, by whose facts an act of now is decided
    time: int  # the time of the act, in microseconds
    persons: dict[PersonId, people.Person]  # by `prove`
    clock_problem: str  # of the time of the act
    several = False  # whether it is about several people
    of_held = False  # whether what an act that reads nothing is about is what is held
    at_once: DutiesAtOnce | None = None  # of many people, as far as the gate's own duties go
    licensor = ""  # from whom the values come that are combined
    ahead: OpenedAhead | None = None  # whose people are taken as they were opened
    _asks_licences = True
    _older: OlderVersions | None = None
    _licences: ActLicences | None = None

    def __init__(
        self, context: GateContext, connection: Connection, act: Act, *, entitled: bool
    ) -> None:
        self.context, self.connection, self.entitled = context, connection, entitled
        self.shared: Shared = {}
        # Of whom it is, no duty asks: it is the same for everybody.
        self._duties_missing: dict[tuple[Any, ...], tuple[str, ...]] = {}
        self._decisions: dict[tuple[int, bytes], tuple[object, Decision]] = {}  # by plan and facts
        self._alike: tuple[AlikePeople, dict[Key, Judged]] | None = None  # those judged last
        self.act = context.placed(act)
        if self.act.place is None and act.recipient is not None and act.party:
            there = places.of_recipient(
                connection, context.keyring, context.policy, context.clock, act
            )
            self.act = replace(self.act, place=there)
        self.template = context.template(self.act)
        if act.action == COMBINE:
            self.licensor = act.party

    @property
    def at(self) -> datetime:
        """The time of the act."""
        return to_datetime(self.time)

    def execute(self, person_id: PersonId, data: PersonData | None = None) -> Outcome:
        """The outcome for one person, by what was read already if that is given."""
        data = data or self.load([person_id])
        now = self.time
        if self.facts_of is not None:
            self.time = microseconds(self.facts_of)
        judgement = self.judge(person_id, data)
        self.time = now
        return self.conclude(person_id, data.people[person_id], judgement)

    def conclude(self, person_id: PersonId, read: FieldReader, judgement: Judgement) -> Outcome:
        """Do what was judged of one person, with an entry of their own."""
        fields, decision, evidence, problem, policies, _ = judgement
        number, entry_time = self._write_entry(
            fields, decision, judgement.entry_problem, evidence, person_id, policies
        )
        if self.entitled and judgement.decided_by is not None:  # else nobody is told why
            decision = explained(self.connection, judgement)
        return outcomes_of(self, [read], fields, decision, problem, number, entry_time)[0]

    def judge(
        self, person_id: PersonId, data: PersonData, judged: Judged | None = None
    ) -> Judgement:
        """What becomes of the act for one person, by each version and licence that matters."""
        judgement = self._judge_by_versions(person_id, data, judged)
        if not self._asks_licences or self.as_of is not None:
            return judgement
        if not (self.licensor or data.people[person_id].combined):
            return judgement
        return self.act_licences(data).judge(person_id, judgement)

    def act_licences(self, data: PersonData) -> ActLicences:
        """The licences that are asked about the people of some data."""
        if self._licences is None or self._licences.data is not data:
            self._licences = ActLicences(self, data)
        return self._licences

    def _judge_by_versions(
        self, person_id: PersonId, data: PersonData, judged: Judged | None
    ) -> Judgement:
        if self.template.facts:
            first = (judged or self._judge_newest(person_id, data))[1]
        else:
            first = self.template.settled or self._decide_once()
        if len(self.context.editions) < bound.SECOND or self.as_of is not None:
            return first
        return self.older_versions(data).judge(person_id, first)

    def _judge_newest(self, person_id: PersonId, data: PersonData) -> Judged:
        """What the version in force makes of a person; of many, once for those who are alike."""
        key, answers = None, None
        if self.several:
            if self._alike is None or self._alike[0].data is not data:
                self._alike = AlikePeople(data, [self]), {}
            alike, answers = self._alike
            key = alike.key(person_id)
            if key is not None and (judged := answers.get(key)):
                return judged
        proof = self._proof(person_id, data.people[person_id], data)
        facts, evidence, problem = proof
        fields, decision, problem = self._decide(facts, problem)
        judged = proof, Judgement(fields, decision, evidence, problem)
        if key is not None and answers is not None:
            answers[key] = judged
        return judged

    def older_versions(self, data: PersonData) -> OlderVersions:
        """The versions that are asked besides the one in force about the people of some data."""
        if self._older is None or self._older.data is not data:
            self._older = OlderVersions(self, data)
        return self._older

    def beside(self, context: GateContext, act: Act) -> ActExecution:
        """The act, or another, asked of itself alone; RequestError where a policy lacks the words.

        The context is that of an earlier version or a licence, or the same one.
        """
        other = ActExecution(context, self.connection, act, entitled=self.entitled)
        other.states, other.is_told, other._asks_licences = self.states, self.is_told, False
        return other

    def _decide_once(self) -> Judgement:
        """The judgement that is the same for everybody, because it depends on no fact."""
        fields, decision, problem = self._decide({}, "")
        settled = Judgement(fields, decision, (), problem)
        conditional = self.context.duty_handlers.is_conditional(decision.duties)
        if observing.observer() is None and not conditional:  # who takes notes hears of all
            self.template.settled = settled
        return settled

    def execute_many(
        self,
        person_ids: list[PersonId],
        only_if: Sequence[ActExecution] = (),
        chooses: Chooses | None = None,
    ) -> dict[PersonId, Outcome]:
        """The outcome for each person; what only one of them proved is in no shared entry.

        Whom other acts, of which nothing is noted, do not all allow is left out, or whom `chooses`
        does not choose by what is decided on them: all are decided on one reading.
        """
        if not only_if:
            data = self.load(person_ids)
            return self.conclude_many({e: self.judge(e, data) for e in person_ids}, data)
        data = self.load_with(person_ids, *only_if)
        chooses = chooses or _are_allowed
        judgements, shared = dict[PersonId, Judgement](), dict[int, tuple[Key | None, Judgement]]()
        for person_id, (decisions, key) in decide_each(only_if, person_ids, data, self):
            if chooses(person_id, decisions):
                pair = shared.get(id(key)) or (key, self.judge(person_id, data))
                if key is not None:  # those alike have one, which nothing else is
                    shared[id(key)] = pair
                judgements[person_id] = pair[1]
        return self.conclude_many(judgements, data)

    def conclude_many(
        self, judgements: Mapping[PersonId, Judgement], data: PersonData
    ) -> dict[PersonId, Outcome]:
        """Do what was judged of each of some people; those with one outcome share an entry."""
        if len(judgements) == 1:
            return {p: self.conclude(p, data.people[p], each) for p, each in judgements.items()}
        shared: dict[int, tuple[Judgement, list[PersonId]]] = {}  # of those alike it is the same
        for person_id, judgement in judgements.items():
            shared.setdefault(id(judgement), (judgement, []))[1].append(person_id)
        alike: dict[tuple[Any, ...], tuple[Judgement, list[PersonId]]] = {}
        for judgement, group in shared.values():
            fields, decision, _, problem, policies, _ = judgement
            grounds = decision.outcome, decision.clauses, decision.duties, decision.owed
            key = policies, fields, grounds, problem, judgement.entry_problem
            alike.setdefault(key, (judgement, []))[1].extend(group)
        outcomes: dict[PersonId, Outcome] = {}
        for judgement, group in alike.values():
            fields, decision, _, problem, policies, _ = judgement
            whose = group[0] if len(group) == 1 else group
            number, entry_time = self._write_entry(
                fields, decision, judgement.entry_problem, (), whose, policies
            )
            readers = [data.people[each] for each in group]
            its = outcomes_of(self, readers, fields, decision, problem, number, entry_time)
            outcomes.update(zip(group, its, strict=True))
        return {person_id: outcomes[person_id] for person_id in judgements}

    def load_with(self, person_ids: Sequence[PersonId], *others: ActExecution) -> PersonData:
        """What this act and others need of some people, read at once."""
        data = self.load(person_ids, *others)
        for each in others:
            each.stand_as(self)
        return data

    def stand_as(self, other: ActExecution) -> None:
        """Stand at the moment of another act that read what both need, of as many people."""
        self.time, self.clock_problem = other.time, other.clock_problem
        self.several = other.several

    def peek(self, person_id: PersonId, data: PersonData | None = None) -> Decision:
        """What the decision on a person would be now, for who is entitled; nothing is noted.

        Where something else stands against the act, the outcome is `error`, and `code` says what.
        """
        decision, (_, _, problem) = self.evaluate(person_id, data)
        if not problem:
            return decision
        return not_met(decision, problem)

    def decisions_at(self, person_id: PersonId, moments: Sequence[datetime]) -> list[Decision]:
        """The decision on a person at some moments, by what is data now; nothing is noted."""
        data, decisions = self.load([person_id]), []
        for each in moments:
            self.time, self.clock_problem = microseconds(each), ""
            decisions.append(self.peek(person_id, data))
        return decisions

    def evaluate(
        self, person_id: PersonId, data: PersonData | None = None
    ) -> tuple[Decision, ProofResult]:
        """The decision on a person, what it rests on and what stands against it; no entry."""
        data = data or self.load([person_id])
        if not self.template.facts:
            judgement = self.judge(person_id, data)
            return explained(self.connection, judgement), (
                {},
                judgement.evidence,
                judgement.problem,
            )
        judged = self._judge_newest(person_id, data)
        judgement = self.judge(person_id, data, judged)
        return explained(self.connection, judgement), (
            judged[0][0],
            judgement.evidence,
            judgement.problem,
        )

    def prove(
        self, person_ids: list[PersonId], besides: Sequence[str] = ()
    ) -> tuple[dict[PersonId, ProofResult], PersonData]:
        """What is known of each person by the act's facts and some besides, and what was read."""
        self.template = self.context.template(self.act, besides)
        data = self.load(person_ids)
        self.persons = {each: read.person for each, read in data.people.items()}
        proven = {each: self._proof(each, read, data) for each, read in data.people.items()}
        return proven, data

    def load(self, person_ids: Sequence[PersonId], *others: ActExecution) -> PersonData:
        """What the database holds of some people for this act; they are locked from here on."""
        context, connection = self.context, self.connection
        kinds, fields = self.template.kinds, self.fields_read()
        self.several = len(person_ids) > 1
        for other in others:
            kinds = tuple(dict.fromkeys((*kinds, *other.template.kinds)))
            fields = tuple(dict.fromkeys((*fields, *other.fields_read())))
        by_owner: dict[str, list[Record]] = {}
        changed: set[str] = set()
        ahead = self.ahead if self.ahead and self.ahead.covers(fields) else None
        now = () if ahead else fields
        proving = [records.select_query([REGISTER, *person_ids], kinds)] if kinds else []
        last, rows, answers = fetching.fetch(connection, person_ids, now, *proving)
        for answer in answers:
            some, changed = fetching.verified_records(connection, kinds, rows.people, answer)
            for each in some:
                by_owner.setdefault(each.person_id, []).append(each)
        rows = fetching.with_opened(connection, rows, fields, ahead, context.keyring)
        self.time, self.clock_problem = context.clock.look(last)
        if self.as_of is not None:
            self.time, self.clock_problem = microseconds(self.as_of), ""
        tables = CrowdTables(connection, person_ids) if self.several else Tables(connection)
        readers = fetching.field_readers(connection, context, rows, self.states, self.time, tables)
        if len(readers) < len(person_ids):
            raise no_person(next(each for each in person_ids if each not in readers))
        covers: dict[PersonId, object] = {}
        if len(context.editions) >= bound.SECOND:
            covers = {each[0]: each[fetching.COVER] for each in rows.people}
        return PersonData(readers, by_owner, changed, covers, tables)

    def fields_read(self) -> tuple[str, ...]:
        """The stored fields that are read for the act."""
        fields = self.template.fields
        if not self.of_held:
            return fields
        stored = self.context.derived.stored(self.act.data)
        return tuple(dict.fromkeys((*fields, *sorted(stored))))

    def _proof(self, person_id: PersonId, read: FieldReader, data: PersonData) -> ProofResult:
        """What is known of a person, on which evidence; or what is wrong with the records."""
        context, facts = self.context, self.template.facts
        if not facts:
            return {}, (), ""
        if self.clock_problem:
            return {}, (), f"clock-{self.clock_problem}"
        if (
            data.changed
            and self.template.kinds
            and not data.changed.isdisjoint((REGISTER, person_id))
        ):
            return {}, (), "forged-record"
        try:
            questions = self.questions(person_id, read, data, data.with_registers(person_id))
            return (*context.provers.prove(facts, questions), "")
        except EvidenceError as error:
            return {}, (), error.code

    def questions(
        self, person_id: PersonId, read: FieldReader, data: PersonData, mine: Sequence[Record]
    ) -> Callable[[Fact], ProofQuestion]:
        """What the prover of each fact is asked about a person, of whose records it may tell."""
        act, policy, needs = self.act, self.context.policy, self.template.needs
        at, checker = self.context.clock.local(self.at), policy.engine.checker
        if self.is_told and HOLD in self.template.facts:
            mine = told_of(policy, mine, self.time)

        def question_of(fact: Fact) -> ProofQuestion:
            proof = fact.proof
            kinds, reads, who = needs.get(fact.name) or self._proof_needs(fact)
            own = [
                each
                for each in mine
                if each.kind == proof or (each.kind in kinds and not each.person_id)
            ]
            return ProofQuestion(
                fact,
                act.data,
                act.party,
                own,
                at,
                checker,
                restrict_reads(read, reads, who),
                data.tables,
                person_id,
                policy,
                act.purpose,
                act.reference,
                self.shared,
            )

        return question_of

    def _proof_needs(self, fact: Fact) -> tuple[tuple[str, ...], tuple[str, ...], str]:
        """Kinds of records and fields by which a fact of this act is proven, and what proves it."""
        provers = self.context.provers
        kinds = provers.of(fact).kinds_for(fact.proof)
        needs = kinds, provers.reads(fact, self.act.data), f"the prover of `{fact.name}`"
        self.template.needs[fact.name] = needs
        return needs

    def _decision(self, facts: KnownFacts) -> Decision:
        """The decision on some facts; of many people once for those alike, unless noted."""
        plan = self.template.plan
        if not self.several or observing.observer() is not None:
            return plan.decide(facts)
        try:
            key = id(plan), msgspec.msgpack.encode(facts)
        except (TypeError, ValueError, OverflowError):  # what a prover of a practice's own says
            return plan.decide(facts)
        pair = self._decisions.get(key)
        if pair is None:
            pair = self._decisions[key] = plan, plan.decide(facts)  # whose id nothing else has
        return pair[1]

    def _decide(self, facts: KnownFacts, problem: str) -> tuple[tuple[str, ...], Decision, str]:
        """The fields that are allowed, the decision on them, and what stands against it."""
        act, context = self.act, self.context
        decision = self._decision(facts)
        fields = act.data
        if act.partial and not problem and not decision.allowed:
            fields = tuple(
                field
                for field in act.data
                if planned(context.policy, act, [field]).decide(facts).allowed
            )
            if fields:
                decision = planned(context.policy, act, fields).decide(facts)
        if not decision.allowed:
            return act.data, decision, problem
        if not problem and decision.duties:
            missing = self._missing(fields, decision.duties)
            problem = "duty " + ", ".join(missing) if missing else ""
        return fields, decision, problem

    def _missing(self, fields: tuple[str, ...], duties: Sequence[Duty]) -> tuple[str, ...]:
        """The duties that nobody can carry out of the act on some fields, asked once a moment."""
        key = self.time, fields, tuple(duties)
        missing = self._duties_missing.get(key)
        if missing is None or observing.observer() is not None:
            question = DutyQuestion(
                replace(self.act, data=fields),
                Tables(self.connection),
                self.context.clock.local(self.at),
                self.context.policy,
                self.shared,
            )
            missing = self.context.duty_handlers.missing(duties, question)
            self._duties_missing[key] = missing
        return missing

    def _write_entry(
        self,
        fields: tuple[str, ...],
        decision: Decision,
        problem: str,
        evidence: tuple[str, ...],
        whose: PersonId | list[PersonId],
        policies: tuple[str, ...],
    ) -> tuple[EntryNumber, int]:
        """Add the entry; its number and time, in microseconds."""
        cached = self.template.outcomes.get((id(decision), fields, problem))
        entry = cached[1] if cached else self._entry(fields, decision, problem)
        if policies:
            entry = replace(entry, policies=policies)
        digests = self.perform() if self.perform and entry.kind == "act" else None
        if evidence or digests:
            values = tuple(digests[field] for field in fields) if digests else ()
            entry = replace(entry, evidence=evidence, values=values)
        if self.act.party or self.act.reference:
            entry = replace(entry, **self.act.entry_names())
        return entries.add(self.connection, entry, whose, self.time)

    def _entry(self, fields: tuple[str, ...], decision: Decision, problem: str) -> Entry:
        """What an entry tells of an outcome, but for what differs from one act to the next."""
        outcome: Any = "" if decision.outcome == "error" else decision.outcome
        entry = replace(
            self.template.entry,
            kind="act" if decision.allowed and not problem else "refusal",
            outcome=outcome,
            problem=problem or decision.code,
            clauses=decision.clauses,
            data=fields,
            duties=tuple({duty.duty: 0 for duty in decision.duties}),
        )
        if len(self.template.outcomes) >= OUTCOMES_MAX:
            self.template.outcomes.clear()
        # With the decision itself, so that nothing else can have its id.
        self.template.outcomes[id(decision), fields, problem] = decision, entry
        return entry


def _are_allowed(_: PersonId, decisions: Sequence[Decision]) -> bool:
    return all(each.allowed for each in decisions)
