"""Whom an order to preserve keeps for the demand beside which it was opened, once they are erased.

What proved the demand of them went with the account. It was approved for just these accounts,
kinds and term, so that it is proven again of whoever the order kept them as, when it is released.
"""

from __future__ import annotations

from upheld.gate.transaction import Transaction
from upheld.practice import operators
from upheld.practice.operators import User
from upheld.practices.legal.apart import DAMAGED
from upheld.practices.legal.demands import LegalError
from upheld.practices.legal.instrument import APPROVED, Instrument, NamedPerson, prove
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.staff import own_account


def reach_again(
    instruments: Instruments, transaction: Transaction, instrument: Instrument, user: User
) -> None:
    """Let an approved instrument reach whom the order beside it keeps of those who were erased.

    They are locked, with whoever else it names. LegalError for an account of the user's own, or of
    a relative's.
    """
    now = transaction.clock.now()
    for each in _left_by_order(instruments, transaction, instrument):
        if operators.is_left_to_others(transaction.tables, user.user_id, each.person_id):
            raise own_account()
        instruments.name(transaction.tables, instrument.instrument_id, each.person_id, each.account)
        prove(transaction, instrument, each, user, now)


def nobody() -> LegalError:
    """What is said where an instrument reaches nobody any more."""
    return LegalError(
        "nobody whom this instrument names is here any more",
        code="legal-nobody",
        hint="where another order had us preserve something of them, open this one once more with"
        " the same numbers; otherwise tell the issuer that we hold nothing",
    )


def _left_by_order(
    instruments: Instruments, transaction: Transaction, instrument: Instrument
) -> list[NamedPerson]:
    """Whom the order beside an instrument keeps, and the instrument does not reach any more.

    Nobody once that order has ended or lapsed: what waits for its deletion is not to be had.
    """
    tables, now = transaction.tables, transaction.clock.now()
    order = instrument.preserved_by and instruments.find(tables, instrument.preserved_by)
    if not order or order.state != APPROVED or order.has_lapsed(now) or instrument.has_lapsed(now):
        return []
    its = {*instruments.reach(tables, instrument.instrument_id).person_ids}
    others = [
        each
        for each in instruments.people(tables, order.instrument_id)
        if each.person_id not in its and each.record_id is not None and each.account != DAMAGED
    ]
    apart = transaction.apart_among([each.person_id for each in others])
    return [e for e in others if e.person_id in apart or transaction.is_erased(e.person_id)]
