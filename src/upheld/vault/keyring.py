"""The keys that seal all other keys, in one file outside the database and its backups.

A keyring holds a root key (for blind indexes and for the marks on records that prove) and a key for
each epoch. A person's key is sealed under the epoch's key, so that to destroy an epoch's key is to
destroy each person's key that was not moved on: that is how values are forgotten. The keyring
itself is sealed under a master key, which comes from a passphrase (argon2id, RFC 9106), from a file
of 32 bytes, or from whatever serves the protocol `Master`, such as a key management service.

The file is JSON that a person can look at, and is replaced whole: written beside, synced, renamed.
All of it is covered by a MAC under the root key, so that a changed byte is found when it is opened.
It must be readable by its owner alone.
"""

from __future__ import annotations

import base64
import fcntl
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Final, Protocol

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from msgspec import UNSET, UnsetType

from upheld.core import files
from upheld.core.clock import system_time
from upheld.vault.envelope import (
    KEY_BYTES,
    SealError,
    context,
    derive,
    new_key,
    part_of,
    seal,
    unseal,
)
from upheld.vault.keyfile import (
    KeyringError,
    locked,
    read_private,
    read_steady,
    replace,
    shred,
    unwritable,
)

FORMAT: Final = "upheld-keyring-1"
PASSPHRASE_MIN: Final = 12
SALT_BYTES: Final = 16


class Master(Protocol):
    """What seals a keyring: a passphrase, a file, a key management service."""

    @property
    def kind(self) -> str:
        """How the master key is had; a keyring opens with a master of its own kind alone."""

    def key(self, salt: bytes) -> bytes:
        """The 32 bytes of the master key for a keyring with this salt."""


class Passphrase:
    """A master key out of a passphrase: argon2id with 64 MiB, three passes, four lanes."""

    kind = "passphrase"

    def __init__(self, passphrase: str) -> None:
        if len(passphrase) < PASSPHRASE_MIN:
            raise KeyringError(
                f"the passphrase has fewer than {PASSPHRASE_MIN} characters",
                code="passphrase",
                hint="take several words",
            )
        self._secret = passphrase.encode()

    def key(self, salt: bytes) -> bytes:
        """Stretch the passphrase; takes about a tenth of a second on purpose."""
        return hash_secret_raw(
            self._secret,
            salt,
            time_cost=3,
            memory_cost=65536,
            parallelism=4,
            hash_len=KEY_BYTES,
            type=Type.ID,
        )


class KeyFile:
    """A master key in a file of 32 bytes that its owner alone may read."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        self._secret = read_private(path, at_most=KEY_BYTES + 1)
        if len(self._secret) != KEY_BYTES:
            raise KeyringError(
                f"{path} has not {KEY_BYTES} bytes",
                code="master-key",
                hint=f"head -c {KEY_BYTES} /dev/urandom > {path}",
            )

    def key(self, salt: bytes) -> bytes:
        """A key of this keyring's own out of the file's."""
        return derive(self._secret, "master", salt.hex())


class _Epoch(msgspec.Struct, frozen=True):
    number: int
    begun: datetime
    sealed: str


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    master: str
    salt: str
    root: str
    epochs: tuple[_Epoch, ...]
    erasures: int | UnsetType = UNSET  # left out, it is not in the MAC of an earlier upheld either
    mac: str = ""


class Epoch(msgspec.Struct, frozen=True, dict=True):
    """One epoch: its number from 1 on, since when it is used, and its key (never printed)."""

    number: int
    started_at: datetime
    key: bytes

    @cached_property
    def cipher(self) -> AESGCM:
        """What seals and opens people's keys, made ready once."""
        return AESGCM(self.key)

    @cached_property
    def part(self) -> bytes:
        """What the context of a key that it seals tells of it."""
        return part_of(self.number)

    def __repr__(self) -> str:
        return f"Epoch({self.number}, since {self.started_at:%Y-%m-%d})"


