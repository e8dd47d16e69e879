"""The list of erasures: a file beside the keyring, outside the database and all its backups.

A backup does not know who was erased after it was made, or which values, so that whoever restores
one replays this list. Each line is sealed under the keyring and bound to the line before it:
nothing in it can be read, changed, moved or taken out unnoticed by who has not the keyring. It
names nobody, but holds a keyed digest of each id, which only an id that is already known can be
compared with.

A line is synced before its erasure is carried out. The rest of one that was being written when the
machine stopped is no line; its erasure has not begun, and is listed again. The keyring remembers
how many lines there are, so that a list that is gone is not taken for an empty one.
"""

from __future__ import annotations

import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final

import msgspec

from upheld.core.errors import UpheldError
from upheld.core.files import PRIVATE_MODE, read_private
from upheld.core.ids import EntryNumber, PersonId
from upheld.vault.envelope import SealError, context, seal, unseal
from upheld.vault.keyfile import locked, sync
from upheld.vault.keyring import Keyring

SUFFIX: Final = ".erasures"
BYTES_MAX: Final = 1 << 32


class ErasuresError(UpheldError):
    """A list of erasures that cannot be read or written, or is not whole."""


class ErasureLine(msgspec.Struct, frozen=True):
    """One erasure: whose by a keyed digest, the entry that began it, the fields that were kept.

    `apart` are fields that a law keeps and forbids to speak of. The records are those that prove
    why each was kept. With `dropped` nobody was erased: these fields of somebody who stays were.
    """

    token: str
    entry: EntryNumber
    at: str
    kept: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    kept_records: tuple[str, ...] = ()
    apart_records: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def stays(self) -> bool:
        """Whether something is kept openly: fields, or the rows of practices that a hold keeps."""
        return bool(self.kept or self.kept_records)


def token(keyring: Keyring, person_id: PersonId) -> str:
    """What stands for a person in the list: nobody gets from it to an id that they do not know."""
    key = keyring.derived("erasure-token")
    return hmac.digest(key, context(person_id), "sha256").hex()[:32]


class Erasures:
    """The list that belongs to a keyring."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._key = keyring.derived("erasures")
        self.path = keyring.path.with_name(keyring.path.name + SUFFIX)

    def read(self) -> list[ErasureLine]:
        """All erasures in their order; ErasuresError names the line that is not whole."""
        return self._open_lines(self._lines())

    def append(self, erasures: Sequence[ErasureLine]) -> None:
        """Add erasures durably; those that are in it already are left as they are."""
        with locked(self.path):
            lines = self._lines()
            there = {(each.token, each.entry, each.at) for each in self._open_lines(lines)}
            before, size = len(lines), sum(len(line) + 1 for line in lines)
            added = b""
            for each in erasures:
                if (each.token, each.entry, each.at) not in there:
                    lines.append(self._seal_line(each, lines))
                    added += lines[-1] + b"\n"
            if added and before and self.path.stat().st_size < size:  # the last one lacks its end
                size, added = size - 1, b"\n" + added
            if added:
                self._write(size, added)
                self._keyring.count_erasures(len(lines), len(lines) - before)

    def missing(self) -> int:
        """How many erasures the list has lost, by what the keyring remembers."""
        return max(0, self._keyring.erasures - len(self.read()))

    def settle(self) -> None:
        """Let the keyring take the list as it is, though some are lost."""
        with locked(self.path):
            self._keyring.count_erasures(len(self.read()))

    def _write(self, size: int, added: bytes) -> None:
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE)
            try:
                os.ftruncate(handle, size)  # the rest of a line that was never finished
                os.lseek(handle, size, os.SEEK_SET)
                while added:
                    added = added[os.write(handle, added) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            sync(self.path.resolve().parent)
        except OSError as error:
            raise ErasuresError(
                f"{self.path} cannot be written: {error.strerror}",
                code="unwritable",
                hint="nothing was erased; make room, or see who owns it",
            ) from None

    def _lines(self) -> list[bytes]:
        if not self.path.exists():
            return []
        raw = read_private(self.path, at_most=BYTES_MAX, error=ErasuresError)
        *lines, rest = raw.split(b"\n")
        with suppress(ErasuresError):  # a line that lacks its end alone is one
            if rest:
                self._one([*lines, rest], len(lines))
                lines.append(rest)
        return lines

    def _open_lines(self, lines: Sequence[bytes]) -> list[ErasureLine]:
        return [self._one(lines, at) for at in range(len(lines))]

    def _one(self, lines: Sequence[bytes], at: int) -> ErasureLine:
        """What a line says."""
        try:
            raw = unseal(self._key, b64decode(lines[at], validate=True), _belongs(lines, at))
            return msgspec.json.decode(raw, type=ErasureLine)
        except (SealError, ValueError):
            raise ErasuresError(
                f"{self.path}, line {at + 1}: it was changed, moved or taken out",
                code="erasures",
                hint="restore the file from a copy of the keyring's folder",
            ) from None

    def _seal_line(self, erased: ErasureLine, before: Sequence[bytes]) -> bytes:
        raw = msgspec.json.encode(erased)
        return b64encode(seal(self._key, raw, _belongs(before, len(before))))


def _belongs(lines: Sequence[bytes], at: int) -> bytes:
    """What a line is bound to: its place, and the line before it."""
    return context("erasures", at, sha256(lines[at - 1]).digest() if at else b"")
