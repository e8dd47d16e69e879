"""What can be done in one transaction: acts, storing, records that prove; kept together or not.

Pieces of work that are handed to a gate get a `Transaction`, and so does `with gate.together()`:
an act within an act is one more call on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, islice
from typing import Any, Self, Unpack

from sqlalchemy import Connection

from upheld.core.ids import EntryNumber, PersonId, RecordId
from upheld.database.tables import microseconds
from upheld.gate import record_queries, recording
from upheld.gate.act.combining import Combination, combine_each, combine_one
from upheld.gate.act.context import GateContext
from upheld.gate.act.duties import DutiesAtOnce
from upheld.gate.act.execution import ActExecution, Chooses, Outcome
from upheld.gate.act.letting_in import Put, let_in_each
from upheld.gate.act.options import (
    CombineOptions,
    NoteOptions,
    RecordFilterUntil,
    RecordOptions,
    StoreOptions,
    check_combine,
    check_filter,
    check_note,
    check_record,
    check_store,
)
from upheld.gate.act.request import Act, planned, require_list
from upheld.gate.editions import bound
from upheld.gate.erasure import delete_fields, former_revisions, values_apart
from upheld.gate.erasure.former_revisions import FormerValues
from upheld.gate.erasure.must_keep import combine, purposes
from upheld.gate.evidence import records
from upheld.gate.evidence.records import Record
from upheld.gate.inquiries import Inquiries
from upheld.gate.log import entries
from upheld.ledger.entries import Entry
from upheld.policy.request import Decision
from upheld.vault import people, values
from upheld.vault.people import Person
from upheld.vault.values import Origin, Value, ValueWriter


class Transaction(Inquiries):
    """Acts that share one transaction: all of them are kept, or none. Made by a gate.

    This is all that a practice is given: acts, records, people found and locked, entries, sealing
    for its purposes. Neither keys, the vault and the ledger nor the connection are part of it.
    """

    def act(self, act: Act, person_id: PersonId, *, entitled: bool = False) -> Outcome:
        """Do one act; a refusal is given, not raised, so that its entry is kept.

        Values are those of an act that is not durable yet: use them within the transaction alone.
        """
        return self._execution(act, entitled=entitled).execute(person_id)

    def reaching_apart(self) -> Self:
        """For the legal desk: a transaction whose acts and records reach those kept apart, too.

        Whoever is there for what a law keeps and forbids to speak of is reached by nobody else.
        """
        return type(self)(self._context, self._connection, (people.ACTIVE, people.HELD))

    def former_on_hold(self, person_id: PersonId, fields: Sequence[str]) -> FormerValues:
        """The revisions of fields before the current one that a hold in force preserves.

        As far as they open, and of which fields some do not.
        """
        person = self._open_each([person_id])[person_id]
        policy, now = self._context.policy, self.clock.now()
        return former_revisions.on_hold(self._connection, policy, person, fields, now)

    def values_apart(
        self, person_id: PersonId, moment: datetime | None = None
    ) -> dict[str, tuple[Value, ...]]:
        """What a hold keeps of somebody though it was told as deleted, once it may be told.

        By field, the oldest first: what may be told now, or might be at a moment. It is used for
        nothing but to tell its person, whose look at these fields is an act of the caller's.
        """
        return values_apart.read(self._context, self._connection, person_id, moment)

    def act_each(
        self,
        act: Act,
        person_ids: Sequence[PersonId],
        *,
        entitled: bool = False,
        settles: Mapping[PersonId, str] | None = None,
    ) -> dict[PersonId, Outcome]:
        """Do one act on many people, who are read at once; each has an entry of their own.

        Unlike after a `sweep`, that entry says what the act on its person rests on. `settles` is by
        person the record by which it is owed, as `Act.settles` is of one.
        """
        if not person_ids:
            return {}
        execution = ActExecution(self._context, self._connection, act, entitled=entitled)
        execution.at_once = DutiesAtOnce(settles)
        whose = list(dict.fromkeys(person_ids))
        data = execution.load(whose)
        outcomes = {each: execution.execute(each, data) for each in whose}
        execution.at_once.write(self._connection)
        return outcomes

    def act_for(self, act: Act, person_id: PersonId, moment: datetime) -> Outcome:
        """Do one act now about a moment before, such as charging: the facts are those of then."""
        execution = ActExecution(self._context, self._connection, act, entitled=False)
        execution.facts_of = moment
        return execution.execute(person_id)

    def sweep(
        self,
        act: Act,
        person_ids: Sequence[PersonId],
        *,
        entitled: bool = False,
        only_if: Act | Sequence[Act] | None = None,
        chooses: Chooses | None = None,
    ) -> dict[PersonId, Outcome]:
        """Do one act on many people: those who share an outcome and its grounds share an entry.

        Whom the act `only_if`, or one of them, would not be allowed on now, as `peek_each` says, is
        left out; or whom `chooses`, given an id and the decisions on these acts, does not choose.
        """
        conditions = (only_if,) if isinstance(only_if, Act) else only_if or ()
        if chooses is not None and not conditions:
            raise TypeError("`chooses` says by what is decided on `only_if`")
        context, connection = self._context, self._connection
        execution = ActExecution(context, connection, act, entitled=entitled)
        execution.ahead = self.ahead
        others = [ActExecution(context, connection, each, entitled=True) for each in conditions]
        return execution.execute_many(list(dict.fromkeys(person_ids)), others, chooses)

    def store(
        self, person_id: PersonId, field_values: Mapping[str, str], **options: Unpack[StoreOptions]
    ) -> Outcome:
        """Collect and store values, if the policy lets them in from there and lets them be kept.

        FieldValueError for a value that its field cannot have.
        """
        check_store("Transaction.store", options)
        return self.store_each({person_id: field_values}, **options)[person_id]

    def store_each(
        self,
        values_by_person: Mapping[PersonId, Mapping[str, str]],
        **options: Unpack[StoreOptions],
    ) -> dict[PersonId, Outcome]:
        """Do for some people, of whom the same fields come in, what `store` does for one.

        FieldValueError for a value that its field cannot have: then nothing of anybody is stored.
        """
        check_store("Transaction.store_each", options)
        values_in_form = {each: self._read(mine) for each, mine in values_by_person.items()}
        if not values_in_form:
            return {}
        fields = tuple(next(iter(values_in_form.values())))
        if any({*fields} ^ mine.keys() for mine in values_in_form.values()):
            raise TypeError("the same fields of all are stored at once")

        def put(mine: dict[str, str], writer: ValueWriter, person: Person, *act: Any) -> Person:
            clauses, at = act
            return writer.put(person, mine, _origin(options, clauses), at)

        puts = {each: partial(put, mine) for each, mine in values_in_form.items()}
        return self._let_in(self._collecting(fields, options), puts, options)

    def combine(
        self,
        person_id: PersonId,
        field_values: Mapping[str, str],
        **options: Unpack[CombineOptions],
    ) -> Outcome:
        """Combine what is held of somebody with what a party knows, and store it, as `store` does.

        Each value keeps the party as its origin. FieldValueError for a value that its field cannot
        have.
        """
        check_combine("Transaction.combine", options)
        return combine_one(self._context, self._connection, person_id, field_values, options)

    def combine_each(
        self,
        field_values: Mapping[PersonId, Mapping[str, str]],
        **options: Unpack[CombineOptions],
    ) -> dict[PersonId, Combination]:
        """Combine as `combine` does what a party knows of each of some people, who are all there.

        Of those whose combining has one outcome, and is of the same fields, the entries are one.
        """
        check_combine("Transaction.combine_each", options)
        return combine_each(self._context, self._connection, field_values, options)

    def append(
        self, person_id: PersonId, field: str, rows: Sequence[str], **options: Unpack[StoreOptions]
    ) -> Outcome:
        """Collect and store further rows of a series, as `store` does values, or none of them."""
        check_store("Transaction.append", options)
        return self.append_each({person_id: rows}, field, **options)[person_id]

    def append_each(
        self,
        rows_by_person: Mapping[PersonId, Sequence[str]],
        field: str,
        **options: Unpack[StoreOptions],
    ) -> dict[PersonId, Outcome]:
        """Do for some people what `append` does for one."""
        check_store("Transaction.append_each", options)

        def put(mine: Sequence[str], writer: ValueWriter, person: Person, *act: Any) -> Person:
            clauses, at = act
            return writer.append(person, field, mine, _origin(options, clauses), at)

        puts: dict[PersonId, Put] = {}
        for person_id, rows in rows_by_person.items():
            require_list(rows, "rows", "rows of the series")
            puts[person_id] = partial(put, [self._read({field: each})[field] for each in rows])
        return self._let_in(self._collecting((field,), options), puts, options)

    def _collecting(self, data: tuple[str, ...], options: StoreOptions) -> Act:
        """The act of collecting; a purpose that the policy's words do not ask for goes unsaid."""
        asks_purpose = "purpose" in self._context.takes("collect")
        return Act(
            action="collect",
            data=data,
            source=options["source"],
            occasion=options["occasion"],
            purpose=options.get("purpose") if asks_purpose else None,
            party=options.get("party", ""),
        )

    def letting_in(
        self, data: Sequence[str], *, source: str, occasion: str, purpose: str | None = None
    ) -> tuple[Act, Act]:
        """The acts of collecting and storing that `store` does, to be asked about."""
        options: StoreOptions = {"source": source, "occasion": occasion, "purpose": purpose}
        return self._collecting(tuple(data), options), self._context.storing(data, purpose)

    def may_store(self, person_id: PersonId, field: str, purpose: str | None = None) -> Decision:
        """Whether a field of somebody may be stored now, for a purpose or any; nothing is noted."""
        if purpose is not None:
            return self.peek(person_id, self._context.storing((field,), purpose))
        return self.may_store_each(person_id, [field])[field]

    def may_store_each(self, person_id: PersonId, fields: Sequence[str]) -> dict[str, Decision]:
        """Whether each of some fields, as it is held, may be stored on for any purpose."""
        some = purposes(self._context.policy)
        acts = [[self._context.storing((field,), each) for each in some] for field in fields]
        decisions = iter(self.peek_acts([person_id], list(chain(*acts)), of_held=True)[person_id])
        return {field: combine([*islice(decisions, len(some))]) for field in fields}

    def _let_in(
        self, arrival: Act, puts: Mapping[PersonId, Put], options: StoreOptions
    ) -> dict[PersonId, Outcome]:
        """Collect and store, both or neither of each."""
        entered = let_in_each(self._context, self._connection, arrival, puts, options)
        return {each: it.outcome for each, it in entered.items()}

    def forget_rows(self, person_id: PersonId, field: str, until: datetime) -> int:
        """Delete the rows of a series that are older than a moment; how many. With an entry.

        What something in force rests on is carried forward.
        """
        people.lock(self._connection, person_id)
        person = people.open_person(self._connection, self._context.keyring, person_id)
        person, count = self._context.carry_forwards.forget(
            self._connection,
            person,
            field,
            until,
            self._context.clock.local(self._context.clock.now()),
        )
        if count:
            self._note(
                person_id,
                self._context.clock.now(),
                kind="retention",
                data=(field,),
                values=(person.holdings[field].mark,),
            )
        return count

    def rewrite(self, person_id: PersonId, field: str, change: Callable[[str], str]) -> int:
        """Take out of the rows of a series what must not stand there; how many. With an entry.

        `change` gives a row without it. Nothing of how a row was stays in the database.
        """
        people.lock(self._connection, person_id)
        person = people.open_person(self._connection, self._context.keyring, person_id)
        person, count = values.rewrite(self._connection, person, field, change)
        if count:
            self._note(
                person_id,
                self._context.clock.now(),
                kind="redaction",
                data=(field,),
                values=(person.holdings[field].mark,),
            )
        return count

    def _read(self, field_values: Mapping[str, str]) -> dict[str, str]:
        """Values in the form in which they are kept, whoever writes them."""
        return self._context.fields.normalise_all(field_values, self._context.clock.today())

    def _put(
        self, person: Person, field_values: Mapping[str, str], origin: Origin, at: datetime
    ) -> dict[str, str]:
        """Write values; the digests of the rows, by field."""
        context = self._context
        context.derived.refuse(field_values)
        person = values.put(
            self._connection, context.keyring, person, dict(field_values), origin, at
        )
        return {field: person.holdings[field].mark for field in field_values}

    def enrol(self) -> PersonId:
        """A new person of whom nothing is held yet; the id says nothing."""
        at = self._context.clock.now()
        person = people.enrol(self._connection, self._context.keyring, at)
        self._note(person.person_id, at, kind="person")
        self.note_use(person.person_id)
        return person.person_id

    def note_use(self, person_id: PersonId, how: str = "") -> bool:
        """Note that somebody uses our services, if they did not since the last posting.

        One record a version and person, which says `how`; whether it was made. Whoever is new uses
        what is in force.
        """
        editions, facts = self._context.editions, self._context.policy.program.vocabulary.facts
        if len(editions) < bound.SECOND or bound.USED not in facts:
            return False
        people.lock(self._connection, person_id)
        mine, _ = self.records_of([person_id], [bound.FIRST_USE])
        if any(each.valid_from >= microseconds(editions[-1].posted_at) for each in mine):
            return False
        now = self._context.clock.now()
        self.record(person_id, bound.FIRST_USE, fact=bound.USED, how=how, valid_from=now)
        records.note_latest(self._connection, person_id, bound.FIRST_USE, mine, microseconds(now))
        return True

    def bring(self, person_id: PersonId, field_values: Mapping[str, str]) -> bool:
        """Store what was held before upheld came; whether that is a violation of the policy.

        FieldValueError for a value that its field cannot have.
        """
        context, field_values = self._context, self._read(field_values)
        fields = tuple(field_values)
        acts = [context.storing(fields, each) for each in purposes(context.policy)]
        decision = combine([planned(context.policy, each).decide({}) for each in acts])
        people.lock(self._connection, person_id)
        clauses = ", ".join(decision.clauses) if decision.allowed else ""
        person = people.open_person(self._connection, context.keyring, person_id)
        origin = Origin("import", "import", clauses)
        digests = self._put(person, field_values, origin, context.clock.now())
        violation = "" if decision.allowed else "held before, and no clause lets all of it be kept"
        self._note(
            person_id,
            context.clock.now(),
            kind="import",
            action="store",
            outcome=decision.outcome,
            clauses=decision.clauses,
            data=fields,
            violation=violation,
            values=tuple(digests[field] for field in fields),
        )
        return bool(violation)

    def record(self, person_id: PersonId, kind: str, **options: Unpack[RecordOptions]) -> RecordId:
        """Keep a record that proves a fact; its id.

        The entry names who did it: `actor`, a party and an id as an entry has them, or the
        customer or browser that `by_whom` says.

        RecordError unless it names what its fact is per, in words of the vocabulary.
        """
        check_record("Transaction.record", options)
        context, connection = self._context, self._connection
        ids = recording.keep(context, connection, [person_id], kind, options, self._states)
        if not ids:
            raise people.no_person(person_id)
        return ids[person_id]

    def record_each(
        self, person_ids: Sequence[PersonId], kind: str, **options: Unpack[RecordOptions]
    ) -> dict[PersonId, RecordId]:
        """Keep the same record of each of some people, as `record` does of one; the ids.

        Whoever is not there any more is left out. A hundred people share an entry.
        """
        check_record("Transaction.record_each", options)
        require_list(person_ids, "person_ids", "ids")
        whose = list(dict.fromkeys(person_ids))
        return recording.keep(self._context, self._connection, whose, kind, options)

    def withdraw(
        self, person_id: PersonId, record_id: RecordId, *, ended: bool = False, actor: str = ""
    ) -> None:
        """Withdraw a record, or let it end: acts that are committed later no longer rest on it.

        `actor` is who did it, as an entry names them: `customer`, `guardian`.
        """
        self.withdraw_each({person_id: record_id}, ended=ended, actor=actor)

    def withdraw_each(
        self, which: Mapping[PersonId, RecordId], *, ended: bool = False, actor: str = ""
    ) -> None:
        """Withdraw a record of each of some people, or let it end; a hundred share an entry.

        RecordError where one of them is not there.
        """
        recording.withdraw(self._context, self._connection, which, ended=ended, actor=actor)

    def withdraw_all(self, kind: str, **which: Unpack[RecordFilterUntil]) -> list[Record]:
        """Withdraw every record of a kind that speaks of the words given, or end it at `until`.

        Records are chosen as by `records_in_force`, but one that covers a part of the words is
        withdrawn too, as a whole. No record comes to last longer. Each person gets an entry; what
        is given back are the records as they are now.
        """
        check_filter("Transaction.withdraw_all", which, "until")
        query = record_queries.record_query(self._context.policy.engine.checker, kind, which)
        return record_queries.end(self._context, self._connection, query, which.get("until"))

    def drop(
        self, person_id: PersonId, fields: Sequence[str], *, actor: str = ""
    ) -> tuple[str, ...]:
        """Delete what is held of some fields, but what must be kept; those that are gone now.

        `actor` is who asked for it, as an entry names them: `customer`.
        """
        require_list(fields, "fields", "field names")
        return delete_fields.drop(self._context, self._connection, person_id, fields, actor=actor)

    def note(
        self,
        person_id: PersonId | Sequence[PersonId] | None,
        kind: str,
        **words: Unpack[NoteOptions],
    ) -> EntryNumber:
        """Add an entry of a practice's own kind, such as that terms were accepted; its number.

        It may be about several people. `words` are keys of an entry: ids and words, never a value.
        """
        check_note("Transaction.note", words)
        return self._note(person_id, self._context.clock.now(), kind=kind, **words)

    def accept_clock(self, at: datetime) -> None:
        """Note that the time of day is taken as it is."""
        self._note(None, at, kind="clock")

    def _note(
        self, person_id: PersonId | Sequence[PersonId] | None, at: datetime, **words: Any
    ) -> EntryNumber:
        entry = Entry(time="", policy=self._context.policy.digest, **words)
        return entries.add(self._connection, entry, person_id or None, microseconds(at))[0]


class GateTransaction(Transaction):
    """A transaction as the gate's own rooms see it: with what it is made of."""

    @property
    def context(self) -> GateContext:
        """What every act stands on."""
        return self._context

    @property
    def connection(self) -> Connection:
        """The connection of the transaction."""
        return self._connection


def _origin(options: StoreOptions, clauses: str) -> Origin:
    """Where values come from, as it is kept beside them."""
    source = options.get("party") or options["source"]
    return Origin(source, options["occasion"], clauses, options.get("public_source"))
