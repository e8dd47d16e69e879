"""A customer's second factor: one-time passwords of their authenticator, and recovery codes.

The secret is sealed under the keyring, the codes are kept as keyed hashes, and each works once. A
new password does not turn it off: whoever has lost the authenticator gets in by a recovery code.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.transaction import Transaction
from upheld.practice.factors import Offer
from upheld.practices.accounts.tables import authenticator, recovery_code
from upheld.web import once, totp

CODES: Final = 10
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
_CODE_LETTERS: Final = 24  # more than 112 bits, for which a plain hash is enough
_CODE_LEAST: Final = 16  # letters of the shortest codes that were ever made
_STEP_LASTS: Final = timedelta(minutes=5)  # longer than any step is taken for right
_CODE_LASTS: Final = timedelta(days=1)  # its row is gone long before
_OF_PERSON: Final = "person_id = ?"
_CODE: Final = "person_id = ? AND code_hash = ?"


class SecondFactor(NamedTuple):
    """Since when somebody has a second factor, and how many recovery codes they have left."""

    since: datetime
    codes: int


def second_factor(tables: Tables, person_id: PersonId) -> SecondFactor | None:
    """Somebody's second factor; None if they have none."""
    row = tables.get(authenticator, _OF_PERSON, person_id)
    if row is None:
        return None
    codes = tables.select(recovery_code, _OF_PERSON, person_id)
    return SecondFactor(to_datetime(row.since), len(codes))


def turn_on(transaction: Transaction, person_id: PersonId, offer: Offer, step: int) -> list[str]:
    """Ask for one-time passwords from now on; the recovery codes, to be shown once.

    Nothing happens, and there are no codes, where somebody has a second factor already.
    """
    sealed = transaction.sealer("authenticator").seal(offer.secret.encode(), "totp", person_id)
    if not transaction.tables.insert_new(
        authenticator,
        person_id=person_id,
        secret=sealed,
        step=step,
        since=microseconds(transaction.clock.now()),
    ):
        return []
    transaction.note(person_id, "authenticator-on", actor="customer")
    return _codes(transaction, person_id)


def turn_off(transaction: Transaction, person_id: PersonId) -> None:
    """Ask for no second factor any more, and forget the codes with it."""
    transaction.tables.delete(recovery_code, _OF_PERSON, person_id)
    transaction.tables.delete(authenticator, _OF_PERSON, person_id)
    transaction.note(person_id, "authenticator-off", actor="customer")


def new_codes(transaction: Transaction, person_id: PersonId) -> list[str]:
    """Other recovery codes, to be shown once; earlier ones no longer work."""
    transaction.note(person_id, "recovery-codes", actor="customer")
    return _codes(transaction, person_id)


def use_code(transaction: Transaction, person_id: PersonId, code: str) -> bool:
    """Check a one-time password or recovery code and use it up; False if wrong or used before."""
    row = transaction.tables.get(authenticator, _OF_PERSON, person_id)
    if row is None:
        return False
    at, plain = transaction.clock.now(), _plain(code)
    if len(plain) >= _CODE_LEAST:
        return _recovers(transaction, person_id, plain, at)
    secret = transaction.sealer("authenticator").unseal(row.secret, "totp", person_id)
    step = totp.step_of(secret.decode(), code, at, row.step)
    if step is None:
        return False
    if not once.spend(transaction.tables, "totp", f"{person_id} {step}", at + _STEP_LASTS):
        return False
    transaction.tables.update(authenticator, {"step": step}, _OF_PERSON, person_id)
    return True


def _recovers(transaction: Transaction, person_id: PersonId, plain: str, at: datetime) -> bool:
    """Use up a recovery code, by an entry that the customer sees."""
    mark = _mark(transaction, person_id, plain)
    if transaction.tables.get(recovery_code, _CODE, person_id, mark) is None:
        return False
    if not once.spend(transaction.tables, "recovery", f"{person_id} {plain}", at + _CODE_LASTS):
        return False
    transaction.tables.delete(recovery_code, _CODE, person_id, mark)
    transaction.note(person_id, "recovery-code", actor="customer")
    return True


def _codes(transaction: Transaction, person_id: PersonId) -> list[str]:
    transaction.tables.delete(recovery_code, _OF_PERSON, person_id)
    plain_codes = [
        "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS)) for _ in range(CODES)
    ]
    codes = [
        {"person_id": person_id, "code_hash": _mark(transaction, person_id, each)}
        for each in plain_codes
    ]
    transaction.tables.insert_all(recovery_code, codes)
    return [
        "-".join(each[at : at + 4] for at in range(0, _CODE_LETTERS, 4)) for each in plain_codes
    ]


def _plain(code: str) -> str:
    return "".join(each for each in code.upper() if each in _LETTERS)


def _mark(transaction: Transaction, person_id: PersonId, plain: str) -> bytes:
    return transaction.sealer("recovery").mark(f"{person_id} {plain}".encode())
