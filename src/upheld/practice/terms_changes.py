"""What a version of the Master Terms changed: paragraphs side by side, marked word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Final

from markupsafe import Markup, escape

from upheld.policy.analyse.page import word_changes

_BLOCKS: Final = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*+]|\d+[.)])\s)")  # paragraphs, items of lists


def terms_changes(old: str, new: str) -> Markup:
    """The paragraphs that differ between two texts in Markdown, as a table."""
    before, after = _blocks(old), _blocks(new)
    rows = []
    for kind, i, j, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind != "equal":
            rows += [
                _row(was, now) for was, now in zip_longest(before[i:j], after[m:n], fillvalue="")
            ]
    if not rows:
        return Markup("<p>No word changed.</p>")
    head = Markup("<thead><tr><th>Old</th><th>New</th></tr></thead>")
    return Markup("<table>{}<tbody>{}</tbody></table>").format(head, Markup().join(rows))


def _blocks(text: str) -> list[str]:
    return [" ".join(block.split()) for block in _BLOCKS.split(text) if block.strip()]


def _row(old: str, new: str) -> Markup:
    was, now = list[Markup](), list[Markup]()
    for same, before, after in word_changes(old, new):
        if before:
            was.append(escape(before) if same else Markup("<del>{}</del>").format(before))
        if after:
            now.append(escape(after) if same else Markup("<ins>{}</ins>").format(after))
    space = Markup(" ")
    return Markup("<tr><td>{}</td><td>{}</td></tr>").format(space.join(was), space.join(now))
