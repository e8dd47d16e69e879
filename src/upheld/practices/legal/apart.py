"""Whom the legal desk finds and nobody else does: what a silent hold keeps of who was erased.

They are people of their own, whom no account names any more; the account by which the order named
them stands with it, sealed for both, and by that they are found, whatever else was changed of them.
"""

from __future__ import annotations

from typing import Final

from upheld.core.ids import InstrumentId, PersonId
from upheld.gate.public import SealError
from upheld.gate.sealing import Sealer
from upheld.gate.transaction import Transaction
from upheld.practices.legal.tables import legal_reach

DAMAGED: Final = "(a number that was changed in the database)"


def apart_by_account(transaction: Transaction, sealer: Sealer) -> dict[str, list[PersonId]]:
    """Those for whom a silent hold keeps something apart, by the number of the account."""
    tables = transaction.tables
    named = tables.select_unchecked(legal_reach, ["person_id"], "1 = 1 GROUP BY person_id")
    apart = transaction.apart_among([PersonId(str(each)) for (each,) in named])
    by_account: dict[str, list[PersonId]] = {}
    columns = ["person_id", "instrument_id", "sealed"]
    for person_id in sorted(apart):
        rows = tables.select_unchecked(legal_reach, columns, "person_id = ?", person_id)
        for account in {account_in(sealer, *each) for each in rows} - {DAMAGED}:
            by_account.setdefault(account, []).append(person_id)
    return by_account


def account_in(sealer: Sealer, person_id: PersonId, instrument_id: InstrumentId, raw: bytes) -> str:
    """The account number by which an instrument names somebody; `DAMAGED` where it was changed."""
    try:
        return sealer.unseal(raw, person_id, instrument_id).decode()
    except SealError:
        return DAMAGED
