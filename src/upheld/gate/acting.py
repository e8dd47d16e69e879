"""One act on some people: prove, decide, record, perform, all in the transaction that is given.

It takes few reads however many people there are: keys, records, values. People whose act has the
same outcome on the same grounds share an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection

from upheld.core.sql import several
from upheld.gate import entries, records
from upheld.gate.duties import Carriers, Carrying
from upheld.gate.entries import Clock
from upheld.gate.proofs import BIRTH_DATE, ProofError, Question, Registry
from upheld.gate.request import Act, Given, Refused, planned
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.policy.vocabulary import Fact
from upheld.vault import people, values
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER, Person, VaultError

Outcome = Given | Refused


class House(NamedTuple):
    """What every act stands on: the policy in force, the keys, the time, provers and carriers."""

    policy: Policy
    keyring: Keyring
    clock: Clock
    provers: Registry
    carriers: Carriers


class Known(NamedTuple):
    """What the database holds of some people for an act: keys, sealed rows, records."""

    people: dict[str, Person]
    fetched: values.Fetched
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
        self.facts: Mapping[str, Fact] = {name: facts[name] for name in self.plan.values}
        self.reads = act.action not in ("collect", "store")
        self.as_of: datetime | None = None
        self.known: dict[str, object] = {}

    def all(self, asked: list[str]) -> dict[str, Outcome]:
        """The outcome for each person."""
        known_of = self._known(asked)
        found, fetched, reads = known_of.people, known_of.fetched, self.reads
        if len(found) < len(asked):
            raise VaultError("there is no such person", code="no-person", hint="see the ids")
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
                    found[person_id], fields if reads else (), decision, problem, number, at,
                    fetched,
                )  # fmt: skip
        return {person_id: outcomes[person_id] for person_id in asked}

    def would(self, person_id: str) -> bool:
        """Whether the act on a person would be allowed now; nothing is noted."""
        decision, _, problem = self.found(person_id)
        return decision.allowed and not problem

    def found(self, person_id: str) -> tuple[Decision, tuple[str, ...], str]:
        """The decision on a person's act, its evidence, what stands against it; nothing is noted.

        With `as_of`, of a time before: by the records that were in force then.
        """
        proven = self._proven(self._known([person_id]))
        if person_id not in proven:
            raise VaultError("there is no such person", code="no-person", hint="see the ids")
        known, evidence, problem = proven[person_id]
        _, decision, problem = self._decided(known, problem)
        self.known = known
        return decision, evidence, problem

    def _known(self, asked: list[str]) -> Known:
        """What the database holds of some people for this act; they are locked from here on."""
        kinds = sorted({fact.proof for fact in self.facts.values()} - {BIRTH_DATE})
        fields = list(self.act.data) if self.reads else []
        if any(fact.proof == BIRTH_DATE for fact in self.facts.values()):
            fields.append(BIRTH_DATE)
        queries = [people.asking(self.connection, asked), (entries.LAST, ())]
        if fields:
            queries.append(values.asking(asked, fields))
        if kinds:
            queries.append(records.asking([REGISTER, *asked], kinds))
        answers = iter(several(self.connection, queries))
        found = people.told(self.house.keyring, next(answers))
        last = entries.last_in(next(answers))
        self.at, self.wrong = self.house.clock.look(last[1] if last else None)
        if self.as_of is not None:
            self.at, self.wrong = self.as_of, ""
        fetched = values.told(next(answers)) if fields else {}
        listed, forged = records.told(self.house.keyring, next(answers) if kinds else [])
        return Known(found, fetched, listed, forged)

    def _proven(self, known: Known) -> dict[str, tuple[dict[str, object], tuple[str, ...], str]]:
        """What is known of each person, on which evidence; or what is wrong with the records."""
        house, found, fetched = self.house, known.people, known.fetched
        if self.wrong and self.facts:
            return {person_id: ({}, (), f"clock-{self.wrong}") for person_id in found}
        answers: dict[str, tuple[dict[str, object], tuple[str, ...], str]] = {}
        for person_id, person in found.items():
            mine = [each for each in known.records if each.person_id in (REGISTER, person_id)]

            def value(field: str, person: Person = person) -> str | None:
                if field not in person.holdings:
                    return None
                return values.open_value(person, field, fetched).value

            def asked(fact: Fact, mine: Any = mine, value: Any = value) -> Question:
                own = [each for each in mine if each.kind == fact.proof]
                return Question(fact, self.act.party, own, known.forged, self.at,
                                house.policy.engine.checker, value)  # fmt: skip

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

    def _outcome(  # noqa: PLR0913, PLR0917 - what is known of an act by now
        self, person: Person, fields: tuple[str, ...], decision: Decision, problem: str,
        number: int, at: datetime, fetched: values.Fetched,
    ) -> Outcome:  # fmt: skip
        if problem or not decision.allowed:
            if self.entitled:
                return Refused(number, decision, problem or decision.why)
            return Refused(number)
        carrying = Carrying(self.connection, self.act, person.person_id, decision, number, at)
        self.house.carriers.carry_out(carrying)
        told = {
            field: values.open_value(person, field, fetched)
            for field in fields if field in person.holdings
        }  # fmt: skip
        left = tuple(field for field in self.act.data if field not in fields) if fields else ()
        return Given(values=told, decision=decision, entry=number, refused=left)
