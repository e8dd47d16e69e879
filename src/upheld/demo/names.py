"""Persona-up people: names put together from lists, addresses under a domain that is nobody's.

The same number gives the same people, wherever and whenever the demonstration is built.
"""

from __future__ import annotations

from datetime import date
from random import Random
from string import ascii_uppercase
from typing import Final, NamedTuple

DOMAIN: Final = "customer.example"
_FIRST: Final = (
    "Ada",
    "Amos",
    "Anouk",
    "Basil",
    "Bea",
    "Caleb",
    "Cleo",
    "Dora",
    "Edgar",
    "Elsa",
    "Fay",
    "Finn",
    "Gail",
    "Hugo",
    "Ida",
    "Igor",
    "Jana",
    "Joel",
    "Kai",
    "Lena",
    "Linus",
    "Mabel",
    "Milo",
    "Nell",
    "Nora",
    "Odile",
    "Omar",
    "Pia",
    "Quinn",
    "Rosa",
    "Rufus",
    "Saul",
    "Sina",
    "Tilda",
    "Ugo",
    "Vera",
    "Wes",
    "Yara",
    "Zeno",
)
_LAST: Final = (
    "Abbot",
    "Alder",
    "Birch",
    "Brook",
    "Clay",
    "Crane",
    "Dale",
    "Elm",
    "Fenn",
    "Field",
    "Glen",
    "Grove",
    "Hale",
    "Heath",
    "Hill",
    "Kite",
    "Lake",
    "Lark",
    "March",
    "Marsh",
    "Moor",
    "Nash",
    "Oakes",
    "Pike",
    "Pond",
    "Quill",
    "Reed",
    "Ridge",
    "Rush",
    "Shore",
    "Stone",
    "Thorn",
    "Vale",
    "Ward",
    "West",
    "Wood",
    "Wren",
    "Yates",
)
_STREETS: Final = (
    "Mill Lane",
    "Station Road",
    "High Street",
    "Orchard Way",
    "Valley Road",
    "The Green",
)
_WORK: Final = ("baker", "gardener", "joiner", "nurse", "teacher", "translator", "welder", "")
_GENDER: Final = ("woman", "man", "woman", "man", "")
_LIKES: Final = ("books", "cooking", "films", "gardening", "music", "sport", "travel")


class Persona(NamedTuple):
    """Somebody who does not exist: what they tell when they sign up."""

    name: str
    answers: dict[str, str]

    @property
    def email(self) -> str:
        """The address that they sign in with."""
        return self.answers["email"]


def person(random: Random, today: date, name: str = "", age: int = 0, **details: str) -> Persona:
    """Somebody made up; what is not said is drawn."""
    name = name or f"{random.choice(_FIRST)} {random.choice(_LAST)}"
    words = name.lower().replace(".", "").split()
    born = date(today.year - (age or random.randint(20, 79)), 1, 1)
    born = born.replace(month=random.randint(1, max(1, today.month - 1)), day=random.randint(1, 28))
    drawn = {
        "name": name,
        "email": f"{'.'.join(words)}@{DOMAIN}",
        "birth-date": born.isoformat(),
        "phone": f"+155501{random.randint(0, 99_999):05}",
        "address": f"{random.randint(1, 99)} {random.choice(_STREETS)}, Larch Valley",
        "zip": f"{random.randint(10_000, 99_999)}",
        "occupation": random.choice(_WORK),
        "interests": ", ".join(random.sample(_LIKES, 2)) if random.random() < 0.3 else "",
        "gender": random.choice(_GENDER),
    }
    return Persona(name, {word: value for word, value in (drawn | details).items() if value})


def crowd(random: Random, today: date, count: int) -> list[Persona]:
    """So many people, no two with one name: each pair of names once, then with an initial."""
    pairs = [f"{first} {last}" for first in _FIRST for last in _LAST]
    random.shuffle(pairs)
    return [person(random, today, _name(pairs, at)) for at in range(count)]


def _name(pairs: list[str], at: int) -> str:
    """The name of somebody of the crowd by their number; no other has it."""
    turn, which = divmod(at, len(pairs))
    first, last = pairs[which].split()
    initials = ""
    while turn:  # as numbers are written, with letters for digits
        turn, letter = divmod(turn - 1, len(ascii_uppercase))
        initials = f"{ascii_uppercase[letter]}. {initials}"
    return f"{first} {initials}{last}"
