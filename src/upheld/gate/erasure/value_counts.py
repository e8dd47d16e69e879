"""How many values are held of everybody together, and when those whose time is set will go.

Counts alone: nothing is opened, and nobody is named. Days are those of UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from upheld.database.columns import microseconds
from upheld.database.statements import rows, to_bytes
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading
from upheld.gate.erasure.retention import KEPT
from upheld.gate.evidence.provers import ERASURE, GAG, HOLD, REQUESTED
from upheld.ledger import entries
from upheld.vault.people import HELD

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

NOW: Final = "now"  # in place of the month in which something goes: the next time the job runs
_DAY = 24 * 3600 * 10**6  # microseconds
# What an act stored goes by the first of its items. What is late was left by a job before, and
# would be again. Of whoever is under a hold nothing that is due is told, but where an order forbids
# to speak of the hold: then all goes as without it.
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
    f" WHERE {_IN_FORCE.format('h')} AND NOT EXISTS ({_SILENT})))"
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
    with reading(gate.engine) as connection:
        ends = (at, hold, at, at, at, order, at, at, at, f'%"{GAG}"%')
        values = (*ends, True, HELD, request, ERASURE, at)
        ends_by_field = ends_of_kept(rows(connection, _KEPT, *ends, request, ERASURE))
        answer = [
            *rows(connection, _OF_OTHERS, *values),
            *rows(connection, _OF_ERASED, *values),
        ]
    counts: dict[tuple[str, ...], int] = {}
    for whose, field, origin, clause, day, _, first, number in answer:
        moments = [each for each in (first, ends_by_field.get((whose, field))) if each is not None]
        due = min(map(int, moments), default=None)
        goes = "" if due is None else NOW if due <= at else month_of(due)
        key = str(field), str(origin), str(clause), _day(int(day)), goes
        counts[key] = counts.get(key, 0) + int(number)
    return [
        ValueCount(field, origin, clause, day, number, goes)
        for (field, origin, clause, day, goes), number in counts.items()
    ]


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
