"""Passkeys: a key on somebody's device, unlocked there, that signs in in place of all else.

What is kept is a public key, so that nothing here opens anything. A challenge is signed and dated
by us, belongs to one use (and at registration to one session), and works once: it is used up in the
act that it allows. A passkey always checks who unlocks it, so it counts as both factors.

The library that knows what browsers say is loaded where one is spoken to: no command does that,
and each would wait for it.
"""

from __future__ import annotations

import hmac
import json
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from starlette.requests import Request

from upheld.database.columns import BEGINNING, microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.sealing import SealerSource
from upheld.gate.transaction import Transaction
from upheld.practice.plugin import Provider
from upheld.practice.tables import passkey as passkey_table
from upheld.web import once

LASTS: Final = timedelta(minutes=15)  # from the page that asks to the answer
MOST: Final = 10  # passkeys of one person
SENT_MAX: Final = 20_000
_TIME, _NONCE, _MAC = 8, 16, 16
_WHOSE: Final = "subject = ? AND kind = ?"


class Site(NamedTuple):
    """Where people reach the provider, as a browser binds passkeys to it."""

    host: str
    origin: str
    name: str


class Passkey(NamedTuple):
    """A passkey as its owner sees it in their list."""

    handle: str
    name: str
    created_at: datetime
    used: datetime | None


def site_of(provider: Provider, request: Request) -> Site | None:
    """The provider's site; None where browsers allow no passkeys, which is without TLS."""
    url, name = provider.settings.url, provider.imprint.name or "upheld"
    if not url and request.url.hostname == "localhost":
        url = f"{request.url.scheme}://{request.url.netloc}"
    scheme, _, rest = url.partition("://")
    netloc = rest.split("/")[0]
    host = netloc.rsplit(":", 1)[0]
    if scheme == "https" or host == "localhost":
        return Site(host, f"{scheme}://{netloc}", name)
    return None


def registration_options(  # noqa: PLR0913, PLR0917 - who registers, where, as whom, and beside what
    tables: Tables,
    provider: Provider,
    site: Site,
    kind: str,
    subject: str,
    bound: bytes,
    user_name: str,
) -> str:
    """The WebAuthn options by which a browser makes a passkey, as JSON."""
    from webauthn import generate_registration_options, options_to_json  # noqa: PLC0415 - as above
    from webauthn.helpers import structs  # noqa: PLC0415 - as above

    existing = [each.credential for each in tables.select(passkey_table, _WHOSE, subject, kind)]
    user = provider.sealer("passkey-user").mark(f"{kind} {subject}".encode())
    return options_to_json(
        generate_registration_options(
            rp_id=site.host,
            rp_name=site.name,
            user_name=user_name,
            user_id=user,
            challenge=_challenge(provider, kind, bound),
            exclude_credentials=[
                structs.PublicKeyCredentialDescriptor(id=each) for each in existing
            ],
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.REQUIRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
        )
    )


