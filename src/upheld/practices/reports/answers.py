"""From counts of people to an answer: noise, no line of a group that is too small, and intervals.

What is counted leaves this module with noise alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from upheld.practice import noise
from upheld.practices.reports.questions import Question

LEAST: Final = 50  # the smallest group where the policy names none
MARGIN: Final = 1_000  # a group that is too small has a line at most once in so many times
MANY_LINES: Final = 100  # from which on it is all lines of a report that have one together
INTERVAL: Final = 20  # the number without noise lies outside an interval at most once in so many


class AnswerLine(msgspec.Struct, frozen=True):
    """A line of an answer; `total` is in parts of the unit, and 0 where people are counted."""

    key: str
    people: int
    total: int = 0


class ReportAnswer(msgspec.Struct, frozen=True):
    """An answer as it is kept. `people_off` and `total_off` are half the width of intervals.

    `group` is the policy's smallest group, `least` the number with noise below which a line is left
    out.
    """

    lines: tuple[AnswerLine, ...]
    group: int
    least: int
    people_off: int
    total_off: int
    policy: str
    clauses: tuple[str, ...]


class Precision(NamedTuple):
    """What is known of an answer before anybody is counted: scales of noise, and intervals."""

    people_points: int
    total_points: int
    people_off: int
    total_off: int
    margin: int


class PeopleTally:
    """What is counted so far: people, and what they add to totals, by line."""

    def __init__(self) -> None:
        self.people: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()

    def add(self, contribution: Mapping[str, int]) -> None:
        """Count one person."""
        for key, amount in contribution.items():
            self.people[key] += 1
            self.totals[key] += amount


def precision(wanted: Question) -> Precision:
    """How precise an answer will be; it depends on the question and its price alone."""
    each, bound, lines = wanted.lines_changed, wanted.its.bound, len(wanted.keys)
    people_points = wanted.points // 2 if bound else wanted.points
    total_points = wanted.points - people_points
    scale = noise.scale_of(each, people_points)
    total_scale = noise.scale_of(each * bound, total_points) if bound else 0.0
    return Precision(
        people_points,
        total_points,
        noise.width(scale, INTERVAL),
        noise.width(total_scale, INTERVAL) if bound else 0,
        noise.width(scale, MARGIN * (lines if lines >= MANY_LINES else 1)),
    )


class AnswerBasis(NamedTuple):
    """On what an answer rests: the smallest group, and the clauses of a policy, by its digest.

    None of it depends on who is counted, so that it tells of nobody.
    """

    group: int
    clauses: tuple[str, ...]
    policy: str


def answer(wanted: Question, tally: PeopleTally, basis: AnswerBasis) -> ReportAnswer:
    """The answer to a question: each number with noise, and every line whether anybody is there."""
    how, keys = precision(wanted), [key for key, _ in wanted.keys]
    each, bound = wanted.lines_changed, wanted.its.bound
    people = noise.add([tally.people[key] for key in keys], each, how.people_points)
    totals = [0] * len(keys)
    if bound:
        totals = noise.add([tally.totals[key] for key in keys], each * bound, how.total_points)
    least = basis.group + how.margin
    lines = [
        AnswerLine(key, count, max(total, 0))
        for key, count, total in zip(keys, people, totals, strict=True)
        if count >= least
    ]
    return ReportAnswer(
        tuple(lines),
        basis.group,
        least,
        how.people_off,
        how.total_off,
        basis.policy,
        basis.clauses,
    )


def mean(line: AnswerLine, its: ReportAnswer) -> tuple[float, float, float]:
    """What one person adds on average, in parts, and the ends of its interval."""
    low = (line.total - its.total_off) / (line.people + its.people_off)
    high = (line.total + its.total_off) / max(line.people - its.people_off, 1)
    return line.total / line.people, max(low, 0.0), high
