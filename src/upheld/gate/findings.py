"""What looks through the database have found not whole, kept until a later look finds it whole.

Staff see it on a page, whoever runs the provider in the log, and a monitoring system in a metric.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database.checks import Problem
from upheld.database.statements import rows, run, to_datetime
from upheld.database.tables import microseconds
from upheld.database.transaction import writing

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

TOGETHER = 200  # people in one statement
_LOG = logging.getLogger("upheld.selfcheck")


class StoredFinding(NamedTuple):
    """Something that is not whole: in which table or part of the log, whose, since when."""

    text: str
    subject: str
    person_id: PersonId
    number: int
    since: datetime


class CheckedPart(NamedTuple):
    """What a look went through: some people, or what is nobody's, or entries by their numbers."""

    people: Sequence[str] = ()
    nobodys: bool = False
    first: int = 0
    last: int = -1


def many(connection: Connection) -> int:
    """How many things are not whole."""
    ((count,),) = rows(connection, "SELECT count(*) FROM finding")
    return int(count)


def all_findings(connection: Connection) -> list[StoredFinding]:
    """Everything that is not whole, as far as it was found; what was found first, first."""
    statement = (
        "SELECT text, subject, person_id, number, since FROM finding ORDER BY since, number, text"
    )
    return [
        StoredFinding(text, subject, person_id, number, to_datetime(since))
        for text, subject, person_id, number, since in rows(connection, statement)
    ]


def keep(gate: Gate, kind: str, part: CheckedPart, problems: Iterable[Problem]) -> int:
    """Keep what a look found in a part, and drop what it does not find there any more; how many.

    What is new is told in the log.
    """
    problems_by_id = {_id(kind, each): each for each in problems}
    at = microseconds(gate.context.clock.now())
    with writing(gate.engine) as connection:
        before = set(_before(connection, kind, part))
        for key in before - problems_by_id.keys():
            run(connection, "DELETE FROM finding WHERE finding_id = ?", key)
        for key, each in problems_by_id.items():
            if key not in before:
                run(
                    connection,
                    "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (person_id, finding_id) DO NOTHING",
                    each.person_id,
                    key,
                    kind,
                    each.subject,
                    each.number,
                    each.text,
                    at,
                )
    for each in problems_by_id.values():
        _LOG.error("not whole: %s", each)
    return len(problems_by_id)


def _before(connection: Connection, kind: str, part: CheckedPart) -> Iterable[str]:
    """What was found in a part before."""
    for first in range(0, len(part.people), TOGETHER):
        some = part.people[first : first + TOGETHER]
        yield from _ids(
            connection,
            kind,
            "person_id >= ? AND person_id <= ? AND person_id <> ''",
            min(some),
            max(some),
        )
    if part.nobodys:
        yield from _ids(connection, kind, "person_id = ''")
    if part.first <= part.last:
        yield from _ids(connection, kind, "number >= ? AND number <= ?", part.first, part.last)


def _ids(connection: Connection, kind: str, where: str, *values: object) -> list[str]:
    statement = f"SELECT finding_id FROM finding WHERE kind = ? AND {where}"  # noqa: S608 - our own words
    return [finding_id for (finding_id,) in rows(connection, statement, kind, *values)]


def _id(kind: str, problem: Problem) -> str:
    identity = "\0".join((kind, problem.person_id, str(problem.number), problem.text))
    return hashlib.sha256(identity.encode()).hexdigest()[:32]
