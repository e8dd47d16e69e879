"""A version that lets less of visits be kept takes nothing from what a hold keeps of them.

What is counted, and what a customer and an authority read, is compared with a naive definition,
whatever versions are in force one after another and whatever holds begin and end in between.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache, reduce
from itertools import count
from operator import or_
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import upheld
from empty import empty_database
from practices.conftest import House
from practices.test_day_counts import tied
from practices.without import keeping_visits_for, storing_of_visits, without
from upheld.core.clock import BEGINNING
from upheld.database.columns import microseconds
from upheld.database.statements import rows, run
from upheld.database.transaction import writing
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practices.collection import retention, rewriting
from upheld.practices.collection.blocks import DayKeys, days_of
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.own_visits import OwnVisits, _opened
from upheld.practices.collection.released import OWN_ROWS
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import visit_block, visit_tie
from upheld.web import sessions

PAGE, NETWORK, COOKIE = "page-request", "ip-network", "cookie-id"
VERSIONS = ((NETWORK, COOKIE, PAGE), (COOKIE, PAGE), (NETWORK, PAGE), (PAGE,), ())
NUMBERS = count()
OPEN, SILENT = "open", "silent"
TOLD_LATER = "told later"  # a hold that is silent for some days, and may be told then
DAYS_OF_SILENCE = 90


@cache
def version(kinds: tuple[str, ...]) -> upheld.Policy:
    """A version of the policy that lets some kinds of data be kept of a visit."""
    return storing_of_visits(*kinds) if kinds else without("visits")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """One kind of database is enough: the gate decides what goes from either."""
    return empty_database(tmp_path)


class Step(NamedTuple):
    """Something that happens: a visit, another version, a hold that begins or ends, an erasure."""

    what: str
    which: Any = ""


STEPS = st.one_of(
    st.just(Step("visit")),
    st.builds(Step, st.just("version"), st.sampled_from(VERSIONS)),
    st.builds(Step, st.sampled_from(["begin", "end"]), st.sampled_from([OPEN, SILENT])),
    st.sampled_from([Step("erase"), Step("years"), Step("jobs")]),
)


class Kept:
    """The naive definition of what is left of one visit of the customer, by kinds of data.

    What is counted, what the hold keeps beside it, and what a customer is told of that.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.counted = {*kinds}
        self.on_hold = self.shown = self.theirs()

    def theirs(self) -> set[str]:
        """What is counted of it, if it is known whose it is."""
        return {*self.counted} if COOKIE in self.counted else set()

    def jobs(self, allowed: tuple[str, ...], holds: set[str], *, over: bool) -> None:
        """What may be kept no longer goes."""
        self.counted = self.counted & {*allowed} if PAGE in allowed and not over else set()
        self.settle(holds)

    def settle(self, holds: set[str]) -> None:
        """What is counted no more stays where a hold keeps it, and is told where that is open."""
        if not holds:
            self.on_hold = self.theirs()
        if OPEN not in holds:
            self.shown = self.theirs()
        elif SILENT not in holds:
            self.shown = {*self.on_hold}

    def read_by_customer(self, holds: set[str]) -> set[str]:
        """What the customer reads."""
        if OPEN not in holds:
            return self.theirs()
        return self.shown if SILENT in holds else self.on_hold


