"""The months that an accounting is asked for, as its address has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from upheld.web.pages import format_month

YEARS: Final = range(1971, 2200)


class Period(NamedTuple):
    """From the start of a month until the end of the same or a later one."""

    first: str  # such as 2026-03
    last: str
    since: datetime
    until: datetime

    @classmethod
    def read(cls, query: Mapping[str, str], now: datetime) -> Period:
        """What `from` and `to` of an address ask for: this month, where they are left out.

        Months are those of the zone of `now`. HTTPException 404 for what is no month.
        """
        this = f"{now:%Y-%m}"
        last = query.get("to") or max(query.get("from") or this, this)
        first = query.get("from") or last
        since, start = _month(first, now), _month(last, now)
        if since is None or start is None or start < since:
            raise HTTPException(404)
        return cls(first, last, since, _following(start))

    @property
    def title(self) -> str:
        """The months, as people write them."""
        if self.first == self.last:
            return format_month(self.first)
        return f"{format_month(self.first)} to {format_month(self.last)}"

    def address(self, path: str, **words: str) -> str:
        """An address for the same months, with what else is asked there."""
        parameters = {"from": self.first, "to": self.last, **words}
        return f"{path}?{urlencode({name: word for name, word in parameters.items() if word})}"


def _month(text: str, now: datetime) -> datetime | None:
    """The start of a month such as 2026-03; None for what is none."""
    try:
        start = datetime.strptime(text, "%Y-%m").replace(tzinfo=now.tzinfo)
    except ValueError:
        return None
    return start if start.year in YEARS else None


def _following(start: datetime) -> datetime:
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
