"""The words, numbers and signs of a rule block, each with where it stands."""

from __future__ import annotations

import re
from functools import cache

from upheld.policy.fact_types import literals
from upheld.policy.vocabulary import KEYWORDS

PATTERN = (
    r"(?P<space>[ \t\r\n]+|%[^\n]*)|(?P<id>\#[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?![\w-]))"
    r"|(?P<word>[a-z][a-z0-9]*(?:-[a-z0-9]+)*(?![\w-]))"
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<op><=|>=|<|=|>)|(?P<mark>[,()])|(?P<bad>[^\s,()%]+|.)"
)

Token = tuple[str, str, int]  # what it is, its text, its offset


def tokens(text: str) -> list[Token]:
    """The tokens of a text, and one that is its end.

    A token is a `word`, a `key` (a word of the language), an `id`, a `number`, a `literal` (a value
    as a type of facts writes it), an `op`, a `mark`, `bad`, or the `end`.
    """
    parts: list[Token] = []
    for match in _pattern(literals()).finditer(text):
        kind, word = match.lastgroup or "bad", match.group()
        if kind != "space":
            key = kind == "word" and word in KEYWORDS
            parts.append(("key" if key else kind, word, match.start()))
    return [*parts, ("end", "", len(text))]


@cache
def _pattern(values: tuple[str, ...]) -> re.Pattern[str]:
    """The pattern of all tokens, with those of values that are neither numbers nor words."""
    literal = f"(?P<literal>{'|'.join(values)})|" if values else ""
    return re.compile(literal + PATTERN)