def sign_in_options(provider: Provider, site: Site, kind: str) -> str:
    """The WebAuthn options by which a browser signs in, as JSON."""
    from webauthn import generate_authentication_options, options_to_json  # noqa: PLC0415 - as above
    from webauthn.helpers import structs  # noqa: PLC0415 - as above

    return options_to_json(
        generate_authentication_options(
            rp_id=site.host,
            challenge=_challenge(provider, kind, b""),
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
    )


def register(  # noqa: PLR0913, PLR0917 - who registers, where, in which session and from what
    transaction: Transaction,
    site: Site,
    kind: str,
    subject: str,
    bound: bytes,
    credential: str,
    device: str,
) -> bool:
    """Store a passkey that a browser made; False if it is wrong, known or another session's."""
    from webauthn import verify_registration_response  # noqa: PLC0415 - as above

    challenge = _use_challenge(transaction, kind, bound, credential)
    existing = transaction.tables.select(passkey_table, _WHOSE, subject, kind)
    if challenge is None or len(existing) >= MOST:
        return False
    try:
        verified = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except _broken():
        return False
    mark = sha256(verified.credential_id).digest()
    if transaction.tables.get(passkey_table, "credential_hash = ?", mark) is not None:
        return False
    transaction.tables.insert(
        passkey_table,
        subject=subject,
        credential_hash=mark,
        kind=kind,
        credential=verified.credential_id,
        public_key=verified.credential_public_key,
        uses=verified.sign_count,
        name=device,
        made=microseconds(transaction.clock.now()),
    )
    return True


def sign_in(transaction: Transaction, site: Site, kind: str, credential: str) -> str:
    """The id of whoever's passkey answered a challenge in force; empty where none did."""
    from webauthn import base64url_to_bytes, verify_authentication_response  # noqa: PLC0415 - as above

    challenge = _use_challenge(transaction, kind, b"", credential)
    if challenge is None:
        return ""
    try:
        mark = sha256(base64url_to_bytes(json.loads(credential)["id"])).digest()
    except _broken():
        return ""
    where = "credential_hash = ? AND kind = ?"
    row = transaction.tables.get(passkey_table, where, mark, kind)
    if row is None:
        return ""
    try:
        verified = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=row.uses,
            require_user_verification=True,
        )
    except _broken():
        return ""
    changes = {"uses": verified.new_sign_count, "used": microseconds(transaction.clock.now())}
    transaction.tables.update(passkey_table, changes, "credential_hash = ?", mark)
    return str(row.subject)


def passkeys_of(tables: Tables, kind: str, subject: str) -> list[Passkey]:
    """Somebody's passkeys, oldest first."""
    return [
        Passkey(
            each.credential_hash.hex(),
            each.name,
            to_datetime(each.made),
            None if each.used is None else to_datetime(each.used),
        )
        for each in tables.select(passkey_table, f"{_WHOSE} ORDER BY made", subject, kind)
    ]


def remove(tables: Tables, kind: str, subject: str, handle: str) -> bool:
    """Remove one of somebody's own passkeys; whether there was one."""
    try:
        mark = bytes.fromhex(handle)
    except ValueError:
        return False
    return bool(
        tables.purge(passkey_table, f"{_WHOSE} AND credential_hash = ?", subject, kind, mark)
    )


def _broken() -> tuple[type[Exception], ...]:
    """What is raised where an answer is none."""
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415 - as above

    wrong = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
    return WebAuthnException, *wrong


def _challenge(provider: Provider, kind: str, bound: bytes) -> bytes:
    body = microseconds(provider.now()).to_bytes(_TIME, "big") + secrets.token_bytes(_NONCE)
    return body + _mac(provider, kind, bound, body)


def _mac(by: SealerSource, kind: str, bound: bytes, body: bytes) -> bytes:
    sealer = by.sealer("passkey", kind, "register" if bound else "sign-in")
    return sealer.mark(body + bound)[:_MAC]


def _use_challenge(
    transaction: Transaction, kind: str, bound: bytes, credential: str
) -> bytes | None:
    """Use up the challenge that was answered; None where it is not ours, expired or used before."""
    from webauthn import base64url_to_bytes  # noqa: PLC0415 - as above

    if len(credential) > SENT_MAX:
        return None
    try:
        client_data = json.loads(
            base64url_to_bytes(json.loads(credential)["response"]["clientDataJSON"])
        )
        challenge = base64url_to_bytes(client_data["challenge"])
    except _broken():
        return None
    body, mac = challenge[: _TIME + _NONCE], challenge[_TIME + _NONCE :]
    if not hmac.compare_digest(_mac(transaction, kind, bound, body), mac):
        return None
    issued_at = BEGINNING + timedelta(microseconds=int.from_bytes(body[:_TIME], "big"))
    now = transaction.clock.now()
    if not issued_at <= now <= issued_at + LASTS:
        return None
    fresh = once.spend(transaction.tables, "passkey", challenge.hex(), issued_at + LASTS)
    return challenge if fresh else None
