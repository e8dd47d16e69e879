"""What a partner has to delete of what it pulled: by when, whether it said so, what is overdue.

It is due when the agreement under which it was pulled is over, however that came, unless another
one followed before; and earlier where the terms say `delete-after`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from upheld.core.company_names import company_name
from upheld.core.ids import PullId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.log.entries import after
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import AGREED, PARTNER, USE
from upheld.policy.load import Policy
from upheld.policy.request import Request
from upheld.practice import deliveries
from upheld.practices.agreements import agreements, pulls, terms
from upheld.practices.agreements.agreements import DRAFT, SIGNED, PartnerAgreement
from upheld.practices.agreements.tables import partner_pull as table
from upheld.practices.agreements.terms import AgreementError

DELETION: Final = "agreement.delete"
SENTENCES: Final = {DELETION: "{actor} said that they deleted what they received as a partner"}


class PartnerDeletion(NamedTuple):
    """What a partner got by one pull, by when it has to be deleted, and when it said that it is."""

    pull_id: PullId
    party: str
    purpose: str
    fields: tuple[str, ...]
    started_at: datetime
    due: datetime
    deleted_at: datetime | None

    @property
    def partner(self) -> str:
        """The partner's name as people read it."""
        return company_name(self.party)

    def is_overdue(self, at: datetime) -> bool:
        """Whether its day has come and nobody said that it is deleted."""
        return self.deleted_at is None and self.due <= at

    def as_data(self, at: datetime) -> dict[str, object]:
        """What a program is given of it: the pull, its purpose and fields, its day."""
        return {
            "pull": self.pull_id,
            "purpose": self.purpose,
            "fields": self.fields,
            "since": self.started_at.isoformat(),
            "due": self.due.isoformat(),
            "overdue": self.is_overdue(at),
            "deleted": self.deleted_at.isoformat() if self.deleted_at else None,
        }


def of_party(transaction: Transaction, party: str) -> list[PartnerDeletion]:
    """Everything that a partner got by its pulls, what is due first first."""
    return _every(transaction, transaction.tables.select(table, "party = ?", party))


def open_ones(transaction: Transaction) -> list[PartnerDeletion]:
    """What no partner has said to have deleted, what is due first first."""
    return _every(transaction, transaction.tables.select(table, "deleted IS NULL"))


def _every(transaction: Transaction, rows: Sequence[Any]) -> list[PartnerDeletion]:
    tables, signed_ones = transaction.tables, agreements.agreements(transaction.tables)
    results = []
    for row in rows:
        if not any(each.handed for each in deliveries.latest(tables, reference=row.pull_id)):
            continue  # nobody was in any page of it
        started = transaction.clock.local(to_datetime(row.started))
        mine = [each for each in signed_ones if each.party == row.party and each.record_id]
        results.append(
            PartnerDeletion(
                PullId(row.pull_id),
                row.party,
                row.purpose,
                tuple(row.fields.split()),
                started,
                _due(tables, mine, started, row),
                None if row.deleted is None else to_datetime(row.deleted),
            )
        )
    return sorted(results, key=lambda each: (each.due, each.pull_id))


def _due(tables: Tables, mine: Sequence[PartnerAgreement], started: datetime, row: Any) -> datetime:
    """When a pull has to be deleted, by the agreements of its partner that both sides signed."""
    due, first = started, None
    for each in sorted(mine, key=lambda one: (one.starts, one.agreement_id)):
        signed_at = each.accepted_at or each.starts
        if max(each.starts, signed_at) <= due and _end_of(each) > due:
            due, first = _end_of(each), first or each
    if first is None:
        return due
    policy, fields = terms.load(tables, first.digest), row.fields.split()
    periods = (_period(policy, field, row.purpose, started) for field in fields)
    return min([due, *(each for each in periods if each is not None)])


def _end_of(agreement: PartnerAgreement) -> datetime:
    """When an agreement is or was over: its last day, or when it was closed before that."""
    if agreement.state in (DRAFT, SIGNED):
        return agreement.ends
    return min(agreement.ends, agreement.changed_at)


def _period(text: Policy, field: str, purpose: str, since: datetime) -> datetime | None:
    """By when the terms want a field to be deleted; None where they do not say."""
    decision = text.decide(Request(USE, data=(field,), purpose=(purpose,)), {AGREED: True})
    every = [
        after(since, each.amount, each.unit)
        for each in decision.duties
        if each.duty == "delete-after"
    ]
    return min((each for each in every if each is not None), default=None)


def confirm(
    transaction: Transaction, party: str, pull_id: PullId, *, actor: str
) -> PartnerDeletion | None:
    """Note that a partner says that it deleted what it got by a pull, which ends with that.

    None where it has no such pull. Done again it changes nothing. AgreementError where nothing was
    given out by it.
    """
    transaction.lock(REGISTER)
    pull = pulls.find(transaction, party, pull_id)
    if pull is None:
        return None
    mine = [each for each in of_party(transaction, party) if each.pull_id == pull_id]
    if not mine:
        raise AgreementError(
            "nothing was given by this pull", code="no-deletion", hint="there is nothing to delete"
        )
    if mine[0].deleted_at is not None:
        return mine[0]
    pulls.end(transaction, pull)
    at = transaction.clock.now()
    changes = {"deleted": microseconds(at), "deleted_by": actor}
    transaction.tables.update(table, changes, "pull_id = ?", pull_id)
    transaction.note(
        None,
        DELETION,
        actor=actor,
        id=pull_id,
        data=pull.fields,
        recipient=f"{PARTNER} {party}",
        purpose=pull.purpose,
    )
    return mine[0]._replace(deleted_at=at)
