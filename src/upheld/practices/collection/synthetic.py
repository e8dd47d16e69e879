"""Synthetic visits: believable traffic of people who do not exist, to try things on.

A few pages have most of the visits: the weight of a page is one over its rank (Zipf's law), and so
is how often a visitor comes back. Visitors open several pages one after another, more of them in
the evening than at night; those of a household share an address, some send a privacy signal, some
keep no cookie. Addresses are of networks that nobody has (RFC 2544, RFC 3849). The same seed gives
the same visits, wherever and whenever; one day is in memory at a time.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Final, NamedTuple

import msgspec

from upheld.practices.collection.log_lines import LogLine

PAGES: Final = (
    *("/", "/plans", "/sign-in", "/help", "/privacy", "/prices", "/about", "/terms", "/sign-up"),
    *(f"/articles/{name}" for name in ("phone", "fibre", "mail", "moving", "outages", "hosting")),
)
_HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 9, 8, 7, 7, 8, 9, 11, 13, 14, 12, 8, 4)
_A_SESSION: Final = 3  # pages, about
_GAP_SECONDS: Final = 45.0  # between two of them, about
_SIGNALS, _COOKIES, _NEWER = 0.12, 0.85, 0.3  # of visitors: so many send, keep, have IPv6
_DAY_SECONDS: Final = 24 * 60 * 60
_TENTH: Final = 9


class Traffic(NamedTuple):
    """What synthetic visits are to be: about so many a day, on so many days from the first on."""

    first: date
    days: int
    a_day: int
    seed: int = 1
    pages: Sequence[str] = PAGES
    cookies: Sequence[bytes] = ()  # of visitors who come now and then


class _ByRank:
    """Draws places of a list of so many, the first ones most often."""

    def __init__(self, many: int) -> None:
        self._sums = list(accumulate(1 / rank for rank in range(1, many + 1)))

    def place(self, draw: Random) -> int:
        """The next one."""
        return min(bisect(self._sums, draw.random() * self._sums[-1]), len(self._sums) - 1)


class _Visitor(NamedTuple):
    address: bytes
    cookie: bytes
    signal: bool


def visits(traffic: Traffic) -> Iterator[LogLine]:
    """The visits, in the order of their times; some more or less a day than was asked for."""
    pages = [each.encode() for each in traffic.pages]
    by_page = _ByRank(len(pages))
    by_visitor = _ByRank(max(20, traffic.days * traffic.a_day // 20))
    for at in range(traffic.days):
        draw = Random(f"{traffic.seed} day {at}")  # noqa: S311 - made-up visits
        day = datetime.combine(traffic.first + timedelta(days=at), time(0), UTC)
        lines: list[LogLine] = []
        while len(lines) < traffic.a_day:
            visitor = _visitor(traffic, by_visitor.place(draw))
            second = draw.choices(range(24), _HOURS)[0] * 3600 + draw.random() * 3600
            while second < _DAY_SECONDS:
                when = int(day.timestamp()) + int(second)
                lines.append(
                    LogLine(when, visitor.address, pages[by_page.place(draw)], *visitor[1:])
                )
                if draw.random() < 1 / _A_SESSION:
                    break
                second += draw.expovariate(1 / _GAP_SECONDS)
        yield from sorted(lines)


def _visitor(traffic: Traffic, number: int) -> _Visitor:
    """A visitor by number; from the tenth on, those whose cookies were given."""
    draw = Random(f"{traffic.seed} visitor {number}")  # noqa: S311 - as above
    home = Random(f"{traffic.seed} home {number // 2}")  # noqa: S311 - as above
    address = (
        f"2001:db8:{home.randrange(65_536):x}::{home.randrange(1, 65_536):x}"
        if home.random() < _NEWER
        else f"198.{home.choice((18, 19))}.{home.randrange(256)}.{home.randrange(1, 255)}"
    )
    signal, keeps = draw.random() < _SIGNALS, draw.random() < _COOKIES
    cookie = f"{draw.getrandbits(128):032x}".encode() if keeps else b""
    if 0 <= (place := number - _TENTH) < len(traffic.cookies):
        signal, cookie = False, traffic.cookies[place]
    return _Visitor(address.encode(), cookie, signal)


def log_line(visit: LogLine) -> bytes:
    """A visit as a server that logs JSON writes it; `upheld collect logs` reads it."""
    row = {
        "time_iso8601": datetime.fromtimestamp(visit.at, UTC).isoformat(),
        "remote_addr": visit.address.decode(),
        "request": f"GET {visit.target.decode()} HTTP/1.1",
        "status": 200,
    }
    if visit.cookie:
        row["cookie_visitor"] = visit.cookie.decode()
    if visit.signal:
        row["http_sec_gpc"] = "1"
    return msgspec.json.encode(row)
