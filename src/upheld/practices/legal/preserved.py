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
from upheld.practices.legal.instrument import APPROVED, Instrument, prove
from upheld.practices.legal.instruments import Instruments
from upheld.practices.legal.reach import ChangedRow, NamedPeople
from upheld.practices.legal.staff import own_account


def reach_again(
    instruments: Instruments, transaction: Transaction, instrument: Instrument, user: User
) -> list[ChangedRow]:
    """Let an approved instrument reach whom the order beside it keeps of those who were erased.

    They are locked, with whoever else it names. It tells of whom that cannot be said, since the
    rows of the order were changed. LegalError for an account of the user's own, or of a relative's.
    """
    now = transaction.clock.now()
    theirs = _left_by_order(instruments, transaction, instrument)
    for each in theirs.people:
        if operators.is_left_to_others(transaction.tables, user.user_id, each.person_id):
            raise own_account()
        instruments.name(transaction.tables, instrument.instrument_id, each.person_id, each.account)
        prove(transaction, instrument, each, user, now)
    return theirs.changed


def nobody() -> LegalError:
    """What is said where an instrument reaches nobody any more."""
    return LegalError(
        "nobody whom this instrument names is reached by it any more",
        code="legal-nobody",
        hint="open it once more with the same numbers: it reaches what a law or an unpaid invoice"
        " has us keep of them. Only where a number is nobody's then, we hold nothing of it",
    )


def _left_by_order(
    instruments: Instruments, transaction: Transaction, instrument: Instrument
) -> NamedPeople:
    """Whom the order beside an instrument keeps, and the instrument does not reach any more.

    Nobody once that order has ended or lapsed: what waits for its deletion is not to be had.
    """
    tables, now = transaction.tables, transaction.clock.now()
    order = instrument.preserved_by and instruments.find(tables, instrument.preserved_by)
    if not order or order.state != APPROVED or order.has_lapsed(now) or instrument.has_lapsed(now):
        return NamedPeople([], [])
    its = {*instruments.reach(tables, instrument.instrument_id).person_ids}
    named = instruments.reach(tables, order.instrument_id)
    others = [e for e in named.people if e.person_id not in its and e.record_id is not None]
    changed = [each for each in named.changed if each.person_id not in its]
    changed += [ChangedRow(e.person_id, e.account) for e in others if e.account == DAMAGED]
    apart = transaction.apart_among([each.person_id for each in others])
    return NamedPeople(
        [
            each
            for each in others
            if each.account != DAMAGED
            and (each.person_id in apart or transaction.is_erased(each.person_id))
        ],
        changed,
    )
