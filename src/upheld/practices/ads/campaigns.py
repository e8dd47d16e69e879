"""Campaigns: booked by an advertiser, reviewed by staff, shown to whom the policy lets us.

A campaign for a group that may be smaller than the policy's smallest one is refused, and told no
number: see `estimates`. What an advertiser reads of one that runs is in `ad_reports`.
"""

from __future__ import annotations

import json
import re
import secrets
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from upheld.core.errors import UpheldError
from upheld.core.ids import CampaignId
from upheld.core.reason_text import require_reason
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.load import Policy
from upheld.practice import bands, parties
from upheld.practice.needs import can_ever
from upheld.practices.ads.page_numbers import is_numbered
from upheld.practices.ads.tables import ad_report, advertiser_domain, campaign

ADVERTISER: Final = "advertiser"
WAITING, APPROVED, REFUSED, STOPPED = "waiting", "approved", "refused", "stopped"
BOOKED, REVIEWED, DOMAIN = "ad.book", "ad.review", "ad.domain"
STOPPING, RESUMING = "ad.stop", "ad.resume"
ANEW, LEFT = "ad.review-anew", "ad.leave-stopped"
SENTENCES: Final = {
    BOOKED: "{actor} booked an advertisement",
    REVIEWED: "{actor} reviewed an advertisement",
    STOPPING: "{actor} stopped an advertisement",
    RESUMING: "{actor} let an advertisement run again",
    ANEW: "An advertisement was stopped, to be reviewed anew",
    LEFT: "{actor} left an advertisement stopped",
    DOMAIN: "{actor} wrote down the domain of an advertiser",
}
VIEWS, CLICKS = "views", "clicks"
BLOCK: Final = 1_000  # views or clicks are booked and paid for in blocks of so many
VIEWS_MAX: Final = 10_000_000
CENTS_MAX: Final = 100_000
REASON_MAX: Final = 200
OUTDATED: Final = "Its group was counted a year ago, and has to be counted anew"
TOO_SMALL: Final = "Too few people would see it"
_DOMAIN: Final = re.compile(r"(?=.{4,100}\Z)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}\Z")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._-]*)*\Z")


class AdError(UpheldError):
    """A campaign that cannot be booked or reviewed as it is said."""


class BookingError(AdError):
    """A campaign that cannot be booked as it is said; `field` is what is wrong about it."""

    def __init__(self, field: str, sentence: str, hint: str) -> None:
        super().__init__(sentence, code="ad", hint=hint)
        self.field = field


class Campaign(NamedTuple):
    """A campaign as it stands."""

    campaign_id: CampaignId
    party: str
    title: str
    text: str
    address: str
    category: str
    criteria: bands.Criteria
    begins: datetime
    ends: datetime
    views_max: int
    state: str
    reason: str
    eligible: int
    smallest: int
    paid_by: str
    cents: int
    reviewed_by: str = ""
    stops: str = ""
    """The days on which it was stopped and let run again, as their table writes them."""

    @property
    def last_moment(self) -> datetime:
        """A moment of its last day."""
        return self.ends - timedelta(microseconds=1)

    def is_live(self, now: datetime) -> bool:
        """Whether it may be shown at a moment."""
        return self.state == APPROVED and self.begins <= now < self.ends

    def is_over(self, now: datetime) -> bool:
        """Whether its last day is over at a moment."""
        return now >= self.ends

    def was_stopped(self, day: str) -> bool:
        """Whether it was stopped on the whole of a day, such as 2026-03-11: nobody saw it then."""
        spans = (each.split("/") for each in self.stops.split())
        return any(first < day and (not last or day < last) for first, last in spans)

    def is_anew(self, now: datetime) -> bool:
        """Whether it was stopped for a new review, and nobody has looked at it yet."""
        return self.state == STOPPED and not self.reviewed_by and not self.is_over(now)


class CampaignBooking(NamedTuple):
    """What an advertiser says of a campaign; `last` is its last day.

    It books `views_max` views or clicks, whichever it pays by, and pays so many cents for a block.
    """

    title: str
    text: str
    address: str
    category: str
    criteria: bands.Criteria
    first: date
    last: date
    views_max: int
    paid_by: str = VIEWS
    cents: int = 0


