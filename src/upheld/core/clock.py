"""The one clock: what time it is, whether that can be, and which day that is.

Nothing else asks the machine for the time of day. A gate has its clock, and whoever works at the
gate takes that one, so that a test sets the time of everything at once; what has no gate, such as
the making of keys, takes `system_time`. A day is one of the clock's zone, which is UTC.
"""

from __future__ import annotations

import math
import time as machine
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from upheld.core.errors import UpheldError

BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
BACK: Final = 60 * 10**6  # microseconds that a clock may be set back by without anybody minding
AHEAD: Final = 3600 * 10**6  # microseconds beyond what has passed


class ClockError(UpheldError):
    """A clock that was set back, or jumped ahead: nothing that depends on dates is done."""


class Clock:
    """The time, watched: set back, or ahead of what has passed since this process last looked."""

    def __init__(
        self,
        since_1970: Callable[[], int] = machine.time_ns,
        elapsed: Callable[[], int] = machine.monotonic_ns,
        zone: tzinfo = UTC,
    ) -> None:
        """By the time of day, and what has passed whatever that was set to, in nanoseconds."""
        self._since_1970, self._elapsed = since_1970, elapsed
        self._apart: float = math.inf  # microseconds between the two
        self.zone = zone

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return BEGINNING + timedelta(microseconds=self._since_1970() // 1000)

    def seconds(self) -> int:
        """The whole seconds since 1970."""
        return self._since_1970() // 10**9

    def today(self) -> date:
        """The day that it is in the clock's zone."""
        return self.day_of(self.now())

    def local(self, moment: datetime) -> datetime:
        """A moment as clocks show it in the clock's zone."""
        return moment if self.zone is UTC else moment.astimezone(self.zone)

    def day_of(self, moment: datetime) -> date:
        """The day on which a moment is in the clock's zone."""
        return self.local(moment).date()

    def look(self, last: int) -> tuple[int, str]:
        """The time, and what is wrong with it: `back`, `ahead`, or nothing.

        `last` is that of the last entry; both are in microseconds since 1970.
        """
        now = self._since_1970() // 1000
        apart = now - self._elapsed() // 1000
        if now < last - BACK:
            return now, "back"
        if apart > self._apart + AHEAD:
            return now, "ahead"  # and the next look says so again
        self._apart = apart
        return now, ""

    def accept(self) -> datetime:
        """Take the time of day as it is from now on."""
        now = self._since_1970() // 1000
        self._apart = now - self._elapsed() // 1000
        return BEGINNING + timedelta(microseconds=now)


def system_time() -> datetime:
    """The machine's time of day, in UTC, for what has no gate and thus no clock of its own."""
    return Clock().now()
