"""Whoever signs in, visits, unties, is erased or put under a hold: which visits are left, and told.

Three people share two browsers. What is left is compared with a naive definition of what must be,
and what anybody but the legal desk sees with what they see of another three, of whom nobody was
under a silent hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from empty import empty_database
from practices.conftest import House
from upheld.core.clock import BEGINNING
from upheld.core.ids import PersonId
from upheld.database.columns import microseconds
from upheld.gate.act.request import Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practices.collection.blocks import DayKeys, days_of
from upheld.practices.collection.compaction import compact
from upheld.practices.collection.intake import Intake
from upheld.practices.collection.log_lines import LogLine
from upheld.practices.collection.own_visits import OwnVisits, _opened
from upheld.practices.collection.retention import retire
from upheld.practices.collection.tables import visit_block, visit_tie
from upheld.practices.collection.ties import tie, ties_of
from upheld.practices.collection.untying import prepare, untie
from upheld.web import sessions

PEOPLE, BROWSERS = range(3), range(2)
NUMBERS = count()
NONE, OPEN, SILENT = "none", "open", "silent"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """The same is asked of every database elsewhere."""
    return empty_database(tmp_path)


class Step(NamedTuple):
    """Something that happens: what, of whom, with which browser."""

    what: str
    who: int = 0
    browser: int = 0


STEPS = st.one_of(
    st.builds(Step, st.sampled_from(["visit", "late"]), st.just(0), st.sampled_from(BROWSERS)),
    st.builds(
        Step,
        st.sampled_from(["sign in", "untie"]),
        st.sampled_from(PEOPLE),
        st.sampled_from(BROWSERS),
    ),
    st.builds(
        Step, st.sampled_from([OPEN, SILENT, "end", "erase"]), st.sampled_from(PEOPLE), st.just(0)
    ),
    st.just(Step("jobs")),
)


class Kept:
    """The naive definition: of each visit whether it is told of, and whose holds keep it."""

    def __init__(self) -> None:
        self.told: dict[int, dict[int, int]] = {each: {} for each in BROWSERS}  # visit, to its time
        self.aside: list[tuple[int, set[int]]] = []  # a visit, and who had it when it was put there
        self.tied: dict[tuple[int, int], int | None] = {}  # person, browser: when it was untied
        self.mixed: set[tuple[int, int]] = set()  # of which others' visits may be
        self.nobodys: set[int] = set()  # browsers that several had of whom one is erased
        self.known: set[tuple[int, int]] = set()  # untied in silence, with others' visits
        self.holds: dict[int, str] = dict.fromkeys(PEOPLE, NONE)
        self.apart: set[int] = set()
        self.erased: set[int] = set()

    def others(self, who: int, browser: int) -> bool:
        """Whether it is told that others signed in with a browser of somebody's."""
        there = {each for each, its in self.tied if its == browser} - {who} - self.apart
        return (who, browser) in self.mixed or browser in self.nobodys or bool(there)

    def end(self, browser: int) -> None:
        """No visit of a browser is told of any more, and holds keep those that may be theirs."""
        for visit, time in self.told[browser].items():
            keepers = {
                who
                for (who, its), untied in self.tied.items()
                if its == browser and self.holds[who] != NONE
                if untied is None or ((who, its) in self.known and time <= untied)
            }
            if keepers:
                self.aside.append((visit, keepers))
        self.told[browser] = {}

    def let_go(self, who: int) -> None:
        """Somebody whose hold ended keeps nothing any more."""
        mine = [each for each in self.aside if who in each[1]]
        for each in mine:
            if all(self.holds[its] == NONE for its in each[1]):
                self.aside.remove(each)
            else:
                each[1].discard(who)

    def erase(self, who: int) -> None:
        """Somebody is erased: what may be theirs goes with them."""
        for browser in BROWSERS:
            if self.tied.get((who, browser), 0) is None:
                self.end(browser)
                del self.tied[who, browser]
            elif (who, browser) in self.tied:
                if self.others(who, browser):
                    self.nobodys.add(browser)
                self.mixed |= {each for each in self.tied if each[1] == browser and each[0] != who}
                if (who, browser) not in self.known or self.holds[who] == NONE:
                    del self.tied[who, browser]
        if self.holds[who] == NONE:
            self.let_go(who)
        self.erased.add(who)
        if self.holds[who] == SILENT:
            self.apart.add(who)

    def jobs(self) -> None:
        """What waited for the end of a hold is done."""
        for who in PEOPLE:
            if self.holds[who] == NONE:
                self.let_go(who)
                for each in [each for each in self.known if each[0] == who]:
                    self.known.discard(each)
                    if who in self.erased:
                        self.tied.pop(each, None)

    def left(self) -> set[int]:
        """Every visit that there is."""
        return {each for its in self.told.values() for each in its} | {e for e, _ in self.aside}

    def seen_by(self, who: int) -> set[int]:
        """The visits that somebody sees as theirs."""
        return {
            each
            for browser in BROWSERS
            if self.tied.get((who, browser), 0) is None and not self.others(who, browser)
            for each in self.told[browser]
        }


