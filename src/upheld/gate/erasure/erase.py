"""Erase somebody: entry, what must be kept kept, everything else gone for good, entry.

An erasure goes through states, each on the disk before the next is begun, so that one that was
stopped at any point is gone on with:

    begun   its entry is written, what will be kept is settled by the policy, and no act finds the
            person any more
    gone    it stands in the list of erasures beside the keyring, and the rows are deleted
    done    the keys were renewed, so that what backups and the database's own log still hold of it
            opens with no key; its last entry is written

The last step is for all that wait at once, nightly or when asked for: `renew`.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import Connection, Engine

from upheld.core.clock import Clock
from upheld.core.errors import UpheldError
from upheld.core.ids import NOBODY, EntryNumber, PersonId
from upheld.database import rows as database
from upheld.database import tables
from upheld.database.seals import SealedError
from upheld.database.statements import dialect_of, placeholders, row, rows
from upheld.database.transaction import reading, scrub, writing
from upheld.gate.act.context import GateContext
from upheld.gate.act.erasure_hooks import ErasureHook
from upheld.gate.erasure import epochs, values_apart
from upheld.gate.erasure.certificate import Certificate
from upheld.gate.erasure.delete_person import delete_people
from upheld.gate.erasure.must_keep import Retained
from upheld.gate.erasure.rows_on_hold import row_kinds
from upheld.gate.erasure.sealed_erasures import BEGUN, DONE, GONE, SealedErasure, seal_erasure
from upheld.gate.erasure.storing_rules import StoringRules
from upheld.gate.evidence.provers import HOLD
from upheld.gate.log import entries
from upheld.gate.set_aside import is_everybodys, trial_of
from upheld.ledger.entries import Entry, stamp
from upheld.vault import backups, people
from upheld.vault.envelope import SealError, unseal
from upheld.vault.envelope import context as bound_to
from upheld.vault.erasures import ErasureLine, Erasures, token
from upheld.vault.keyring import Keyring
from upheld.vault.people import ERASING

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

TOGETHER = 100  # people in one transaction
_LOG = logging.getLogger("upheld.jobs")


class ErasureError(UpheldError):
    """An erasure that cannot be begun, or a certificate that is not there."""


class _Row(NamedTuple):
    token: str
    entry: EntryNumber
    person_id: PersonId | None
    sealed: SealedErasure


def erase(gate: Gate, person_ids: Sequence[PersonId], *, now: bool = False) -> list[Certificate]:
    """Erase some people; their certificates, which are final once the keys were renewed.

    With `now` they are renewed at once. VaultError where there is no such person, ErasureError
    where something is wrong with the records that say what must be kept; nothing is erased then.
    """
    people_asked = list(dict.fromkeys(person_ids))
    hooks = gate.context.erasure_hooks
    _beside(gate, hooks.before, people_asked)
    for some in _batches(people_asked):
        for each in hooks.before_many:
            each(gate, some)
    for some in _batches(people_asked):
        with gate.writing() as connection:
            _begin(gate.context, connection, some)
        _carry_out(gate)
    _require_carried_out(gate, people_asked)
    _beside(gate, hooks.after, _partly_kept(gate, people_asked))
    if now:
        renew(gate)
    else:
        scrub(gate.engine)
    with reading(gate.engine) as connection:
        return [_certificate(connection, gate.context.keyring, each) for each in people_asked]


def _beside(gate: Gate, what: Sequence[ErasureHook], whom: Sequence[PersonId]) -> None:
    """Do what practices have to do beside an erasure, each person in a transaction of theirs."""
    for person_id in whom if what else ():
        with gate.together() as transaction:
            for each in what:
                each(transaction, person_id)


def _partly_kept(gate: Gate, person_ids: Sequence[PersonId]) -> list[PersonId]:
    """Who is still there after their erasure, because something is kept of them."""
    still_there: list[PersonId] = []
    with reading(gate.engine) as connection:
        for some in _batches(person_ids):
            statement = f"SELECT person_id FROM person WHERE person_id IN ({placeholders(some)})"  # noqa: S608 - places alone
            still_there += [
                each
                for (each,) in rows(connection, f"{statement} AND state = ?", *some, people.ACTIVE)
            ]
    return still_there


def resume(gate: Gate) -> int:
    """Go on with erasures that were begun and stopped; how many."""
    return _carry_out(gate)


def renew(gate: Gate, *, destroy: bool = True) -> int:
    """Renew the keys, so that every erasure up to now is final; how many people were moved."""
    resume(gate)
    with trial_of(gate, "keys") as trial:
        moved = epochs.begin_epoch(gate.engine, gate.context.keyring, destroy=destroy, trial=trial)
    finish(gate.engine, gate.context.keyring, gate.context.clock)
    return moved


def renew_if_needed(gate: Gate) -> int:
    """Renew the keys if an erasure waits for it; how many people were moved."""
    return renew(gate) if count_unfinished(gate.engine) else 0


def finish(engine: Engine, keyring: Keyring, clock: Clock) -> int:
    """Write the last entry of each erasure whose keys are all destroyed; how many.

    One whose row is not as it was written is left to self-check, which names it.
    """
    count, last = 0, ("", 0)
    epochs = [each.number for each in keyring.epochs]
    where = f"state = ? AND epoch NOT IN ({placeholders(epochs)}) AND (token, entry) > (?, ?)"
    while True:
        with writing(engine) as connection:
            some = rows(
                connection,
                f"SELECT token, entry FROM erasure WHERE {where} ORDER BY token, entry LIMIT ?",  # noqa: S608 - places alone
                GONE,
                *epochs,
                *last,
                TOGETHER,
            )
        if not some:
            return count
        last = some[-1]
        for whose, entry in some:
            try:
                with writing(engine) as connection:
                    count += _write_last_entry(connection, keyring, whose, entry, clock.now())
            except (SealedError, SealError, msgspec.MsgspecError) as error:
                _LOG.error(
                    "the erasure of entry %s cannot be finished: %s",
                    entry,
                    getattr(error, "code", type(error).__name__),
                )


def _write_last_entry(
    connection: Connection, keyring: Keyring, whose: str, entry: EntryNumber, at: datetime
) -> int:
    """Write the last entry of one erasure; 0 where another process did."""
    where = "state = ? AND token = ? AND entry = ?"
    some = list(_list(connection, keyring, where, (GONE, whose, entry)))
    for each in some:
        _mark_done(connection, keyring, each, at)
    return len(some)


def certificates(gate: Gate, person_id: PersonId) -> list[Certificate]:
    """The certificates of a person's erasures, the last one last."""
    with reading(gate.engine) as connection:
        return _certificates(connection, gate.context.keyring, person_id)


