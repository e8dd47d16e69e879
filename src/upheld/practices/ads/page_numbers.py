"""Whether the address of a page has what looks like somebody's number, and not a page's name.

It has where beside one day or year (`2026-11-30`, `2026`) there are more than nine digits, in one
piece or several (`/u/55501/00123`); and where a word without signs in it looks drawn by chance:

- twelve hexadecimal digits and more, two of them numbers, or a UUID;
- sixteen letters and numbers and more that go five times from the one to the other;
- or sixteen of capitals, small letters and numbers.

So `/face-2-face-2-bed`, `/2026-11-30-01` and `/iphone15promax256gb` are names. This is a net and
no proof: a number can be written in words.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

DIGITS_MAX: Final = 9
_DAY: Final = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?:([-_/.]?)(?:0[1-9]|1[0-2])(?:\1(?:0[1-9]|[12]\d|3[01]))?)?(?!\d)"
)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HEXADECIMAL: Final = re.compile(r"(?=(?:.*\d){2})[0-9a-f]{12,}", re.IGNORECASE)
_MIXED: Final = re.compile(r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{16,}")
_LONG: Final = 16
_SWITCHES: Final = 5


def is_numbered(address: str) -> bool:
    """Whether an address, or what of it is not known beforehand, has somebody's number."""
    beside = _DAY.sub("", address, count=1)
    if sum(map(str.isdigit, beside)) > DIGITS_MAX or _UUID.search(address):
        return True
    return any(map(_is_drawn, re.findall(r"[0-9A-Za-z]+", beside)))


def _is_drawn(word: str) -> bool:
    """Whether a word looks drawn by chance."""
    if _HEXADECIMAL.fullmatch(word) or _MIXED.fullmatch(word):
        return True
    switches = sum(one.isdigit() != other.isdigit() for one, other in pairwise(word))
    return len(word) >= _LONG and switches >= _SWITCHES
