"""What customers report of advertisements: why, and how often; nothing of who did."""

from __future__ import annotations

from typing import Final

from upheld.core.ids import CampaignId
from upheld.database.own_tables import Tables
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practices.ads.tables import ad_complaint

COMPLAINED, CLOSED = "ad.complaint", "ad.complaint-review"
SENTENCES: Final = {
    COMPLAINED: "A customer reported an advertisement",
    CLOSED: "{actor} looked at what customers reported of an advertisement",
}
REASONS: Final = {
    "misleading": "It is misleading",
    "offensive": "It is offensive",
    "forbidden": "It is for something forbidden or unsafe",
    "personal": "It seems to know something about me",
    "other": "Something else",
}


def complain(transaction: Transaction, campaign_id: CampaignId, reason: str) -> None:
    """Count that a customer reported a campaign, for one of the reasons."""
    transaction.lock(REGISTER)
    tables = transaction.tables
    tables.insert_new(ad_complaint, campaign_id=campaign_id, reason=reason, waiting=0, reviewed=0)
    tables.update(
        ad_complaint,
        {"waiting": lambda row: row.waiting + 1},
        "campaign_id = ? AND reason = ?",
        campaign_id,
        reason,
    )
    transaction.note(None, COMPLAINED, id=campaign_id)


def waiting(tables: Tables) -> dict[str, list[tuple[str, int]]]:
    """What nobody has looked at yet, by campaign: reasons in words, and how often."""
    result: dict[str, list[tuple[str, int]]] = {}
    for each in tables.select(ad_complaint, "ORDER BY campaign_id, reason"):
        if each.waiting:
            line = (REASONS.get(each.reason, each.reason), each.waiting)
            result.setdefault(each.campaign_id, []).append(line)
    return result


def close(transaction: Transaction, campaign_id: CampaignId, *, actor: str) -> bool:
    """Note that staff looked at what was reported of a campaign; whether anything waited."""
    transaction.lock(REGISTER)
    changed = transaction.tables.update(
        ad_complaint,
        {"reviewed": lambda row: row.reviewed + row.waiting, "waiting": 0},
        "campaign_id = ? AND waiting > 0",
        campaign_id,
    )
    if changed:
        transaction.note(None, CLOSED, actor=actor, id=campaign_id)
    return bool(changed)
