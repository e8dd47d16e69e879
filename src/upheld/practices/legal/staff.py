"""Who works at the legal desk, and the entries of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from upheld.core.ids import EntryNumber, InstrumentId, UserId
from upheld.database.own_tables import Tables
from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.operators import User
from upheld.practices.legal.demands import LegalError
from upheld.practices.legal.instrument import actor_of

OFFICER, COUNSEL = "legal", "counsel"
ROLES: Final = (OFFICER, COUNSEL)


def require_role(tables: Tables, user_id: UserId) -> User:
    """Whoever works at the legal desk; LegalError for anybody else."""
    user = operators.find_active_user(tables, user_id)
    if user is None or user.kind != "staff" or not {*ROLES} & {*user.roles}:
        raise LegalError(
            "this is for the legal desk",
            code="legal-role",
            hint=f"ask somebody with the role {OFFICER} or {COUNSEL}",
        )
    return user


def note(
    transaction: Transaction,
    kind: str,
    instrument_id: InstrumentId,
    user: User,
    values: Sequence[str] = (),
) -> EntryNumber:
    """Add an entry of what the desk did: it names the instrument, and nobody whom it is about."""
    return transaction.note(
        None, kind, actor=actor_of(user), evidence=(instrument_id,), values=tuple(values)
    )


def own_account() -> LegalError:
    """What is answered to whoever would handle an account of their own."""
    return LegalError(
        "this is about your own account, or a relative's",
        code="legal-own",
        hint="let somebody else of the legal desk do it",
        field="accounts",
    )
