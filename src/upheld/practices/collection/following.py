"""Logs that are read on as lines are added, also where one is renamed and another takes its name.

A server writes to a log that was renamed until it is told to open a new one, and for a moment there
may be none. So the file that had the name before stays open and is read on beside the one that has
it now, until that one is renamed in its turn.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from upheld.practices.collection.ingest import LogIngest, LogReport
from upheld.practices.collection.log_files import PIPE, LogFileError


class _OpenLog:
    """A file that stays open, and how long it was when it was read last."""

    def __init__(self, name: str) -> None:
        self.number = os.open(name, os.O_RDONLY | os.O_CLOEXEC)
        self.size = -1

    @property
    def path(self) -> str:
        """By which it is opened again, whatever it is called now."""
        return f"/dev/fd/{self.number}"

    def is_at(self, name: str) -> bool:
        """Whether a name is this file's."""
        try:
            return os.path.samestat(os.fstat(self.number), Path(name).stat())
        except FileNotFoundError:
            return True  # until another one has the name

    def size_now(self) -> int:
        """How long it is."""
        return os.fstat(self.number).st_size


class Follower:
    """Reads logs on, each time that it is asked to."""

    def __init__(self, ingest: LogIngest, names: Sequence[str]) -> None:
        self._ingest, self._names = ingest, names
        self._logs: dict[str, list[_OpenLog]] = {}

    def read_on(self) -> Iterator[LogReport]:
        """Read what was added; a report for each file of which there was something to read.

        What cannot be read or kept, and is raised, is tried again the next time.
        """
        for name in self._names:
            yield from self._read_on(name)

    def close(self) -> None:
        """Close what is open."""
        for logs in self._logs.values():
            for each in logs:
                os.close(each.number)
        self._logs.clear()

    def _read_on(self, name: str) -> Iterator[LogReport]:
        if name == PIPE:
            yield self._ingest.read(name)
            return
        logs = self._logs.setdefault(name, [])
        if not logs or not logs[-1].is_at(name):
            logs.append(_open(name))
            for old in logs[:-2]:
                os.close(old.number)
            del logs[:-2]
        for each in logs:
            if (size := each.size_now()) != each.size:
                yield self._ingest.read(each.path)._replace(name=name)
                each.size = size


def _open(name: str) -> _OpenLog:
    try:
        return _OpenLog(name)
    except OSError as error:
        raise LogFileError(
            f"{name} cannot be read: {error.strerror}", code="unreadable", hint="name a log"
        ) from None
