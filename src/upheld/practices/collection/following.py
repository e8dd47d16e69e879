"""Logs that are read on as lines are added, also where one is renamed and another takes its name.

A server writes to a log that was renamed until it is told to open a new one, and for a moment there
may be none. So the file that had the name before stays open and is read on beside the one that has
it now, until that one is renamed in its turn, and in any case until all of it is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from stat import S_ISREG

from upheld.core.errors import UpheldError
from upheld.practices.collection.ingest import LogIngest, LogReport
from upheld.practices.collection.log_files import PIPE, LogFileError, not_a_file, unreadable


class _OpenLog:
    """A file that stays open, and what it was like when it was read last."""

    def __init__(self, name: str) -> None:
        """OSError where it cannot be opened; LogFileError for what is no file, such as a pipe."""
        self.number = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        self._read_as: tuple[int, int] | None = None
        if not S_ISREG(os.fstat(self.number).st_mode):
            os.close(self.number)
            raise not_a_file(name)

    @property
    def path(self) -> str:
        """By which it is opened again, whatever it is called now."""
        return f"/dev/fd/{self.number}"

    @property
    def is_read(self) -> bool:
        """Whether nothing was written since it was read: neither its length nor its time is new."""
        return self._read_as == self._state()

    def is_at(self, name: str) -> bool:
        """Whether a name is this file's."""
        try:
            return os.path.samestat(os.fstat(self.number), Path(name).stat())
        except FileNotFoundError:
            return True  # until another one has the name

    def read_by(self, ingest: LogIngest) -> LogReport:
        """Read on what was added."""
        state = self._state()  # before: what is added meanwhile is read the next time
        report = ingest.read(self.path)
        self._read_as = state
        return report

    def _state(self) -> tuple[int, int]:
        now = os.fstat(self.number)
        return now.st_size, now.st_mtime_ns


class Follower:
    """Reads logs on, each time that it is asked to; `troubles` are what kept it from that, by name.

    What could not be read or kept the last time is tried again the next time.
    """

    def __init__(self, ingest: LogIngest, names: Sequence[str]) -> None:
        self._ingest, self._names = ingest, names
        self._logs: dict[str, list[_OpenLog]] = {}
        self.troubles: dict[str, UpheldError] = {}

    def read_on(self) -> Iterator[LogReport]:
        """Read what was added; a report for each file of which there was something to read.

        What goes wrong with one log keeps no other from being read: see `troubles`.
        """
        self.troubles = {}
        for name in dict.fromkeys(self._names):
            if name == PIPE:
                try:
                    yield self._ingest.read(name)
                except UpheldError as error:
                    self.troubles[name] = error
            else:
                yield from self._read_on(name)

    def close(self) -> None:
        """Close what is open."""
        for logs in self._logs.values():
            for each in logs:
                os.close(each.number)
        self._logs.clear()

    def _read_on(self, name: str) -> Iterator[LogReport]:
        """Read on the files that a name had and has; one that is no more written is closed."""
        logs = self._logs.setdefault(name, [])
        try:
            if not logs or not logs[-1].is_at(name):
                logs.append(_OpenLog(name))
        except OSError as error:
            self.troubles[name] = unreadable(name, error)
        except LogFileError as error:
            self.troubles[name] = error
        for place, each in reversed([*enumerate(reversed(logs))]):
            try:
                if not each.is_read:
                    yield each.read_by(self._ingest)._replace(name=name)
                if place > 1 and each.is_read:
                    os.close(each.number)
                    logs.remove(each)
            except OSError as error:
                self.troubles[name] = unreadable(name, error)
            except UpheldError as error:
                self.troubles[name] = error
