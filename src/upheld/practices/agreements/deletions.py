"""What a partner has to delete of what it pulled: by when, whether it said so, what is overdue.

It is due when the agreement under which it was pulled is over, however that came, unless another
one followed before; and earlier where the terms say `delete-after`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from upheld.core.ids import PullId, RequestId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.log.entries import after
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.contains import AGREED, PARTNER, USE
from upheld.policy.load import Policy
from upheld.policy.request import Request
from upheld.practice import deliveries, recipient_requests
from upheld.practice.recipient_requests import RecipientRequest
from upheld.practices.agreements import agreements, pulls, terms
from upheld.practices.agreements.agreements import DRAFT, SIGNED, PartnerAgreement
from upheld.practices.agreements.tables import partner_pull as table

DELETION: Final = "agreement.delete"
SENTENCES: Final = {DELETION: "{actor} said that they deleted what they received as a partner"}


def of_party(transaction: Transaction, party: str) -> list[RecipientRequest]:
    """Everything that a partner got by its pulls, what is due first first."""
    return _every(transaction, transaction.tables.select(table, "party = ?", party))


def open_ones(transaction: Transaction) -> list[RecipientRequest]:
    """What no partner has said to have deleted, what is due first first."""
    return _every(transaction, transaction.tables.select(table, "deleted IS NULL"))


def _every(transaction: Transaction, rows: Sequence[Any]) -> list[RecipientRequest]:
    tables, signed_ones = transaction.tables, agreements.agreements(transaction.tables)
    results = []
    for row in rows:
        if not any(each.handed for each in deliveries.latest(tables, reference=row.pull_id)):
            continue  # nobody was in any page of it
        started = transaction.clock.local(to_datetime(row.started))
        mine = [each for each in signed_ones if each.party == row.party and each.record_id]
        results.append(
            RecipientRequest(
                RequestId(row.pull_id),
                row.party,
                PARTNER,
                recipient_requests.DELETE,
                recipient_requests.AGREEMENT_OVER,
                "",
                row.pull_id,
                row.purpose,
                tuple(row.fields.split()),
                (),
                started,
                _due(tables, mine, started, row),
                None if row.deleted is None else to_datetime(row.deleted),
            )
        )
    return sorted(results, key=lambda each: (each.due, each.request_id))


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
) -> RecipientRequest | None:
    """Note that a partner says that it deleted what it got by a pull, which ends with that.

    None where it has no such pull, or got nothing by it. Done again it changes nothing.
    """
    transaction.lock(REGISTER)
    pull = pulls.find(transaction, party, pull_id)
    mine = [each for each in of_party(transaction, party) if each.reference == pull_id]
    if pull is None or not mine or mine[0].answered_at is not None:
        return mine[0] if mine else None
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
    return mine[0]._replace(answered_at=at)
