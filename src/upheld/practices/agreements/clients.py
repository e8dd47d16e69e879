"""Programs of partners: OAuth 2 client credentials, and tokens that last for minutes.

Of a secret its hash is kept alone. Where the company has registered a key of its programs, none
counts: they sign who they are. A token is sealed and kept nowhere; each request asks whether
its client is still active, so that revoking a client ends every token of it at once.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from upheld.core.ids import ClientId, UserId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER, SealError
from upheld.gate.transaction import Transaction
from upheld.practice import parties, program_keys
from upheld.practice.partner_programs import ACTIVE, REVOKED, STOLEN
from upheld.practice.tables import partner_client as table
from upheld.practices.agreements.agreements import require_manager
from upheld.practices.agreements.terms import AgreementError

TOKEN_LASTS: Final = timedelta(minutes=10)
ADDED, ENDED = "agreement.client", "agreement.client-revoke"
CALLED_STOLEN: Final = "agreement.client-stolen"
SENTENCES: Final = {
    ADDED: "{actor} gave a partner's program an access of its own",
    ENDED: "{actor} revoked the access of a partner's program",
    CALLED_STOLEN: "{actor} said that the access of a partner's program was stolen",
}
_PURPOSE: Final = "partner-token"
_NOBODY: Final = b"\x00" * 32


class PartnerClient(NamedTuple):
    """A program of a partner's."""

    client_id: ClientId
    party: str
    state: str


def add(transaction: Transaction, which: str, *, by: UserId) -> tuple[PartnerClient, str]:
    """Let a program of a partner ask; the client, and its secret, which nobody is shown again.

    The secret is empty where the partner's programs prove by a key who they are.
    """
    user = require_manager(transaction.tables, by)
    party = parties.find(transaction, which)
    secret = secrets.token_urlsafe(32)
    client = PartnerClient(ClientId(secrets.token_hex(16)), party, ACTIVE)
    transaction.tables.insert(
        table,
        **client._asdict(),
        secret_hash=sha256(secret.encode()).digest(),
        added=microseconds(transaction.clock.now()),
        added_by=user.user_id,
    )
    transaction.note(None, ADDED, actor=f"staff {user.user_id}", id=client.client_id)
    return client, "" if program_keys.find(transaction.tables, party) else secret


def revoke(
    transaction: Transaction, client_id: ClientId, *, by: UserId, stolen: bool = False
) -> PartnerClient:
    """Let a program ask no longer; its tokens end with it.

    What came by a stolen access before is marked wherever it is shown. One that was revoked can
    still be called stolen.
    """
    user = require_manager(transaction.tables, by)
    transaction.lock(REGISTER)
    row = _find(transaction.tables, client_id)
    if row is None or row.state == STOLEN or (row.state == REVOKED and not stolen):
        raise AgreementError(
            "there is no such program, or it was revoked already",
            code="partner-client",
            hint="`upheld agreement clients` lists those that may ask",
        )
    state, kind = (STOLEN, CALLED_STOLEN) if stolen else (REVOKED, ENDED)
    transaction.tables.update(table, {"state": state}, "client_id = ?", client_id)
    transaction.note(None, kind, actor=f"staff {user.user_id}", id=client_id)
    return _from_row(row)._replace(state=state)


def clients(tables: Tables, party: str = "") -> list[PartnerClient]:
    """All programs, or those of one partner."""
    rows = tables.select(table, "ORDER BY party, client_id")
    return [_from_row(each) for each in rows if party in ("", each.party)]


def check_secret(tables: Tables, client_id: ClientId, secret: str) -> PartnerClient | None:
    """The active client with an id and a secret; None for anything else."""
    row = _find(tables, client_id)
    kept_hash = bytes(row.secret_hash) if row is not None else _NOBODY
    fits = hmac.compare_digest(sha256(secret.encode()).digest(), kept_hash)
    if row is None or not fits or row.state != ACTIVE or program_keys.find(tables, row.party):
        return None
    return _from_row(row)


def find_active(tables: Tables, client_id: ClientId) -> PartnerClient | None:
    """The client of an id that may ask; None for anything else."""
    row = _find(tables, client_id)
    return None if row is None or row.state != ACTIVE else _from_row(row)


def issue(transaction: Transaction, client: PartnerClient) -> str:
    """A token of a client."""
    until = microseconds(transaction.clock.now() + TOKEN_LASTS)
    value = f"{client.client_id} {until}".encode()
    return urlsafe_b64encode(transaction.sealer(_PURPOSE).seal(value, "token")).decode().rstrip("=")


def holder(transaction: Transaction, token: str) -> PartnerClient | None:
    """The active client of a token that has not expired; None for anything else."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        value = transaction.sealer(_PURPOSE).unseal(raw, "token").decode()
    except (ValueError, SealError):
        return None
    client_id, _, until = value.partition(" ")
    if microseconds(transaction.clock.now()) >= int(until):
        return None
    return find_active(transaction.tables, ClientId(client_id))


def _find(tables: Tables, client_id: ClientId) -> Any:
    """The row of an id; None for a text that is none, which a database may refuse to look for."""
    return tables.get(table, "client_id = ?", client_id) if client_id.isalnum() else None


def _from_row(row: Any) -> PartnerClient:
    return PartnerClient(row.client_id, row.party, row.state)
