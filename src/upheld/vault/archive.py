"""A backup's file: a line that says what it is, then sealed parts, the last of which closes it.

The key is one of the epoch in which the backup was made, so that the whole file, its entries and
ids too, can be read by nobody once that epoch and its escrow are destroyed. Each part is bound to
the line at the top and to its place: a changed byte, a part that is missing, moved or of another
backup is found and its place told. The file is its owner's alone, and written whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.files import PRIVATE_MODE
from upheld.core.ids import BackupId
from upheld.vault.envelope import SealError, context, derive, seal, unseal
from upheld.vault.keyfile import sync
from upheld.vault.keyring import Keyring

FORMAT: Final = "upheld-backup-1"
LINE_MAX: Final = 4096
PART_MAX: Final = 256 * 1024 * 1024
_LENGTH: Final = 8


class BackupError(UpheldError):
    """A backup that cannot be written, read, or put back."""


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: which backup, of when, with which tables, under which epoch's key."""

    id: BackupId
    at: str
    revision: str
    epoch: int
    format: str = FORMAT


class Part(msgspec.Struct, frozen=True):
    """Some rows of a table."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Close(msgspec.Struct, frozen=True):
    """The last part: how much there is, so that nothing can be cut off unnoticed.

    `size` and `root` are those of the log, `log` how it says so itself; `erasures` is how many
    the list of erasures had.
    """

    rows: dict[str, int]
    size: int
    root: str
    log: str
    erasures: int


def _key(keyring: Keyring, head: Head) -> bytes:
    return derive(keyring.epoch(head.epoch).key, "backup", head.id)


class Writer:
    """Writes the parts of a backup. Made by `writing`."""

    def __init__(self, out: IO[bytes], keyring: Keyring, head: Head) -> None:
        self._out, self._key = out, _key(keyring, head)
        self._line = msgspec.json.encode(head)
        self._count = 0
        out.write(self._line + b"\n")

    def add(self, part: Part | Close) -> None:
        """Write a part."""
        kind = "close" if isinstance(part, Close) else "part"
        ciphertext = seal(
            self._key,
            msgspec.msgpack.encode(part),
            context("backup", self._line, self._count, kind),
        )
        self._out.write(len(ciphertext).to_bytes(_LENGTH, "big") + ciphertext)
        self._count += 1


@contextmanager
def writing(path: Path, keyring: Keyring, head: Head) -> Iterator[Writer]:
    """Write a backup beside its place, and put it there when the block ends; else leave nothing."""
    folder = path.resolve().parent
    part = folder / f".{path.name}.{secrets.token_hex(4)}.part"
    try:
        _sweep(folder)
        handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE)
        try:
            with os.fdopen(handle, "wb") as out:
                fcntl.flock(out, fcntl.LOCK_EX)
                yield Writer(out, keyring, head)
                out.flush()
                os.fsync(out.fileno())
                part.replace(path)
            sync(folder)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise BackupError(
            f"{path} cannot be written: {error.strerror}",
            code="unwritable",
            hint="make room, or name another place",
        ) from None


def _sweep(folder: Path) -> None:
    """Take away what killed processes left half written; one that is being written is locked."""
    for left in folder.glob(".*.part"):
        with left.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            left.unlink(missing_ok=True)


def read_head(path: Path) -> Head:
    """The first line of a backup; BackupError where it is none."""
    try:
        with path.open("rb") as file:
            return _head(path, file.readline(LINE_MAX))
    except OSError as error:
        raise BackupError(
            f"{path} cannot be read: {error.strerror}",
            code="unreadable",
            hint="name a backup's file",
        ) from None


def _head(path: Path, line: bytes) -> Head:
    try:
        head = msgspec.json.decode(line, type=Head)
        if line == msgspec.json.encode(head) + b"\n" and head.format == FORMAT:
            return head
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise BackupError(
        f"{path} is not a backup, or its first line was changed",
        code="backup",
        hint="take another one",
    )


def read(path: Path, keyring: Keyring) -> Iterator[Part | Close]:
    """The parts of a backup in their order, the last of them the one that closes it.

    BackupError names the first part that is not whole.
    """
    head = read_head(path)
    key, count = _key(keyring, head), 0
    with path.open("rb") as file:
        line = file.readline(LINE_MAX).removesuffix(b"\n")
        while True:
            length = int.from_bytes(file.read(_LENGTH), "big")
            ciphertext = file.read(length) if length <= PART_MAX else b""
            part = _open_part(key, ciphertext, line, count) if len(ciphertext) == length else None
            if part is None:
                raise _changed(path, count)
            yield part
            count += 1
            if isinstance(part, Close):
                if file.read(1):
                    raise _changed(path, count)
                return


def _open_part(key: bytes, ciphertext: bytes, line: bytes, count: int) -> Part | Close | None:
    """A part, or the one that closes a backup; None where it is neither."""
    try:
        raw = unseal(key, ciphertext, context("backup", line, count, "part"))
    except SealError:
        try:
            raw = unseal(key, ciphertext, context("backup", line, count, "close"))
        except SealError:
            return None
        return msgspec.msgpack.decode(raw, type=Close)
    return msgspec.msgpack.decode(raw, type=Part)


def _changed(path: Path, count: int) -> BackupError:
    return BackupError(
        f"{path}, part {count + 1}: it was changed, cut or moved, or the keys are another's",
        code="backup",
        hint="take another backup, or the keys that were kept with it",
    )