class People:
    """Three people and two browsers of a provider."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.name, self.gate = house, name, house.provider.gate.gate
        self.who: list[PersonId] = [house.do(_enrolled) for _ in PEOPLE]
        self.sessions = [house.do(partial(_signed_in, each)) for each in self.who]
        self.gone: set[int] = set()

    def cookie(self, browser: int) -> bytes:
        """What stands in a browser."""
        return f"{self.name}-{browser}".encode()

    def visit(self, browser: int, number: int, at: int) -> None:
        """Keep a visit of a browser at a time."""
        route = f"/{self.name}/v{number}".encode()
        line = LogLine(at, b"192.0.2.7", route, self.cookie(browser))
        assert Intake(self.gate).keep([line]).visits == 1

    def sign_in(self, who: int, browser: int) -> bool:
        """Sign in; whether the browser is tied."""
        return self.house.do(lambda t: tie(t, self.sessions[who], self.cookie(browser)))

    def untie(self, who: int, browser: int) -> bool | None:
        """Untie a browser as the page does; None where it is not tied, else whether it was done."""
        person = self.who[who]
        mark = self.house.do(
            lambda t: t.sealer("collection", "cookie").mark_of(self.cookie(browser)).hex()
        )
        if mark not in {each.mark for each in self.house.do(lambda t: ties_of(t, person))}:
            return None
        return untie(self.gate, self.house.do(lambda t: prepare(t, person, mark)))

    def hold(self, who: int, *, silent: bool) -> None:
        """Put somebody under a hold."""
        person, how = self.who[who], f"i{who}"
        self.gate.record(person, "hold", fact="legal-hold", how=how)
        if silent:
            self.gate.record(person, "instrument", fact="gag-order", how=how)

    def end(self, who: int) -> None:
        """End whatever hold somebody is under."""
        person = self.who[who]

        def work(transaction: GateTransaction) -> None:
            desk = transaction.reaching_apart()
            some, _ = desk.records_of([person], ["hold", "instrument"])
            for each in some:
                if each.in_force(microseconds(transaction.clock.now())):
                    desk.withdraw(person, each.record_id, ended=True)

        self.house.do(work)

    def erase(self, who: int) -> None:
        """Erase somebody; whoever is there for what is kept apart of them is in their place."""
        before = {*self.house.do(lambda t: t.everybody_apart())}
        erase(self.gate, [self.who[who]])
        self.gone.add(who)
        for each in {*self.house.do(lambda t: t.everybody_apart())} - before:
            self.who[who] = each

    def routes(self, where: str) -> set[int]:
        """The visits that there are, of blocks of which a condition holds."""

        def work(transaction: GateTransaction) -> list[str]:
            rows = transaction.tables.select(visit_block, where)
            keys = DayKeys(transaction, days_of(transaction.tables, {row.day for row in rows}))
            return [each.route for row in rows for each in keys.open(row)]

        some = [each.split("/") for each in self.house.do(work)]
        numbers = [int(number[1:]) for _, name, number in some if name == self.name]
        assert len(numbers) == len({*numbers})
        return {*numbers}

    def told(self) -> Iterator[Any]:
        """All that is told to anybody: what is counted, and what each sees of their own."""
        yield self.routes("apart IS NULL")
        for who in {*PEOPLE} - self.gone:
            yield self.house.do(partial(_shared, self.who[who]))
            yield self.seen_by(who)

    def seen_by(self, who: int) -> set[int]:
        """The visits that somebody's page shows."""
        mine = OwnVisits(self.house.provider)
        week = self.house.do(lambda t: mine._kept_days(t, self.who[who], ""))
        assert not isinstance(week, Refused)
        days, damaged = _opened(self.gate, week)
        assert not damaged
        return {int(page.route.split("/v")[1]) for pages in days.values() for page in pages}


