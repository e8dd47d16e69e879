"""What can go wrong, said as an answer: what was wrong, where, what was expected, what to do.

One root, `UpheldError`, with a stable `code` each. A file with mistakes raises one `PolicyError`
that carries a `Fault` for each of them, in the order of the file.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class UpheldError(Exception):
    """The root of all errors that upheld raises on purpose.

    `code` is stable over releases; `hint` says what to do next and may be empty.
    """

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint

    def in_sentences(self) -> str:
        """What is wrong and what to do, as a page says it: a sentence each."""
        parts = (f"{each[:1].upper()}{each[1:]}." for each in (str(self), self.hint) if each)
        return " ".join(parts)


class Fault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One mistake in a file: its place (line and column count from 1), code and remedy."""

    file: str
    line: int
    column: int
    code: str
    message: str
    clause: str = ""
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        parts = [f"{self.file}:{self.line}:{self.column}: {self.message} [{self.code}]"]
        if self.clause:
            parts.append(f"  in “{self.clause}”")
        if self.expected:
            parts.append(f"  expected {self.expected}")
        if self.nearest:
            parts.append(f"  did you mean `{self.nearest}`?")
        return "\n".join(parts)


class PolicyError(UpheldError, ValueError):
    """A policy, vocabulary or compiled file that cannot be loaded; `faults` has every mistake."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        unique = dict.fromkeys(faults)
        self.faults = tuple(sorted(unique, key=lambda f: (f.file, f.line, f.column, f.code)))
        super().__init__("\n".join(map(str, self.faults)), code="policy")


class RequestError(UpheldError, ValueError):
    """A question that cannot be asked: an unknown word, a fact of the wrong type, a bad line.

    Whoever asked is told no; `code` is one of those of the rule language, section 5.
    """

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)


def nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that looks most like `word`, or an empty string."""
    matches = get_close_matches(word, list(words), n=1, cutoff=0.6)
    return matches[0] if matches else ""


class MissingColumnsError(RequestError):
    """Facts or dimensions on which an answer rests, and of which a table says nothing."""

    def __init__(self, words: Collection[str], columns: Collection[str]) -> None:
        """`columns` are those of the table that mean nothing yet: one may be meant."""
        self.words, self.columns = sorted(words), columns
        names = ",".join(self.words)
        near = [f"`{column}`" for word in self.words if (column := nearest(word, columns))]
        suggestion = f"are {', '.join(dict.fromkeys(near))} meant? " if near else ""
        super().__init__(
            "the answer rests on what no column says: " + ", ".join(self.words),
            code="missing-column",
            hint=f"{suggestion}name a column for each, or say that it is absent: {names}",
        )
