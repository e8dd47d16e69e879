"""What a page of safeguards tells: how keys are sealed, how far the log is signed, who works."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from upheld.database import rows as database
from upheld.database.statements import row, rows, to_datetime
from upheld.database.tables import backup, microseconds
from upheld.database.transaction import reading
from upheld.gate import findings, rounds
from upheld.gate.log import database_log, entries
from upheld.gate.operations import log_check, selfcheck_job
from upheld.gate.operations.clause_counts import month_of
from upheld.gate.operations.jobs import LEASE
from upheld.gate.operations.selfcheck import SelfCheckReport, selfcheck
from upheld.ledger.counts import BOUND, Range, ranged
from upheld.vault.backups import KEPT

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


class SafeguardState(NamedTuple):
    """What the database and the keyring know of the safeguards; None is what they do not know."""

    key_since: datetime  # since when new keys of people are sealed by the current epoch's
    log_verified: datetime | None  # when all of the log was last read
    everything_checked: datetime | None  # when everybody was last looked through
    findings: int  # what was found not whole, and is not mended
    last_backup: datetime | None  # when the newest of those whose keys are in escrow was begun
    late: int  # duties and acts that are owed and past their time
    late_range: Range  # the same as anybody may see it; it moves with the month, not with each look


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


def safeguard_state(gate: Gate) -> SafeguardState:
    """What is known of the safeguards now."""
    now = gate.clock.now()
    with reading(gate.engine) as connection:
        looks = {each.name: each.ended for each in rounds.round_states(connection)}
        backups, _ = database.select_authentic(
            connection, backup, "state = ? ORDER BY at DESC LIMIT 1", KEPT
        )
        statement = "SELECT count(*) FROM item WHERE state IN ('open', 'late') AND due <= ?"
        ((late,),) = rows(connection, statement, microseconds(now))
        open_findings = findings.many(connection)
    mark = gate.sealer("safeguards").mark_of("late", month_of(gate.clock.day_of(now)))
    noise = int.from_bytes(mark[:16], "big") % (2 * BOUND + 1) - BOUND
    return SafeguardState(
        key_since=gate.context.keyring.current.started_at,
        log_verified=looks.get(log_check.NAME),
        everything_checked=looks.get(selfcheck_job.NAME),
        findings=open_findings,
        last_backup=to_datetime(backups[0].at) if backups else None,
        late=late,
        late_range=ranged(late, noise),
    )