class Verdict(NamedTuple):
    """What becomes of a campaign; of one for a group, how many it reaches at least."""

    approve: bool
    eligible: int = 0
    smallest: int = 0


def keep_domain(transaction: Transaction, party: str, domain: str, *, actor: str) -> None:
    """Write down the domain on which an advertiser's pages lie. AdError for what is none."""
    domain = domain.strip().casefold()
    transaction.lock(REGISTER)
    if party not in parties.in_role(transaction, ADVERTISER):
        raise _error("this company is no advertiser on the register", "choose one that is")
    if not _DOMAIN.match(domain):
        raise _error("this is no domain", "write one such as shop.example")
    tables = transaction.tables
    if not tables.update(advertiser_domain, {"domain": domain}, "party = ?", party):
        tables.insert(advertiser_domain, party=party, domain=domain)
    transaction.note(None, DOMAIN, actor=actor)


def domain_of(tables: Tables, party: str) -> str:
    """The domain of an advertiser; empty where none is written down."""
    row = tables.get(advertiser_domain, "party = ?", party)
    return row.domain if row is not None else ""


def book(transaction: Transaction, party: str, booking: CampaignBooking, *, actor: str) -> Campaign:
    """Book a campaign, which waits for its review. AdError for one that cannot be."""
    transaction.lock(REGISTER)
    if party not in parties.in_role(transaction, ADVERTISER):
        raise _error("this company is no advertiser on the register", "ask us to add it")
    _require_address(booking.address, domain_of(transaction.tables, party))
    clock = transaction.clock
    if not clock.today() <= booking.first <= booking.last:
        raise BookingError(
            "last", "these days are over or in the wrong order", "choose a later last day"
        )
    if (booking.last - clock.today()).days > 3 * 365:
        raise BookingError("last", "the last day is too far away", "choose one within three years")
    if not 0 < booking.views_max <= VIEWS_MAX or booking.views_max % BLOCK:
        hint = f"write a multiple of {BLOCK:,}, {VIEWS_MAX:,} at most"
        raise BookingError("views_max", "this number cannot be booked", hint)
    if booking.paid_by not in (VIEWS, CLICKS) or not 0 <= booking.cents <= CENTS_MAX:
        hint = f"pay for views or for clicks, {CENTS_MAX // 100:,} dollars at most"
        raise BookingError("cents", "this price cannot be booked", hint)
    _require_criteria(booking, transaction.policy)
    campaign_id = CampaignId(secrets.token_hex(16))
    transaction.tables.insert(
        campaign,
        campaign_id=campaign_id,
        party=party,
        title=booking.title,
        text=booking.text,
        address=booking.address,
        category=booking.category,
        criteria=json.dumps({key: list(booking.criteria[key]) for key in sorted(booking.criteria)}),
        begins=microseconds(datetime.combine(booking.first, time(), clock.zone)),
        ends=microseconds(datetime.combine(booking.last + timedelta(days=1), time(), clock.zone)),
        views_max=booking.views_max,
        state=WAITING,
        reason="",
        eligible=0,
        smallest=0,
        created_at=microseconds(clock.now()),
        created_by=actor,
        reviewed_by="",
        paid_by=booking.paid_by,
        cents=booking.cents,
    )
    transaction.note(None, BOOKED, actor=actor, id=campaign_id)
    return require(transaction.tables, campaign_id)


def _require_address(address: str, domain: str) -> None:
    """AdError unless an address is a plain page of a domain, the same for whoever is led there."""
    if not domain:
        raise _error("your domain is not written down here yet", "ask us to add it")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    plain = f"https://{host}{parts.path}"
    on_domain = host == domain or host.endswith(f".{domain}")
    if address != plain or port or not on_domain or not _PATH.match(parts.path):
        raise _error(
            "the page must be a plain address on your domain",
            f"write https://{domain}/page, with no query, fragment, port or sign-in",
        )
    if is_numbered(host.removesuffix(domain) + parts.path):
        raise _error(
            "the page's address has what looks like somebody's number",
            "lead to a page that is named in words, with nine digits at most",
        )


