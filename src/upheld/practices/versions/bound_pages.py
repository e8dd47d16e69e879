"""Who is bound by which version, and why, for the privacy desk: numbers, a list, and a table.

Ids and words of ours stand there, and no value of anybody. A page looks at so many customers and no
more, and goes on from where the one before ended; the command looks at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.gate.gate import Gate
from upheld.gate.operations.bound_people import BoundPerson
from upheld.gate.public import Edition
from upheld.practice.endpoints import Visit
from upheld.practice.plugin import Provider
from upheld.practice.sheets import sheet
from upheld.practices.versions import drafts
from upheld.practices.versions.bound_report import (
    OVERDUE,
    REASON_WORDS,
    BoundReport,
    bound_lines,
    bound_report,
    is_overdue,
)

BOUND: Final = "/staff/bound"
TABLE: Final = "/staff/bound.csv"
PRIVACY: Final = "privacy"  # the role of the privacy desk
ROLES: Final = (PRIVACY, *drafts.ROLES)
ROWS_MAX: Final = 50  # on a page
LOOKED_MAX: Final = 20_000  # customers that a page looks at
KEPT_FOR: Final = timedelta(minutes=1)  # the numbers
WAITING: Final = "waiting"
EVERYBODY: Final = "all"
SHOWN: Final = {
    WAITING: "Whom the version in force does not bind yet",
    EVERYBODY: "Everybody",
    OVERDUE: "Overdue",
    **{reason: words[:1].upper() + words[1:] for reason, words in REASON_WORDS.items()},
}
COLUMNS: Final = (
    "customer",
    "bound by version",
    "version in force",
    "waits for",
    "notice until",
    "overdue",
)


class BoundPage(NamedTuple):
    """Some lines of the list, and after whom it goes on; nobody where it ends."""

    lines: list[BoundPerson]
    after: str


class _Numbers(NamedTuple):
    report: BoundReport
    complete: bool
    at: datetime


def matches(line: BoundPerson, show: str, at: datetime) -> bool:
    """Whether a line is among those of a filter."""
    if show == EVERYBODY:
        return True
    if show == OVERDUE:
        return is_overdue(line, at)
    return line.waits if show == WAITING else show in line.reasons


def next_lines(gate: Gate, show: str, after: str, at: datetime) -> BoundPage:
    """The next lines of a filter, out of no more customers than a page may look at."""
    lines: list[BoundPerson] = []
    looked_at = 0
    for line in bound_lines(gate, after):
        if len(lines) == ROWS_MAX or looked_at == LOOKED_MAX:
            return BoundPage(lines, after)
        looked_at, after = looked_at + 1, line.person_id
        if matches(line, show, at):
            lines.append(line)
    return BoundPage(lines, "")


class BoundPages:
    """The page and the table."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._numbers: tuple[str, _Numbers] | None = None

    async def show(self, visit: Visit) -> Response:
        """The numbers, and the lines of a filter."""
        show, after = _asked_for(visit)
        gate, at = self.provider.gate.gate, self.provider.now()
        numbers = await self.provider.run_in_thread(self._count)
        page = await self.provider.run_in_thread(next_lines, gate, show, after, at)
        editions = await self.provider.do(lambda transaction: transaction.editions.all())
        return self.provider.pages.page(
            visit.request,
            "versions/bound.html",
            numbers=numbers,
            editions={each.number: each for each in editions},
            lines=[(each, is_overdue(each, at)) for each in page.lines],
            words=REASON_WORDS,
            show=show,
            shown=SHOWN,
            here_bound=BOUND,
            table=f"{TABLE}?{urlencode({'show': show})}",
            more=f"{BOUND}?{urlencode({'show': show, 'after': page.after})}" if page.after else "",
            begun=bool(after),
        )

    def _count(self) -> _Numbers:
        """The numbers, a minute old at most and never of an earlier version."""
        gate, at = self.provider.gate.gate, self.provider.now()
        recent = self._numbers
        if recent and recent[0] == self.provider.policy.digest and _is_recent(recent[1], at):
            return recent[1]
        lines = bound_lines(gate)
        report = bound_report(islice(lines, LOOKED_MAX), at)
        numbers = _Numbers(report, next(lines, None) is None, at)
        self._numbers = self.provider.policy.digest, numbers
        return numbers

    async def table(self, visit: Visit) -> Response:
        """All lines of a filter as CSV."""
        show, _ = _asked_for(visit)
        text = await self.provider.run_in_thread(
            bound_table, self.provider.gate.gate, show, self.provider.now()
        )
        headers = {
            "cache-control": "no-store",
            "content-disposition": 'attachment; filename="bound.csv"',
        }
        return Response(text.encode(), 200, headers, "text/csv; charset=utf-8")


def bound_table(gate: Gate, show: str, at: datetime) -> str:
    """All lines of a filter as CSV whose cells no spreadsheet runs."""
    return sheet(COLUMNS, _table_rows(gate, show, at))


def _table_rows(gate: Gate, show: str, at: datetime) -> Iterator[tuple[str, ...]]:
    for line in bound_lines(gate):
        if matches(line, show, at):
            yield (
                line.person_id,
                _name(line.edition),
                _name(line.in_force),
                "; ".join(REASON_WORDS[reason] for reason in line.reasons),
                line.notice_until.isoformat() if line.notice_until else "",
                "yes" if is_overdue(line, at) else "",
            )


def _name(edition: Edition) -> str:
    return edition.version or str(edition.number)


def _is_recent(numbers: _Numbers, at: datetime) -> bool:
    return timedelta() <= at - numbers.at < KEPT_FOR


def _asked_for(visit: Visit) -> tuple[str, str]:
    """The filter and the place of an address; 403 for whoever may not see it, 404 for no filter."""
    if visit.user is None or not {*ROLES} & {*visit.user.roles}:
        raise HTTPException(403)
    query = visit.request.query_params
    show = query.get("show", WAITING)
    if show not in SHOWN:
        raise HTTPException(404)
    return show, query.get("after", "")[:100]
