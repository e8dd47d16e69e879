"""Whether agreements fit the versions of the policy: at signing, in each act, and by a job."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.operations.bound_people import bound_people
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import party_mail
from upheld.practices.agreements import agreements, terms
from upheld.practices.agreements.agreements import (
    DRAFT,
    LAPSED,
    SIGNED,
    SUSPENDED,
    SUSPENSION,
    WITHDRAWN,
    PartnerAgreement,
)

TO_THEM: Final = """Hello {name}

Our agreement no longer fits our policy, which has changed: {what}.

It is suspended, and you get nothing more under it. What you received under it has to be deleted: \
your page says what, and by when. It does not come back: to continue, both sides sign another one.
"""
TO_US: Final = """The agreement with {name} no longer fits the policy in force: {what}.

It is suspended, and nothing more goes to them under it. It does not come back: to continue, draft \
another one under Agreements.
"""


def examine(gate: Gate, text: Policy) -> None:
    """AgreementError unless terms fit the policy in force and each version that binds somebody."""
    policy = gate.policy
    terms.require_fit(text, policy)
    with gate.together() as transaction:
        older = [
            (each.number, transaction.editions.policy(each.digest))
            for each in transaction.editions.all()
            if each.digest != policy.digest
        ]
    wider = {number: each for number, each in older if not terms.compare(text, each).contained}
    if not wider:
        return
    for person in bound_people(gate):
        if person.edition.number in wider:
            terms.require_fit(text, wider[person.edition.number])


def look_through(gate: Gate) -> int:
    """Suspend what no longer fits the policy, and close what lapsed; how many. The job."""
    count = 0
    with gate.look() as tables:
        live = [each for each in agreements.agreements(tables) if each.state in (DRAFT, SIGNED)]
    for each in live:
        with gate.together() as transaction:
            transaction.lock(REGISTER)
            agreement = agreements.find(transaction.tables, each.agreement_id)
            if agreement is not None and agreement.state in (DRAFT, SIGNED):
                count += _look_at(transaction, agreement)
    return count


def live_of(tables: Tables, party: str, at: datetime, policy: Policy) -> list[PartnerAgreement]:
    """The agreements of a partner that are signed, in their term, and fit a version."""
    if not party:
        return []
    live = (each for each in agreements.agreements(tables, party) if each.covers_moment(at))
    return [
        each for each in live if terms.compare(terms.load(tables, each.digest), policy).contained
    ]


def _look_at(transaction: Transaction, agreement: PartnerAgreement) -> bool:
    """Close one agreement if its time is over or it no longer fits; whether it was."""
    tables, now = transaction.tables, transaction.clock.now()
    if agreement.ends <= now:
        agreements.close(transaction, agreement, LAPSED, "Its term is over.", "provider")
        return True
    if agreement.state == SIGNED and not agreements.is_recorded(transaction, agreement):
        reason = "The company is no trusted partner on the register any more."
        agreements.close(transaction, agreement, WITHDRAWN, reason, "provider")
        return True
    if agreement.state != SIGNED:
        return False
    compared = terms.compare(terms.load(tables, agreement.digest), transaction.policy)
    if compared.contained:
        return False
    what = terms.explain(compared) if compared.wider else "; ".join(compared.notes)
    transaction.note(None, SUSPENSION, actor="provider", evidence=(agreement.digest,))
    agreements.close(
        transaction, agreement, SUSPENDED, f"The policy has changed: {what}.", "provider"
    )
    for party, text in ((agreement.party, TO_THEM), (party_mail.OURSELVES, TO_US)):
        party_mail.write(
            transaction,
            party,
            f"Agreement {agreement.agreement_id[:8]} was suspended",
            text.format(name=agreement.partner, what=what),
        )
    return True
