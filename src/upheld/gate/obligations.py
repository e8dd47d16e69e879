"""What is owed to a person, and what falls due: items, from the day they open until they close.

Each `must` of the policy that is owed for certain opens one item for the record by which it came to
be owed; time runs from when its condition came to hold, as the records say. An allowed act of the
kind closes it as done (see duties.py). Where its condition ceases it lapses; past its time it is
late, with an entry. Other items are done by their handler; what is to be deleted is done by
retention, which has a day for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection

from upheld.core import observing
from upheld.core.ids import EntryNumber, ObligationId, PersonId, RecordId
from upheld.database import rows as database
from upheld.database.batches import Place, RowBatch, batch
from upheld.database.covers import OWNERS_MAX
from upheld.database.statements import placeholders, rows, to_datetime
from upheld.database.tables import item as table
from upheld.database.tables import microseconds
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.act.execution import ActExecution
from upheld.gate.act.older_versions import contexts_of, contexts_of_each
from upheld.gate.act.reads import PersonData
from upheld.gate.act.request import Act
from upheld.gate.editions import store
from upheld.gate.evidence.provers import ERASURE
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.trusted_time import trusted_time_in
from upheld.gate.log import entries
from upheld.gate.obligation_items import OPEN, OWED, Items
from upheld.gate.set_aside import trial_of
from upheld.ledger.entries import Entry
from upheld.policy.fact_space import tests_of
from upheld.policy.load import Policy
from upheld.policy.program import Node
from upheld.policy.request import OwedAct, Request
from upheld.vault import people
from upheld.vault.people import ACTIVE, HELD, REGISTER

if TYPE_CHECKING:
    from upheld.gate.gate import Gate
    from upheld.gate.transaction import GateTransaction

DELETE = "delete"
GRACE = timedelta(days=1)  # in which retention looks at what is to be deleted
MOST = 1_000  # items, or people, looked at in one run of a job


class Obligation(NamedTuple):
    """Something owed or due: whose, of which kind, by which clause, until when, and its state.

    `basis` is the record by which it is owed, `entry` what opened it and `closed` what closed it.
    """

    person_id: PersonId
    item_id: ObligationId
    kind: str
    clause: str
    due: datetime | None
    state: str
    entry: EntryNumber
    action: str
    basis: str
    closed: int | None


_KINDS: Final[dict[str, frozenset[str]]] = {}  # of records, by the digest of an earlier version


class ObligationRule(NamedTuple):
    """An act that the policy may owe, by which clause, and the facts on which that depends."""

    clause: str
    action: str
    facts: frozenset[str]


class _Question(NamedTuple):
    """Whether a version owes an act to some people, with what was read of them for it."""

    execution: ActExecution
    data: PersonData
    must: ObligationRule


def obligations_in(
    connection: Connection, states: Sequence[str] = OPEN, person_id: PersonId | None = None
) -> list[Obligation]:
    """The items of some states, those that are due first first."""
    where, values = f"state IN ({placeholders(states)})", list(states)
    if person_id is not None:
        where, values = f"person_id = ? AND {where}", [person_id, *states]
    item_rows = database.select(
        connection, table, f"{where} ORDER BY due, item_id", *values, parts=states
    )
    return [_obligation(each) for each in item_rows]


def _obligation(item_row: Any) -> Obligation:
    """A row that was checked, as an item."""
    return Obligation._make(item_row)._replace(
        due=None if item_row.due is None else to_datetime(item_row.due)
    )


@observing.reading
def obligation_rules(policy: Policy) -> tuple[ObligationRule, ...]:
    """Everything that a policy may owe."""
    return _obligation_rules(policy)


@lru_cache(maxsize=8)
def _obligation_rules(policy: Policy) -> tuple[ObligationRule, ...]:
    program = policy.program
    facts_by_rule: dict[tuple[str, str], frozenset[str]] = {}
    for number, node in enumerate(program.nodes):
        if node.verb != "must":
            continue
        facts = frozenset(_facts(policy, number, node))
        for action in sorted({action for copy in node.copies for action in copy.actions}):
            key = node.clause, action
            facts_by_rule[key] = facts_by_rule.get(key, frozenset()) | facts
    return tuple(
        ObligationRule(clause, action, facts)
        for (clause, action), facts in sorted(facts_by_rule.items())
    )


def _facts(policy: Policy, number: int, node: Node) -> Iterator[str]:
    """The facts in a rule's conditions and in those of its exceptions."""
    copies = [*node.copies, *(copy for gate in node.gates for copy in gate)]
    for copy in copies:
        yield from (test.fact for test in tests_of(copy.condition))
    for below, each in enumerate(policy.program.nodes):
        if number in each.parents:
            yield from _facts(policy, below, each)


