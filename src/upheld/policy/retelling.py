"""Labels as others say them: to somebody else than the person they speak to, and of what is over.

A label of the vocabulary speaks to a customer: "providing services you asked for". Staff read of
the same customer "providing services they asked for", and the story of what was done tells
of "when you use our services" as "when you used our services".
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from upheld.policy.english import BEFORE, WORDS

_PAST: Final = {
    "begin": "began",
    "choose": "chose",
    "deal": "dealt",
    "give": "gave",
    "hold": "held",
    "infer": "inferred",
    "keep": "kept",
    "let": "let",
    "make": "made",
    "pay": "paid",
    "put": "put",
    "read": "read",
    "see": "saw",
    "sell": "sold",
    "send": "sent",
    "set": "set",
    "take": "took",
    "tell": "told",
    "transfer": "transferred",
    "withdraw": "withdrew",
    "write": "wrote",
}
_SHORT: Final = re.compile(r"[^aeiou]+[aeiou][bdgmnprt]")  # `ban` gives `banned`
_WHEN: Final = re.compile(r"when you (?P<verb>[a-z]+)(?P<rest>.*)", re.DOTALL)
_ARTICLES: Final = ("a ", "an ", "the ", "our ", "your ", "my ", "their ")
_VOWELS: Final = "aeiou"


class Mention(NamedTuple):
    """How a person is named: who acts, whose things, and whom others do something to."""

    who: str
    whose: str
    whom: str
    reflexive: str = "themselves"


YOU: Final = Mention("you", "your", "you", "yourself")
THEY: Final = Mention("they", "their", "them")
CUSTOMERS: Final = Mention("customers", "customers'", "customers")


def mention_of(whose: str) -> Mention:
    """The person whose things are called so: “your”, “their”, “a customer's”."""
    for each in (YOU, THEY):
        if whose == each.whose:
            return each
    return Mention(THEY.who, whose, whose.removesuffix("'s"))


def about_person(label: str, person: Mention) -> str:
    """A label that speaks to a customer, told of them to somebody else."""
    if person is YOU:
        return label
    parts = WORDS.findall(label)
    words = [at for at, part in enumerate(parts) if part[0].isalpha()]
    output = list(parts)
    for place, at in enumerate(words):
        before = parts[words[place - 1]].lower() if place else ""
        is_last = place + 1 == len(words)
        word = parts[at].lower()
        if word == "you":
            is_object = before in BEFORE or (is_last and before not in ("if", "when"))
            output[at] = person.whom if is_object else person.who
        elif word in ("your", "yourself"):
            output[at] = person.whose if word == "your" else person.reflexive
    return "".join(output)


def past_tense(phrase: str) -> str:
    """What was done, of the label of what is done: `share` gives `shared`."""
    verb, space, rest = phrase.partition(" ")
    return _past(verb) + space + rest


def _past(verb: str) -> str:
    if verb in _PAST:
        return _PAST[verb]
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return f"{verb[:-1]}ied"
    return f"{verb}{verb[-1]}ed" if _SHORT.fullmatch(verb) else f"{verb}ed"


def past_occasion(label: str) -> str:
    """An occasion that is over: `when you used our services`."""
    match = _WHEN.fullmatch(label)
    return f"when you {_past(match['verb'])}{match['rest']}" if match else label


def one_of(label: str) -> str:
    """One of what a label names in the plural: `an administrative message`, `our newsletter`."""
    if label.startswith(_ARTICLES) or not label.endswith("s") or label.endswith("ss"):
        return label
    return f"{'an' if label[0].lower() in _VOWELS else 'a'} {label[:-1]}"
