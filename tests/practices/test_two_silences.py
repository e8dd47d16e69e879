"""What a customer sees under a told order and a silent one is what they would see without that one.

Ann is under both and Bo under the first alone, and what is done to one of them is done to the
other: while both are silent, when the silence of the first is over, and when the second has ended.
"""

from __future__ import annotations

import re
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from empty import empty_database
from practices.conftest import House, send
from practices.orders import desk_of
from practices.test_holds import write_name
from practices.test_partner_transactions import HERE, partner, row, take
from practices.test_silence_over import HELD_FOR, SILENT, copied_by, order, pass_days
from practices.test_visit_pages import record_visits, signed_in_visits
from practices.twins import MADE_UP
from sizes import size
from upheld.core.ids import FeedId, PersonId, UserId
from upheld.gate.erasure.retention import retire
from upheld.practice import partner_transactions
from upheld.practices.collection import retention
from upheld.practices.feeds import withdrawal

HISTORIES = size("histories under a told and a silent order", short=4, long=60)
TOLD, SILENT_STILL = "an order whose silence is over at the end", "one that is silent still"
UNTIE = re.compile(r'action="(/me/privacy/visits/browsers/[0-9a-f]+/untie)"')
WAITS = {"wait": 30, "age": 800}  # days
STEPS = st.lists(
    st.sampled_from(
        [TOLD, SILENT_STILL, "end it", "row", "withdraw", "visit", "untie", "name", "drop", *WAITS]
    ),
    max_size=12,
)
# What the other order alone keeps, beside what both do: of each kind.
FIRST = ("row", "visit", "name", SILENT_STILL, "withdraw", "untie", "drop", "row", "name", TOLD)
LATER = ("row", "visit", "wait", TOLD, SILENT_STILL, "withdraw", "untie", "drop", "end it")
AGED = ("visit", "row", SILENT_STILL, "age", TOLD)


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What pages tell is the same on every database."""
    return empty_database(tmp_path)


class Pair:
    """Somebody under two orders and somebody under one, and what is done to both of them."""

    numbers = count()

    def __init__(self, house: House, desk: Any, recorder: Any) -> None:
        self.house, self.desk, self.recorder = house, desk, recorder
        self.name = f"p{next(self.numbers)}"
        self.emails = [f"{each}{self.name}@marked.example" for each in "ab"]
        self.browsers: dict[PersonId, Any] = {}
        for each in self.emails:
            whom, browser = signed_in_visits(house, recorder, each)
            self.browsers[whom] = browser
        self.both = list(self.browsers)
        self.left: list[FeedId] = []  # feeds that were not withdrawn
        self.orders: dict[str, Any] = {}

    def do(self, step: str) -> None:
        """Do a step to both, or the one of the silent order to the first of them."""
        house, gate = self.house, self.house.provider.gate.gate
        if step in (TOLD, SILENT_STILL):
            if step not in self.orders:
                whose = self.both if step == TOLD else self.both[:1]
                silent = SILENT if step == TOLD else HELD_FOR
                self.orders[step] = [
                    order(house, self.desk, each, silent=silent, days=HELD_FOR) for each in whose
                ]
        elif step == "end it":
            for each in self.orders.get(SILENT_STILL, ()):
                end = partial(self.desk.instruments.end, instrument_id=each.instrument_id)
                house.do(partial(end, by=self.desk.officer))
            self.orders[SILENT_STILL] = []
        elif step == "row":
            number = next(self.numbers)
            more = {"what": f"Boat {number}", "date": house.clock.today().isoformat()}
            rows = [row(each, f"R{number}", **more) for each in self.emails]
            its, _ = take(house, *rows, digest=f"{self.name}-{number}")
            self.left.append(its.feed_id)
        elif step == "withdraw":
            for each in self.left:
                house.do(partial(withdrawal.withdraw, feed_id=each, by=UserId("u1")))
            self.left.clear()
            withdrawal.take_out(gate)
        elif step in WAITS:
            self.pass_days(WAITS[step])
        else:
            for whom, browser in self.browsers.items():
                self.do_to(whom, browser, step)
        self.require_law()

    def do_to(self, whom: PersonId, browser: Any, step: str) -> None:
        """Do a step to one of them."""
        house = self.house
        if step == "visit":
            browser.get("/about")
            self.recorder.keep()
        elif step == "untie":
            page = browser.get("/me/privacy/visits").text
            for path in UNTIE.findall(page)[:1]:
                send(browser, path, {}, "/me/privacy/visits")
        elif step == "name":
            write_name(house, whom, f"Made Up {house.clock.moved.days}")
        elif step == "drop":
            house.do(lambda t: t.drop(whom, ["name"]))

    def pass_days(self, days: int) -> None:
        """Let days pass, and the jobs run that delete."""
        gate = self.house.provider.gate.gate
        pass_days(self.house, days)
        partner_transactions.retire(gate)
        retention.retire(gate)
        retire(gate)

    def told(self, whom: PersonId) -> list[list[str]]:
        """What one of them sees of what was told as gone, and of what is there."""
        browser = self.house.signed_in(whom)
        browser.headers["sec-gpc"] = "1"  # so that these looks are no visits of theirs
        pages = [browser.get(each).text for each in (HERE, "/me/privacy/visits")]
        return [*(MADE_UP.sub("…", each).splitlines() for each in pages), copied_by(browser)]

    def require_law(self) -> None:
        """AssertionError where the silent order changes what is told."""
        for both, one in zip(*map(self.told, self.both), strict=True):
            assert [each for each in both if each not in one] == []
            assert both == one


def test_what_is_told_under_two_orders_is_what_is_told_under_the_one_that_may_be(
    house: House,
) -> None:
    """Transactions, visits and values, whatever comes first, and after each step."""
    desk, recorder = desk_of(house), record_visits(house)
    partner(house)

    @hypothesis_settings(
        max_examples=HISTORIES, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    @example(list(FIRST))
    @example(list(LATER))
    @example(list(AGED))
    @given(STEPS)
    def law(steps: list[str]) -> None:
        pair = Pair(house, desk, recorder)
        for step in steps:
            pair.do(step)
        for days in (SILENT + 1, 400, 400):
            pair.pass_days(days)
            pair.require_law()

    law()
