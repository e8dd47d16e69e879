"""Files of keys: read whole while others replace them, replaced whole, overwritten when they go."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from upheld.core import files
from upheld.core.errors import UpheldError
from upheld.core.files import BYTES_MAX


class KeyringError(UpheldError):
    """A keyring that cannot be opened, made or written."""


def read_private(path: Path, *, at_most: int = BYTES_MAX) -> bytes:
    """A file's bytes; KeyringError where it cannot be read or others than its owner may read it."""
    return files.read_private(path, at_most=at_most, error=KeyringError)


def read_steady(path: Path) -> bytes:
    """A keyring's bytes, of one moment: whoever replaces it meanwhile waits, or is waited for.

    Who replaces a file overwrites the old one, but not while somebody reads it.
    """
    while True:
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # no waiting for a pipe's writer
        except OSError:
            return read_private(path)  # which says what is wrong with it
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            raw = read_private(path)
            now = path.stat()
            if os.path.samestat(os.fstat(handle), now):  # else it was replaced before it was locked
                return raw
        finally:
            os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One writer at a time: a lock on the folder, which goes with the process that holds it."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace(path: Path, content: bytes) -> None:
    """Put content in a file's place, durably; then overwrite what the old file held.

    Overwriting in place is the best that can be done from here: a disk may keep copies of its own,
    which is why values that are to be forgotten are deleted as well as their key.
    """
    folder = path.resolve().parent
    old = path.open("r+b") if path.exists() else None
    name = ""
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as out:  # a file of mkstemp's is its owner's alone
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        Path(name).replace(path)
        sync(folder)
        if old is not None:
            fcntl.flock(old, fcntl.LOCK_EX)  # until nobody is reading it any more
            old.write(bytes(os.fstat(old.fileno()).st_size))
            old.flush()
            os.fsync(old.fileno())
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise unwritable(path, error) from None
    finally:
        if old is not None:
            old.close()


def shred(path: Path) -> None:
    """Overwrite a file and take it away, durably; nothing where it is not there."""
    try:
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync(path.resolve().parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(path, error) from None


def sync(folder: Path) -> None:
    """Make durable what files a folder has."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def unwritable(path: Path, error: OSError) -> KeyringError:
    """What is told of a file of keys that cannot be written."""
    return KeyringError(
        f"{path} cannot be written: {error.strerror}", code="unwritable", hint="name another file"
    )
