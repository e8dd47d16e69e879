"""Take somebody out of the database, but for what must be kept of them.

Every row of every table whose key begins with their id goes, whichever part of the program it is
of, and entries are cut from them. What is kept gets a key of its own and new rows, so that nothing
that was ever written under the old key, in a log of the database or a backup, opens with the new
one. What a law keeps and forbids to speak of goes to a person of its own, of whom no act, no
look-up and no list knows but the legal desk's, with the rows of practices that a hold keeps. What
comes to be set aside later goes to the same one, as long as it rests on the same hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Column, Connection

from upheld.core.ids import EntryNumber, PersonId
from upheld.database import rows as database
from upheld.database.covers import remaining_covers
from upheld.database.schema import declared_tables
from upheld.database.seals import Cover, SealedError
from upheld.database.statements import dialect_of, placeholders, rows, run
from upheld.gate.erasure import former_revisions, rows_on_hold
from upheld.gate.erasure.former_revisions import Revisions, as_it_came
from upheld.gate.erasure.rows_on_hold import HeldRows
from upheld.gate.erasure.values_apart import with_records
from upheld.gate.evidence import records
from upheld.gate.evidence.provers import ERASURE, GAG, HOLD, REQUESTED
from upheld.gate.evidence.records import Record
from upheld.gate.log import detach, entries
from upheld.ledger.entries import Entry
from upheld.policy.load import Policy
from upheld.vault import blind_index, people, values
from upheld.vault.envelope import SealError
from upheld.vault.erasures import ErasureLine
from upheld.vault.keyring import Keyring
from upheld.vault.people import ACTIVE, HELD, VaultError

OWNER: Final = "person_id"
SEVERED: Final = ("entry_person",)  # whose rows are cut by severing, with a mark
LAST: Final = ("person",)  # goes last: it has the cover over what goes before it


class _Remainder(NamedTuple):
    """What is taken aside of a person before everything goes.

    `openly` are the former revisions that stay with what is kept openly, `silently` those that
    a silent order preserves. `holds` are the ids of all their holds, whatever these keep.
    """

    current: dict[str, tuple[values.Value, ...]]
    openly: Revisions
    silently: Revisions
    holds: frozenset[str]
    series: frozenset[str]
    records: list[Record]
    texts: dict[str, str]
    rows: list[HeldRows]
    cover: Cover | None = None  # over the rows about them that stay, once the others went


def delete_people(
    connection: Connection,
    keyring: Keyring,
    policy: Policy,
    erased: Mapping[PersonId, ErasureLine],
    at: datetime,
    groups: Mapping[PersonId, Sequence[Sequence[str]]] | None = None,
) -> dict[PersonId, list[EntryNumber]]:
    """Take some people out; for those of whom something is kept, the numbers of its entries.

    `groups` are the fields that are kept alike, each with an entry of its own.
    """
    person_ids = sorted(erased)
    if not person_ids:
        return {}
    people.lock_all(connection, person_ids)
    silent = [each for each in person_ids if erased[each].apart_records]
    staying = [each for each in person_ids if erased[each].stays or each in silent]
    opened = people.open_people_in_any_state(connection, keyring, staying) if staying else {}
    left = {
        person_id: _take_aside(connection, policy, opened[person_id], erased[person_id])
        for person_id in staying
    }
    detach.detach(connection, person_ids)
    wholly = [each for each in person_ids if not erased[each].stays]
    moving_from = {each: _moving(policy, left[each].records, erased[each]) for each in silent}
    covers = _rows_go(connection, person_ids, wholly, moving_from)
    _end_given_records(connection, policy, person_ids, at)
    noted: dict[PersonId, list[EntryNumber]] = {}
    for person_id in staying:
        what = erased[person_id]
        if what.apart_records:
            kept_apart = _set_aside(connection, keyring, what, left[person_id], at)
            holds = _holds_apart(left[person_id].records, what)
            moving = rows_on_hold.moving(policy, left[person_id].rows, holds)
            rows_on_hold.write(connection, keyring, moving, kept_apart)
        if what.stays:
            stays = left[person_id]._replace(cover=covers[person_id])
            number = _keep(connection, keyring, policy, (person_id, what), stays, at)
            alike = (groups or {}).get(person_id, [what.kept])
            noted[person_id] = [
                _entry(connection, policy, number, each, what.kept_records, at) for each in alike
            ]
    return noted


def _take_aside(
    connection: Connection, policy: Policy, person: people.Person, what: ErasureLine
) -> _Remainder:
    """What is kept of somebody, read before all rows go; SealError where it is not whole.

    Of what is kept apart alone only what opens is taken: without the hold all of it goes, and an
    error would tell of it.
    """
    fields = tuple(dict.fromkeys((*what.kept, *what.apart)))
    if problems := values.examine(connection, person, what.kept)[1]:
        raise SealError(problems[0])
    series_by_field, _ = values.examine(connection, person, fields)
    all_records = records.everything(connection, person.person_id)
    mine = [
        each for each in all_records if each.record_id in {*what.kept_records, *what.apart_records}
    ]
    openly, silently = (
        preserved(connection, policy, person, some, [e for e in mine if e.record_id in proofs])
        for preserved, some, proofs in (
            (former_revisions.of_holds, what.kept, what.kept_records),
            (former_revisions.of_silent_holds, fields, what.apart_records),
        )
    )
    return _Remainder(
        series_by_field,
        openly,
        silently,
        frozenset(each.record_id for each in all_records if each.fact == HOLD),
        frozenset(field for field, holding in person.holdings.items() if holding.gone is not None),
        mine,
        records.texts(connection, person.person_id, mine, person.cipher),
        rows_on_hold.take(connection, person.person_id, is_told=_has_told_hold(mine, what)),
    )


def _has_told_hold(some: Sequence[Record], what: ErasureLine) -> bool:
    """Whether a hold that may be told keeps something, too."""
    return any(each.fact == HOLD and each.record_id in what.kept_records for each in some)


def _holds_apart(some: Sequence[Record], what: ErasureLine) -> list[Record]:
    """The holds among some records that keep something apart."""
    return [e for e in some if e.fact != GAG and e.record_id in what.apart_records]


def _moving(policy: Policy, some: Sequence[Record], what: ErasureLine) -> set[str]:
    """The tables whose rows go away from somebody who stays, with what is kept apart.

    Not those that a hold which may be told keeps, too.
    """
    told_holds = [
        each for each in some if each.fact == HOLD and each.record_id in what.kept_records
    ]
    apart, stays = (
        {table.name for table in rows_on_hold.moving_tables(policy, holds)}
        for holds in (_holds_apart(some, what), told_holds)
    )
    return apart - stays


def _rows_go(
    connection: Connection,
    person_ids: Sequence[PersonId],
    wholly: Sequence[PersonId],
    moving: Mapping[PersonId, Collection[str]],
) -> dict[str, Cover]:
    """Delete every row about some people; of those of whom something is kept, some tables stay.

    What is `moving` along with what a law keeps apart of them does not. What names them in rows of
    others' becomes what its column says. The covers over what stays.
    """
    tables = declared_tables().tables
    tables_by_person = [
        column for table in tables.values() for column in table.columns if "erased" in column.info
    ]
    for column in tables_by_person:
        if whom := wholly if column.info.get("stays") else person_ids:
            _becomes(connection, column, whom)
    staying = {name for name, table in tables.items() if table.info.get("stays", False)}
    covers: dict[str, Cover] = {}
    for name in sorted(_keyed(connection), key=lambda each: (each in LAST, each)):
        table = tables.get(name)
        if name in LAST:
            some = [each for each in person_ids if each not in wholly]
            covers = remaining_covers(connection, some, staying)
        gone = [
            each
            for each in person_ids
            if name not in staying or each in wholly or name in moving.get(each, ())
        ]
        if not gone:
            continue
        where = f"{OWNER} IN ({placeholders(gone)})"
        if table is not None and "sealed" in table.info:
            database.purge(connection, table, where, *gone)
        else:
            run(connection, f"DELETE FROM {name} WHERE {where}", *gone)  # noqa: S608 - names and places alone
    return covers


def _becomes(connection: Connection, column: Column[Any], whom: Sequence[PersonId]) -> None:
    """Let rows of others' that name some people in a column be as the column says.

    Rows that are not ours are left to self-check.
    """
    table, name, what = column.table, column.name, column.info
    where = f"{name} IN ({placeholders(whom)})"
    if "sealed" in table.info:
        if what["erased"] == "go":
            database.purge(connection, table, where, *whom)
            return
        others_rows, _ = database.select_authentic(connection, table, where, *whom)
        for each in others_rows:
            after = each._replace(**{name: _stands(each, what)})
            with suppress(SealedError):  # a cover that is not ours: theirs is refused as before
                database.rewrite(connection, table, [(each, after)])
    elif what["erased"] == "go":
        run(connection, f"DELETE FROM {table.name} WHERE {where}", *whom)  # noqa: S608 - names and places alone
    else:
        becomes = what.get("by", "''")
        run(connection, f"UPDATE {table.name} SET {name} = {becomes} WHERE {where}", *whom)  # noqa: S608 - names and places alone


def _stands(row: Any, what: Mapping[str, Any]) -> str:
    """What stands in a row for who is named in it no more."""
    return str(getattr(row, what["by"])) if "by" in what else ""


def _keyed(connection: Connection) -> set[str]:
    """The tables of the database whose key begins with a person's id, upheld's or not.

    And those whose rows a hold keeps, by whatever key they are known.
    """
    answer = rows(connection, dialect_of(connection).keyed_tables, OWNER)
    on_hold = {each.name for each in rows_on_hold.tables_on_hold()}
    return {name for (name,) in answer} - {*SEVERED} | on_hold


def _end_given_records(
    connection: Connection, policy: Policy, person_ids: Sequence[PersonId], at: datetime
) -> None:
    """End what people who go gave for others, such as a guardian's permission, with an entry."""
    for record in records.end_given_by(connection, person_ids, at):
        entry = Entry(
            kind="record",
            time="",
            policy=policy.digest,
            action=f"end {record.kind}",
            evidence=(record.record_id,),
        )
        entries.write(connection, entry, record.person_id or None, at)


