"""The two signatures of an agreement: both are of one statement that names its terms by digest."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from upheld.core.ids import AgreementId
from upheld.gate.public import is_weak_key
from upheld.practices.agreements.terms import AgreementError

PURPOSE: Final = "agreement"  # of the key by which the provider signs
TITLE: Final = "upheld agreement with a trusted partner"
KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def statement(
    agreement_id: AgreementId,
    *,
    provider: str,
    partner: str,
    starts: datetime,
    ends: datetime,
    digest: str,
) -> str:
    """The text that both sides sign, line by line."""
    return (
        f"{TITLE}\n"
        f"agreement: {agreement_id}\n"
        f"provider: {' '.join(provider.split())}\n"
        f"partner: {partner}\n"
        f"from: {starts.isoformat()}\n"
        f"until: {ends.isoformat()}\n"
        f"terms: sha256 {digest}\n"
    )


def read_key(text: str) -> bytes:
    """The public Ed25519 key in a text, as Base64 or PEM. AgreementError for anything else."""
    text = text.strip()
    try:
        if text.startswith("-----BEGIN"):
            key = load_pem_public_key(text.encode())
            public = key.public_bytes_raw() if isinstance(key, Ed25519PublicKey) else b""
        else:
            public = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        public = b""
    if len(public) != KEY_BYTES or is_weak_key(public):
        raise AgreementError(
            "this is no public key of Ed25519",
            code="agreement-key",
            hint="give its 32 bytes in Base64, as `upheld agreement keygen` prints them, or PEM",
        )
    return public


def read_signature(text: str) -> bytes:
    """The signature in a text, as Base64. AgreementError for anything else."""
    try:
        signature = base64.b64decode("".join(text.split()), validate=True)
    except (ValueError, binascii.Error):
        signature = b""
    if len(signature) != SIGNATURE_BYTES:
        raise AgreementError(
            "this is no signature of Ed25519",
            code="agreement-signature",
            hint="give its 64 bytes in Base64, as `upheld agreement sign` prints them",
        )
    return signature


def is_signed(public: bytes, text: str, signature: bytes) -> bool:
    """Whether a signature of a text is by a key."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def encode(raw: bytes) -> str:
    """A key or signature in Base64, as people pass it on."""
    return base64.b64encode(raw).decode()