def certificates_for(gate: Gate, whose: str) -> list[Certificate]:
    """The certificates that belong to a token of the list of erasures; they name nobody."""
    with reading(gate.engine) as connection:
        erasures = _list(connection, gate.context.keyring, "token = ?", (whose,))
        return [each.sealed.certificate for each in erasures]


def count_unfinished(engine: Engine) -> int:
    """How many erasures are not final yet."""
    with reading(engine) as connection:
        count_row = row(connection, "SELECT count(*) FROM erasure WHERE state <> ?", DONE)
    return int(count_row[0]) if count_row else 0


def _batches(person_ids: Sequence[PersonId]) -> Iterator[Sequence[PersonId]]:
    for first in range(0, len(person_ids), TOGETHER):
        yield sorted(person_ids[first : first + TOGETHER])


def _begin(context: GateContext, connection: Connection, person_ids: Sequence[PersonId]) -> None:
    """Settle what will be kept of some people, and let no act find them any more."""
    keyring = context.keyring
    people.lock_all(connection, person_ids)
    opened = people.open_people(connection, keyring, person_ids)
    if len(opened) < len(person_ids):
        raise people.no_person(next(each for each in person_ids if each not in opened))
    at, retained_by_person = _settle(context, connection, opened)
    statement = (
        f"SELECT person_id, epoch FROM person_key WHERE person_id IN ({placeholders(person_ids)})"  # noqa: S608 - places alone
    )
    keys = dict(rows(connection, statement, *person_ids))
    for person_id in person_ids:
        retained = retained_by_person[person_id]
        public = [field for each in retained.kept for field in each.data]
        gone = tuple(field for field in sorted(opened[person_id].holdings) if field not in public)
        number, sealed = _write_entry(context, connection, person_id, (gone, retained), at)
        database.insert(
            connection,
            tables.erasure,
            token=sealed.erased.token,
            entry=number,
            person_id=person_id,
            state=BEGUN,
            epoch=keys[person_id],
            sealed=seal_erasure(keyring, sealed.erased.token, number, sealed),
        )
    for person_id in person_ids:
        people.change_state(connection, opened[person_id], ERASING)