def would_be_due(policy: Policy, action: str, fact: str, since: datetime) -> datetime | None:
    """Until when an act would be owed if a fact came to hold at a moment; None where none would be.

    Nothing is recorded or owed by it. `since` is in the zone whose calendar counts; of several
    clauses, and where it would depend on somebody, the earliest counts.
    """
    decision = policy.decide(Request(action), {fact: True})
    return min((_due(since, each) for each in decision.owed), default=None)


@observing.reading
@lru_cache(maxsize=256)
def proven_by(policy: Policy, kind: str) -> tuple[ObligationRule, ...]:
    """What the policy may owe of that which depends on a kind of record."""
    facts = policy.program.vocabulary.facts
    return tuple(
        must
        for must in _obligation_rules(policy)
        if any(facts[name].proof == kind for name in must.facts if name in facts)
    )


def reassess(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    kind: str,
    entry: EntryNumber,
    basis: str = "",
) -> int:
    """Open what is owed to a person now, and let lapse what no longer is; how many changed.

    `kind` is that of the record that was added, withdrawn or began to hold, and `basis` its id. A
    register says nothing of one person, and opens nothing.
    """
    return reassess_each(context, connection, {person_id: basis}, kind, entry)


def reassess_each(
    context: GateContext,
    connection: Connection,
    bases: Mapping[PersonId, str],
    kind: str,
    entry: EntryNumber,
    *,
    of_erased: bool = False,
) -> int:
    """Do for some people what `reassess` does for one, each by a record of theirs; how many.

    Of whoever was erased nothing comes to be owed any more: nobody is there to be answered or told.
    But with `of_erased`, where the legal desk does something with what is kept of them, that comes
    to be owed. Of whoever is kept apart nothing does: it would tell of them.
    """
    bases = {person_id: basis for person_id, basis in bases.items() if person_id != REGISTER}
    if not bases:
        return 0
    count = 0
    for contexts, everybody in contexts_of_each(context, connection, list(bases)):
        rules = [(each, proven_by(each.policy, kind)) for each in contexts]
        if not any(some for _, some in rules):
            continue
        apart, erased = _gone_among(connection, everybody)
        whose = [each for each in everybody if each not in apart]
        questions: dict[tuple[str, str], list[_Question]] = {}
        for each, its in rules if whose else ():
            for question in _questions(each, connection, its, whose):
                questions.setdefault(question.must[:2], []).append(question)
        some = {person_id: bases[person_id] for person_id in whose}
        items, closed_to = Items(connection), frozenset() if of_erased else erased
        count += sum(_reassess(items, some, each, entry, closed_to) for each in questions.values())
    return count


def _gone_among(
    connection: Connection, whose: Sequence[PersonId]
) -> tuple[frozenset[PersonId], frozenset[PersonId]]:
    """Who of some people is there for what is kept apart alone, and who was erased."""
    apart, erased = set[PersonId](), set[PersonId]()
    for first in range(0, len(whose), OWNERS_MAX):
        some = whose[first : first + OWNERS_MAX]
        statement = (
            "SELECT p.person_id, p.state FROM person p"  # noqa: S608 - places alone
            f" WHERE p.person_id IN ({placeholders(some)}) AND (p.state = ? OR EXISTS"
            " (SELECT 1 FROM record r WHERE r.person_id = p.person_id AND r.how = ?))"
        )
        for person_id, state in rows(connection, statement, *some, HELD, ERASURE):
            (apart if state == HELD else erased).add(PersonId(person_id))
    return frozenset(apart), frozenset(erased)


def _questions(
    context: GateContext,
    connection: Connection,
    rules: Sequence[ObligationRule],
    whose: Sequence[PersonId],
) -> list[_Question]:
    """Whether each of some acts is owed to some people, with what all of these need of them."""
    if not rules:
        return []
    executions = [_execution(context, connection, must) for must in rules]
    data = executions[0].load_with(whose, *executions[1:])
    return [
        _Question(execution, data, must) for execution, must in zip(executions, rules, strict=True)
    ]


