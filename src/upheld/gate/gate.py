"""The gate: prove, decide, perform, record, in one transaction, and only then hand out values.

An act locks its people, its facts are proven from records, the policy decides, somebody must carry
out each duty, values are read or written, an entry is added, and the transaction is committed. A
refusal is an entry too. Nobody gets a value whose entry is not durable; what fails leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from upheld.core.errors import RequestError
from upheld.core.transaction import reading, writing
from upheld.gate import entries, items, records
from upheld.gate.acting import Doing, House, Outcome
from upheld.gate.duties import Carriers
from upheld.gate.entries import Clock
from upheld.gate.proofs import Registry
from upheld.gate.request import Act, Given, Refused, planned
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.vault import blind_index, people, values
from upheld.vault.keyring import Keyring
from upheld.vault.people import REGISTER
from upheld.vault.values import Origin


class Joint:
    """Acts that share one transaction: all of them are kept, or none. Made by `Gate.together`."""

    def __init__(self, house: House, connection: Connection) -> None:
        self.house, self.connection = house, connection

    def act(self, act: Act, person_id: str, *, entitled: bool = False) -> Outcome:
        """Do one act; a refusal is given, not raised, so that its entry is kept.

        Values are those of an act that is not durable yet: use them within the transaction alone.
        """
        return self.sweep(act, [person_id], entitled=entitled)[person_id]

    def sweep(
        self, act: Act, asked: Sequence[str], *, entitled: bool = False
    ) -> dict[str, Outcome]:
        """Do one act on many people: those who share an outcome and its grounds share an entry."""
        doing = Doing(self.house, self.connection, act, entitled=entitled)
        return doing.all(list(dict.fromkeys(asked)))

    def store(  # noqa: PLR0913 - what belongs to what is stored
        self, person_id: str, told: Mapping[str, str], *, source: str, occasion: str,
        party: str = "", public_source: str | None = None, entitled: bool = False,
    ) -> Outcome:  # fmt: skip
        """Collect and store values, if the policy lets them in from there and lets them be kept."""
        fields = tuple(told)
        collect = Act(action="collect", data=fields, source=source, occasion=occasion, party=party)
        store = Act(action="store", data=fields)
        if not Doing(self.house, self.connection, store, entitled=False).would(person_id):
            return self.act(store, person_id, entitled=entitled)  # refused, with its entry
        found = self.act(collect, person_id, entitled=entitled)
        if isinstance(found, Refused):
            return found
        origin = Origin(party or source, occasion, ", ".join(found.decision.clauses), public_source)
        doing = Doing(
            self.house, self.connection, store, entitled=entitled,
            perform=lambda: self._put(person_id, told, origin),
        )  # fmt: skip
        return doing.all([person_id])[person_id]

    def _put(self, person_id: str, told: Mapping[str, str], origin: Origin) -> dict[str, str]:
        """Write values; the digests of the rows, by field."""
        house = self.house
        person = people.opened(self.connection, house.keyring, person_id)
        now = house.clock.now()
        person = values.put(self.connection, house.keyring, person, dict(told), origin, now)
        return {field: person.holdings[field][1] for field in told}

    def enrol(self) -> str:
        """A new person of whom nothing is held yet; the id says nothing."""
        at = self.house.clock.now()
        person = people.enrol(self.connection, self.house.keyring, at)
        self._note(person.person_id, at, kind="person")
        return person.person_id

    def bring(self, person_id: str, told: Mapping[str, str]) -> bool:
        """Store what was held before upheld came; whether that is a violation of the policy."""
        house = self.house
        fields = tuple(told)
        plan = planned(house.policy, Act(action="store", data=fields))
        decision = plan.decide({})
        people.lock(self.connection, person_id)
        clauses = ", ".join(decision.clauses) if decision.allowed else ""
        digests = self._put(person_id, told, Origin("import", "import", clauses))
        violation = "" if decision.allowed else "held before, and no clause lets all of it be kept"
        self._note(
            person_id, house.clock.now(), kind="import", action="store", outcome=decision.outcome,
            clauses=decision.clauses, data=fields, violation=violation,
            values=tuple(digests[field] for field in fields),
        )  # fmt: skip
        return bool(violation)

    def record(self, person_id: str, kind: str, *, fact: str = "", **more: Any) -> str:
        """Keep a record that proves a fact; its id. `more` is as `records.add` takes it.

        RecordError unless it names what its fact is per, in words of the vocabulary.
        """
        house = self.house
        about = dict(more.pop("about", None) or {})
        _checked(house.policy, kind, fact, about)
        people.lock(self.connection, person_id)
        if person_id != REGISTER:
            people.opened(self.connection, house.keyring, person_id)
        more.setdefault("begins", house.clock.now())
        made = records.add(self.connection, house.keyring, person_id, kind, fact=fact,
                           about=about, **more)  # fmt: skip
        number = self._note(person_id, house.clock.now(), kind="record", action=f"add {kind}",
                            evidence=(made.record_id,))  # fmt: skip
        items.review(house, self.connection, person_id, kind, number, made.record_id)
        return made.record_id

    def withdraw(self, person_id: str, record_id: str, *, ended: bool = False) -> None:
        """Withdraw a record, or let it end: acts that are committed later no longer rest on it."""
        people.lock(self.connection, person_id)
        at = self.house.clock.now()
        found = records.end(self.connection, self.house.keyring, person_id, record_id, at,
                            withdrawn=not ended)  # fmt: skip
        number = self._note(person_id, at, kind="record", evidence=(record_id,),
                            action=f"{'end' if ended else 'withdraw'} {found.kind}")  # fmt: skip
        items.review(self.house, self.connection, person_id, found.kind, number, record_id)

    def accept_clock(self, at: datetime) -> None:
        """Note that the time of day is taken as it is."""
        self._note(None, at, kind="clock")

    def _note(self, person_id: str | None, at: datetime, **told: Any) -> int:
        entry = Entry(time="", policy=self.house.policy.digest, **told)
        return entries.write(self.connection, entry, person_id or None, at)[0]


def _checked(policy: Policy, kind: str, fact: str, about: Mapping[str, Sequence[str]]) -> None:
    """RecordError unless a record names its fact and everything that this fact is per."""
    facts = {n: f for n, f in policy.program.vocabulary.facts.items() if f.proof == kind}
    if not facts or (fact and fact not in facts):
        raise records.RecordError(f"no fact is proven by `{kind}`", code="wrong-record",
                                  hint="see the vocabulary's `proof`")  # fmt: skip
    if not fact and len(facts) > 1:
        raise records.RecordError(f"`{kind}` proves several facts", code="wrong-record",
                                  hint="name one of " + ", ".join(sorted(facts)))  # fmt: skip
    found = facts[fact] if fact else next(iter(facts.values()))
    if set(about) != set(found.per):
        per = ", ".join(found.per) or "nothing"
        raise records.RecordError(f"`{found.name}` is per {per}", code="wrong-record",
                                  hint="let the record say exactly that")  # fmt: skip
    for dimension, words in about.items():
        policy.engine.checker.dimension(dimension, tuple(words))


class Gate:
    """The one door to personal data, for callers that wait; `open_gate` gives one for asyncio.

    Each call is one transaction and raises Refused where the policy says no.
    """

    def __init__(
        self, engine: Engine, policy: Policy, keyring: Keyring, clock: Clock | None = None
    ) -> None:
        self.engine = engine
        self.house = House(policy, keyring, clock or Clock(), Registry(), Carriers())
        with writing(engine) as connection:
            people.belong(connection, keyring)

    def __repr__(self) -> str:
        return f"Gate(policy {self.house.policy.digest[:12]})"

    @contextmanager
    def together(self) -> Iterator[Joint]:
        """Acts in one transaction: committed when the block ends, undone when it raises."""
        with writing(self.engine) as connection:
            yield Joint(self.house, connection)

    def batch(self, works: Sequence[Callable[[Joint], Any]]) -> list[Any]:
        """Pieces of work in one transaction, each whole or not at all; results or exceptions.

        A failing neighbour costs nobody else; a failing commit fails all, and raises.
        """
        found: list[Any] = []
        with writing(self.engine) as connection:
            joint = Joint(self.house, connection)
            for work in works:
                if len(works) == 1:
                    found.append(work(joint))
                    break
                try:
                    with connection.begin_nested():
                        found.append(work(joint))
                except Exception as error:  # noqa: BLE001 - given back to whoever asked
                    found.append(error)
        return found

    def _one(self, work: Callable[[Joint], Any]) -> Any:
        (found,) = self.batch([work])
        if isinstance(found, Refused):
            raise found
        return found

    def enrol(self) -> str:
        """A new person; the id."""
        return str(self._one(lambda joint: joint.enrol()))

    def store(self, person_id: str, told: Mapping[str, str], **more: Any) -> Given:
        """Collect and store values: `source`, `occasion`, and who it is by name as `party`."""
        found: Given = self._one(lambda joint: joint.store(person_id, told, **more))
        return found

    def act(
        self, action: str, person_id: str, data: Sequence[str] = (), *, entitled: bool = False,
        **more: Any,
    ) -> Given:  # fmt: skip
        """Do any act of the vocabulary; `more` says purpose, recipient and so on, as Act does."""
        asked = Act(action=action, data=tuple(data), **more)
        found: Given = self._one(lambda joint: joint.act(asked, person_id, entitled=entitled))
        return found

    @property
    def actions(self) -> frozenset[str]:
        """Every action that the policy's vocabulary knows."""
        return frozenset(self.house.policy.engine.compiled.takes)

    def __getattr__(self, name: str) -> Callable[..., Given]:
        """A call for each action of the vocabulary, such as `use`, `share`, `set_cookie`."""
        action = name.replace("_", "-")
        if name.startswith("_") or name == "house" or action not in self.actions:
            raise AttributeError(f"a gate has no `{name}`, and its policy no such action")

        def act(person_id: str, data: Sequence[str] = (), **more: Any) -> Given:
            return self.act(action, person_id, data, **more)

        return act

    def sweep(
        self, action: str, asked: Sequence[str], data: Sequence[str] = (), **more: Any
    ) -> dict[str, Outcome]:
        """One act on many people in one transaction: for each what it gives, or a refusal."""
        act = Act(action=action, data=tuple(data), **more)
        found: dict[str, Outcome] = self._one(lambda joint: joint.sweep(act, asked))
        return found

    def record(self, person_id: str, kind: str, **more: Any) -> str:
        """Keep a record that proves a fact; its id."""
        return str(self._one(lambda joint: joint.record(person_id, kind, **more)))

    def withdraw(self, person_id: str, record_id: str, *, ended: bool = False) -> None:
        """Withdraw a record, or let it end."""
        self._one(lambda joint: joint.withdraw(person_id, record_id, ended=ended))

    def find(self, field: str, value: str) -> list[str]:
        """The people with an e-mail address or phone number."""
        if field not in blind_index.FIELDS:
            raise RequestError(f"nobody is found by `{field}`", code="unknown-term",
                               hint="by " + " or ".join(blind_index.FIELDS))  # fmt: skip
        with reading(self.engine) as connection:
            return blind_index.find(connection, self.house.keyring, field, value)

    def entries(self, person_id: str) -> list[entries.Kept]:
        """Everything that was done or refused about a person."""
        with reading(self.engine) as connection:
            return entries.of_person(connection, person_id)

    def accept_clock(self) -> None:
        """Take the time of day as it is, though it was set back or jumped; an entry says so."""
        at = self.house.clock.accept()
        self._one(lambda joint: joint.accept_clock(at))
