"""Becoming a customer: what somebody told is stored as the policy lets it, or nothing at all.

The birth date comes first, because what may be asked hangs on it. Then the rest, the password, the
account, what was accepted, and the message that confirms the address. Whatever is refused undoes
all of it: nobody is registered by halves.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from upheld.core.ids import NOBODY, PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.evidence.field_values import birth_date
from upheld.gate.evidence.provers import BIRTH_DATE, years
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.policy.request import Decision
from upheld.practice import credentials, invitations, outbox
from upheld.practice.ages import OFF_FOR_MINORS, is_minor
from upheld.practice.events import ACCOUNT_OPENED
from upheld.practice.invitations import Invitation
from upheld.practice.plugin import Provider
from upheld.practices.accounts import domain
from upheld.practices.accounts.registration_form import (
    ADVERTISING,
    CHOICES,
    OFFERS,
    PASSWORD,
    shape_of,
)

_OPT_OUTS: Final[Mapping[str, tuple[str, Mapping[str, tuple[str, ...]]]]] = {
    OFFERS: ("opted-out", {"purpose": ("offers",)}),
    ADVERTISING: ("advertising-opt-out", {}),
}
"""Of each choice: the fact that its opt-out proves, and what that is about."""


class Applicant(NamedTuple):
    """Who wants to be a customer: values by field, and the invitation by which they came.

    `chose` says whether their form asked for choices, so that none is made for who had none.
    """

    values: Mapping[str, str]
    password_hash: str
    agreement: str
    invitation: Invitation | None = None
    chose: bool = False


def age_of(text: str, today: date) -> int:
    """Whole years since a birth date; ValueError with a sentence where it cannot be one."""
    return years(date.fromisoformat(birth_date(text, today)), today)


def starts_as_minor(policy: Policy, values: Mapping[str, str], today: date) -> bool:
    """Whether the policy counts somebody as a minor by what they typed when they signed up."""
    return BIRTH_DATE in values and is_minor(policy, age_of(values[BIRTH_DATE], today))


def note_refusal(transaction: Transaction, decision: Decision) -> None:
    """Enter that somebody was refused; the entry names no person and no birth date."""
    transaction.note(
        None,
        "refusal",
        action="serve",
        outcome=decision.outcome,
        clauses=decision.clauses,
        occasion="registration",
    )


def register(provider: Provider, transaction: Transaction, applicant: Applicant) -> PersonId | None:
    """Register somebody and return their id; nobody's if the address has an account already.

    None if their invitation was used or has expired. A message goes to the address in the first
    two cases, so that nobody else learns which of them it was. Raises Refused where the policy
    refuses any part; nothing is kept then.
    """
    email = applicant.values["email"]
    holder, before = (
        domain.person_at_address(transaction, email),
        domain.imported_person(transaction, email),
    )
    there = holder or before
    person: PersonId | None = None
    try:
        with transaction.savepoint():
            person = _register_person(provider, transaction, applicant)
            if there:
                raise _AlreadyHereError  # noqa: TRY301 - it undoes what stands in the block
    except _AlreadyHereError:
        template = "accounts/already" if holder else domain.WELCOME
        _write_to_holder(transaction, there or NOBODY, template)
        return NOBODY
    if person is not None:
        _raise_refusal(outbox.queue(transaction, person, domain.CONFIRM, "administrative-message"))
    return person


class _AlreadyHereError(Exception):
    """Who signs up is here already: all that was done for somebody new is undone.

    It is done first all the same, so that nobody can tell by how long it takes.
    """


def _register_person(
    provider: Provider, transaction: Transaction, applicant: Applicant
) -> PersonId | None:
    """Make somebody a customer; None where their invitation is over."""
    invited = applicant.invitation
    if invited and (invited := invitations.redeem(transaction, invited)) is None:
        return None
    person = transaction.enrol()
    minor = starts_as_minor(transaction.policy, applicant.values, transaction.clock.today())
    values = {
        word: value
        for word, value in applicant.values.items()
        if not (minor and word == CHOICES)  # their choices start off, whatever a form sends
    }
    _store(transaction, person, {word: values[word] for word in values if word == BIRTH_DATE})
    _store(
        transaction,
        person,
        {word: values[word] for word in values if word not in (BIRTH_DATE, PASSWORD)},
    )
    _raise_refusal(
        credentials.change_secret(
            transaction,
            person,
            credentials.SIGN_IN,
            applicant.password_hash,
            occasion="registration",
        )
    )
    domain.open_account(
        transaction,
        person,
        agreement_digest=applicant.agreement,
        holder=invited.inviter if invited else None,
    )
    domain.accept(transaction, person, applicant.agreement)
    if minor or applicant.chose:
        _record_choices(transaction, person, values.get(CHOICES, ""), minor=minor)
    provider.events.announce(
        transaction, ACCOUNT_OPENED, person, invited.invitation_id if invited else ""
    )
    _raise_refusal(domain.check_may_serve(transaction, person))
    return person


def _write_to_holder(transaction: Transaction, person_id: PersonId, template: str) -> None:
    """Write to whoever has the address already, if the policy still lets us write to them.

    Refused only where we might not write to somebody who signed up anew either.
    """
    result = outbox.queue(transaction, person_id, template, "administrative-message")
    anybody = Act(action="contact", purpose="administrative-message")
    if (
        isinstance(result, Refused)
        and not transaction.peek(domain.placeholder_person(transaction), anybody).allowed
    ):
        raise result


def _store(transaction: Transaction, person_id: PersonId, values: Mapping[str, str]) -> None:
    if values:
        _raise_refusal(
            transaction.store(
                person_id,
                values,
                source="customer",
                occasion="registration",
                purpose="service-provision",
                entitled=True,
            )
        )


def _record_choices(
    transaction: Transaction, person_id: PersonId, text: str, *, minor: bool
) -> None:
    """Record what is off from the first day on: all that the policy lets us do and nobody chose.

    For a minor all of it is off by our own record, until they turn it on.
    """
    facts = transaction.policy.program.vocabulary.facts
    options = shape_of(transaction.policy, CHOICES).options
    offered = {
        word
        for word, _ in options
        if (proven := facts.get(_OPT_OUTS[word][0])) is not None and proven.proof == "opt-out"
    }
    by_whom, how = ("provider", OFF_FOR_MINORS) if minor else ("customer", "registration")
    for word in sorted(offered.difference(() if minor else text.split(", "))):
        fact, about = _OPT_OUTS[word]
        transaction.record(person_id, "opt-out", fact=fact, about=about, by_whom=by_whom, how=how)


def _raise_refusal(result: object) -> None:
    """Raise what was refused, so that nothing of the whole is kept."""
    if isinstance(result, Refused):
        raise result
