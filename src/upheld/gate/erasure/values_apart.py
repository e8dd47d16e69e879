"""What was deleted openly while an order forbade to speak of a hold, once the hold may be told.

It stays apart until the hold ends, and is used for nothing: its person is told of it, and reads it
like whatever else we hold about them. What rests on a hold of which nobody may speak still, or did
before another one came, stays hidden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
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
from upheld.gate.evidence.silent_holds import silent_holds
from upheld.vault import people, values
from upheld.vault.envelope import SealError
from upheld.vault.people import HELD
from upheld.vault.values import Value


def read(
    context: GateContext, connection: Connection, person_id: PersonId
) -> dict[str, tuple[Value, ...]]:
    """What is kept apart of somebody for holds in force that may be told, by field, oldest first.

    Without what they hold still. What is not as it was written is left to self-check.
    """
    with suppress(SealedError):
        whose = _people_apart(context, connection, person_id)
        return _values_of(context, connection, person_id, whose) if whose else {}
    return {}


def _people_apart(
    context: GateContext, connection: Connection, person_id: PersonId
) -> list[PersonId]:
    """Whom what is kept apart of somebody belongs to, where one of its holds may be told."""
    facts = context.policy.program.vocabulary.facts
    kinds = sorted({facts[name].proof for name in (HOLD, GAG) if name in facts})
    mine, _ = records.records_of(connection, context.keyring, [person_id], kinds)
    at = microseconds(context.clock.now())
    hidden = silent_holds(context.policy, mine, at)
    # By the record that was copied when it was set apart: a later order has one of its own there.
    may_be_told = [
        each.record_id
        for each in mine
        if each.fact == HOLD and each.in_force(at) and each.record_id not in hidden
    ]
    if not may_be_told:
        return []
    return [
        each
        for each in with_records(connection, kinds, may_be_told)
        if _has(connection, each, may_be_told)
    ]


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


def _has(connection: Connection, person_id: PersonId, record_ids: Sequence[RecordId]) -> bool:
    """Whether somebody has one of some records; False where theirs are not as they were written."""
    with suppress(SealedError):
        theirs = {each.record_id for each in records.everything(connection, person_id)}
        return not theirs.isdisjoint(record_ids)
    return False


def _values_of(
    context: GateContext, connection: Connection, person_id: PersonId, whose: list[PersonId]
) -> dict[str, tuple[Value, ...]]:
    """The values of some people apart, former ones too, that somebody does not hold still."""
    there: dict[str, Counter[tuple[object, ...]]] = {}
    apart: dict[str, list[Value]] = {}
    for each in (person_id, *whose):
        with suppress(SealError):
            opened = people.open_people_in_any_state(connection, context.keyring, [each])
            for person in opened.values():
                some = values.former(connection, person, person.holdings, SealError)
                for field, current in values.examine(connection, person, person.holdings)[
                    0
                ].items():
                    some[field] = (*some.get(field, ()), *current)
                for field, its in some.items():
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


def _as_often(some: tuple[Value, ...], new: Counter[tuple[object, ...]]) -> list[Value]:
    """Those of some values that are new, as often as they are."""
    result = []
    for each in some:
        if new[as_it_came(each)] > 0:
            new[as_it_came(each)] -= 1
            result.append(each)
    return result
