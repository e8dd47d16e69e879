"""Whom the legal desk finds and nobody else does: what a silent hold keeps of who was erased.

They are people of their own, whom no account names any more; the account by which the order named
them stands with it, and by that they are found.
"""

from __future__ import annotations

from upheld.core.ids import PersonId
from upheld.gate.sealing import Sealer
from upheld.gate.transaction import Transaction
from upheld.practices.legal.tables import legal_reach


def apart_by_account(transaction: Transaction, sealer: Sealer) -> dict[str, list[PersonId]]:
    """Those for whom a silent hold keeps something apart, by the number of the account."""
    tables = transaction.tables
    named = tables.select_unchecked(legal_reach, ["person_id"], "1 = 1 GROUP BY person_id")
    apart = transaction.apart_among([PersonId(str(each)) for (each,) in named])
    by_account: dict[str, list[PersonId]] = {}
    for person_id in sorted(apart):
        rows = tables.select(legal_reach, "person_id = ?", person_id)
        accounts = {
            sealer.unseal(each.sealed, person_id, each.instrument_id).decode() for each in rows
        }
        for account in accounts:
            by_account.setdefault(account, []).append(person_id)
    return by_account
