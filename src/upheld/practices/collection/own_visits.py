"""What happened, day by day, to the customer: visits by page and what other practices tell.

A week at a time, each kind by the customer's own look at it.

Theirs are the visits of a cookie that is tied to their account and to no other: whose the visits of
a browser are in which several people signed in, nobody can tell, and so none of them sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.clock import BEGINNING, Clock
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.public import SealError
from upheld.gate.transaction import Transaction
from upheld.practice.citations import Quote, quote_clauses
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.day_events import DayEvent, events_of, kinds_of
from upheld.practice.endpoints import Visit
from upheld.practice.kept_days import told_again_since
from upheld.practice.plugin import Provider
from upheld.practice.reasons import refusal_reason
from upheld.practices.collection.beacon_keys import Beacon, tellers
from upheld.practices.collection.blocks import (
    NETWORK,
    PAGE,
    DayKeys,
    PageVisit,
    where_tokens_may_be,
)
from upheld.practices.collection.intake import rules_of
from upheld.practices.collection.rewriting import whole_keys
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day, visit_tie
from upheld.practices.collection.ties import (
    OF_PERSON,
    STORE,
    TIED,
    Tie,
    own_cookies,
    ties_of,
)
from upheld.practices.collection.untying import Untying, prepare, untie

HERE: Final = "/me/privacy/visits"
VIEW: Final = Act(
    action="view",
    data=(PAGE, NETWORK),
    actor="customer",
    purpose="rights-request",
    partial=True,
)
DAYS: Final = 7  # on a page: each of their blocks is opened
# Where a hold may be told, and of what was told as gone that which was so since a moment.
_TOLD: Final = f"({COUNTED} OR apart IS FALSE OR COALESCE(gone, 0) >= ?)"
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


class PageCount(NamedTuple):
    """How often somebody opened a page on a day, from when until when, and from which networks.

    `partner` is the company whose page it was, or empty for ours; `stolen` whether the key by which
    that told us was stolen.
    """

    route: str
    times: int
    first: datetime
    last: datetime
    networks: tuple[str, ...]
    partner: str = ""
    stolen: bool = False


class KeptDays(NamedTuple):
    """What is kept of some days, still sealed, and by whose cookies visits of theirs are known.

    What other practices told of these days is no longer sealed.
    """

    events: list[DayEvent]
    visits: bool  # whether the policy lets them see those

    cookies: set[bytes]
    rows: list[Any]
    salts: dict[str, bytes]
    tellers: dict[str, Beacon]  # by what blocks say of who told us
    networks: bool  # whether the policy lets them see those
    earlier: str  # the day before which there is more; empty where there is not
    oldest: str  # the first day of which anything may be kept
    ties: list[Tie]  # the browsers that are tied to them
    keeps: bool  # whether the policy lets us keep anything of the next visit
    quotes: list[Quote]
    damaged: bool  # whether some of it is not as it was written, and left out


class OwnVisits:
    """The page of a customer's own visits."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def show(self, visit: Visit) -> Response:
        """What is kept of the visits of a week, or why it may not be shown."""
        provider, before = self.provider, day_of(visit.request.query_params.get("before", ""))
        week = await provider.attempt(
            lambda transaction: self._kept_days(transaction, visit.subject, before)
        )
        if isinstance(week, Refused):
            why = refusal_reason(provider.policy, week.decision)
            return provider.pages.page(
                visit.request, "collection/mine.html", status=403, week=None, why=why
            )
        pages, damaged = await provider.run_in_thread(_opened, provider.gate.gate, week)
        week = week._replace(damaged=week.damaged or damaged)
        kinds = _by_kind(week.events)
        days = [
            (
                day,
                pages.get(day, []),
                [(self._label(kind), texts) for kind, texts in kinds.get(day, [])],
            )
            for day in sorted({*pages, *kinds}, reverse=True)
        ]
        return provider.pages.page(
            visit.request, "collection/mine.html", week=week, days=days, before=before
        )

    def _kept_days(
        self, transaction: Transaction, person_id: PersonId, before: str
    ) -> KeptDays | Refused:
        """What is kept of the last days before one on which something of theirs may be, as an act.

        Of visits the blocks that may have some of theirs.
        """
        practices = self.provider.practices
        kinds = [each for each in kinds_of(practices, transaction) if each not in VIEW.data]
        look = replace(VIEW, data=(*VIEW.data, *kinds))
        result = transaction.act(look, person_id, entitled=True)
        if isinstance(result, Refused):
            return result
        rules = rules_of(transaction.arrivals, signal=False)
        sees = PAGE not in result.refused
        _, lost_ties = transaction.tables.select_authentic(visit_tie, TIED, person_id)
        end = before or (transaction.clock.today() + timedelta(days=2)).isoformat()
        every, damaged = events_of(practices, transaction, person_id, result)
        events = [each for each in every if each.day < end]
        # What a hold alone keeps is shown where it may be told that there is one: that one.
        since = told_again_since(transaction, person_id, STORE)
        which = TIED if since is None else OF_PERSON
        cookies = own_cookies(transaction, person_id, which) if sees else set[bytes]()
        with_visits = _days_of_visits(transaction, end, since, cookies) if cookies else []
        days = sorted({*with_visits, *(each.day for each in events)}, reverse=True)
        blocks = _blocks(transaction, cookies, set(days[:DAYS]) & {*with_visits}, since)
        return KeptDays(
            [each for each in events if each.day in days[:DAYS]],
            sees,
            cookies,
            blocks.rows,
            blocks.salts,
            tellers(transaction.tables, {str(row.source) for row in blocks.rows}),
            NETWORK not in result.refused,
            days[DAYS - 1] if len(days) > DAYS else "",
            rules.oldest,
            ties_of(transaction, person_id),
            bool(rules.fields),
            quote_clauses(transaction.policy, rules.clauses),
            damaged or blocks.damaged or lost_ties > 0,
        )

    def _label(self, kind: str) -> str:
        label = self.provider.policy.program.vocabulary.tree("data")[kind].label or kind
        return label[:1].upper() + label[1:]

    async def untie(self, visit: Visit) -> Response:
        """Untie a browser, once that was confirmed; whoever it is not tied to gets a 404."""
        mark = visit.request.path_params["mark"]

        def work(transaction: Transaction) -> Untying | None:
            tie = next((t for t in ties_of(transaction, visit.subject) if t.mark == mark), None)
            if tie is None:
                raise HTTPException(404)
            question = _confirmation(tie)
            require_confirmation(self.provider, transaction.tables, visit, question)
            return prepare(transaction, visit.subject, mark)

        untying = await self.provider.do(work)
        text = "The law keeps us from deleting what we hold of you."
        if await self.provider.run_in_thread(untie, self.provider.gate.gate, untying):
            text = "It is untied."
        banner = Banner(text, short_reference(mark))
        return redirect_with_banner(self.provider, visit.session, HERE, banner)


