"""A dry run's numbers are what the jobs then do, whatever happened before.

What goes is counted by what is there before and after; and what a hold keeps of which nobody may
speak goes in the dry run as it goes for everybody else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import upheld
from empty import empty_database
from gate.versions import post, version
from practices.conftest import House
from practices.test_damaged_blocks import put_under_hold
from practices.test_day_counts import keep, tied
from practices.test_dry_run import address
from practices.test_feeds import email_of
from practices.test_partner_transactions import partner, row, take
from practices.without import storing_of_visits
from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.demo import sample_policy
from upheld.gate.act.request import Refused
from upheld.gate.erasure.dry_run import Deletions, deletions
from upheld.gate.erasure.retention import retire as retire_values
from upheld.gate.transaction import GateTransaction
from upheld.practice import parties, partner_transactions
from upheld.practice.stock import NOW, Stock
from upheld.practices.collection import retention
from upheld.practices.collection.blocks import DayKeys, days_of
from upheld.practices.collection.stock import due_visits
from upheld.practices.collection.tables import COUNTED, visit_block
from upheld.practices.collection.ties import tie, ties_of
from upheld.practices.collection.untying import prepare, untie
from upheld.practices.feeds.stock import due_transactions
from upheld.web import sessions

PEOPLE: Final = range(2)
NUMBERS: Final = count()
OPEN, SILENT, END = "open", "silent", "end"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The same is asked of every database elsewhere."""
    return empty_database(tmp_path)


class Step(NamedTuple):
    """Something that happens: what, and to whom, or in how many months."""

    what: str
    who: int


STEPS = st.one_of(
    st.builds(
        Step,
        st.sampled_from(["visit", "buy", "sign in", "close", OPEN, SILENT, END]),
        st.sampled_from(PEOPLE),
    ),
    st.builds(Step, st.just("months"), st.sampled_from([1, 13, 25])),
)


def page_of(email: str) -> str:
    """The page at which whoever has an address looks, and nobody else."""
    return f"/of-{email.partition('@')[0]}"


class History:
    """Some people of a provider, and what happens to them."""

    def __init__(self, house: House) -> None:
        self.house, self.gate, self.name = house, house.provider.gate.gate, next(NUMBERS)
        self.people = [self._customer(self.email(who)) for who in PEOPLE]
        self.holds = dict.fromkeys(PEOPLE, "")

    def _customer(self, email: str) -> PersonId:
        """Somebody to whom a cookie is tied; years may have passed since the last history."""
        house, born = self.house, f"{self.house.clock.today().year - 30}-02-01"
        person = house.customer(email, born)
        raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
        assert house.do(lambda t: tie(t, raw, email.encode()))
        return person

    def email(self, who: int) -> str:
        """The address of somebody."""
        return f"c{who}-{self.name}@marked.example"

    def take(self, step: Step) -> None:
        """Let something happen."""
        if step.what == "months":
            self.house.clock.moved += timedelta(days=31 * step.who)
            self.gate.clock.accept()
            return
        person, number = self.people[step.who], next(NUMBERS)
        if step.what == "visit":
            email = self.email(step.who)
            keep(self.house, (page_of(email), "192.0.2.7", email.encode()))
        elif step.what == "buy":
            take(self.house, row(self.email(step.who), f"R{number}"), digest=f"d{number}")
        elif step.what == "sign in":
            with suppress(Refused):  # of whoever closed their account long ago nothing is stored
                address(self.gate, person)
        elif step.what == "close":
            self.gate.record(person, "account", fact="account-closed")
        elif step.what == END:
            self.end(step.who)
        elif not self.holds[step.who]:
            self.hold(step.who, step.what)

    def hold(self, who: int, how: str) -> None:
        """The law has us keep what is held of somebody, and may forbid us to say so."""
        self.holds[who] = how
        if how == SILENT:
            self.gate.record(self.people[who], "instrument", fact="gag-order")
        self.gate.record(self.people[who], "hold", fact="legal-hold")

    def end(self, who: int) -> None:
        """Whatever hold there was of somebody is over."""
        self.holds[who], person = "", self.people[who]

        def work(transaction: GateTransaction) -> None:
            records, _ = transaction.records_of([person], ["hold", "instrument"])
            for each in records:
                if each.in_force(microseconds(transaction.clock.now())):
                    transaction.withdraw(person, each.record_id, ended=True)

        self.house.do(work)

    def foretold(self) -> tuple[Deletions, Stock, Stock]:
        """All that the dry run says."""
        return deletions(self.gate), due_visits(self.gate), due_transactions(self.gate)

    def check(self) -> None:
        """A silent hold changes nothing of a dry run; and what it says is what the jobs do."""
        values, seen, bought = foretold = self.foretold()
        for who in PEOPLE:
            if not self.holds[who]:
                self.hold(who, SILENT)
        assert self.foretold() == foretold
        there, told = self.pages("0 = 0"), self.pages(COUNTED)
        assert sum(each.number for each in values.now) == retire_values(self.gate)
        assert bought.goes_now == partner_transactions.retire(self.gate)
        retention.retire(self.gate)
        openly = {page_of(self.email(who)) for who in PEOPLE if self.holds[who] == OPEN}
        gone = told - self.pages(COUNTED)
        assert seen.goes_now == sum(gone[page] for page in gone.keys() - openly)
        left = self.pages("0 = 0")
        assert all(left[page] == there[page] for page in openly)
        assert [each.goes_now for each in (due_visits(self.gate), due_transactions(self.gate))] == [
            0,
            0,
        ]
        assert deletions(self.gate).now == []

    def pages(self, where: str) -> Counter[str]:
        """How many visits there are of each page, in blocks of which a condition holds."""

        def work(transaction: GateTransaction) -> Counter[str]:
            rows = transaction.tables.select(visit_block, where)
            keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in rows}))
            return Counter(each.route for row in rows for each in keys.open(row))

        return self.house.do(work)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(STEPS, min_size=4, max_size=10))
