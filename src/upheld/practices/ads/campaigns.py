"""Campaigns: booked by an advertiser, reviewed by staff, counted by day, reported in round numbers.

What an advertiser learns is no more than rounded counts of days that are over. A campaign that is
meant for fewer people than the policy's smallest group is refused, and told no number.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from upheld.core.errors import UpheldError
from upheld.core.ids import CampaignId, PersonId
from upheld.database.columns import microseconds
from upheld.database.own_tables import Tables, to_datetime
from upheld.gate.act.request import Act, Refused
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.request import Decision
from upheld.practice import ages, bands, parties
from upheld.practices.ads.tables import ad_count, advertiser_domain, campaign

ADVERTISER: Final = "advertiser"
WAITING, APPROVED, REFUSED, STOPPED = "waiting", "approved", "refused", "stopped"
BOOKED, REVIEWED, STOPPING, DOMAIN = "ad.book", "ad.review", "ad.stop", "ad.domain"
SENTENCES: Final = {
    BOOKED: "{actor} booked an advertisement",
    REVIEWED: "{actor} reviewed an advertisement",
    STOPPING: "{actor} stopped an advertisement",
    DOMAIN: "{actor} wrote down the domain of an advertiser",
}
GROUP: Final = "minimum-group"
REPORT_LEAST: Final = 50  # below which a report names no number, whatever the policy's group
ROUNDED_TO: Final = 10
VIEWS_MAX: Final = 10_000_000
TOO_SMALL: Final = "Too few people would see it"
BATCH: Final = 200
_DOMAIN: Final = re.compile(r"(?=.{4,100}\Z)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}\Z")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._-]*)*\Z")


class AdError(UpheldError):
    """A campaign that cannot be booked or reviewed as it is said."""


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

    def is_live(self, now: datetime) -> bool:
        """Whether it may be shown at a moment."""
        return self.state == APPROVED and self.begins <= now < self.ends


class CampaignBooking(NamedTuple):
    """What an advertiser says of a campaign; `last` is its last day."""

    title: str
    text: str
    address: str
    category: str
    criteria: bands.Criteria
    first: date
    last: date
    views_max: int


class DayReport(NamedTuple):
    """What an advertiser learns of a day that is over."""

    day: str
    views: str
    clicks: str


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
        raise _error("these days are over or in the wrong order", "choose a later last day")
    if (booking.last - clock.today()).days > 3 * 365:
        raise _error("the last day is too far away", "choose one within three years")
    if not 0 < booking.views_max <= VIEWS_MAX:
        raise _error("this number of views cannot be booked", f"write 1 to {VIEWS_MAX:,}")
    _require_criteria(booking)
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


def _require_criteria(booking: CampaignBooking) -> None:
    """AdError for a category or a band that is not on our list."""
    listed = {each: {word for word, _ in bands.options(each)} for each in bands.DIMENSIONS}
    for dimension, words in booking.criteria.items():
        if dimension == bands.AREA:
            fits = all(re.fullmatch(r"[0-9]{3}", each) for each in words)
        else:
            fits = {*words} <= listed.get(dimension, set())
        if not fits or not words:
            raise _error("it is meant for a group that is not on our list", "choose from the list")
    if booking.category not in bands.CATEGORIES:
        raise _error("we take no advertisement of this kind", "choose from the list")


def review(
    transaction: Transaction, campaign_id: CampaignId, *, approve: bool, reason: str, actor: str
) -> Campaign:
    """Approve or refuse a campaign that waits. One for too small a group is refused, whoever asks.

    AdError where it does not wait any more.
    """
    transaction.lock(REGISTER)
    its = require(transaction.tables, campaign_id)
    if its.state != WAITING:
        raise _error("this campaign was reviewed already", "open it again to see how")
    eligible, smallest = _count(transaction, its) if approve and its.criteria else (0, 0)
    if approve and its.criteria and (not smallest or eligible < smallest):
        approve, reason = False, TOO_SMALL
    changes = {
        "state": APPROVED if approve else REFUSED,
        "reason": reason,
        "eligible": eligible,
        "smallest": smallest,
        "reviewed_by": actor,
    }
    transaction.tables.update(campaign, changes, "campaign_id = ?", campaign_id)
    transaction.note(None, REVIEWED, actor=actor, id=campaign_id)
    return require(transaction.tables, campaign_id)


def stop(transaction: Transaction, campaign_id: CampaignId, *, actor: str) -> None:
    """Stop a campaign that was approved; it is shown no more. AdError for any other."""
    transaction.lock(REGISTER)
    if require(transaction.tables, campaign_id).state != APPROVED:
        raise _error("this campaign does not run", "open it again to see how it stands")
    changes = {"state": STOPPED, "reviewed_by": actor}
    transaction.tables.update(campaign, changes, "campaign_id = ?", campaign_id)
    transaction.note(None, STOPPING, actor=actor, id=campaign_id)


def _count(transaction: Transaction, its: Campaign) -> tuple[int, int]:
    """How many people a campaign is meant for and may reach, and the policy's smallest group.

    That group is 0 where the policy names none.
    """
    fields, today = bands.fields_of(its.criteria), transaction.clock.today()
    eligible = smallest = 0
    after = ""
    while people := transaction.customers_after(after, BATCH):
        after = people[-1]
        let = [(each, group) for each in people if (group := allowed(transaction, each, fields))]
        smallest = max([smallest, *(group for _, group in let)])
        for outcome in transaction.sweep(using(fields), [each for each, _ in let]).values():
            if not isinstance(outcome, Refused):
                values = {name: value.value for name, value in outcome.values.items()}
                eligible += is_meant(transaction, its.criteria, values, today)
    return eligible, smallest


def using(fields: Sequence[str]) -> Act:
    """The act of using what is known about somebody for advertising."""
    return Act(action="use", data=tuple(fields), purpose="advertising")


def showing(fields: Sequence[str]) -> Act:
    """The act of showing somebody an advertisement that is chosen by what is known about them."""
    return Act(action="show-ad", data=tuple(fields), occasion="service-use")


def supposing(data: str, occasion: str) -> Act:
    """What an advertiser may suppose about whoever sees or clicks."""
    return Act(action="infer", data=(data,), actor=ADVERTISER, occasion=occasion)


def decisions(
    transaction: Transaction, person_id: PersonId, fields: Sequence[str]
) -> list[Decision]:
    """What the policy says now to choosing advertisements for somebody by some fields."""
    acts = (
        showing(fields),
        using(fields),
        supposing("segment", "ad-view"),
        supposing("segment", "ad-click"),
    )
    return [transaction.peek(person_id, each) for each in acts]


def allowed(transaction: Transaction, person_id: PersonId, fields: Sequence[str]) -> int:
    """The smallest group for which somebody may be shown what is chosen so; 0 if they may not."""
    answers = decisions(transaction, person_id, fields)
    if not all(each.allowed for each in answers):
        return 0
    amounts = [int(d.amount or 0) for each in answers for d in each.duties if d.duty == GROUP]
    return max(amounts, default=0)


def is_meant(
    transaction: Transaction, criteria: bands.Criteria, values: Mapping[str, str], today: date
) -> bool:
    """Whether a campaign is meant for somebody by their values; never for a minor."""
    born = values.get(bands.BORN, "")
    if not born or ages.is_minor(transaction.policy, bands.age_on(born, today)):
        return False
    return bands.meets(criteria, bands.bands_of(values, today))


def every(tables: Tables, party: str = "") -> list[Campaign]:
    """All campaigns, or those of one advertiser, the latest first."""
    rows = tables.select(campaign, "ORDER BY created_at DESC, campaign_id")
    return [_from_row(each) for each in rows if party in ("", each.party)]


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


def count(transaction: Transaction, its: Campaign, *, views: int = 0, clicks: int = 0) -> bool:
    """Count a view or a click of today; whether it still runs and its views had room for it."""
    transaction.lock(REGISTER)  # before the sum is read: two views at once are counted both
    tables, day = transaction.tables, transaction.clock.today().isoformat()
    if require(tables, its.campaign_id).state != APPROVED:
        return False
    rows = tables.select(ad_count, "campaign_id = ?", its.campaign_id)
    if views and sum(each.views for each in rows) + views > its.views_max:
        return False
    tables.insert_new(ad_count, campaign_id=its.campaign_id, day=day, views=0, clicks=0)
    tables.update(
        ad_count,
        {"views": lambda row: row.views + views, "clicks": lambda row: row.clicks + clicks},
        "campaign_id = ? AND day = ?",
        its.campaign_id,
        day,
    )
    return True


def report(tables: Tables, its: Campaign, today: date) -> list[DayReport]:
    """Rounded counts of the days of a campaign that are over."""
    least = max(REPORT_LEAST, its.smallest)
    where = "campaign_id = ? AND day < ? ORDER BY day"
    rows = tables.select(ad_count, where, its.campaign_id, today.isoformat())
    return [DayReport(r.day, rounded(r.views, least), rounded(r.clicks, least)) for r in rows]


def rounded(number: int, least: int) -> str:
    """A count as it is reported: rounded down, and no number below the smallest group."""
    if number < least:
        return f"fewer than {least:,}"
    return f"{number - number % ROUNDED_TO:,}"


def _from_row(row: Any) -> Campaign:
    values = {name: getattr(row, name) for name in Campaign._fields}
    values["criteria"] = json.loads(row.criteria)
    values["begins"], values["ends"] = to_datetime(row.begins), to_datetime(row.ends)
    return Campaign(**values)


def _error(sentence: str, hint: str) -> AdError:
    return AdError(sentence, code="ad", hint=hint)