def _confirmation(tie: Tie) -> Confirmation:
    gone = (
        "What we keep of visits with it stays, as nobody's: other people signed in there too."
        if tie.shared
        else "All that we keep of visits with it is deleted, also of those before you signed in."
    )
    return Confirmation(
        "Untie this browser?",
        (gone, "It is not tied to you again, as long as it keeps the cookie that it has now."),
        f"{HERE}/browsers/{tie.mark}/untie",
        "Untie it",
        HERE,
        grave=True,
    )


def day_of(text: str) -> str:
    """The day in an address, or an empty text; HTTPException where it is none."""
    if not text:
        return ""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise HTTPException(404)


class _Blocks(NamedTuple):
    """Blocks of some days that may have visits of somebody, and the salts of their days."""

    rows: list[Any]
    salts: dict[str, bytes]
    damaged: bool


def _days_of_visits(
    transaction: Transaction, end: str, since: int | None, cookies: Iterable[bytes]
) -> list[str]:
    """The last days before one of which visits of anybody are counted, and one more.

    Of what a hold alone keeps, as `told_again_since` has it, the days of visits with some cookies
    are among them: another's could tell of a hold of theirs.
    """
    subquery = f"day IN (SELECT b.day FROM visit_block b WHERE b.day < ? AND {COUNTED})"  # noqa: S608 - our own words
    where = f"day < ? AND {subquery} ORDER BY day DESC LIMIT {DAYS + 1}"
    tables = transaction.tables
    days = {str(day) for (day,) in tables.select_unchecked(visit_day, ["day"], where, end, end)}
    if since is None:
        return sorted(days)
    where = f"day < ? AND {_TOLD} GROUP BY day"
    apart = tables.select_unchecked(visit_block, ["day"], where, end, since)
    for day in sorted({str(day) for (day,) in apart} - days, reverse=True):
        if sum(each > day for each in days) > DAYS:
            break
        if _has_any_of(transaction, cookies, day, since):
            days.add(day)
    return sorted(days)


