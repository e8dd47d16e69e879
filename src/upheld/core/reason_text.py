"""Reasons that people write for other people to read: something to see, in the order it is read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from upheld.core.errors import UpheldError

_SEEN: Final = frozenset("LNPS")  # letters, numbers, punctuation, symbols: the rest shows nothing
_EMPTY: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing
_TURNING: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: it is empty, or of spaces and signs that show none."""
    return not any(unicodedata.category(each)[0] in _SEEN and each not in _EMPTY for each in text)


def reason_text(text: str) -> str:
    """A reason as it is kept. ValueError, with a sentence, for one that nobody could read.

    Signs that turn the direction of what follows are none of it: it could be read as what it is
    not.
    """
    reason = unicodedata.normalize("NFC", text).strip()
    if is_blank(reason):
        raise ValueError("Write a reason that can be read.")
    if _TURNING.search(reason):
        raise ValueError("It contains signs that turn the direction of the text. Type it again.")
    return reason


def require_reason(
    text: str, most: int, error: Callable[[str, str], UpheldError], sentence: str
) -> str:
    """A reason of at most so many characters as it is kept; otherwise `error` with what to do."""
    try:
        reason = reason_text(text)
    except ValueError:
        reason = ""
    if not 0 < len(reason) <= most:
        raise error(sentence, f"write one that can be read, in at most {most} characters")
    return reason
