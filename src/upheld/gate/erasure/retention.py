"""Retention: what is to be deleted by now, and what no clause lets be stored any more.

`retire` is for the jobs, nightly or oftener. It carries out the items that `delete-after` left
behind: exactly the rows that were stored then, and not a later value of the same field; of a series
those that had been stored by then. It deletes what a clause says must be deleted. Then it
asks the policy of everybody whether each field that is held may still be stored. What must be kept,
by a hold or an unpaid invoice, stays, and is asked about again the next time; so does what
something in force rests on, such as the order of a plan that runs. What cannot be told,
because a fact is not known or a record is not believed, stays too: nothing is deleted on a doubt.
What a hold keeps of which nobody may speak goes as if there were none, once it is set apart.
Nor is anything of whoever asked for an erasure that they can still take back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace
from sqlalchemy import Connection, Table

from upheld.core.ids import EntryNumber, ObligationId, PersonId
from upheld.database import rows as database
from upheld.database.own_tables import Tables
from upheld.database.seals import SealedError
from upheld.database.statements import placeholders, rows
from upheld.database.tables import BEGINNING, microseconds, record
from upheld.database.tables import item as table
from upheld.database.transaction import reading, scrub
from upheld.gate.act.context import GateContext
from upheld.gate.erasure import owed_deletions
from upheld.gate.erasure.delete_person import delete_people, set_aside_kept
from upheld.gate.erasure.ended_holds import tables_out_of_reach, without_hold
from upheld.gate.erasure.rows_on_hold import row_kinds
from upheld.gate.erasure.storing_rules import StoringRules
from upheld.gate.evidence.provers import ERASURE
from upheld.gate.evidence.trusted_time import trusted_time
from upheld.gate.log import entries
from upheld.gate.set_aside import JobTrial, trial_of
from upheld.ledger.entries import Entry, stamp
from upheld.vault import dropping, people
from upheld.vault.envelope import SealError
from upheld.vault.erasures import ErasureLine, token
from upheld.vault.people import ACTIVE, HELD, Person

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

TOGETHER = 100  # people, or items, in one transaction
_MOMENT = timedelta(microseconds=1)
KEPT = "erasure.kept"  # the kind of entry of what is kept at an erasure
CARRIED = timedelta(days=7)  # after which it is asked again what something still rests on


class _DueItem(NamedTuple):
    person_id: PersonId
    item_id: ObligationId
    clause: str
    entry: EntryNumber


class _FieldRules(NamedTuple):
    """What the policy says of a person's fields: those that may not be stored, those to be kept.

    Those of `apart` are set apart before they go, with the records by which a silent hold keeps
    them. `policies` are the versions that say so besides the one in force. Who has a narrow hold
    may be kept by it for what is no value.
    """

    denied: dict[str, tuple[str, ...]]
    kept: frozenset[str]
    apart: frozenset[str]
    apart_records: tuple[str, ...]
    policies: tuple[str, ...]
    has_narrow_hold: bool


def retire(gate: Gate, now: datetime | None = None) -> int:
    """Delete what is due and what may not be stored any more; how many fields of people."""
    believed = trusted_time(gate)
    at = now or believed
    with trial_of(gate, "retention") as trial:
        count = _due(gate, at, trial) + owed_deletions.delete(gate, at, trial)
        count += _ask_again(gate, ACTIVE, trial) + _ask_again(gate, HELD, trial)
        _remove_empty(gate, trial)
    scrub(gate.engine)  # of what was dropped since the last time, too
    return count


def _remove_empty(gate: Gate, trial: JobTrial) -> int:
    """Delete the rows of people who were erased and of whom nothing is kept or owed; how many."""
    statement = (
        "SELECT DISTINCT p.person_id FROM person p JOIN record r ON r.person_id = p.person_id"
        " WHERE p.state = ? AND r.how = ? AND p.person_id > ?"
        " AND NOT EXISTS (SELECT 1 FROM value v WHERE v.person_id = p.person_id)"
        " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.person_id = p.person_id"
        " AND i.kind <> 'delete' AND i.state IN ('open', 'late') AND i.basis <> r.record_id)"
        " ORDER BY p.person_id LIMIT ?"
    )
    count, last = 0, ""
    while True:
        with reading(gate.engine) as connection:
            some = [
                person_id
                for (person_id,) in rows(connection, statement, ACTIVE, ERASURE, last, TOGETHER)
            ]
        if not some:
            return count
        last = some[-1]
        count += trial.some(some, partial(_bare_of_practices, gate))


def _bare_of_practices(gate: Gate, some: Sequence[PersonId]) -> int:
    """Take some people out, once practices have deleted what waited for the end of a hold."""
    with reading(gate.engine) as connection:
        bare = _bare_lines(gate.context, connection, some)
    for each in gate.context.erasure_hooks.before_many if bare else ():
        each(gate, [*bare])
    return _bare(gate, [*bare])


def _bare(gate: Gate, some: Sequence[PersonId]) -> int:
    """Take some people out, of whom nothing is kept but what an order forbids to speak of."""
    with gate.writing() as connection:
        context = gate.context
        people.lock_all(connection, some)
        bare = _bare_lines(context, connection, some)
        delete_people(connection, context.keyring, context.policy, bare, context.clock.now())
    return len(bare)


def _bare_lines(
    context: GateContext, connection: Connection, some: Sequence[PersonId]
) -> dict[PersonId, ErasureLine]:
    """What is told of the erasure of those of some people of whom nothing is kept openly.

    Not of whom a hold that may be told keeps the rows of practices, nor of whom that is unknown.
    """
    kinds = row_kinds(context.policy)
    rules = StoringRules(context, connection, some, kinds)
    bare = {}
    for each in rules.persons:
        retained = rules.retained(each, (), kinds)
        is_known = not rules.problem(each) and all(
            _whole(connection, one, each) for one in (record, table)
        )
        if is_known and not retained.kept_records:
            bare[each] = ErasureLine(
                token(context.keyring, each),
                EntryNumber(0),
                "",
                apart_records=retained.apart_records,
            )
    return bare


def _due(gate: Gate, at: datetime, trial: JobTrial) -> int:
    """Carry out the items that are due."""
    count = 0
    for some in owed_deletions.due_items(gate, "kind = ?", ("delete",), at, TOGETHER):
        items: dict[PersonId, list[_DueItem]] = {}
        for each in some:
            item = _DueItem(each.person_id, each.item_id, each.clause, each.entry)
            items.setdefault(each.person_id, []).append(item)
        count += trial.some(list(items), partial(_carry_out_for, gate, items))
    return count


def _carry_out_for(
    gate: Gate, items: Mapping[PersonId, list[_DueItem]], whom: Sequence[PersonId]
) -> int:
    """Carry out the items of some people in one transaction."""
    return _carry_out_some(gate, [each for person_id in whom for each in items[person_id]])


def _carry_out_some(gate: Gate, some: Sequence[_DueItem]) -> int:
    """Carry out some items in one transaction."""
    count = 0
    with gate.writing() as connection:
        person_ids = sorted({each.person_id for each in some})
        people.lock_all(connection, person_ids)
        opened = people.open_people(connection, gate.context.keyring, person_ids)
        rules = storing_rules(gate.context, connection, opened, ACTIVE)
        for each in sorted(some, key=lambda item: item.entry):  # former values before later ones
            if each.person_id in rules:  # else somebody who was erased meanwhile, or a doubt
                count += _carry_out(gate.context, connection, each, rules[each.person_id])
    return count


def _carry_out(
    context: GateContext, connection: Connection, item: _DueItem, rules: _FieldRules
) -> int:
    """Delete what was stored in the act that an item is of, but what must be kept."""
    at, every, kind = _stored_in_act(connection, item)
    stored = {field: mark for field, mark in every.items() if field not in rules.kept}
    changes: dict[str, Any] = {"state": "done"} if len(stored) == len(every) else {}  # or waits on
    if (every and not stored) or not _whole(connection, table, item.person_id):
        return 0
    person = people.open_person(connection, context.keyring, item.person_id)
    _set_apart(context, connection, person, stored, rules)
    if kind == KEPT:  # until now, and whatever still rests on it
        _change(connection, item, changes)
        return _expire(context, connection, person, item, rules, stored)
    series = [
        field
        for field in stored
        if field in person.holdings and person.holdings[field].gone is not None
    ]
    left = {}
    for field in series:
        try:
            person, count = context.carry_forwards.forget(
                connection, person, field, at + _MOMENT, context.clock.local(context.clock.now())
            )
        except SealError:
            return 0  # what is not whole is left to whoever looks into it
        if count:
            left[field] = person.holdings[field].mark
    current = [
        field
        for field, mark in stored.items()
        if field not in series and field in person.holdings and person.holdings[field].mark == mark
    ]
    if current:
        dropping.drop(connection, person, current)
    gone = {
        field: mark
        for field, mark in stored.items()
        if field not in series
        and (field in current or dropping.drop_former(connection, item.person_id, field, mark))
    }
    if any(_there(connection, item.person_id, field, at) for field in series):
        changes = {"state": "open", "due": microseconds(context.clock.now() + CARRIED)}
    _change(connection, item, changes)
    deletion = _deletion(context, item.clause.split(", "), rules.policies)
    _write_entry(context, connection, item.person_id, gone, deletion)
    left_over = replace(deletion, action="")  # of a series something is left
    _write_entry(context, connection, item.person_id, left, left_over)
    return len(gone) + len(left)


def _change(connection: Connection, item: _DueItem, changes: dict[str, Any]) -> None:
    """Change an item, if anything of it changes."""
    if changes:
        where = "person_id = ? AND item_id = ?"
        database.update(connection, table, changes, where, item.person_id, item.item_id)


def _expire(
    context: GateContext,
    connection: Connection,
    person: Person,
    item: _DueItem,
    rules: _FieldRules,
    fields: Collection[str],
) -> int:
    """Delete all of what was kept at an erasure until a day, rows that were added since too."""
    gone = {field: person.holdings[field].mark for field in fields if field in person.holdings}
    if gone:
        dropping.drop(connection, person, list(gone))
    deletion = _deletion(context, item.clause.split(", "), rules.policies)
    _write_entry(context, connection, item.person_id, gone, deletion)
    return len(gone)


def _set_apart(
    context: GateContext,
    connection: Connection,
    person: Person,
    fields: Iterable[str],
    rules: _FieldRules,
) -> None:
    """Set apart what a silent hold keeps of some fields, before they go openly."""
    apart = tuple(each for each in fields if each in rules.apart and each in person.holdings)
    if apart:
        what = ErasureLine(
            token(context.keyring, person.person_id),
            EntryNumber(0),
            "",
            apart=apart,
            apart_records=rules.apart_records,
        )
        now = context.clock.now()
        set_aside_kept(connection, context.keyring, context.policy, (person, what), now)


def _there(connection: Connection, person_id: PersonId, field: str, at: datetime) -> bool:
    """Whether a row of a moment was carried forward, so that it is asked about again."""
    statement = "SELECT 1 FROM value WHERE person_id = ? AND field = ? AND at = ?"
    return bool(rows(connection, statement, person_id, field, microseconds(at)))


def _whole(connection: Connection, table: Table, person_id: PersonId) -> bool:
    """Whether somebody's rows are as they were written; what is not is left to who looks into it.

    Self-check names it.
    """
    try:
        database.require_intact(connection, table, [person_id])
    except SealedError:
        return False
    return True


def _stored_in_act(connection: Connection, item: _DueItem) -> tuple[datetime, dict[str, str], str]:
    """Of the act that an item is of: when, its fields with what is told of their rows, its kind.

    The duty may be that of collecting them, which is the entry before.
    """
    later_entries = [
        stored_entry
        for stored_entry in entries.of_person(connection, item.person_id)
        if stored_entry.number >= item.entry
    ]
    if not later_entries or later_entries[0].number != item.entry:
        return BEGINNING, {}, ""
    data = later_entries[0].entry.data
    for stored_entry in later_entries[:2]:
        if (
            stored_entry.entry.values
            and stored_entry.entry.data == data
            and stored_entry.entry.action != "delete"
        ):
            return (
                stored_entry.at,
                dict(zip(data, stored_entry.entry.values, strict=True)),
                stored_entry.entry.kind,
            )
    return BEGINNING, {}, ""


def _deletion(context: GateContext, clauses: Sequence[str], policies: tuple[str, ...]) -> Entry:
    """What the entry of a deletion tells, but for what was deleted."""
    return Entry(
        kind="retention",
        time="",
        action="delete",
        policy=context.policy.digest,
        policies=policies,
        clauses=tuple(clause for clause in clauses if clause),
    )


def _write_entry(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    stored: dict[str, str],
    deletion: Entry,
) -> None:
    """Say what was deleted, if anything."""
    if stored:
        entry = replace(deletion, data=tuple(stored), values=tuple(stored.values()))
        entries.write(connection, entry, person_id, context.clock.now())


def _ask_again(gate: Gate, state: str, trial: JobTrial) -> int:
    """Ask the policy of everybody in a state what may still be stored; delete what may not."""
    count, last = 0, ""
    while True:
        statement = (
            "SELECT person_id FROM person WHERE state = ? AND person_id > ?"
            " ORDER BY person_id LIMIT ?"
        )
        with reading(gate.engine) as connection:
            some = [
                person_id for (person_id,) in rows(connection, statement, state, last, TOGETHER)
            ]
        if not some:
            return count
        last = some[-1]
        work = partial(_ask_about, gate, state) if state == ACTIVE else partial(_end_holds, gate)
        count += trial.some(some, work)


def _end_holds(gate: Gate, some: Sequence[PersonId]) -> int:
    """Let go of some people who are there for a hold alone what no hold keeps any more.

    Practices go first: what they have of somebody who goes is not told by their rows alone.
    """
    with reading(gate.engine) as connection:
        over = without_hold(gate.context, connection, some)
        going = [*over, *tables_out_of_reach(gate.context, connection, some)]
    for each in gate.context.erasure_hooks.before_many if going else ():
        each(gate, going)
    count = _ask_about(gate, HELD, some)
    with gate.writing() as connection:
        people.lock_all(connection, some)
        for person_id, tables in tables_out_of_reach(gate.context, connection, some).items():
            for out_of_reach in tables:
                database.purge(connection, out_of_reach, "person_id = ?", person_id)
        opened = people.open_people_in_any_state(connection, gate.context.keyring, some)
        for person_id in without_hold(gate.context, connection, over):
            if person_id in opened and not opened[person_id].holdings:  # kept for its rows alone
                _delete_apart(gate.context, connection, opened[person_id])
    return count


def _delete_apart(context: GateContext, connection: Connection, person: Person) -> None:
    bare = ErasureLine(token(context.keyring, person.person_id), EntryNumber(0), "")
    delete_people(
        connection,
        context.keyring,
        context.policy,
        {person.person_id: bare},
        context.clock.now(),
    )


def _ask_about(gate: Gate, state: str, some: Sequence[PersonId]) -> int:
    """Ask the policy of some people in one transaction; who is in another state now is left out."""
    count = 0
    with gate.writing() as connection:
        people.lock_all(connection, some)
        person_rows = rows(
            connection,
            f"SELECT person_id FROM person WHERE state = ? AND person_id IN ({placeholders(some)})",  # noqa: S608 - places alone
            state,
            *some,
        )
        whom = [each for (each,) in person_rows]
        context = gate.context
        left = context.erasure_hooks.left(Tables(connection), whom, context.clock.now())
        opened = people.open_people_in_any_state(
            connection, context.keyring, [each for each in whom if each not in left]
        )
        for person_id, rules in storing_rules(context, connection, opened, state).items():
            count += _delete_denied(context, connection, opened[person_id], rules, state)
    return count


def _delete_denied(
    context: GateContext, connection: Connection, person: Person, rules: _FieldRules, state: str
) -> int:
    if state == HELD:  # it is there for what must be kept alone, and nothing is told of it
        gone = [each for each in person.holdings if each not in {*rules.kept, *rules.apart}]
        if gone and len(gone) == len(person.holdings) and not rules.has_narrow_hold:
            _delete_apart(context, connection, person)
        elif gone:
            dropping.drop(connection, person, gone)
        return len(gone)
    by_clause: dict[tuple[str, ...], dict[str, str]] = {}
    for field, clauses in rules.denied.items():
        if field not in rules.kept:
            by_clause.setdefault(clauses, {})[field] = person.holdings[field].mark
    _set_apart(context, connection, person, [f for some in by_clause.values() for f in some], rules)
    for clauses, stored in by_clause.items():
        person = dropping.drop(connection, person, list(stored))
        deletion = _deletion(context, clauses, rules.policies)
        _write_entry(context, connection, person.person_id, stored, deletion)
    return sum(map(len, by_clause.values()))


def storing_rules(
    context: GateContext, connection: Connection, opened: dict[PersonId, Person], state: str
) -> dict[PersonId, _FieldRules]:
    """What the policy says of the fields of some people; of whom it cannot be told, nothing."""
    leaves = context.policy.engine.compiled.leaves["data"].bit
    fields = sorted({f for each in opened.values() for f in each.holdings if f in leaves})
    if not fields:
        return {}
    rules = StoringRules(context, connection, [*opened], fields, state)
    rules_by_person = {}
    for person_id in rules.persons:
        if rules.problem(person_id):
            continue
        held_fields = [field for field in opened[person_id].holdings if field in leaves]
        retained = rules.retained(person_id, held_fields)
        denied = rules.denied(person_id, held_fields)
        lasting = [each for each in retained.kept if not each.until or each.until > stamp(rules.at)]
        names = frozenset(field for each in lasting for field in each.data)
        apart = {*retained.apart}
        if retained.apart_records and state == ACTIVE:
            openly = rules.denied(person_id, held_fields, openly=True)
            apart.update(openly.keys() - denied.keys())
            denied = openly
        rules_by_person[person_id] = _FieldRules(
            denied,
            names,
            frozenset(apart),
            retained.apart_records,
            retained.policies,
            rules.has_narrow_hold(person_id),
        )
    return rules_by_person