def _has_any_of(transaction: Transaction, cookies: Iterable[bytes], day: str, since: int) -> bool:
    """Whether visits of a day are of some cookies, as far as their blocks open."""
    blocks = _blocks(transaction, cookies, {day}, since)
    keys = DayKeys(transaction, blocks.salts)
    tokens = {keys.token(day, each) for each in cookies} if blocks.rows else set()
    for row in blocks.rows:
        with suppress(SealError):
            if not tokens.isdisjoint(keys.tokens_in(row)):
                return True
    return False


def _blocks(
    transaction: Transaction, cookies: Iterable[bytes], days: set[str], since: int | None
) -> _Blocks:
    """The blocks of some days that may have visits of some cookies, still sealed.

    What a hold alone keeps is among them as `told_again_since` has it.
    """
    tables, rows = transaction.tables, list[Any]()
    condition, moment = (COUNTED, []) if since is None else (_TOLD, [since])
    keys = whole_keys(transaction, tables, sorted(days, reverse=True))
    damaged = len(keys.salts) < len(days)
    for day in keys.salts:
        tokens = {keys.token(day, each) for each in cookies}
        for where, values in where_tokens_may_be(tables, day, tokens):
            some, lost = tables.select_authentic(
                visit_block, f"{where} AND {condition}", *values, *moment
            )
            rows += some
            damaged = damaged or lost > 0
    return _Blocks(rows, keys.salts, damaged)


def _by_kind(events: Iterable[DayEvent]) -> dict[str, list[tuple[str, list[str]]]]:
    """Sentences by day and kind of data, in the order in which they were told."""
    days: dict[str, dict[str, list[str]]] = {}
    for each in events:
        days.setdefault(each.day, {}).setdefault(each.kind, []).append(each.sentence)
    return {day: [*kinds.items()] for day, kinds in days.items()}


def _opened(gate: Gate, week: KeptDays) -> tuple[dict[str, list[PageCount]], bool]:
    """The visits of somebody by day, the latest first, and by page; no transaction waits for it.

    And whether some of what they may be in does not open.
    """
    keys = DayKeys(gate, week.salts)
    days, damaged = dict[str, list[tuple[PageVisit, Beacon | None]]](), False
    for day in sorted(week.salts, reverse=True):
        tokens = {keys.token(day, each) for each in week.cookies}
        some, networks = list[tuple[PageVisit, Beacon | None]](), dict[tuple[Any, ...], str]()
        for row in (row for row in week.rows if row.day == day):
            try:
                its = [] if tokens.isdisjoint(keys.tokens_in(row)) else keys.open(row)
            except SealError:
                damaged = True
                continue
            mine = [each for each in its if each.token in tokens]
            if PAGE in row.fields.split():
                some += [(each, week.tellers.get(row.source)) for each in mine]
            else:  # a hold keeps the networks alone of visits that are counted
                networks |= {(each.at, each.token): each.network for each in mine}
        if some:
            days[day] = [
                (each._replace(network=each.network or networks.get((each.at, each.token), "")), by)
                for each, by in some
            ]
    return {
        day: _by_page(gate.clock, some, networks=week.networks) for day, some in days.items()
    }, damaged


def _by_page(
    clock: Clock, visits: Sequence[tuple[PageVisit, Beacon | None]], *, networks: bool
) -> list[PageCount]:
    """The visits of a day by page, in the order in which the pages were first opened."""
    pages: dict[tuple[str, str, bool], list[PageVisit]] = {}
    for each, beacon in sorted(visits, key=lambda pair: pair[0]):
        company, stolen = (beacon.company, beacon.stolen) if beacon else ("", False)
        pages.setdefault((each.route, company, stolen), []).append(each)
    return [
        PageCount(
            route,
            len(some),
            _moment(clock, some[0].at),
            _moment(clock, some[-1].at),
            tuple(_distinct(each.network for each in some)) if networks else (),
            company,
            stolen,
        )
        for (route, company, stolen), some in pages.items()
    ]


def _distinct(networks: Iterable[str]) -> list[str]:
    return [each for each in dict.fromkeys(networks) if each]


def _moment(clock: Clock, at: int) -> datetime:
    return clock.local(BEGINNING + timedelta(seconds=at))
