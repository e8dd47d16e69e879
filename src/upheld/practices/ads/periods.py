"""Of which data what is told of an advertisement tells: the budgets of these periods pay for it.

Views are of the month in which they were. A group is of what people told of themselves, and may be
of what they did of late: then it tells of the months of that, too, back to the first day that
counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from upheld.practice import bands, page_looks
from upheld.practice.amounts import months_between
from upheld.practice.privacy_budget import PROFILE
from upheld.practices.ads import audience

ANYBODY, GROUP, VISITORS, BUYERS = "anybody", "group", "visitors", "buyers"
KINDS: Final = {
    ANYBODY: "anybody",
    GROUP: "a group of people",
    VISITORS: "a group by pages that they looked at",
    BUYERS: "a group by what they bought",
}
_LOOKS_BACK: Final[Mapping[str, timedelta]] = {
    VISITORS: page_looks.LOOKS_BACK,
    BUYERS: audience.LOOKS_BACK,  # longer, so that it covers who is in a group by both
}


def kind_of(criteria: bands.Criteria) -> str:
    """With which campaigns one shares a price: those that tell of the same periods."""
    sources = {bands.ACTIVITIES[each]["told-by"] for each in criteria if each in bands.ACTIVITIES}
    if audience.PARTNERS in sources:
        return BUYERS
    if audience.VISITS in sources:
        return VISITORS
    return GROUP if criteria else ANYBODY


def periods_of_month(month: str, kind: str) -> list[str]:
    """The periods of which views of a month tell."""
    if kind == ANYBODY:
        return [month]
    first = date.fromisoformat(f"{month}-01") - _LOOKS_BACK.get(kind, timedelta())
    return [*months_between(first.isoformat()[:7], month), PROFILE]


def periods_of_group(criteria: bands.Criteria, day: date) -> list[str]:
    """The periods of which the size of a group on a day tells."""
    kind = kind_of(criteria)
    if kind not in _LOOKS_BACK:
        return [PROFILE]
    first = day - _LOOKS_BACK[kind]
    return [*months_between(first.isoformat()[:7], day.isoformat()[:7]), PROFILE]