def may_choose_by(policy: Policy, dimension: str) -> bool:
    """Whether a policy ever lets advertisements be chosen by a kind of bands."""
    field = bands.FIELD_OF[dimension]
    questions = f"show-ad {field} at service-use", f"use {field} for advertising"
    return all(can_ever(policy, each) for each in questions)


def _require_criteria(booking: CampaignBooking, policy: Policy) -> None:
    """AdError for a category or a band that is not on our list, or that the policy rules out."""
    listed = {each: {word for word, _ in bands.options(each)} for each in bands.TARGETS}
    for dimension, words in booking.criteria.items():
        if dimension == bands.AREA:
            fits = all(re.fullmatch(r"[0-9]{3}", each) for each in words)
        else:
            fits = {*words} <= listed.get(dimension, set())
        if not fits or not words:
            raise BookingError(
                dimension, "it is meant for a group that is not on our list", "choose from the list"
            )
        if not may_choose_by(policy, dimension):
            sentence = "our policy lets no advertisement be chosen by one of these kinds of groups"
            raise BookingError(dimension, sentence, "choose others, or anybody")
    if booking.category not in bands.CATEGORIES:
        raise BookingError(
            "category", "we take no advertisement of this kind", "choose from the list"
        )


def review(
    transaction: Transaction,
    campaign_id: CampaignId,
    *,
    verdict: Verdict,
    reason: str,
    actor: str,
) -> Campaign:
    """Approve or refuse a campaign that waits, as is said of it; it begins today at the earliest.

    AdError where it does not wait any more.
    """
    transaction.lock(REGISTER)
    its = require(transaction.tables, campaign_id)
    if its.state != WAITING:
        raise _error("this campaign was reviewed already", "open it again to see how")
    clock = transaction.clock
    today = datetime.combine(clock.today(), time(), clock.zone)
    changes = {
        "state": APPROVED if verdict.approve else REFUSED,
        "reason": reason,
        "eligible": verdict.eligible,
        "smallest": verdict.smallest,
        "begins": microseconds(max(its.begins, today) if verdict.approve else its.begins),
        "reviewed_by": actor,
    }
    transaction.tables.update(campaign, changes, "campaign_id = ?", campaign_id)
    transaction.note(None, REVIEWED, actor=actor, id=campaign_id)
    return require(transaction.tables, campaign_id)


def stop(transaction: Transaction, campaign_id: CampaignId, *, reason: str, actor: str) -> None:
    """Stop a campaign that was approved, for a reason that its advertiser reads.

    It is shown no more until it is resumed. AdError for any other, and for a reason that nobody
    could read.
    """
    reason = require_reason(reason, REASON_MAX, _error, "it needs a reason")
    _change(transaction, campaign_id, (APPROVED, STOPPED), reason, actor)
    transaction.note(None, STOPPING, actor=actor, id=campaign_id)


def stop_for_review(transaction: Transaction, campaign_id: CampaignId, *, reason: str) -> None:
    """Stop a campaign that was approved until somebody has looked at it again. AdError otherwise.

    The reason is read by its advertiser.
    """
    _change(transaction, campaign_id, (APPROVED, STOPPED), reason, "")
    transaction.note(None, ANEW, id=campaign_id)


def leave_stopped(transaction: Transaction, campaign_id: CampaignId, *, actor: str) -> None:
    """Leave a campaign stopped that waits for a new review. AdError for one that does not."""
    transaction.lock(REGISTER)
    its = require(transaction.tables, campaign_id)
    if its.state == STOPPED and its.reviewed_by:
        raise _error("this campaign was left stopped already", "open it again to see how it stands")
    if its.state != STOPPED:
        raise _error("this campaign is not stopped", "open it again to see how it stands")
    _change(transaction, campaign_id, (STOPPED, STOPPED), its.reason, actor)
    transaction.note(None, LEFT, actor=actor, id=campaign_id)