class Story:
    """A customer with a browser, under one version after another."""

    def __init__(self, houses: dict[tuple[str, ...], House]) -> None:
        self.houses, self.kinds = houses, VERSIONS[0]
        self.number, self.cookie = next(NUMBERS), f"c{next(NUMBERS)}".encode()
        self.ann = tied(self.house, f"a{self.number}@marked.example", self.cookie)
        self.whose = [self.ann]  # with whoever is there for what is kept apart of them
        self.visits: dict[str, Kept] = {}
        self.holds: set[str] = set()
        self.erased = False

    @property
    def house(self) -> House:
        """The provider under the version in force."""
        return self.houses[self.kinds]

    def take(self, step: Step) -> None:
        """Let something happen."""
        if step.what == "version":
            self.kinds = step.which
        elif step.what == "visit":
            self.visit()
        elif step.what == "jobs":
            self.jobs()
        elif step.what == "years":
            self.move(timedelta(days=500))
            self.jobs(over=True)
        elif step.what == "begin" and not self.erased:
            self.begin(step.which)
        elif step.what == "end":
            self.end(step.which)
        elif step.what == "erase" and not self.erased:
            self.erase()

    def move(self, time: timedelta) -> None:
        """Let time pass."""
        for each in self.houses.values():
            each.clock.moved += time
        self.house.do(lambda t: t.accept_clock(self.house.clock.now()))

    def visit(self) -> None:
        """Keep a visit of yesterday, under the version in force."""
        page = f"/v{self.number}x{len(self.visits)}"
        at = int((self.house.clock.now() - timedelta(days=1) - BEGINNING).total_seconds())
        line = LogLine(at, b"192.0.2.7", page.encode(), self.cookie)
        if Intake(self.house.provider.gate.gate).keep([line]).visits:
            self.visits[page] = Kept(self.kinds)
            if self.erased:  # of nobody who is known
                self.visits[page].on_hold = set()

    def jobs(self, *, over: bool = False) -> None:
        """Run the jobs, twice: nothing is left for the second."""
        gate = self.house.provider.gate.gate
        retire(gate)
        compact(gate)
        assert retire(gate) == 0
        for each in self.visits.values():
            before = each.on_hold
            each.jobs(self.kinds, self.holds, over=over)
            if self.erased:
                each.on_hold = before if self.holds else set()

    def begin(self, which: str) -> None:
        """Put the customer under a hold."""
        if which in self.holds:
            return
        gate = self.house.provider.gate.gate
        gate.record(self.ann, "hold", fact="legal-hold", how=which)
        if which in (SILENT, TOLD_LATER):
            until = self.house.clock.now() + timedelta(days=DAYS_OF_SILENCE)
            ends = until if which == TOLD_LATER else None
            gate.record(self.ann, "instrument", fact="gag-order", how=which, ends=ends)
        self.holds.add(which)

    def end(self, which: str) -> None:
        """End a hold."""

        def work(transaction: GateTransaction) -> None:
            desk = transaction.reaching_apart()
            now = microseconds(transaction.clock.now())
            for person in self.whose:
                for each in desk.records_of([person], ["hold", "instrument"])[0]:
                    if each.how == which and each.in_force(now):
                        desk.withdraw(person, each.record_id, ended=True)

        self.house.do(work)
        self.holds.discard(which)

    def erase(self) -> None:
        """Erase the customer."""
        before = {*self.house.do(lambda t: t.everybody_apart())}
        erase(self.house.provider.gate.gate, [self.ann])
        self.erased = True
        self.whose += {*self.house.do(lambda t: t.everybody_apart())} - before
        for kept in self.visits.values():
            if COOKIE in kept.counted:
                kept.counted = set()
            kept.on_hold = kept.on_hold if self.holds else set()

    def check(self) -> None:
        """Compare what there is with the definition."""
        assert self.counted() == Counter(
            (page, NETWORK in its.counted, COOKIE in its.counted)
            for page, its in self.visits.items()
            if its.counted
        )
        for kind in (PAGE, NETWORK):
            assert self.release(kind) == sorted(
                page if kind == PAGE else "192.0.2.0/24"
                for page, its in self.visits.items()
                if kind in its.on_hold
            )
        if not self.erased:
            texts = {page: its.read_by_customer(self.holds) for page, its in self.visits.items()}
            assert self.page() == {
                page: (1, (("192.0.2.0/24",) if NETWORK in its else ()))
                for page, its in texts.items()
                if its
            }

    def counted(self) -> Counter[tuple[str, bool, bool]]:
        """The visits that are counted, whether with a network, and whether with a token."""

        def work(transaction: GateTransaction) -> Iterator[tuple[str, bool, bool]]:
            some = transaction.tables.select(visit_block, "apart IS NULL")
            keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in some}))
            for row in some:
                for each in keys.open(row):
                    yield each.route, bool(each.network), bool(each.token)

        return self.house.do(lambda t: Counter(work(t)))

    def release(self, kind: str) -> list[str]:
        """What an authority is given that demands a kind of data."""
        its = self.house.do(
            lambda t: [Counter(text for _, text in OWN_ROWS[kind](t, each)) for each in self.whose]
        )
        return sorted(reduce(or_, its).elements())  # of two under a hold each, both have the same

    def page(self, full: House | None = None) -> dict[str, tuple[int, tuple[str, ...]]]:
        """What the customer reads: how often they opened each page, and from where.

        In a house that lets them see all that there is.
        """
        full = full or self.houses[VERSIONS[0]]
        mine, now = OwnVisits(full.provider), full.clock.now()
        full.do(lambda t: sessions.begin(t.tables, "customer", self.ann, now))
        week = full.do(lambda t: mine._kept_days(t, self.ann, ""))
        assert not isinstance(week, Refused)
        days, damaged = _opened(full.provider.gate.gate, week)
        assert not damaged
        return {its.route: (its.times, its.networks) for some in days.values() for its in some}


