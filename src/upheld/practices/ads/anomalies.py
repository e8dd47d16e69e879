"""What looks odd in what was reported of a campaign: from numbers with noise, and no others.

Whatever is said here rests on what its advertiser reads too, so that it tells nobody anything more.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from typing import Any, Final

from upheld.database.own_tables import Tables
from upheld.practice import noise
from upheld.practices.ads.campaigns import CLICKS, Campaign
from upheld.practices.ads.counts import CLICKS_EACH, VIEWS_EACH
from upheld.practices.ads.month_prices import POINTS
from upheld.practices.ads.periods import kind_of
from upheld.practices.ads.tables import ad_report

CLICKED: Final = 0.3  # of its views, above which clicks are odd
TIMES: Final = 3  # what was usual, above which a day is
USUAL_DAYS: Final = 7  # at most, before the day
USUAL_LEAST: Final = 3  # days that make anything usual
MUCH: Final = 1_000  # below which no day is odd
SURE: Final = 4  # standard deviations of the noise
CLICKS_ODD: Final = "It is clicked more often than its views explain."
SPEND_ODD: Final = "Far more was reported of its latest day than of a usual day of the week before."


def all_odd(tables: Tables, every: Iterable[Campaign]) -> set[str]:
    """The ids of those of some campaigns that are odd; all rows are read at once."""
    rows: dict[str, list[Any]] = {}
    for row in tables.select(ad_report, "ORDER BY day"):
        rows.setdefault(row.campaign_id, []).append(row)
    return {each.campaign_id for each in every if _odd(each, rows.get(each.campaign_id, []))}


def odd(tables: Tables, its: Campaign) -> list[str]:
    """What is odd about a campaign, a sentence each, whatever the noise may have added to it."""
    rows = tables.select(ad_report, "campaign_id = ? ORDER BY day", its.campaign_id)
    return _odd(its, rows)


def _odd(its: Campaign, rows: list[Any]) -> list[str]:
    return [
        sentence
        for sentence, holds in ((CLICKS_ODD, _has_odd_clicks), (SPEND_ODD, _has_odd_spend))
        if rows and holds(its, rows)
    ]


def _has_odd_clicks(its: Campaign, rows: list[Any]) -> bool:
    views, clicks = (sum(getattr(row, name) for row in rows) for name in ("views", "clicks"))
    off_views, off_clicks = (_noise_of(its, len(rows), each) for each in (VIEWS_EACH, CLICKS_EACH))
    return bool(clicks - off_clicks > CLICKED * (max(views, 0) + off_views))


def _has_odd_spend(its: Campaign, rows: list[Any]) -> bool:
    is_by_clicks = its.paid_by == CLICKS
    *before, last = [row.clicks if is_by_clicks else row.views for row in rows][-USUAL_DAYS - 1 :]
    if len(before) < USUAL_LEAST:
        return False
    each = CLICKS_EACH if is_by_clicks else VIEWS_EACH
    usual = max(sum(before), 0) / len(before) + _noise_of(its, len(before), each) / len(before)
    return bool(last - _noise_of(its, 1, each) > max(TIMES * usual, MUCH))


def _noise_of(its: Campaign, days: int, each: int) -> float:
    """How far the sum of some days is off at most, as good as always."""
    points = POINTS[kind_of(its.criteria)] // 2
    return SURE * noise.scale_of(each, points) * sqrt(2 * days)
