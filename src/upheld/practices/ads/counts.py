"""Views and clicks, counted by campaign and day until the day is reported.

Somebody counts so often in a month, whatever they look at and in how many sessions: that bound is
what the noise of reports rests on. Whoever objected to reports, or may not be counted, is not.
"""

from __future__ import annotations

from typing import Final

from upheld.core.ids import CampaignId, PersonId
from upheld.gate.act.duties import DutyQuestion
from upheld.gate.act.request import Act
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import bands
from upheld.practice.privacy_budget import GROUP, smallest_group
from upheld.practices.ads import campaigns
from upheld.practices.ads.campaigns import Campaign
from upheld.practices.ads.tables import ad_count, ad_share

VIEWS_EACH: Final = 12  # of one person in a month, of all campaigns together
CLICKS_EACH: Final = 3
VIEWED: Final = "page-request"  # the kind of data that a view or a click is
REPORTS: Final = "external-reports"


def is_of_counts(question: DutyQuestion) -> bool:
    """Whether an act is the count of a view or a click of a campaign that runs."""
    act = question.act
    if (act.action, act.purpose) != ("use", REPORTS) or VIEWED not in act.data:
        return False
    its = campaigns.find(question.tables, CampaignId(act.reference)) if act.reference else None
    if its is None or its.state != campaigns.APPROVED:
        return False
    fields = bands.fields_of(its.criteria) if its.criteria else ()
    return {*act.data} <= {VIEWED, *fields}


def may_see_more(transaction: Transaction, person_id: PersonId) -> bool:
    """Whether somebody saw few enough advertisements in this month to be shown another."""
    row = transaction.tables.get(ad_share, "mark = ?", _mark(transaction, person_id))
    return row is None or row.views < VIEWS_EACH


def count_view(transaction: Transaction, its: Campaign, person_id: PersonId) -> bool:
    """Count a view of today; whether it may be shown: it runs, and they did not see too many."""
    return _count(transaction, its, person_id, views=1, clicks=0)


def count_click(transaction: Transaction, its: Campaign, person_id: PersonId) -> bool:
    """Count a click of today; False where it counts for nothing."""
    return _count(transaction, its, person_id, views=0, clicks=1)


def _count(
    transaction: Transaction, its: Campaign, person_id: PersonId, *, views: int, clicks: int
) -> bool:
    transaction.lock(REGISTER)  # before sums are read: two views at once are counted both
    if campaigns.require(transaction.tables, its.campaign_id).state != campaigns.APPROVED:
        return False
    if not _may_count(transaction, its, person_id):
        return True
    if not _share(transaction, person_id, views, clicks):
        return False
    add(transaction, its, views=views, clicks=clicks)
    return True


def add(transaction: Transaction, its: Campaign, *, views: int = 0, clicks: int = 0) -> None:
    """Add views and clicks to today's, of whomever."""
    tables, day = transaction.tables, transaction.clock.today().isoformat()
    tables.insert_new(ad_count, campaign_id=its.campaign_id, day=day, views=0, clicks=0)
    tables.update(
        ad_count,
        {"views": lambda row: row.views + views, "clicks": lambda row: row.clicks + clicks},
        "campaign_id = ? AND day = ?",
        its.campaign_id,
        day,
    )


def _may_count(transaction: Transaction, its: Campaign, person_id: PersonId) -> bool:
    """Whether the policy lets us report that somebody looked, with the group that they are in."""
    fields = bands.fields_of(its.criteria) if its.criteria else ()
    data = (VIEWED, *fields)
    act = Act(action="use", data=data, purpose=REPORTS, reference=its.campaign_id)
    decision = transaction.peek(person_id, act)
    amounts = [int(each.amount or 0) for each in decision.duties if each.duty == GROUP]
    return decision.allowed and max(amounts, default=0) <= smallest_group(transaction.policy)


def _share(transaction: Transaction, person_id: PersonId, views: int, clicks: int) -> bool:
    """Take from what somebody may count in this month; False where nothing of it is left."""
    tables, mark = transaction.tables, _mark(transaction, person_id)
    month = transaction.clock.today().isoformat()[:7]
    tables.insert_new(ad_share, mark=mark, month=month, views=0, clicks=0)
    row = tables.get(ad_share, "mark = ?", mark)
    if row is None or row.views + views > VIEWS_EACH or row.clicks + clicks > CLICKS_EACH:
        return False
    changes = {"views": row.views + views, "clicks": row.clicks + clicks}
    return bool(tables.update(ad_share, changes, "mark = ?", mark))


def _mark(transaction: Transaction, person_id: PersonId) -> str:
    """Somebody in this month, as only our key says it."""
    month = transaction.clock.today().isoformat()[:7]
    return transaction.sealer("ads").mark_of("share", person_id, month).hex()
