"""What a transaction is asked beside its acts.

Whom there is, what proves, what would be decided and what was entered. Nothing here gives a value
of a person, or what the answers are read by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Unpack

import msgspec
from sqlalchemy import Connection

from upheld.core.clock import Clock
from upheld.core.ids import PersonId, RecordId
from upheld.database.columns import BEGINNING, microseconds
from upheld.database.connection import WriteConnection
from upheld.database.covers import OWNERS_MAX, CountedOnce
from upheld.database.own_tables import Tables
from upheld.database.schema import declared_tables
from upheld.database.statements import Savepoint, placeholders, rows
from upheld.gate import record_queries, recording
from upheld.gate.act.alike import decide_each
from upheld.gate.act.arrivals import Arrivals
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.options import RecordFilter, check_filter
from upheld.gate.act.request import Act, require_list
from upheld.gate.editions import bound, standing
from upheld.gate.editions.standing import Standing
from upheld.gate.editions.store import Edition
from upheld.gate.erasure import delete_fields
from upheld.gate.erasure.delete_fields import DropOutlook
from upheld.gate.evidence import records
from upheld.gate.evidence.provers import erased_owners
from upheld.gate.evidence.records import Record
from upheld.gate.licensing import Licences
from upheld.gate.log import entries
from upheld.gate.log.entries import StoredEntry
from upheld.gate.log.receipts import AccountLine, AccountQuery, account, stored_entries
from upheld.gate.obligation_table import ObligationTable
from upheld.gate.posting import Editions
from upheld.gate.sealing import PersonSealer, PurposeSigner, Sealer
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.vault import blind_index, erasures, people
from upheld.vault.opened_ahead import OpenedAhead


class Inquiries:
    """The part of a transaction that finds, locks, seals and tells."""

    ahead: OpenedAhead | None = None  # of whom a sweep takes what is opened

    def __init__(
        self,
        context: GateContext,
        connection: Connection,
        states: tuple[str, ...] = (people.ACTIVE,),
    ) -> None:
        """`states` are those of the people whom acts reach."""
        self._context, self._connection, self._states = context, connection, states
        if type(connection) is WriteConnection:
            connection.prefetch_last_entry()

    @property
    def tables(self) -> Tables:
        """The rows of whoever asks, in their own tables."""
        return Tables(self._connection)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._context.policy

    @property
    def clock(self) -> Clock:
        """The one clock."""
        return self._context.clock

    @property
    def place(self) -> str:
        """Where our data lie, a word of the policy; empty where no act names it."""
        return self._context.place

    def peek(self, person_id: PersonId, act: Act) -> Decision:
        """What the decision on an act would be now, for who is entitled; nothing is noted."""
        return self._execution(act, entitled=True).peek(person_id)

    def peek_each(self, person_ids: Sequence[PersonId], act: Act) -> dict[PersonId, Decision]:
        """What `peek` says of each of some people; all of them are read at once."""
        if not person_ids:
            return {}
        execution = ActExecution(self._context, self._connection, act, entitled=True)
        data = execution.load(person_ids)
        return {each: execution.peek(each, data) for each in person_ids}

    def peek_acts(
        self, person_ids: Sequence[PersonId], acts: Sequence[Act], *, of_held: bool = False
    ) -> dict[PersonId, list[Decision]]:
        """What `peek` says of each of some people to each of some acts; all is read at once.

        Acts `of_held` are on what is held, such as storing it on, and not on what comes.
        """
        if not person_ids or not acts:
            return {each: [] for each in person_ids}
        executions = [
            ActExecution(self._context, self._connection, each, entitled=True) for each in acts
        ]
        if of_held and self._context.licences.all(self._connection):
            for one in executions:
                one.of_held = True
        data = executions[0].load_with(person_ids, *executions[1:])
        return {e: [*its.decisions] for e, its in decide_each(executions, person_ids, data)}

    def peek_then(
        self, person_id: PersonId, act: Act, moments: Sequence[datetime]
    ) -> list[Decision]:
        """What the decision would have been at some moments, by the records in force then."""
        execution = ActExecution(self._context, self._connection, act, entitled=True)
        return execution.decisions_at(person_id, moments)

    def _execution(self, act: Act, *, entitled: bool) -> ActExecution:
        execution = ActExecution(self._context, self._connection, act, entitled=entitled)
        execution.states = self._states
        return execution

    def sealer(self, purpose: str, *more: str) -> Sealer:
        """What seals and marks for a purpose of a practice's own."""
        return Sealer(self._context.keyring, purpose, *more)

    def person_sealers(
        self, purpose: str, person_ids: Sequence[PersonId]
    ) -> dict[PersonId, PersonSealer]:
        """What seals for a purpose under each person's own key; those who are gone are left out."""
        opened = people.open_people(self._connection, self._context.keyring, person_ids)
        return {each: PersonSealer(person.cipher, purpose) for each, person in opened.items()}

    def signer(self, purpose: str) -> PurposeSigner:
        """What signs for a purpose of a practice's own, for whoever checks it by the public key."""
        return PurposeSigner(self._context.keyring, purpose)

    def lock(self, *person_ids: PersonId) -> None:
        """Let nobody else change these people until the transaction ends.

        VaultError where one of them is not there.
        """
        if len(person_ids) == 1:
            people.lock(self._connection, person_ids[0])
        else:
            people.lock_all(self._connection, sorted(set(person_ids)))

    def lock_present(self, person_ids: Sequence[PersonId]) -> list[PersonId]:
        """Lock some people as `lock` does; those of them who are there, and are not being erased.

        For whoever leaves the others out.
        """
        whose = list(dict.fromkeys(person_ids))
        return people.lock_active(self._connection, whose) if whose else []

    def apart_among(self, person_ids: Sequence[PersonId]) -> set[PersonId]:
        """Who of some people is there for what a law keeps apart alone, which nobody may tell."""
        apart: set[PersonId] = set()
        for first in range(0, len(person_ids), OWNERS_MAX):
            some = person_ids[first : first + OWNERS_MAX]
            statement = (
                f"SELECT person_id FROM person WHERE person_id IN ({placeholders(some)})"  # noqa: S608 - places alone
                " AND state = ?"
            )
            apart.update(each for (each,) in rows(self._connection, statement, *some, people.HELD))
        return apart

    def unconfirmed_among(self, person_ids: Sequence[PersonId]) -> set[PersonId]:
        """Who of some people has not confirmed their e-mail address, by what practices keep."""
        unconfirmed: set[PersonId] = set()
        for table in declared_tables().tables.values():
            if (which := table.info.get("unconfirmed")) is None:
                continue
            for first in range(0, len(person_ids), OWNERS_MAX):
                some = person_ids[first : first + OWNERS_MAX]
                where = f"{which} AND person_id IN ({placeholders(some)})"
                its = self.tables.select(table, where, *some)
                unconfirmed.update(PersonId(each.person_id) for each in its)
        return unconfirmed

    def everybody_apart(self) -> list[PersonId]:
        """Everybody who is there for what a law keeps apart alone: no count has them."""
        statement = "SELECT person_id FROM person WHERE state = ? ORDER BY person_id"
        return [PersonId(each) for (each,) in rows(self._connection, statement, people.HELD)]

    def customers_after(self, after: str, most: int) -> list[PersonId]:
        """The next people there are, at most so many, in the order of their ids."""
        statement = (
            "SELECT person_id FROM person WHERE state = ? AND person_id <> ? AND person_id > ?"
            " ORDER BY person_id LIMIT ?"
        )
        values = (people.ACTIVE, people.REGISTER, after, most)
        return [PersonId(each) for (each,) in rows(self._connection, statement, *values)]

    def crowd_between(self, after: str, last: str) -> tuple[list[PersonId], bytes]:
        """The people there are after an id, up to another or to the end (empty), and their mark.

        The mark is another once one of them came or went, or anything that is stored or recorded
        of one of them and decides is another.
        """
        statement = (
            "SELECT person_id, holdings, cover FROM person WHERE state = ? AND person_id <> ?"
            " AND person_id > ?"
        )
        values = [people.ACTIVE, people.REGISTER, after]
        if last:  # not an OR, which would read on to the end
            statement += " AND person_id <= ?"
            values.append(last)
        in_order = rows(self._connection, f"{statement} ORDER BY person_id", *values)
        # No two lists of texts, bytes and nothings are the same in MessagePack.
        mark = sha256(msgspec.msgpack.encode(in_order)).digest()
        return [PersonId(each[0]) for each in in_order], mark

    def held_fields(self, person_id: PersonId) -> dict[str, str]:
        """The fields of which something is held, each a `value`, a `series` or `derived`.

        No value is read. VaultError for somebody who is not there.
        """
        return self.held_fields_each([person_id])[person_id]

    def held_fields_each(self, person_ids: Sequence[PersonId]) -> dict[PersonId, dict[str, str]]:
        """What `held_fields` says of each of some people; VaultError where one is not there."""
        opened = self._open_each(person_ids)
        return {each: self._shapes(person.holdings) for each, person in opened.items()}

    def _shapes(self, holdings: people.Holdings) -> dict[str, str]:
        shapes = {n: "value" if each.gone is None else "series" for n, each in holdings.items()}
        return {**shapes, **dict.fromkeys(self._context.derived.out_of(holdings), "derived")}

    def stored_fields(self, fields: Iterable[str]) -> tuple[str, ...]:
        """Some fields, and after them the stored ones out of which any of them are worked out."""
        sources = self._context.derived.stored(fields)
        return tuple(dict.fromkeys((*fields, *sorted(sources))))

    def held_marks(self, person_id: PersonId) -> dict[str, str]:
        """What stands for each field of somebody as it is stored now; it says nothing of a value.

        Whoever wrote one sees by it whether somebody else wrote it since.
        """
        return self.held_marks_each([person_id])[person_id]

    def held_marks_each(self, person_ids: Sequence[PersonId]) -> dict[PersonId, dict[str, str]]:
        """What `held_marks` says of each of some people; VaultError where one is not there."""
        return {
            person_id: {field: holding.mark for field, holding in person.holdings.items()}
            for person_id, person in self._open_each(person_ids).items()
        }

    def _open_each(self, person_ids: Sequence[PersonId]) -> dict[PersonId, people.Person]:
        keyring = self._context.keyring
        opened = people.open_people_in_any_state(self._connection, keyring, person_ids)
        opened = {each: its for each, its in opened.items() if its.state in self._states}
        if missing := [each for each in person_ids if each not in opened]:
            raise people.no_person(missing[0])
        return opened

    def drop_outlook(self, person_id: PersonId, fields: Sequence[str]) -> DropOutlook:
        """What `drop` would do with some fields now: what would go, and which clauses keep what."""
        require_list(fields, "fields", "field names")
        return delete_fields.outlook(self._context, self._connection, person_id, fields)

    def text_shown(self, person_id: PersonId, record_id: RecordId) -> str:
        """The text that was shown when a record was given; empty where none was kept."""
        record = records.one(self._connection, person_id, record_id)
        keys = recording.text_keys(self._context, self._connection, [person_id])
        return records.text_shown(self._connection, record, keys[person_id])

    def records_in_force(self, kind: str, **which: Unpack[RecordFilter]) -> list[Record]:
        """List the records of a kind in force that cover every word given; one ledger entry.

        `purpose="offers"` and the like name a word for a dimension; a record that names none of one
        covers all of it. They are those of active people, or of one alone; never a register's.
        """
        check_filter("Transaction.records_in_force", which)
        query = record_queries.record_query(self._context.policy.engine.checker, kind, which)
        return record_queries.list_records(self._context, self._connection, query)

    def counted_once(self) -> CountedOnce:
        """A block in which rows of many people are written; each set is sealed at its end."""
        return CountedOnce(self._connection)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that is undone alone where it raises."""
        with Savepoint(self._connection):
            yield

    def find(self, field: str, value: str) -> list[PersonId]:
        """The ids of the people with an e-mail address or phone number."""
        return self.find_each(field, [value])[value]

    def find_each(self, field: str, values: Sequence[str]) -> dict[str, list[PersonId]]:
        """The ids of the people with each of some e-mail addresses or phone numbers."""
        return blind_index.find_each(self._connection, self._context.keyring, field, values)

    def find_pairs(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[PersonId]]:
        """The ids of the people with both of each of some pairs of an e-mail address and a number.

        A number that is empty says nothing; nobody has an empty address.
        """
        return blind_index.find_pairs(self._connection, self._context.keyring, pairs)

    @staticmethod
    def search_form(field: str, value: str) -> str:
        """An address or number as people are found by it: alike for all that find the same ones."""
        return blind_index.normalised(field, value)

    def let_find(self, person_id: PersonId, field: str, word: str) -> None:
        """Let a person of whom nothing is held be found by a word that is nobody's value."""
        blind_index.put(self._connection, self._context.keyring, person_id, field, word)

    def records_of_each(self, person_ids: Sequence[PersonId]) -> list[Record]:
        """Every record of some people, the oldest first.

        SealedError where those of somebody are not as they were written.
        """
        return records.of_each(self._connection, person_ids)

    def records_of(
        self, person_ids: Sequence[PersonId], kinds: Sequence[str]
    ) -> tuple[list[Record], list[str]]:
        """The records of some people and kinds, the oldest first, and those not believed.

        SealedError where those of somebody are not as they were written.
        """
        return records.records_of(self._connection, self._context.keyring, person_ids, kinds)

    def people_with_records(self, person_ids: Sequence[PersonId], kind: str) -> list[PersonId]:
        """Who of some people has records of a kind, in force or not, as written or not; by id.

        For whoever may stop for none of them: what is in the records is read of each for itself.
        """
        whom: list[PersonId] = []
        for first in range(0, len(person_ids), OWNERS_MAX):
            some = person_ids[first : first + OWNERS_MAX]
            statement = (
                "SELECT DISTINCT person_id FROM record"  # noqa: S608 - places alone
                f" WHERE person_id IN ({placeholders(some)}) AND kind = ?"
            )
            whom += [PersonId(each) for (each,) in rows(self._connection, statement, *some, kind)]
        return sorted(whom)

    def people_with_any_record(self, person_ids: Sequence[PersonId], kind: str) -> list[PersonId]:
        """Who of some people has records of a kind, or had some that somebody took away; by id.

        Their covers say that, of which each is read: of many people it takes a while.
        """
        whom = set[PersonId]()
        for first in range(0, len(person_ids), OWNERS_MAX):
            some = person_ids[first : first + OWNERS_MAX]
            whom |= records.owners_of_kind(self._connection, some, kind)
        return sorted(whom)

    def starts_of_records(
        self, person_id: PersonId, since: datetime, before: datetime
    ) -> list[datetime]:
        """The moments in a span at which records of a person came into force."""
        where = (
            "SELECT valid_from FROM record"
            " WHERE person_id = ? AND valid_from >= ? AND valid_from < ?"
        )
        begin_rows = rows(
            self._connection, where, person_id, microseconds(since), microseconds(before)
        )
        return [BEGINNING + timedelta(microseconds=valid_from) for (valid_from,) in begin_rows]

    def is_erased(self, person_id: PersonId) -> bool:
        """Whether somebody was erased, but for what must be kept."""
        return bool(self.erased_among([person_id]))

    def erased_among(self, person_ids: Sequence[PersonId]) -> set[PersonId]:
        """Who of some people was erased, but for what must be kept."""
        return erased_owners(self.records_of_each(person_ids))

    @property
    def obligations(self) -> ObligationTable:
        """What is owed, as far as a practice may see and meet it."""
        return ObligationTable(self._connection)

    @property
    def arrivals(self) -> Arrivals:
        """What comes in of people whom nobody knows by name: asked about, and entered."""
        return Arrivals(self._context, self._connection)

    @property
    def licences(self) -> Licences:
        """The licences of what others told us."""
        return Licences(self._context, self._connection)

    @property
    def editions(self) -> Editions:
        """The versions of the policy: those that were posted, and posting another one."""
        return Editions(self._context, self._connection)

    def binding_versions(self, person_id: PersonId) -> tuple[Edition, ...]:
        """The versions that acts on somebody are asked of, the one that binds them first."""
        editions = self._context.editions
        if len(editions) < bound.SECOND:
            return editions
        mine, _ = self.records_of([person_id], bound.KINDS)
        at = microseconds(self._context.clock.now())
        waiting = bound.waiting_versions(
            editions, lambda each: self.editions.policy(each.digest), mine, at
        )
        return (*waiting, editions[-1])

    def standings(self, person_id: PersonId) -> tuple[Standing, ...]:
        """The version that binds somebody, since when and why, and those that were posted after."""
        mine, _ = self.records_of([person_id], bound.KINDS)
        at = microseconds(self._context.clock.now())
        return standing.standings(
            self._context.editions, lambda each: self.editions.policy(each.digest), mine, at
        )

    def entries(self, person_id: PersonId) -> list[entries.StoredEntry]:
        """Everything that was done or refused about a person."""
        return entries.of_person(self._connection, person_id)

    def account(self, query: AccountQuery, *, words: bool = True) -> Iterator[AccountLine]:
        """What was done, in order and, unless nobody reads them, in words."""
        return account(self._connection, self._context.policy, query, words=words)

    def stored_entries(self, query: AccountQuery, *, containing: str = "") -> Iterator[StoredEntry]:
        """The entries that are asked for, each with whose it is, and of those that have a word."""
        return stored_entries(self._connection, query, containing=containing)

    def token_of(self, person_id: PersonId) -> str:
        """What stands for a person in the list of erasures, and outlives them; it names nobody."""
        return erasures.token(self._context.keyring, person_id)
