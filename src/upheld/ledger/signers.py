"""Where a log's or a witness's private key lives: in a file, or in a process of its own.

A key file has one line, `PRIVATE+KEY+NAME+ID+BASE64`, as other tools for signed notes write it, and
must be its owner's alone. A process that signs listens on a Unix socket that its owner alone may
use, and signs nothing but checkpoints of its own log: whoever breaks into the server cannot take
the key with them, nor have it sign anything else. Over the socket goes a message with its length
before it, four bytes; back come one byte (0: signed) and the public key and the signature.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from upheld.core.errors import UpheldError
from upheld.ledger.checkpoint import Checkpoint, parse_text
from upheld.ledger.note import (
    KEY_BYTES,
    LOG,
    NOTE_BYTES_MAX,
    SIGNATURE_BYTES,
    Key,
    NoteError,
    Signer,
    checked_name,
    from_base64,
    to_base64,
)

_PREFIX: Final = "PRIVATE+KEY+"
_LENGTH: Final = 4
_BLOCK: Final = 512  # bytes that a disk writes whole
_WAIT_SECONDS: Final = 10.0
_ANSWER: Final = 1 + KEY_BYTES + SIGNATURE_BYTES


class SignerError(UpheldError):
    """A private key that cannot be used: a wrong file, or a process that does not answer."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, code="signer", hint=hint)


class FileSigner:
    """A private key in this process, out of a file or just made."""

    def __init__(self, name: str, kind: int, secret: bytes) -> None:
        self.name = checked_name(name)
        self._key = Ed25519PrivateKey.from_private_bytes(secret)
        self.public = self._key.public_key().public_bytes_raw()
        self.key = Key(name, kind, self.public)

    @classmethod
    def create(cls, path: Path, name: str, kind: int = LOG) -> FileSigner:
        """Draw a key and keep it in a new file; never over one that exists."""
        signer = cls(name, kind, secret := os.urandom(KEY_BYTES))
        line = f"{_PREFIX}{name}+{signer.key.id.hex()}+{to_base64(bytes([kind]) + secret)}\n"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as out:
                out.write(line)
                out.flush()
                os.fsync(out.fileno())
        except FileExistsError:
            raise UpheldError(
                f"{path} exists already", code="exists", hint="name another file"
            ) from None
        except OSError as error:
            raise UpheldError(
                f"{path} cannot be written: {error.strerror}",
                code="unwritable",
                hint="choose another path",
            ) from None
        return signer

    @classmethod
    def open(cls, path: Path) -> FileSigner:
        """The key of a file that its owner alone may read."""
        hint = "`upheld ledger keygen` makes one"
        try:
            with path.open("rb") as source:
                mode = os.fstat(source.fileno()).st_mode
                line = source.read(NOTE_BYTES_MAX).decode()
        except (OSError, UnicodeDecodeError):
            raise SignerError(f"{path} is not a key that can be read", hint) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UpheldError(
                f"others than its owner may read {path}",
                code="permissions",
                hint=f"chmod 600 {path}",
            )
        name, _, rest = line.rstrip("\n").removeprefix(_PREFIX).partition("+")
        hash_text, _, material = rest.partition("+")
        try:
            raw = from_base64(material, "a key")
            signer = cls(name, raw[0], raw[1:])
        except (NoteError, ValueError, IndexError):
            raise SignerError(f"{path} is not a private key", hint) from None
        if not line.startswith(_PREFIX) or hash_text != signer.key.id.hex():
            raise SignerError(f"{path} is not a private key, or was changed", hint)
        return signer

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        return self._key.sign(message)


