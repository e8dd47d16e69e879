"""How a customer who was taken in from a file gets in: by a message to the address that we hold.

They get it when they ask for a new password, or when somebody signs up with their address: whoever
that is cannot put words of their own into what we hold. The link in it opens their account.
"""

from __future__ import annotations

from typing import Final

from upheld.core.ids import PersonId
from upheld.gate.act.request import Refused
from upheld.gate.evidence.provers import BIRTH_DATE
from upheld.gate.transaction import Transaction
from upheld.practice.admission import admission
from upheld.practice.events import ACCOUNT_OPENED
from upheld.practice.form_values import today, with_check
from upheld.practice.plugin import Provider
from upheld.practices.accounts import domain
from upheld.practices.accounts.registration import age_of
from upheld.web.forms import Field

BIRTH: Final = Field(
    BIRTH_DATE,
    "Your birth date",
    "date",
    autocomplete="bday",
    length_max=10,
    hint="We do not have it yet, and need it to know whether we may serve you.",
)


def fields(provider: Provider, transaction: Transaction, person_id: PersonId) -> list[Field]:
    """What is asked beside a password: the birth date of a newcomer of whom we hold none."""
    if domain.account_of(transaction.tables, person_id) is not None:
        return []
    if (
        BIRTH_DATE in transaction.held_fields(person_id)
        or not admission(transaction.policy).asks_age
    ):
        return []
    return [with_check(provider, BIRTH_DATE, BIRTH)]


def refusal_by_age(provider: Provider, born: str) -> Refused | None:
    """The refusal, where the policy does not let us serve somebody of a birth date alone."""
    policy = provider.policy
    decision = admission(policy).decision_at(age_of(born, today(provider)))
    return None if decision.allowed else Refused(None, decision)


def open_account(
    provider: Provider, transaction: Transaction, person_id: PersonId, born: str
) -> Refused | None:
    """Open the account of somebody who has none and came by a link to their address.

    They accept policy and terms when they first sign in.
    """
    if domain.account_of(transaction.tables, person_id) is not None:
        return None
    if born:
        result = transaction.store(
            person_id,
            {BIRTH_DATE: born},
            source="customer",
            occasion="registration",
            purpose="age-check",
            entitled=True,
        )
        if isinstance(result, Refused):
            return result
    domain.open_account(transaction, person_id, agreement_digest="")
    domain.require_acceptance(transaction, person_id)
    domain.verify(transaction, person_id)
    provider.events.announce(transaction, ACCOUNT_OPENED, person_id)
    return None
