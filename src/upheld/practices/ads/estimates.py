"""How many people a group has, with noise: what decides whether a campaign for it may run.

A group is counted once in a year, whoever books a campaign for it and whatever comes of that; the
answer stands until then, and the privacy budget pays for it in the same transaction. No campaign
runs on an answer that is older: it is stopped, and its group counted anew before it runs again.
None runs on one that is not enough, either, whichever campaign its group was counted for.
"""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import sha256
from typing import Final, NamedTuple

from upheld.core.ids import CampaignId
from upheld.database.columns import microseconds
from upheld.database.own_tables import to_datetime
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.practice import bands, noise
from upheld.practice.privacy_budget import BUDGET, GROUP, pay, smallest_group
from upheld.practices.ads import campaigns, forbidden, month_prices, page_reading, segments
from upheld.practices.ads.campaigns import Campaign, Verdict
from upheld.practices.ads.periods import periods_of_group
from upheld.practices.ads.tables import ad_estimate

ESTIMATED: Final = "ad.estimate"
SENTENCES: Final = {ESTIMATED: "{actor} had the people counted whom an advertisement is meant for"}
POINTS: Final = 50  # what an estimate costs
MARGIN: Final = 1_000  # a group that is too small passes at most once in so many times
ROUNDED_TO: Final = 10
STANDS: Final = timedelta(days=365)


class Estimate(NamedTuple):
    """At least how many people a group has, and the policy's smallest group (0 for none)."""

    people: int
    smallest: int

    @property
    def is_enough(self) -> bool:
        """Whether a campaign for the group may run."""
        return 0 < self.smallest <= self.people


def prepare(gate: Gate, campaign_id: CampaignId) -> None:
    """Have those read whom an answer to a campaign counts, some at a time, before it is given.

    So nobody who writes waits until all of them are read. Nobody is read where nobody would be
    counted: AdError, BudgetError and NoiseError are those of the review. AdError, too, where
    somebody else has them read, and is not done soon.
    """
    with gate.consult() as transaction:
        its = campaigns.require(transaction.tables, campaign_id)
        if its.state not in (campaigns.WAITING, campaigns.STOPPED) or not its.criteria:
            return
        campaigns.require_not_over(its, transaction.clock.now())
        topics = forbidden.topics_of(transaction.tables, transaction.policy, its)
        price = _price_of(transaction, its.criteria)
        if topics.own or not price:
            return
        forbidden.require_name(topics)
        month_prices.require_room(transaction, its, price)
        page_reading.require_made(transaction, its.criteria)
    noise.load()
    segments.make_ready(gate, its.criteria)


def review(
    transaction: Transaction, campaign_id: CampaignId, *, approve: bool, reason: str, actor: str
) -> Campaign:
    """Approve or refuse a campaign.

    Whoever approves, one is refused whose group may be too small, or whose own words speak of what
    the policy's vocabulary calls sensitive.

    AdError where it does not wait any more, is over, its company's name speaks of that and is not
    allowed yet, or many people were not read before; BudgetError where nobody can be counted any
    more, or its first month cannot be paid for; and NoiseError without OpenDP: it waits then as it
    did.
    """
    transaction.lock(REGISTER)  # before it is read of what it speaks: a name may be taken back
    its = campaigns.require(transaction.tables, campaign_id)
    topics = forbidden.topics_of(transaction.tables, transaction.policy, its)
    if approve and its.state == campaigns.WAITING:
        campaigns.require_not_over(its, transaction.clock.now())
        if not topics.own:
            forbidden.require_name(topics)
    if not approve or its.state != campaigns.WAITING:
        verdict = Verdict(approve)
    elif topics.own:
        verdict = Verdict(approve=False)
        reason = f"{forbidden.REFUSED}: {', '.join(topics.own)}"
    elif not its.criteria:
        month_prices.require_room(transaction, its, {})
        verdict = Verdict(approve)
    else:
        month_prices.require_room(transaction, its, _price_of(transaction, its.criteria))
        estimate = estimate_of(transaction, its.criteria, actor=actor)
        verdict = Verdict(estimate.is_enough, estimate.people, estimate.smallest)
        if not verdict.approve:
            verdict, reason = Verdict(approve=False), campaigns.TOO_SMALL
    its = campaigns.review(transaction, campaign_id, verdict=verdict, reason=reason, actor=actor)
    if its.state == campaigns.APPROVED:
        month_prices.begin(transaction, its)
    return its


def stop_outdated(gate: Gate) -> int:
    """Stop what runs and may not by the answer to its group, too old or too small; how many.

    The job of that name. It counts nobody: it goes by what was answered before.
    """
    with gate.consult() as transaction:
        outdated = [
            its.campaign_id
            for its in campaigns.unfinished(transaction.tables, transaction.clock.now())
            if why_not(transaction, its)
        ]
    return sum(_stop_outdated(gate, each) for each in outdated)


