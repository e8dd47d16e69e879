"""What an advertiser reads and pays: views and clicks of days that are over, with noise.

All campaigns of a kind share one price of a month from the privacy budget, because somebody counts
in all of them together no more often than `counts` lets them. A day is reported once; its exact
counts go in the same transaction, and whether a campaign has what was booked is decided by what was
reported.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from upheld.database.own_tables import Tables
from upheld.gate.gate import Gate
from upheld.gate.public import REGISTER
from upheld.gate.transaction import Transaction
from upheld.policy.analyse.query import query
from upheld.practice import noise, parties
from upheld.practice.privacy_budget import BUDGET
from upheld.practice.sheets import sheet
from upheld.practices.ads import campaigns, month_prices
from upheld.practices.ads.campaigns import BLOCK, CLICKS, Campaign
from upheld.practices.ads.counts import CLICKS_EACH, REPORTS, VIEWED, VIEWS_EACH
from upheld.practices.ads.month_prices import POINTS, QUESTION
from upheld.practices.ads.periods import kind_of
from upheld.practices.ads.tables import ad_count, ad_report, ad_share

REPORTED: Final = "ad.report"
SENTENCES: Final = {REPORTED: "What advertisers read of days that are over was made, with noise"}
LEAST: Final = 50  # below which a day has no number, whatever the policy's group
ROUNDED_TO: Final = 10
MAKING: Final = "The last days are being reported."
NO_MORE: Final = "The privacy budget for this is spent."
NOT_NOW: Final = "Numbers cannot be reported at the moment."
NEVER: Final = "Our policy does not let us report numbers now."
Cell = tuple[Campaign, str]  # a campaign and a day


class AdDay(NamedTuple):
    """A day that was reported: numbers in words, and what it costs."""

    day: str
    views: str
    clicks: str
    cents: int


class AdTotals(NamedTuple):
    """What was reported of a campaign so far; `why` says why days are missing, if any are."""

    days: list[AdDay]
    views: int
    clicks: int
    cents: int
    why: str


class AdBill(NamedTuple):
    """What a campaign costs in a month."""

    its: Campaign
    blocks: int
    cents: int


def make_all(gate: Gate) -> int:
    """Report the days that are over; how many lines. The job of that name.

    None without OpenDP: whoever starts the provider, and its managers, read that it is not there.
    The month of what runs now is paid for besides, so that it is the same whoever looks at a page.
    """
    with gate.together() as transaction:
        _pay_for_what_runs(transaction)
        return make(transaction) if noise.is_there() else 0


def _pay_for_what_runs(transaction: Transaction) -> None:
    """Pay for the month of what may be shown now; nothing for what was stopped or has no company.

    Nothing is shown in a month that was not paid for then, so that none is paid for afterwards.
    """
    now, companies = transaction.clock.now(), parties.in_role(transaction, campaigns.ADVERTISER)
    live = (
        each
        for each in campaigns.unfinished(transaction.tables, now)
        if each.is_live(now) and each.party in companies
    )
    month_prices.kinds_to_show(transaction, sorted({kind_of(each.criteria) for each in live}))


def make(transaction: Transaction) -> int:
    """Report the days that are over in a transaction; how many lines."""
    transaction.lock(REGISTER)  # before it is looked what is due: no day is reported twice
    tables, today = transaction.tables, transaction.clock.today().isoformat()
    tables.delete(ad_share, "month < ?", today[:7])
    if not month_prices.are_counted(transaction.policy):
        return 0
    _pay_for_what_runs(transaction)
    due = _due(transaction)
    if due:
        noise.require()
    lines = sum(
        _release(transaction, of_month, kind, cells)
        for (of_month, kind), cells in sorted(due.items())
    )
    tables.delete(ad_count, "day < ?", today)  # of days that no advertiser can be charged for
    return lines


def _due(transaction: Transaction) -> dict[tuple[str, str], list[Cell]]:
    """What is not reported yet, by month and kind: a line for each day, seen by anybody or not.

    Months that are not paid for have none: nothing was shown in them.
    """
    tables, today = transaction.tables, transaction.clock.today()
    paid = month_prices.paid_months(tables)
    result: dict[tuple[str, str], list[Cell]] = {}
    for its in campaigns.every(tables):
        there = {each.day for each in tables.select(ad_report, "campaign_id = ?", its.campaign_id)}
        kind = kind_of(its.criteria)
        for day in _days(its, today, transaction):
            if day not in there and (day[:7], kind) in paid:
                result.setdefault((day[:7], kind), []).append((its, day))
    return result


def _days(its: Campaign, today: date, transaction: Transaction) -> list[str]:
    """The days of a campaign that are over, but those on which it was stopped.

    None of one that never ran. Of a day on which nobody can have seen it there is nothing to tell,
    and noise would be charged for.
    """
    is_over = its.state == campaigns.STOPPED and not its.stops.endswith("/")  # of before `stops`
    if its.state not in (campaigns.APPROVED, campaigns.STOPPED) or is_over:
        return []
    zone = transaction.clock.zone
    first, end = its.begins.astimezone(zone).date(), min(its.ends.astimezone(zone).date(), today)
    days = ((first + timedelta(days=at)).isoformat() for at in range((end - first).days))
    return [each for each in days if not its.was_stopped(each)]


def _release(transaction: Transaction, month: str, kind: str, cells: list[Cell]) -> int:
    """Report some days of a month, and let go of their exact counts; how many lines."""
    tables = transaction.tables
    rows = tables.select(ad_count, "day >= ? AND day <= ?", f"{month}-01", f"{month}-31")
    counts = {(each.campaign_id, each.day): each for each in rows}
    each_day = [counts.get((its.campaign_id, day)) for its, day in cells]
    views, clicks = with_noise(
        [each.views if each else 0 for each in each_day],
        [each.clicks if each else 0 for each in each_day],
        POINTS[kind],
    )
    for (its, day), of_views, of_clicks in zip(cells, views, clicks, strict=True):
        words = {"campaign_id": its.campaign_id, "day": day}
        tables.insert(ad_report, **words, views=of_views, clicks=of_clicks)
        tables.delete(ad_count, "campaign_id = ? AND day = ?", its.campaign_id, day)
    clauses = {word for case in query(transaction.policy, QUESTION).cases for word in case.clauses}
    transaction.note(
        None,
        REPORTED,
        purpose=REPORTS,
        data=(VIEWED,),
        duties=(BUDGET,),
        clauses=tuple(sorted(clauses)),
    )
    return len(cells)


def with_noise(
    views: Iterable[int], clicks: Iterable[int], points: int
) -> tuple[list[int], list[int]]:
    """Views and clicks as they are reported: half of the price is for either."""
    return (
        noise.add([*views], VIEWS_EACH, points // 2),
        noise.add([*clicks], CLICKS_EACH, points - points // 2),
    )


def off_by(kind: str) -> tuple[int, int]:
    """How far views and clicks of a day may be off, 19 times in 20."""
    half = POINTS[kind] // 2
    return (
        noise.width(noise.scale_of(VIEWS_EACH, half), 20),
        noise.width(noise.scale_of(CLICKS_EACH, half), 20),
    )


def has_its_booking(tables: Tables, its: Campaign) -> bool:
    """Whether a campaign has what was booked, by what was reported of it."""
    rows = tables.select(ad_report, "campaign_id = ?", its.campaign_id)
    return sum(_number(its, each) for each in rows) >= its.views_max


def without_their_booking(tables: Tables, its: Iterable[Campaign]) -> list[Campaign]:
    """The campaigns of some that have not what was booked yet.

    Sums that are not checked say which may have it, and what is checked says which do.
    """
    columns, where = ("campaign_id", "SUM(views)", "SUM(clicks)"), "day <> '' GROUP BY campaign_id"
    sums = {each: most for each, *most in tables.select_unchecked(ad_report, columns, where)}
    return [
        each
        for each in its
        if max(sums.get(each.campaign_id, (0,))) < each.views_max
        or not has_its_booking(tables, each)
    ]


def totals_of(transaction: Transaction, its: Campaign) -> AdTotals:
    """What was reported of a campaign so far, and what it costs."""
    rows = transaction.tables.select(ad_report, "campaign_id = ? ORDER BY day", its.campaign_id)
    least, total, full, days = max(LEAST, its.smallest), 0, 0, []
    for each in rows:
        total, before = total + _number(its, each), full
        full = min(max(full, total // BLOCK), its.views_max // BLOCK)
        words = number_as_read(each.views, least), number_as_read(each.clicks, least)
        days.append(AdDay(each.day, *words, (full - before) * its.cents))
    missing = _missing(transaction, its, {each.day for each in rows})
    return AdTotals(
        days,
        max(sum(each.views for each in rows), 0),
        max(sum(each.clicks for each in rows), 0),
        full * its.cents,
        _why(transaction, its, max(missing)) if missing else "",
    )


def _missing(transaction: Transaction, its: Campaign, there: set[str]) -> set[str]:
    """The days that are over and not reported, though it may have been shown or cannot be.

    In a month that was not paid for, though it could be, it was stopped, and shown to nobody.
    """
    kind, today = kind_of(its.criteria), transaction.clock.today()
    days = {*_days(its, today, transaction)} - there
    paid = month_prices.paid_months(transaction.tables)
    unpaid = {each[:7] for each in days} - {month for month, of_kind in paid if of_kind == kind}
    if its.state == campaigns.APPROVED:
        may_come = {today.isoformat()[:7]}
        unpaid = {
            month
            for month in unpaid - may_come
            if month_prices.can_be_paid(transaction, month, kind)
        }
    return {each for each in days if each[:7] not in unpaid}


def _number(its: Campaign, row: Any) -> int:
    return int(row.clicks if its.paid_by == CLICKS else row.views)


def _why(transaction: Transaction, its: Campaign, day: str) -> str:
    """Why a day is not reported: it says of the budget that it is spent, and nothing else."""
    if not month_prices.are_counted(transaction.policy):
        return NEVER
    month, kind = day[:7], kind_of(its.criteria)
    if not month_prices.is_paid(transaction.tables, month, kind) and not month_prices.can_be_paid(
        transaction, month, kind
    ):
        return NO_MORE
    return MAKING if noise.is_there() else NOT_NOW


def number_as_read(number: int, least: int) -> str:
    """A number as it is read: rounded down, and none below the smallest group."""
    if number < least:
        return f"fewer than {least:,}"
    return f"{number - number % ROUNDED_TO:,}"


def bills(transaction: Transaction, month: str, party: str = "") -> list[AdBill]:
    """What campaigns cost in a month, of one advertiser or all: the blocks that became full."""
    result = []
    for its in campaigns.every(transaction.tables, party):
        days = totals_of(transaction, its).days
        cents = sum(each.cents for each in days if each.day.startswith(month))
        if cents:
            result.append(AdBill(its, cents // its.cents, cents))
    return result


def csv_of(transaction: Transaction, party: str = "") -> str:
    """What was reported of campaigns of one advertiser, or of all, by day, as CSV."""
    columns = ["campaign", "title", "day", "views", "clicks", "dollars"]
    rows = [
        [
            its.campaign_id,
            its.title,
            each.day,
            *(number.replace(",", "") for number in (each.views, each.clicks)),
            f"{each.cents / 100:.2f}",
        ]
        for its in campaigns.every(transaction.tables, party)
        for each in totals_of(transaction, its).days
    ]
    return sheet(columns, rows)
