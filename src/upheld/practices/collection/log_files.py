"""Logs as they are read: files, compressed ones, and a pipe, from the byte where one stopped.

A log is known by its first line and by what stands before that byte, not by its name: rotated,
renamed or compressed it is the same one, and a new file under an old name is another. Only whole
lines count; one that is not finished yet is read the next time.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from upheld.core.errors import UpheldError
from upheld.practices.collection.log_lines import LINE_BYTES_MAX

CHUNK: Final = 4 << 20
TAIL: Final = 4096  # bytes before a place by which a log is known again
PIPE: Final = "-"
_GZIP: Final = b"\x1f\x8b"


class _Bytes(Protocol):
    """What gives bytes, and may go on at a place."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""

    def seek(self, target: int, /) -> int:
        """Go on at a place."""


class LogFileError(UpheldError):
    """A log that cannot be read, or not from where it was left."""


class LogPlace(NamedTuple):
    """How far a log was read: the number of it among those that begin alike, bytes, and a mark."""

    number: int
    at: int
    tail: bytes


class LogFile:
    """A log that is read from its beginning or from a place, a few megabytes of lines at a time."""

    def __init__(self, file: _Bytes, name: str, *, ends: bool = False, seeks: bool = False) -> None:
        """`ends` says that nothing will be added, so that a last line without its end is whole.

        `seeks` says that going on at a place costs nothing.
        """
        self._file, self._name, self._ends, self._seeks = file, name, ends, seeks
        self._rest = b""  # read, and not given yet
        self._dropped = 0  # bytes in the middle of a line that is too long
        self.at, self.tail = 0, b""

    @property
    def unfinished(self) -> bool:
        """Whether a line waits for its end."""
        return bool(self._rest)

    def beginning(self) -> bytes:
        """The first line, or as much of it as tells logs apart; empty where none is whole."""
        while b"\n" not in self._rest and len(self._rest) < TAIL:
            more = self._read(CHUNK)
            if not more:
                break
            self._rest += more
        line, end, _ = self._rest.partition(b"\n")
        if end:
            return line[:TAIL] or end
        return line[:TAIL] if len(line) >= TAIL or self._ends else b""

    def skip_to(self, place: int) -> bool:
        """Go on at a place, without giving what stands before it; whether there is that much."""
        if self._seeks:
            self.at = max(0, place - TAIL)
            self._file.seek(self.at)
            self._rest, self.tail = b"", b""
        while (missing := place - self.at) > 0:
            if not self._rest:
                self._rest = self._read(CHUNK)
                if not self._rest:
                    return False
            before, self._rest = self._rest[:missing], self._rest[missing:]
            self._pass(before)
        return missing == 0

    def lines(self) -> list[bytes] | None:
        """The next lines, without their ends; None at the end of the log.

        One that is too long is cut.
        """
        while b"\n" not in self._rest or self._dropped:
            more = self._read(CHUNK)
            if not more:
                return self._last()
            self._rest += more
            end = self._rest.find(b"\n", max(0, len(self._rest) - len(more)))
            if end >= 0:
                break
            if len(self._rest) > LINE_BYTES_MAX + TAIL + 1:
                cut = self._rest[: LINE_BYTES_MAX + 1] + self._rest[-TAIL:]
                self._dropped += len(self._rest) - len(cut)
                self._rest = cut
        cut_at = self._rest.rfind(b"\n") + 1
        whole, self._rest = self._rest[:cut_at], self._rest[cut_at:]
        self._pass(whole)
        return [each.removesuffix(b"\r") for each in whole.split(b"\n")[:-1]]

    def _last(self) -> list[bytes] | None:
        """What stands after the last end of a line, where nothing will be added to it."""
        if not self._rest:
            return None
        if not self._ends:
            return None
        line, self._rest = self._rest, b""
        self._pass(line)
        return [line]

    def _pass(self, passed: bytes) -> None:
        self.at += len(passed) + self._dropped
        self._dropped = 0
        self.tail = (self.tail + passed)[-TAIL:]

    def _read(self, most: int) -> bytes:
        try:
            return self._file.read(most)
        except (OSError, EOFError, zlib.error) as error:
            raise LogFileError(
                f"{self._name} cannot be read on: {_reason(error)}",
                code="unreadable",
                hint="what was read before is kept; read it again once it is whole",
            ) from None


def unreadable(name: str, error: OSError) -> LogFileError:
    """The error of a log that cannot be opened."""
    return LogFileError(
        f"{name or 'a log without a name'} cannot be read: {error.strerror}",
        code="unreadable",
        hint="name a log",
    )


def not_a_file(name: str) -> LogFileError:
    """The error of a name that is no file's, such as a pipe's."""
    return LogFileError(
        f"{name} is no file", code="unreadable", hint="name a log, or - for what a pipe brings"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it is cut or not compressed as it should be"


@contextmanager
def open_log(name: str) -> Iterator[tuple[LogFile, Callable[[], LogFile] | None]]:
    """A log by its path, or `-` for standard input; and what begins it again, if anything can."""
    if name == PIPE:
        pipe = io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
        packed = pipe.peek(2)[:2] == _GZIP
        stream = gzip.GzipFile(fileobj=pipe) if packed else pipe
        yield LogFile(stream, "standard input", ends=packed), None
        return
    try:
        plain = Path(name).open("rb")  # noqa: SIM115 - closed below, and only its opening may fail
        packed = plain.read(2) == _GZIP
    except OSError as error:
        raise unreadable(name, error) from None
    if not plain.seekable():
        plain.close()
        raise not_a_file(name)

    def begin() -> LogFile:
        plain.seek(0)
        if packed:
            return LogFile(gzip.GzipFile(fileobj=plain), name, ends=True)
        return LogFile(plain, name, seeks=True)

    with plain:
        yield begin(), begin
