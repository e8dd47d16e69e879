"""Synthetic people as two companies write them down, with the truth of who is who.

Some are common to both. People live in households, which share a name and a zip code; some are
twins, some are called as their parent, some moved or were married since, and whoever types makes
mistakes. The same seed gives the same people.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate, product
from random import Random
from typing import Final, NamedTuple

_FIRST_NAMES: Final = """
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard
Susan Joseph Jessica Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Betty
Anthony Sandra Mark Margaret Donald Ashley Steven Kimberly Andrew Emily Paul Donna Joshua
Michelle Kenneth Carol Kevin Amanda Brian Melissa Timothy Deborah Ronald Stephanie George
Rebecca Jason Sharon Edward Laura Jeffrey Cynthia Ryan Dorothy Jacob Amy Nicholas Kathleen
Gary Angela Eric Shirley Jonathan Emma Stephen Brenda Larry Pamela Justin Nicole Scott Anna
Brandon Samantha Benjamin Katherine Samuel Christine Gregory Helen Alexander Debra Patrick
Rachel Frank Carolyn Raymond Janet Jack Maria Dennis Olivia Jerry Heather Tyler Diane José
Zoë Chloé André Björn Aoife Siobhán Łucja Søren Noémie
"""
_BEGIN: Final = """
Al Bar Ben Bren Cal Car Dal Dun Ed El Fen Gar Gil Had Har Hol Kel Ken Lan Lor Mac Mar Mer Mil
Nor O’Bri Par Pem Quin Ran Ros San Sel Shel Stan Tal Tor Van Wal Wes Whit Win
"""
_MIDDLE: Final = "a be ber di en er i in ing ke la le lo mi na o ri ro ta ti ver"
_END: Final = """
bury by cott dale den field ford gan gate ham land ley low man mond more ner rick sen shaw son
stead ston ton ville well wick wood worth
"""
_PARTS: Final = (_BEGIN.split(), ["", *_MIDDLE.split()], _END.split())  # of family names
_OCCUPATIONS: Final = ("baker", "carpenter", "driver", "farmer", "nurse", "teacher", "welder")
_COMMON: Final = 0.5  # of the partner's people, so many are customers
_TWINS, _SAME_NAME, _MOVED, _MARRIED = 0.012, 0.004, 0.1, 0.03
_NAME_TYPO, _DATE_TYPO, _ZIP_TYPO, _ZIP_MISSING = 0.04, 0.025, 0.01, 0.02
_FIRST: Final = date(1930, 1, 1)
_LAST: Final = date(2007, 12, 31)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_RANK_SHIFT: Final = 12  # the commonest names are not as common as Zipf has words


class SyntheticPerson(NamedTuple):
    """Somebody as a company wrote them down; `number` is who they are, whoever wrote it."""

    number: int
    name: str
    born: str
    zip: str

    @property
    def occupation(self) -> str:
        """What they do, which the partner alone knows."""
        return _OCCUPATIONS[self.number % len(_OCCUPATIONS)]

    @property
    def keys(self) -> dict[str, str]:
        """By what they are compared."""
        return {"name": self.name, "birth-date": self.born, "zip": self.zip}


class TwoFiles(NamedTuple):
    """What the provider and a partner know, each in an order of its own."""

    ours: Sequence[SyntheticPerson]
    theirs: Sequence[SyntheticPerson]


class _Drawn:
    """Draws words, the first ones most often."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self._sums = list(accumulate(1 / (rank + _RANK_SHIFT) for rank in range(len(words))))

    def one(self, draw: Random) -> str:
        """The next one."""
        at = bisect(self._sums, draw.random() * self._sums[-1])
        return self.words[min(at, len(self.words) - 1)]


def two_files(many: int, seed: int = 1) -> TwoFiles:
    """So many people on each side, of whom about half are common to both."""
    draw = Random(f"{seed} people")  # noqa: S311 - made-up people
    population = _population(int(many * (2 - _COMMON)) + 4, draw)
    draw.shuffle(population)
    ours = population[:many]
    common = ours[: int(many * _COMMON)]
    theirs = [*common, *population[many : 2 * many - len(common)]]
    theirs = [_as_typed(_later(each, draw), draw) for each in theirs]
    ours = [_as_typed(each, draw, care=0.3) for each in ours]
    draw.shuffle(ours)
    draw.shuffle(theirs)
    return TwoFiles(ours, theirs)


