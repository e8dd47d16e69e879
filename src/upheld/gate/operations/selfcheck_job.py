"""The self-check as a job: everybody within a day, some people at a time, each from one moment.

What is not whole is looked at again from another moment, since a key may be renewed between the
moment that is seen and the one in which the keyring is read. What is found both times is kept for
staff and told in the log, by table and person, and the job fails by it, so that whoever watches the
jobs sees it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from upheld.core.counts import count_of
from upheld.core.ids import NOBODY, PersonId
from upheld.database import checks
from upheld.database.checks import Problem
from upheld.database.seals import SealedError
from upheld.database.statements import rows
from upheld.database.transaction import snapshot
from upheld.gate import change_counts, findings
from upheld.gate.editions.policy_file import warn_of_file
from upheld.gate.findings import CheckedPart
from upheld.gate.operations import cross_checks, selfcheck
from upheld.gate.rounds import Round
from upheld.vault.keyring import Keyring
from upheld.vault.people import HELD

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

NAME: Final = "self-check"
PUT_BACK: Final = "put back"  # of what is found of rows and covers; until a new log is begun
SLICES: Final = 720  # in which everybody is looked at, of one a minute: half a day
LEAST: Final = 50  # people in a slice


class SelfCheckRound:
    """A look through everybody, a slice at each call."""

    def __init__(self, policy_file: Path | None = None) -> None:
        """`policy_file` is what the settings name: where it differs, the log says so each round."""
        self._round = Round(NAME)
        self._policy_file = policy_file

    def look(self, gate: Gate) -> int:
        """Look through some people, and first through what is nobody's; how many people.

        Whoever is there for what a law keeps apart is looked through with them, and not counted.
        SealedError where something is not whole.
        """
        after = self._round.place(gate)
        if not after:
            self._compare_files(gate)
        with snapshot(gate.engine) as connection:
            statement = "SELECT count(*) FROM person WHERE state <> ?"
            ((everybody,),) = rows(connection, statement, HELD)
            most = max(LEAST, everybody // SLICES + 1)
            some = selfcheck.some_people(connection, after, most)
        whose = some.people
        owners = [*([] if after else [NOBODY]), *whose]
        change_counts.keep(gate)
        before = gate.change_counts.read(
            gate.engine, owners
        )  # so that the moment that is seen is later
        with snapshot(gate.engine) as connection:
            problems = _through(connection, gate.context.keyring, whose, nobodys=not after)
            now = change_counts.versions(connection, owners)
        if problems:
            with snapshot(gate.engine) as connection:
                again = _through(connection, gate.context.keyring, whose, nobodys=not after)
            problems = [each for each in problems if each in set(again)]
        old = change_counts.older(before, now)
        change_counts.note(gate, now)
        last = "" if some.is_last else whose[-1]
        # What goes on from an old state soon looks like a new one, so that this stays on the list.
        count = findings.keep(gate, PUT_BACK, CheckedPart(), old)
        count += findings.keep(gate, NAME, CheckedPart(whose, not after), problems)
        self._round.go_on(gate, last)
        if not last:
            change_counts.end_of_round(gate)
        if count:
            raise SealedError(
                f"{count_of(count, 'thing')} {'is' if count == 1 else 'are'} not whole",
                code="not-whole",
                hint="upheld admin selfcheck",
            )
        return some.number

    def _compare_files(self, gate: Gate) -> None:
        """Say in the log which files of the settings are not what is in force."""
        if self._policy_file is not None and gate.context.edition:
            warn_of_file(self._policy_file, gate.policy.digest)
        for compare in gate.context.file_comparisons:
            compare(gate)


def _through(
    connection: Connection, keyring: Keyring, whose: Sequence[PersonId], *, nobodys: bool
) -> list[Problem]:
    """What is not whole of some people, and of what is nobody's."""
    problems: list[Problem] = []
    if nobodys:
        problems += checks.problems_of_registers(connection)
        problems += cross_checks.everywhere(connection, keyring)
    for person_id in whose:
        problems += selfcheck.check_person(connection, keyring, person_id)[1]
    problems += checks.problems_of_people(connection, whose)
    return problems