def _enrolled(transaction: GateTransaction) -> PersonId:
    person = transaction.enrol()
    for values in ({"birth-date": "1990-02-01"}, {"name": "Ann Marked"}):
        transaction.store(person, values, source="customer", occasion="registration")
    transaction.record(person, "service-order", fact="has-service")
    return person


def _signed_in(person: PersonId, transaction: GateTransaction) -> str:
    """A session of somebody."""
    return sessions.begin(transaction.tables, "customer", person, transaction.clock.now())


def _shared(person: PersonId, transaction: GateTransaction) -> list[bool]:
    """Of each of somebody's browsers whether they are told that it is shared."""
    return [each.shared for each in ties_of(transaction, person)]


class Story:
    """What happens to three people, to another three without silent holds, and by definition."""

    def __init__(self, house: House, name: str) -> None:
        self.house, self.number = house, 0
        self.people, self.others = People(house, f"{name}a"), People(house, f"{name}b")
        self.law = Kept()

    def take(self, step: Step) -> None:
        """Let something happen, and a few seconds pass."""
        both, law, who, browser = (self.people, self.others), self.law, step.who, step.browser
        self.house.clock.moved += timedelta(seconds=3)
        now = int((self.house.clock.now() - BEGINNING).total_seconds())
        if step.what in ("visit", "late"):
            self.number += 1
            at = now if step.what == "visit" else now - 7
            for each in both:
                each.visit(browser, self.number, at)
            law.told[browser][self.number] = at
        elif step.what == "jobs":
            retire(self.people.gate)
            compact(self.people.gate)
            law.jobs()
        elif step.what == "end":
            for each in both:
                each.end(who)
            law.holds[who] = NONE
        elif who not in law.erased:
            self._take_of(step)

    def _take_of(self, step: Step) -> None:
        """What happens to somebody who is not erased."""
        both, law, who, browser = (self.people, self.others), self.law, step.who, step.browser
        if step.what in (OPEN, SILENT):
            if law.holds[who] == NONE:
                self.people.hold(who, silent=step.what == SILENT)
                if step.what == OPEN:
                    self.others.hold(who, silent=False)
                law.holds[who] = step.what
        elif step.what == "sign in":
            expected = law.tied.setdefault((who, browser), None) is None
            assert [each.sign_in(who, browser) for each in both] == [expected] * 2
        elif step.what == "untie":
            self._untie(who, browser)
        else:
            for each in both:
                each.erase(who)
            law.erase(who)

    def _untie(self, who: int, browser: int) -> None:
        law = self.law
        results = {each.untie(who, browser) for each in (self.people, self.others)}
        if law.tied.get((who, browser), 0) is not None:
            assert results == {None}
            return
        assert results == {law.holds[who] != OPEN}
        if law.holds[who] == OPEN:
            return
        if law.others(who, browser):
            law.mixed.add((who, browser))
            if law.holds[who] == SILENT:
                law.known.add((who, browser))
        else:
            law.end(browser)
        now = self.house.clock.now()
        law.tied[who, browser] = int((now - BEGINNING).total_seconds())

    def check(self) -> None:
        """Compare what there is with the definition, and what is told with the others."""
        assert self.people.routes("0 = 0") == self.law.left()
        for who in {*PEOPLE} - self.law.erased:
            assert self.people.seen_by(who) == self.law.seen_by(who)
        assert [*self.people.told()] == [*self.others.told()]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=st.lists(STEPS, min_size=4, max_size=16))
def test_exactly_the_visits_are_left_that_somebody_may_see_or_a_hold_keeps(
    house: House, steps: list[Step]
) -> None:
    """And nobody but the legal desk is told of a silent hold by any of them."""
    story = Story(house, f"x{next(NUMBERS)}x")
    for each in steps:
        story.take(each)
        story.check()
    for who in PEOPLE:
        story.take(Step("end", who))
    story.take(Step("jobs"))
    story.check()
    assert story.people.routes("apart IS NOT NULL") == set()

    def clear(transaction: GateTransaction) -> None:
        transaction.tables.purge(visit_block, "day >= ''")
        transaction.tables.purge(visit_tie, "at >= 0")

    house.do(clear)
