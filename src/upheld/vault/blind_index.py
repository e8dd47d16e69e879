"""Finding a person by e-mail address or phone number without storing either readably.

A keyed hash (HMAC-SHA-256) of the normalised value, under a key a field and an epoch: whoever has
the database alone can neither read it nor try values against it.
"""

from __future__ import annotations

import hmac
import unicodedata

from sqlalchemy import Connection

from upheld.core.sql import places
from upheld.core.tables import blind_index
from upheld.database import rows as database
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
    database.insert(connection, blind_index, person_id=person_id, field=field, epoch=epoch,
                    token=_token(keyring, field, epoch, value))  # fmt: skip


def drop(connection: Connection, person_id: str, field: str) -> None:
    """Let a person no longer be found by a field."""
    database.delete(connection, blind_index, "person_id = ? AND field = ?", person_id, field)


def find(connection: Connection, keyring: Keyring, field: str, value: str) -> list[str]:
    """The people with this value, by their ids; under every epoch that the keyring holds.

    SealedError where somebody is found by a row that is not theirs, or is theirs no more.
    """
    tokens = [_token(keyring, field, each.number, value) for each in keyring.epochs]
    found = database.select(connection, blind_index, f"field = ? AND token IN ({places(tokens)})",
                            field, *tokens)  # fmt: skip
    return sorted({each.person_id for each in found})


def _token(keyring: Keyring, field: str, epoch: int, value: str) -> bytes:
    key = keyring.derived("blind-index", field, epoch)
    return hmac.digest(key, normalised(field, value).encode(), "sha256")
