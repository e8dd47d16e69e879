"""What a customer whose own agreement asks for it decided about a version: one decision counts.

An approval is a record, on which `change-approved` rests. A refusal is for good: the version never
binds them. Both stand in a row of the version and person, so that neither is given twice.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.transaction import Transaction
from upheld.practices.versions import agreements
from upheld.practices.versions.customer_looks import has_closed
from upheld.practices.versions.drafts import ANNOUNCED, DraftError, drafts
from upheld.practices.versions.tables import customer_version

DECISION: Final = "decision"  # a matter of the table
APPROVED: Final = "approved"
REFUSED: Final = "refused"
REFUSAL: Final = "version.refused"  # the kind of the entry


class CustomerDecision(NamedTuple):
    """What a customer decided about a version, by its digest, and when."""

    digest: str
    state: str
    at: datetime


def decisions(transaction: Transaction, person_id: PersonId) -> list[CustomerDecision]:
    """Everything that somebody decided, the oldest first."""
    rows = transaction.tables.select(
        customer_version, "person_id = ? AND matter = ?", person_id, DECISION
    )
    listed = [CustomerDecision(each.digest, each.state, to_datetime(each.at)) for each in rows]
    return sorted(listed, key=lambda each: each.at)


def needs_approval(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody's own agreement asks for their approval."""
    return bool(agreements.in_force(transaction, person_id, agreements.APPROVAL))


def open_versions(transaction: Transaction, person_id: PersonId) -> list[str]:
    """The digests of the versions that wait for somebody's decision: posted ones, and announced.

    None of somebody who closed their account.
    """
    if not needs_approval(transaction, person_id) or has_closed(transaction, person_id):
        return []
    over = {each.digest for each in decisions(transaction, person_id)}
    posted = [each.edition.digest for each in transaction.standings(person_id) if not each.binds]
    announced = [each.digest for each in drafts(transaction.tables, ANNOUNCED)]
    return [each for each in (*posted, *announced) if each not in over]


def decide(transaction: Transaction, person_id: PersonId, digest: str, state: str) -> bool:
    """Approve or refuse a version; False if it does not wait for a decision of theirs."""
    transaction.lock(person_id)
    if digest not in open_versions(transaction, person_id):
        return False
    _keep(transaction, person_id, digest, state)
    return True


def approve_change(transaction: Transaction, person_id: PersonId, digest: str) -> None:
    """Record that somebody approved a version elsewhere; DraftError where they had refused it."""
    transaction.lock(person_id)
    earlier = [each for each in decisions(transaction, person_id) if each.digest == digest]
    if not earlier:
        _keep(transaction, person_id, digest, APPROVED)
    elif earlier[0].state == REFUSED:
        raise DraftError(
            "they have refused this version",
            code="version-refused",
            hint="a refusal is for good: ask them about a later version",
        )


def _keep(transaction: Transaction, person_id: PersonId, digest: str, state: str) -> None:
    transaction.tables.insert(
        customer_version,
        person_id=person_id,
        digest=digest,
        matter=DECISION,
        state=state,
        at=microseconds(transaction.clock.now()),
    )
    if state == APPROVED:
        transaction.record(
            person_id, "approval", fact="change-approved", how=digest, by_whom="customer"
        )
    else:
        transaction.note(person_id, REFUSAL, actor="customer", evidence=(digest,))
