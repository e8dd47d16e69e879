"""Separate agreements with a customer: notice of changes, or their approval, and what came of it.

A record names the version that it is about by its digest, so that the approval of one version is
none of the next, nor is the notice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from upheld.core.ids import PersonId, RecordId
from upheld.gate.public import Edition
from upheld.gate.transaction import Transaction
from upheld.practices.versions.drafts import DraftError
from upheld.practices.versions.tables import customer_agreement

NOTICE: Final = "agreement-needs-notice"
APPROVAL: Final = "agreement-needs-approval"
DAYS: Final = 30  # of a notice, where an agreement says no other number
_AGREEMENT: Final = "customer-agreement"


def agree(transaction: Transaction, person_id: PersonId, fact: str, days: int = DAYS) -> None:
    """Record that somebody's own agreement asks for notice of changes, or for their approval.

    They are written to about each version that does not bind them yet; a notice runs for `days`.
    """
    transaction.lock(person_id)
    if not in_force(transaction, person_id, fact):
        transaction.record(person_id, _AGREEMENT, fact=fact, actor="provider")
    tables, where = transaction.tables, "person_id = ? AND fact = ?"
    if not tables.update(customer_agreement, {"days": days}, where, person_id, fact):
        tables.insert(customer_agreement, person_id=person_id, fact=fact, days=days, settled="")


def end_agreements(transaction: Transaction, person_id: PersonId) -> int:
    """End what somebody's own agreement asks for; how many records."""
    records = [
        record for fact in (NOTICE, APPROVAL) for record in in_force(transaction, person_id, fact)
    ]
    for record in records:
        transaction.withdraw(person_id, record, ended=True, actor="provider")
    transaction.tables.purge(customer_agreement, "person_id = ?", person_id)
    return len(records)


def in_force(transaction: Transaction, person_id: PersonId, fact: str) -> list[RecordId]:
    """The records of what somebody's own agreement asks for."""
    records, _ = transaction.records_of([person_id], [_AGREEMENT])
    return [
        each.record_id
        for each in records
        if each.fact == fact and each.ends is None and each.withdrawn is None
    ]


def give_notice(
    transaction: Transaction, person_id: PersonId, edition: Edition, sent: datetime, days: int
) -> None:
    """Record a notice of a version that was sent: it is given once its days have run."""
    give_notice_of(transaction, person_id, edition.digest, sent, days)


def give_notice_of(
    transaction: Transaction, person_id: PersonId, digest: str, sent: datetime, days: int
) -> None:
    """Record a notice of a version, or of one that is announced, by its digest."""
    transaction.record(
        person_id,
        "notice",
        fact="notice-given",
        valid_from=sent + timedelta(days=days),
        how=digest,
        actor="provider",
    )


def take_back_notice(transaction: Transaction, person_id: PersonId, edition: Edition) -> int:
    """Withdraw the notices of a version, since the message came back; how many."""
    return take_back_notice_of(transaction, person_id, edition.digest)


def take_back_notice_of(transaction: Transaction, person_id: PersonId, digest: str) -> int:
    """Withdraw the notices of a version by its digest; how many."""
    records, _ = transaction.records_of([person_id], ["notice"])
    mine = [each for each in records if each.how == digest and each.withdrawn is None]
    for each in mine:
        transaction.withdraw(person_id, each.record_id, actor="provider")
    return len(mine)


def edition_named(transaction: Transaction, name: str) -> Edition:
    """The version with a name, or a number; DraftError where there is none."""
    for each in transaction.editions.all():
        if name and name in {each.version, str(each.number)}:
            return each
    raise DraftError(
        "no version of that name was posted",
        code="version-unknown",
        hint="`upheld version list` has all of them",
    )
