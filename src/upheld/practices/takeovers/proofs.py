"""What came along with an account of another provider, but for its values: kept as evidence."""

from __future__ import annotations

from typing import Final

from upheld.core.ids import PersonId, UserId
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practices.takeovers.closing import TakeoverError
from upheld.practices.takeovers.closings import require_role
from upheld.practices.takeovers.parcels import Parcel, read_parcel
from upheld.practices.takeovers.tables import takeover_proof

PROOF_SEEN: Final = "takeover.proof"
PURPOSE: Final = "takeover-proof"  # under which proofs are sealed


def proofs(transaction: Transaction, person_id: PersonId, by: UserId) -> list[Parcel]:
    """What came along with somebody's account, without values; with an entry that they read.

    TakeoverError for whoever does not work on takeovers, for their own account or a relative's, and
    where nothing came along.
    """
    user = require_role(transaction.tables, by)
    if operators.is_left_to_others(transaction.tables, user.user_id, person_id):
        raise TakeoverError(
            "it is your own account, or a relative's",
            code="takeover-own",
            hint="let somebody else do it",
        )
    rows = transaction.tables.select(takeover_proof, "person_id = ?", person_id)
    sealer = transaction.person_sealers(PURPOSE, [person_id]).get(person_id)
    if not rows or sealer is None:
        raise TakeoverError(
            "no account of this person came from another provider",
            code="takeover",
            hint="`upheld person find` tells somebody's id",
        )
    transaction.note(person_id, PROOF_SEEN, actor=f"staff {user.user_id}")
    return [read_parcel(sealer.unseal(each.sealed, each.closing_id)) for each in rows]
