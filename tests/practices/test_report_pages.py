"""Reports of pages that people looked at, and of where they live and how old they are."""

from __future__ import annotations

from collections import Counter
from itertools import combinations, product

import pytest

from practices.ads import crowd
from practices.conftest import House, send
from practices.test_day_counts import keep
from practices.test_reports import MONTH, counts, wanted
from upheld.core.ids import PersonId
from upheld.gate.erasure.erase import erase
from upheld.practice import noise, privacy_budget
from upheld.practice.page_groups import OTHER, PAGE_GROUPS, group_of
from upheld.practice.privacy_budget import PROFILE
from upheld.practices.collection.page_months import month_of_pages
from upheld.practices.collection.ties import tie
from upheld.practices.reports import answers, reports
from upheld.practices.reports.questions import Question, ReportError, contribution
from upheld.practices.reports.reports import AnonymousReport
from upheld.web import sessions

AGO = 20  # days: in February
PEOPLE = 200  # more than the smallest group and the margin for the noise of such a report


@pytest.fixture(name="exact")
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise, so that what is counted can be read."""
    monkeypatch.setattr(noise, "add", lambda numbers, *_: list(numbers))


def browser_of(house: House, person: PersonId, cookie: bytes) -> None:
    """Somebody signs in with a browser."""
    raw = house.do(lambda t: sessions.begin(t.tables, "customer", person, house.clock.now()))
    assert house.do(lambda t: tie(t, raw, cookie))


def report_on(house: House, *words: str | int) -> AnonymousReport:
    """A report, asked and answered as the pages do."""
    asked, pages_of = wanted(house, *words), reports.pages_by(house.provider)
    its = house.do(
        lambda t: reports.ask(t, asked, reports.OUTSIDE, actor="agent a", pages_of=pages_of)
    )
    return reports.complete(house.provider.gate.gate, its.report_id, pages_of)


def test_who_looked_at_a_group_of_pages_counts_there_once_however_often(
    house: House, exact: None
) -> None:
    """Not who objected or was erased, nor visits of another month, of nobody, or of two people."""
    del exact
    people = crowd(house, PEOPLE)
    visits = []
    for at, each in enumerate(people):
        cookie = f"cookie-{at}".encode()
        browser_of(house, each, cookie)
        visits += [("/help/lamps", "192.0.2.7", cookie)] * (at % 3 + 1)
    browser_of(house, people[1], b"cookie-0")
    visits += [("/plans", "192.0.2.7", b"cookie-0"), ("/plans", "192.0.2.8", b"nobody")]
    keep(house, *visits, days_ago=AGO)
    keep(house, *[("/privacy", "192.0.2.7", f"cookie-{at}".encode()) for at in range(PEOPLE)])
    about = {"purpose": [reports.OUTSIDE]}
    house.do(lambda t: t.record(people[2], "objection", fact="objected", about=about))
    erase(house.provider.gate.gate, [people[3]])
    its = report_on(house, "pages", "", MONTH, 500)
    assert counts(its) == {"help": PEOPLE - 3}
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {MONTH: 500}
    uses = [
        [
            e.entry.clauses
            for e in house.provider.gate.gate.entries(each)
            if (e.entry.action, e.entry.outcome) == ("use", "allow")
        ]
        for each in people[:5]
    ]
    assert uses == [[], [("reports",)], [], [], [("reports",)]]


def test_nobody_counts_in_more_groups_of_pages_than_the_noise_is_for(house: House) -> None:
    """Drawn for each of them, the same each time; the noise is for the browser of another, too."""
    asked, today = Question("pages", "", MONTH, 100), house.clock.today()
    drawn = Counter[str]()
    for number in range(300):
        mine = contribution(asked, {}, [], today, {*PAGE_GROUPS}, f"person {number}")
        assert mine == contribution(asked, {}, [], today, {*PAGE_GROUPS}, f"person {number}")
        assert len(mine) == 3
        drawn.update([*mine])
    assert set(drawn) == {*PAGE_GROUPS}
    assert min(drawn.values()) > 300 * 3 / len(PAGE_GROUPS) / 2
    assert (asked.lines_each, asked.lines_changed) == (3, 9)
    how = answers.precision(asked)
    assert how.people_off == noise.width(noise.scale_of(9, 100), answers.INTERVAL)
    assert contribution(asked, {}, [], house.clock.today(), {"not-on-the-list"}) == {}


def test_one_person_changes_no_more_than_the_noise_of_a_report_of_pages_is_for(
    house: House,
) -> None:
    """Whatever both looked at: one who comes in takes a browser of another's out, at most."""
    asked, today = Question("pages", "", MONTH, 100), house.clock.today()
    some = [{*each} for size in (0, 1, 3, 4) for each in combinations(PAGE_GROUPS, size)]

    def tally(*people: set[str]) -> Counter[str]:
        lines = Counter[str]()
        for at, pages in enumerate(people):
            lines.update([*contribution(asked, {}, [], today, pages, f"person {at}")])
        return lines

    largest = 0
    for shared, own in product(some, some):
        without, others = tally(shared | own), tally(own, {*PAGE_GROUPS})
        changed = sum(abs(without[key] - others[key]) for key in PAGE_GROUPS)
        largest = max(largest, changed)
    assert 6 < largest <= asked.lines_changed