def _reassess(
    items: Items,
    bases: Mapping[PersonId, str],
    questions: Sequence[_Question],
    entry: EntryNumber,
    closed_to: Collection[PersonId],
) -> int:
    """Open what some versions owe by one clause, or let it lapse where none of them does.

    Nothing is opened for those to whom it is `closed_to`.
    """
    dues: dict[tuple[PersonId, str], datetime] = {}  # by whose, and the record, the first of any
    lapsed = set(bases)
    for execution, data, must in questions:
        certain: dict[PersonId, tuple[list[OwedAct], Sequence[str]]] = {}
        for person_id in bases:
            decision, (_, evidence, problem) = execution.evaluate(person_id, data)
            if problem or decision.outcome == "error":
                lapsed.discard(person_id)  # nobody can tell; the next look will
                continue
            owed = [each for each in decision.owed if each.clause == must.clause]
            if owed:
                lapsed.discard(person_id)
            if person_id not in closed_to and any(each.certain for each in owed):
                certain[person_id] = [each for each in owed if each.certain], evidence
        moments_by_owner = _moments(data, certain, bases)
        for person_id, (owed, _) in certain.items():
            mine, moments = bases[person_id], moments_by_owner[person_id]
            if mine not in moments:
                mine = max(moments, key=lambda each: (moments[each], each), default="")
            since = min(max(moments.values(), default=execution.at), execution.at)
            due = min(_due(execution.context.clock.local(since), each) for each in owed)
            dues[person_id, mine] = min(due, dues.get((person_id, mine), due))
    must = questions[0].must
    return items.lapse(lapsed, must[:2], entry) + items.open(dues, must[:2], entry)


def _execution(context: GateContext, connection: Connection, must: ObligationRule) -> ActExecution:
    """The act that may be owed, decided by the facts on which that depends alone."""
    execution = ActExecution(context, connection, Act(action=must.action), entitled=False)
    facts = {name: fact for name, fact in execution.template.facts.items() if name in must.facts}
    execution.template = replace(execution.template, facts=facts)
    return execution


def _due(since: datetime, owed: OwedAct) -> datetime:
    return entries.after(since, owed.amount, owed.unit) or since


def _moments(
    data: PersonData,
    owed: Mapping[PersonId, tuple[object, Sequence[str]]],
    bases: Mapping[PersonId, str],
) -> dict[PersonId, dict[str, datetime]]:
    """When each record of the evidence of some people began to prove what it proves.

    Beside the record of somebody's `bases`, others that prove the same fact say nothing of its
    time.
    """
    moments: dict[PersonId, dict[str, datetime]] = {}
    registers = {each.record_id: each for each in data.own(REGISTER)}
    for person_id, (_, evidence) in owed.items():
        basis = bases[person_id]
        there = registers | {each.record_id: each for each in data.own(person_id)}
        mine = [there[RecordId(each)] for each in dict.fromkeys(evidence) if each in there]
        same = [_subject(each) for each in mine if each.record_id == basis]
        moments[person_id] = {
            each.record_id: to_datetime(
                each.valid_from if each.withdrawn is None else each.withdrawn
            )
            for each in mine
            if each.record_id == basis or _subject(each) not in same
        }
    return moments


def _subject(each: Record) -> tuple[object, ...]:
    """What a record proves, whenever it does."""
    return each.kind, each.fact, each.about


def open_due_obligations(gate: Gate) -> int:
    """Open what came to be owed by time alone, as a record began to hold; the job of that name."""
    kinds = sorted(_kinds_of_versions(gate))
    if not kinds:
        return 0
    statement = (
        "SELECT r.person_id, r.kind, r.record_id FROM record r JOIN person p"  # noqa: S608 - places alone
        " ON p.person_id = r.person_id WHERE p.state = ? AND r.record_id > ?"
        f" AND r.kind IN ({placeholders(kinds)}) AND r.valid_from <= ? AND r.withdrawn IS NULL"
        " AND r.how <> ?"  # of who was erased, whose request that answered
        " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.basis = r.record_id)"
        " ORDER BY r.record_id LIMIT ?"
    )
    with trial_of(gate, "owed") as trial:
        count, after = 0, ""
        while True:
            with reading(gate.engine) as connection:
                now = microseconds(trusted_time_in(gate, connection))
                values = (ACTIVE, after, *kinds, now, ERASURE, MOST)
                record_rows = rows(connection, statement, *values)
            for person_id, kind, record_id in record_rows:
                after = record_id
                work = partial(_reassess_alone, gate, person_id, kind, record_id)
                count += trial.one(work, person_id, record_id) or 0
            if len(record_rows) < MOST:
                return count


def _kinds_of_versions(gate: Gate) -> set[str]:
    """The kinds of records on which something may rest that a version owes, as it may bind some."""
    context = gate.context
    kinds = set(_kinds(context.policy))
    for each in context.editions[:-1]:
        if each.digest not in _KINDS:
            with reading(gate.engine) as connection:
                _KINDS[each.digest] = _kinds(store.policy_of(connection, each.digest))
        kinds |= _KINDS[each.digest]
    return kinds


