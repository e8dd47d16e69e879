"""Attacks on reports: somebody is looked for in a thousand of them, and numbers go bad."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from practices.conftest import House
from practices.test_reports import MONTH
from upheld.practice import noise, privacy_budget
from upheld.practice.noise import NoiseError
from upheld.practice.privacy_budget import PROFILE, BudgetError
from upheld.practices.reports import answers, reports
from upheld.practices.reports.questions import (
    PRECISIONS,
    SPLITS,
    TEMPLATES,
    Question,
    ReportError,
    question,
)

ASKED = 1_000
TRIALS = 400
OTHERS = 2_000  # who are in the line of whoever is planted


def laplace(source: random.Random) -> Callable[[int, int, int], int]:
    """A number with noise of the scale that is paid for, the same in each run."""

    def add(number: int, sensitivity: int, points: int) -> int:
        rate = 1 / noise.scale_of(sensitivity, points)
        return number + round(source.expovariate(rate) - source.expovariate(rate))

    return add


def thousand(house: House) -> list[Question]:
    """A thousand questions of one month, the dearest first, as often as there are no others."""
    today, result = house.clock.today(), []
    for points, template, split in itertools.product(
        sorted(PRECISIONS, reverse=True), TEMPLATES, ("", *SPLITS)
    ):
        try:
            result.append(question(template, split, MONTH, points, today))
        except ReportError:
            continue
    return list(itertools.islice(itertools.cycle(result), ASKED))


def advantage(asked: Sequence[Question], source: random.Random) -> float:
    """How much better than by chance one tells whether somebody is in, by all numbers at once.

    Whoever looks for them knows everybody else, and weighs each number by its noise as the best
    test does: the share of those who are there and are found, less that of false alarms.
    """
    add = laplace(source)
    costs = [(each.lines_each, answers.precision(each).people_points) for each in asked]

    def seems_there(planted: int) -> bool:
        weight = 0.0
        for sensitivity, points in costs:
            scale = noise.scale_of(sensitivity, points)
            number = add(OTHERS + planted, sensitivity, points)
            weight += (abs(number - OTHERS) - abs(number - OTHERS - 1)) / scale
        return weight > 0

    hits = sum(seems_there(1) for _ in range(TRIALS))
    alarms = sum(seems_there(0) for _ in range(TRIALS))
    return (hits - alarms) / TRIALS


def test_whoever_is_planted_is_found_in_a_thousand_reports_only_without_the_budget(
    house: House,
) -> None:
    """Two clients and we ask; what is answered gives no more than epsilon promises."""
    source = random.Random(25)  # noqa: S311 - the same in each run
    asked, answered = thousand(house), {}
    pages_of = reports.pages_by(house.provider)
    with house.provider.gate.gate.together() as transaction:
        for at, each in enumerate(asked):
            purpose, actor = (
                (reports.INSIDE, "staff ana") if at % 3 else (reports.OUTSIDE, f"agent {at % 2}")
            )
            try:
                its = reports.ask(transaction, each, purpose, actor=actor, pages_of=pages_of)
            except BudgetError:
                continue
            answered[its.report_id] = its.question
        spent = privacy_budget.spent(transaction.tables)
    assert max(spent.values()) <= privacy_budget.BUDGET_POINTS
    of_month = [each for each in answered.values() if MONTH in each.periods]
    of_profile = [each for each in answered.values() if PROFILE in each.periods]
    epsilon = privacy_budget.BUDGET_POINTS / noise.POINTS
    promised = math.tanh(epsilon / 2)  # of whatever test, by the definition of epsilon
    margin = 3 / math.sqrt(TRIALS)
    for answers_of in (of_month, of_profile):
        assert answers_of
        assert advantage(answers_of, source) <= promised + margin
    assert advantage(asked, source) > 0.99  # each of the thousand with noise of its own


NOT_WHOLE = (
    0.5,
    math.nan,
    math.inf,
    -math.inf,
    True,
    "1",
    None,
    2**53 + 1,
    -(2**63),
    2**63,
    10**400,
)


@pytest.mark.parametrize("wrong", NOT_WHOLE, ids=repr)
def test_noise_is_refused_for_what_is_no_whole_number_that_can_be_counted(wrong: object) -> None:
    """Nothing overflows, wraps, is rounded or is cut to fit, in a number, a bound or a price."""
    assert type(noise.add([2**53, -(2**53), 0], 1, 500)[0]) is int
    for numbers, bound, price in (([1, wrong], 1, 500), ([1], wrong, 500), ([1], 1, wrong)):
        with pytest.raises(NoiseError) as caught:
            noise.add(numbers, bound, price)  # type: ignore[arg-type]  # it is what is tried
        assert caught.value.code == "report-noise"


@given(
    number=st.integers(-(2**53), 2**53),
    bound=st.integers(1, 10**9),
    points=st.sampled_from(PRECISIONS),
)
def test_noise_is_whole_and_of_no_other_scale_whatever_it_is_added_to(
    number: int, bound: int, points: int
) -> None:
    """Large numbers get what small ones do: it never reaches farther than once in e to the 60."""
    (answer,) = noise.add([number], bound, points)
    assert type(answer) is int
    assert abs(answer - number) <= 60 * noise.scale_of(bound, points) + 1
