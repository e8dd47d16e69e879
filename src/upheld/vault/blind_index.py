"""Finding a person by e-mail address or phone number without storing either readably.

A keyed hash (HMAC-SHA-256) of the normalised value, under a key a field, made from the epoch's own
key: whoever has the database alone can neither read it nor try values against it. With the key of
an epoch goes whatever could try a value against rows that were written under it, wherever a copy of
them lies. What an earlier upheld wrote, under the root key, is found until the next epoch begins.
"""

from __future__ import annotations

import hmac
import unicodedata

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.statements import placeholders, row
from upheld.database.tables import blind_index
from upheld.vault.envelope import derive
from upheld.vault.keyring import Epoch, Keyring

FIELDS = ("email", "phone")


def normalised(field: str, value: str) -> str:
    """A value as it is looked for: an address in small letters, a number as its digits."""
    text = unicodedata.normalize("NFKC", value).strip()
    if field == "phone":
        text = text.partition(";ext=")[
            0
        ]  # an extension is no part of the number that is looked for
        digits = "".join(each for each in text if each.isdecimal())
        return "+" + digits if text.startswith("+") else digits
    return text.casefold()


def put(
    connection: Connection, keyring: Keyring, person_id: PersonId, field: str, value: str
) -> None:
    """Let a person be found by a value from now on, and no longer by the one before."""
    epoch = keyring.current
    drop(connection, person_id, field)
    database.insert(
        connection,
        blind_index,
        person_id=person_id,
        field=field,
        epoch=epoch.number,
        token=_token(epoch, field, value),
    )


def drop(connection: Connection, person_id: PersonId, field: str) -> None:
    """Let a person no longer be found by a field."""
    database.delete(connection, blind_index, "person_id = ? AND field = ?", person_id, field)


def find(connection: Connection, keyring: Keyring, field: str, value: str) -> list[PersonId]:
    """The people with this value, by their ids; under every epoch that the keyring holds.

    SealedError where somebody is found by a row that is not theirs, or is theirs no more.
    """
    newest = row(connection, "SELECT max(number) FROM epoch")
    if newest and newest[0] is not None and newest[0] > keyring.current.number:
        keyring.refresh()  # another process began one, and people may have been moved to it
    tokens = [_token(each, field, value) for each in keyring.epochs]
    tokens += [_former(keyring, field, each.number, value) for each in keyring.epochs]
    matches = database.select(
        connection, blind_index, f"field = ? AND token IN ({placeholders(tokens)})", field, *tokens
    )
    return sorted({each.person_id for each in matches})


def _token(epoch: Epoch, field: str, value: str) -> bytes:
    key = derive(epoch.key, "blind-index", field)
    return hmac.digest(key, normalised(field, value).encode(), "sha256")


def _former(keyring: Keyring, field: str, epoch: int, value: str) -> bytes:
    """What an earlier upheld wrote for a value."""
    key = keyring.derived("blind-index", field, epoch)
    return hmac.digest(key, normalised(field, value).encode(), "sha256")
