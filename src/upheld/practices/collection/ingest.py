"""Reading logs: each line once, however often, by however many at once, and whatever is killed.

Where reading stopped is written in the transaction that keeps the visits of what was read: both are
durable, or neither is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from upheld.database.columns import microseconds
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practices.collection.blocks import PURPOSE
from upheld.practices.collection.intake import NOT_LET_IN, Intake
from upheld.practices.collection.log_files import LogFile, LogFileError, LogPlace, open_log
from upheld.practices.collection.log_lines import LogLine, LogReader
from upheld.practices.collection.tables import log_reading


class LogReport(NamedTuple):
    """What came of a log: lines, visits that were kept, by which clauses, and what was left out."""

    name: str
    lines: int = 0
    visits: int = 0
    clauses: tuple[str, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()  # why, and how many
    read_before: int = 0  # bytes
    unfinished: bool = False  # whether the last line waits for its end

    @property
    def refused_by_policy(self) -> bool:
        """Whether the policy lets nothing of it in."""
        return not self.visits and NOT_LET_IN in dict(self.left_out)


class _MovedError(Exception):
    """Another process has read the log on meanwhile; `report` is what was done before."""

    report: LogReport | None = None


class LogIngest:
    """Reads logs into what is kept of visits."""

    def __init__(self, gate: Gate, progress: Callable[[LogReport], None] | None = None) -> None:
        self.gate, self._progress = gate, progress
        self._intake, self._mark = Intake(gate), gate.sealer(PURPOSE, "log").mark_of
        self._reader = LogReader()

    def read(self, name: str) -> LogReport:
        """Read a log on from where it was left, or from its beginning; `-` is standard input."""
        report = LogReport(name)
        with open_log(name) as (first, again):
            log = first
            while True:
                try:
                    return self._read_on(log, again, report)
                except _MovedError as moved:
                    report = moved.report or report
                    if again is None:
                        raise LogFileError(
                            "another process reads the same log",
                            code="busy",
                            hint="read it again when that one is done",
                        ) from None
                    log = again()

    def _read_on(
        self, log: LogFile, again: Callable[[], LogFile] | None, report: LogReport
    ) -> LogReport:
        first = log.beginning()
        if not first:
            return report._replace(unfinished=log.unfinished)
        beginning = self._mark("beginning", first).hex()
        places = self._places(beginning)
        log, place = self._find_place(log, again, places)
        # By what was seen here: if another reader begins the same log meanwhile, it has the number.
        number = place.number if place else max((each.number for each in places), default=0) + 1
        report = report._replace(read_before=place.at if place else 0)
        while (lines := log.lines()) is not None:
            arrivals, left_out = self._parse(lines)
            place_after = LogPlace(number, log.at, self._mark("tail", log.tail))
            try:
                advance = partial(_advance, beginning, place, place_after)
                result = self._intake.keep(arrivals, advance)
            except _MovedError as moved:
                moved.report = report
                raise
            place = place_after if result.advanced else place
            left_out.update(result.left_out)
            report = report._replace(
                lines=report.lines + len(lines),
                visits=report.visits + result.visits,
                clauses=tuple(dict.fromkeys((*report.clauses, *result.clauses))),
                left_out=tuple(sorted((Counter(dict(report.left_out)) + left_out).items())),
            )
            if self._progress is not None:
                self._progress(report)
        return report._replace(unfinished=log.unfinished)

    def _parse(self, lines: list[bytes]) -> tuple[list[LogLine], Counter[str]]:
        read, left_out = self._reader.read, Counter[str]()
        arrivals: list[LogLine] = []
        for line in lines:
            result = read(line)
            if isinstance(result, str):
                left_out[result] += 1
            else:
                arrivals.append(result)
        return arrivals, left_out

    def _places(self, beginning: str) -> list[LogPlace]:
        """How far the logs that begin alike were read, the shortest way first."""
        with self.gate.look() as tables:
            rows = tables.select(log_reading, "beginning = ?", beginning)
        return sorted(
            (LogPlace(row.number, row.place, bytes(row.tail)) for row in rows),
            key=lambda place: place.at,
        )

    def _find_place(
        self,
        log: LogFile,
        again: Callable[[], LogFile] | None,
        places: Sequence[LogPlace],
    ) -> tuple[LogFile, LogPlace | None]:
        """The log at the place where it was left; at its beginning where it was never read."""
        for place in places:
            if log.skip_to(place.at) and self._mark("tail", log.tail) == place.tail:
                return log, place
        if not places:
            return log, None
        if again is None:
            raise LogFileError(
                "standard input begins like a log that was read, and does not continue it",
                code="usage",
                hint="name the file instead",
            )
        return again(), None


def _advance(beginning: str, was: LogPlace | None, now: LogPlace, transaction: Transaction) -> None:
    """Note how far a log is read; _MovedError where it is not where it was."""
    tables, where = transaction.tables, "beginning = ? AND number = ?"
    row = tables.get(log_reading, where, beginning, now.number)
    at = microseconds(transaction.clock.now())
    if (row.place if row else None) != (was.at if was else None):
        raise _MovedError
    if row is None:
        tables.insert(
            log_reading,
            beginning=beginning,
            number=now.number,
            place=now.at,
            tail=now.tail,
            last_read=at,
        )
    else:
        changes = {"place": now.at, "tail": now.tail, "last_read": at}
        tables.update(log_reading, changes, where, beginning, now.number)