class SocketSigner:
    """A private key in another process, asked over its Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.public = self._ask(b"")[:KEY_BYTES]

    def sign(self, message: bytes) -> bytes:
        """The signature of a message, if that process is willing to sign it."""
        return self._ask(message)[KEY_BYTES:]

    def _ask(self, message: bytes) -> bytes:
        hint = "see that `upheld ledger signer` runs for this log"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(_WAIT_SECONDS)
                line.connect(str(self._path))
                line.sendall(len(message).to_bytes(_LENGTH, "big") + message)
                answer = _read(line, _ANSWER)
        except (OSError, EOFError):
            raise SignerError(f"no signer answers at {self._path}", hint) from None
        if answer[0]:
            raise SignerError(f"the signer at {self._path} refuses to sign this", hint)
        return answer[1:]


def open_signer(path: Path, origin: str) -> tuple[str, Signer]:
    """The log's name and its key: a key file, or the socket of a process that signs.

    `origin` is the log's name where a socket is asked; a key file says it itself.
    """
    if not path.is_socket():
        signer = FileSigner.open(path)
        if origin and origin != signer.name:
            raise SignerError(f"the key is that of {signer.name}, not of {origin}", "name one log")
        return signer.name, signer
    if not origin:
        raise SignerError(
            "a signer's socket does not say whose it is",
            "give --origin, or `log_origin` in the settings",
        )
    return checked_name(origin), SocketSigner(path)


class SignedState:
    """The last checkpoint that a signer signed, in a file that one process has at a time."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SignerError(
                f"{path} cannot be written: {error.strerror}",
                "name with --state where the last signature is kept",
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            raw = os.pread(self._file, NOTE_BYTES_MAX, 0).decode()
            self._last = parse_text(raw.rstrip("\0")) if raw else None
        except BlockingIOError:
            self.close()
            raise SignerError(f"another signer uses {path}", "end that one first") from None
        except (NoteError, UnicodeDecodeError) as error:
            self.close()
            raise SignerError(
                f"{path} is not what a signer kept: {error}",
                "see what was signed last before you take it away",
            ) from None

        if self._last is not None and self._last.origin != name:
            self.close()
            raise SignerError(f"{path} is another log's", "name another file with --state")

    def advance(self, checkpoint: Checkpoint) -> bool:
        """Remember a checkpoint durably, if it may be signed after the last one; whether it may."""
        last = self._last
        if last is not None and checkpoint.size <= last.size:
            return checkpoint == last
        # In one block of the disk, so that a crash leaves the one or the other.
        raw = checkpoint.text.encode().ljust(_BLOCK, b"\0")
        if len(raw) > _BLOCK or os.pwrite(self._file, raw, 0) != _BLOCK:
            return False
        os.fsync(self._file)
        self._last = checkpoint
        return True

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)


class SignerServer:
    """A process that signs checkpoints of one log for whoever may use its socket.

    It remembers in a file the last size that it signed and its root, before it signs: a size below
    that, or the same with another root, is never signed, whenever it is started again. So a log
    that was cut back or made anew gets no signature.
    """

    def __init__(self, signer: FileSigner, path: Path, state: Path) -> None:
        self._signer = signer
        self._state = SignedState(state, signer.name)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # from its first moment on, the socket is its owner's alone
        try:
            self._socket.bind(str(path))
        except OSError as error:
            self.close()
            raise SignerError(
                f"{path} cannot be listened on: {error.strerror}", "name a path where no file is"
            ) from None
        finally:
            os.umask(before)
        self._socket.listen()

    def serve(self, *, requests: int = 0) -> None:
        """Answer until the process ends, or as many questions as are asked for."""
        count = 0
        while not requests or count < requests:
            line, _ = self._socket.accept()
            with line:
                line.settimeout(_WAIT_SECONDS)
                with contextlib.suppress(OSError, EOFError):  # who asked went away half-way
                    self._answer(line)
            count += 1

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
        self._state.close()

    def _answer(self, line: socket.socket) -> None:
        length = int.from_bytes(_read(line, _LENGTH), "big")
        message = _read(line, min(length, NOTE_BYTES_MAX))
        if not message:
            line.sendall(b"\x00" + self._signer.public + bytes(SIGNATURE_BYTES))
        elif self._willing(message):
            line.sendall(b"\x00" + self._signer.public + self._signer.sign(message))
        else:
            line.sendall(b"\x01" + bytes(_ANSWER - 1))

    def _willing(self, message: bytes) -> bool:
        try:
            checkpoint = parse_text(message.decode())
        except (NoteError, UnicodeDecodeError):
            return False
        if checkpoint.origin != self._signer.name:
            return False
        return self._state.advance(checkpoint)


def _read(line: socket.socket, count: int) -> bytes:
    """So many bytes from a socket; EOFError if it ends before."""
    content = bytearray()
    while len(content) < count:
        part = line.recv(count - len(content))
        if not part:
            raise EOFError
        content += part
    return bytes(content)
