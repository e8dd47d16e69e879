"""The public keys by which programs of companies prove who they are, in place of a secret.

A program signs a short text with a private key that never leaves its company (RFC 7523). What is
kept here opens nothing. Where a company has such a key, no secret of its programs counts any more.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from upheld.core.errors import UpheldError
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER, is_weak_key
from upheld.gate.transaction import Transaction
from upheld.practice.tables import party_program_key as table

CHANGED: Final = "party.program-key"  # a kind of entries
EDDSA, ES256 = "EdDSA", "ES256"  # algorithms, as JWTs name them (RFC 7518, RFC 8037)
_HALF: Final = 32  # bytes of each of the two numbers of a signature by ES256
ProgramKey = Ed25519PublicKey | EllipticCurvePublicKey


class ProgramKeyError(UpheldError):
    """A text that is no public key by which a program could prove who it is."""


def find(tables: Tables, party: str) -> str:
    """The public key of a company's programs, as PEM; empty where they have none."""
    row = tables.get(table, "party = ?", party)
    return row.pem if row is not None else ""


def put(transaction: Transaction, party: str, text: str, *, actor: str = "") -> None:
    """Let programs of a company prove by this key from now on; by secrets where it is empty."""
    transaction.lock(REGISTER)
    pem = _as_pem(_read(text)) if text.strip() else ""
    transaction.tables.delete(table, "party = ?", party)
    if pem:
        at = microseconds(transaction.clock.now())
        transaction.tables.insert(table, party=party, pem=pem, added=at)
    transaction.note(None, CHANGED, actor=actor)


@lru_cache(maxsize=256)
def load(pem: str) -> ProgramKey:
    """The key that was kept as a text."""
    return _read(pem)


def algorithm(key: ProgramKey) -> str:
    """What a key signs by; no other algorithm counts, whatever a program says."""
    return EDDSA if isinstance(key, Ed25519PublicKey) else ES256


def is_signed(key: ProgramKey, text: bytes, signature: bytes) -> bool:
    """Whether a signature of a text, as JWTs have it (RFC 7518, 3.4), is by a key."""
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, text)
        elif len(signature) != 2 * _HALF:
            return False
        else:
            first, second = signature[:_HALF], signature[_HALF:]
            numbers = int.from_bytes(first), int.from_bytes(second)
            key.verify(encode_dss_signature(*numbers), text, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _read(text: str) -> ProgramKey:
    """The public key in a text: PEM, or the 32 bytes of Ed25519 in Base64."""
    text = text.strip()
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
        else:
            key = Ed25519PublicKey.from_public_bytes(b64decode(text, validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise _refusal() from None
    if isinstance(key, Ed25519PublicKey) and not is_weak_key(key.public_bytes_raw()):
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise _refusal()


def _as_pem(key: ProgramKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _refusal() -> ProgramKeyError:
    return ProgramKeyError(
        "this is no public key of Ed25519 or P-256",
        code="party-program-key",
        hint="give it as PEM, as the company made it; its private key stays there",
    )
