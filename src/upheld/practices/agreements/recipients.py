"""Everything that companies outside are asked to delete or correct: one list for each of them.

What a partner pulled is to be deleted when its agreement is over; anything else was asked for when
it was corrected or erased here, or when what let it out ended. Each request is signed by us.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core.ids import MessageId, PullId, RequestId
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice import operators, parties, party_mail, recipient_requests
from upheld.practice.recipient_requests import RecipientRequest
from upheld.practices.agreements import deletions
from upheld.practices.agreements.signatures import encode
from upheld.web.pages import format_day

PURPOSE: Final = "recipient-request"  # of the key by which requests are signed
TITLE: Final = "upheld request to a company that received something"

REMIND_EVERY: Final = timedelta(days=7)  # from the day of a request on
REMINDER: Final = """You have not told us yet that you did what we asked. It was due on {due}.

"""
LETTER: Final = """Hello {name}

Please {what} what you received from us, as this request says, and write to us by {due} that it is \
done. `about` is the id under which you got the person, `entries` are rows of what you received.

{statement}
Signature (Ed25519): {signature}
Our key: {key}
"""


class SignedRequest(NamedTuple):
    """A request as it goes to its company: a statement of it, and our signature in Base64."""

    request: RecipientRequest
    statement: str
    signature: str
    key: str

    def as_data(self, at: datetime) -> dict[str, object]:
        """What a program is given of it."""
        its = self.request
        return {
            "request": its.request_id,
            "what": its.what,
            "why": its.why,
            "about": its.name,
            "under": its.reference,
            "purpose": its.purpose,
            "fields": its.fields,
            "entries": its.entries,
            "asked": its.asked_at.isoformat(),
            "due": its.due.isoformat(),
            "late": its.is_late(at),
            "answered": its.answered_at.isoformat() if its.answered_at else None,
            "statement": self.statement,
            "signature": self.signature,
            "key": self.key,
        }


def of_party(transaction: Transaction, party: str) -> list[RecipientRequest]:
    """What a company is asked, what waits first."""
    requests = recipient_requests.of_party(transaction.tables, party)
    return _sorted([*requests, *deletions.of_party(transaction, party)])


def open_ones(transaction: Transaction) -> list[RecipientRequest]:
    """What no company has answered, what is due first first."""
    parties.load_names(transaction.tables)
    requests = recipient_requests.open_ones(transaction.tables)
    return _sorted([*requests, *deletions.open_ones(transaction)])


def acknowledge(
    transaction: Transaction, party: str, request_id: RequestId, *, actor: str
) -> RecipientRequest | None:
    """Note that a company did what it was asked; None where it was asked no such thing."""
    its = recipient_requests.acknowledge(transaction, party, request_id, actor=actor)
    if its is None:
        its = deletions.confirm(transaction, party, PullId(request_id), actor=actor)
    return its


def find_open(transaction: Transaction, which: str) -> RecipientRequest | None:
    """The request that waits under an id, whichever company's it is; None where none does."""
    return next((each for each in open_ones(transaction) if each.request_id == which), None)


def signed(transaction: Transaction, every: Iterable[RecipientRequest]) -> list[SignedRequest]:
    """Requests with our signatures."""
    signer = transaction.signer(PURPOSE)
    front = transaction.policy.front
    provider = " ".join((front.provider or front.policy).split())
    texts = [(each, _statement(each, provider)) for each in every]
    return [
        SignedRequest(each, text, encode(signer.sign(text.encode())), encode(signer.public))
        for each, text in texts
    ]


def write_to_companies(gate: Gate) -> int:
    """Write to companies that have an address about what they are asked; how many letters. The job.

    One without people here gets each request once. From its day on, whoever has not answered gets
    a reminder, and one more every week.
    """
    count = 0
    with gate.together() as transaction:
        tables, now = transaction.tables, transaction.clock.now()
        parties.load_names(tables)
        there = {
            each.party
            for each in operators.all_users(tables)
            if each.kind == "agent" and each.state == operators.ACTIVE
        }
        reachable: dict[str, bool] = {}
        due = []
        for its in open_ones(transaction):
            late, is_by_mail = its.is_late(now), its.party not in there and not its.purpose
            if not late and not is_by_mail:
                continue
            if its.party not in reachable:
                reachable[its.party] = bool(party_mail.find(tables, its.party))
            if reachable[its.party]:
                due.append(its)
        for each in signed(transaction, due):
            count += _write(transaction, each, now)
    return count


def _write(transaction: Transaction, signed_request: SignedRequest, now: datetime) -> bool:
    """Write the letter that a request needs now, unless it was written; whether it is a new one."""
    its = signed_request.request
    subject = f"Please {its.what} what you received: request {its.request_id[:8]}"
    letter, letter_id = LETTER, MessageId(its.request_id)
    if its.is_late(now):
        number = (now - its.due) // REMIND_EVERY
        mark = sha256(f"reminder {number} {its.request_id}".encode()).hexdigest()
        letter, letter_id = REMINDER + LETTER, MessageId(mark[:32])
        subject = f"Reminder: request {its.request_id[:8]} is late since {format_day(its.due)}"
    text = letter.format(
        name=its.company,
        what=its.what,
        due=format_day(its.due),
        statement=signed_request.statement,
        signature=signed_request.signature,
        key=signed_request.key,
    )
    return party_mail.write(transaction, its.party, subject, text, letter_id)


def _statement(its: RecipientRequest, provider: str) -> str:
    """What we sign, line by line."""
    return (
        f"{TITLE}\n"
        f"request: {its.request_id}\n"
        f"from: {provider}\n"
        f"to: {its.party}\n"
        f"what: {its.what}\n"
        f"why: {its.why}\n"
        f"about: {its.name}\n"
        f"under: {its.reference}\n"
        f"fields: {' '.join(its.fields)}\n"
        f"entries: {' '.join(its.entries)}\n"
        f"asked: {its.asked_at.isoformat()}\n"
        f"due: {its.due.isoformat()}\n"
    )


def _sorted(every: Iterable[RecipientRequest]) -> list[RecipientRequest]:
    return sorted(every, key=lambda each: (bool(each.answered_at), each.due, each.request_id))
