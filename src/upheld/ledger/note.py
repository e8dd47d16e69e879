"""Signed notes as C2SP specifies them: a text, and lines by which keys vouch for it.

Parsing is strict: what is not exactly a signed note is refused, so that two programs never read one
note in two ways. Signatures of unknown keys are passed over, as the specification asks; a known
key's signature must be right, and at least one known key must have signed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from upheld.core.errors import UpheldError

LOG: Final = 0x01
WITNESS: Final = 0x04
SIGNATURE_BYTES: Final = 64
KEY_BYTES: Final = 32
NOTE_BYTES_MAX: Final = 64 * 1024
SIGNATURES_MAX: Final = 64
# The points of small order, by their second coordinate: under such a key signatures hold for texts
# that nobody signed, and a log that has one could deny whatever it signed.
_FIELD: Final = 2**255 - 19
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL: Final = frozenset([0, 1, _FIELD - 1, _ORDER_8, _FIELD - _ORDER_8])
_KEY_ID: Final = 4
_TIME: Final = 8
_TIME_MAX: Final = 2**63 - 1
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")


class NoteError(UpheldError):
    """A note that is malformed, or that no key we trust has signed."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="note", hint="compare key and file with their source")


class Signer(Protocol):
    """What holds a private key: a file, a process of its own, a hardware module."""

    @property
    def public(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """The Ed25519 signature of a message, 64 bytes."""


class Key(msgspec.Struct, frozen=True):
    """A public key with its name and what it signs: a log's notes, or a witness's cosignatures."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature says whose it is."""
        content = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return sha256(content).digest()[:_KEY_ID]

    def __str__(self) -> str:
        material = to_base64(bytes([self.kind]) + self.public)
        return f"{self.name}+{self.id.hex()}+{material}"


class Signature(msgspec.Struct, frozen=True):
    """One line below a note: whose it is, and the bytes after the key's id."""

    name: str
    key_id: bytes
    payload: bytes

    def __str__(self) -> str:
        return f"— {self.name} {to_base64(self.key_id + self.payload)}"


class Note(msgspec.Struct, frozen=True):
    """A text with the signatures below it; not to be believed before `verify`."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{each}\n" for each in self.signatures)

    def verify(self, keys: Iterable[Key]) -> list[tuple[Key, int]]:
        """The keys whose signatures hold, with a cosignature's time; NoteError if none does."""
        keys_by_id = {(key.name, key.id): key for key in keys}
        verified = [
            (key, _check(key, each, self.text))
            for each in self.signatures
            if (key := keys_by_id.get((each.name, each.key_id)))
        ]
        if not verified:
            names = ", ".join(sorted(name for name, _ in keys_by_id)) or "nobody"
            raise NoteError(f"the note is not signed by {names}")
        return verified


def parse_note(raw: bytes) -> Note:
    """The note in these bytes; NoteError unless they are one to the last byte."""
    if len(raw) > NOTE_BYTES_MAX:
        raise NoteError(f"a note has more than {NOTE_BYTES_MAX} bytes")
    try:
        whole = raw.decode()
    except UnicodeDecodeError:
        raise NoteError("a note is not UTF-8") from None
    if _CONTROL.search(whole):
        raise NoteError("a note has control characters")
    head, gap, tail = whole.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise NoteError("a note has no signatures below an empty line, or is cut")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise NoteError(f"a note has more than {SIGNATURES_MAX} signatures")
    return Note(head + "\n", tuple(map(_signature, lines)))


def parse_key(text: str) -> Key:
    """A public key as C2SP writes it: `NAME+ID+BASE64`."""
    name, _, rest = text.strip().partition("+")
    hash_text, _, material = rest.partition("+")
    raw = from_base64(material, "a key")
    key = Key(checked_name(name), raw[0] if raw else 0, raw[1:])
    if key.kind not in (LOG, WITNESS) or len(key.public) != KEY_BYTES:
        raise NoteError("a key is not of Ed25519")
    if is_weak_key(key.public):
        raise NoteError(f"key {name} is none that only its owner can sign with")
    if hash_text != key.id.hex():
        raise NoteError(
            f"the id of key {name} does not fit it: got {hash_text}, want {key.id.hex()}"
        )
    return key


def is_weak_key(public: bytes) -> bool:
    """Whether signatures by an Ed25519 key hold for texts that nobody signed."""
    second = int.from_bytes(public, "little") % 2**255
    return second >= _FIELD or second in _SMALL


def checked_name(name: str) -> str:
    """A key's name, unless it could not stand in a note."""
    if not name or "+" in name or _CONTROL.search(name) or len(name.split()) != 1:
        raise NoteError("a key's name is empty, or has a space or a plus")
    if name != name.strip():
        raise NoteError("a key's name has a space")
    return name


def sign(text: str, name: str, signer: Signer) -> Signature:
    """A log's signature of a text."""
    key = Key(checked_name(name), LOG, signer.public)
    return Signature(name, key.id, _signed(signer, text.encode()))


def cosign(text: str, name: str, signer: Signer, moment: int) -> Signature:
    """A witness's cosignature (cosignature/v1) of a checkpoint's text, at a POSIX time."""
    if not 0 <= moment <= _TIME_MAX:
        raise NoteError(f"got time {moment}, want one from 0 to 2^63 - 1")
    key = Key(checked_name(name), WITNESS, signer.public)
    signature = _signed(signer, _cosigned(text, moment))
    return Signature(name, key.id, moment.to_bytes(_TIME, "big") + signature)


def to_base64(raw: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(raw).decode()


def from_base64(text: str, what: str) -> bytes:
    """The bytes of a base64 text that has no second spelling; NoteError, naming what it was."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"{what} is not in base64") from None
    if to_base64(raw) != text:
        raise NoteError(f"{what} is not in canonical base64")
    return raw


def _signed(signer: Signer, message: bytes) -> bytes:
    """A signature, checked before it leaves: a signer in another process may err."""
    signature = signer.sign(message)
    _verify(signer.public, signature, message, "the signer")
    return signature


def _signature(line: str) -> Signature:
    match = _LINE.fullmatch(line)
    if not match:
        raise NoteError("a line below a note is not a signature")
    raw = from_base64(match[2], f"the signature of {match[1]}")
    if len(raw) <= _KEY_ID:
        raise NoteError(f"the signature of {match[1]} is too short")
    return Signature(match[1], raw[:_KEY_ID], raw[_KEY_ID:])


def _cosigned(text: str, moment: int) -> bytes:
    return f"cosignature/v1\ntime {moment}\n{text}".encode()


def _check(key: Key, signature: Signature, text: str) -> int:
    """The time of a cosignature, or 0, of a signature that holds."""
    payload, moment, message = signature.payload, 0, text.encode()
    if key.kind == WITNESS:
        moment, payload = int.from_bytes(payload[:_TIME], "big"), payload[_TIME:]
        if moment > _TIME_MAX:
            raise NoteError(f"the cosignature of {key.name} has no time that can be")
        message = _cosigned(text, moment)
    _verify(key.public, payload, message, key.name)
    return moment


def _verify(public: bytes, signature: bytes, message: bytes, who: str) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise NoteError(f"the signature of {who} does not fit the text") from None
