"""How many of something, as people read it: one entry, two entries."""

from __future__ import annotations


def count_of(number: int, noun: str, nouns: str = "") -> str:
    """A number with its noun, in the singular for one: `1 entry`, `1,204 entries`.

    `noun` is the singular; `nouns` the plural where it is not made with an s.
    """
    if number == 1:
        return f"1 {noun}"
    if not nouns:
        nouns = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{number:,} {nouns}"
