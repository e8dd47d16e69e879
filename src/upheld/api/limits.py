"""How much one caller may ask: a bucket of tokens each, in a table of bounded size.

A bucket fills by `rate` a second up to `burst`. In memory alone: nothing is kept about callers.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

CALLERS_MAX = 10_000
RATE = 10_000.0  # decisions a second and caller
BURST_SECONDS = 2.0


class Buckets:
    """A bucket for each caller; the caller seen longest ago is forgotten first."""

    def __init__(
        self,
        rate: float = RATE,
        burst: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
        callers: int = CALLERS_MAX,
    ) -> None:
        self.rate, self.burst = rate, burst or rate * BURST_SECONDS
        self.clock, self.callers = clock, callers
        self.levels: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, when

    def take(self, caller: str, cost: float = 1.0) -> float:
        """Take `cost` from a caller's bucket; how many seconds to wait where it has too little.

        A cost above what a bucket holds is granted when the bucket is full.
        """
        now = self.clock()
        level, when = self.levels.get(caller, (self.burst, now))
        level = min(self.burst, level + max(0.0, now - when) * self.rate)
        cost = min(cost, self.burst)
        wait = max(0.0, (cost - level) / self.rate)
        self.levels[caller] = (level if wait else level - cost, now)
        self.levels.move_to_end(caller)
        if len(self.levels) > self.callers:
            self.levels.popitem(last=False)
        return wait