def leave_too_small(transaction: Transaction, campaign_id: CampaignId, *, actor: str) -> None:
    """Leave a campaign stopped whose group may be too small by now. AdError for one that runs.

    That is why from then on, unless somebody stopped it for a reason of theirs.
    """
    transaction.lock(REGISTER)
    its = require(transaction.tables, campaign_id)
    is_by_itself = not its.reviewed_by or its.reason == OUTDATED
    reason = TOO_SMALL if is_by_itself else its.reason
    _change(transaction, campaign_id, (STOPPED, STOPPED), reason, actor)
    transaction.note(None, LEFT, actor=actor, id=campaign_id)


def keep_size(tables: Tables, campaign_id: CampaignId, people: int, smallest: int) -> None:
    """Write down how many people the group of a campaign has at least, and the smallest group."""
    tables.update(
        campaign, {"eligible": people, "smallest": smallest}, "campaign_id = ?", campaign_id
    )


def resume(transaction: Transaction, campaign_id: CampaignId, *, actor: str) -> None:
    """Let a campaign run again that was stopped. AdError for any other."""
    _change(transaction, campaign_id, (STOPPED, APPROVED), "", actor)
    transaction.note(None, RESUMING, actor=actor, id=campaign_id)


def _change(
    transaction: Transaction,
    campaign_id: CampaignId,
    states: tuple[str, str],
    reason: str,
    actor: str,
) -> None:
    """From one state to another; AdError for a campaign that is not in the first."""
    transaction.lock(REGISTER)
    before, after = states
    its = require(transaction.tables, campaign_id)
    if its.state != before:
        sentence = "runs" if after == APPROVED else "does not run"
        raise _error(f"this campaign {sentence}", "open it again to see how it stands")
    changes = {"state": after, "reason": reason, "reviewed_by": actor}
    if before != after:
        changes["stops"] = _stops_after(transaction, its, after)
    transaction.tables.update(campaign, changes, "campaign_id = ?", campaign_id)


def _stops_after(transaction: Transaction, its: Campaign, state: str) -> str:
    """When a campaign was stopped and ran again, once it is in a state from today on."""
    today = transaction.clock.today().isoformat()
    if state == STOPPED:
        return f"{its.stops} {today}/".strip()
    if its.stops.endswith("/"):
        return its.stops + today
    # It was stopped before that was written down, after the last day that was reported.
    rows = transaction.tables.select(ad_report, "campaign_id = ?", its.campaign_id)
    first_day = its.begins.astimezone(transaction.clock.zone).date().isoformat()
    first = max((each.day for each in rows), default=first_day)
    return f"{its.stops} {first}/{today}".strip()


def every(tables: Tables, party: str = "") -> list[Campaign]:
    """All campaigns, or those of one advertiser, the latest first."""
    rows = tables.select(campaign, "ORDER BY created_at DESC, campaign_id")
    return [_from_row(each) for each in rows if party in ("", each.party)]


def unfinished(tables: Tables, now: datetime) -> list[Campaign]:
    """The campaigns that run at a moment, or will."""
    return [each for each in every(tables) if each.state == APPROVED and not each.is_over(now)]


def require_not_over(its: Campaign, now: datetime) -> None:
    """AdError for a campaign whose last day is over at a moment: nobody would see it."""
    if its.is_over(now):
        raise _error("the last day of this campaign is over", "a new one has to be booked")


def find(tables: Tables, campaign_id: CampaignId) -> Campaign | None:
    """The campaign with an id; None where there is none."""
    row = tables.get(campaign, "campaign_id = ?", campaign_id)
    return None if row is None else _from_row(row)


def require(tables: Tables, campaign_id: CampaignId) -> Campaign:
    """The campaign with an id. AdError where there is none."""
    its = find(tables, campaign_id)
    if its is None:
        raise _error("there is no such campaign", "look at the list")
    return its


def _from_row(row: Any) -> Campaign:
    values = {name: getattr(row, name) for name in Campaign._fields}
    values["criteria"] = json.loads(row.criteria)
    values["paid_by"], values["cents"] = row.paid_by or VIEWS, row.cents or 0
    values["stops"] = row.stops or ""
    values["begins"], values["ends"] = to_datetime(row.begins), to_datetime(row.ends)
    return Campaign(**values)


def _error(sentence: str, hint: str) -> AdError:
    return AdError(sentence, code="ad", hint=hint)
