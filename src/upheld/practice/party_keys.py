"""The public keys of companies: what goes to one as a file can be read by that company alone.

Keys and files are in the age format (age-encryption.org), written by pyrage.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from upheld.core.errors import UpheldError
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice.tables import party_key

KEY_CHANGED: Final = "party.key"
SUFFIX: Final = ".age"


class PartyKeyError(UpheldError):
    """A text that is no public key to which a file could be encrypted."""


def find(tables: Tables, party: str) -> str:
    """The public key of a company; empty where it has none."""
    row = tables.get(party_key, "party = ?", party)
    return row.key if row is not None else ""


def put(transaction: Transaction, party: str, key: str, *, actor: str = "") -> None:
    """Let a company have this public key from now on; files go out under it alone."""
    transaction.lock(REGISTER)
    key = require_key(key)
    at = microseconds(transaction.clock.now())
    changes = {"key": key, "added": at}
    if not transaction.tables.update(party_key, changes, "party = ?", party):
        transaction.tables.insert(party_key, party=party, key=key, added=at)
    transaction.note(None, KEY_CHANGED, actor=actor)


def require_key(key: str) -> str:
    """A public key as it is kept, without spaces around it; PartyKeyError for another text."""
    key = key.strip()
    _recipient(key)
    return key


def encrypt(key: str, content: bytes) -> bytes:
    """A file that only the owner of a public key can read."""
    import pyrage  # noqa: PLC0415 - loaded on use

    encrypted: bytes = pyrage.encrypt(content, [_recipient(key)])
    return encrypted


@lru_cache(maxsize=32)  # many files go to one company
def _recipient(key: str) -> object:
    """What a file is encrypted to; PartyKeyError for a text that is no key."""
    import pyrage  # noqa: PLC0415 - loaded on use

    try:
        return pyrage.x25519.Recipient.from_str(key)
    except pyrage.RecipientError:
        raise PartyKeyError(
            "this is no public key of age",
            code="party-key",
            hint="it begins with `age1`; the company makes one with `age-keygen`",
        ) from None
