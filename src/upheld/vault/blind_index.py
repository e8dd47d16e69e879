"""Finding a person by e-mail address or phone number without storing either readably.

A keyed hash (HMAC-SHA-256) of the normalised value, under a key a field, made from the epoch's own
key: whoever has the database alone can neither read it nor try values against it. With the key of
an epoch goes whatever could try a value against rows that were written under it, wherever a copy of
them lies. What an earlier upheld wrote, under the root key, is found until the next epoch begins.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Connection

from upheld.core.ids import PersonId
from upheld.database import rows as database
from upheld.database.seals import alteration_error
from upheld.database.statements import placeholders, row, rows
from upheld.database.tables import blind_index
from upheld.vault.envelope import derive, digests
from upheld.vault.keyring import Epoch, Keyring

FIELDS = ("email", "phone")
TOKENS_MAX: Final = 1_000  # in one query
PUT_TOGETHER: Final = 100  # values that people are to be found by
_DIGITS_ALONE: Final = {number: None for number in range(128) if not chr(number).isdecimal()}


def normalised(field: str, value: str) -> str:
    """A value as it is looked for: an address in small letters, a number as its digits."""
    if value.isascii():
        text = value.strip()
        if field != "phone":
            return text.lower()
        digits = text.partition(";ext=")[0].translate(_DIGITS_ALONE)
        return "+" + digits if text.startswith("+") else digits
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
    put_each(connection, keyring, [(person_id, field, value)])


def put_each(
    connection: Connection, keyring: Keyring, some: Sequence[tuple[PersonId, str, str]]
) -> None:
    """Let people be found by values of fields of theirs, as `put` lets one; each field once."""
    for first in range(0, len(some), PUT_TOGETHER):
        _put(connection, keyring, some[first : first + PUT_TOGETHER])


def _put(
    connection: Connection, keyring: Keyring, some: Sequence[tuple[PersonId, str, str]]
) -> None:
    epoch = keyring.current
    there: dict[tuple[PersonId, str], list[Any]] = {}
    for each in _rows_of(connection, sorted({person_id for person_id, _, _ in some})):
        there.setdefault((each.person_id, each.field), []).append(each)
    former, changed, new = [], [], []
    for person_id, field, value in some:
        token = _token(epoch, field, value)
        mine = there.get((person_id, field), [])
        ours = [each for each in mine if each.epoch == epoch.number]
        former += [each for each in mine if each not in ours]
        changed += [(each, each._replace(token=token)) for each in ours]
        if not ours:
            new.append(
                {"person_id": person_id, "field": field, "epoch": epoch.number, "token": token}
            )
    database.delete_rows(connection, blind_index, former)
    database.rewrite(connection, blind_index, changed)
    database.insert_all(connection, blind_index, new)


def drop(connection: Connection, person_id: PersonId, field: str) -> None:
    """Let a person no longer be found by a field."""
    mine = [each for each in _rows_of(connection, [person_id]) if each.field == field]
    database.delete_rows(connection, blind_index, mine)


def _rows_of(connection: Connection, person_ids: Sequence[PersonId]) -> list[Any]:
    """The rows by which some people are found; all of theirs are read, and are whole."""
    where = f"person_id IN ({placeholders(person_ids)})"
    return database.select(connection, blind_index, where, *person_ids)


def find(connection: Connection, keyring: Keyring, field: str, value: str) -> list[PersonId]:
    """The people with this value, by their ids; under every epoch that the keyring holds.

    SealedError where somebody is found by a row that is not theirs, or is theirs no more.
    """
    return find_each(connection, keyring, field, [value])[value]


def find_each(
    connection: Connection, keyring: Keyring, field: str, values: Sequence[str]
) -> dict[str, list[PersonId]]:
    """The people with each of some values, as `find`."""
    if not values:
        return {}
    tokens = _tokens(connection, keyring, field, values)
    any_of = {token for mine in tokens.values() for token in mine}
    owners = _owners(_rows_of_people_with(connection, field, list(any_of)), field, any_of)
    return {each: _people_with(owners, mine) for each, mine in tokens.items()}


def find_pairs(
    connection: Connection, keyring: Keyring, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[PersonId]]:
    """The people with both of each of some pairs of an address and a number, as `find`.

    A number that is empty says nothing; nobody has an empty address.
    """
    some = list(dict.fromkeys(pairs))
    addresses = {email for email, _ in some if email}
    if not addresses:
        return {each: [] for each in some}
    tokens = _tokens(connection, keyring, "email", addresses)
    any_of = {token for mine in tokens.values() for token in mine}
    rows_of = _rows_of_people_with(connection, "email", list(any_of))
    by_email = _owners(rows_of, "email", any_of)
    of_email = {email: _people_with(by_email, mine) for email, mine in tokens.items()}
    numbers = {phone for email, phone in some if phone and of_email.get(email)}
    tokens_of = _tokens(connection, keyring, "phone", numbers)
    theirs = {
        each: {match.token for match in its if match.field == "phone"}
        for each, its in rows_of.items()
    }
    return {
        (email, phone): [
            each
            for each in of_email.get(email, ())
            if not phone or not theirs[each].isdisjoint(tokens_of[phone])
        ]
        for email, phone in some
    }


def _tokens(
    connection: Connection, keyring: Keyring, field: str, values: Iterable[str]
) -> dict[str, list[bytes]]:
    """What may stand for each of some values, under every epoch that the keyring holds."""
    newest = row(connection, "SELECT max(number) FROM epoch")
    if newest and newest[0] is not None and newest[0] > keyring.current.number:
        keyring.refresh()  # another process began one, and people may have been moved to it
    keys = [_key(each, field) for each in keyring.epochs]
    keys += [_former_key(keyring, field, each.number) for each in keyring.epochs]
    some = list(dict.fromkeys(values))
    texts = [normalised(field, each).encode() for each in some]
    marks = zip(*[digests(key, texts) for key in keys], strict=True)
    return dict(zip(some, map(list, marks), strict=True))


def _people_with(owners: Mapping[bytes, set[PersonId]], tokens: Sequence[bytes]) -> list[PersonId]:
    nobody: set[PersonId] = set()
    return sorted(nobody.union(*(owners[token] for token in tokens if token in owners)))


def _rows_of_people_with(
    connection: Connection, field: str, tokens: Sequence[bytes]
) -> dict[PersonId, list[Any]]:
    """All rows of whoever has some tokens; SealedError where those of one are not whole."""
    ids: dict[str, None] = {}
    for first in range(0, len(tokens), TOKENS_MAX):
        some = tokens[first : first + TOKENS_MAX]
        statement = (
            f"SELECT person_id FROM blind_index WHERE field = ? AND token IN ({placeholders(some)})"  # noqa: S608 - places alone
        )
        ids |= dict.fromkeys(each for (each,) in rows(connection, statement, field, *some))
    # All of theirs are read, so that each row is checked once, and what is missing is noticed.
    of_each, altered = database.select_of_each(connection, blind_index, list(ids), "person_id = ?")
    if altered:
        raise alteration_error(min(altered), str(blind_index.name))
    return {PersonId(each): its for each, its in of_each.items()}


def _owners(
    rows_of: Mapping[PersonId, list[Any]], field: str, any_of: Collection[bytes]
) -> dict[bytes, set[PersonId]]:
    """Whose some tokens are."""
    owners = dict[bytes, set[PersonId]]()
    for match in chain.from_iterable(rows_of.values()):
        if match.field == field and match.token in any_of:
            owners.setdefault(match.token, set()).add(match.person_id)
    return owners


def _key(epoch: Epoch, field: str) -> bytes:
    return derive(epoch.key, "blind-index", field)


def _former_key(keyring: Keyring, field: str, epoch: int) -> bytes:
    """The key under which an earlier upheld wrote values."""
    return keyring.derived("blind-index", field, epoch)


def _mark(key: bytes, field: str, value: str) -> bytes:
    return hmac.digest(key, normalised(field, value).encode(), "sha256")


def _token(epoch: Epoch, field: str, value: str) -> bytes:
    return _mark(_key(epoch, field), field, value)
