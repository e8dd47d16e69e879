"""How many values are held of everybody together, and when those whose time is set will go.

Counts alone: nothing is opened, and nobody is named. Days are those of UTC.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.database.columns import microseconds
from upheld.database.statements import rows
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading
from upheld.gate.evidence.provers import GAG, HOLD
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
_ENDS = (
    "SELECT i.person_id, e.at, MIN(i.due) AS due FROM item i JOIN entry e ON e.number = i.entry"  # noqa: S608 - our own words
    " WHERE i.kind = 'delete' AND i.state = 'open' AND i.due IS NOT NULL"
    " AND (i.due > ? OR i.person_id NOT IN (SELECT h.person_id FROM record h"
    f" WHERE {_IN_FORCE.format('h')} AND NOT EXISTS ({_SILENT}))) GROUP BY i.person_id, e.at"
)
_MOMENTS = f"v.field, v.origin, v.clause, v.at / {_DAY}, d.due / {_DAY}"
_LATE = "CASE WHEN d.due <= ? THEN 1 ELSE 0 END"
_VALUES = (
    f"SELECT {_MOMENTS}, MIN(d.due), COUNT(*) FROM value v LEFT JOIN ({_ENDS}) d"  # noqa: S608 - our own words
    " ON d.person_id = v.person_id AND d.at = v.at WHERE v.current = ?"
    " AND v.person_id NOT IN (SELECT person_id FROM person WHERE state = ?)"
    f" GROUP BY {_MOMENTS}, {_LATE}"
)


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
    hold, order = (facts[name].proof if name in facts else "" for name in (HOLD, GAG))
    with reading(gate.engine) as connection:
        answer = rows(
            connection,
            _VALUES,
            *(at, hold, at, at, at),
            *(order, at, at, at, f'%"{GAG}"%'),
            *(True, HELD, at),
        )
    counts: dict[tuple[str, ...], int] = {}
    for field, origin, clause, day, _, due, number in answer:
        goes = "" if due is None else NOW if int(due) <= at else _day(int(due) // _DAY)[:7]
        key = str(field), str(origin), str(clause), _day(int(day)), goes
        counts[key] = counts.get(key, 0) + int(number)
    return [
        ValueCount(field, origin, clause, day, number, goes)
        for (field, origin, clause, day, goes), number in counts.items()
    ]


def _day(number: int) -> str:
    return (BEGINNING + timedelta(days=number)).date().isoformat()
