"""Sensitive words within the names of pages and companies that run words together.

Such a name is one word to whoever looks for words. Long ones of the vocabulary are looked for
anywhere in it, shorter ones where it begins or ends; what is found is for somebody to look at.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from upheld.policy.load import Policy
from upheld.policy.vocabulary import SENSITIVE
from upheld.practices.ads.likeness import look_alikes
from upheld.practices.ads.topics import matter_of, plain_text, word_forms

_ANYWHERE: Final = 8  # letters from which a word is looked for anywhere
_AT_AN_END: Final = 6  # from which it is where a name begins or ends
_DIGITS: Final = str.maketrans("1478", "iatb")  # beside those that look like letters anywhere
_NOT_THESE: Final = re.compile(  # everyday words that end in one of them
    r"(?:st|ch|sk|shr)illness|(?:gel|scarl|pal)atina|(?:p|pa)latino"
)
_SIGNS: Final = re.compile(r"[\W_]+")


def words_run_together(policy: Policy, names: Iterable[str], but_of: Collection[str]) -> list[str]:
    """Which sensitive words some names of pages or companies run together with others.

    Each name is one word, or several divided by dots, slashes or spaces; hyphens divide none. Words
    of some matters are left out.
    """
    terms = policy.program.vocabulary.tree(SENSITIVE)
    matters = {
        each.name: matter
        for each in terms.values()
        if (matter := matter_of(terms, each)) not in but_of
    }
    words = {form.replace(" ", ""): name for name in matters for form in word_forms(name)}
    return [
        f"“{name}” has “{word}” in it, which is about {matters[word]}"
        for name in dict.fromkeys(piece for each in names for piece in re.split(r"[./\s]+", each))
        for word in _longest(_words_in(name, words))
    ]


def _words_in(name: str, words: Mapping[str, str]) -> Iterator[str]:
    """The words of the vocabulary that a name has in one of some forms."""
    joined = _SIGNS.sub("", plain_text(name))
    for reading in {joined, look_alikes(joined), look_alikes(joined.translate(_DIGITS))}:
        if reading in words:
            return  # one word alone is found as such
        rest = _NOT_THESE.sub(" ", reading)
        for form, word in words.items():
            at_an_end = rest.startswith(form) or rest.endswith(form)
            if form in rest and len(form) >= (_AT_AN_END if at_an_end else _ANYWHERE):
                yield word


def _longest(words: Iterable[str]) -> list[str]:
    """Some words without those that are part of another."""
    some = {*words}
    return sorted(e for e in some if not any(e != other and e in other for other in some))
