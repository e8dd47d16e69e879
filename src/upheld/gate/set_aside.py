"""Whom a job could not do: set aside, so that nobody else waits for them, and listed for staff.

An odd value, a damaged row or a record that is not ours stops the work for the one whom it is of.
Each is tried again at every run, and is taken off the list as soon as that succeeds, or nothing is
to be done about them any more. What is wrong with the database, the log or the clock is nobody's:
it fails the job. Whoever is there for what a law keeps apart alone is tried as well, but stands on
no list, in no count and in no log, as nobody may tell of them: the legal desk alone reads how many.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from sqlalchemy import Connection

from upheld.core.clock import ClockError
from upheld.core.errors import UpheldError
from upheld.core.ids import PersonId
from upheld.database.errors import DatabaseError
from upheld.database.statements import rows, run, to_datetime
from upheld.database.tables import microseconds
from upheld.database.transaction import reading, writing
from upheld.gate.log.database_log import LogError
from upheld.vault.erasures import ErasuresError
from upheld.vault.people import HELD, REGISTER

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

_APART: Final = "person_id IN (SELECT person_id FROM person WHERE state = ?)"
REFUSED: Final = "database"  # the code of what a database says of the values of one
_SEE: Final = "job %s has set somebody aside: %s; see `upheld jobs --list`"
_LOG = logging.getLogger("upheld.jobs")
_T = TypeVar("_T")


def is_everybodys(error: Exception) -> bool:
    """Whether an error is not one person's: the next one would fare no better."""
    if isinstance(error, DatabaseError):
        return error.code != REFUSED
    return isinstance(error, LogError | ClockError | ErasuresError)


class SetAside(NamedTuple):
    """Whom a job could not do, or which row of theirs by its id, why, and since when."""

    person_id: PersonId
    job: str
    about: str
    why: str
    since: datetime


def many(connection: Connection) -> int:
    """How many people and rows are set aside, of whom it may be told."""
    statement = f"SELECT count(*) FROM set_aside WHERE NOT {_APART}"  # noqa: S608 - our own words
    ((count,),) = rows(connection, statement, HELD)
    return int(count)


def many_apart(connection: Connection) -> int:
    """How many of those who are kept apart alone, and rows of theirs, are set aside."""
    statement = f"SELECT count(*) FROM set_aside WHERE {_APART}"  # noqa: S608 - our own words
    ((count,),) = rows(connection, statement, HELD)
    return int(count)


def everybody(connection: Connection) -> list[SetAside]:
    """Everybody whom a job has set aside, who may be told of; who has waited longest first."""
    statement = (
        f"SELECT person_id, job, about, why, since FROM set_aside WHERE NOT {_APART}"  # noqa: S608 - our own words
        " ORDER BY since, job, person_id"
    )
    return [
        SetAside(person_id, job, about, why, to_datetime(since))
        for person_id, job, about, why, since in rows(connection, statement, HELD)
    ]


class JobTrial:
    """One run of a job: each of those whom it is about is tried for itself."""

    def __init__(self, gate: Gate, job: str) -> None:
        self._gate, self._job = gate, job
        with reading(gate.engine) as connection:
            statement = "SELECT person_id, about, why FROM set_aside WHERE job = ?"
            self._before: dict[tuple[PersonId, str], str] = {
                (PersonId(whose), about): why
                for whose, about, why in rows(connection, statement, job)
            }
        self._failed: set[tuple[PersonId, str]] = set()
        self._done: set[tuple[PersonId, str]] = set()
        self._whole = True

    def one(
        self, work: Callable[[], _T], person_id: PersonId, about: str = "", *, listed: bool = True
    ) -> _T | None:
        """What a piece of work gives; None where it failed, and its person is set aside.

        Without another word where that is not to be `listed`.
        """
        try:
            result = work()
        except Exception as error:
            if is_everybodys(error):
                raise
            why = error.code if isinstance(error, UpheldError) else type(error).__name__
            if listed:
                self._note((person_id, about), why)
            return None
        self._done.add((person_id, about))
        return result

    def some(
        self,
        whom: Sequence[PersonId],
        work: Callable[[Sequence[PersonId]], int],
        *,
        unlisted: Collection[PersonId] = (),
    ) -> int:
        """Do a piece of work for some people together or, where that fails, for each alone.

        Of those `unlisted` nothing is told where it fails.
        """
        if len(whom) > 1:
            try:
                count = work(whom)
            except Exception as error:
                if is_everybodys(error):
                    raise
            else:
                self._done.update((each, "") for each in whom)
                return count
        return sum(
            self.one(partial(work, [each]), each, listed=each not in unlisted) or 0 for each in whom
        )

    def listed(self) -> list[str]:
        """What stood on the list of the job before that is of nobody."""
        return sorted(about for person_id, about in self._before if person_id == REGISTER)

    def stop(self) -> None:
        """Say that this run ends before everybody was tried."""
        self._whole = False

    def end(self) -> None:
        """Take off the list who was done, or about whom nothing is to be done any more."""
        over = set(self._before) - self._failed
        if not self._whole:
            over &= self._done
        if not over:
            return
        with writing(self._gate.engine) as connection:
            for person_id, about in sorted(over):
                run(
                    connection,
                    "DELETE FROM set_aside WHERE person_id = ? AND job = ? AND about = ?",
                    person_id,
                    self._job,
                    about,
                )

    def _note(self, which: tuple[PersonId, str], why: str) -> None:
        self._failed.add(which)
        if self._before.get(which) == why:
            return
        at = microseconds(self._gate.context.clock.now())
        with writing(
            self._gate.engine
        ) as connection:  # of who was erased meanwhile nothing is kept
            run(
                connection,
                "INSERT INTO set_aside SELECT CAST(? AS varchar), CAST(? AS varchar),"
                " CAST(? AS varchar), CAST(? AS varchar), CAST(? AS bigint)"
                " WHERE EXISTS (SELECT 1 FROM person WHERE person_id = ?)"
                " ON CONFLICT (person_id, job, about) DO UPDATE SET why = excluded.why",
                which[0],
                self._job,
                which[1],
                why,
                at,
                which[0],
            )
            statement = "SELECT 1 FROM person WHERE person_id = ? AND state = ?"
            is_apart = bool(rows(connection, statement, which[0], HELD))
        if not is_apart:
            _LOG.error(_SEE, self._job, why)


@contextmanager
def trial_of(gate: Gate, job: str) -> Iterator[JobTrial]:
    """One run of a job; who is on its list at the end is who failed in it."""
    trial = JobTrial(gate, job)
    yield trial
    trial.end()
