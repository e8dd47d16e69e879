"""Reports: what is counted and paid for, by whom it is read, and what nobody learns by them."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import upheld
from practices.ads import crowd
from practices.conftest import House, confirm, send
from practices.without import without
from upheld.core.ids import PersonId
from upheld.demo import sample_policy
from upheld.gate.act.request import Act, Refused
from upheld.gate.erasure.erase import erase
from upheld.gate.transaction import GateTransaction
from upheld.practice import noise, parties, privacy_budget
from upheld.practice.amounts import bounded
from upheld.practice.privacy_budget import PROFILE, BudgetError
from upheld.practice.tables import report_budget
from upheld.practices.reports import answers, reports
from upheld.practices.reports.answers import AnswerBasis, PeopleTally
from upheld.practices.reports.questions import (
    PRECISIONS,
    Question,
    ReportError,
    contribution,
    question,
)
from upheld.practices.reports.reports import AnonymousReport

HERE = "/staff/reports"
MONTH = "2026-02"
BY_GENDER = ("customers", "gender", "", 500)


@pytest.fixture(name="exact")
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """No noise, so that what is counted can be read."""
    monkeypatch.setattr(noise, "add", lambda numbers, *_: list(numbers))


def wanted(house: House, *words: str | int) -> Question:
    """A question of today."""
    template, split, month, points = words
    return question(str(template), str(split), str(month), int(points), house.clock.today())


def report_on(house: House, *words: str | int, purpose: str = reports.INSIDE) -> AnonymousReport:
    """A report, asked and answered."""
    its = house.do(lambda t: reports.ask(t, wanted(house, *words), purpose, actor="staff mo"))
    return reports.complete(house.provider.gate.gate, its.report_id)


def counts(its: AnonymousReport) -> dict[str, int]:
    """The lines of an answer."""
    assert its.answer
    return {each.key: each.people for each in its.answer.lines}


def used(house: House, person: PersonId, gigabytes: float | str, month: str = MONTH) -> None:
    """Somebody uses a service in a month."""
    row = {"month": month, "service": "internet", "gigabytes": gigabytes, "hours": 1}

    def work(transaction: GateTransaction) -> None:
        transaction.record(person, "service-order", fact="has-service")
        outcome = transaction.append(
            person,
            "usage",
            [json.dumps(row)],
            source="customer",
            occasion="service-use",
            purpose="billing",
        )
        assert not isinstance(outcome, Refused)

    house.do(work)


def test_people_are_counted_for_whom_the_policy_allows_it_under_its_clause(
    house: House, exact: None
) -> None:
    """Who objected or was erased is not; each reads in their account that they were counted."""
    del exact
    people = crowd(house, 70)
    words = {"purpose": [reports.INSIDE]}
    house.do(lambda t: t.record(people[0], "objection", fact="objected", about=words))
    erase(house.provider.gate.gate, [people[1]])
    its = report_on(house, *BY_GENDER)
    assert counts(its) == {"women": 68}
    assert its.answer
    assert (its.answer.group, its.answer.clauses) == (50, ("reports",))
    uses = [e.entry for e in house.provider.gate.gate.entries(people[2]) if e.entry.action == "use"]
    assert [(each.clauses, each.purpose) for each in uses] == [(("reports",), reports.INSIDE)]


def test_what_a_report_says_of_itself_is_the_same_whoever_is_counted(house: House) -> None:
    """The smallest group and the clauses are the policy's, not those of decisions on people."""
    its = report_on(house, *BY_GENDER)
    assert its.answer
    assert (its.answer.group, its.answer.clauses, its.answer.lines) == (50, ("reports",), ())