def begin(which: str) -> Step:
    """A hold begins."""
    return Step("begin", which)


def versions(*numbers: int) -> list[Step]:
    """Other versions are in force one after another, and the jobs run under each."""
    return [each for number in numbers for each in (Step("version", VERSIONS[number]), JOBS)]


VISIT, JOBS = Step("visit"), Step("jobs")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
@example([VISIT, begin(SILENT), *versions(1, 3, 0), VISIT, *versions(2, 0), Step("erase"), JOBS])
@example([VISIT, begin(OPEN), *versions(1), begin(SILENT), *versions(3), Step("end", SILENT), JOBS])
@example([VISIT, begin(SILENT), *versions(1), begin(OPEN), Step("years"), Step("end", OPEN), JOBS])
@example([VISIT, begin(SILENT), *versions(4, 0), VISIT, *versions(3), Step("erase"), JOBS])
@example([VISIT, begin(SILENT), *versions(1, 0), VISIT, begin(OPEN), JOBS, *versions(3, 0)])
@example([VISIT, begin(OPEN), *versions(1), begin(SILENT), *versions(3), Step("end", OPEN), JOBS])
def test_what_a_hold_keeps_of_visits_is_the_same_whatever_versions_come(
    open_house: Callable[[upheld.Policy], House], steps: list[Step]
) -> None:
    """And nothing else is other than without it, for anybody but the legal desk."""
    story = Story(each_version(open_house))
    try:
        for each in steps:
            story.take(each)
            story.check()
        for each in (Step("end", OPEN), Step("end", SILENT), JOBS):
            story.take(each)
        story.check()
        assert story.house.do(lambda t: t.tables.select(visit_block, "apart IS NOT NULL")) == []
    finally:
        story.house.do(_clear)


def _clear(transaction: GateTransaction) -> None:
    transaction.tables.purge(visit_block, "day >= ''")
    transaction.tables.purge(visit_tie, "at >= 0")


HOUSES: dict[Callable[[upheld.Policy], House], dict[tuple[str, ...], House]] = {}


def each_version(open_house: Callable[[upheld.Policy], House]) -> dict[tuple[str, ...], House]:
    """The same provider under each version, once for all examples of a test."""
    if open_house not in HOUSES:
        HOUSES.clear()
        HOUSES[open_house] = {kinds: open_house(version(kinds)) for kinds in VERSIONS}
    return HOUSES[open_house]


def test_what_went_by_time_in_silence_is_told_by_no_version_that_keeps_visits_longer(
    open_house: Callable[[upheld.Policy], House],
) -> None:
    """A hold that may be told began later, and tells of it once nothing else is silent."""
    story = Story(each_version(open_house))
    for each in [VISIT, begin(SILENT), Step("years"), begin(OPEN), JOBS]:
        story.take(each)
    longer = open_house(keeping_visits_for(60))
    longer.clock.moved = story.house.clock.moved
    assert story.page(longer) == {}
    story.end(SILENT)
    assert [*story.page(longer)] == [*story.visits]


@cache
def another_version(what: str, which: Any) -> upheld.Policy:
    """A version that keeps visits for some months, or some kinds of data of them."""
    return keeping_visits_for(which) if what == "months" else version(which)


