"""A notice names of what was told as deleted just what the customer can read only since then.

Two orders of courts for the same data are silent for a shorter and a longer time, beside orders to
preserve it; what each notice names is compared with what was on the pages the day before.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

import upheld
from practices.conftest import House, send
from practices.orders import Desk, approved, demand, desk_of, release, send_notices
from practices.test_day_counts import tied
from practices.test_partner_transactions import HERE, partner, row, take
from practices.test_silence_over import HELD_FOR, copied, order, pass_days, shown
from practices.test_visit_pages import record_visits, signed_in_visits, untie_path
from practices.without import storing_of_visits
from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId, UserId
from upheld.gate.act.request import Refused
from upheld.practice import partner_transactions
from upheld.practices.collection import retention
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.feeds import withdrawal

SHORT, LONG, TOLD = 90, 180, 0  # days of silence
GO = -1  # what is held goes, as the customer is told
FIELDS = ("name", "email", "page-request", "ip-network", "transaction")
NAME, PAGES, BOUGHT = "name", "the pages you requested", "transactions"
NETWORKS = "the network that your address belongs to"
KINDS = (NAME, PAGES, NETWORKS, BOUGHT)
ONLY_NOW = re.compile(r"may tell you so only now: (.*?)\. You see it")


def released(house: House, desk: Desk, whom: PersonId, silent: int) -> None:
    """Release what is held of somebody to a court of whose order nobody may speak for some days."""
    end = house.clock.now() + timedelta(days=silent)
    its = approved(house, desk, demand(house, whom, fields=FIELDS, silence_end=end))
    assert not isinstance(release(house, desk, its), Refused)


def readable(house: House, whom: PersonId) -> set[str]:
    """The kinds of what the customer can read, of what goes in a story."""
    browser = house.signed_in(whom)
    browser.headers["sec-gpc"] = "1"  # so that these looks are no visits of theirs
    visits = browser.get("/me/privacy/visits").text
    return {
        *([BOUGHT] if "A marked boat" in browser.get(HERE).text else []),
        *([PAGES] if "/about</strong>" in visits else []),
        *([NETWORKS] if re.search(r"\d+\.\d+\.\d+\.0/24", visits) else []),
        *([NAME] if "Ann Marked" in copied(house, whom) else []),
    }


def kinds_named(house: House, whom: PersonId) -> Counter[str]:
    """What the letters to the customer name as told only now, each letter's words."""
    return Counter(ONLY_NOW.findall(shown(house, whom)))


def run_jobs(house: House) -> None:
    """Run the jobs that let what is told again be read."""
    partner_transactions.retire(house.provider.gate.gate)
    retention.retire(house.provider.gate.gate)


def let_notice_come(house: House, desk: Desk, whom: PersonId, days: int) -> tuple[set[str], str]:
    """Let a silence end after some days.

    The kinds that can be read since then, and what the notice names.
    """
    pass_days(house, days - 1)
    run_jobs(house)
    before, letters = readable(house, whom), kinds_named(house, whom)
    pass_days(house, 2)
    run_jobs(house)
    assert send_notices(house, desk) == 1
    new = kinds_named(house, whom) - letters
    assert new.total() <= 1
    return readable(house, whom) - before, "".join(new)


@pytest.mark.parametrize(
    ("steps", "at_first", "at_last"),
    [
        ([SHORT, GO, LONG], True, False),
        ([LONG, GO, SHORT], False, True),
        ([SHORT, LONG, GO], True, False),
        ([LONG, SHORT, GO], True, False),
        ([TOLD, SHORT, GO], False, False),
        ([SHORT, GO, TOLD], True, False),
        ([LONG, GO, TOLD], False, True),
    ],
)
def test_a_notice_names_only_what_can_be_read_since_its_own_silence_is_over(
    house: House, steps: list[int], *, at_first: bool, at_last: bool
) -> None:
    """Values, visits and transactions, under orders to preserve one after another."""
    desk, recorder = desk_of(house), record_visits(house)
    partner(house)
    ann, browser = signed_in_visits(house, recorder, "ann@marked.example")
    feed, _ = take(house, row("ann@marked.example"))
    for each in steps:
        if each == GO:
            house.do(partial(withdrawal.withdraw, feed_id=feed.feed_id, by=UserId("u1")))
            withdrawal.take_out(house.provider.gate.gate)
            house.do(lambda t: t.drop(ann, ["name"]))
            path = untie_path(browser.get("/me/privacy/visits").text)
            send(browser, path, {}, "/me/privacy/visits")
        else:
            order(house, desk, ann, silent=each, days=HELD_FOR)
    for silent in (SHORT, LONG):
        released(house, desk, ann, silent)
    for days, is_named in ((SHORT, at_first), (LONG - SHORT - 1, at_last)):
        since, named = let_notice_come(house, desk, ann, days)
        assert {each for each in KINDS if each in named} == since
        assert since == ({NAME, PAGES, BOUGHT} if is_named else set())


@pytest.mark.parametrize("steps", [[SHORT, GO, LONG], [LONG, GO, SHORT]])
@pytest.mark.parametrize(
    ("kinds", "named"),
    [
        (("cookie-id", "page-request"), NETWORKS),
        (("ip-network", "page-request"), f"{PAGES} and {NETWORKS}"),
    ],
)
def test_a_notice_names_what_a_version_took_out_of_visits(
    open_house: Callable[[upheld.Policy], House],
    steps: list[int],
    kinds: tuple[str, ...],
    named: str,
) -> None:
    """Networks alone, or all of a visit where no cookie says whose it is any more."""
    house = open_house(storing_of_visits("ip-network", "cookie-id", "page-request"))
    narrow = open_house(storing_of_visits(*kinds))
    desk = desk_of(house)
    ann = tied(house, "ann@marked.example", b"one")
    at = int((house.clock.now() - timedelta(days=1) - BEGINNING).total_seconds())
    line = LogLine(at, b"192.0.2.7", b"/about", b"one")
    assert Intake(house.provider.gate.gate).keep([line]).visits == 1
    for each in steps:
        if each == GO:
            retention.retire(narrow.provider.gate.gate)
        else:
            order(house, desk, ann, silent=each, days=HELD_FOR)
    for silent in (SHORT, LONG):
        released(house, desk, ann, silent)
    texts = [let_notice_come(house, desk, ann, days) for days in (SHORT, LONG - SHORT - 1)]
    assert [text for _, text in texts] == ([named, ""] if steps[0] == SHORT else ["", named])
    for since, text in texts:
        assert {each for each in KINDS if each in text} == since
