"""What a text speaks of that the policy's vocabulary calls sensitive: words, however spelled.

The tree `sensitive` names it, with the words by which texts speak of it for certain; a policy's own
vocabulary adds others. Words that everyday texts use as well (`Church Street`) are remarks alone.

It is a net, not a proof: somebody who wants to can say anything in other words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from upheld.core import observing
from upheld.policy.load import Policy
from upheld.policy.vocabulary import SENSITIVE, Term
from upheld.practices.ads.likeness import look_alikes

# Words that may speak of a matter of the tree and mostly do not.
_EVERYDAY: Final[Mapping[str, str]] = {
    "health": "addiction aid clinic cure depression disabled doctor drug fertility hospital ill"
    " patient pill surgery therapy",
    "religion": "bible christian church faith god pray prayer priest temple",
    "politics": "candidate conservative democratic election liberal union vote",
    "sexuality": "sex",
    "ethnic-origin": "arab asian immigrant indigenous race",
}
_LONGEST: Final = 40  # letters of a word that signs divide
_WORD: Final = re.compile(r"[^\W_]+")
_ONES: Final = (str.maketrans("1", "i"), str.maketrans("1", "l"))
_ALPHABETS: Final = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "HANGUL"})


class AdTopics(NamedTuple):
    """What some texts speak of.

    `matters` are those of which they speak for certain, as people call them; `remarks` say which
    words somebody should look at.
    """

    matters: list[str]
    remarks: list[str]


@observing.reading
def topics_in(policy: Policy, texts: Iterable[str]) -> AdTopics:
    """The sensitive matters of which some texts speak, and the words that may speak of one.

    A word counts in the singular or plural, however it is spelled in other alphabets' letters, and
    with signs between its letters. Two texts are never read together.
    """
    terms = policy.program.vocabulary.tree(SENSITIVE)
    sayings, odd = set[str](), dict[str, None]()
    for text in texts:
        plain = plain_text(text)
        sayings.update(_sayings(plain))
        odd.update((f"“{word}” has letters of several alphabets", None) for word in _mixed(plain))
    matters = {
        matter_of(terms, each): None
        for each in terms.values()
        if not sayings.isdisjoint(word_forms(each.name))
    }
    everyday = [
        f"“{word}” may be about {terms[matter].label or matter}"
        for matter, words in _EVERYDAY.items()
        for word in words.split()
        if matter in terms and word not in terms and not sayings.isdisjoint(word_forms(word))
    ]
    return AdTopics([*matters], [*everyday, *odd])


def matter_of(terms: Mapping[str, Term], term: Term) -> str:
    """What people call the matter to which a term belongs."""
    while term.parent:
        term = terms[term.parent]
    return term.label or term.name


@lru_cache(maxsize=1024)
def word_forms(name: str) -> frozenset[str]:
    """How a word of the vocabulary stands in a text: in the singular, or in a plural."""
    word = name.replace("-", " ")
    forms = {word, f"{word}s"}
    if word.endswith(("s", "x", "z", "ch", "sh")):
        forms.add(f"{word}es")
    if word.endswith("is"):
        forms.add(f"{word[:-2]}es")
    if word.endswith("y"):
        forms.add(f"{word[:-1]}ies")
    return frozenset(forms)


def plain_text(text: str) -> str:
    """A text in small letters, without marks and signs that nobody sees."""
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(e for e in folded if unicodedata.category(e) not in ("Cf", "Mn", "Me"))


def _sayings(plain: str) -> Iterator[str]:
    """Every word and every two that follow one another, with letters that look alike as one.

    Pieces that only signs divide, and single letters in a row, are also read as one word.
    """
    places = [*_WORD.finditer(plain)]
    words = [each.group() for each in places]
    for at, word in enumerate(words):
        yield from _readings(word)
        if at + 1 < len(words):
            yield from (
                f"{one} {two}" for one in _readings(word) for two in _readings(words[at + 1])
            )
        joined, end = word, at + 1
        while end < len(words) and len(joined) < _LONGEST:
            between = plain[places[end - 1].end() : places[end].start()]
            if re.search(r"\s", between) and len(words[end - 1]) + len(words[end]) > 2:
                break
            joined += words[end]
            yield from _readings(joined)
            end += 1


def _readings(word: str) -> set[str]:
    """How a word may be meant: other alphabets' letters and digits as what they look like."""
    meant = {word, word.strip("0123456789")}
    return meant | {look_alikes(each.translate(one)) for each in meant for one in _ONES}


def _mixed(plain: str) -> Iterator[str]:
    """The words of a text with letters of several alphabets, of which some look alike."""
    for word in _WORD.findall(plain):
        names = {unicodedata.name(each, "").partition(" ")[0] for each in word}
        if len(names & _ALPHABETS) > 1:
            yield word
