"""A version in which a clause is struck, or restored, by a finding that a note behind it tells.

Only three things of the text change: the mark of the clause, the note, and in the front matter the
version. All of it is read again, and whatever would change anything else is refused.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator
from typing import Final

import msgspec

from upheld.core.errors import UpheldError
from upheld.policy.analyse.sever import MARKED, require_clause, reread, strike
from upheld.policy.document import Document, Section, read_document
from upheld.policy.front_matter import BYTES_MAX
from upheld.policy.load import Policy

_NAME: Final = "draft.md"
_PLAIN: Final = frozenset(",.:;-'\"/()?%")  # punctuation that means nothing within a line
_SPECIAL: Final = frozenset(string.punctuation) - _PLAIN
_PLACES_MAX: Final = 400  # places that are tried for a note
_BY_HAND: Final = "draft the version as a file, with `upheld version draft`"


def with_finding(policy: Policy, clause: str, note: str, version: str, *, restore: bool) -> Policy:
    """The policy as another version with a clause struck, or restored, and a note behind it.

    `note` is plain text of one line, which begins as `beginning_of` says.
    UpheldError for a clause that cannot be struck or restored.
    """
    changed = restore_clause(policy, clause) if restore else strike(policy, clause)
    text = _with_note(_renumbered(changed, version), clause, note)
    new = reread(text, policy) if len(text.encode()) <= BYTES_MAX else None
    expected = msgspec.structs.replace(policy.front, version=version, effective="")
    if new is None or new.front != expected:
        raise UpheldError(
            "the finding could not be written into the text of the policy",
            code="sever-note",
            hint=_BY_HAND,
        )
    return new


def restore_clause(policy: Policy, name: str) -> Policy:
    """The policy with a struck clause restored; UpheldError where there is none."""
    target = require_clause(policy, name)
    if not target.severed:
        raise UpheldError(
            f"#{name} is not struck", code="nothing-to-sever", hint="it says what it says"
        )
    source, mark = policy.program.source, f"{{#{name}{MARKED}}}"
    at = -1
    while (at := source.find(mark, at + 1)) >= 0:
        new = reread(f"{source[:at]}{{#{name}}}{source[at + len(mark) :]}", policy)
        if new is not None and not new.program.clause(name).severed:
            return new
    raise UpheldError(
        f"the mark of #{name} was not found in the text of the policy",
        code="nothing-to-sever",
        hint=_BY_HAND,
    )


def beginning_of(clause: str) -> str:
    """How the note of a finding about a clause begins, by which later notes come behind it."""
    return f"The clause {clause} "


def one_line(text: str) -> str:
    """Text as one line; ValueError for characters that nobody sees, or that turn others round."""
    line = unicodedata.normalize("NFC", " ".join(text.split()))
    if any(unicodedata.category(each).startswith("C") for each in line):
        raise ValueError("It has a character that cannot be seen. Write it without.")
    return line


def escape_line(line: str) -> str:
    """A line as Markdown that says just that."""
    return "".join(f"\\{each}" if each in _SPECIAL else each for each in line)


def _renumbered(policy: Policy, version: str) -> str:
    """The text with another version, and without a day on which it takes effect."""
    lines = policy.program.source.split("\n")
    end = next(at for at, line in enumerate(lines) if at and line.rstrip() == "---")
    front = [line for line in lines[1:end] if not re.match(r"effective[ \t]*:", line)]
    at = next(
        (at for at, line in enumerate(front) if re.match(r"version[ \t]*:", line)), len(front)
    )
    front[at : at + 1] = [f"version: {version}"]
    return "\n".join([lines[0], *front, *lines[end:]])


def _with_note(text: str, name: str, note: str) -> str:
    """The text with a note behind a clause, at the first place where nothing else changes."""
    document = _read(text)
    lines = text.split("\n")
    for tried, (line, indent) in enumerate(_places(document, lines, name)):
        if tried >= _PLACES_MAX:
            break
        between = [] if line < len(lines) else [""]
        put = [*between, "", f"{' ' * indent}{escape_line(note)} {{.note}}", ""]
        new = "\n".join([*lines[:line], *put[:-1], *lines[line:]])
        if line >= len(lines):
            new += "\n"
        after, faults = read_document(new, _NAME)
        if after is not None and not faults and _has_only_the_note(document, after, note):
            return new
    raise UpheldError(
        f"there is no place for a note behind #{name}", code="sever-note", hint=_BY_HAND
    )


def _read(text: str) -> Document:
    document, faults = read_document(text, _NAME)
    if document is None or faults:
        raise UpheldError("the text cannot be read again", code="sever-note", hint=_BY_HAND)
    return document


def _places(document: Document, lines: list[str], name: str) -> Iterator[tuple[int, int]]:
    """Lines before which a note may stand, and how far it is indented: the nearest first.

    They are behind the clause and its rules, and behind the notes that earlier findings left.
    """
    sections = document.sections
    start = next(at for at, each in enumerate(sections) if each.id == name)
    opening = beginning_of(name)
    anchor = sections[start]
    for each in sections[start + 1 :]:
        if each.note and not each.id and each.text.startswith(opening):
            anchor = each
    first = max([anchor.line, *(block.line + block.text.count("\n") for block in anchor.blocks)])
    own = lines[anchor.line - 1]
    marker = re.match(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+", own)
    indent = marker.end() if marker and anchor.kind == "item" else len(own) - len(own.lstrip(" "))
    indents = sorted({indent, *range(0, indent, 2), 0}, reverse=True)
    for at in range(first, len(lines) + 1):
        if at == len(lines) or not lines[at].strip():
            for each_indent in indents:
                yield at, each_indent


def _has_only_the_note(before: Document, after: Document, note: str) -> bool:
    """Whether one document is the other with one more note, which says just what it should."""
    old, new = before.sections, after.sections
    if len(new) != len(old) + 1:
        return False
    pairs = zip(old, new, strict=False)
    at = next(
        (at for at, (was, now) in enumerate(pairs) if (was.text, was.id) != (now.text, now.id)),
        len(old),
    )
    addition = new[at]
    if addition.text != note or not addition.note or addition.id or addition.blocks:
        return False
    rest = [_shape(each, at) for each in (*new[:at], *new[at + 1 :])]
    inserts = [each.after - (each.after >= at) for each in after.inserts]
    return rest == [_shape(each, len(new)) for each in old] and inserts == [
        each.after for each in before.inserts
    ]


def _shape(section: Section, note: int) -> Section:
    """A clause without its line, its places counted as if a note were not there."""

    def number(at: int) -> int:
        return at - (at > note)

    blocks = tuple(
        msgspec.structs.replace(each, line=0, rows=(), columns=()) for each in section.blocks
    )
    return msgspec.structs.replace(
        section,
        line=0,
        heading=number(section.heading),
        introduced_by=number(section.introduced_by),
        blocks=blocks,
    )
