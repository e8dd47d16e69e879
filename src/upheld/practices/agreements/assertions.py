"""A program of a partner's that signs who it is, in place of having a secret.

This is `private_key_jwt` (RFC 7523). What it signs is for our token endpoint alone, lasts for
minutes, and works once: its `jti` is used up in the transaction that issues the token. The
algorithm is that of the key that the company registered, whatever the text says of itself.

What a program sends besides may be signed alike: such a text names the endpoint to which that is
sent, and the SHA-256 of the body.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from upheld.core.ids import ClientId
from upheld.database.columns import BEGINNING
from upheld.gate.transaction import Transaction
from upheld.practice import program_keys
from upheld.practices.agreements import clients
from upheld.practices.agreements.clients import PartnerClient
from upheld.web import once

TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LASTS_MOST: Final = timedelta(minutes=5)
CLOCKS_DIFFER: Final = timedelta(seconds=30)  # by how much theirs may be ahead of ours
_CHARACTERS_MAX: Final = 4096
_PARTS: Final = 3  # header, claims, signature
_NOT_PROVEN: Final = "no active program of a partner signed this with the key that we have of it"


class _Header(msgspec.Struct):
    alg: str
    crit: Any | UnsetType = UNSET  # what must be understood; we understand nothing further


class _Claims(msgspec.Struct):
    iss: str
    sub: str
    aud: str | tuple[str, ...]
    exp: float
    jti: Annotated[str, Meta(min_length=1, max_length=255)]
    iat: float | None = None
    nbf: float | None = None
    body_sha256: str | None = None  # in hexadecimal digits, of what is sent with it


def prove(
    transaction: Transaction, text: str, audience: str, body: bytes | None = None
) -> PartnerClient | str:
    """The active program that signed a text for an audience; else why it is refused.

    With that its `jti` is used up, so that it is good for one token, or for one `body`, if it is
    that which is signed.
    """
    try:
        header, claims, signed, signature = _read(text)
    except (ValueError, msgspec.MsgspecError):
        return "this is no signed JWT with `iss`, `sub`, `aud`, `exp` and `jti`"
    client = clients.find_active(transaction.tables, ClientId(claims.sub))
    pem = program_keys.find(transaction.tables, client.party) if client else ""
    if client is None or not pem or header.crit is not UNSET:
        return _NOT_PROVEN
    key = program_keys.load(pem)
    if header.alg != program_keys.algorithm(key):
        return _NOT_PROVEN
    if not program_keys.is_signed(key, signed, signature):
        return _NOT_PROVEN
    why = _why_refused(claims, audience, transaction.clock.now().timestamp())
    if not why and body is not None and claims.body_sha256 != sha256(body).hexdigest():
        why = "`body_sha256` is that of the body as it is sent, in hexadecimal digits"
    if why:
        return why
    until = BEGINNING + timedelta(seconds=claims.exp)
    if not once.spend(transaction.tables, f"assertion {client.client_id}", claims.jti, until):
        return "this was used already: sign a new one, with another `jti`"
    return client


def _why_refused(claims: _Claims, audience: str, now: float) -> str:
    """Why what is signed does not count here and now; empty where it does."""
    latest = now + CLOCKS_DIFFER.total_seconds()
    if claims.iss != claims.sub:
        return "`iss` and `sub` are both the id of the program"
    if not audience or claims.aud not in (audience, (audience,)):
        return f"`aud` is {audience or 'an address that we have not set'}, and nothing beside it"
    if claims.exp <= now:
        return "this has expired"
    if claims.exp > latest + LASTS_MOST.total_seconds():
        return f"`exp` is at most {LASTS_MOST.total_seconds() / 60:.0f} minutes from now"
    if (claims.iat or 0) > latest or (claims.nbf or 0) > latest:
        return "this is signed for later: look at the clock of the program"
    return ""


def _read(text: str) -> tuple[_Header, _Claims, bytes, bytes]:
    """Header, claims, what is signed, and the signature; ValueError for what is no JWT."""
    parts = text.split(".")
    if len(text) > _CHARACTERS_MAX or len(parts) != _PARTS:
        raise ValueError
    header, claims, signature = (_decode(each) for each in parts)
    return (
        msgspec.json.decode(header, type=_Header),
        msgspec.json.decode(claims, type=_Claims),
        text.rpartition(".")[0].encode(),
        signature,
    )


def _decode(part: str) -> bytes:
    """The bytes of a part in Base64 for addresses; ValueError for one that is written otherwise."""
    raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    if urlsafe_b64encode(raw).decode().rstrip("=") != part:
        raise ValueError
    return raw
