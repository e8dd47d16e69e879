"""How many of something, in words that agree: one entry, two entries, and commands that say so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import upheld
from upheld.core.counts import count_of

COUNTED = (
    "bytes|checkpoints|clauses|columns|entries|erasures|examples|fields|findings|lines|mistakes"
    "|people|persons|questions|records|rows|rules|things|values|words"
)


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (0, ("entry",), "0 entries"),
        (1, ("entry",), "1 entry"),
        (2, ("entry",), "2 entries"),
        (1, ("person", "people"), "1 person"),
        (1_204, ("person", "people"), "1,204 people"),
        (3, ("key",), "3 keys"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, nouns: tuple[str, ...], text: str) -> None:
    """One of it is in the singular, any other number in the plural, thousands apart."""
    assert count_of(number, *nouns) == text


def test_no_command_says_one_in_the_plural() -> None:
    """What a command counts is worded by the one function, so that it agrees with one."""
    folder = Path(upheld.__file__).parent / "cli"
    wrong = re.compile(rf"(?<!_MAX)\}} ({COUNTED})\b")
    lines = [
        f"{path.name}:{number}: {line.strip()}"
        for path in sorted(folder.glob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if wrong.search(line)
    ]
    assert not lines
