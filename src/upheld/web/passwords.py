"""Passwords: argon2id (RFC 9106; 19 MiB, two passes, one lane), and which ones are refused.

A password is refused when it is short, or when zxcvbn estimates that it would soon be guessed:
since many people use it, since it repeats or goes along a row, or since it is made of the person's
own name or address, or of the provider's name. There are no other rules: length is what helps (NIST
SP 800-63B).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 10
LENGTH_MIN_STAFF: Final = 12  # for whoever sees customers
GUESSES_LOG10_MIN: Final = 9.5  # ten characters drawn at random have 10
KNOWN: Final = "This password is easy to guess for whoever knows you or us. Choose another."
JUDGED_MAX: Final = 72  # the estimate takes no more, and needs no more
LENGTH_MAX: Final = 200  # hashing longer ones would only cost time
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _plain(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """The hash to keep; takes some 30 ms on purpose."""
    return _HASHER.hash(_plain(password))


def fits(stored_hash: str, password: str) -> bool:
    """Whether a password is the one that was kept; of the same duration where none was kept."""
    try:
        _HASHER.verify(stored_hash or _nobody(), _plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(stored_hash)


@cache
def _nobody() -> str:
    """A hash that nothing fits, for whoever is not there: to ask takes as long as for the rest."""
    return _HASHER.hash("\x00")


def refused(password: str, context: Iterable[str] = (), least: int = LENGTH_MIN) -> str:
    """Why a password is refused, as a sentence; nothing if it is good.

    `context` is what whoever guesses would try first: the person's name and address, and ours.
    """
    text = _plain(password)
    if len(text) < least:
        return f"Use at least {least} characters: three or four words are good."
    if len(text) > LENGTH_MAX:
        return f"Use at most {LENGTH_MAX} characters."
    words = sorted({word for each in context for word in _words(each)})
    why = _guessed(text[:JUDGED_MAX], words)
    if why:
        return why
    solid = "".join(filter(str.isalnum, text))  # blanks between one's own words add nothing
    why = _guessed(solid[:JUDGED_MAX], words) if solid else ""
    return why if why == KNOWN else ""


def _words(text: str) -> Iterator[str]:
    """A text, and the words in it, as people make passwords of them."""
    parts = [part for part in re.split(r"\W+", text.casefold()) if len(part) > 2]
    yield from (text.casefold(), "".join(parts), *parts)


def _guessed(text: str, words: list[str]) -> str:
    """Why a text would soon be guessed, by the estimate of zxcvbn; nothing where it would not."""
    from zxcvbn import zxcvbn  # noqa: PLC0415 - half a megabyte of words

    estimate = zxcvbn(text, user_inputs=[word for word in words if word])
    if estimate["guesses_log10"] >= GUESSES_LOG10_MIN:
        return ""
    lists = {each.get("dictionary_name") for each in estimate["sequence"]}
    patterns = {each["pattern"] for each in estimate["sequence"]}
    if "user_inputs" in lists:
        return KNOWN
    if patterns & {"repeat", "sequence", "spatial"}:
        return "Repeated characters and those in a row are tried early. Choose another password."
    if "passwords" in lists:
        return "Many people use this password, so it would be tried first. Choose another."
    return "This password would soon be guessed. Choose a longer one: three or four words are good."
