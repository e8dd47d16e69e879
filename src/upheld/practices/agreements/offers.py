"""What a partner offers, written by us to our customers, so that no address leaves.

The policy decides for each customer whether we may write to them, and each message is entered and
can be unsubscribed as any other of ours. The same text is written to nobody twice: a run that was
killed goes on where it was when it is started again. The partner learns nothing about anybody.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Act
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import outbox, parties
from upheld.practices.agreements import pulls
from upheld.practices.agreements.agreements import require_manager, require_partner
from upheld.practices.agreements.terms import AgreementError

PURPOSE: Final = "offers"
TEMPLATE: Final = "agreements/offer"
SUBJECT_MAX, TEXT_MAX = 100, 5_000
BATCH: Final = 100  # people in one transaction
WRITTEN: Final = "agreement.offer"
SENTENCES: Final = {WRITTEN: "{actor} had a partner's offer written to customers"}


class OfferRun(NamedTuple):
    """What came of a run: to how many it writes, and what the partner would get instead of that."""

    people: int
    fields: tuple[str, ...]  # of each of them, by its own program, as its agreement is now


def write(gate: Gate, which: str, subject: str, text: str, *, by: UserId) -> OfferRun:
    """Queue an offer to everybody to whom the policy lets us write for it; not twice to anybody.

    `subject` is one line, `text` plain paragraphs. AgreementError where either is none, or where
    the company is no trusted partner on the register.
    """
    subject, text = " ".join(subject.split()), text.strip()
    if not (subject and text) or len(subject) > SUBJECT_MAX or len(text) > TEXT_MAX:
        raise AgreementError(
            "the offer has no subject or no text, or is too long",
            code="agreement-offer",
            hint=f"write at most {SUBJECT_MAX} characters of subject and {TEXT_MAX:,} of text",
        )
    with gate.together() as transaction:
        user = require_manager(transaction.tables, by)
        transaction.lock(REGISTER)
        party = parties.find(transaction, which)
        require_partner(transaction, party)
        fields = pulls.allowed_fields(transaction, party, PURPOSE)
        digest = sha256(f"{party}\n{subject}\n{text}".encode()).hexdigest()
        actor = f"staff {user.user_id}"
        transaction.note(None, WRITTEN, actor=actor, purpose=PURPOSE, evidence=(digest,))
    words = {"partner": company_name(party), "subject": subject, "text": text}
    count, last = 0, ""
    while True:
        with gate.together() as transaction:
            require_partner(transaction, party)
            people = transaction.customers_after(last, BATCH)
            if not people:
                return OfferRun(count, fields)
            count += _queue(transaction, people, words, digest)
            last = people[-1]


def _queue(
    transaction: Transaction, people: list[PersonId], words: dict[str, str], digest: str
) -> int:
    """Queue the message to some people, but those whom we may not write to; to how many anew."""
    transaction.lock(*people)
    decisions = transaction.peek_each(people, Act(action="contact", purpose=PURPOSE))
    return sum(
        outbox.queue_once(transaction, each, TEMPLATE, PURPOSE, words, key=digest)
        for each in people
        if decisions[each].allowed
    )