def why_not(transaction: Transaction, its: Campaign) -> str:
    """Why a campaign may not run, by the answer to its group; empty where it may."""
    if not its.criteria:
        return ""
    estimate = _standing(transaction, its.criteria)
    if estimate is None:
        return campaigns.OUTDATED
    return "" if estimate.is_enough else campaigns.TOO_SMALL


def _stop_outdated(gate: Gate, campaign_id: CampaignId) -> bool:
    """Stop a campaign if it still runs and may not; whether it was."""
    with gate.together() as transaction:
        transaction.lock(REGISTER)  # before it is read: whatever came meanwhile counts
        its = campaigns.require(transaction.tables, campaign_id)
        reason = why_not(transaction, its)
        if its.state != campaigns.APPROVED or not reason:
            return False
        campaigns.stop_for_review(transaction, campaign_id, reason=reason)
        return True


def resume(transaction: Transaction, campaign_id: CampaignId, *, actor: str) -> Campaign:
    """Let a campaign run again that was stopped; it stays so where its group may be too small.

    A group that was counted too long ago is counted anew. Why somebody stopped it stays what its
    advertiser reads where it does not run. AdError for one that is not stopped, is
    over or speaks of something sensitive; BudgetError and NoiseError as for a review.
    """
    transaction.lock(REGISTER)  # first: a name may be taken back
    its = campaigns.require(transaction.tables, campaign_id)
    campaigns.require_not_over(its, transaction.clock.now())
    forbidden.require_none(transaction, its)
    if its.criteria and its.state == campaigns.STOPPED:
        if price := _price_of(transaction, its.criteria):
            month_prices.require_room(transaction, its, price)
        estimate = estimate_of(transaction, its.criteria, actor=actor)
        if not estimate.is_enough:
            campaigns.leave_too_small(transaction, campaign_id, actor=actor)
            return campaigns.require(transaction.tables, campaign_id)
        campaigns.keep_size(transaction.tables, campaign_id, estimate.people, estimate.smallest)
    campaigns.resume(transaction, campaign_id, actor=actor)
    return campaigns.require(transaction.tables, campaign_id)


def estimate_of(transaction: Transaction, criteria: bands.Criteria, *, actor: str) -> Estimate:
    """The estimate that stands for a group, or a new one, paid for. BudgetError if spent."""
    transaction.lock(REGISTER)  # before it is looked for: no two count the same group
    if (standing := _standing(transaction, criteria)) is not None:
        return standing
    page_reading.require_made(transaction, criteria)
    noise.require()
    pay(transaction, periods_of_group(criteria, transaction.clock.today()), POINTS)
    estimate = Estimate(
        with_noise(segments.current(transaction, criteria).count(criteria)),
        smallest_group(transaction.policy),
    )
    word = _word(criteria)
    transaction.tables.delete(ad_estimate, "criteria = ?", word)
    transaction.tables.insert(
        ad_estimate,
        criteria=word,
        people=estimate.people,
        smallest=estimate.smallest,
        made_at=microseconds(transaction.clock.now()),
    )
    fields, duties = bands.fields_of(criteria), (GROUP, BUDGET)
    transaction.note(
        None, ESTIMATED, actor=actor, purpose="advertising", data=fields, duties=duties
    )
    return estimate


def _standing(transaction: Transaction, criteria: bands.Criteria) -> Estimate | None:
    """The estimate of a group that stands now, by the policy's smallest group then and now."""
    row = transaction.tables.get(ad_estimate, "criteria = ?", _word(criteria))
    if row is None or transaction.clock.now() >= to_datetime(row.made_at) + STANDS:
        return None
    smallest = smallest_group(transaction.policy)
    return Estimate(row.people, max(row.smallest, smallest) if smallest else 0)


def _price_of(transaction: Transaction, criteria: bands.Criteria) -> dict[str, int]:
    """What an estimate of a group costs now, by period; nothing where one stands."""
    if _standing(transaction, criteria) is not None:
        return {}
    return dict.fromkeys(periods_of_group(criteria, transaction.clock.today()), POINTS)


def with_noise(people: int) -> int:
    """At least how many people a group has: with noise, less a margin for it, in round numbers."""
    (number,) = noise.add([people], 1, POINTS)
    number -= noise.width(noise.scale_of(1, POINTS), MARGIN)
    return max(number - number % ROUNDED_TO, 0)


def _word(criteria: bands.Criteria) -> str:
    """A group by a word, the same in whichever order it is written and however often."""
    plain = {key: sorted({*criteria[key]}) for key in sorted(criteria)}
    return sha256(json.dumps(plain).encode()).hexdigest()
