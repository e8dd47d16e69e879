"""Passwords: argon2id (RFC 9106; 19 MiB, two passes, one lane), and which ones are refused.

A password is refused when it is short, among the tens of thousands that people use most, or made of
the person's own name or address. There are no other rules: length is what helps (NIST SP 800-63B).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 10
LENGTH_MAX: Final = 200  # hashing longer ones would only cost time
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _plain(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


def hashed(password: str) -> str:
    """The hash to keep; takes some 30 ms on purpose."""
    return _HASHER.hash(_plain(password))


def fits(kept: str, password: str) -> bool:
    """Whether a password is the one that was kept; of the same duration where none was kept."""
    try:
        _HASHER.verify(kept or _nobody(), _plain(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


@cache
def _nobody() -> str:
    """A hash that nothing fits, for whoever is not there: to ask takes as long as for the rest."""
    return _HASHER.hash("\x00")


@cache
def _common() -> frozenset[str]:
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415 - half a megabyte of words

    return frozenset(FREQUENCY_LISTS["passwords"])


def refused(password: str, own: Iterable[str] = ()) -> str:
    """Why a password is refused, as a sentence; nothing if it is good. `own` are the person's."""
    told = _plain(password).casefold()
    if len(told) < LENGTH_MIN:
        return f"Take at least {LENGTH_MIN} characters: three or four words are good."
    if len(told) > LENGTH_MAX:
        return f"Take at most {LENGTH_MAX} characters."
    if told in _common() or told.rstrip("0123456789!.?") in _common():
        return "Many people use this password, so it would be tried first. Take another."
    parts = {part.casefold() for each in own for part in each.replace("@", " ").split()}
    if any(len(part) > 3 and part in told for part in parts) or len(set(told)) < 5:
        return "This password is easy to guess for whoever knows you. Take another."
    return ""
