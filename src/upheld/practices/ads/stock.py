"""Views and clicks that are counted and not yet reported, as the desk counts what is held.

A day's counts are of a campaign and of nobody; they go once the day is over, with its report.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from upheld.gate.act.request import Act
from upheld.gate.gate import Gate
from upheld.practice import noise
from upheld.practice.needs import can_ever
from upheld.practice.stock import NOW, Stock, StockCount
from upheld.practices.ads.counts import REPORTS, VIEWED
from upheld.practices.ads.month_prices import QUESTION
from upheld.practices.ads.tables import ad_count

WORD: Final = "ad-interaction"  # the kind of data that they are
SEEN_BY: Final = "customer"


def view_stock(gate: Gate) -> Stock:
    """Counts by day, of all campaigns together."""
    with gate.consult() as transaction:
        sums = transaction.tables.select_unchecked(
            ad_count, ["day", "SUM(views + clicks)"], "day >= '' GROUP BY day"
        )
        act = Act(action="use", data=(VIEWED,), purpose=REPORTS)
        clauses = transaction.arrivals.decide(act).clauses
        today = transaction.clock.today()
        reports = noise.is_there() and can_ever(transaction.policy, QUESTION)
    rows = []
    for text, count in sums:
        ends = date.fromisoformat(str(text)) + timedelta(days=1)
        goes = (NOW if ends <= today else ends.isoformat()[:7]) if reports else ""
        rows.append(StockCount(WORD, SEEN_BY, clauses, str(text), int(count), goes=goes))
    return Stock("advertisements", "Views of advertisements", [x for x in rows if x.number])