def set_aside_kept(
    connection: Connection,
    keyring: Keyring,
    policy: Policy,
    whose: tuple[people.Person, ErasureLine],
    at: datetime,
) -> None:
    """Write what a law keeps of somebody who stays to a person of its own, before it is deleted."""
    left = _take_aside(connection, policy, *whose)
    _set_aside(connection, keyring, whose[1], left, at)


def _keep(
    connection: Connection,
    keyring: Keyring,
    policy: Policy,
    whose: tuple[PersonId, ErasureLine],
    left: _Remainder,
    at: datetime,
) -> people.Person:
    """Write what is kept anew, under a new key."""
    person_id, what = whose
    person = people.enrol(
        connection, keyring, at, state=ACTIVE, person_id=person_id, cover=left.cover
    )
    kept_values = {
        field: (*left.openly.get(field, ()), *left.current.get(field, ())) for field in what.kept
    }
    person = _rows(connection, keyring, person, kept_values, left.series)
    for record in left.records:
        if record.record_id in what.kept_records:
            text = left.texts.get(record.record_id, "")
            records.keep(connection, record, text, person.cipher)
    on_hold = rows_on_hold.of_records(left.rows, what.kept_records)
    rows_on_hold.write(connection, keyring, on_hold, person_id)
    fact = policy.program.vocabulary.facts.get(REQUESTED)
    if fact is not None:  # so that no clause lets more of it be used or kept than now
        request = records.new(
            person_id, fact.proof, at, fact=REQUESTED, by_whom="customer", how=ERASURE
        )
        records.keep(connection, request)
    return person


