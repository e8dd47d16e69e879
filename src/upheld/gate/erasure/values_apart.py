"""What was deleted openly while an order forbade to speak of a hold, once the hold may be told.

It stays apart until the hold ends, and is used for nothing: its person is told of it, and reads it
like whatever else we hold about them. What rests on a hold of which nobody may speak still, or did
before another one came, stays hidden: so does a former value that had been overwritten before the
first hold began of which one may speak.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection

from upheld.core.ids import PersonId, RecordId
from upheld.database.seals import SealedError
from upheld.database.statements import placeholders, rows
from upheld.database.tables import microseconds
from upheld.gate.act.context import GateContext
from upheld.gate.erasure.former_revisions import as_it_came
from upheld.gate.evidence import records
from upheld.gate.evidence.provers import GAG, HOLD
from upheld.gate.evidence.reach_of_holds import began_by_field
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.silent_holds import silent_holds
from upheld.vault import people, values
from upheld.vault.envelope import SealError
from upheld.vault.people import HELD
from upheld.vault.values import Value


def read(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    moment: datetime | None = None,
) -> dict[str, tuple[Value, ...]]:
    """What is kept apart of somebody for holds in force that may be told, by field, oldest first.

    Of holds that may be told now, or might be at a moment. Without what they hold still. What is
    not as it was written is left to self-check.
    """
    with suppress(SealedError):
        at = microseconds(moment or context.clock.now())
        since = _people_apart(context, connection, person_id, at)
        return _values_of(context, connection, person_id, since) if since else {}
    return {}


def _people_apart(
    context: GateContext, connection: Connection, person_id: PersonId, at: int
) -> dict[PersonId, list[Record]]:
    """Whom what is kept apart of somebody belongs to, each with those holds that may be told.

    At a time in microseconds.
    """
    facts = context.policy.program.vocabulary.facts
    kinds = sorted({facts[name].proof for name in (HOLD, GAG) if name in facts})
    mine, _ = records.records_of(connection, context.keyring, [person_id], kinds)
    hidden = silent_holds(context.policy, mine, at)
    # By the record that was copied when it was set apart: a later order has one of its own there.
    may_be_told = [
        each.record_id
        for each in mine
        if each.fact == HOLD and each.in_force(at) and each.record_id not in hidden
    ]
    if not may_be_told:
        return {}
    whose: dict[PersonId, list[Record]] = {}
    for each in with_records(connection, kinds, may_be_told):
        if holds := _holds(connection, each, may_be_told):
            whose[each] = holds
    return whose


def with_records(
    connection: Connection, kinds: Sequence[str], record_ids: Sequence[RecordId]
) -> list[PersonId]:
    """Who is there for what is kept apart and may have some records; these are not looked at."""
    statement = (
        "SELECT DISTINCT r.person_id FROM record r JOIN person p ON p.person_id = r.person_id"  # noqa: S608 - places alone
        f" WHERE r.kind IN ({placeholders(kinds)}) AND r.record_id IN ({placeholders(record_ids)})"
        " AND p.state = ? ORDER BY r.person_id"
    )
    return [PersonId(each) for (each,) in rows(connection, statement, *kinds, *record_ids, HELD)]


def _holds(
    connection: Connection, person_id: PersonId, record_ids: Sequence[RecordId]
) -> list[Record]:
    """Those of some holds that somebody has; none where their records are not as written."""
    with suppress(SealedError):
        theirs = records.everything(connection, person_id)
        return [each for each in theirs if each.record_id in record_ids]
    return []


def _values_of(
    context: GateContext,
    connection: Connection,
    person_id: PersonId,
    whose: Mapping[PersonId, Sequence[Record]],
) -> dict[str, tuple[Value, ...]]:
    """The values of some people apart that somebody does not hold still.

    Of fields that the holds reach which stand with whose they are: former ones, too, that were
    current when the first of these began, or later.
    """
    there: dict[str, Counter[tuple[object, ...]]] = {}
    apart: dict[str, list[Value]] = {}
    mine: dict[str, tuple[Value, ...]] = {}
    for each in (person_id, *whose):
        with suppress(SealError):
            opened = people.open_people_in_any_state(connection, context.keyring, [each])
            for person in opened.values():
                some = values.examine_former(connection, person, person.holdings)[0]
                for field, current in values.examine(connection, person, person.holdings)[
                    0
                ].items():
                    some[field] = (*some.get(field, ()), *current)
                if each == person_id:
                    mine = some
                since = began_by_field(context.policy, whose.get(each, ()), some)
                for field, every in some.items():
                    its = every
                    if each != person_id and field not in since:
                        continue  # for another hold, of which nobody may speak
                    if each != person_id and person.holdings[field].gone is None:
                        its = _current_since(every, mine.get(field, ()), since[field])
                    left = Counter(map(as_it_came, its))
                    new = left - there.setdefault(field, Counter())
                    there[field] |= left
                    if each != person_id:
                        apart.setdefault(field, []).extend(_as_often(its, new))
    return {
        field: tuple(sorted(some, key=attrgetter("stored_at")))
        for field, some in apart.items()
        if some
    }


def _current_since(
    some: tuple[Value, ...], others: tuple[Value, ...], since: int
) -> tuple[Value, ...]:
    """Those of some values of a field that none of them, nor of others, followed before a moment.

    Some may lack what ended the last of them, where that stayed with the others.
    """
    moments = sorted(each.stored_at for each in (*some, *others))
    return tuple(
        each for each in some if next((at for at in moments if at > each.stored_at), since) >= since
    )


def _as_often(some: tuple[Value, ...], new: Counter[tuple[object, ...]]) -> list[Value]:
    """Those of some values that are new, as often as they are."""
    result = []
    for each in some:
        if new[as_it_came(each)] > 0:
            new[as_it_came(each)] -= 1
            result.append(each)
    return result