def test_what_a_dry_run_says_would_go_is_what_the_jobs_then_delete(
    house: House, steps: list[Step]
) -> None:
    """Values, visits and transactions; where nobody is under an open hold nothing is left due."""
    if not house.do(lambda t: parties.in_role(t, "business-partner")):
        partner(house)
    history = History(house)
    for each in steps:
        history.take(each)
    history.check()
    for who in PEOPLE:
        history.end(who)


@pytest.mark.parametrize(("months", "passed"), [(12, 13), (48, 25)])
def test_whoever_an_older_version_binds_is_asked_by_that_one(
    house: House, months: int, passed: int
) -> None:
    """Whatever is said of the time: the shortest of all that bind them is what the job goes by."""
    gate = house.provider.gate.gate
    gate.take_first_version()
    partner(house)
    _, email = email_of(house, "ann")
    take(house, row(email))
    house.clock.moved += timedelta(days=31 * passed)
    gate.clock.accept()
    times = (
        "usage, services\n  with encryption, delete-after {} months\nmay collect transaction from"
    )
    change = (times.format(24), times.format(months))
    assert not isinstance(post(gate, version("2029-01-01", change)), Refused)
    gate.refresh()
    foretold = due_transactions(gate)
    assert (foretold.total, foretold.goes_now) == (1, 1)
    assert foretold.goes_now == partner_transactions.retire(gate)


@pytest.mark.parametrize("how", [OPEN, SILENT])
def test_networks_that_a_hold_keeps_under_a_narrower_version_do_not_go(
    open_house: Callable[[upheld.Policy], House], how: str
) -> None:
    """But where nobody may speak of the hold; those of others go, and are counted."""
    wider = History(open_house(upheld.load(sample_policy())))
    for who in PEOPLE:
        wider.take(Step("visit", who))
    wider.hold(0, how)
    gate = open_house(storing_of_visits("cookie-id", "page-request")).provider.gate.gate
    stock = due_visits(gate)
    counts = {each.data: each.number for each in stock.rows if each.goes == NOW}
    assert (stock.goes_now, counts) == (0, {"ip-network": 1 if how == OPEN else 2})
    retention.retire(gate)
    assert {each.data for each in due_visits(gate).rows} == {"cookie-id", "page-request"}


@pytest.mark.parametrize("silent", [False, True])
def test_visits_of_a_shared_browser_that_was_untied_in_silence_go_as_if_no_order_were_there(
    house: House, *, silent: bool
) -> None:
    """Though a hold that may be told came since: it keeps nothing of them by itself."""
    gate = house.provider.gate.gate
    ann, _ = (tied(house, f"{each}@marked.example", b"c1") for each in ("ann", "cy"))
    keep(house, ("/p", "192.0.2.7", b"c1"))
    if silent:
        put_under_hold(house, ann, silent=True)
    ((mark, *_),) = house.do(lambda t: ties_of(t, ann))
    assert untie(gate, house.do(lambda t: prepare(t, ann, mark)))
    gate.record(ann, "hold", fact="legal-hold", how="i2")
    house.clock.moved += timedelta(days=500)
    gate.clock.accept()
    assert due_visits(gate).goes_now == 1
