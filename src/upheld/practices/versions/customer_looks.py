"""Which versions of the policy a customer has looked at, and which was posted since.

Going on from the page that shows what changed is a look, and the first use after the posting. Who
pays uses our services too, but has seen nothing by that: they are shown the changes later.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.public import Edition
from upheld.gate.transaction import Transaction
from upheld.practices.versions.tables import customer_version

LOOK: Final = "look"  # a matter of the table
FROM_PAGE: Final = "changes"  # how a service was first used after a posting
PAYMENT: Final = "payment"
_FIRST_USE: Final = "first-use"
_ACCOUNT, _CLOSED = "account", "account-closed"


class Unread(NamedTuple):
    """What a customer has not looked at yet: the versions after the last one that they saw."""

    last: Edition
    later: tuple[Edition, ...]

    @property
    def newest(self) -> Edition:
        """The version in force."""
        return self.later[-1]


def unread(transaction: Transaction, person_id: PersonId) -> Unread | None:
    """What somebody has not looked at yet; None for nothing, and for who closed their account."""
    editions = transaction.editions.all()
    if len(editions) < 2:
        return None
    last = _last_look(transaction, person_id, editions)
    if last == len(editions) - 1 or has_closed(transaction, person_id):
        return None
    return Unread(editions[last], tuple(editions[last + 1 :]))


def note_look(transaction: Transaction, person_id: PersonId, number: int) -> bool:
    """Note that somebody goes on, having looked at a version; False if that is not the newest.

    It is their first use since the posting, unless they have paid.
    """
    transaction.lock(person_id)
    there = unread(transaction, person_id)
    if there is None:
        return True
    if there.newest.number != number:
        return False
    transaction.tables.insert(
        customer_version,
        person_id=person_id,
        digest=there.newest.digest,
        matter=LOOK,
        state="",
        at=microseconds(transaction.clock.now()),
    )
    transaction.note_use(person_id, FROM_PAGE)
    return True


def _last_look(transaction: Transaction, person_id: PersonId, editions: list[Edition]) -> int:
    """The place of the last version that somebody looked at, or came to; the first's for none."""
    rows = transaction.tables.select(
        customer_version, "person_id = ? AND matter = ?", person_id, LOOK
    )
    digests = {each.digest for each in rows}
    uses, _ = transaction.records_of([person_id], [_FIRST_USE])
    used = max((each.valid_from for each in uses if each.how != PAYMENT), default=-1)
    return max(
        (
            at
            for at, each in enumerate(editions)
            if each.digest in digests or microseconds(each.posted_at) <= used
        ),
        default=0,
    )


def has_closed(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody has closed their account."""
    records, _ = transaction.records_of([person_id], [_ACCOUNT])
    at = microseconds(transaction.clock.now())
    return any(each.fact == _CLOSED and each.in_force(at) for each in records)
