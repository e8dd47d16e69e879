"""Files that their owner alone may read: keys, settings with a password, what is handed over."""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from upheld.core.errors import UpheldError

PRIVATE_MODE: Final = 0o600
OTHERS: Final = 0o077
BYTES_MAX: Final = 1024 * 1024
_PART: Final = ".part"  # the end of the name of a file that is being written


def read_private(
    path: Path, *, at_most: int = BYTES_MAX, error: type[UpheldError] = UpheldError
) -> bytes:
    """A file's bytes; `error` where it cannot be read or others than its owner may read it."""
    raw, private = read_file(path, at_most=at_most, error=error)
    if not private:
        raise open_to_others(path, error)
    return raw


def read_file(
    path: Path, *, at_most: int = BYTES_MAX, error: type[UpheldError] = UpheldError
) -> tuple[bytes, bool]:
    """A file's bytes, and whether its owner alone may read or change it."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode  # of what is read, whatever the path says next
            if not stat.S_ISREG(mode):
                raise error(f"{path} is not a file", code="unreadable", hint="name a file")
            return file.read(at_most), not mode & OTHERS
    except OSError as problem:
        raise error(
            f"{path} cannot be read: {problem.strerror}", code="unreadable", hint="name a file"
        ) from None


def open_to_others(path: Path, error: type[UpheldError]) -> UpheldError:
    """What to tell of a file of secrets that others may read."""
    return error(
        f"others than its owner may read or change {path}",
        code="permissions",
        hint=f"chmod 600 {path}",
    )


@contextmanager
def new_file(path: Path, error: type[UpheldError] = UpheldError) -> Iterator[IO[bytes]]:
    """Write a file that is not there yet beside its place, and put it there when the block ends.

    It is whole and on the disk then, and its owner alone may read it. A block that fails leaves
    nothing; a process that is killed leaves a hidden part of a file, which the next one takes away.
    `error` for a file that is there, or that cannot be written.
    """
    if path.exists():
        raise _unwritable(path, "it is there already", error)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PART}")
    try:
        _sweep(path)
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE)
    except OSError as problem:
        raise _unwritable(path, problem.strerror or "", error) from None
    try:
        with os.fdopen(handle, "wb") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            yield out
            try:
                out.flush()
                os.fsync(out.fileno())
                _put(part, path)
            except OSError as problem:
                raise _unwritable(path, problem.strerror or "", error) from None
    finally:
        part.unlink(missing_ok=True)


def _put(part: Path, path: Path) -> None:
    """Give what was written its name, over no other file, and let the folder be on the disk too."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as that of a memory stick
        part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _sweep(path: Path) -> None:
    """Take away what killed processes left of a file; one that is being written is locked."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{_PART}"):
        with left.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            left.unlink(missing_ok=True)


def _unwritable(path: Path, why: str, error: type[UpheldError]) -> UpheldError:
    return error(
        f"{path} cannot be written: {why}",
        code="unwritable",
        hint="name a file that is not there yet",
    )
