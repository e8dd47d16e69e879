"""How many values are held of everybody together, and when those whose time is set will go.

Counts alone: nothing is opened, and nobody is named. Days are those of UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.seals import SealedError
from upheld.database.statements import rows, to_bytes
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading
from upheld.gate.act.context import GateContext
from upheld.gate.erasure.retention import KEPT
from upheld.gate.evidence import records
from upheld.gate.evidence.provers import ERASURE, GAG, HOLD, REQUESTED
from upheld.gate.evidence.reach_of_holds import is_hold, reaching
from upheld.gate.evidence.records import Record
from upheld.gate.evidence.silent_holds import told_of
from upheld.ledger import entries
from upheld.vault.people import HELD

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

NOW: Final = "now"  # in place of the month in which something goes: the next time the job runs
_Key = tuple[str, str, str, str, str]
_DAY = 24 * 3600 * 10**6  # microseconds
# What an act stored goes by the first of its items. What is late was left by a job before, and
# would be again. Of whoever is under a hold nothing that is due is told, but where an order forbids
# to speak of the hold: then all goes as without it. What a hold does not reach goes so, too: by
# holds that name no kinds of data alone.
_IN_FORCE = (
    "{0}.kind = ? AND {0}.valid_from <= ? AND ({0}.withdrawn IS NULL OR {0}.withdrawn > ?)"
    " AND ({0}.ends IS NULL OR {0}.ends > ?)"
)
_SILENT = (
    f"SELECT 1 FROM record g WHERE g.person_id = h.person_id AND {_IN_FORCE.format('g')}"  # noqa: S608 - our own words
    " AND g.dims LIKE ? AND (g.how = h.how OR g.how = '')"
)
_OPEN = (
    " WHERE i.kind = 'delete' AND i.state = 'open' AND i.due IS NOT NULL"  # noqa: S608 - our own words
    " AND (i.due > ? OR i.person_id NOT IN (SELECT h.person_id FROM record h"
    f" WHERE {_IN_FORCE.format('h')} AND h.dims NOT LIKE ? AND NOT EXISTS ({_SILENT})))"
)
_ENDS = (
    "SELECT i.person_id, e.at, MIN(i.due) AS due FROM item i JOIN entry e ON e.number = i.entry"  # noqa: S608 - our own words
    f"{_OPEN} GROUP BY i.person_id, e.at"
)
# Of whoever was erased, what is kept until a day is told by the entry that says so.
_ERASED = "v.person_id {0} (SELECT r.person_id FROM record r WHERE r.kind = ? AND r.how = ?)"
_KEPT = (
    "SELECT i.person_id, i.due, e.body FROM item i JOIN entry e ON e.number = i.entry"  # noqa: S608 - our own words
    f"{_OPEN} AND {_ERASED.format('IN').replace('v.', 'i.')}"
)
_MOMENTS = f"v.field, v.origin, v.clause, v.at / {_DAY}, d.due / {_DAY}"
_LATE = "CASE WHEN d.due <= ? THEN 1 ELSE 0 END"
_VALUES = (
    f"SELECT {{0}}, {_MOMENTS}, MIN(d.due), COUNT(*) FROM value v LEFT JOIN ({_ENDS}) d"  # noqa: S608 - our own words
    " ON d.person_id = v.person_id AND d.at = v.at WHERE v.current = ?"
    " AND v.person_id NOT IN (SELECT person_id FROM person WHERE state = ?)"
    f" AND {{1}} GROUP BY {_MOMENTS}, {_LATE}"
)
_OF_OTHERS = _VALUES.format("''", _ERASED.format("NOT IN"))
_OF_ERASED = f"{_VALUES.format('v.person_id', _ERASED.format('IN'))}, v.person_id"
_OF_ONE = f"{_VALUES.format('v.person_id', 'v.person_id = ?')}, v.person_id"
_NARROW, _NONE = '%"data":%', ""  # the words of holds that do not count
_UNDER_NARROW = "SELECT DISTINCT person_id FROM record WHERE kind = ? AND dims LIKE ?"


class ValueCount(NamedTuple):
    """How many values of a kind came in on a day, from one origin and by one clause.

    `goes` is the month in which their time is over, or NOW, or empty where none is set.
    """

    field: str
    origin: str
    clause: str
    day: str  # such as 2026-11-29
    number: int
    goes: str


def value_counts(gate: Gate) -> list[ValueCount]:
    """The current values of everybody, and the rows of their series, counted.

    But what a law keeps and forbids to speak of. What the policy says anew of each customer, when
    the job asks, is not foretold; nor whose deletion the law puts off: an order may forbid us to
    speak of it.
    """
    at = microseconds(gate.clock.now())
    facts = gate.context.policy.program.vocabulary.facts
    hold, order, request = (
        facts[name].proof if name in facts else "" for name in (HOLD, GAG, REQUESTED)
    )

    def count_of(statement: str, holds: str, *which: str) -> list[tuple[_Key, int]]:
        """How many values there are of each kind, by a statement, but for some holds."""
        ends = (at, hold, at, at, at, holds, order, at, at, at, f'%"{GAG}"%')
        kept_rows = rows(connection, _KEPT, *ends, request, ERASURE)
        answer = rows(connection, statement, *ends, True, HELD, *which, at)
        return _keyed(answer, ends_of_kept(kept_rows), at)

    with reading(gate.engine) as connection:
        counts = Counter[_Key]()
        for statement in (_OF_OTHERS, _OF_ERASED):
            for key, number in count_of(statement, _NONE, request, ERASURE):
                counts[key] += number
        for (each,) in rows(connection, _UNDER_NARROW, hold, _NARROW):
            reach = _open_holds(gate.context, connection, PersonId(each), (hold, order))
            for holds, sign in ((_NONE, -1), (_NARROW, 1)):
                for key, number in count_of(_OF_ONE, holds, each) if reach else ():
                    if not reaching(gate.context.policy, reach, [key[0]]):
                        counts[key] += sign * number
    return [
        ValueCount(field, origin, clause, day, number, goes)
        for (field, origin, clause, day, goes), number in counts.items()
        if number
    ]


def _keyed(
    answer: Iterable[tuple[Any, ...]], ends_by_field: Mapping[tuple[str, str], int], at: int
) -> list[tuple[_Key, int]]:
    """Rows of counts, by what of them is told, and how many."""
    result = []
    for whose, field, origin, clause, day, _, first, number in answer:
        moments = [each for each in (first, ends_by_field.get((whose, field))) if each is not None]
        due = min(map(int, moments), default=None)
        goes = "" if due is None else NOW if due <= at else month_of(due)
        key = str(field), str(origin), str(clause), _day(int(day)), goes
        result.append((key, int(number)))
    return result


def _open_holds(
    context: GateContext, connection: Connection, person_id: PersonId, kinds: Sequence[str]
) -> list[Record]:
    """The holds in force of somebody that may be told; none where their records were changed."""
    with suppress(SealedError):
        mine, _ = records.records_of(connection, context.keyring, [person_id], kinds)
        at = microseconds(context.clock.now())
        openly = told_of(context.policy, mine, at)
        return [each for each in openly if is_hold(context.policy, each) and each.in_force(at)]
    return []


def ends_of_kept(items: Iterable[tuple[Any, ...]]) -> dict[tuple[str, str], int]:
    """Until when, in microseconds, what was kept at an erasure is, by person and field.

    By items of deletions: of each the person, when it is due, and the entry by which it is.
    """
    ends: dict[tuple[str, str], int] = {}
    for person_id, due, body in items:
        entry = entries.decode(to_bytes(body))
        for field in entry.data if entry.kind == KEPT else ():
            ends[person_id, field] = min(int(due), ends.get((person_id, field), int(due)))
    return ends


def month_of(moment: int) -> str:
    """The month of a moment in microseconds, such as 2026-11."""
    return _day(moment // _DAY)[:7]


def _day(number: int) -> str:
    return (BEGINNING + timedelta(days=number)).date().isoformat()
