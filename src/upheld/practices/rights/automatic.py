"""Requests that the program answers by itself: what it does about one, when, and what bars it.

A copy is made when its customer asks for it, an erasure by a job once it can no longer be taken
back. Whoever may see which requests wait sees how such a one stands, and not whose it is: no value
is read, and no reason is given but clauses.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from upheld.core.ids import RecordId
from upheld.gate.public import VaultError
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice.citations import Quote, quote_decision, quote_for
from upheld.practices.rights import erasure, export, requests, value_erasure
from upheld.practices.rights.inventory import SECRET, field_shapes
from upheld.practices.rights.requests import RightsRequest


class AutomaticRequest(NamedTuple):
    """A request that the program answers by itself, as it stands."""

    request: RightsRequest
    begins: datetime | None  # when a job answers it, and nobody can take it back any more
    is_barred: bool  # whether our policy does not let it be answered now
    bars: list[Quote]  # the clauses that say so; none where no clause allows it
    stays: list[Quote]  # the clauses by which something is kept even so


def look(transaction: Transaction, request_id: RecordId) -> AutomaticRequest | None:
    """A request as it stands, by its id; None where staff answer it, or there is none."""
    request = requests.find_automatic(transaction.tables, request_id)
    if request is None:
        return None
    standing = AutomaticRequest(request, begins_at(request), False, [], [])
    if not request.waits:
        return standing
    try:
        refused = _refused(transaction, request)
        stays = _stays(transaction, request)
    except VaultError:  # erased since the request was read
        return None
    return standing._replace(
        is_barred=refused is not None,
        bars=_quote_bars(transaction, refused),
        stays=stays,
    )


def _quote_bars(transaction: Transaction, refused: Decision | None) -> list[Quote]:
    """The clauses by which a decision is not a yes, of the version that made it."""
    return (
        quote_decision(transaction.policy, refused, refused.clauses) if refused is not None else []
    )


def begins_at(request: RightsRequest) -> datetime | None:
    """When a job answers a request by itself; None where none does."""
    is_everything = request.kind == value_erasure.KIND and not request.about
    return request.received + erasure.WAITS if is_everything else None


def _refused(transaction: Transaction, request: RightsRequest) -> Decision | None:
    """The first decision, of those that answering a request needs, that is not a yes."""
    acts = [requests.action(request.kind)]
    if request.kind == export.KIND:
        shapes = field_shapes(transaction, request.person_id, derived=False)
        acts.insert(0, export.copy_act(each for each in shapes if each != SECRET))
    decisions = (transaction.peek(request.person_id, each) for each in acts)
    return next((each for each in decisions if not each.allowed), None)


def _stays(transaction: Transaction, request: RightsRequest) -> list[Quote]:
    """The clauses by which something stays of whoever wants to be erased."""
    if request.kind != value_erasure.KIND:
        return []
    person_id = request.person_id
    fields = [request.about] if request.about else list(transaction.held_fields(person_id))
    kept_fields = transaction.drop_outlook(person_id, fields).kept
    names = {name for each in kept_fields for name in each.clauses}
    return quote_for(transaction, person_id, names)