def test_nothing_but_a_report_that_is_counted_uses_data_for_reports(house: House) -> None:
    """The policy allows it with duties that nobody else carries out."""
    ann = house.customer(gender="female")
    act = Act(action="use", data=("gender",), purpose=reports.INSIDE)
    its = house.do(lambda t: reports.ask(t, wanted(house, *BY_GENDER), reports.INSIDE, actor="x"))
    other = Act(action="use", data=("zip",), purpose=reports.INSIDE, reference=its.report_id)
    mine = Act(action="use", data=("gender",), purpose=reports.INSIDE, reference=its.report_id)

    def is_refused(each: Act) -> bool:
        return house.do(lambda t: isinstance(t.act(each, ann), Refused))

    assert [is_refused(each) for each in (act, other, mine)] == [True, True, False]
    reports.complete(house.provider.gate.gate, its.report_id)
    assert is_refused(mine)
    for purpose in ("research", reports.OUTSIDE):
        act = Act(action="use", data=("gender",), purpose=purpose, reference=its.report_id)
        assert is_refused(act)


def test_twenty_at_once_spend_no_more_than_there_is_and_the_same_question_pays_once(
    house: House,
) -> None:
    """Clients inside and outside share the one budget, whoever asks."""

    def ask(at: int) -> str:
        """The id of a report, or why there is none."""
        split = ("age-range", "gender", "zip", "interests", "occupation", "industry")[at % 6]
        purpose = (reports.INSIDE, reports.OUTSIDE)[at % 2]
        try:
            its = house.do(
                lambda t: reports.ask(
                    t, wanted(house, "customers", split, "", 500), purpose, actor=f"agent {at}"
                )
            )
        except BudgetError as error:
            return str(error)
        return its.report_id

    with ThreadPoolExecutor(20) as pool:
        answered = {*pool.map(ask, range(20))}
    assert privacy_budget.SPENT in answered
    assert len(answered) == 4 + 1
    (row,) = house.do(lambda t: t.tables.select(report_budget))
    assert (row.period, row.points) == (PROFILE, privacy_budget.BUDGET_POINTS)
    house.clock.moved += timedelta(days=40)
    with pytest.raises(BudgetError) as caught:
        report_on(house, *BY_GENDER)
    assert str(caught.value) == privacy_budget.SPENT


def test_a_stored_answer_is_given_again_for_nothing_but_none_of_ours_goes_outside(
    house: House,
) -> None:
    """What was paid for outside is read inside; a rougher question is answered by it too."""
    inside = report_on(house, *BY_GENDER)
    assert report_on(house, *BY_GENDER) == inside
    assert report_on(house, "customers", "gender", "", 10) == inside
    outside = report_on(house, *BY_GENDER, purpose=reports.OUTSIDE)
    assert outside.report_id != inside.report_id
    again = report_on(house, "customers", "age-range", "", 100, purpose=reports.OUTSIDE)
    assert report_on(house, "customers", "age-range", "", 100) == again
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {PROFILE: 1_100}


def test_a_report_that_is_cut_off_is_answered_later_and_costs_nothing_more(house: House) -> None:
    """Two that count it at once give one answer."""
    its = house.do(lambda t: reports.ask(t, wanted(house, *BY_GENDER), reports.INSIDE, actor="x"))
    gate = house.provider.gate.gate
    assert reports.complete_all(gate) == 1
    with ThreadPoolExecutor(2) as pool:
        done = {*pool.map(lambda _: reports.complete(gate, its.report_id).answered_at, range(4))}
    assert len(done) == 1
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {PROFILE: 500}


def test_sums_are_within_declared_bounds_whatever_a_row_says(house: House, exact: None) -> None:
    """No number, one without end and one below nothing add what is within the bounds."""
    del exact
    people = crowd(house, 80)
    for at, each in enumerate(people):
        used(house, each, (5, 1e300, -7)[min(at, 2)] if at < 3 else 5)
    its = report_on(house, "usage", "", MONTH, 500)
    assert its.answer
    (line,) = its.answer.lines
    assert (line.people, line.total) == (80, 5 + 1_000 + 0 + 77 * 5)
    assert [bounded(each, 9) for each in (float("nan"), float("inf"), -1, 3.4)] == [0, 9, 0, 3]
    asked = wanted(house, "usage", "", MONTH, 500)
    rows = ["{}", "no row", '{"month":"2026-02","gigabytes":1e999}', '{"month":5}']
    assert contribution(asked, {}, rows, house.clock.today()) in ({}, {"all": 1_000})


