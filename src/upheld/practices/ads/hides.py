"""Which advertisements a customer wants to see no more: kept under their own key, until erased."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from upheld.core.ids import CampaignId, PersonId
from upheld.gate.transaction import Transaction
from upheld.practices.ads import campaigns
from upheld.practices.ads.tables import ad_hide

PURPOSE: Final = "ad-hide"
HIDES_MAX: Final = 1_000  # of one customer; the oldest choices go first
_PLACE: Final = "hidden"


def hidden_from(transaction: Transaction, person_id: PersonId) -> list[CampaignId]:
    """The ids of the campaigns that somebody hid, the latest last."""
    row = transaction.tables.get(ad_hide, "person_id = ?", person_id)
    return [] if row is None else _unseal(transaction, person_id, row)


def hide(transaction: Transaction, person_id: PersonId, campaign_id: CampaignId) -> None:
    """Let somebody see a campaign no more, in no session.

    Campaigns that are over are forgotten at the same time.
    """
    transaction.lock(person_id)
    now, tables = transaction.clock.now(), transaction.tables
    still = [
        each
        for each in hidden_from(transaction, person_id)
        if each != campaign_id
        and (its := campaigns.find(tables, each)) is not None
        and now < its.ends
    ]
    _keep(transaction, person_id, [*still, campaign_id][-HIDES_MAX:])


def show_all(transaction: Transaction, person_id: PersonId) -> bool:
    """Let somebody see what they hid again; whether there was anything."""
    transaction.lock(person_id)
    return bool(transaction.tables.delete(ad_hide, "person_id = ?", person_id))


def _keep(transaction: Transaction, person_id: PersonId, hidden: Iterable[CampaignId]) -> None:
    sealer = transaction.person_sealers(PURPOSE, [person_id])[person_id]
    words = sealer.seal(msgspec.json.encode([*hidden]), _PLACE)
    transaction.tables.delete(ad_hide, "person_id = ?", person_id)
    transaction.tables.insert(ad_hide, person_id=person_id, sealed=words)


def _unseal(transaction: Transaction, person_id: PersonId, row: Any) -> list[CampaignId]:
    sealer = transaction.person_sealers(PURPOSE, [person_id])[person_id]
    return msgspec.json.decode(
        sealer.unseal(row.sealed, _PLACE, what="a choice"), type=list[CampaignId]
    )