def _kinds(policy: Policy) -> frozenset[str]:
    facts = policy.program.vocabulary.facts
    return frozenset(
        facts[name].proof
        for must in obligation_rules(policy)
        for name in must.facts
        if name in facts and facts[name].proof
    )


def _reassess_alone(gate: Gate, person_id: PersonId, kind: str, record_id: RecordId) -> int:
    """Open what came to be owed to a person by a record; how many changed."""
    with gate.together() as transaction:
        people.lock(transaction.connection, person_id)
        last = entries.last_of(transaction.connection)
        number = last[0] if last else EntryNumber(0)
        return reassess(gate.context, transaction.connection, person_id, kind, number, record_id)


def mark_overdue(gate: Gate) -> int:
    """Do what fell due, and say of what was not done that it is late; the job of that name.

    An item that fails stays as it is, its person is set aside, and the others go on.
    """
    handled = sorted(gate.context.duty_handlers.due) or [""]  # PostgreSQL knows no empty list
    count = 0
    last: Place | None = {"due": -(1 << 63), "item_id": ""}
    with trial_of(gate, "late") as trial:
        while last is not None:
            with reading(gate.engine) as connection:
                now = trusted_time_in(gate, connection)
                some, last = _due_batch(connection, now, handled, last)
            for each in map(_obligation, some):
                work = partial(_handle_due_alone, gate, each, now)
                count += trial.one(work, each.person_id, each.item_id) or 0
            if count >= MOST:  # the other jobs have their turn
                trial.stop()
                return count
    return count


def _handle_due_alone(gate: Gate, item: Obligation, now: datetime) -> int:
    with gate.together() as transaction:
        return _handle_due(gate, transaction, item, now)


def _due_batch(
    connection: Connection, now: datetime, handled: Sequence[str], after: Place
) -> RowBatch:
    """What is due and open, and what is late of the kinds that somebody handles."""
    where = (
        "(due <= ? AND state = 'open'"
        f" AND (kind <> 'delete' OR due <= ? OR kind IN ({placeholders(handled)}))"
        f" OR due <= ? AND state = 'late' AND kind IN ({placeholders(handled)}))"
    )
    at = microseconds(now)
    # Sets are looked at when each is done: one that was changed must not stop what others are due.
    values = (at, microseconds(now - GRACE), *handled, at, *handled)
    return batch(connection, table, where, values, after, MOST)


def _handle_due(gate: Gate, transaction: GateTransaction, item: Obligation, now: datetime) -> int:
    connection, context = transaction.connection, gate.context
    people.lock(connection, item.person_id)
    there = database.get(
        connection, table, "person_id = ? AND item_id = ?", item.person_id, item.item_id
    )
    if there is None or there.state != item.state:
        return 0  # somebody else was faster
    if handler := context.duty_handlers.due.get(item.kind):
        return _close(connection, item, "done", handler(transaction, item))
    if item.kind == OWED and not _still_owed(context, connection, item):
        number = _write_entry(context, connection, item, now, "lapsed")
        return _close(connection, item, "lapsed", number)
    number = _write_entry(context, connection, item, now, "late")
    return _close(connection, item, "late", number)


def _still_owed(context: GateContext, connection: Connection, item: Obligation) -> bool:
    """Whether a version of theirs owes it; a clause that none of them has owes nothing."""
    for each in contexts_of(context, connection, item.person_id):
        for must in obligation_rules(each.policy):
            if must[:2] == (item.clause, item.action):
                execution = _execution(each, connection, must)
                decision, (_, _, problem) = execution.evaluate(item.person_id)
                if problem or any(owed.clause == item.clause for owed in decision.owed):
                    return True
    return False


def _write_entry(
    context: GateContext, connection: Connection, item: Obligation, now: datetime, kind: str
) -> EntryNumber:
    """Say what became of an item.

    Of what was not deleted in time it is not said whose it is: they may be under a hold of which
    nobody may speak.
    """
    whose = None if item.kind == DELETE else item.person_id
    entry = Entry(
        kind=kind,
        time="",
        policy=context.policy.digest,
        action=item.action or item.kind,
        clauses=(item.clause,),
        evidence=(item.basis,) if item.basis else (),
    )
    return entries.write(connection, entry, whose, now)[0]


def _close(connection: Connection, item: Obligation, state: str, entry: EntryNumber) -> int:
    changes = {"state": state, "closed": None if state == "late" else entry}
    return database.update(
        connection, table, changes, "person_id = ? AND item_id = ?", item.person_id, item.item_id
    )