def test_no_question_but_those_of_the_templates_is_asked(house: House) -> None:
    """No band, month or price of one's own making; nothing of a month that is not over."""
    wrong = [
        ("people", "gender", "", 100),
        ("customers", "", "", 100),
        ("customers", "email", "", 100),
        ("customers", "gender", "", 99_999),
        ("customers", "gender", "", 0),
        ("usage", "", "2026-03", 100),
        ("usage", "", "2020-01", 100),
        ("usage", "", "", 100),
        ("usage-bands", "gender", MONTH, 100),
        ("staying", "", MONTH, 100),
    ]
    for each in wrong:
        with pytest.raises(ReportError):
            wanted(house, *each)


def test_the_price_holds_for_every_question_by_opendp_itself() -> None:
    """The privacy loss by its own map is never more than what was paid."""
    for points in PRECISIONS:
        for sensitivity in (1, 3, 6, 1_000, 60_000):
            scale = noise.scale_of(sensitivity, points)
            assert noise._measurement(scale).map(sensitivity) <= points / noise.POINTS
            assert len(noise.add([2**50, 0], sensitivity, points)) == 2
    for wrong in ((0, 100), (1, 0), (-3, 100)):
        with pytest.raises(noise.NoiseError):
            noise.scale_of(*wrong)


