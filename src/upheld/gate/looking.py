"""The self-check as a job: everybody within a day, some people at a time, each from one moment.

What is not whole is told in the log, by table and person, and the job fails by it, so that whoever
watches the jobs sees it. Where it was is kept in mind by the process that does the jobs; another
one begins anew.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from upheld.core.sql import rows
from upheld.core.transaction import snapshot
from upheld.database import checks
from upheld.database.seals import SealedError
from upheld.gate import unlike, upkeep

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

SLICES: Final = 720  # in which everybody is looked at, of one a minute: half a day
LEAST: Final = 50  # people in a slice
_LOG = logging.getLogger("upheld.selfcheck")


class Looking:
    """A look through everybody, a slice at each call."""

    def __init__(self) -> None:
        self._after = ""  # whom the last slice ended with; at the beginning nobody

    def look(self, gate: Gate) -> int:
        """Look through some people, and first through what is nobody's; how many people.

        SealedError where something is not whole: all of it is in the log.
        """
        with snapshot(gate.engine) as connection:
            problems: list[str] = []
            if not self._after:
                problems += checks.nobodys(connection)
                problems += unlike.everywhere(connection, gate.house.keyring)
            ((everybody,),) = rows(connection, "SELECT count(*) FROM person")
            most = max(LEAST, everybody // SLICES + 1)
            whose = upkeep.some_people(connection, self._after, most)
            for person_id in whose:
                problems += upkeep.looked_through(connection, gate.house.keyring, person_id)[1]
            last, found = checks.people(connection, self._after, most)
            problems += found
        self._after = last
        for each in problems:
            _LOG.error("not whole: %s", each)
        if problems:
            raise SealedError(f"{len(problems)} things are not whole", code="not-whole",
                              hint="upheld admin selfcheck")  # fmt: skip
        return len(whose)
