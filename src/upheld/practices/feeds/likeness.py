"""Whom a line of a feed tells of, where it names nobody by e-mail address.

A line that is like exactly one customer is theirs if the likeness is certain enough; where it is
less, somebody is asked. A line that is like several, or a customer whom several lines are like, is
ambiguous: nobody is asked, and nothing is combined.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from upheld.core.ids import PersonId

KEYS: Final = ("name", "birth-date", "zip")  # by which a line is like a customer
THRESHOLD: Final = 0.99  # from which a likeness is certain enough to combine
LOWEST: Final = 0.8  # below which nobody is asked
_BETWEEN_WORDS: Final = re.compile(r"[\W\d_]+")
_GENERATIONS: Final = frozenset({"ii", "iii", "jr", "sr"})  # of those who share name and home
_TITLES: Final = frozenset({"dr", "mr", "mrs", "ms", "prof"}) | _GENERATIONS


class Identity(NamedTuple):
    """What somebody is compared by, each empty where it is not there.

    Names are in small letters without accents; the birth date is a day as ISO 8601 has it.
    """

    first: str
    last: str
    born: str
    zip: str


class Pair(NamedTuple):
    """A line and a customer, and how probably they are the same, from 0 to 1."""

    line: int
    person_id: PersonId
    score: float


def identity(values: Mapping[str, str]) -> Identity | None:
    """What a line or a customer is compared by; None where that is too little.

    That is a name of two words at least, with a birth date or a zip code.
    """
    plain = unicodedata.normalize("NFKD", values.get("name", "").replace("'", "").replace("’", ""))
    plain = "".join(each for each in plain if not unicodedata.combining(each)).casefold()
    every = [each for each in _BETWEEN_WORDS.split(plain) if each]
    words = [each for each in every if each not in _TITLES]
    code = "".join(each for each in values.get("zip", "").casefold() if each.isalnum())
    born = _day(values.get("birth-date", ""))
    if len(words) < 2 or not (born or (code and _GENERATIONS.isdisjoint(every))):
        return None
    return Identity(words[0], words[-1], born, code[:5] if code.isdecimal() else code)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        return ""


def settle(pairs: Iterable[Pair], theirs: Mapping[int, Identity]) -> dict[int, Pair]:
    """The lines that are like one customer alone, each with whom; the others are ambiguous.

    Lines that say the same of who it is are one and the same to this.
    """
    by_line: dict[int, list[Pair]] = defaultdict(list)
    by_person: dict[PersonId, set[Identity]] = defaultdict(set)
    for each in pairs:
        by_line[each.line].append(each)
        by_person[each.person_id].add(theirs[each.line])
    return {
        line: some[0]
        for line, some in by_line.items()
        if len(some) == 1 and len(by_person[some[0].person_id]) == 1
    }
