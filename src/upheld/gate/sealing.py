"""What a practice seals or marks itself, for one purpose, under a key that it never sees.

A practice keeps a secret of its own, or hands out a link, under a key of its purpose. No purpose
gives a key of the gate's, the vault's or the ledger's: those are derived under other names.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from upheld.vault.envelope import Key, context, contexts, digests, seal, seal_each, unseal
from upheld.vault.keyring import Keyring

BY_THEMSELVES: Final = frozenset(
    {
        "age-marker",
        "authenticator",
        "card-page",
        "desk",
        "factor-offer",
        "link",
        "passkey",
        "passkey-user",
        "payment",
        "receipt",
        "recovery",
        "sandbox",
        "web",
    }
)
"""Purposes whose keys stand beside those of the house; every other one has its own place."""


class Sealer:
    """Seals, opens and marks for one purpose; whoever has it cannot get at the key."""

    __slots__ = ("_key",)

    def __init__(self, keyring: Keyring, purpose: str, *more: str) -> None:
        use = (purpose, *more) if purpose in BY_THEMSELVES else ("practice", purpose, *more)
        self._key = keyring.derived(*use)

    def __repr__(self) -> str:
        return "Sealer(…)"

    def seal(self, value: bytes, *place: str | bytes) -> bytes:
        """Seal a value, bound to the place where it is kept, such as a person and a word."""
        return seal(self._key, value, context(*place))

    def seal_each(
        self, values: Sequence[bytes], places: Sequence[Sequence[str | bytes]]
    ) -> list[bytes]:
        """Seal some values, each bound to its place, as `seal` does one."""
        return seal_each(self._key, values, contexts(places))

    def unseal(self, sealed: object, *place: str | bytes, what: str = "a value") -> bytes:
        """The value that was sealed for a place; SealError, naming `what`, where it is not ours."""
        return unseal(self._key, sealed, context(*place), what=what)

    def mark(self, message: bytes) -> bytes:
        """32 bytes (HMAC-SHA-256) by which we know again what we handed out."""
        return hmac.digest(self._key, message, "sha256")

    def mark_of(self, *place: str | bytes) -> bytes:
        """The mark of several parts; no two lists have the same."""
        return self.mark(context(*place))

    def marks_of(self, places: Sequence[Sequence[str]]) -> list[bytes]:
        """What `mark_of` gives of each of some lists of parts."""
        return digests(self._key, contexts(places))

    def name_of(self, *place: str | bytes) -> str:
        """A name of 64 hexadecimal digits for somebody outside, which says nothing of the parts."""
        return hashlib.sha256(self._key + context(*place)).hexdigest()


class PersonSealer:
    """Seals and opens for one purpose under one person's key: what is sealed goes with them."""

    __slots__ = ("_key", "_purpose")

    def __init__(self, key: Key, purpose: str) -> None:
        self._key, self._purpose = key, purpose

    def __repr__(self) -> str:
        return "PersonSealer(…)"

    def seal(self, value: bytes, *place: str | bytes) -> bytes:
        """Seal a value, bound to the place where it is kept."""
        return seal(self._key, value, context("practice", self._purpose, *place))

    def unseal(self, sealed: object, *place: str | bytes, what: str = "a value") -> bytes:
        """The value that was sealed for a place; SealError, naming `what`, where it is not ours."""
        return unseal(self._key, sealed, context("practice", self._purpose, *place), what=what)


class PurposeSigner:
    """Signs for one purpose of ours (Ed25519); anybody checks it by the public key.

    Its key is derived from the keyring and stays the same as long as that lives.
    """

    __slots__ = ("_key", "public")

    def __init__(self, keyring: Keyring, purpose: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(keyring.derived("signing", purpose))
        self.public = self._key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return "PurposeSigner(…)"

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""
        return self._key.sign(message)


class SealerSource(Protocol):
    """Whatever gives a sealer for a purpose: a transaction, a gate, the running provider."""

    def sealer(self, purpose: str, *more: str) -> Sealer:
        """What seals and marks for a purpose."""
