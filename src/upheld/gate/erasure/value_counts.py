"""How many values are held of everybody together, and when those whose time is set will go.

Counts alone: nothing is opened, and nobody is named. Days are those of UTC.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from upheld.database.columns import microseconds
from upheld.database.statements import rows
from upheld.database.tables import BEGINNING
from upheld.database.transaction import reading
from upheld.gate.evidence.provers import GAG, HOLD
from upheld.vault.people import HELD

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_DAY = 24 * 3600 * 10**6  # microseconds
_VALUES = (
    f"SELECT field, origin, clause, at / {_DAY}, COUNT(*) FROM value WHERE current = ?"  # noqa: S608 - our own words
    " AND person_id NOT IN (SELECT person_id FROM person WHERE state = ?)"
    f" GROUP BY field, origin, clause, at / {_DAY}"
)
# What is late was left by a job before, and would be again. Of whoever is under a hold nothing that
# is due is counted, but where an order forbids to speak of the hold: then all goes as without it.
_IN_FORCE = (
    "{0}.kind = ? AND {0}.valid_from <= ? AND ({0}.withdrawn IS NULL OR {0}.withdrawn > ?)"
    " AND ({0}.ends IS NULL OR {0}.ends > ?)"
)
_SILENT = (
    f"SELECT 1 FROM record g WHERE g.person_id = h.person_id AND {_IN_FORCE.format('g')}"  # noqa: S608 - our own words
    " AND g.dims LIKE ? AND (g.how = h.how OR g.how = '')"
)
_DELETIONS = (
    f"SELECT due / {_DAY}, MIN(due), COUNT(*) FROM item WHERE kind = 'delete' AND state = 'open'"  # noqa: S608 - our own words
    " AND due IS NOT NULL AND person_id NOT IN (SELECT person_id FROM person WHERE state = ?)"
    " AND (due > ? OR person_id NOT IN (SELECT h.person_id FROM record h"
    f" WHERE {_IN_FORCE.format('h')} AND NOT EXISTS ({_SILENT})))"
    f" GROUP BY due / {_DAY}, CASE WHEN due > ? THEN 1 ELSE 0 END"
)


class ValueCount(NamedTuple):
    """How many values of a kind came in on a day, from one origin and by one clause."""

    field: str
    origin: str
    clause: str
    day: str  # such as 2026-11-29
    number: int


class DeletionCounts(NamedTuple):
    """How many deletions are due now, and how many will be, by month."""

    now: int
    months: list[tuple[str, int]]


def value_counts(gate: Gate) -> list[ValueCount]:
    """The current values of everybody, and the rows of their series, counted.

    But what a law keeps and forbids to speak of.
    """
    with reading(gate.engine) as connection:
        answer = rows(connection, _VALUES, True, HELD)
    return [
        ValueCount(field, origin, clause, _day(int(day)), int(count))
        for field, origin, clause, day, count in answer
    ]


def deletion_counts(gate: Gate) -> DeletionCounts:
    """The deletions that clauses have set a time for; each is of what one act stored.

    What the policy says anew of each customer, when the job asks, is not foretold. Nor does this
    say whose deletion the law puts off: an order may forbid us to speak of it.
    """
    at, now = microseconds(gate.clock.now()), 0
    facts = gate.context.policy.program.vocabulary.facts
    hold, order = (facts[name].proof if name in facts else "" for name in (HOLD, GAG))
    months: dict[str, int] = {}
    with reading(gate.engine) as connection:
        answer = rows(
            connection,
            _DELETIONS,
            *(HELD, at),
            *(hold, at, at, at),
            *(order, at, at, at, f'%"{GAG}"%'),
            at,
        )
    for day, first, count in answer:
        if int(first) <= at:
            now += int(count)
        else:
            month = _day(int(day))[:7]
            months[month] = months.get(month, 0) + int(count)
    return DeletionCounts(now, sorted(months.items()))


def _day(number: int) -> str:
    return (BEGINNING + timedelta(days=number)).date().isoformat()
