"""Reasons that people write for other people to read: something to see, in the order it is read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

from upheld.core.errors import UpheldError

_SEEN: Final = frozenset("LNPS")  # letters, numbers, punctuation, symbols: the rest shows nothing
_EMPTY: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs that show nothing
_UNWRITTEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BREAK: Final = re.compile(r"[\t\n\r\u2028\u2029]")
_TURNING: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen: it is empty, or of spaces and signs that show none."""
    return not any(unicodedata.category(each)[0] in _SEEN and each not in _EMPTY for each in text)


def reason_text(text: str) -> str:
    """A reason as it is kept. ValueError, with a sentence, for one that nobody could read.

    Signs that turn the direction of what follows are none of it, nor those that control a terminal:
    it could be read as what it is not. It may have several lines.
    """
    reason = unicodedata.normalize("NFC", text).strip()
    if is_blank(reason):
        raise ValueError("Write a reason that can be read.")
    if _UNWRITTEN.search(reason):
        raise ValueError("It contains signs that are no text. Type it again.")
    if _TURNING.search(reason):
        raise ValueError("It contains signs that turn the direction of the text. Type it again.")
    return reason


def require_reason(
    text: str,
    most: int,
    error: Callable[[str, str], UpheldError],
    sentence: str,
    *,
    in_lines: bool = False,
) -> str:
    """A reason of at most so many characters as it is kept; otherwise `error` with what to do.

    It is one line, unless it may be `in_lines`.
    """
    try:
        reason = reason_text(text)
    except ValueError:
        reason = ""
    if not 0 < len(reason) <= most or (_BREAK.search(reason) and not in_lines):
        how = "in" if in_lines else "in one line of"
        raise error(sentence, f"write one that can be read, {how} at most {most} characters")
    return reason
