"""One clock: nothing asks the machine for the time of day but the clock's own module."""

from __future__ import annotations

import re

import pytest

from house.test_house import PYTHON, ROOT

CLOCK = "src/upheld/core/clock.py"
ASKS = re.compile(
    r"\b(?:datetime|dt|date|datetime_)\.(?:now|today|utcnow)\b|\butcnow\(|\bdate\.today\b"
    r"|\btime\.(?:time|time_ns|localtime|gmtime|ctime)\b|\bimport\b.*\b(?:time_ns|gmtime|localtime)\b"
)
# Files that may, each with why.
EXCEPTIONS = {
    "tests/house/test_clock.py": "names what it refuses",
    "bench/gdpr_stores.py": "measures other stores, which have no clock of ours",
}


def asking(text: str) -> list[int]:
    """The lines of a program that ask the machine for the time of day."""
    lines = enumerate(text.splitlines(), 1)
    return [number for number, line in lines if ASKS.search(line)]


def test_nothing_but_the_clock_asks_what_time_it_is() -> None:
    """Who wants the time takes it from the clock, so that a test can set it for everything."""
    wrong = [
        f"{name}:{line}"
        for path in PYTHON
        if (name := str(path.relative_to(ROOT))) != CLOCK and name not in EXCEPTIONS
        for line in asking(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_every_exception_is_needed() -> None:
    """A file that asks for the time no more is no exception any more."""
    for name in (CLOCK, *EXCEPTIONS):
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        assert asking(text) or "machine.time_ns" in text


@pytest.mark.parametrize(
    "line",
    [
        "x = datetime.now(UTC)",
        "date.today()",
        "datetime.utcnow()",
        "time.time()",
        "Clock(time.time_ns)",
        "default_factory=datetime.now",
        "from time import time_ns",
    ],
)
def test_each_way_to_ask_is_seen(line: str) -> None:
    """Called or handed on, in any spelling that this repository could use."""
    assert asking(line) == [1]