def _settle(
    context: GateContext, connection: Connection, opened: dict[PersonId, people.Person]
) -> tuple[datetime, dict[PersonId, Retained]]:
    """What must be kept of each, by the policy and what is proven."""
    leaves = context.policy.engine.compiled.leaves["data"].bit
    kinds = row_kinds(context.policy)
    field_words = {f for each in opened.values() for f in each.holdings if f in leaves}
    rules = StoringRules(context, connection, [*opened], sorted(field_words.union(kinds)))
    retained = {}
    for person_id in rules.persons:
        if problem := rules.problem(person_id):
            raise ErasureError(
                f"what must be kept of person {person_id} cannot be told: {problem}",
                code="erasure",
                hint="upheld admin selfcheck; nothing was erased",
            )
        fields = sorted(opened[person_id].holdings)
        retained[person_id] = rules.retained(person_id, fields, kinds)
        if rules.has_narrow_hold(person_id) or any(
            HOLD in each.grounds for each in retained[person_id].kept
        ):
            besides_rows = values_apart.read(
                context, connection, person_id
            )  # kept by the hold, as rows
            besides = (
                *kinds,
                *(each for each in besides_rows if each in leaves and each not in kinds),
            )
            retained[person_id] = rules.retained(person_id, fields, besides)
    return rules.at, retained


def _write_entry(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    what: tuple[tuple[str, ...], Retained],
    at: datetime,
) -> tuple[EntryNumber, SealedErasure]:
    gone, retained = what
    clauses = tuple(dict.fromkeys(clause for each in retained.kept for clause in each.clauses))
    entry = Entry(
        kind="erasure.begun",
        time="",
        id=secrets.token_hex(16),
        data=gone,
        policy=context.policy.digest,
        policies=retained.policies,
        clauses=clauses,
    )
    number, at = entries.write(connection, entry, person_id, at)
    erased = ErasureLine(
        token(context.keyring, person_id),
        number,
        stamp(at),
        tuple(field for each in retained.kept for field in each.data),
        retained.apart,
        retained.kept_records,
        retained.apart_records,
    )
    certificate = Certificate(
        policy=context.policy.digest,
        asked=stamp(at),
        erased=gone,
        kept=retained.kept,
        entries=(number,),
    )
    return number, SealedErasure(entry.id, erased, certificate)


def _carry_out(gate: Gate) -> int:
    """List the erasures that are begun, then take the people out; how many.

    Where that fails each is tried for itself, and whose erasure fails is set aside.
    """
    with trial_of(gate, "unfinished erasures") as trial:
        try:
            return _all_together(gate)
        except Exception as error:
            if is_everybodys(error):
                raise
        with reading(gate.engine) as connection:
            statement = (
                "SELECT token, entry, person_id FROM erasure WHERE state = ? ORDER BY token, entry"
            )
            waiting_rows = rows(connection, statement, BEGUN)
        return sum(
            trial.one(partial(_alone, gate, token, entry), person_id or NOBODY, str(entry)) or 0
            for token, entry, person_id in waiting_rows
        )


def _all_together(gate: Gate) -> int:
    context, count = gate.context, 0
    while True:
        with reading(gate.engine) as connection:
            some = list(_list(connection, context.keyring, "state = ?", (BEGUN,)))
        if not some:
            return count
        Erasures(context.keyring).append([each.sealed.erased for each in some])
        with gate.writing() as connection:
            count += _take_out(gate.context, connection, some)


def _alone(gate: Gate, whose: str, entry: EntryNumber) -> int:
    context, where = gate.context, "state = ? AND token = ? AND entry = ?"
    with reading(gate.engine) as connection:
        some = list(_list(connection, context.keyring, where, (BEGUN, whose, entry)))
    Erasures(context.keyring).append([each.sealed.erased for each in some])
    with gate.writing() as connection:
        return _take_out(gate.context, connection, some) if some else 0


