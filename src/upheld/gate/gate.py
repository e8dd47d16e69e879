"""The gate: prove, decide, perform, record, in one transaction, and only then hand out values.

An act locks its people, its facts are proven from records, the policy decides, somebody must carry
out each duty, values are read or written, an entry is added, and the transaction is committed. A
refusal is an entry too. Nobody gets a value whose entry is not durable; what fails leaves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Unpack

from sqlalchemy import Connection, Engine

from upheld.core.clock import Clock
from upheld.core.errors import RequestError, UpheldError
from upheld.core.ids import PersonId, RecordId
from upheld.database.connection import WriteConnection
from upheld.database.errors import OutdatedError
from upheld.database.own_tables import Tables
from upheld.database.statements import Savepoint
from upheld.database.transaction import reading, write_connection, writing
from upheld.gate import older_databases
from upheld.gate.act.arrivals import ArrivalQuestions
from upheld.gate.act.context import ActTemplate, GateContext, checked_place
from upheld.gate.act.duties import DutyHandlers
from upheld.gate.act.erasure_hooks import ErasureHooks
from upheld.gate.act.execution import ActExecution, Outcome
from upheld.gate.act.options import (
    ActOptions,
    RecordFilter,
    RecordFilterUntil,
    RecordOptions,
    StoreOptions,
    act_of,
    check_filter,
    check_record,
    check_store,
)
from upheld.gate.act.request import Act, ActResult, Refused, require_list
from upheld.gate.change_counts import change_counts_of
from upheld.gate.editions import mark, store
from upheld.gate.editions.licences import COMBINED, REFUSES, Licence
from upheld.gate.editions.store import EditionError
from upheld.gate.evidence.carry_forward import CarryForwards
from upheld.gate.evidence.derived_fields import DerivedFields
from upheld.gate.evidence.elapsed_time import by_notice, by_time_since
from upheld.gate.evidence.field_values import FieldValues
from upheld.gate.evidence.provers import ProverEntry, ProverRegistry
from upheld.gate.evidence.records import Record
from upheld.gate.log import entries
from upheld.gate.log.log_state import LogState
from upheld.gate.sealing import Sealer
from upheld.gate.transaction import GateTransaction
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.policy.request import Decision, Duty
from upheld.vault import blind_index, erasures, opened_ahead
from upheld.vault.keyring import Keyring
from upheld.vault.opened_ahead import OpenedAhead, Order


class Gate:
    """The one door to personal data, for callers that wait; `open_gate` gives one for asyncio.

    Each call is one transaction and raises Refused where the policy says no.
    """

    def __init__(
        self,
        engine: Engine,
        policy: Policy | Callable[[], Policy],
        keyring: Keyring,
        clock: Clock | None = None,
        *,
        place: str = "",
    ) -> None:
        """`policy`, or what gives it, is for a database in which no version of it was posted.

        `place` is where our data lie, a word of the policy; if empty, no act names it.
        """
        self.engine = engine
        templates: dict[Any, ActTemplate] = {}
        with writing(engine) as connection:
            older_databases.belong(connection, keyring)
        in_force = mark.in_force(engine, keyring)
        if in_force is not None:
            policy = in_force[1]
        elif not isinstance(policy, Policy):
            policy = policy()
        self.context = GateContext(
            policy,
            keyring,
            clock or Clock(),
            ProverRegistry(templates.clear),
            DutyHandlers(templates.clear),
            DerivedFields(templates.clear),
            templates,
            CarryForwards(),
            ErasureHooks(),
            FieldValues(),
            checked_place(policy, place),
            len(in_force[0]) if in_force else 0,
            in_force[0] if in_force else (),
        )
        since = ProverEntry(by_time_since, matters={}, timed=True)
        self.context.provers.add_entry("account", since)
        self.context.provers.add("notice", by_notice)
        self.log_state = LogState(engine)
        self.change_counts = change_counts_of(engine, keyring)
        self.log_state.look()

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.context.policy

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self.context.clock

    @property
    def arrival_questions(self) -> ArrivalQuestions:
        """What the policy says of people whom nobody knows by name, without a transaction."""
        return ArrivalQuestions(self.context)

    def sealer(self, purpose: str, *more: str) -> Sealer:
        """What seals and marks for a purpose of a practice's own."""
        return Sealer(self.context.keyring, purpose, *more)

    def token_of(self, person_id: PersonId) -> str:
        """What stands for a person in the list of erasures, and outlives them; it names nobody."""
        return erasures.token(self.context.keyring, person_id)

    def carries_out(self, duty: str) -> bool:
        """Whether a part of the program carries out a duty."""
        handlers = self.context.duty_handlers
        return not handlers.missing([Duty(duty)]) or duty in handlers.of_arrivals

    def derived_of(self, fields: Iterable[str]) -> frozenset[str]:
        """The fields among some that are worked out of others, and never stored."""
        return frozenset(fields) - self.context.derived.stored(fields)

    def __repr__(self) -> str:
        return f"Gate(policy {self.context.policy.digest[:12]})"

    def policy_behind(self, entry: Entry) -> Policy:
        """The policy by which an entry was decided; the one in force if that was never posted."""
        digest, context = entry.policy, self.context
        if digest == context.policy.digest or not self.edition_number(digest):
            return context.policy
        if (policy := store.in_mind(digest)) is not None:
            return policy
        with reading(self.engine) as connection:
            return store.policy_of(connection, digest)

    def licence_behind(self, entry: Entry) -> tuple[Licence, Policy] | None:
        """The licence that refused what an entry tells of, with its document; None if none did."""
        number = entry.problem.removeprefix(REFUSES)
        if number == entry.problem or not number.isdecimal():
            return None
        shelf = self.context.licences
        with reading(self.engine) as connection:
            for each in shelf.all(connection):
                if each.number == int(number):
                    return each, shelf.policy_of(connection, each)
        return None

    def edition_number(self, digest: str) -> int:
        """The number of the version with a digest; 0 where none was posted."""
        editions = self.context.editions
        return next((each.number for each in editions if each.digest == digest), 0)

    def take_first_version(self) -> None:
        """Let the policy by which this gate was opened be the first version, unless there is one.

        From then on the database says which version is in force, whatever file it is opened with.
        """
        if not self.context.edition:
            with self.together() as transaction:
                transaction.editions.begin()
            self.refresh()

    def refresh(self) -> bool:
        """Decide by the version of the policy that was posted last; whether that is another one.

        Where none was posted, the policy that the gate was opened with goes on. Every transaction
        sees to it by itself.
        """
        with reading(self.engine) as connection:
            if store.newest(connection) == self.context.edition:
                return False
        in_force = mark.in_force(self.engine, self.context.keyring)
        if in_force is None:
            raise EditionError(
                "the versions of the policy that were posted are gone",
                code="version-copy",
                hint="restore the database from a backup",
            )
        editions, policy = in_force
        self.context = self.context.under(policy, editions)
        return True

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction under the policy that is in force when it begins, as `context` says."""
        while True:
            with writing(self.engine) as connection:
                if store.newest(connection) == self.context.edition:
                    yield connection
                    return
            self.refresh()

    @contextmanager
    def look(self) -> Iterator[Tables]:
        """The rows of whoever asks, as they are at one moment; nothing is written."""
        with reading(self.engine) as connection:
            yield Tables(connection)

    @contextmanager
    def consult(self) -> Iterator[GateTransaction]:
        """Questions to a transaction, all of one moment; nobody who writes waits for them.

        What is written in it is undone.
        """
        while True:
            with reading(self.engine) as connection:
                if store.newest(connection) == self.context.edition:
                    yield GateTransaction(self.context, connection)
                    return
            self.refresh()

    @contextmanager
    def together(self, ahead: OpenedAhead | None = None) -> Iterator[GateTransaction]:
        """Acts in one transaction: committed when the block ends, undone when it raises.

        Whom a `sweep` is about is taken as they were opened `ahead`, where they are so still.
        """
        with self.writing() as connection:
            transaction = GateTransaction(self.context, connection)
            transaction.ahead = ahead
            yield transaction

    def opening_ahead(self, acts: Sequence[Act]) -> OpenedAhead:
        """For a `with` block in which everybody is swept, in the order of their ids, for acts.

        Where they are many, a second process opens what is read of them before they are reached.
        """
        with self.consult() as transaction:
            if opened_ahead.is_worth_it(len(transaction.customers_after("", opened_ahead.FEWEST))):
                context, link = transaction.context, transaction.connection
                some = [ActExecution(context, link, each, entitled=True) for each in acts]
                fields = {each for one in some for each in one.fields_read()}
                database = self.engine.url.render_as_string(hide_password=False)
                return OpenedAhead(
                    Order(database, context.keyring.epochs, (*sorted(fields),), COMBINED)
                )
        return OpenedAhead(None)

    def batch(self, works: Sequence[Callable[[GateTransaction], Any]]) -> list[Any]:
        """Pieces of work in one transaction, each whole or not at all; results or exceptions.

        A failing neighbour costs nobody else; a failing commit fails all, and raises. Where a new
        version of the policy is in force since, all of them are begun again under it.
        """
        while True:
            try:
                return self._batch(works)
            except OutdatedError:
                self.refresh()

    def _batch(self, works: Sequence[Callable[[GateTransaction], Any]]) -> list[Any]:
        if len(works) == 1:
            return [self._alone(works[0])]
        outcomes: list[Any] = []
        with write_connection(self.engine) as connection:
            transaction = GateTransaction(self._begin(connection), connection)
            for work in works:
                try:
                    with Savepoint(connection):
                        outcomes.append(work(transaction))
                except OutdatedError:
                    raise
                except Exception as error:  # noqa: BLE001 - given back to whoever asked
                    outcomes.append(error)
        return outcomes

    def _alone(self, work: Callable[[GateTransaction], Any]) -> Any:
        """What a piece of work gives in a transaction of its own."""
        with write_connection(self.engine) as connection:
            context = self._begin(connection)
            try:
                return work(GateTransaction(context, connection))
            except UpheldError:  # of words, say, that a later version may have
                connection.ask_expected()
                raise

    def _begin(self, connection: WriteConnection) -> GateContext:
        """The context, for a transaction in which its policy is in force.

        OutdatedError with its first statement where another one is.
        """
        context = self.context
        connection.expect(store.NEWEST, context.edition)
        return context

    def _one(self, work: Callable[[GateTransaction], Any]) -> Any:
        while True:
            try:
                outcome = self._alone(work)
            except OutdatedError:
                self.refresh()
            else:
                if isinstance(outcome, Refused):
                    raise outcome
                return outcome

    def enrol(self) -> PersonId:
        """A new person; the id."""
        return PersonId(self._one(lambda transaction: transaction.enrol()))

    def store(
        self, person_id: PersonId, field_values: Mapping[str, str], **options: Unpack[StoreOptions]
    ) -> ActResult:
        """Collect and store values: `source`, `occasion`, `purpose`, and by name the `party`."""
        check_store("Gate.store", options)
        result: ActResult = self._one(
            lambda transaction: transaction.store(person_id, field_values, **options)
        )
        return result

    def append(
        self, person_id: PersonId, field: str, rows: Sequence[str], **options: Unpack[StoreOptions]
    ) -> ActResult:
        """Collect and store rows of a series: `source`, `occasion` and `party` as for `store`."""
        check_store("Gate.append", options)
        result: ActResult = self._one(
            lambda transaction: transaction.append(person_id, field, rows, **options)
        )
        return result

    def peek(
        self,
        action: str,
        person_id: PersonId,
        data: Sequence[str] = (),
        **options: Unpack[ActOptions],
    ) -> Decision:
        """What the decision on an act would be now, for who is entitled; nothing is noted."""
        act = act_of("Gate.peek", action, data, options)
        with self.consult() as transaction:
            return transaction.peek(person_id, act)

    def act(
        self,
        action: str,
        person_id: PersonId,
        data: Sequence[str] = (),
        *,
        entitled: bool = False,
        **options: Unpack[ActOptions],
    ) -> ActResult:
        """Do any act of the vocabulary; options say purpose, recipient and so on."""
        act = act_of("Gate.", action, data, options)
        outcome = self._act(act, person_id, entitled=entitled)
        if isinstance(outcome, Refused):
            raise outcome
        return outcome

    def _act(self, act: Act, person_id: PersonId, *, entitled: bool) -> Outcome:
        """Do one act in a transaction of its own: the road of most acts, and the shortest one."""
        while True:
            try:
                with write_connection(self.engine) as connection:
                    context = self.context
                    connection.expect(store.NEWEST, context.edition)
                    try:
                        execution = ActExecution(context, connection, act, entitled=entitled)
                    except RequestError:  # of words that a later version may have
                        connection.ask_expected()
                        raise
                    return execution.execute(person_id)
            except OutdatedError:
                self.refresh()

    @property
    def actions(self) -> frozenset[str]:
        """Every action that the policy's vocabulary knows."""
        return frozenset(self.context.policy.engine.compiled.takes)

    def __getattr__(self, name: str) -> Callable[..., ActResult]:
        """A call for each action of the vocabulary, such as `use`, `share`, `set_cookie`."""
        action = name.replace("_", "-")
        if name.startswith("_") or name == "context" or action not in self.actions:
            raise AttributeError(
                f"a gate does not have `{name}`, and its policy has no such action"
            )

        act = self.__dict__[name] = partial(self.act, action)  # so that it is looked for once
        return act

    def sweep(
        self,
        action: str,
        person_ids: Sequence[PersonId],
        data: Sequence[str] = (),
        **options: Unpack[ActOptions],
    ) -> dict[PersonId, Outcome]:
        """One act on many people in one transaction: for each what it gives, or a refusal."""
        require_list(person_ids, "person_ids", "ids")
        act = act_of("Gate.sweep", action, data, options)
        outcomes: dict[PersonId, Outcome] = self._one(
            lambda transaction: transaction.sweep(act, person_ids)
        )
        return outcomes

    def record(self, person_id: PersonId, kind: str, **options: Unpack[RecordOptions]) -> RecordId:
        """Keep a record that proves a fact; its id."""
        check_record("Gate.record", options)
        return RecordId(
            self._one(lambda transaction: transaction.record(person_id, kind, **options))
        )

    def withdraw(
        self, person_id: PersonId, record_id: RecordId, *, ended: bool = False, actor: str = ""
    ) -> None:
        """Withdraw a record, or let it end; `actor` is who did it, as the entry names them."""
        self._one(
            lambda transaction: transaction.withdraw(person_id, record_id, ended=ended, actor=actor)
        )

    def records_in_force(self, kind: str, **which: Unpack[RecordFilter]) -> list[Record]:
        """Who has a record in force: `purpose`, `party`, `person_id` and so on; one entry."""
        check_filter("Gate.records_in_force", which)
        records: list[Record] = self._one(
            lambda transaction: transaction.records_in_force(kind, **which)
        )
        return records

    def withdraw_all(self, kind: str, **which: Unpack[RecordFilterUntil]) -> list[Record]:
        """Withdraw every record that speaks of something, or let it end sooner: `until`."""
        check_filter("Gate.withdraw_all", which, "until")
        records: list[Record] = self._one(
            lambda transaction: transaction.withdraw_all(kind, **which)
        )
        return records

    def drop(self, person_id: PersonId, fields: Sequence[str]) -> tuple[str, ...]:
        """Delete what is held of some fields, but what must be kept; those that are gone now."""
        fields_deleted: tuple[str, ...] = self._one(
            lambda transaction: transaction.drop(person_id, fields)
        )
        return fields_deleted

    def find(self, field: str, value: str) -> list[PersonId]:
        """The people with an e-mail address or phone number."""
        if field not in blind_index.FIELDS:
            raise RequestError(
                f"nobody is found by `{field}`",
                code="unknown-term",
                hint="by " + " or ".join(blind_index.FIELDS),
            )
        with reading(self.engine) as connection:
            return blind_index.find(connection, self.context.keyring, field, value)

    def entries(self, person_id: PersonId) -> list[entries.StoredEntry]:
        """Everything that was done or refused about a person."""
        with reading(self.engine) as connection:
            return entries.of_person(connection, person_id)

    def accept_clock(self) -> None:
        """Take the time of day as it is, though it was set back or jumped; an entry says so."""
        at = self.context.clock.accept()
        self._one(lambda transaction: transaction.accept_clock(at))