class Keyring:
    """An open keyring. Made by `create` and `open`; each change is on disk when a call returns."""

    def __init__(
        self,
        path: Path,
        master: Master,
        root: bytes,
        epochs: tuple[Epoch, ...],
        mac: str = "",
        erasures: int = 0,
    ) -> None:
        self._path, self._master, self._root, self._seen = path, master, root, mac
        self.epochs = epochs
        self.erasures = erasures  # how many the list of erasures has had

    def __repr__(self) -> str:
        return f"Keyring({len(self.epochs)} epochs)"

    @classmethod
    def create(cls, path: Path, master: Master) -> Keyring:
        """A new keyring with its first epoch; KeyringError where the file exists already."""
        ring = cls(path, master, new_key(), ())
        ring.begin_epoch()
        return ring

    @classmethod
    def open(cls, path: Path, master: Master) -> Keyring:
        """Open a keyring; KeyringError where file or master key are not what they should be."""
        file = _read(path)
        if file.master != master.kind:
            raise KeyringError(
                f"{path} is sealed by a {file.master}, not by a {master.kind}",
                code="master-key",
                hint=f"give the {file.master}",
            )
        try:
            root, epochs = _open_file(file, master, str(path))
        except (SealError, ValueError):
            raise KeyringError(
                f"{path} does not open: the {file.master} is another, or the file was changed",
                code="master-key",
                hint=f"try the right {file.master}, or restore the file",
            ) from None
        return cls(path, master, root, epochs, file.mac, file.erasures or 0)

    @property
    def path(self) -> Path:
        """The keyring's file."""
        return self._path

    @property
    def master(self) -> str:
        """The kind of master key that seals this keyring."""
        return self._master.kind

    @property
    def master_key(self) -> Master:
        """What seals this keyring, and every copy of it."""
        return self._master

    @property
    def current(self) -> Epoch:
        """The epoch under which new keys are sealed."""
        return self.epochs[-1]

    def reading_also(self, other: Keyring) -> Keyring:
        """A keyring for reading alone: this one and what another of the same root opens besides.

        KeyringError where the root is another.
        """
        if not hmac.compare_digest(self._root, other._root):
            raise KeyringError(
                "the keys are of another keyring",
                code="other-keyring",
                hint="take those that were kept with the backup",
            )
        mine = {each.number for each in self.epochs}
        more = [each for each in other.epochs if each.number not in mine]
        both = Keyring(
            self._path, self._master, self._root, (*more, *self.epochs), self._seen, self.erasures
        )
        return both if more else self

    def epoch(self, number: int) -> Epoch:
        """An epoch by its number; KeyringError for one that is unknown or was destroyed."""
        for each in self.epochs:
            if each.number == number:
                return each
        raise KeyringError(
            f"the key of epoch {number} is not in the keyring",
            code="epoch",
            hint="what was sealed under it cannot be read any more",
        )

    def begin_epoch(self) -> Epoch:
        """Begin an epoch; the keys of earlier ones stay until they are destroyed."""
        number = self.epochs[-1].number + 1 if self.epochs else 1
        epoch = Epoch(number, system_time().replace(microsecond=0), new_key())
        self._keep((*self.epochs, epoch), self._master)
        return epoch

    def destroy_epoch(self, number: int) -> None:
        """Destroy an epoch's key, and with it all that was sealed under it; not the current one."""
        if self.epoch(number) is self.current:
            raise KeyringError(
                f"epoch {number} is the current one", code="epoch", hint="begin another first"
            )
        self._keep(tuple(each for each in self.epochs if each.number != number), self._master)

    def refresh(self) -> None:
        """Read the file again, for the epochs that another process began or destroyed."""
        current = Keyring.open(self._path, self._master)
        if current.derived("same") != self.derived("same"):
            raise KeyringError(
                f"{self._path} is another keyring now",
                code="keyring-changed",
                hint="start again with the keyring that the database was made with",
            )
        self.__dict__.update(vars(current))

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew the keys one process at a time: who comes second waits, and knows the new ones.

        The lock goes with the process that holds it.
        """
        path = self._path.with_name(f"{self._path.name}.renewing")
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, files.PRIVATE_MODE)
        except OSError as error:
            raise unwritable(path, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self.refresh()
            yield
        finally:
            os.close(handle)

    def rotate(self, master: Master) -> None:
        """Seal the keyring under another master key; what the keys sealed is not touched."""
        self._keep(self.epochs, master)
        self._master = master

    def derived(self, *use: str | int) -> bytes:
        """A key for one use, the same for as long as this keyring lives."""
        return derive(self._root, *use)

    @cached_property
    def marks(self) -> HMAC:
        """HMAC-SHA-256 (RFC 2104) for records that prove, to be copied for each of them."""
        return HMAC(self.derived("record"), SHA256())

    def count_erasures(self, there: int, added: int = 0) -> None:
        """Remember how many erasures the list has, and has had; who calls holds its lock.

        `added` are those that were added just now. Without any, the list is taken as it is: some
        are lost, and somebody said why.
        """
        if _read(self._path).mac != self._seen:
            self.refresh()
        count = max(self.erasures + added, there) if added else there
        if count != self.erasures:
            self._replace(self.epochs, self._master, count)

    def _keep(self, epochs: tuple[Epoch, ...], master: Master) -> None:
        """Write the file anew, whole, and overwrite the bytes that it had before."""
        with locked(self._path):
            self._unchanged()
            name = escape(self._path.name)
            for left in self._path.resolve().parent.glob(f".{name}.*"):
                shred(left)  # of a process that was killed: it holds keys that may be destroyed now
            self._replace(epochs, master, self.erasures)

    def _replace(self, epochs: tuple[Epoch, ...], master: Master, erasures: int) -> None:
        content, mac = self._content(epochs, master, erasures)
        replace(self._path, content)
        self.epochs, self.erasures, self._seen = epochs, erasures, mac

    def _content(
        self, epochs: tuple[Epoch, ...], master: Master, erasures: int
    ) -> tuple[bytes, str]:
        """What a file with these epochs says, and its MAC."""
        salt = os.urandom(SALT_BYTES)
        key = master.key(salt)
        file = _File(
            FORMAT,
            master.kind,
            _text(salt),
            _text(seal(key, self._root, context("root"))),
            tuple(
                _Epoch(
                    each.number,
                    each.started_at,
                    _text(seal(key, each.key, context("epoch", each.number))),
                )
                for each in epochs
            ),
            erasures or UNSET,
        )
        whole = msgspec.structs.replace(file, mac=_mac(self._root, file))
        return msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n", whole.mac

    def copy(self, path: Path) -> None:
        """Write a copy under the same master key, which `open` opens; never over a file."""
        content, _ = self._content(self.epochs, self._master, self.erasures)
        with locked(path):
            if path.exists():
                raise KeyringError(
                    f"{path} exists already", code="exists", hint="name another file"
                )
            replace(path, content)

    def _unchanged(self) -> None:
        """KeyringError where the file is not the one that was opened: nobody's change is lost.

        One in which another process counted erasures alone is the one still.
        """
        if not self._seen:
            if self._path.exists():
                raise KeyringError(
                    f"{self._path} exists already", code="exists", hint="name another file"
                )
            return
        file = _read(self._path)
        if file.mac == self._seen:
            return
        same = False
        with suppress(SealError, ValueError):
            root, epochs = _open_file(file, self._master, str(self._path))
            same = hmac.compare_digest(root, self._root) and epochs == self.epochs
        if same:
            self.erasures, self._seen = file.erasures or 0, file.mac
        else:
            raise KeyringError(
                f"{self._path} was changed by another process",
                code="keyring-changed",
                hint="try again",
            )


def _read(path: Path) -> _File:
    try:
        file = msgspec.json.decode(read_steady(path), type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError):
        file = None
    if file is None or file.format != FORMAT or not file.epochs:
        raise KeyringError(
            f"{path} is not a keyring, or was changed",
            code="keyring",
            hint="upheld keys init KEYRING",
        )
    return file


def _open_file(file: _File, master: Master, what: str) -> tuple[bytes, tuple[Epoch, ...]]:
    """The root key and the epochs; SealError or ValueError where the file is not whole."""
    salt = _bytes(file.salt)
    if len(salt) != SALT_BYTES:
        raise ValueError("the salt is cut")
    key = master.key(salt)
    root = unseal(key, _bytes(file.root), context("root"), what=what)
    if not hmac.compare_digest(_mac(root, file), file.mac):
        raise SealError(what)
    return root, tuple(
        Epoch(
            each.number,
            each.begun,
            unseal(key, _bytes(each.sealed), context("epoch", each.number), what=what),
        )
        for each in file.epochs
    )


def _mac(root: bytes, file: _File) -> str:
    plain = msgspec.json.encode(msgspec.structs.replace(file, mac=""))
    return hmac.digest(derive(root, "keyring"), plain, "sha256").hex()


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