def _require_carried_out(gate: Gate, whom: Sequence[PersonId]) -> None:
    """ErasureError where the erasure of some people is begun and could not be gone on with."""
    statement = "SELECT person_id FROM erasure WHERE state = ? AND person_id IS NOT NULL"
    with reading(gate.engine) as connection:
        waiting_ids = {person_id for (person_id,) in rows(connection, statement, BEGUN)}
    if waiting_ids & set(whom):
        raise ErasureError(
            "an erasure is begun, and could not be carried out",
            code="erasure",
            hint="`upheld jobs --list` says why; a job tries again",
        )


def _take_out(context: GateContext, connection: Connection, some: Sequence[_Row]) -> int:
    tokens = [each.token for each in some]
    still = rows(
        connection,
        f"SELECT token, entry FROM erasure WHERE token IN ({placeholders(tokens)})"  # noqa: S608 - places alone
        f" AND state = ? ORDER BY token{dialect_of(connection).for_update}",
        *tokens,
        BEGUN,
    )
    mine = [each for each in some if (each.token, each.entry) in set(still)]
    at = context.clock.now()
    erased_by_person = {
        each.person_id: each.sealed.erased for each in mine if each.person_id is not None
    }
    groups = {
        each.person_id: [kept_fields.data for kept_fields in each.sealed.certificate.kept]
        for each in mine
        if each.person_id is not None
    }
    noted = delete_people(connection, context.keyring, context.policy, erased_by_person, at, groups)
    until = backups.readable_until(connection, at)
    for each in mine:
        certificate = each.sealed.certificate
        numbers = noted.get(each.person_id or NOBODY, [])
        certificate = msgspec.structs.replace(
            certificate,
            entries=(*certificate.entries, *numbers),
            backups="" if until is None else stamp(until),
        )
        _items(connection, each, certificate, numbers)
        # From here on nothing says any more whose it is, but to who names the person.
        bare = ErasureLine(each.token, each.entry, each.sealed.erased.at)
        _keep(
            connection,
            context.keyring,
            each,
            SealedErasure(each.sealed.id, bare, certificate),
            GONE,
        )
    return len(mine)


def _items(
    connection: Connection, each: _Row, certificate: Certificate, numbers: Sequence[EntryNumber]
) -> None:
    """When the values that are kept are due to go; rows alone go once no hold keeps them."""
    for kept_fields, number in zip(certificate.kept, numbers, strict=True):
        if kept_fields.data and kept_fields.until and each.person_id is not None:
            due = datetime.fromisoformat(kept_fields.until)
            entries.due(
                connection, each.person_id, "delete", ", ".join(kept_fields.clauses), due, number
            )


def _mark_done(connection: Connection, keyring: Keyring, each: _Row, at: datetime) -> None:
    certificate = each.sealed.certificate
    entry = Entry(kind="erasure.done", time="", after=each.sealed.id, policy=certificate.policy)
    number, at = entries.write(connection, entry, None, at)
    certificate = msgspec.structs.replace(
        certificate, entries=(*certificate.entries, number), final=stamp(at)
    )
    _keep(
        connection,
        keyring,
        each,
        msgspec.structs.replace(each.sealed, certificate=certificate),
        DONE,
    )


def _keep(
    connection: Connection, keyring: Keyring, each: _Row, sealed: SealedErasure, state: str
) -> None:
    changes = {
        "state": state,
        "person_id": None,
        "sealed": seal_erasure(keyring, each.token, each.entry, sealed),
    }
    database.update(
        connection, tables.erasure, changes, "token = ? AND entry = ?", each.token, each.entry
    )


def _list(
    connection: Connection, keyring: Keyring, where: str, values: Sequence[object]
) -> Iterator[_Row]:
    key = keyring.derived("erasure")
    where = f"{where} ORDER BY token, entry LIMIT ?"
    for each in database.select(connection, tables.erasure, where, *values, TOGETHER):
        raw = unseal(
            key,
            each.sealed,
            bound_to("erasure", each.token, each.entry),
            what=f"the erasure of entry {each.entry}",
        )
        yield _Row(
            each.token, each.entry, each.person_id, msgspec.json.decode(raw, type=SealedErasure)
        )


def _certificates(
    connection: Connection, keyring: Keyring, person_id: PersonId
) -> list[Certificate]:
    erasures = _list(connection, keyring, "token = ?", (token(keyring, person_id),))
    return [msgspec.structs.replace(each.sealed.certificate, person=person_id) for each in erasures]


def _certificate(connection: Connection, keyring: Keyring, person_id: PersonId) -> Certificate:
    return _certificates(connection, keyring, person_id)[-1]