@pytest.fixture(name="seeded")
def _seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same noise in each run, of the very scale that is paid for."""
    source = random.Random(25)  # noqa: S311 - the same in each run

    def add(numbers: Sequence[int], sensitivity: int, points: int) -> list[int]:
        scale = noise.scale_of(sensitivity, points)

        def laplace() -> int:
            return round(source.expovariate(1 / scale) - source.expovariate(1 / scale))

        return [each + laplace() for each in numbers]

    monkeypatch.setattr(noise, "add", add)


def guesses(asked: Question, rounds: int) -> float:
    """How often somebody who knows all others tells by some answers whether one was counted."""
    right = 0
    trials = 100
    for trial in range(trials):
        tally = PeopleTally()
        tally.people["women"] = 2_000 + trial % 2
        lines = [answers.answer(asked, tally, AnswerBasis(50, (), "")).lines for _ in range(rounds)]
        average = sum(each[0].people for each in lines) / rounds  # that of women is first
        right += (average > 2_000.5) == bool(trial % 2)
    return right / trials


def test_who_was_counted_is_told_by_many_answers_and_not_by_those_of_the_budget(
    seeded: None,
) -> None:
    """One person more or less: with the budget off they are found, within it they are not."""
    del seeded
    asked = Question("customers", "gender", MONTH, 10)
    within = privacy_budget.BUDGET_POINTS // asked.points
    assert guesses(asked, within) < 0.75
    rich = asked._replace(points=500)
    assert guesses(rich, 300) > 0.95


def test_a_company_with_two_accounts_reads_one_answer_and_pays_from_one_budget(
    house: House,
) -> None:
    """On its page it is asked about the price first; reports for us are not there for it."""
    inside = report_on(house, "customers", "age-range", "", 10)
    party = house.do(lambda t: parties.add(t, "Oak Figures", "report-client")).party
    form = {"template": "customers", "split": "gender", "month": "", "points": "500"}
    paths = []
    for name in ("pat", "pia"):
        agent = house.signed_in(house.staff(kind="agent", sign_in=name, party=party), "agent")
        answer = send(agent, "/reports", form)
        assert answer.status_code == 303, answer.text
        paths.append(answer.headers["location"])
        assert "No group is large enough" in agent.get(paths[-1]).text
        assert agent.get(f"/reports/{inside.report_id}").status_code == 404
        assert agent.get(f"{paths[-1]}/method").text.startswith("upheld anonymous report\n")
        assert send(agent, "/reports", {**form, "split": ""}).status_code == 422
    assert paths[0] == paths[1]
    assert house.do(lambda t: privacy_budget.spent(t.tables)) == {PROFILE: 510}
    other = house.do(lambda t: parties.add(t, "Elm Mail", "trusted-partner")).party
    agent = house.signed_in(house.staff(kind="agent", sign_in="ed", party=other), "agent")
    assert agent.get("/reports").status_code == 403


def test_an_analyst_asks_and_reads_chart_table_and_statement(house: House, exact: None) -> None:
    """The price is shown before; a spent budget says only that it is spent."""
    del exact
    for each in crowd(house, 80):
        used(house, each, 5)
    browser = house.signed_in(house.staff("analyst"), "staff")
    form = {"template": "usage", "split": "gender", "month": MONTH, "points": "500"}
    page = browser.get(HERE)
    token = page.text.split('name="_token" value="')[1].split('"')[0]
    asking = browser.post(HERE, data={"_token": token, **form})
    assert "0.5" in asking.text
    assert house.do(lambda t: reports.every(t.tables)) == []
    answer = confirm(browser, asking)
    assert answer.status_code == 303
    path = answer.headers["location"]
    shown = browser.get(path).text
    assert ">women<" in shown
    assert "<svg" in shown
    assert "groups of at least fifty people" in shown
    table = browser.get(f"{path}/table").text.splitlines()
    assert table[0].startswith("group,people,people from,people to,gigabytes")
    assert table[1].startswith("women,80,")
    assert "epsilon: 0.5, taken from profile, 2026-02" in browser.get(f"{path}/method").text
    for split in ("zip", "industry", "occupation"):
        report_on(house, "customers", split, "", 500)
    refused = send(browser, HERE, {**form, "split": "age-range"})
    assert refused.status_code == 422
    assert "privacy budget for this is spent" in refused.text


def test_without_the_clause_reports_stop(open_house: Callable[..., House]) -> None:
    """Nothing is asked under a policy without it, and the page says so."""
    house = open_house(without("reports"))
    with pytest.raises(ReportError) as caught:
        report_on(house, *BY_GENDER)
    assert caught.value.code == "report-policy"
    page = house.signed_in(house.staff("analyst"), "staff").get(HERE).text
    assert "Our policy does not let us make reports now" in page


def test_the_policy_says_how_small_a_group_is_and_how_large_the_budget(
    open_house: Callable[..., House], exact: None
) -> None:
    """Its numbers hold in place of ours."""
    del exact
    text = sample_policy().read_text(encoding="utf-8")
    duties = "with minimum-group 50, privacy-budget"
    assert text.count(duties) == 2
    house = open_house(
        upheld.load_text(text.replace(duties, "with minimum-group 90, privacy-budget 1"))
    )
    crowd(house, 90)
    its = report_on(house, *BY_GENDER)
    assert its.answer
    assert (its.answer.group, its.answer.least, its.answer.lines) == (90, 104, ())
    report_on(house, "customers", "age-range", "", 500)
    with pytest.raises(BudgetError):
        report_on(house, "customers", "zip", "", 10)


def test_whoever_starts_it_without_opendp_reads_what_is_not_made_and_how_to_have_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless the policy makes no number of anybody, or OpenDP is there."""
    policy = upheld.load(sample_policy())
    assert privacy_budget.missing(policy) == ""
    monkeypatch.setattr(noise, "is_there", lambda: False)
    assert "pip install '.[reports]'" in privacy_budget.missing(policy)
    assert sys.prefix not in privacy_budget.missing(policy)  # analysts read it
    assert privacy_budget.missing(without("reports")) == ""