def test_a_browser_of_two_people_tells_of_neither_and_one_that_was_untied_of_nobody(
    house: House,
) -> None:
    """Whoever signs in with another's browser takes its visits out, and no others."""
    ann, bob = crowd(house, 2)
    browser_of(house, ann, b"hers")
    browser_of(house, ann, b"of-both")
    keep(house, ("/help", "192.0.2.7", b"hers"), ("/plans", "192.0.2.7", b"of-both"), days_ago=AGO)
    gate = house.provider.gate.gate
    assert month_of_pages(gate, MONTH) == {ann: {"help", "offers"}}
    browser_of(house, bob, b"of-both")
    assert month_of_pages(gate, MONTH) == {ann: {"help"}}
    assert month_of_pages(gate, "2026-01") == {}


@pytest.mark.parametrize(
    ("route", "group"),
    [
        ("/help", "help"),
        ("/help/lamps", "help"),
        ("/helper", OTHER),
        ("/", OTHER),
        ("", OTHER),
        ("/me", "account"),
        ("/me/help", "help"),
        ("/me/balance/2026-01", "paying"),
    ],
)
def test_a_page_is_in_the_group_of_the_longest_beginning_of_its_address(
    route: str, group: str
) -> None:
    """A part of a word is no beginning, and what is on no list is in the last group."""
    assert group_of(route) == group


def test_how_many_are_reached_is_counted_by_area_and_age_at_once(house: House, exact: None) -> None:
    """Each in one of the lines that there are whoever lives there; minors are in none."""
    del exact
    crowd(house, 90, area="98225")
    its = report_on(house, "reach", "", "", 500)
    (line,) = counts(its)
    area, age = line.split(" ")
    assert (len(area), age in {"18-24", "25-34", "35-44", "45-54", "55-64", "65-150"}) == (3, True)
    assert counts(its)[line] == 90
    assert len(its.question.keys) == 6_000
    assert its.question.fields == ("birth-date", "zip")
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {PROFILE: 500}
    today = house.clock.today()
    lives = {"zip": "98225", "birth-date": f"{today.year - 15}-01-01"}
    assert contribution(its.question, lives, [], today) == {}
    assert contribution(its.question, {**lives, "zip": "X1"}, [], today) == {}
    for wrong in (("reach", "gender", "", 100), ("pages", "gender", MONTH, 100)):
        with pytest.raises(ReportError):
            wanted(house, *wrong)


def test_both_are_asked_on_the_page_and_paid_for_after_a_look_at_the_price(
    house: House, exact: None
) -> None:
    """With a table, a chart, CSV and a signed statement, which says what each person changes."""
    del exact
    people = crowd(house, PEOPLE, area="98225")
    for at, each in enumerate(people):
        browser_of(house, each, f"c{at}".encode())
    rows = [("/plans", "192.0.2.7", f"c{at}".encode()) for at in range(len(people))]
    keep(house, *rows, days_ago=AGO)
    browser = house.signed_in(house.staff("analyst"), "staff")
    for template, month, line in (("pages", MONTH, "What we offer"), ("reach", "", "982, ")):
        form = {"template": template, "split": "", "month": month, "points": "500"}
        answer = send(browser, "/staff/reports", form)
        assert answer.status_code == 303, answer.text
        path = answer.headers["location"]
        page = browser.get(path).text
        assert "<svg" in page
        assert line in page
        assert line.rstrip() in browser.get(f"{path}/table").text
        statement = browser.get(f"{path}/method").text
        assert ("one person changes 9 numbers by one at most" in statement) == (template == "pages")
        assert "epsilon: 0.5, taken from" in statement


def test_where_nothing_tells_of_pages_a_report_of_them_is_neither_offered_nor_paid_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused as well to whoever sends the form all the same."""
    browser = house.signed_in(house.staff("analyst"), "staff")
    assert 'value="pages"' in browser.get("/staff/reports").text
    monkeypatch.setattr(reports, "pages_by", lambda _: None)
    page = browser.get("/staff/reports").text
    assert 'value="pages"' not in page
    assert 'value="reach"' in page
    form = {"template": "pages", "split": "", "month": MONTH, "points": "500"}
    assert send(browser, "/staff/reports", form).status_code == 422
    with pytest.raises(ReportError, match="which pages people look at"):
        report_on(house, "pages", "", MONTH, 500)
    assert house.do(lambda t: (privacy_budget.spent(t.tables), reports.every(t.tables))) == ({}, [])


def test_a_report_that_cannot_be_counted_at_once_is_answered_later_for_the_same_price(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked is led to it, and reads that it is being counted."""

    def fails(*_: object) -> None:
        raise noise.NoiseError("the noise would cost more than was paid", code="report-noise")

    browser, gate = house.signed_in(house.staff("analyst"), "staff"), house.provider.gate.gate
    form = {"template": "customers", "split": "gender", "month": "", "points": "50"}
    with monkeypatch.context() as broken:
        broken.setattr(noise, "add", fails)
        answer = send(browser, "/staff/reports", form)
        assert (answer.status_code, reports.complete_all(gate)) == (303, 0)
    path = answer.headers["location"]
    assert "It is being counted" in browser.get(path).text
    assert reports.complete_all(gate) == 1
    assert "It is being counted" not in browser.get(path).text
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {PROFILE: 50}
