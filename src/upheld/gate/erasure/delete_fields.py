"""Delete single values while their person stays, as somebody may ask, but what must be kept.

What must be kept is what an erasure of the person would keep: a clause lets it be stored only
because of something that is proven. A series that something in force rests on stays, too. What a
law keeps and forbids to speak of is set aside, and it is told as gone. The entry names the fields
and the digests of their rows.

A backup that was made before still has them. They are therefore told to the list of erasures, by a
job within a minute, and dropped again in what is restored.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import Connection

from upheld.core.errors import UpheldError
from upheld.core.ids import NOBODY, EntryNumber, PersonId
from upheld.database import rows as database
from upheld.database import tables
from upheld.database.statements import rows
from upheld.database.transaction import reading, writing
from upheld.gate.act.context import GateContext
from upheld.gate.erasure import delete_person
from upheld.gate.erasure.must_keep import KeptFields, Retained
from upheld.gate.erasure.storing_rules import StoringRules
from upheld.gate.log import entries
from upheld.gate.set_aside import is_everybodys, trial_of
from upheld.ledger.entries import Entry, stamp
from upheld.policy.load import Policy
from upheld.vault import backups, dropping, people
from upheld.vault.envelope import context, seal, unseal
from upheld.vault.erasures import ErasureLine, Erasures, token
from upheld.vault.keyring import Keyring
from upheld.vault.people import Person

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

TOGETHER = 1_000  # lines told at once
NOTHING = Retained((), (), (), ())


class DropError(UpheldError):
    """Values of which it cannot be told whether they must be kept."""


class DropOutlook(NamedTuple):
    """What would come of deleting some fields: which would go, and what keeps the others."""

    gone: tuple[str, ...]
    kept: tuple[KeptFields, ...]
    needed: tuple[str, ...]  # series on which something in force rests
    derived: tuple[str, ...]  # what is worked out of those that would go
    backups: datetime | None  # by when no backup that has them can be read; None without one


class _Settled(NamedTuple):
    """A person, what must be kept of the fields in question, and which of them go."""

    person: Person
    retained: Retained
    needed: tuple[str, ...]
    gone: tuple[str, ...]


def outlook(
    context: GateContext, connection: Connection, person_id: PersonId, fields: Sequence[str]
) -> DropOutlook:
    """What `drop` would do with some fields now; nothing is deleted, and no value is read."""
    settled = _settle(context, connection, person_id, fields)
    return DropOutlook(
        settled.gone,
        settled.retained.kept,
        settled.needed,
        context.derived.out_of(settled.gone),
        backups.readable_until(connection, context.clock.now()),
    )


def _settle(
    context: GateContext, connection: Connection, person_id: PersonId, fields: Sequence[str]
) -> _Settled:
    """Settle what of some fields must be kept, and what goes."""
    leaves = context.policy.engine.compiled.leaves["data"].bit
    fields = list(dict.fromkeys(fields))
    if leaf_fields := tuple(field for field in fields if field in leaves):
        person, retained = _what_to_keep(context, connection, person_id, leaf_fields)
    else:  # words of an older policy: nothing lets them be kept
        person, retained = people.open_person(connection, context.keyring, person_id), NOTHING
    held_fields = [field for field in fields if field in person.holdings]
    needed = context.carry_forwards.still_needed(
        connection, person, held_fields, context.clock.local(context.clock.now())
    )
    stays = needed.union(*(each.data for each in retained.kept))
    return _Settled(
        person,
        retained,
        tuple(sorted(needed)),
        tuple(field for field in held_fields if field not in stays),
    )


def drop(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    fields: Sequence[str],
    clauses: tuple[str, ...] = (),
    *,
    actor: str = "",
) -> tuple[str, ...]:
    """Delete all that is held of some fields, but what must be kept; those that are gone now.

    For the entry: `clauses` are those that say it must be deleted, `actor` is who asked for it.
    """
    people.lock(connection, person_id)
    person, retained, _, gone = _settle(context, connection, person_id, fields)
    if not gone:
        return ()
    listing = ErasureLine(
        token(context.keyring, person_id),
        EntryNumber(0),
        "",
        apart=tuple(field for field in retained.apart if field in gone),
        apart_records=retained.apart_records,
        dropped=gone,
    )
    entry = Entry(
        kind="retention",
        time="",
        action="delete",
        policy=context.policy.digest,
        policies=retained.policies,
        clauses=clauses,
        actor=actor,
    )
    whose = person, listing
    listing = _delete(
        connection, context.keyring, context.policy, whose, entry, context.clock.now()
    )
    # Until the list has it, it lies here sealed, since it may tell of a hold.
    sealed = seal(
        context.keyring.derived("dropped"),
        msgspec.json.encode(listing),
        _place(listing.token, listing.entry),
    )
    database.insert(
        connection, tables.dropped, token=listing.token, entry=listing.entry, sealed=sealed
    )
    return gone


def _delete(
    connection: Connection,
    keyring: Keyring,
    policy: Policy,
    whose: tuple[Person, ErasureLine],
    entry: Entry,
    at: datetime,
) -> ErasureLine:
    """Set aside what a law keeps, and delete what is dropped; what is told, with its entry."""
    person, listing = whose
    if listing.apart:
        delete_person.set_aside_kept(connection, keyring, policy, whose, at)
    marks = tuple(person.holdings[field].mark for field in listing.dropped)
    dropping.drop(connection, person, listing.dropped)
    entry = msgspec.structs.replace(entry, data=listing.dropped, values=marks)
    number, at = entries.write(connection, entry, person.person_id, at)
    return msgspec.structs.replace(listing, entry=number, at=stamp(at))


def _place(whose: str, number: int) -> bytes:
    return context("dropped", whose, number)


def tell(gate: Gate) -> int:
    """Tell the list of erasures, outside the database, what was dropped; how many times.

    A row that cannot be opened is set aside, and the others are told.
    """
    count, last = 0, ("", 0)
    statement = (
        "SELECT token, entry FROM dropped WHERE (token, entry) > (?, ?)"
        " ORDER BY token, entry LIMIT ?"
    )
    with trial_of(gate, "dropped") as trial:
        while True:
            with reading(gate.engine) as connection:
                some = [
                    (str(whose), int(entry))
                    for whose, entry in rows(connection, statement, *last, TOGETHER)
                ]
            if not some:
                return count
            last = some[-1]
            try:
                count += _tell(gate, some)
            except Exception as error:
                if is_everybodys(error):
                    raise
                count += sum(
                    trial.one(partial(_tell, gate, [each]), NOBODY, str(each[1])) or 0
                    for each in some
                )


def _tell(gate: Gate, some: Sequence[tuple[str, int]]) -> int:
    """Tell the list of erasures what some rows say, which are deleted then; how many."""
    keyring = gate.context.keyring
    key, where = keyring.derived("dropped"), "token = ? AND entry = ?"
    with reading(gate.engine) as connection:
        dropped_rows = [database.get(connection, tables.dropped, where, *each) for each in some]
    there = [each for each in dropped_rows if each is not None]
    Erasures(keyring).append(
        [
            msgspec.json.decode(
                unseal(
                    key,
                    each.sealed,
                    _place(each.token, each.entry),
                    what=f"what entry {each.entry} dropped",
                ),
                type=ErasureLine,
            )
            for each in there
        ]
    )
    with writing(gate.engine) as connection:
        for each in there:
            database.delete(connection, tables.dropped, where, each.token, each.entry)
    return len(there)


def replay(
    connection: Connection, keyring: Keyring, policy: Policy, since: str, at: datetime
) -> int:
    """Drop again, in a database from a backup, what was dropped since; how many times.

    `since` is the time of the backup's last entry.
    """
    again: dict[str, list[ErasureLine]] = {}
    for each in Erasures(keyring).read():
        if each.dropped and each.at >= since:
            again.setdefault(each.token, []).append(each)
    if not again:
        return 0
    count = 0
    for (person_id,) in rows(connection, "SELECT person_id FROM person_key ORDER BY person_id"):
        for listing in again.get(token(keyring, person_id), ()):
            person = people.open_people_in_any_state(connection, keyring, [person_id]).get(
                person_id
            )
            held_fields = tuple(
                field for field in listing.dropped if person and field in person.holdings
            )
            if person and held_fields:
                left = msgspec.structs.replace(listing, dropped=held_fields)
                entry = Entry(kind="retention", time="", action="delete", policy=policy.digest)
                _delete(connection, keyring, policy, (person, left), entry, at)
                count += 1
    return count


def _what_to_keep(
    context: GateContext, connection: Connection, person_id: PersonId, fields: tuple[str, ...]
) -> tuple[Person, Retained]:
    """A person, and what of some fields must be kept, by the policy and what is proven."""
    rules = StoringRules(context, connection, [person_id], fields)
    if problem := rules.problem(person_id):
        raise DropError(
            f"whether it must be kept cannot be told: {problem}",
            code="erasure",
            hint="upheld admin selfcheck; nothing was deleted",
        )
    person = rules.persons[person_id]
    held_fields = [field for field in fields if field in person.holdings]
    return person, rules.retained(person_id, held_fields)