def _entry(
    connection: Connection,
    policy: Policy,
    person: people.Person,
    fields: Sequence[str],
    evidence: tuple[str, ...],
    at: datetime,
) -> EntryNumber:
    """Note what is kept of somebody; the number of the entry."""
    held_fields = tuple(field for field in fields if field in person.holdings)
    entry = Entry(
        kind="erasure.kept",
        time="",
        policy=policy.digest,
        data=held_fields,
        values=tuple(person.holdings[field].mark for field in held_fields),
        evidence=evidence,
    )
    return entries.write(connection, entry, person.person_id, at)[0]


def _set_aside(
    connection: Connection, keyring: Keyring, what: ErasureLine, left: _Remainder, at: datetime
) -> PersonId:
    """Write what a law keeps to a person of its own, with the records that say so; their id."""
    person = _person_apart(connection, keyring, what, left, at)
    kept_values = _not_there_yet(connection, person, _kept_apart(what, left))
    _rows(connection, keyring, person, kept_values, left.series)
    for field in blind_index.FIELDS:
        blind_index.drop(connection, person.person_id, field)
    there = {each.record_id for each in records.everything(connection, person.person_id)}
    for record in left.records:
        if record.record_id in what.apart_records and record.record_id not in there:
            by = records.ERASED if record.by_whom == record.person_id else record.by_whom
            theirs = msgspec.structs.replace(record, person_id=person.person_id, by_whom=by)
            text = left.texts.get(record.record_id, "")
            records.keep(connection, theirs, text, person.cipher)
    on_hold = rows_on_hold.of_records(left.rows, what.apart_records)
    proofs = [each for each in left.records if each.record_id in what.apart_records]
    on_hold += rows_on_hold.anew(left.rows, proofs)
    rows_on_hold.write(connection, keyring, on_hold, person.person_id)
    return person.person_id


