"""What came in of two months: visits of our pages and of a partner's, and what customers bought.

The visits are synthetic, and taken in from week to week, as from a log. Ann's and Dan's browsers
are among those that come back: their cookies were tied to their accounts as they signed in.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Final

from upheld.demo.desks import BOOKSHOP
from upheld.demo.months import done
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties
from upheld.practices.collection import beacon_keys, synthetic
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.synthetic import Traffic
from upheld.practices.collection.tellers import partners_page
from upheld.practices.collection.ties import tie
from upheld.practices.feeds import feeds, sales
from upheld.practices.feeds.feeds import FeedLine
from upheld.web import sessions

if TYPE_CHECKING:
    from upheld.demo.scenes import Scenes

WEEKS, PARTNER_WEEKS = 8, 3
WEEK: Final = 7
A_DAY, PARTNER_A_DAY = 60, 6  # visits
SEED: Final = 1
HOST: Final = "shop.mill-books.example"
BROWSERS: Final = ("ann", "dan")
_TIED: Final = 50  # days ago
_SHELVES: Final = ("/", "/novels", "/children", "/maps", "/basket")
_SALES: Final = (
    ("MB-2041", 34, "24.90", "A garden book"),
    ("MB-2077", 27, "12.00", "A map of the valley"),
    ("MB-2102", 20, "-12.00", "A map of the valley, returned"),
)


class DemoTraffic:
    """Visits from week to week, a key for a partner's pages, and a partner's file of sales."""

    def __init__(self, scenes: Scenes) -> None:
        self.scenes, self.years = scenes, scenes.years
        self._cookies = [sha256(each.encode()).hexdigest()[:32].encode() for each in BROWSERS]

    def plan(self) -> None:
        """Let all of it happen when it is its time."""
        years = self.years
        for week in range(WEEKS, 0, -1):
            years.plan(years.ago(week * WEEK - WEEK), partial(self._own, week=week), 2)
        years.plan_transaction(years.ago(_TIED), self._tie, 8)
        years.plan_transaction(years.ago(PARTNER_WEEKS * WEEK + 1), self._add_key)
        for week in range(PARTNER_WEEKS, 0, -1):
            years.plan(years.ago(week * WEEK - WEEK), partial(self._partners, week=week), 3)
        years.plan(years.ago(12), self._sales, 12)

    def _own(self, week: int) -> None:
        """Let in what our own log tells of a week."""
        traffic = Traffic(self._first(week), WEEK, A_DAY, SEED + week, cookies=self._cookies)
        done(Intake(self.years.gate).keep(synthetic.visits(traffic)))

    def _partners(self, week: int) -> None:
        """Let in what the bookshop's pages told of a week."""
        with self.years.gate.together() as transaction:
            (its,) = beacon_keys.beacons(transaction.tables)
        traffic = Traffic(self._first(week), WEEK, PARTNER_A_DAY, -week, _SHELVES)
        lines = [each._replace(address=b"-", cookie=b"") for each in synthetic.visits(traffic)]
        keep = Intake(self.years.gate).keep
        done(keep(lines, find_teller=partners_page(its.key, its.host)))

    def _first(self, week: int) -> date:
        return self.years.ago(week * WEEK)

    def _tie(self, transaction: GateTransaction) -> None:
        """Let Ann and Dan sign in with the browsers in which they looked at our pages before."""
        for word, cookie in zip(BROWSERS, self._cookies, strict=True):
            now = self.years.clock.at
            raw = sessions.begin(transaction.tables, "customer", self.scenes.id(word), now)
            tie(transaction, raw, cookie)

    def _add_key(self, transaction: GateTransaction) -> None:
        """Let Max make a key for the pages of the bookshop."""
        actor = f"staff {self.scenes.user('max')}"
        party = parties.find(transaction, BOOKSHOP)
        beacon_keys.add(transaction, party, HOST, actor=actor)

    def _sales(self) -> None:
        """Let Max take in what the bookshop sold to Ann and Dan, and to somebody who is nobody."""
        gate, today = self.years.gate, self.years.clock.at.date()
        with gate.together() as transaction:
            party, max_id = parties.find(transaction, BOOKSHOP), self.scenes.user("max")
            digest = sha256(b"sales").hexdigest()
            its = feeds.start(transaction, party, digest, max_id, sales.TRANSACTIONS)
        emails = [self.scenes.named[each].persona.email for each in BROWSERS]
        rows = [
            {
                "reference": f"{reference}-{at}",
                "date": (today - timedelta(days=days)).isoformat(),
                "amount": amount,
                "currency": "USD",
                "what": what,
                "email": email,
            }
            for at, email in enumerate([*emails, "nobody@mill-books.example"], 1)
            for reference, days, amount, what in _SALES[:at]
        ]
        done(
            list(
                sales.take_transactions(gate, its, sales.read_lines(map(FeedLine, count(2), rows)))
            )
        )