def _population(many: int, draw: Random) -> list[SyntheticPerson]:
    """People in their households, as they truly are."""
    surnames = ["".join(each) for each in product(*_PARTS)]
    draw.shuffle(surnames)
    surname, first_name = _Drawn(surnames), _Drawn(_FIRST_NAMES.split())
    zips = _Drawn([f"{each:05}" for each in draw.sample(range(10_000, 99_999), 900)])
    people: list[SyntheticPerson] = []

    def add(first: str, name: str, born: date, code: str) -> None:
        people.append(SyntheticPerson(len(people), f"{first} {name}", born.isoformat(), code))

    while len(people) < many:
        name, code = surname.one(draw), zips.one(draw)
        born = _day(draw, _FIRST, _LAST)
        first = first_name.one(draw)
        add(first, name, born, code)
        if draw.random() < 0.5:
            partner = born + timedelta(days=draw.randrange(-2500, 2500))
            add(first_name.one(draw), name, min(max(partner, _FIRST), _LAST), code)
        for _ in range(draw.choice((0, 0, 0, 1, 1, 2, 3))):
            child = born + timedelta(days=draw.randrange(7300, 14600))
            if child > _LAST:
                continue
            called = first if draw.random() < _SAME_NAME * 10 else first_name.one(draw)
            add(called, name, child, code)
            if draw.random() < _TWINS:
                add(first_name.one(draw), name, child, code)
    return people[:many]


def _day(draw: Random, first: date, last: date) -> date:
    return first + timedelta(days=draw.randrange((last - first).days + 1))


def _later(person: SyntheticPerson, draw: Random) -> SyntheticPerson:
    """Somebody as they are when the other company hears of them: they moved, or were married."""
    _, _, name = person.name.partition(" ")
    if draw.random() < _MARRIED:
        name = "".join(draw.choice(each) for each in _PARTS)
        person = person._replace(name=f"{person.name.partition(' ')[0]} {name}")
    if draw.random() < _MOVED:
        person = person._replace(zip=f"{draw.randrange(10_000, 99_999):05}")
    return person


def _as_typed(person: SyntheticPerson, draw: Random, care: float = 1.0) -> SyntheticPerson:
    """Somebody as they were written down; the smaller `care`, the fewer mistakes there are."""
    first, _, last = person.name.partition(" ")
    born, code = person.born, person.zip
    if draw.random() < _NAME_TYPO * care:
        first = _typo(first, draw)
    if draw.random() < _NAME_TYPO * care:
        last = _typo(last, draw)
    if draw.random() < _DATE_TYPO * care:
        born = _wrong_date(born, draw)
    if draw.random() < _ZIP_TYPO * care:
        code = _wrong_digit(code, draw)
    if draw.random() < _ZIP_MISSING * care:
        code = ""
    return person._replace(name=f"{first} {last}", born=born, zip=code)


def _typo(word: str, draw: Random) -> str:
    """A word with a letter left out, doubled, wrong, or swapped with the next."""
    at = draw.randrange(1, len(word) - 1)
    match draw.randrange(4):
        case 0:
            return word[:at] + word[at + 1 :]
        case 1:
            return word[:at] + word[at] + word[at:]
        case 2:
            return word[:at] + draw.choice(_LETTERS) + word[at + 1 :]
        case _:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]


def _wrong_digit(digits: str, draw: Random) -> str:
    at = draw.randrange(len(digits))
    return digits[:at] + draw.choice("0123456789") + digits[at + 1 :]


def _wrong_date(born: str, draw: Random) -> str:
    """A day with its month and day swapped, or another one near it or in another year."""
    day = date.fromisoformat(born)
    if draw.random() < 0.4 and day.day <= 12:
        return date(day.year, day.day, day.month).isoformat()
    if draw.random() < 0.5:
        return day.replace(day=min(28, day.day % 10 + draw.choice((0, 10, 20)) or 1)).isoformat()
    return day.replace(year=day.year - draw.choice((1, 10)), day=min(day.day, 28)).isoformat()
