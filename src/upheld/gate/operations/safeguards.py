"""What a page of safeguards tells: how keys are sealed, how far the log is signed, who works."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from upheld.database.statements import row
from upheld.database.tables import microseconds
from upheld.database.transaction import reading
from upheld.gate.log import database_log, entries
from upheld.gate.operations.jobs import LEASE
from upheld.gate.operations.selfcheck import SelfCheckReport, selfcheck

if TYPE_CHECKING:
    from upheld.gate.gate import Gate


class KeyState(NamedTuple):
    """How keys are sealed: the number of the epoch, and the kind of the master key."""

    epoch: int
    master: str


class LogCoverage(NamedTuple):
    """The last entry that a signed tree covers, if any, the last of all, and whether jobs run."""

    covered: int | None
    last: int
    jobs: bool


def keys_of(gate: Gate) -> KeyState:
    """How the keys of a gate are sealed."""
    keyring = gate.context.keyring
    return KeyState(keyring.current.number, keyring.master)


def look_through(gate: Gate) -> SelfCheckReport:
    """Look through everything now, as `selfcheck` does."""
    return selfcheck(gate.engine, gate.context.keyring)


def log_coverage(gate: Gate) -> LogCoverage:
    """How far the log is covered, and whether a process does the jobs."""
    with reading(gate.engine) as connection:
        log = database_log.current(connection)
        covered = database_log.last_covered(connection, log, signed=True) if log else None
        last = entries.last_of(connection)
        until = row(connection, "SELECT until FROM lease WHERE name = ?", LEASE)
    alive = until is not None and until[0] > microseconds(gate.clock.now())
    number = log.first + covered.size - 1 if log and covered else None
    return LogCoverage(number, last[0] if last else 0, alive)
