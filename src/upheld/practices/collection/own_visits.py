"""What we keep of a customer's own visits, to the customer: by day and page, a week at a time.

Theirs are the visits of a cookie that is tied to their account and to no other: whose the visits of
a browser are in which several people signed in, nobody can tell, and so none of them sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from upheld.core.clock import BEGINNING, Clock
from upheld.core.ids import PersonId
from upheld.gate.act.request import Act, Refused
from upheld.gate.gate import Gate
from upheld.gate.transaction import Transaction
from upheld.practice.citations import Quote, quote_clauses
from upheld.practice.consequences import (
    Banner,
    Confirmation,
    redirect_with_banner,
    require_confirmation,
    short_reference,
)
from upheld.practice.endpoints import Visit
from upheld.practice.kept_days import holds_of
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
from upheld.practices.collection.tables import COUNTED, visit_block, visit_day
from upheld.practices.collection.ties import STORE, OwnTime, Tie, own_cookies, ties_of
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
    """What is kept of some days, still sealed, and by whose cookies visits of theirs are known."""

    cookies: dict[bytes, OwnTime]
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
            lambda transaction: _kept_days(transaction, visit.subject, before)
        )
        if isinstance(week, Refused):
            why = refusal_reason(provider.policy, week.decision)
            return provider.pages.page(
                visit.request, "collection/mine.html", status=403, week=None, why=why
            )
        days = await provider.run_in_thread(_opened, provider.gate.gate, week)
        return provider.pages.page(
            visit.request, "collection/mine.html", week=week, days=days, before=before
        )

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


def _kept_days(transaction: Transaction, person_id: PersonId, before: str) -> KeptDays | Refused:
    """The blocks of the last days before one that may have visits of somebody, as an act."""
    result = transaction.act(VIEW, person_id, entitled=True)
    if isinstance(result, Refused):
        return result
    rules = rules_of(transaction.arrivals, signal=False)
    quotes = quote_clauses(transaction.policy, rules.clauses)
    cookies = own_cookies(transaction, person_id) if PAGE not in result.refused else {}
    rows: list[Any] = []
    salts: dict[str, bytes] = {}
    earlier, damaged = "", False
    if cookies:
        tables = transaction.tables
        first = (transaction.clock.today() + timedelta(days=2)).isoformat()
        # What a hold alone keeps is shown where it may be told that there is one.
        is_told = "" if holds_of(transaction, person_id, STORE).open else f" AND {COUNTED}"
        with_visits = f"day IN (SELECT b.day FROM visit_block b WHERE b.day < ?{is_told})"  # noqa: S608 - our own words
        where = f"day < ? AND {with_visits} ORDER BY day DESC LIMIT {DAYS + 1}"
        end = before or first
        day_rows = tables.select_unchecked(visit_day, ["day"], where, end, end)
        days = [str(day) for (day,) in day_rows]
        if len(days) > DAYS:
            earlier = days[DAYS - 1]
        keys = whole_keys(transaction, tables, days[:DAYS])
        salts = keys.salts
        damaged = len(salts) < len(days[:DAYS])
        for day in salts:
            tokens = {keys.token(day, each) for each in cookies}
            for where, values in where_tokens_may_be(tables, day, tokens):
                some, lost = tables.select_authentic(visit_block, f"{where}{is_told}", *values)
                rows += some
                damaged = damaged or lost > 0
    return KeptDays(
        cookies,
        rows,
        salts,
        tellers(transaction.tables, {str(row.source) for row in rows}),
        NETWORK not in result.refused,
        earlier,
        rules.oldest,
        ties_of(transaction, person_id),
        bool(rules.fields),
        quotes,
        damaged,
    )


def _opened(gate: Gate, week: KeptDays) -> list[tuple[str, list[PageCount]]]:
    """The visits of somebody by day, the latest first, and by page; no transaction waits for it."""
    keys = DayKeys(gate, week.salts)
    days: dict[str, list[tuple[PageVisit, Beacon | None]]] = {}
    for day in sorted(week.salts, reverse=True):
        tokens = {keys.token(day, each): span for each, span in week.cookies.items()}
        some = [
            (each, week.tellers.get(row.source))
            for row in week.rows
            if row.day == day and not tokens.keys().isdisjoint(keys.tokens_in(row))
            for each in keys.open(row)
            if (span := tokens.get(each.token)) and span.start <= each.at < span.end
        ]
        if some:
            days[day] = some
    return [(day, _by_page(gate.clock, some, networks=week.networks)) for day, some in days.items()]


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