@pytest.mark.parametrize("is_under_it", [False, True])
@pytest.mark.parametrize("then", [2, 60])
@pytest.mark.parametrize(
    "by", [("months", 2), ("kinds", (COOKIE, PAGE)), ("kinds", (NETWORK, PAGE)), ("kinds", ())]
)
def test_what_went_in_silence_is_told_if_it_went_under_the_hold_that_may_be_told_since(
    open_house: Callable[[upheld.Policy], House],
    by: tuple[str, Any],
    then: int,
    *,
    is_under_it: bool,
) -> None:
    """Whatever version let it go, and for how long another keeps visits by then."""
    first, narrow = (open_house(each) for each in (version(VERSIONS[0]), another_version(*by)))
    story = Story({VERSIONS[0]: first, ("narrow",): narrow})
    story.take(VISIT)
    story.move(timedelta(days=65))
    before = story.page(first)
    for each in [SILENT, TOLD_LATER] if is_under_it else [SILENT]:
        story.begin(each)
    story.move(timedelta(days=1))
    retire(narrow.provider.gate.gate)
    without_it = story.page(first)
    assert without_it != before
    if not is_under_it:
        story.begin(TOLD_LATER)
    story.move(timedelta(days=DAYS_OF_SILENCE - 2))
    assert story.page(first) == without_it
    later = open_house(keeping_visits_for(then))
    later.clock.moved = first.clock.moved + timedelta(days=3)
    assert story.page(later) == (before if is_under_it else without_it)


class StoppedError(Exception):
    """Whoever works is stopped here."""


def test_a_job_that_is_stopped_anywhere_loses_nothing_and_keeps_nothing_twice(
    open_house: Callable[[upheld.Policy], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While blocks are written anew one by one, and when the hold has ended."""
    monkeypatch.setattr(retention, "BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(rewriting, "BLOCKS_AT_ONCE", 1)
    story = Story(each_version(open_house))
    for each in [VISIT, VISIT, VISIT, begin(SILENT), Step("version", VERSIONS[1])]:
        story.take(each)
    before = [story.release(PAGE), story.release(NETWORK)]
    stops = _stopped_everywhere(story, lambda: [story.release(PAGE), story.release(NETWORK)])
    assert {*stops} == {repr(before)}
    assert len(stops) > 3
    story.jobs()
    story.check()
    story.end(SILENT)
    assert len(_stopped_everywhere(story, story.counted)) > 1
    story.jobs()
    story.check()


def _stopped_everywhere(story: Story, look: Callable[[], object]) -> list[str]:
    """Run the job until it stops nowhere any more; what was there after each stop."""
    gate, times = story.house.provider.gate.gate, list[str]()
    real, left = gate.together, [0]

    def together() -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise StoppedError
        return real()

    while True:
        left[0] = len(times)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(gate, "together", together)
            with suppress(StoppedError):
                retire(gate)
                return times
        times.append(repr(look()))


@pytest.mark.parametrize("which", [OPEN, SILENT])
def test_what_a_damaged_block_or_tie_holds_is_kept_for_the_hold_until_it_is_mended(
    open_house: Callable[[upheld.Policy], House], which: str
) -> None:
    """A block is narrowed once it is whole; nothing that is apart goes while a tie is damaged."""
    story = Story(each_version(open_house))
    for each in [VISIT, begin(which), Step("version", VERSIONS[1])]:
        story.take(each)
    engine = story.house.provider.gate.gate.engine
    for table, column in (("visit_block", "sealed"), ("visit_tie", "cookie")):
        with writing(engine) as connection:
            ((raw,),) = rows(connection, f"SELECT {column} FROM {table} LIMIT 1")
            run(connection, f"UPDATE {table} SET {column} = ?", bytes(raw[:-1]) + b"\0")
        retire(story.house.provider.gate.gate)
        with writing(engine) as connection:
            where = "WHERE apart IS NULL" if table == "visit_block" else ""
            run(connection, f"UPDATE {table} SET {column} = ? {where}", raw)
        story.jobs()
        story.check()
    assert story.release(NETWORK) == ["192.0.2.0/24"]
