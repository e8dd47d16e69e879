"""Synthetic visits: the same for a seed, in order, and read back as they were written."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

from upheld.core.clock import BEGINNING
from upheld.practices.collection.log_lines import LogReader
from upheld.practices.collection.synthetic import PAGES, Traffic, log_line, visits

FIRST = date(2026, 1, 30)
DAYS, A_DAY = 5, 400
TRAFFIC = Traffic(FIRST, DAYS, A_DAY, cookies=(b"a" * 32,))


def test_the_same_seed_gives_the_same_visits_and_another_one_others() -> None:
    """In the order of their times, on each day about as many as were asked for."""
    some = list(visits(TRAFFIC))
    assert some == list(visits(TRAFFIC)) == sorted(some, key=lambda each: each.at)
    assert some != list(visits(TRAFFIC._replace(seed=2)))
    days = Counter(BEGINNING.date() + timedelta(days=each.at // 86_400) for each in some)
    assert [*days] == [FIRST + timedelta(days=at) for at in range(DAYS)]
    assert all(A_DAY <= count < A_DAY + 60 for count in days.values())


def test_a_few_pages_and_visitors_are_most_of_them() -> None:
    """As on pages of real providers; whose cookie was given comes now and then."""
    some = list(visits(TRAFFIC))
    pages = Counter(each.target for each in some).most_common()
    assert pages[0][0].decode() == PAGES[0]
    assert sum(count for _, count in pages[:4]) > len(some) / 2
    cookies = Counter(each.cookie for each in some if each.cookie)
    assert 5 < cookies[b"a" * 32] < cookies.most_common(1)[0][1]
    assert any(each.signal for each in some)
    assert any(not each.cookie for each in some)


def test_a_log_of_them_reads_as_they_are() -> None:
    """Each line says what its visit was, and nothing else."""
    reader = LogReader()
    some = list(visits(TRAFFIC))
    assert [reader.read(log_line(each)) for each in some] == some
