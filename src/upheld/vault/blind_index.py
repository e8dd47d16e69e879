"""Finding a person by e-mail address or phone number without storing either readably.

A keyed hash (HMAC-SHA-256) of the normalised value, under a key a field and an epoch: whoever has
the database alone can neither read it nor try values against it.
"""

from __future__ import annotations

import hmac
import unicodedata

from sqlalchemy import Connection

from upheld.core.sql import later, places, rows
from upheld.vault.keyring import Keyring

FIELDS = ("email", "phone")


def normalised(field: str, value: str) -> str:
    """A value as it is looked for: an address in small letters, a number as its digits."""
    told = unicodedata.normalize("NFKC", value).strip()
    if field == "phone":
        told = told.partition(";ext=")[
            0
        ]  # an extension is no part of the number that is looked for
        digits = "".join(each for each in told if each.isdecimal())
        return "+" + digits if told.startswith("+") else digits
    return told.casefold()


def put(connection: Connection, keyring: Keyring, person_id: str, field: str, value: str) -> None:
    """Let a person be found by a value from now on, and no longer by the one before."""
    epoch = keyring.current.number
    drop(connection, person_id, field)
    later(connection, "INSERT INTO blind_index VALUES (?, ?, ?, ?)", person_id, field, epoch,
        _token(keyring, field, epoch, value))  # fmt: skip


def drop(connection: Connection, person_id: str, field: str) -> None:
    """Let a person no longer be found by a field."""
    statement = "DELETE FROM blind_index WHERE person_id = ? AND field = ?"
    later(connection, statement, person_id, field)


def find(connection: Connection, keyring: Keyring, field: str, value: str) -> list[str]:
    """The people with this value, by their ids; under every epoch that the keyring holds."""
    tokens = [_token(keyring, field, each.number, value) for each in keyring.epochs]
    statement = "SELECT person_id FROM blind_index WHERE field = ? AND token IN "
    found = rows(connection, f"{statement}({places(tokens)})", field, *tokens)
    return sorted({person_id for (person_id,) in found})


def _token(keyring: Keyring, field: str, epoch: int, value: str) -> bytes:
    key = keyring.derived("blind-index", field, epoch)
    return hmac.digest(key, normalised(field, value).encode(), "sha256")
