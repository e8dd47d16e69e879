"""Seal bytes so that they can be read with the key and the right context, and not otherwise.

AES-256-GCM (NIST SP 800-38D) over the padded value, with what the value belongs to as associated
data: a value that was copied to another person, field or revision does not open there. Nothing is
kept and nothing is looked up: key, value and context in, bytes out.

A sealed value is one format byte, a random nonce of 12 bytes, the ciphertext and its tag of 16
bytes. A random nonce is safe for up to 2^32 values under one key; a key of a person or an epoch
seals far fewer.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from itertools import chain
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from upheld.core.errors import UpheldError

KEY_BYTES: Final = 32
STEP: Final = 32
_FORMAT: Final = b"\x01"
_NONCE: Final = 12
_HEAD: Final = 1 + _NONCE
_LENGTH: Final = 4
_length_in = Struct(">I").unpack_from  # at the beginning of some bytes
Key = bytes | AESGCM  # as bytes, or made ready for more than one value
_KINDS: Final = {str: b"s", int: b"i", bytes: b"b", bool: b"t"}
_SHORT: Final = 65
_FILLS: Final = [bytes(length) for length in range(STEP)]  # what `pad` fills up with, by length
_PADDINGS: Final = frozenset(_FILLS)


def _head(kind: type, length: int) -> bytes:
    """What stands before a part of a context: how long it is, and of which kind."""
    return length.to_bytes(_LENGTH, "big") + _KINDS[kind]


_HEADS: Final = {kind: [_head(kind, length) for length in range(_SHORT)] for kind in _KINDS}


class SealError(UpheldError):
    """A sealed value that does not open: changed, cut, of another place, or under another key.

    Which of these it is cannot be told, on purpose; `context` is never part of the message.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what} does not open: it was changed or moved, or the key is another",
            code="sealed",
            hint="restore it from a backup; `upheld keys status` tells whether the keys are whole",
        )


def new_key() -> bytes:
    """A fresh key of 32 random bytes from the operating system."""
    return os.urandom(KEY_BYTES)


def context(*parts: str | int | bytes) -> bytes:
    """What a value belongs to, as associated data; no two lists give the same bytes."""
    return b"".join(map(part_of, parts))


def part_of(part: str | int | bytes) -> bytes:
    """One part of a context; several, one after the other, are the context of them all."""
    kind = type(part)
    if isinstance(part, str):
        raw = part.encode()
    else:
        raw = part if isinstance(part, bytes) else str(part).encode()
    length = len(raw)
    return (_HEADS[kind][length] if length < _SHORT else _head(kind, length)) + raw


def contexts(places: Sequence[Sequence[str | bytes]]) -> list[bytes]:
    """The context of each of some lists of parts; what several of them have is encoded once."""
    parts = {each: part_of(each) for each in set(chain.from_iterable(places))}
    return [b"".join(map(parts.__getitem__, place)) for place in places]


def pad(value: bytes) -> bytes:
    """A value with its length before it, filled up to a multiple of 32 bytes.

    Its length is then all but hidden: two addresses or two names mostly come out alike.
    """
    length = len(value)
    return length.to_bytes(_LENGTH, "big") + value + _FILLS[-(_LENGTH + length) % STEP]


def seal(key: Key, value: bytes, belongs: bytes) -> bytes:
    """Seal a value under a key, bound to what it belongs to (`context(…)`)."""
    nonce = os.urandom(_NONCE)
    cipher = AESGCM(key) if isinstance(key, bytes) else key
    return _FORMAT + nonce + cipher.encrypt(nonce, pad(value), _FORMAT + belongs)


def seal_each(key: Key, values: Sequence[bytes], belongs: Sequence[bytes]) -> list[bytes]:
    """Seal some values, each bound to what it belongs to, as `seal` does one."""
    nonces = os.urandom(_NONCE * len(values))
    encrypt = (AESGCM(key) if isinstance(key, bytes) else key).encrypt
    results, at = [], 0
    for value, its in zip(values, belongs, strict=True):
        nonce = nonces[at : at + _NONCE]
        at += _NONCE
        results.append(_FORMAT + nonce + encrypt(nonce, pad(value), _FORMAT + its))
    return results


def unseal(key: Key, sealed: object, belongs: bytes, *, what: str = "a value") -> bytes:
    """The value that was sealed; SealError, naming `what`, where it does not open.

    What a database gives may be anything, if somebody wrote it there.
    """
    cipher = AESGCM(key) if isinstance(key, bytes) else key
    if type(sealed) is not bytes or sealed[:1] != _FORMAT:
        raise SealError(what)
    try:
        padded = cipher.decrypt(sealed[1:_HEAD], sealed[_HEAD:], _FORMAT + belongs)
    except (InvalidTag, ValueError):  # the latter where it is cut
        raise SealError(what) from None
    size = len(padded)
    end = _LENGTH + _length_in(padded)[0] if size and not size % STEP else size + 1
    if end > size or padded[end:] not in _PADDINGS:
        raise SealError(what)  # nothing that `pad` made
    return padded[_LENGTH:end]


def digest(sealed: bytes) -> bytes:
    """The SHA-256 of a sealed value, which an entry keeps so that an old one put back is found."""
    return hashlib.sha256(sealed).digest()


def digests(key: bytes, messages: Iterable[bytes]) -> list[bytes]:
    """The HMAC-SHA-256 of each of some messages under one key, which is made ready once."""
    ready, results = HMAC(key, SHA256()), []
    for each in messages:
        mark = ready.copy()
        mark.update(each)
        results.append(mark.finalize())
    return results


def derive(key: bytes, *use: str | int) -> bytes:
    """A key for one use out of another key (HMAC-SHA-256 as in HKDF-Expand, RFC 5869, one block).

    The source is uniformly random, so that HKDF's first step is not needed.
    """
    return hmac.digest(key, context("derive", *use) + b"\x01", "sha256")
