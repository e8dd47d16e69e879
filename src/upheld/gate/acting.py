"""One act on some people: prove, decide, record, perform, all in the transaction that is given.

It takes few reads however many people there are: keys, records, values. People whose act has the
same outcome on the same grounds share an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from upheld.core.sql import several
from upheld.gate import entries, records
from upheld.gate.derived import Derived, Reader, limited
from upheld.gate.duties import Carriers, Carrying
from upheld.gate.entries import Clock
from upheld.gate.proofs import ProofError, Question, Registry
from upheld.gate.request import Act, Given, Refused, planned
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.policy.vocabulary import Fact
from upheld.vault import people, values
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER, VaultError

Outcome = Given | Refused


class House(NamedTuple):
    """What every act stands on: the policy in force, the keys, the time, and who does what."""

    policy: Policy
    keyring: Keyring
    clock: Clock
    provers: Registry
    carriers: Carriers
    derived: Derived


class Known(NamedTuple):
    """What the database holds of some people for an act: what reads their rows, records."""

    people: dict[str, Reader]
    records: list[records.Record]
    forged: list[str]


class Doing:
    """One act on some people, in a transaction."""

    def __init__(
        self, house: House, connection: Connection, act: Act, *, entitled: bool,
        perform: Callable[[], dict[str, str]] | None = None,
    ) -> None:  # fmt: skip
        """`perform` is done where a person's act is allowed, and gives digests for its entry."""
        self.perform = perform
        self.house, self.connection, self.act, self.entitled = house, connection, act, entitled
        self.plan = planned(house.policy, act)
        facts = house.policy.program.vocabulary.facts
        self.facts = {name: facts[name] for name in self.plan.values}
        self.reads = act.action not in ("collect", "store")
        self.states: tuple[str, ...] = (people.ACTIVE,)

    def all(self, asked: list[str]) -> dict[str, Outcome]:
        """The outcome for each person."""
        known_of = self._known(asked)
        found, reads = known_of.people, self.reads
        proven = self._proven(known_of)
        outcomes: dict[str, Outcome] = {}
        alike: dict[tuple[Any, ...], tuple[Decision, list[str]]] = {}
        for person_id in asked:
            known, evidence, problem = proven[person_id]
            fields, decision, problem = self._decided(known, problem)
            own = evidence if len(asked) == 1 else ()  # each person's own are in no shared entry
            key = (fields, decision.outcome, decision.clauses, decision.duties, decision.owed,
                   problem, own)  # fmt: skip
            alike.setdefault(key, (decision, []))[1].append(person_id)
        for (fields, *_, problem, evidence), (decision, group) in alike.items():
            number, at = self._noted(fields, decision, problem, evidence, group)
            for person_id in group:
                outcomes[person_id] = self._outcome(
                    found[person_id], fields if reads else (), decision, problem, number, at
                )
        return {person_id: outcomes[person_id] for person_id in asked}

    def peek(self, person_id: str) -> Decision:
        """What the decision on a person would be now, for who is entitled; nothing is noted.

        Where something else stands against the act, the outcome is `error`, and `code` says what.
        """
        known, _, problem = self._proven(self._known([person_id]))[person_id]
        _, decision, problem = self._decided(known, problem)
        if not problem:
            return decision
        return Decision(outcome="error", clauses=decision.clauses, code=problem, why=problem)

    def proven(
        self, asked: list[str], besides: Sequence[str] = ()
    ) -> tuple[dict[str, tuple[dict[str, object], tuple[str, ...], str]], list[records.Record]]:
        """What is known of each person by the act's facts and some besides, and their records.

        For each person the facts, the evidence, and what is wrong with it; nothing is noted.
        """
        facts = self.house.policy.program.vocabulary.facts
        self.facts |= {name: facts[name] for name in besides if name in facts}
        known = self._known(asked)
        return self._proven(known), known.records

    def _known(self, asked: list[str]) -> Known:
        """What the database holds of some people for this act; they are locked from here on."""
        house = self.house
        proving = {fact.proof: house.provers.of(fact) for fact in self.facts.values()}
        kinds = sorted(kind for kind, each in proving.items() if each.records)
        named = [field for each in proving.values() for field in each.reads]
        fields = sorted(house.derived.stored([*named, *(self.act.data if self.reads else ())]))
        queries = [people.asking(self.connection, asked), (entries.LAST, ())]
        if fields:
            queries.append(values.asking(asked, fields))
        if kinds:
            queries.append(records.asking([REGISTER, *asked], kinds))
        answers = iter(several(self.connection, queries))
        found = people.told(house.keyring, next(answers), self.states)
        if len(found) < len(asked):
            raise VaultError("there is no such person", code="no-person", hint="see the ids")
        last = entries.last_in(next(answers))
        self.at, self.wrong = house.clock.look(last[1] if last else None)
        fetched = values.told(next(answers)) if fields else {}
        listed, forged = records.told(house.keyring, next(answers) if kinds else [])
        readers = {
            person_id: Reader(person, fetched, house.derived, self.at)
            for person_id, person in found.items()
        }
        return Known(readers, listed, forged)

    def _proven(self, known: Known) -> dict[str, tuple[dict[str, object], tuple[str, ...], str]]:
        """What is known of each person, on which evidence; or what is wrong with the records."""
        house, found = self.house, known.people
        if self.wrong and self.facts:
            return {person_id: ({}, (), f"clock-{self.wrong}") for person_id in found}
        answers: dict[str, tuple[dict[str, object], tuple[str, ...], str]] = {}
        for person_id, read in found.items():
            mine = [each for each in known.records if each.person_id in (REGISTER, person_id)]

            def asked(
                fact: Fact, mine: Any = mine, read: Reader = read, person_id: str = person_id
            ) -> Question:
                own = [each for each in mine if each.kind == fact.proof]
                reads = limited(read, house.provers.of(fact).reads, f"the prover of `{fact.name}`")
                return Question(fact, self.act.party, own, known.forged, self.at,
                                house.policy.engine.checker, reads, self.connection,
                                person_id)  # fmt: skip

            try:
                answers[person_id] = (*house.provers.prove(self.facts, asked), "")
            except ProofError as error:
                answers[person_id] = ({}, (), error.code)
        return answers

    def _decided(
        self, known: dict[str, object], problem: str
    ) -> tuple[tuple[str, ...], Decision, str]:
        """The fields that are allowed, the decision on them, and what stands against it."""
        act, house = self.act, self.house
        decision = self.plan.decide(known)
        fields = act.data
        if act.partial and not problem and not decision.allowed:
            fields = tuple(
                field for field in act.data
                if planned(house.policy, act, [field]).decide(known).allowed
            )  # fmt: skip
            if fields:
                decision = planned(house.policy, act, fields).decide(known)
        if not problem and decision.allowed and (
            missing := house.carriers.missing(decision.duties)
        ):  # fmt: skip
            problem = "duty " + ", ".join(missing)
        return (fields if decision.allowed else act.data), decision, problem

    def _noted(
        self, fields: tuple[str, ...], decision: Decision, problem: str, evidence: tuple[str, ...],
        group: list[str],
    ) -> tuple[int, datetime]:  # fmt: skip
        act = self.act
        allowed = decision.allowed and not problem
        digests = self.perform() if self.perform and allowed else {}
        outcome = "" if decision.outcome == "error" else decision.outcome
        told: dict[str, Any] = {"outcome": outcome, **act.parties()}
        entry = Entry(
            kind="act" if allowed else "refusal", time="", policy=self.house.policy.digest,
            action=act.action, problem=problem or decision.code, **told,
            clauses=decision.clauses, data=fields, purpose=act.purpose or "",
            occasion=act.occasion or "", evidence=evidence,
            duties=tuple(dict.fromkeys(duty.duty for duty in decision.duties)),
            values=tuple(digests[field] for field in fields) if digests else (),
        )  # fmt: skip
        whose = group[0] if len(group) == 1 else group
        return entries.write(self.connection, entry, whose, self.at)

    def _outcome(
        self, read: Reader, fields: tuple[str, ...], decision: Decision, problem: str,
        number: int, at: datetime,
    ) -> Outcome:  # fmt: skip
        if problem or not decision.allowed:
            if self.entitled:
                return Refused(number, decision, problem or decision.why)
            return Refused(number)
        person_id = read.person.person_id
        carrying = Carrying(self.connection, self.act, person_id, decision, number, at)
        self.house.carriers.carry_out(carrying)
        rows = {field: found for field in fields if (found := read(field))}
        told = {field: found[-1] for field, found in rows.items()}
        left = tuple(field for field in self.act.data if field not in fields) if fields else ()
        return Given(values=told, decision=decision, entry=number, refused=left, rows=rows)