def _person_apart(
    connection: Connection, keyring: Keyring, what: ErasureLine, left: _Remainder, at: datetime
) -> people.Person:
    """Whom the same holds keep something of already, locked, or a new person.

    What was set apart before another hold came is not that one's, and is told with it no sooner.
    One whose rows are not as they were written is left as it is, to self-check, for a new one: an
    error would tell of the hold.
    """
    proofs = [each for each in left.records if each.record_id in what.apart_records]
    holds = {each.record_id for each in proofs if each.fact == HOLD}
    kinds, ids = sorted({each.kind for each in proofs}), [each.record_id for each in proofs]
    for person_id in with_records(connection, kinds, ids) if ids else ():
        people.lock(connection, person_id)
        with suppress(SealError, SealedError, VaultError):
            there = people.open_people_in_any_state(connection, keyring, [person_id])
            for table in rows_on_hold.tables_on_hold():
                database.require_intact(connection, table, [person_id])
            theirs = {each.record_id for each in records.everything(connection, person_id)}
            if person_id in there and theirs & left.holds == holds:
                return there[person_id]
    return people.enrol(connection, keyring, at, state=HELD)


def _not_there_yet(
    connection: Connection, person: people.Person, some: Revisions
) -> dict[str, tuple[values.Value, ...]]:
    """Those of some values that a person does not have, as often as they are among them.

    What is there and does not open is taken for another value and left to self-check: an error
    would tell of the hold.
    """
    former, _ = values.examine_former(connection, person, some)
    current, _ = values.examine(connection, person, some)
    new_values = {}
    for field, each_value in some.items():
        there = Counter(map(as_it_came, (*former.get(field, ()), *current.get(field, ()))))
        new = []
        for each in each_value:
            if there[as_it_came(each)]:
                there[as_it_came(each)] -= 1
            else:
                new.append(each)
        new_values[field] = tuple(new)
    return new_values


def _kept_apart(what: ErasureLine, left: _Remainder) -> dict[str, tuple[values.Value, ...]]:
    """The values that are kept apart, with the former revisions that the silent hold preserves.

    Of what it does not keep, and others do, these are the former revisions that do not stay there.
    """
    apart = {
        field: (*left.silently.get(field, ()), *left.current.get(field, ())) for field in what.apart
    }
    for field in [each for each in what.kept if each not in apart]:
        openly = {each.revision for each in left.openly.get(field, ())}
        apart[field] = tuple(
            each for each in left.silently.get(field, ()) if each.revision not in openly
        )
    return apart


def _rows(
    connection: Connection,
    keyring: Keyring,
    person: people.Person,
    kept_values: Revisions,
    series: frozenset[str],
) -> people.Person:
    """Write some fields anew, of a series every row, of others their revisions one by one."""
    for field, some in kept_values.items():
        if some:
            person = values.write_again(
                connection, keyring, person, field, some, series=field in series
            )
    return person
