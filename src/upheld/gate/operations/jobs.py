"""Jobs: what a running provider does without being asked, each as often as it says.

Every process covers the ledger, which is safe for many at once; the rest is done by the one that
holds the lease: what falls due and is owed, what is to be deleted, what was erased, backups whose
day has come, and what practices bring. A job that fails is told in the log, by its name and the
code of its error, and is tried again at its next time; the others go on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from upheld.core.clock import ClockError
from upheld.core.counts import count_of
from upheld.core.errors import UpheldError
from upheld.core.settings import Settings
from upheld.gate import change_counts, obligations
from upheld.gate.erasure import delete_fields, erase, retention
from upheld.gate.log.checkpointer import Checkpointer
from upheld.gate.log.database_log import LogError
from upheld.gate.operations import (
    backup,
    clause_counts,
    log_check,
    published_counts,
    selfcheck_job,
)
from upheld.gate.operations.lease import SECONDS, Lease
from upheld.gate.operations.log_check import LogRereading
from upheld.gate.operations.selfcheck_job import SelfCheckRound
from upheld.ledger.signers import SignerError, open_signer

if TYPE_CHECKING:
    from upheld.gate.gate import Gate

LEASE: Final = "jobs"
STEP: Final = 0.25  # seconds between two looks at what is due
MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_PLAIN: Final = (LogError, SignerError, ClockError)  # whose words are of no person
_LOG = logging.getLogger("upheld.jobs")


class Job(NamedTuple):
    """Something to be done every so many seconds; `run` gives how much it did.

    `alone` is a job that one process does for all; it must bear to be begun again after a kill.
    """

    name: str
    every: float
    run: Callable[[Gate], int]
    alone: bool = True


class JobError(UpheldError):
    """Two jobs of one name."""


class JobResult(NamedTuple):
    """What came of a job: how much it did, or the code of what failed, and its words."""

    name: str
    did: int
    failed: str = ""
    why: str = ""


def built_in(settings: Settings) -> list[Job]:
    """The jobs of the gate itself.

    `cover` only where the settings name a log's key, `escrow` only where they name its folder.
    """
    jobs = [
        Job("late", 10, obligations.mark_overdue),
        Job("owed", HOUR, obligations.open_due_obligations),
        Job("retention", DAY, retention.retire),
        Job("unfinished erasures", MINUTE, erase.resume),
        Job("dropped", MINUTE, delete_fields.tell),
        Job("keys", DAY, erase.renew_if_needed),
        Job(selfcheck_job.NAME, MINUTE, SelfCheckRound(settings.policy).look),
        Job(change_counts.JOB, 1, change_counts.keep, alone=False),
        Job(log_check.NAME, MINUTE, LogRereading().read),
        Job(clause_counts.NAME, MINUTE, published_counts.keep),
    ]
    if settings.escrow is not None:
        escrow = settings.escrow
        jobs.append(Job("escrow", HOUR, lambda gate: backup.expire(gate, escrow)))
    if settings.log_key is not None:
        path, origin = settings.log_key, settings.log_origin

        def cover(gate: Gate) -> int:
            gate.log_state.require()
            return Checkpointer(gate.engine, *open_signer(path, origin)).run()

        jobs.insert(0, Job("cover", 0.5, cover, alone=False))
        jobs.append(Job("uncovered", 20, _alarm_if_uncovered, alone=False))
    return jobs


def _alarm_if_uncovered(gate: Gate) -> int:
    """Raise the alarm where nothing has covered the log for too long."""
    uncovered = gate.log_state.uncovered()
    if uncovered is not None and uncovered.late(gate.context.clock.now()):
        raise LogError(
            f"no checkpoint covers {count_of(uncovered.entries, 'entry')}: what is taken out there"
            " leaves no trace",
            code="uncovered",
            hint="see why the job `cover` fails, or does not run",
        )
    return 0


class Jobs:
    """The jobs of one process."""

    def __init__(self, gate: Gate, jobs: Iterable[Job], seconds: float = SECONDS) -> None:
        """`seconds` is how long a leader that died is waited for."""
        self._gate = gate
        self._jobs: dict[str, Job] = {}
        self._next: dict[str, float] = {}
        self._lease = Lease(gate.engine, LEASE, seconds)
        for job in jobs:
            self.add(job)

    def add(self, job: Job) -> None:
        """Let a part of the program have a job of its own."""
        if job.name in self._jobs:
            raise JobError(
                f"there is a job `{job.name}` already", code="job", hint="rename one of the two"
            )
        self._jobs[job.name] = job
        self._next[job.name] = 0.0

    @property
    def leading(self) -> bool:
        """Whether this process does the jobs that one does for all; it asks for the lease."""
        try:
            return self._lease.hold()
        except UpheldError as error:
            _LOG.warning("the lease of the jobs cannot be had: %s", error.code)
            return False

    def step(self, now: float | None = None, *, alone: bool | None = None) -> list[JobResult]:
        """Do what is due at a moment of the monotonic clock; without one, everything.

        With `alone`, what one process does for all, or what each does, and nothing else.
        """
        done = []
        for job in list(self._jobs.values()):
            if alone is not None and job.alone is not alone:
                continue
            if now is not None and self._next[job.name] > now:
                continue
            if job.alone and not self.leading:
                continue
            self._next[job.name] = (now or 0.0) + job.every
            done.append(self._run(job))
        return done

    def _run(self, job: Job) -> JobResult:
        try:
            return JobResult(job.name, job.run(self._gate))
        except _PLAIN as error:
            _LOG.error("job %s failed: %s: %s (%s)", job.name, error.code, error, error.hint)
            return JobResult(job.name, 0, error.code, str(error))
        except UpheldError as error:
            failed, why = error.code, str(error)
        except Exception as error:  # noqa: BLE001 - one job must not stop the others
            failed, why = type(error).__name__, ""
        _LOG.error("job %s failed: %s", job.name, failed)
        return JobResult(job.name, 0, failed, why)

    def loop(self, stop: threading.Event) -> None:
        """Do what is due until told to stop; then give up the lease.

        What each process does has a thread of its own, so that the log is covered whatever else
        takes long.
        """
        each = threading.Thread(target=self._repeat, args=(stop, False), name="upheld-covering")
        each.daemon = True
        each.start()
        self._repeat(stop, True)
        each.join()
        self.release()

    def _repeat(self, stop: threading.Event, alone: bool) -> None:
        while not stop.is_set():
            self.step(time.monotonic(), alone=alone)
            stop.wait(STEP)

    def release(self) -> None:
        """Give up the lease, so that another process need not wait."""
        try:
            self._lease.release()
        except UpheldError as error:
            _LOG.warning("the lease of the jobs cannot be given up: %s", error.code)


class RunningJobs:
    """Jobs in a thread of their own; `stop` ends them."""

    def __init__(self, jobs: Jobs) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=jobs.loop, args=(self._stop,), name="upheld-jobs", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Let the job that is being done end, and no other begin."""
        self._stop.set()
        self._thread.join()


def start_jobs(gate: Gate, settings: Settings, more: Iterable[Job] = ()) -> RunningJobs:
    """Do the jobs of the gate, and more, beside a running server; acts never wait for them."""
    return RunningJobs(Jobs(gate, [*built_in(settings), *more]))
