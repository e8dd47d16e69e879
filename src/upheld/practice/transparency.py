"""The transparency report: how often what came to what, in half a year that is over, as ranges.

It counts what is no secret when it is made. What an order forbids to speak of is not in it; once
the silence is over, the same half year counts it, and the difference tells what may be told then.
Nobody gets at a count by asking for other days: there are no periods but half years. No count is
exact: a small one is told as small, as none is too, and others as a range moved by a noise.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from upheld.core.errors import UpheldError
from upheld.database.own_tables import Tables
from upheld.gate.operations.published_counts import noisy_range
from upheld.gate.public import Range
from upheld.practice.sheets import sheet

if TYPE_CHECKING:
    from upheld.practice.plugin import Provider

_PERIOD: Final = re.compile(r"(20[0-9]{2})-H([12])")
_JULY: Final = 7
COLUMNS: Final = ("what", "outcome", "at least", "at most")


class PublicEvent(NamedTuple):
    """Something that happened and is no secret: when, of which kind, and what came of it."""

    at: datetime
    kind: str
    outcome: str


class TransparencySource(NamedTuple):
    """What a practice lets the report count: the outcomes of each kind, and what happened.

    `events` is asked for what is no secret at a moment.
    """

    outcomes: Mapping[str, tuple[str, ...]]
    events: Callable[[Tables, datetime], Iterable[PublicEvent]]


class HalfYear(NamedTuple):
    """Half a year, by its first day and the first day after it."""

    name: str
    first: date
    after: date


class ReportLine(msgspec.Struct, frozen=True):
    """How often something had an outcome."""

    what: str
    outcome: str
    count: Range


class TransparencyReport(msgspec.Struct, frozen=True):
    """The report of half a year."""

    provider: str
    period: str
    first: date
    last: date
    counted_at: datetime
    lines: tuple[ReportLine, ...]

    def csv(self) -> str:
        """The lines as a CSV file."""
        rows = [
            (each.what, each.outcome, str(each.count.least), str(each.count.most))
            for each in self.lines
        ]
        return sheet(COLUMNS, rows)


def half_year(name: str, today: date) -> HalfYear:
    """The half year of a name such as 2026-H1; UpheldError where it is none, or not over."""
    match = _PERIOD.fullmatch(name)
    if match is not None:
        half = _half_year(int(match[1]), int(match[2]))
        if half.after <= today:
            return half
    raise UpheldError(
        "this is no half year that is over",
        code="transparency-period",
        hint=f"the last one is {latest(today)[0].name}",
    )


def latest(today: date, most: int = 1) -> list[HalfYear]:
    """The last half years that are over, the latest first."""
    year, number = today.year, 1 if today.month < _JULY else 2
    result = []
    for _ in range(most):
        year, number = (year, 1) if number == 2 else (year - 1, 2)
        result.append(_half_year(year, number))
    return result


def _half_year(year: int, number: int) -> HalfYear:
    middle, end = date(year, _JULY, 1), date(year + 1, 1, 1)
    first, after = (date(year, 1, 1), middle) if number == 1 else (middle, end)
    return HalfYear(f"{year}-H{number}", first, after)


def transparency_report(provider: Provider, half: HalfYear) -> TransparencyReport:
    """The report of half a year, of what is no secret now."""
    zone, now = provider.clock.zone, provider.clock.now()
    begin, end = (datetime.combine(each, time(), zone) for each in (half.first, half.after))
    sources = [each.transparency for each in provider.practices if each.transparency is not None]
    with provider.gate.gate.look() as tables:
        counts = Counter(
            (event.kind, event.outcome)
            for source in sources
            for event in source.events(tables, now)
            if begin <= event.at < end
        )
    sealer = provider.sealer("transparency")
    lines = [
        ReportLine(
            kind, outcome, noisy_range(sealer, counts[kind, outcome], kind, outcome, half.name)
        )
        for source in sources
        for kind, outcomes in source.outcomes.items()
        for outcome in outcomes
    ]
    return TransparencyReport(
        provider.imprint.name,
        half.name,
        half.first,
        half.after - timedelta(days=1),
        now,
        tuple(lines),
    )
