"""Files that their owner alone may read: keyrings, master keys, settings with a password."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from upheld.core.errors import UpheldError

PRIVATE_MODE: Final = 0o600
OTHERS: Final = 0o077
BYTES_MAX: Final = 1024 * 1024


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
